// Resolver: what the DNS says, asked of many names at once.
//
// A port: what asks takes a function, so that tests may answer themselves; this is the real one, on c-ares. Blocks the
// calling thread until all are answered or the deadline has passed; any thread, one call at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::dns {

struct TxtAnswer {
  enum class Kind {
    found,   // there is at least one record
    absent,  // the name, or a TXT record of it, does not exist: the servers said so
    failed,  // nobody knows: no answer in time, or a server that could not tell
  };
  Kind kind = Kind::failed;
  std::vector<std::string> texts{};  // each record's strings joined (RFC 7208, section 3.3); at most 50 of 512 bytes
  std::string error{};               // of a failure, for people
};

// By place in `names`.
using FindTxt = std::function<std::vector<TxtAnswer>(const std::vector<std::string>& names)>;

// `servers`: "192.0.2.1,[2001:db8::1]:5353"; "": the system's. Errc::invalid where they cannot be read.
Result<FindTxt> txt_resolver(const std::string& servers, Milliseconds deadline);

}  // namespace tenantry::dns
