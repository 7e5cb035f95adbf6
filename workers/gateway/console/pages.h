// The console's pages: its bundle (dist/), embedded, with the header fields that a browser is to hold it to.
//
// Every page is the same document: which view shows is the path's, and the script's. Thread-safe; files are compressed
// once, when the first is asked for.
#pragma once

#include <array>
#include <string_view>

#include "shared/http/message.h"

namespace tenantry::gateway::console {

// What a person may have in the address bar, and the bundle's files.
constexpr std::array<std::string_view, 14> paths = {
    "/",
    "/login",
    "/signup",
    "/invitation",
    "/reset-password",
    "/docs",
    "/confirm-email",
    "/undo-email",
    "/docs/{a}",
    "/console",
    "/console/{a}",
    "/console/{a}/{b}",
    "/console/{a}/{b}/{c}",
    "/assets/{name}",
};

// 404 for a file that is none of the bundle's.
http::Response answer(const http::Request& request);

}  // namespace tenantry::gateway::console
