// Rows: what a statement gave, read typed. Values come in text; a type the query cannot give is a bug of ours, and
// asserted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/bytes.h"
#include "shared/core/ids.h"
#include "shared/core/time.h"

namespace tenantry::db {

// Where the values lie: the result of either library. `row` exists; that `column` does is asserted.
class Cells {
 public:
  virtual ~Cells() = default;
  virtual int rows() const = 0;
  virtual std::size_t affected() const = 0;
  virtual bool is_null(int row, int column) const = 0;
  virtual std::string_view text(int row, int column) const = 0;  // "" for NULL
};

// A view into Rows, valid as long as they are.
class Row {
 public:
  bool is_null(int column) const;
  std::string_view text(int column) const;  // "" for NULL
  std::int64_t int64(int column) const;
  double real(int column) const;
  bool boolean(int column) const;
  Timestamp timestamp(int column) const;
  std::optional<Timestamp> optional_timestamp(int column) const;
  Uuid uuid(int column) const;
  Bytes bytes(int column) const;
  std::vector<std::string> texts(int column) const;  // text[]

 private:
  friend class Rows;
  Row(const Cells& cells, int row) : cells_(&cells), row_(row) {}
  const Cells* cells_;
  int row_;
};

class Rows {
 public:
  explicit Rows(std::unique_ptr<const Cells> cells) : cells_(std::move(cells)) {}

  std::size_t size() const { return static_cast<std::size_t>(cells_->rows()); }
  bool empty() const { return size() == 0; }
  std::size_t affected() const { return cells_->affected(); }  // rows inserted, updated or deleted
  Row operator[](std::size_t index) const;

  class Iterator {
   public:
    Iterator(const Rows& rows, std::size_t index) : rows_(&rows), index_(index) {}
    Row operator*() const { return (*rows_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return index_ != other.index_; }

   private:
    const Rows* rows_;
    std::size_t index_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

 private:
  std::unique_ptr<const Cells> cells_;
};

}  // namespace tenantry::db
