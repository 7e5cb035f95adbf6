// Progress: what is done of how much, on a terminal, of work that takes longer than a second; nothing elsewhere, where
// a program waits for the answer. Any thread.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>

namespace tenantry::cli {

class Progress {
 public:
  // `total`: 0 where nobody knows. "bytes" are shown in MB. `shown`: false where the terminal shows something else.
  explicit Progress(std::uint64_t total = 0, std::string what = "records", bool shown = true)
      : total_(total), what_(std::move(what)), shown_(shown && isatty(STDERR_FILENO) != 0) {}
  ~Progress() {
    if (drawn_) std::fprintf(stderr, "\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void add(std::uint64_t more) { reach(done_ += more, total_); }

  // So many are done, of so many.
  void reach(std::uint64_t done, std::uint64_t total) {
    draw([&] { return bar(done, total) + amount(done) + (total == 0 ? "" : " of " + amount(total)) + " " + unit(); });
  }

  // Of what has no number: what it waits for, and since when.
  void wait(const std::string& text) {
    draw([&] {
      const auto waited = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - started_);
      return text + ", " + std::to_string(waited.count()) + " s";
    });
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds quiet{1};           // what is over sooner needs no bar
  static constexpr std::chrono::milliseconds between{100};  // a terminal is slower than the log

  template <class Text>
  void draw(const Text& text) {
    if (!shown_) return;
    const auto now = Clock::now();
    const std::unique_lock lock(mutex_, std::try_to_lock);  // who draws now draws enough
    if (!lock || now < next_) return;
    next_ = now + between;
    drawn_ = true;
    std::fprintf(stderr, "\r%s\033[K", text().c_str());
  }

  static std::string bar(std::uint64_t done, std::uint64_t total) {
    constexpr std::uint64_t width = 40;
    if (total == 0) return "";
    const auto filled = std::min(width, done * width / total);
    return "[" + std::string(filled, '#') + std::string(width - filled, ' ') + "] ";
  }
  bool in_megabytes() const { return what_ == "bytes"; }
  std::string unit() const { return in_megabytes() ? "MB" : what_; }
  std::string amount(std::uint64_t number) const {
    return std::to_string(in_megabytes() ? number / 1'000'000 : number);
  }

  const std::uint64_t total_;
  const std::string what_;
  const bool shown_;
  const Clock::time_point started_ = Clock::now();
  std::atomic<std::uint64_t> done_{0};
  std::mutex mutex_;
  Clock::time_point next_ = started_ + quiet;
  bool drawn_ = false;
};

}  // namespace tenantry::cli
