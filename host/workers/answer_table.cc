#include "host/workers/answer_table.h"

#include <utility>

#include "host/workers/codes.h"
#include "host/workers/record.h"
#include "host/workers/response_check.h"

namespace tenon::workers {
namespace {

std::unexpected<Error> broken(std::string rule) {
  return fail(Code::kInternal, std::move(rule));
}

}  // namespace

RequestId AnswerTable::open(ResponseSink& sink, std::uint64_t credit, std::uint64_t body_bytes) {
  if (open_ == kMaxOpen) return 0;
  std::uint32_t index;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[index];
  slot.sink = &sink;
  slot.has_head = false;
  slot.credit = credit;
  slot.upload = body_bytes;
  ++open_;
  return make_id({slot.generation, loop_, index});
}

const AnswerTable::Slot* AnswerTable::find(RequestId id) const {
  const IdParts parts = split_id(id);
  if (parts.loop != loop_ || parts.index >= slots_.size()) return nullptr;
  const Slot& slot = slots_[parts.index];
  return slot.sink != nullptr && slot.generation == parts.generation ? &slot : nullptr;
}

ResponseSink* AnswerTable::close(RequestId id) {
  Slot* slot = find(id);
  if (slot == nullptr) return nullptr;
  if (++slot->generation == 0) slot->generation = 1;
  free_.push_back(split_id(id).index);
  --open_;
  return std::exchange(slot->sink, nullptr);
}

void AnswerTable::forget(RequestId id) {
  close(id);
}

bool AnswerTable::add_upload(RequestId id, std::uint64_t bytes) {
  Slot* slot = find(id);
  if (slot == nullptr || bytes > kUploadWindow - std::min(slot->upload, kUploadWindow))
    return false;
  slot->upload += bytes;
  return true;
}

void AnswerTable::take_back_upload(RequestId id, std::uint64_t bytes) {
  if (Slot* slot = find(id)) slot->upload -= bytes;
}

bool AnswerTable::add_credit(RequestId id, std::uint64_t bytes) {
  Slot* slot = find(id);
  if (slot == nullptr) return false;
  slot->credit += bytes;
  return true;
}

Result<void> AnswerTable::on_record(const Record& record) {
  const RequestId id = record.header.id;
  Slot* slot = find(id);
  if (slot == nullptr) return broken("a message for a request that is not open");
  switch (static_cast<ResponseKind>(record.header.kind)) {
    case ResponseKind::kMessage:
      return on_message(id, *slot, record);
    case ResponseKind::kConsumed: {
      Taker take(record.payload);
      const auto bytes = take.value<std::uint64_t>();
      if (take.failed()) return broken("a record that is too short");
      if (bytes > slot->upload) {
        return broken("consumed " + std::to_string(bytes) + " bytes of a body, of which " +
                      std::to_string(slot->upload) + " were under way");
      }
      slot->upload -= bytes;
      slot->sink->on_consumed(bytes);
      return {};
    }
    default:
      return broken("a record of unknown kind " + std::to_string(record.header.kind));
  }
}

Result<void> AnswerTable::on_message(RequestId id, Slot& slot, const Record& record) {
  Taker take(record.payload);
  const auto fixed = take.value<MessageFixed>();
  const bool final = (record.header.flags & kFlagLast) != 0;
  const bool head = (record.header.flags & kFlagHead) != 0;
  if (take.failed() || fixed.headers_size > kMaxHeadBytes) {
    return broken("a message whose parts do not fit it");
  }
  const auto shared_headers = take.bytes(fixed.headers_size);
  if (take.failed()) return broken("a message whose parts do not fit it");

  if ((record.header.flags & kFlagError) != 0) {
    if (!final || head) return broken("an error that is not a final message of its own");
    const auto text = take.rest();
    Failure failure;
    failure.error = {to_code(fixed.error_code),
                     printable({reinterpret_cast<const char*>(text.data()), text.size()}, 496),
                     (fixed.error_flags & TENON_ERROR_RETRYABLE) != 0};
    ResponseMessage message;
    message.final = true;
    message.usage = {fixed.input_tokens, fixed.output_tokens};
    message.failure = &failure;
    close(id)->on_response(message);
    return {};
  }

  if (head == slot.has_head) {
    return broken(head ? "a second status for one request" : "a body before the status");
  }
  if (head && !is_valid_status(fixed.status)) {
    return broken("the status " + std::to_string(fixed.status) + ", expected 200 to 599");
  }
  ResponseMessage message;
  headers_.clear();
  if (head) {
    head_bytes_.assign(shared_headers.begin(), shared_headers.end());  // then checked
    Taker headers(head_bytes_);
    for (std::uint32_t i = 0; i < fixed.n_headers && !headers.failed(); ++i) {
      const auto name_size = headers.value<std::uint32_t>();
      const auto value_size = headers.value<std::uint32_t>();
      const auto name = headers.text(name_size);
      const auto value = headers.text(value_size);
      if (headers.failed()) break;
      if (auto fault = header_fault(name, value)) return broken(*fault);
      headers_.push_back({name, value});
    }
    if (headers.failed()) return broken("headers that do not fit their message");
    message.status = fixed.status;
    message.headers = headers_;
  }
  message.body = take.rest();
  if (message.body.size() > slot.credit) {
    return broken("a body of " + std::to_string(message.body.size()) + " bytes where " +
                  std::to_string(slot.credit) + " were granted");
  }
  slot.credit -= message.body.size();
  slot.has_head = true;
  message.final = final;
  ResponseSink* sink = slot.sink;
  if (final) {
    message.usage = {fixed.input_tokens, fixed.output_tokens};
    close(id);
  }
  sink->on_response(message);
  return {};
}

void AnswerTable::fail(RequestId id, const Failure& failure) {
  ResponseSink* sink = close(id);
  if (sink == nullptr) return;
  ResponseMessage message;
  message.final = true;
  message.failure = &failure;
  sink->on_response(message);
}

void AnswerTable::fail_all(const Failure& failure) {
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].sink != nullptr) fail(make_id({slots_[i].generation, loop_, i}), failure);
  }
}

}  // namespace tenon::workers
