#include "host/workers/feeder.h"

#include <algorithm>

#include "host/workers/codes.h"

namespace tenon::workers {
namespace {

tenon_str moved(tenon_str from, std::string& into) {
  const char* at = into.data() + into.size();
  into.append(view(from));
  return {at, from.size};
}

}  // namespace

Feeder::Entry& Feeder::add() {
  Entry& entry = batch_[gathered_++];
  entry.request = {};
  entry.request.struct_size = sizeof(tenon_request);
  entry.headers.clear();
  entry.body = {};
  return entry;
}

void Feeder::flush() {
  if (gathered_ == 0) return;
  std::array<const tenon_request*, 16> requests;
  std::uint32_t n = 0;
  for (Entry& entry : std::span(batch_).first(gathered_)) {
    tenon_request& request = entry.request;
    request.headers = entry.headers.data();
    request.n_headers = static_cast<std::uint32_t>(entry.headers.size());
    request.body = &entry.body;
    request.n_body = entry.body.size == 0 ? 0 : 1;
    request.cancel_word = reinterpret_cast<const std::uint32_t*>(
        &table_.requests().open(request.id, request.credit, entry.body.size).cancel);
    const bool complete = (request.flags & TENON_REQUEST_BODY_COMPLETE) != 0;
    // In their order: nothing overtakes what was refused before.
    if (has_refused() || (!complete && plugin_.body == nullptr)) {
      keep(request);
    } else {
      requests[n++] = &request;
    }
  }
  gathered_ = 0;
  if (n == 0) return;
  for (std::uint32_t i = submit(requests.data(), n); i < n; ++i) keep(*requests[i]);
}

std::uint32_t Feeder::submit(const tenon_request* const* requests, std::uint32_t n) {
  std::uint32_t accepted = 0;
  const tenon_code code = plugin_.submit(instance_, requests, n, &accepted);
  if (accepted > n) {
    table_.outlet().fault({Code::kInternal, "submit: accepted " + std::to_string(accepted) +
                                                " of " + std::to_string(n) + " requests"});
    return n;
  }
  if (code == TENON_OK || code == TENON_WOULD_BLOCK) return accepted;
  for (std::uint32_t i = accepted; i < n; ++i) {
    table_.finish(requests[i]->id, {to_code(code), "the plugin refused the request with code " +
                                                       std::to_string(code)});
  }
  return n;
}

void Feeder::keep(const tenon_request& request) {
  // submit() may have answered what it did not accept; then nobody waits for it.
  const OpenRequest* slot = table_.requests().slot(request.id);
  if (slot->id.load(std::memory_order_acquire) != request.id) return;
  Kept& kept = kept_.emplace_back();
  std::size_t bytes =
      request.method.size + request.path.size + request.query.size + request.request_id.size;
  for (std::uint32_t i = 0; i < request.n_headers; ++i) {
    bytes += request.headers[i].name.size + request.headers[i].value.size;
  }
  kept.text.reserve(bytes);  // the views below point into it
  kept.request = request;
  kept.request.method = moved(request.method, kept.text);
  kept.request.path = moved(request.path, kept.text);
  kept.request.query = moved(request.query, kept.text);
  kept.request.request_id = moved(request.request_id, kept.text);
  for (std::uint32_t i = 0; i < request.n_headers; ++i) {
    const tenon_str name = moved(request.headers[i].name, kept.text);
    kept.headers.push_back({name, moved(request.headers[i].value, kept.text)});
  }
  for (std::uint32_t i = 0; i < request.n_body; ++i) {
    kept.body.append(reinterpret_cast<const char*>(request.body[i].data), request.body[i].size);
  }
  kept.ready = plugin_.body != nullptr || (request.flags & TENON_REQUEST_BODY_COMPLETE) != 0;
  if (kept.ready) {
    refused_.store(true, std::memory_order_seq_cst);
  } else {
    table_.consume(request.id, kept.body.size());
  }
}

Feeder::Kept* Feeder::kept(RequestId id) {
  const auto at =
      std::ranges::find_if(kept_, [id](const Kept& kept) { return kept.request.id == id; });
  return at == kept_.end() ? nullptr : &*at;
}

void Feeder::body(RequestId id, std::span<const std::byte> bytes, bool last) {
  OpenRequest* slot = table_.requests().slot(id);
  if (slot == nullptr) return;
  {
    const std::lock_guard lock(slot->mutex);
    if (slot->id.load(std::memory_order_relaxed) != id) return;  // answered meanwhile
    slot->upload += bytes.size();
  }
  if (Kept* waiting = kept_.empty() ? nullptr : kept(id)) {
    waiting->body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (last) waiting->request.flags |= TENON_REQUEST_BODY_COMPLETE;
    if (plugin_.body == nullptr) {
      table_.consume(id, bytes.size());
      waiting->ready = last;
      if (last) {
        refused_.store(true, std::memory_order_seq_cst);
        retry();
      }
    }
    return;
  }
  if (plugin_.body == nullptr) return;
  const tenon_bytes segment{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  plugin_.body(instance_, id, &segment, bytes.empty() ? 0 : 1, last ? TENON_BODY_LAST : 0);
}

void Feeder::credit(RequestId id, std::uint64_t bytes) {
  OpenRequest* slot = table_.requests().slot(id);
  if (slot == nullptr) return;
  {
    const std::lock_guard lock(slot->mutex);
    if (slot->id.load(std::memory_order_relaxed) != id) return;
    slot->credit.fetch_add(bytes, std::memory_order_release);
  }
  if (Kept* waiting = kept_.empty() ? nullptr : kept(id)) {
    waiting->request.credit += bytes;
  } else if (plugin_.credit != nullptr) {
    plugin_.credit(instance_, id, bytes);
  }
}

void Feeder::cancel(RequestId id) {
  OpenRequest* slot = table_.requests().slot(id);
  if (slot == nullptr) return;
  {
    const std::lock_guard lock(slot->mutex);
    if (slot->id.load(std::memory_order_relaxed) != id) return;
    slot->cancel.store(1, std::memory_order_relaxed);
  }
  if (!kept_.empty() && kept(id) != nullptr) {
    std::erase_if(kept_, [id](const Kept& kept) { return kept.request.id == id; });
    table_.finish(id, {Code::kCancelled, "the request was cancelled"});
  } else if (plugin_.cancel != nullptr) {
    plugin_.cancel(instance_, id);
  }
}

void Feeder::retry() {
  if (!has_refused()) return;
  refused_.store(false, std::memory_order_seq_cst);
  for (auto at = kept_.begin(); at != kept_.end();) {
    if (!at->ready) {
      ++at;
      continue;
    }
    const tenon_bytes segment{reinterpret_cast<const std::uint8_t*>(at->body.data()),
                              at->body.size()};
    at->request.headers = at->headers.data();
    at->request.body = &segment;
    at->request.n_body = segment.size == 0 ? 0 : 1;
    const tenon_request* request = &at->request;
    if (submit(&request, 1) == 0) {
      refused_.store(true, std::memory_order_seq_cst);
      return;
    }
    at = kept_.erase(at);
  }
}

}  // namespace tenon::workers
