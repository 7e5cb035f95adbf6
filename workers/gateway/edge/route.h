// Routes: what a resource serves, each with who may call it and what handles it.
//
// A resource is a folder of api/: its routes, handlers, requests, SQL, and openapi.json with what cannot be told from
// the routes. api/resources.cpp lists them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "shared/http/message.h"
#include "workers/gateway/edge/content.h"

namespace tenantry::gateway {

using http::Method;

struct Call;
struct Services;
using CallPtr = std::shared_ptr<Call>;
using Handler = void (*)(Services&, const CallPtr&);

enum class Guard {
  open,     // anybody
  live,     // a member of a tenant whose API is open
  billing,  // a member of a tenant that exists, also while it owes or is cancelled
  admin,    // the super-admins' token
};

struct Terms {
  std::string_view permission{};  // "": any member, but no machine
  bool owned = false;             // what it is about has an owner: it honours Call::reach, in its SQL
  std::string_view module{};      // that the plan has, or the basic form of; "": any plan
  std::string_view asked{};       // a further right, that the handler asks for where it takes one
  BodyKind body = BodyKind::json;
  // Further bytes are 413. Bodies are parsed on the loop, where a mebibyte of small objects takes 80 ms.
  std::size_t body_max = 64UL * 1024;
  bool before_factor = false;  // also for who has no second factor where one is demanded: it is about one's own login
  bool person = false;  // about the caller's own login: of super-admins not for the platform's token, which is nobody's
  bool own = false;     // of a super-admin: it changes nothing but what is the caller's own
  bool super_admin = false;      // of the super-admins' roles the highest alone
  bool confirmed = false;        // of whom the address is confirmed
  bool recent = false;           // of who has shown the password within ten minutes; of people
  bool acting = false;           // without a permission, and yet open to a super-admin inside the tenant
  bool streams = false;          // its answer is no JSON document: the handler looks at Accept
  bool same_for_all = false;     // the answer says nothing about anybody: whoever likes may keep it
  bool before_database = false;  // answered also while the database was never reached
};
constexpr std::size_t large_body_max = 1024UL * 1024;  // as much as the server takes

struct Route {
  Method method;
  std::string_view path;
  std::string_view operation;  // operationId of the OpenAPI document
  Guard guard;
  Handler handler;
  Terms terms{};
};
using Routes = std::span<const Route>;

}  // namespace tenantry::gateway
