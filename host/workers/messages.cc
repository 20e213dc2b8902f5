#include "host/workers/messages.h"

#include <concepts>
#include <cstring>

#include "host/workers/record.h"

namespace tenon::workers::message {
namespace {

// One function lists the fields of each message, for both directions.
template <class IO, class M>
void fields(IO& io, M& m) {
  using T = std::remove_const_t<M>;
  if constexpr (std::is_same_v<T, Open>) {
    io(m.library, m.identity, m.readable, m.sandbox, m.sockets, m.exec, m.devices, m.log_level);
  } else if constexpr (std::is_same_v<T, Model>) {
    io(m.path, m.name, m.options);
  } else if constexpr (std::is_same_v<T, Start>) {
    io(m.model, m.environment, m.readable, m.layout.loops, m.layout.request_capacity,
       m.layout.response_capacity, m.lease, m.spin_ns);
  } else if constexpr (std::is_same_v<T, Lease>) {
    io(m.threads, m.memory_bytes, m.flavor, m.cpus, m.devices);
  } else if constexpr (std::is_same_v<T, LeasedDevice>) {
    io(m.uuid, m.flavor, m.memory_bytes, m.files);
  } else if constexpr (std::is_same_v<T, AskEstimate>) {
    io(m.model, m.readable);
  } else if constexpr (std::is_same_v<T, AskProbe>) {
    io(m.model);
  } else if constexpr (std::is_same_v<T, Stop>) {
    io(m.deadline_ns);
  } else if constexpr (std::is_same_v<T, Opened>) {
    io(m.features, m.sandbox, m.missing);
  } else if constexpr (std::is_same_v<T, Forked>) {
    io(m.pid, m.reason);
  } else if constexpr (std::is_same_v<T, Progress>) {
    io(m.done, m.what);
  } else if constexpr (std::is_same_v<T, Ready>) {
    io(m.prepare_ns, m.load_ns);
  } else if constexpr (std::is_same_v<T, Failed>) {
    io(m.error, m.stage);
  } else if constexpr (std::is_same_v<T, Log>) {
    io(m.level, m.request, m.text);
  } else if constexpr (std::is_same_v<T, Fault>) {
    io(m.error);
  } else if constexpr (std::is_same_v<T, Metric>) {
    io(m.definition.kind, m.definition.name, m.definition.help, m.definition.bounds);
  } else if constexpr (std::is_same_v<T, Pong>) {
    io(m.code, m.text);
  } else if constexpr (std::is_same_v<T, Estimated>) {
    io(m.estimate.host_bytes, m.estimate.mapped_bytes, m.estimate.device_bytes, m.estimate.threads);
  } else if constexpr (std::is_same_v<T, Probed>) {
    io(m.score, m.reason);
  } else if constexpr (std::is_same_v<T, CacheCall>) {
    io(m.name);
  } else if constexpr (std::is_same_v<T, CacheAnswer>) {
    io(m.code);
  } else if constexpr (std::is_same_v<T, Error>) {
    io(m.code, m.message, m.retryable);
  } else {
    static_assert(std::is_empty_v<T>, "list the fields of this message");
  }
}

class Writer {
 public:
  template <class... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }
  std::string out;

 private:
  template <class T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void put(const T& value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    out += text;
  }
  template <class A, class B>
  void put(const std::pair<A, B>& pair) {
    (*this)(pair.first, pair.second);
  }
  template <class T>
  void put(const std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (const T& item : list) put(item);
  }
  template <class T>
    requires std::is_class_v<T>
  void put(const T& part) {
    fields(*this, part);
  }
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : take_(std::as_bytes(std::span(bytes))) {}
  template <class... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  bool is_whole() const { return !failed_ && !take_.failed() && take_.rest().empty(); }

 private:
  template <class T>
    requires std::is_arithmetic_v<T>
  void get(T& value) {
    value = take_.value<T>();
  }
  void get(bool& value) {
    const auto byte = take_.value<std::uint8_t>();
    failed_ |= byte > 1;
    value = byte == 1;
  }
  void get(Code& code) {
    const auto byte = take_.value<std::uint8_t>();
    failed_ |= byte > static_cast<std::uint8_t>(Code::kInternal);
    code = failed_ ? Code::kInternal : static_cast<Code>(byte);
  }
  void get(PluginMetric::Kind& kind) {
    const auto byte = take_.value<std::uint8_t>();
    failed_ |= byte > static_cast<std::uint8_t>(PluginMetric::Kind::kHistogram);
    kind = failed_ ? PluginMetric::Kind::kCounter : static_cast<PluginMetric::Kind>(byte);
  }
  void get(std::string& text) { text = take_.text(take_.value<std::uint32_t>()); }
  template <class A, class B>
  void get(std::pair<A, B>& pair) {
    (*this)(pair.first, pair.second);
  }
  template <class T>
  void get(std::vector<T>& list) {
    const auto count = take_.value<std::uint32_t>();
    // Every item takes a byte at least: a count beyond that is a lie.
    failed_ |= count > take_.rest().size();
    for (std::uint32_t i = 0; i < count && !failed_ && !take_.failed(); ++i) {
      get(list.emplace_back());
    }
  }
  template <class T>
    requires std::is_class_v<T>
  void get(T& part) {
    fields(*this, part);
  }

  Taker take_;
  bool failed_ = false;
};

template <class Variant>
std::string encode_variant(const Variant& variant) {
  Writer writer;
  writer(static_cast<std::uint8_t>(variant.index()));
  std::visit([&](const auto& m) { fields(writer, m); }, variant);
  return std::move(writer.out);
}

template <class Variant, std::size_t I = 0>
Result<Variant> decode_variant(std::string_view bytes) {
  if constexpr (I == std::variant_size_v<Variant>) {
    return fail(Code::kInternal, "a control message of unknown kind");
  } else {
    if (bytes.empty() || static_cast<std::uint8_t>(bytes[0]) != I) {
      return decode_variant<Variant, I + 1>(bytes);
    }
    std::variant_alternative_t<I, Variant> m;
    Reader reader(bytes.substr(1));
    fields(reader, m);
    if (!reader.is_whole()) {
      return fail(Code::kInternal, "a control message of kind " + std::to_string(I) +
                                       " whose fields do not fit its " +
                                       std::to_string(bytes.size()) + " bytes");
    }
    return m;
  }
}

template <class M>
std::string encode_one(const M& m) {
  Writer writer;
  fields(writer, m);
  return std::move(writer.out);
}

template <class M>
Result<M> decode_one(std::string_view bytes) {
  M m;
  Reader reader(bytes);
  fields(reader, m);
  if (!reader.is_whole()) return fail(Code::kInternal, "a message whose fields do not fit it");
  return m;
}

}  // namespace

std::string encode(const ToProcess& m) {
  return encode_variant(m);
}
std::string encode(const ToHost& m) {
  return encode_variant(m);
}
std::string encode(const CacheCall& m) {
  return encode_one(m);
}
std::string encode(const CacheAnswer& m) {
  return encode_one(m);
}
Result<ToProcess> decode_to_process(std::string_view bytes) {
  return decode_variant<ToProcess>(bytes);
}
Result<ToHost> decode_to_host(std::string_view bytes) {
  return decode_variant<ToHost>(bytes);
}
Result<CacheCall> decode_cache_call(std::string_view bytes) {
  return decode_one<CacheCall>(bytes);
}
Result<CacheAnswer> decode_cache_answer(std::string_view bytes) {
  return decode_one<CacheAnswer>(bytes);
}

}  // namespace tenon::workers::message
