#include "shared/core/time.h"

namespace tenantry {
namespace {

Error bad_time(std::string_view why) {
  return Error::invalid("", "rfc3339", "not an RFC 3339 time: " + std::string(why));
}

class Figures {
 public:
  explicit Figures(std::string_view text) : text_(text) {}

  // Reads exactly `digits` decimal digits; -1 where there are none.
  int number(int digits) {
    int value = 0;
    for (int i = 0; i < digits; ++i) {
      if (at_ >= text_.size() || text_[at_] < '0' || text_[at_] > '9') return -1;
      value = value * 10 + (text_[at_++] - '0');
    }
    return value;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take_any(std::string_view set) { return at_ < text_.size() && set.find(text_[at_]) != set.npos && ++at_ > 0; }
  bool digit_follows() const { return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; }
  bool done() const { return at_ == text_.size(); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string to_rfc3339(Timestamp at) {
  const auto day = std::chrono::floor<Days>(at);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{at - day};
  std::string out;
  out.reserve(27);
  const auto digits = [&out](int width, std::int64_t value) {
    for (std::int64_t unit = width == 2 ? 10 : width == 4 ? 1'000 : 100'000; unit > 0; unit /= 10) {
      out += static_cast<char>('0' + value / unit % 10);
    }
  };
  digits(4, int{date.year()});
  out += '-';
  digits(2, unsigned{date.month()});
  out += '-';
  digits(2, unsigned{date.day()});
  out += 'T';
  digits(2, time.hours().count());
  out += ':';
  digits(2, time.minutes().count());
  out += ':';
  digits(2, time.seconds().count());
  if (const auto micros = time.subseconds().count(); micros != 0) {
    out += '.';
    digits(6, micros);
  }
  return out += 'Z';
}

Result<Timestamp> from_rfc3339(std::string_view text) {
  Figures in{text};
  const int year = in.number(4);
  if (year < 0 || !in.take('-')) return bad_time("year");
  const int month = in.number(2);
  if (month < 1 || !in.take('-')) return bad_time("month");
  const int day = in.number(2);
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day < 0 ? 0 : day)}};
  if (!date.ok()) return bad_time("no such day");
  if (!in.take_any("Tt ")) return bad_time("T expected");
  const int hour = in.number(2);
  if (hour < 0 || hour > 23 || !in.take(':')) return bad_time("hour");
  const int minute = in.number(2);
  if (minute < 0 || minute > 59 || !in.take(':')) return bad_time("minute");
  const int second = in.number(2);
  if (second < 0 || second > 60) return bad_time("second");  // 60: a leap second counts as the next second
  int micros = 0;
  if (in.take('.')) {
    int scale = 100'000;
    if (!in.digit_follows()) return bad_time("fraction");
    while (in.digit_follows()) {
      micros += in.number(1) * scale;
      scale /= 10;
    }
  }
  std::chrono::minutes offset{0};
  if (!in.take_any("Zz")) {
    const bool negative = in.take('-');
    if (!negative && !in.take('+')) return bad_time("offset missing");
    const int offset_hour = in.number(2);
    if (offset_hour < 0 || offset_hour > 23 || !in.take(':')) return bad_time("offset");
    const int offset_minute = in.number(2);
    if (offset_minute < 0 || offset_minute > 59) return bad_time("offset");
    offset = std::chrono::minutes{offset_hour * 60 + offset_minute} * (negative ? -1 : 1);
  }
  if (!in.done()) return bad_time("trailing characters");
  const auto at = Timestamp{std::chrono::sys_days{date}} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
                  Seconds{second} + Microseconds{micros} - offset;
  if (at < timestamp_min || at > timestamp_max) return bad_time("before 1970 or after 9999 in UTC");
  return at;
}

Timestamp floor_hour(Timestamp at) {
  return std::chrono::floor<std::chrono::hours>(at);
}
Timestamp floor_day(Timestamp at) {
  return std::chrono::floor<Days>(at);
}
Timestamp floor_month(Timestamp at) {
  const std::chrono::year_month_day date{std::chrono::floor<Days>(at)};
  return std::chrono::sys_days{date.year() / date.month() / 1};
}
Timestamp next_month(Timestamp at) {
  const std::chrono::year_month_day date{std::chrono::floor<Days>(at)};
  return std::chrono::sys_days{date.year() / date.month() / 1 + std::chrono::months{1}};
}

}  // namespace tenantry
