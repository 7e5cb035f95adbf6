// What a super-admin asks for about the people, sessions, keys and domain of one tenant, as it is asked for. Pure.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::gateway {

struct ReasonRequest {
  std::string reason;
};
Result<ReasonRequest> parse_member_act(std::string_view body);

// Owners are appointed: that tells the company's owners.
struct MemberRequest {
  std::string email;  // of who is invited
  std::string role;
  std::string locale;
  std::string reason;
};
Result<MemberRequest> parse_admin_invitation(std::string_view body);
Result<MemberRequest> parse_admin_role(std::string_view body);
Result<MemberRequest> parse_appointment(std::string_view body);

struct SessionsRequest {
  std::string user_id;     // all of a person's there, or
  std::string session_id;  // this one
  std::string reason;
};
Result<SessionsRequest> parse_sessions_end(std::string_view body);

}  // namespace tenantry::gateway
