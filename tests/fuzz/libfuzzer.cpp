// The one target of this binary, for libFuzzer.
#include "tests/fuzz/target.h"

namespace tenantry::fuzz {

std::vector<Target>& targets() {
  static std::vector<Target> all;
  return all;
}

}  // namespace tenantry::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tenantry::fuzz::targets().front().run({reinterpret_cast<const char*>(data), size});
  return 0;
}
