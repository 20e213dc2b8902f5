#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon::tei {

// Reads a JSON request body the way serde_json 1.0.140 under axum 0.7 does, because clients see its
// error texts: the same checks in the same order, the same line and column, the same field path.
// Nothing after the value is looked at.
//
// Every read returns false once something was wrong, and error() then says what: the first error
// stands. A reader serves one body; the text must outlive it.
class JsonReader {
 public:
  struct Error {
    bool wrong_shape = false;  // well-formed JSON of the wrong shape (422), else malformed (400)
    std::string message;       // "path: what at line L column C"
  };

  // Receives any JSON value; the default of each function takes no interest. Of an object only the
  // fact arrives.
  class AnyVisitor {
   public:
    virtual ~AnyVisitor() = default;
    virtual void string(std::string&& value) = 0;
    virtual void unsigned_integer(std::uint64_t value) = 0;
    virtual void other() = 0;               // null, a boolean, another number, an object
    virtual AnyVisitor* array_begin() = 0;  // who receives the elements; null: nobody
  };

  // A struct as serde_derive reads it: from an object, or from an array in the fields' order.
  enum class Presence : std::uint8_t {
    kRequired,  // must be there
    kOptional,  // may be missing from an object, but not from an array
    kDefault,   // may be missing
  };
  template <class T>
  struct Field {
    std::string_view name;
    Presence presence;
    bool (*read)(JsonReader&, T&);
  };

  explicit JsonReader(std::string_view text) : text_(text) {}
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  const Error& error() const { return error_; }

  bool read_string(std::string& value);
  bool read_bool(bool& value);
  bool read_size(std::uint64_t& value);
  bool read_strings(std::vector<std::string>& values) {
    return read_array<std::string>(
        values, [](JsonReader& reader, std::string& value) { return reader.read_string(value); });
  }
  // An object of strings, in its own order.
  bool read_string_map(std::vector<std::pair<std::string, std::string>>& values);
  // An enum without data; index into its names and aliases, at least two.
  bool read_variant(std::span<const std::string_view> names, std::size_t& index);
  bool read_any(AnyVisitor* visitor);

  template <class T>
  bool read_array(std::vector<T>& values, bool (*read)(JsonReader&, T&)) {
    values.clear();
    if (!enter_array()) return false;
    for (bool there = true;;) {
      if (!next_element(values.size(), there)) return leave_array(false);
      if (!there) return leave_array(true);
      const std::size_t index = values.size();
      if (!element(index, [&] { return read(*this, values.emplace_back()); })) {
        return leave_array(false);
      }
    }
  }

  // null, or what read reads.
  template <class V>
  bool read_optional(bool (JsonReader::*read)(V&), std::optional<V>& value) {
    bool null = false;
    if (!read_null(null)) return false;
    if (null) {
      value.reset();
      return true;
    }
    return (this->*read)(value.emplace());
  }
  template <class T>
  bool read_optional_struct(std::string_view name, std::span<const Field<T>> fields,
                            std::optional<T>& value) {
    bool null = false;
    if (!read_null(null)) return false;
    if (null) {
      value.reset();
      return true;
    }
    return read_struct(name, fields, value.emplace());
  }

  template <class T>
  bool read_struct(std::string_view name, std::span<const Field<T>> fields, T& value) {
    StructFields erased{name, {}, {}};
    for (const Field<T>& field : fields) {
      erased.names.push_back(field.name);
      erased.presence.push_back(field.presence);
    }
    struct Context {
      std::span<const Field<T>> fields;
      T& value;
    } context{fields, value};
    return read_fields(erased, &context, [](JsonReader& reader, void* opaque, std::size_t i) {
      auto& typed = *static_cast<Context*>(opaque);
      return typed.fields[i].read(reader, typed.value);
    });
  }

