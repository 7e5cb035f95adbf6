// Download: an answer of any length, taken as it comes, at the memory of a piece.
#pragma once

#include <functional>
#include <string_view>

#include "shared/http/client.h"

namespace tenantry::http {

// False: enough, the connection is closed.
using TakeBytes = std::function<bool(std::string_view)>;

// Blocks. The body of an answer of 2xx goes to `take`, that of any other into the answer. The request's time limit does
// not apply: an answer that is silent for longer than `silence_max` is Errc::timeout. Errors as HttpClient's; an answer
// that `take` has cut off is none.
Result<ClientResponse> download(const ClientRequest& request, Seconds silence_max, const TakeBytes& take);

}  // namespace tenantry::http
