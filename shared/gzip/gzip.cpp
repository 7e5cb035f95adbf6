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

struct Gunzip::State {
  z_stream stream{};
  bool finished = false;
};

Gunzip::Gunzip() : state_(std::make_unique<State>()) {
  if (inflateInit2(&state_->stream, gzip_window) != Z_OK) throw std::bad_alloc();
}

Gunzip::~Gunzip() {
  inflateEnd(&state_->stream);
}

bool Gunzip::finished() const {
  return state_->finished;
}

Result<void> Gunzip::expand(std::string_view bytes, const Take& take) {
  const auto malformed = [](const char* why) {
    return Error{.code = Errc::invalid, .reason = "malformed_gzip", .message = why};
  };
  std::array<char, 64UL * 1024> buffer;
  auto& stream = state_->stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  while (stream.avail_in > 0) {
    if (state_->finished) return malformed("there are bytes behind the end of the gzip stream");
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream.avail_out = static_cast<uInt>(buffer.size());
      const auto result = inflate(&stream, Z_NO_FLUSH);
      // Z_BUF_ERROR: all that was given is used up.
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return malformed("it is no gzip stream");
      state_->finished = result == Z_STREAM_END;
      const std::string_view piece(buffer.data(), buffer.size() - stream.avail_out);
      if (const auto taken = piece.empty() ? Result<void>{} : take(piece); !taken) return taken;
    } while (stream.avail_out == 0 && !state_->finished);
  }
  return {};
}

}  // namespace tenantry