  // For values with a reader of their own: a string, or an array whose elements next_element()
  // walks; anything else is an invalid type. array reads the elements and returns false on error.
  template <class OnString, class OnArray>
  bool read_string_or_array(std::string_view expected, OnString on_string, OnArray on_array) {
    std::string text;
    switch (enter_string_or_array(expected, text)) {
      case Entered::kString:
        on_string(std::move(text));
        return true;
      case Entered::kArray: {
        const bool read = on_array();
        return leave_array(read);
      }
      case Entered::kFailed:
        break;
    }
    return false;
  }
  // Inside an array: whether an element follows. index counts the elements read.
  bool next_element(std::size_t index, bool& there);
  // Runs read with the element's place in the path of errors.
  template <class Read>
  bool element(std::size_t index, Read read) {
    const Place place{place_, {}, index, Place::Kind::kIndex};
    const PlaceScope scope(*this, &place);
    return read();
  }
  // An error that the shape's own reader found; always returns false.
  bool fail_shape(std::string message);
  // "data did not match any variant of untagged enum NAME"
  bool fail_untagged(std::string_view type);

 private:
  struct Place {
    enum class Kind : std::uint8_t { kIndex, kKey, kUnknown };
    const Place* parent;
    std::string_view key;
    std::size_t index;
    Kind kind;
  };
  class PlaceScope {
   public:
    PlaceScope(JsonReader& reader, const Place* place) : reader_(reader), before_(reader.place_) {
      reader_.place_ = place;
    }
    ~PlaceScope() { reader_.place_ = before_; }

   private:
    JsonReader& reader_;
    const Place* before_;
  };
  struct Number {
    enum class Kind : std::uint8_t { kUnsigned, kNegative, kFloat } kind = Kind::kUnsigned;
    std::uint64_t magnitude = 0;
    double real = 0;
  };
  struct StructFields {
    std::string_view name;
    std::vector<std::string_view> names;
    std::vector<Presence> presence;
  };
  using ReadField = bool (*)(JsonReader&, void*, std::size_t);
  enum class Entered : std::uint8_t { kString, kArray, kFailed };
  static constexpr int kEnd = -1;

  int peek() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : kEnd; }
  int next() { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_++]) : kEnd; }
  int skip_space();
  bool deeper();

  bool fail_syntax(std::string_view message, std::size_t offset);
  bool fail_here(std::string_view message) { return fail_syntax(message, at_); }
  bool fail_peeked(std::string_view message);
  bool locate(bool ok);  // gives a shape error its position, where serde_json does
  bool keep_error(bool wrong_shape, std::string_view message);
  bool fail_type(std::string_view found, std::string_view expected);
  bool fail_peeked_type(std::string_view expected);

  bool parse_rest(std::string_view rest);
  bool parse_string(std::string& value);
  bool skip_string();
  bool parse_escape(std::string& value);
  bool parse_unicode_escape(std::string& value);
  bool parse_hex(std::uint32_t& value);
  bool parse_number(Number& number);
  bool parse_fraction(std::uint64_t significand, int exponent, double& real);
  bool parse_exponent(std::uint64_t significand, int start, double& real);
  bool scale(std::uint64_t significand, int exponent, double& real);
  static std::string describe(const Number& number);

  bool read_null(bool& null);
  bool enter_array();
  Entered enter_string_or_array(std::string_view expected, std::string& text);
  bool leave_array(bool ok);
  bool leave_object(bool ok);
  bool next_key(bool first, bool& there);
  bool read_colon();
  bool read_fields(const StructFields& fields, void* context, ReadField read);
  bool read_object_fields(const StructFields& fields, void* context, ReadField read);
  bool read_array_fields(const StructFields& fields, void* context, ReadField read);
  bool read_any_array(AnyVisitor* elements);
  bool read_any_object();
  bool skip_value();
  bool skip_number();

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_left_ = 128;
  const Place* place_ = nullptr;
  bool failed_ = false;
  bool located_ = false;
  Error error_;
};

}  // namespace tenon::tei
