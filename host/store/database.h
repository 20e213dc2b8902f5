#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "host/domain/error.h"

struct sqlite3;
struct sqlite3_stmt;

// SQLite, as far as the store needs it.
namespace tenon::store {

// A prepared statement in use; it is reset when this goes.
class Statement {
 public:
  Statement(sqlite3* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}
  Statement(Statement&& other) noexcept
      : db_(other.db_), statement_(std::exchange(other.statement_, nullptr)) {}
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Binds the next parameter.
  Statement& operator<<(std::string_view text);
  Statement& operator<<(std::uint64_t number);
  Statement& operator<<(std::int64_t number);
  Statement& operator<<(std::span<const std::byte> bytes);
  Statement& operator<<(std::nullptr_t);
  Statement& operator<<(bool flag) { return *this << static_cast<std::int64_t>(flag); }

  // True: there is a row. Also runs what gives none.
  Result<bool> step();
  Result<void> run();

  // Of the row, from 0.
  std::string text(int column) const;
  std::span<const std::byte> bytes(int column) const;  // until the next step
  std::int64_t integer(int column) const;
  bool is_null(int column) const;
  std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }

 private:
  sqlite3* db_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

// One connection. One thread at a time.
class Database {
 public:
  static Result<Database> open(const std::string& file);
  // Another connection, which reads what is committed while the first one writes.
  static Result<Database> open_to_read(const std::string& file);
  Database(Database&&) noexcept = default;
  Database& operator=(Database&&) noexcept = default;

  Statement prepare(std::string_view sql);  // kept for the next time
  Result<void> execute(std::string_view sql);
  sqlite3* handle() const { return db_.get(); }
  const std::string& file() const { return file_; }

 private:
  struct Close {
    void operator()(sqlite3*) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt*) const;
  };

  explicit Database(std::string file) : file_(std::move(file)) {}
  static Result<Database> connect(const std::string& file);

  std::string file_;
  std::unique_ptr<sqlite3, Close> db_;
  std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

// Rolled back unless it is committed.
class Transaction {
 public:
  // The disk has it once commit() returned.
  static Result<Transaction> begin(Database&);
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Database& db) : db_(&db) {}
  Database* db_;
};

}  // namespace tenon::store
