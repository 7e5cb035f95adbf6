// What every process of ours does first: it keeps its memory to itself, takes as many
// descriptors as it may, and answers --help and --version without starting anything.
#pragma once

#include <optional>
#include <string>

namespace tenantry::service {

std::string version_number();  // "0.1.0"

// "tenantry 0.1.0", and a line of what it was built against.
std::string version_text(const std::string& name);

// Nobody but root reads the process's memory, no core of it is written, and it may hold as many descriptors as the
// hard limit allows: the keys are in the one, a connection each of thousands of clients needs the other.
void harden();

// For a binary that takes settings from the environment only. Not empty: exit with it; help or the version was asked
// for (0), or there are arguments it does not take (2). Else the process is hardened and goes on.
std::optional<int> begin(int argc, const char* const* argv, const std::string& name, const std::string& purpose);

}  // namespace tenantry::service
