// What the super-admins' routes share: who acts, query values, lists by time.
#pragma once

#include <functional>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "workers/gateway/services.h"

namespace tenantry::gateway {

events::Actor super_admin(const Call& call);

// With the read, in its transaction: the tenant's audit log says who has looked. `what`: tenant, dead_letter.
void tell_read(messaging::Outbox& outbox, std::string_view tenant_id, std::string_view what, std::string_view id = {});

std::string query(const Call& call, std::string_view name);  // "" where absent

// One of `known`, or nothing; else 422.
Result<std::string> choice(const Call& call, const char* name, std::initializer_list<std::string_view> known);

// Answers with a list by time, newest first, whose cursor is (time, id).
void list_newest_first(Services& services, const CallPtr& call, const char* name, const char* time_field,
                       const char* id_field, bool uuid_ids,
                       const std::function<nlohmann::json(db::Transaction&, const store::Page&)>& read,
                       const std::function<void(db::Transaction&, nlohmann::json&)>& extend = {});

}  // namespace tenantry::gateway
