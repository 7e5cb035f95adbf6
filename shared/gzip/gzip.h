// Gzip: a stream of bytes compressed piece by piece (RFC 1952), at a memory of some
// 256 KiB whatever its length.
//
// One thread at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

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

}  // namespace tenantry
