// Progress: records, or whatever else, done of how many, as a bar on a terminal; nothing elsewhere, where a
// program waits for the answer. Any thread.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>

namespace tenantry::cli {

class Progress {
 public:
  explicit Progress(std::uint64_t total = 0, const char* what = "records")
      : total_(total), what_(what), shown_(isatty(STDERR_FILENO) != 0) {}
  ~Progress() {
    if (shown_) std::fprintf(stderr, "\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void add(std::uint64_t records) {
    const auto done = done_ += records;
    if (!shown_ || done - shown_done_ < step) return;
    const std::lock_guard lock(mutex_);
    shown_done_ = done;
    if (total_ == 0) {
      std::fprintf(stderr, "\r%llu %s", static_cast<unsigned long long>(done), what_);
      return;
    }
    constexpr std::uint64_t width = 40;
    const auto filled = static_cast<int>(std::min(width, done * width / total_));
    std::fprintf(stderr, "\r[%-40s] %llu of %llu %s", std::string(static_cast<std::size_t>(filled), '#').c_str(),
                 static_cast<unsigned long long>(done), static_cast<unsigned long long>(total_), what_);
  }

 private:
  static constexpr std::uint64_t step = 100;  // a terminal is slower than the log

  const std::uint64_t total_;
  const char* const what_;
  const bool shown_;
  std::atomic<std::uint64_t> shown_done_{0};
  std::atomic<std::uint64_t> done_{0};
  std::mutex mutex_;
};

}  // namespace tenantry::cli
