// Preloaded into one of our processes: moves its wall clock, and no other, by the
// microseconds that stand in the file CHAOS_CLOCK_FILE names, which the supervisor
// rewrites while the process runs. The monotonic clocks stay as they are.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#include <cstdint>
#include <cstdlib>

namespace {

constexpr std::int64_t second = 1'000'000;

const volatile std::int64_t* map_offset() {
  static const std::int64_t none = 0;
  const char* path = std::getenv("CHAOS_CLOCK_FILE");
  const int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return &none;
  void* mapped = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
  return mapped == MAP_FAILED ? &none : static_cast<const std::int64_t*>(mapped);
}

std::int64_t offset_us() {
  static const volatile std::int64_t* const offset = map_offset();
  return *offset;
}

}  // namespace

extern "C" {

// NOLINTBEGIN(readability-identifier-naming): the C library's names.
int clock_gettime(clockid_t clock, timespec* at) {
  using Real = int (*)(clockid_t, timespec*);
  static const auto real = reinterpret_cast<Real>(dlsym(RTLD_NEXT, "clock_gettime"));
  const int outcome = real(clock, at);
  if (outcome != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return outcome;
  const std::int64_t moved = at->tv_sec * second + at->tv_nsec / 1000 + offset_us();
  at->tv_sec = moved / second;
  at->tv_nsec = moved % second * 1000 + at->tv_nsec % 1000;
  return outcome;
}

int gettimeofday(timeval* at, void*) {
  timespec now{};
  const int outcome = clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return outcome;
}

time_t time(time_t* out) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}
// NOLINTEND(readability-identifier-naming)
}
