// Gzip and Gunzip: a stream of bytes compressed, and expanded again, piece by piece (RFC
// 1952), at a memory of some 256 KiB whatever its length.
//
// One thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry {

class Gzip {
 public:
  Gzip();  // throws std::bad_alloc
  ~Gzip();
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  // What is ready; may be empty.
  std::string compress(std::string_view bytes);
  std::string finish();  // once, last

 private:
  std::string run(std::string_view bytes, int flush);
  struct State;
  std::unique_ptr<State> state_;
};

class Gunzip {
 public:
  using Take = std::function<Result<void>(std::string_view piece)>;  // at most 64 KiB each; its error ends the stream

  Gunzip();  // throws std::bad_alloc
  ~Gunzip();
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  // Errc::invalid, reason "malformed_gzip", for bytes that are no gzip stream or stand behind its end.
  Result<void> expand(std::string_view bytes, const Take& take);
  bool finished() const;  // the stream has ended, and its checksum holds

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenantry
