#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "plugins/tei/inputs.h"
#include "plugins/tei/job.h"
#include "plugins/tei/metrics.h"
#include "plugins/tei/settings.h"
#include "runtimes/encoder/encoder.h"
#include "runtimes/ops/thread_pool.h"
#include "tenon/sdk/host.hpp"
#include "tenon/sdk/request.hpp"

namespace tenon::tei {

// Serves one loaded model. One thread of its own parses and tokenizes what has arrived, forms a
// batch of what waits, computes it with the pool and answers; so a request that arrives alone is
// computed at once, and whatever arrives during a batch makes the next one.
class Service {
 public:
  struct Model {
    std::string name;
    encoder::Encoder& encoder;
    ops::ThreadPool& pool;
    const Inputter& inputter;
  };

  // What model refers to must outlive the service.
  Service(sdk::Host host, const Model& model, Settings settings);
  // Ends after the batch at hand; requests that still wait go unanswered.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // [instance-serial] Never blocks.
  void handle(sdk::Request request, sdk::Reply reply);
  void refuse_large_body(const sdk::Request& request, sdk::Reply reply);

  // Blocks until a first answer was given, the time is up, or stop() came: false then.
  bool wait_first_answer(std::chrono::milliseconds most);
  // Takes no further work; returns at once.
  void stop();

 private:
  struct Arrival {
    sdk::Request request;
    sdk::Reply reply;
    Route route;
    Clock::time_point start;
  };
  using JobPtr = std::shared_ptr<Job>;
  struct Waiting {  // one input, tokenized
    JobPtr job;
    std::size_t input;
    std::vector<std::uint32_t> ids;
    Clock::time_point since;
  };

  void run();
  void admit(std::vector<Arrival> arrivals);
  JobPtr read(Arrival& arrival);
  bool take_permits(Job& job);
  void tokenize(Job& job, std::size_t input, std::vector<std::uint32_t>& ids);
  void enqueue(const JobPtr& job, std::vector<std::vector<std::uint32_t>> ids);
  void drop_cancelled();
  std::vector<Waiting> next_batch();
  void compute_batch();
  void embedded(Waiting& entry, std::span<const float> rows);
  void finish(Job& job);
  void fail(Job& job, const ApiError& error);
  void send(sdk::Reply& reply, const sdk::Request& request, Answer answer);
  Answer tokenize_texts(const sdk::Request& request) const;
  Answer decode_ids(const sdk::Request& request) const;
  Answer info() const;
  // Runs body(0 … n - 1) on the pool; alone is quicker for one.
  template <class Body>
  void share(std::size_t n, Body&& body) {
    if (n == 1) return body(0);
    model_.pool.run(static_cast<std::uint32_t>(n), body);
  }

  sdk::Host host_;
  Model model_;
  Settings settings_;
  mutable Metrics metrics_;
  encoder::Session session_;
  Route root_ = Route::kEmbed;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable first_answer_;
  std::vector<Arrival> arrivals_;
  bool stop_ = false;
  bool answered_ = false;

  // Of the thread alone.
  std::uint64_t permits_taken_ = 0;  // outlives the jobs in queue_
  std::deque<Waiting> queue_;
  std::vector<std::uint32_t> batch_ids_;
  std::vector<std::uint32_t> batch_ends_;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace tenon::tei
