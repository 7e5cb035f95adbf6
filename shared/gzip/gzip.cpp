#include "shared/gzip/gzip.h"

#include <zlib.h>

#include <array>
#include <new>

#include "shared/core/assert.h"

namespace tenantry {
namespace {

constexpr int level = 1;  // of text like ours a tenth is left either way, at a third of the time
constexpr int gzip_window = MAX_WBITS + 16;
constexpr int memory_level = 8;

}  // namespace

struct Gzip::State {
  z_stream stream{};
};

Gzip::Gzip() : state_(std::make_unique<State>()) {
  if (deflateInit2(&state_->stream, level, Z_DEFLATED, gzip_window, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
}

Gzip::~Gzip() {
  deflateEnd(&state_->stream);
}

std::string Gzip::compress(std::string_view bytes) {
  return run(bytes, Z_NO_FLUSH);
}

std::string Gzip::finish() {
  return run({}, Z_FINISH);
}

std::string Gzip::run(std::string_view bytes, int flush) {
  std::string out;
  std::array<char, 64UL * 1024> buffer;
  auto& stream = state_->stream;
  // zlib does not write to its input.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  do {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    TENANTRY_ASSERT(deflate(&stream, flush) != Z_STREAM_ERROR);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
  } while (stream.avail_out == 0);
  return out;
}

}  // namespace tenantry
