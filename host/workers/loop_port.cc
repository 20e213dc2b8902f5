#include "host/workers/loop_port.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include "host/workers/record.h"

namespace tenon::workers {
namespace {

// What requests leave free for credit and cancel records.
constexpr std::uint64_t kReserve = 16 * 1024;
constexpr unsigned kRecordsPerTurn = 256;

std::uint64_t pieces_bytes(std::uint64_t body) {
  const std::uint64_t whole = body / kChunkBytes;
  const std::uint64_t rest = body % kChunkBytes;
  return whole * RingWriter::record_bytes(kChunkBytes) +
         (rest != 0 ? RingWriter::record_bytes(rest) : 0);
}

// Body records for all of `body`; there is room.
void append_body(RingWriter& writer, RequestId id, std::span<const std::byte> body, bool last) {
  do {
    const auto piece = body.first(std::min(body.size(), kChunkBytes));
    body = body.subspan(piece.size());
    std::byte* at = writer.append(static_cast<std::uint16_t>(RequestKind::kBody),
                                  last && body.empty() ? kFlagLast : 0, id, piece.size());
    if (at == nullptr) return;
    Filler(at).bytes(piece.data(), piece.size());
  } while (!body.empty());
}

}  // namespace

LoopPort::LoopPort(std::uint32_t loop, boost::asio::io_context& context, RequestQueue& queue,
                   RingView responses, Descriptor bell, PortOwner& owner)
    : loop_(loop),
      context_(context),
      queue_(queue),
      responses_(responses),
      bell_(context),
      owner_(owner),
      answers_(loop) {
  bell_.assign(bell.release());
}

void LoopPort::listen(std::shared_ptr<void> keep) {
  if (closed_) return;
  keep_ = std::move(keep);
  serve();
}

void LoopPort::count() {
  open_.store(answers_.size(), std::memory_order_relaxed);
  if (draining_ && answers_.size() == 0) owner_.on_drained(loop_);
}

void LoopPort::wake_worker() {
  auto& asleep = queue_.writer.header().asleep;
  if (asleep.load(std::memory_order_seq_cst) != 0 && asleep.exchange(0) != 0) futex_wake(asleep);
}

void LoopPort::refuse() {
  refused_ = true;
  auto& waiting = queue_.writer.header().waiting;
  waiting.fetch_or(1ULL << loop_, std::memory_order_seq_cst);
}

std::expected<RequestId, SubmitError> LoopPort::submit(const RequestView& view,
                                                       ResponseSink& sink) {
  if (closed_ || draining_) return std::unexpected(SubmitError::kGone);
  const auto name = [](const HeaderView& h) { return h.name; };
  const auto value = [](const HeaderView& h) { return h.value; };
  const std::size_t headers = headers_bytes(view.headers, name, value);
  const std::size_t head = sizeof(RequestFixed) + view.method.size() + view.path.size() +
                           view.query.size() + view.request_id.size() + headers;
  const auto first = view.body.first(std::min(view.body.size(), kChunkBytes));
  const auto rest = view.body.subspan(first.size());
  const bool complete = view.body_complete && rest.empty();

  RequestId id = 0;
  {
    const std::lock_guard lock(queue_.mutex);
    RingWriter& writer = queue_.writer;
    if (head + first.size() > writer.max_payload()) {
      id = answers_.open(sink, 0, 0);
    } else {
      const std::uint64_t wanted =
          RingWriter::record_bytes(head + first.size()) + pieces_bytes(rest.size());
      if (!writer.has_room(wanted, kReserve)) {
        refuse();
        if (!writer.has_room(wanted, kReserve)) {
          if (writer.is_broken()) {
            owner_.on_violation("the request ring's read position is impossible");
          }
          return std::unexpected(writer.is_broken() ? SubmitError::kGone : SubmitError::kBusy);
        }
      }
      id = answers_.open(sink, view.credit, view.body.size());
      if (id == 0) {
        refused_ = true;
        return std::unexpected(SubmitError::kBusy);
      }
      Filler fill(writer.append(static_cast<std::uint16_t>(RequestKind::kRequest),
                                complete ? kFlagLast : 0, id, head + first.size()));
      fill.value(RequestFixed{view.arrival_ns, view.deadline_ns, view.credit, view.trace_id,
                              view.span_id, static_cast<std::uint32_t>(view.method.size()),
                              static_cast<std::uint32_t>(view.path.size()),
                              static_cast<std::uint32_t>(view.query.size()),
                              static_cast<std::uint32_t>(view.request_id.size()),
                              static_cast<std::uint32_t>(view.headers.size()),
                              static_cast<std::uint32_t>(headers)});
      fill.text(view.method);
      fill.text(view.path);
      fill.text(view.query);
      fill.text(view.request_id);
      for (const HeaderView& header : view.headers) fill.header(header.name, header.value);
      fill.bytes(first.data(), first.size());
      if (!rest.empty()) append_body(writer, id, rest, view.body_complete);
      writer.publish();
    }
  }
  if (head + first.size() > queue_.writer.max_payload()) {
    boost::asio::post(context_, [self = shared_from_this(), id, head] {
      self->answers_.fail(id, {Failure::Kind::kAnswered,
                               {Code::kInvalid, "a request head of " + std::to_string(head) +
                                                    " bytes, larger than a worker takes"}});
      self->count();
    });
    count();
    return id;
  }
  wake_worker();
  count();
  return id;
}

bool LoopPort::send_body(RequestId id, std::span<const std::byte> body, bool last) {
  if (!answers_.is_open(id)) return true;  // answered meanwhile: nobody reads it
  if (!answers_.add_upload(id, body.size())) return false;
  {
    const std::lock_guard lock(queue_.mutex);
    const std::uint64_t wanted =
        body.empty() ? RingWriter::record_bytes(0) : pieces_bytes(body.size());
    RingWriter& writer = queue_.writer;
    if (!writer.has_room(wanted, kReserve)) {
      refuse();
      if (!writer.has_room(wanted, kReserve)) {
        answers_.take_back_upload(id, body.size());
        return false;
      }
    }
    append_body(writer, id, body, last);
    writer.publish();
  }
  wake_worker();
  return true;
}

void LoopPort::grant(RequestId id, std::uint64_t bytes) {
  if (bytes != 0 && answers_.add_credit(id, bytes)) note({id, bytes});
}

void LoopPort::cancel(RequestId id) {
  if (answers_.is_open(id)) note({id, 0});
}

void LoopPort::note(const Note& note) {
  {
    const std::lock_guard lock(queue_.mutex);
    if (!notes_.empty() || !write_note(note)) {
      notes_.push_back(note);
      refuse();
      return;
    }
    queue_.writer.publish();
  }
  wake_worker();
}

bool LoopPort::write_note(const Note& note) {
  const bool cancel = note.credit == 0;
  const auto kind =
      static_cast<std::uint16_t>(cancel ? RequestKind::kCancel : RequestKind::kCredit);
  std::byte* at = queue_.writer.append(kind, 0, note.id, cancel ? 0 : sizeof note.credit);
  if (at == nullptr) return false;
  if (!cancel) Filler(at).value(note.credit);
  return true;
}

void LoopPort::await_bell() {
  bell_.async_read_some(boost::asio::buffer(&bell_value_, sizeof bell_value_),
                        [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                          if (!error) self->serve();
                        });
}

void LoopPort::serve() {
  auto& asleep = responses_.header().asleep;
  asleep.store(0, std::memory_order_relaxed);
  for (;;) {
    if (closed_ || violated_) return;
    if (serve_some(kRecordsPerTurn)) {
      boost::asio::post(context_, [self = shared_from_this()] { self->serve(); });
      return;
    }
    asleep.store(1, std::memory_order_seq_cst);
    if (closed_ || violated_ || responses_.is_empty()) break;
    asleep.store(0, std::memory_order_seq_cst);
  }
  if (!closed_ && !violated_) await_bell();
}

bool LoopPort::serve_some(unsigned budget) {
  bool room = false;
  bool more = true;
  while (budget-- > 0) {
    const auto record = responses_.next();
    if (!record) {
      more = false;
      break;
    }
    if (static_cast<ResponseKind>(record->header.kind) == ResponseKind::kRoom) {
      room = true;
    } else if (auto served = answers_.on_record(*record); !served) {
      violated_ = true;
      owner_.on_violation(served.error().message);
      more = false;
      break;
    }
    if (responses_.header().crowded.load(std::memory_order_relaxed) != 0) {
      responses_.release();
      if (responses_.header().crowded.exchange(0) != 0) futex_wake(responses_.header().crowded);
    }
  }
  responses_.release();
  if (responses_.broken()) {
    violated_ = true;
    owner_.on_violation(*responses_.broken());
  }
  // The worker sets the mark after it looked for room: look once more behind the release.
  if (responses_.header().crowded.load(std::memory_order_seq_cst) != 0 &&
      responses_.header().crowded.exchange(0) != 0) {
    futex_wake(responses_.header().crowded);
  }
  count();
  if (room) told_room();
  return more;
}

void LoopPort::told_room() {
  if (!notes_.empty()) {
    std::size_t written = 0;
    {
      const std::lock_guard lock(queue_.mutex);
      while (written < notes_.size() && write_note(notes_[written])) ++written;
      queue_.writer.publish();
    }
    notes_.erase(notes_.begin(), notes_.begin() + static_cast<std::ptrdiff_t>(written));
    wake_worker();
    if (!notes_.empty()) {
      refuse();
      return;
    }
  }
  if (std::exchange(refused_, false) && !closed_) owner_.on_room(loop_);
}

void LoopPort::look_again() {
  if (closed_ || violated_) return;
  serve_some(kRecordsPerTurn);
  if (refused_ && !closed_ && queue_.writer.header().waiting.load() == 0) told_room();
}

void LoopPort::drain() {
  draining_ = true;
  count();
}

void LoopPort::close(const Failure& failure) {
  if (closed_) return;
  while (!violated_ && serve_some(kRecordsPerTurn)) {
  }
  closed_ = true;
  draining_ = false;
  boost::system::error_code ignored;
  bell_.close(ignored);
  answers_.fail_all(failure);
  open_.store(0, std::memory_order_relaxed);
  const auto released = std::move(keep_);
}

}  // namespace tenon::workers
