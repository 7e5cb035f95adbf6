#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "tests/support/source_path.h"
#include "workers/gateway/api/openapi.h"
#include "workers/gateway/api/resources.h"
#include "workers/gateway/edge/access.h"
#include "workers/gateway/edge/words.h"

namespace tenantry::gateway::routes_test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path root = source_path();

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<Route> all_routes() {
  std::vector<Route> out;
  for (const auto& resource : resources()) out.insert(out.end(), resource.routes.begin(), resource.routes.end());
  return out;
}

TEST(Routes, AreTheDocuments) {
  EXPECT_EQ(text_of(root / "docs/openapi.json"), make_openapi().dump(2) + "\n")
      << "docs/openapi.json is not what the routes say: build/bin/tenantry openapi > docs/openapi.json";
}

TEST(Routes, NoFragmentDescribesWhatIsNotServed) {
  std::set<std::pair<std::string, std::string>> served;
  const auto document = make_openapi();
  for (const auto& [path, operations] : document["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) served.emplace(path, method);
  }
  int fragments = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root / "workers/gateway")) {
    if (entry.path().filename() != "openapi.json" || entry.path().parent_path().filename() == "api") continue;
    ++fragments;
    const auto fragment = json::parse(text_of(entry.path()));
    for (const auto& [path, operations] : fragment["paths"].items()) {
      for (const auto& [method, operation] : operations.items()) {
        EXPECT_TRUE(served.contains({path, method})) << entry.path() << ": " << method << " " << path;
      }
    }
  }
  EXPECT_GE(fragments, 14);
}

// Goal: every schema that is named is there, and every one that is there is named.
TEST(Routes, SchemasAreThereAndUsed) {
  const auto document = make_openapi();
  const auto text = document.dump();
  static const std::regex reference(R"re("#/components/schemas/(\w+)")re");
  std::set<std::string> named;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), reference); at != std::sregex_iterator(); ++at) {
    named.insert((*at)[1]);
  }
  std::set<std::string> there;
  for (const auto& [name, schema] : document["components"]["schemas"].items()) there.insert(name);
  EXPECT_EQ(named, there);
}

TEST(Routes, DocumentedSecurityIsTheGuard) {
  const auto document = make_openapi();
  for (const auto& route : all_routes()) {
    auto method = std::string(http::to_string(route.method));
    for (auto& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto& security = document["paths"][std::string(route.path)][method]["security"];
    if (route.guard == Guard::open) {
      EXPECT_TRUE(security.empty()) << route.operation;
    } else {
      EXPECT_TRUE(security[0].contains(route.guard == Guard::admin ? "admin" : "tenant")) << route.operation;
    }
  }
}

// The platform's token is nobody's: what is about one's own login has no login to be about.
TEST(Routes, WhatIsAboutTheOwnLoginIsForPersons) {
  int seen = 0;
  for (const auto& route : all_routes()) {
    if (route.guard != Guard::admin || !route.path.starts_with("/v1/admin/me/")) continue;
    EXPECT_TRUE(route.terms.person || route.terms.own) << route.operation;  // what is kept is kept by any name
    ++seen;
  }
  EXPECT_GT(seen, 10);
}

TEST(Routes, OperationsAndPathsAreUnique) {
  std::set<std::string_view> operations;
  std::set<std::pair<http::Method, std::string_view>> paths;
  for (const auto& route : all_routes()) {
    EXPECT_TRUE(operations.insert(route.operation).second) << route.operation;
    EXPECT_TRUE(paths.insert({route.method, route.path}).second) << route.path;
    EXPECT_EQ(find_route(route.method, route.path)->operation, route.operation);
  }
  EXPECT_GT(operations.size(), 50U);
  EXPECT_EQ(find_route(Method::get, "/v1/nothing"), nullptr);
}

TEST(Routes, WhatIsForOneCallerIsKeptByNobody) {
  for (const auto& route : all_routes()) {
    if (route.guard != Guard::open || route.method != Method::get) {
      EXPECT_FALSE(route.terms.same_for_all) << route.path;
    }
    if (route.operation == "openapi" || route.operation == "plans") {
      EXPECT_TRUE(route.terms.same_for_all) << route.path;
    }
  }
}

// A member's route without a permission is open to every role: there is one for any of them alone. Who is removed
// decides whether that needs a right: oneself may always leave.
TEST(Routes, NameTheirPermission) {
  const std::set<std::string_view> any_role = {"me",
                                               "membership",
                                               "logout",
                                               "changePassword",
                                               "listOwnSessions",
                                               "endOtherSessions",
                                               "endOwnSession",
                                               "removeUser",
                                               "stepUp",
                                               "listFactors",
                                               "beginTotp",
                                               "confirmTotp",
                                               "removeTotp",
                                               "renewRecoveryCodes",
                                               "verifyEmail",
                                               "changeEmail",
                                               "passkeyStepUpOptions",
                                               "passkeyCreationOptions",
                                               "addPasskey",
                                               "removePasskey"};
  for (const auto& route : all_routes()) {
    const bool of_members = route.guard == Guard::live || route.guard == Guard::billing;
    const bool for_any_role = any_role.contains(route.operation);
    EXPECT_EQ(route.terms.permission.empty(), !of_members || for_any_role) << route.operation;
  }
}

// ---- who may use which route

// As the migrations have it, which is what the gateway reads.
RolePermissions built_in_roles() {
  static const std::regex insert(R"(INSERT INTO platform\.role_permissions[^;]*;)");
  static const std::regex grant(R"(\('([a-z]+)', '([a-z_:*]+)'\))");
  RolePermissions out;
  for (const auto& entry : fs::directory_iterator(root / "migrations")) {
    const auto text = text_of(entry.path());
    for (auto at = std::sregex_iterator(text.begin(), text.end(), insert); at != std::sregex_iterator(); ++at) {
      const auto statement = at->str();
      for (auto row = std::sregex_iterator(statement.begin(), statement.end(), grant); row != std::sregex_iterator();
           ++row) {
        out[(*row)[1]].push_back((*row)[2]);
      }
    }
  }
  return out;
}

// Who may do what, as people were told: of the built-in roles, by their first letters.
const std::map<std::string_view, std::string_view> promised = {
    {"api_keys:create", "oa"},
    {"api_keys:read", "oa"},
    {"api_keys:revoke", "oa"},
    {"api_keys:rotate", "oa"},
    {"audit:read", "oam"},
    {"broker:manage", "oa"},
    {"broker:read", "oa"},
    {"broker:rotate", "o"},
    {"clients:create", "oame"},
    {"clients:delete", "oam"},
    {"clients:read", "oamev"},
    {"clients:update", "oam"},
    {"events:publish", "oame"},
    {"roles:create", "oa"},
    {"roles:delete", "oa"},
    {"roles:read", "oam"},
    {"roles:update", "oa"},
    {"settings:read", "oamev"},
    {"settings:update", "oa"},
    {"subscription:cancel", "o"},
    {"subscription:change_plan", "o"},
    {"subscription:read", "oam"},
    {"subscription:reactivate", "o"},
    {"usage:read", "oamev"},
    {"users:invite", "oa"},
    {"users:read", "oam"},
    {"users:transfer", "oa"},  // and then only who is owner: may_change
    {"users:update", "oa"}};

std::vector<Route> member_routes() {
  auto routes = all_routes();
  std::erase_if(routes, [](const Route& route) { return route.guard == Guard::open || route.guard == Guard::admin; });
  return routes;
}

const Timestamp now = from_unix_seconds(1'800'000'000);
Standing of_tenant(tenancy::Status status = tenancy::Status::active) {
  Standing standing;
  standing.tenant = tenancy::LifecycleState{.status = status, .trial_ends_at = now};
  return standing;
}

std::string outcome(const Route& route, const Standing& standing) {
  static const auto roles = built_in_roles();
  const auto admitted = admit(route, standing, roles, now, Language::english);
  if (!admitted) return admitted.error().reason;
  return *admitted == tenancy::Reach::own ? "own" : "all";
}

// Goal: every member's route × who comes: allowed or not as was promised, and no route without a promise.
TEST(Matrix, EveryRouteByRole) {
  const char* const roles[] = {"owner", "admin", "manager", "employee", "viewer"};
  ASSERT_EQ(built_in_roles().size(), std::size(roles));
  std::set<std::string_view> asked;
  for (const auto& route : member_routes()) {
    SCOPED_TRACE(route.operation);
    const auto permission = route.terms.permission;
    asked.insert(permission);
    const bool any = permission.empty();
    ASSERT_TRUE(any || promised.contains(permission)) << permission << ": say who may, in `promised`";
    auto standing = of_tenant();
    for (const auto* role : roles) {
      const bool may = any || promised.at(permission).find(role[0]) != std::string_view::npos;
      standing.role = role;
      EXPECT_EQ(outcome(route, standing), may ? "all" : "permission_denied") << role;
    }
    // A role of the tenant's own that holds nothing; the one thing; the one thing of one's own.
    standing.role = "own-role";
    EXPECT_EQ(outcome(route, standing), any ? "all" : "permission_denied");
    if (any) continue;
    standing.permissions = {std::string(permission)};
    EXPECT_EQ(outcome(route, standing), "all");
    standing.permissions = {std::string(permission) + ":own"};
    EXPECT_EQ(outcome(route, standing), route.terms.owned ? "own" : "permission_denied");
  }
  asked.erase("");
  EXPECT_EQ(asked.size(), promised.size()) << "something is promised that no route asks for";
}

// Goal: what has an owner is said by name, and in docs/people.md. What is not here has none: ":own" does not reach it.
TEST(Matrix, WhatHasAnOwner) {
  std::set<std::string_view> owned;
  for (const auto& route : all_routes()) {
    if (!route.terms.owned) continue;
    owned.insert(route.terms.permission);
    EXPECT_FALSE(route.terms.permission.empty()) << route.operation;
  }
  EXPECT_EQ(owned, (std::set<std::string_view>{"api_keys:create", "api_keys:read", "api_keys:revoke", "api_keys:rotate",
                                               "clients:create", "clients:delete", "clients:read", "clients:update",
                                               "users:invite"}));
  // A right is to what has an owner as a whole, or not at all: "x:y:own" means one thing.
  for (const auto& route : member_routes()) {
    if (!route.terms.permission.empty()) {
      EXPECT_EQ(route.terms.owned, owned.contains(route.terms.permission)) << route.operation;
    }
  }
}

// What a role is called gives nothing: a tenant's own role has the grants it has, and a built-in one's are the built-in
// ones, whatever a row of the tenant's own says.
TEST(Matrix, BuiltInRolesAreNotWhatATenantSays) {
  auto standing = of_tenant();
  standing.role = "viewer";
  standing.permissions = {"*"};
  EXPECT_EQ(outcome(*find_route(Method::get, "/v1/audit"), standing), "permission_denied");
  standing.machine = true;
  standing.permissions = {"clients:read"};
  standing.role = "owner";
  EXPECT_EQ(outcome(*find_route(Method::get, "/v1/audit"), standing), "permission_denied");
}

TEST(Matrix, EveryRouteByWhoIsOutside) {
  for (const auto& route : member_routes()) {
    SCOPED_TRACE(route.operation);
    auto removed = of_tenant();  // or deactivated, or never a member
    EXPECT_EQ(outcome(route, removed), "not_a_member");
    removed.permissions = {"*"};
    EXPECT_EQ(outcome(route, removed), "not_a_member");
    auto logged_out = of_tenant();
    logged_out.role = "owner";
    logged_out.revoked = true;
    EXPECT_EQ(outcome(route, logged_out), "token_revoked");
    auto owing = of_tenant(tenancy::Status::suspended);
    owing.role = "owner";
    EXPECT_EQ(outcome(route, owing), route.guard == Guard::billing ? "all" : "payment_required");
    Standing nowhere;
    nowhere.role = "owner";
    EXPECT_EQ(outcome(route, nowhere), "tenant_not_found");
  }
}

TEST(Matrix, EveryRouteByKey) {
  for (const auto& route : member_routes()) {
    SCOPED_TRACE(route.operation);
    const auto permission = route.terms.permission;
    auto key = of_tenant();
    key.machine = true;
    const bool for_people = permission.empty() || tenancy::is_for_people(permission);
    EXPECT_EQ(outcome(route, key), for_people ? "person_required" : "permission_denied");
    key.permissions = {"*"};  // which no key holds
    EXPECT_EQ(outcome(route, key), for_people ? "person_required" : "all");
    key.revoked = true;
    EXPECT_EQ(outcome(route, key), "token_revoked");
  }
}

// Goal: who has no second factor where the company demands one sets one up and goes, and does nothing else; a machine
// has none to show.
TEST(Matrix, EveryRouteWithoutTheDemandedFactor) {
  const std::set<std::string_view> open = {"logout",
                                           "membership",
                                           "stepUp",
                                           "listFactors",
                                           "beginTotp",
                                           "confirmTotp",
                                           "removeTotp",
                                           "renewRecoveryCodes",
                                           "passkeyStepUpOptions",
                                           "passkeyCreationOptions",
                                           "addPasskey",
                                           "removePasskey"};
  for (const auto& route : member_routes()) {
    SCOPED_TRACE(route.operation);
    auto standing = of_tenant();
    standing.role = "owner";
    standing.factor_demanded = true;
    EXPECT_EQ(outcome(route, standing), open.contains(route.operation) ? "all" : "second_factor_required");
    standing.factor_shown = true;
    EXPECT_EQ(outcome(route, standing), "all");
    auto key = of_tenant();
    key.machine = true;
    key.factor_demanded = true;
    EXPECT_NE(outcome(route, key), "second_factor_required");
  }
}

// ---- what a login has to have shown besides

std::set<std::string_view> operations_with(bool Terms::*term) {
  std::set<std::string_view> out;
  for (const auto& route : all_routes()) {
    if (route.terms.*term) out.insert(route.operation);
  }
  return out;
}

// Others ask in their handlers, behind what they read of the body.
TEST(Logins, WhatIsDangerousNeedsARecentOne) {
  EXPECT_EQ(operations_with(&Terms::recent),
            (std::set<std::string_view>{"adminAppointOwner", "adminEraseTenant", "adminExportAudit",
                                        "cancelSubscription", "exportAudit", "removeDomain", "rotateBroker"}));
  const auto& route = *find_route(Method::post, "/v1/broker/rotate");
  EXPECT_TRUE(check_login(route, {.confirmed = false, .authenticated_at = now}, now + Seconds{600}));
  const auto late = check_login(route, {.confirmed = true, .authenticated_at = now}, now + Seconds{601});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, "reauthentication_required");
  EXPECT_TRUE(check_login(*find_route(Method::get, "/v1/me"), {}, now));
}

TEST(Logins, PowerOverOthersNeedsAConfirmedAddress) {
  EXPECT_EQ(operations_with(&Terms::confirmed),
            (std::set<std::string_view>{"createApiKey", "inviteUser", "resendInvitation"}));
  const auto& route = *find_route(Method::post, "/v1/users");
  const auto refused = check_login(route, {.confirmed = false, .authenticated_at = now}, now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "email_not_verified");
  EXPECT_TRUE(check_login(route, {.confirmed = true}, now));
}

// ---- modules

TEST(Modules, AreThePlansOrTheirBasicForm) {
  const PlanModules plans = {{"FREE", {"crm_basic"}}, {"BARE", {"sales", "crm2"}}, {"PRO", {"sales", "crm"}}};
  Route route{Method::get, "/v1/x", "x", Guard::live, nullptr, {.module = "crm"}};
  EXPECT_TRUE(check_module(route, {"sales", "crm"}, plans));
  EXPECT_TRUE(check_module(route, {"crm_basic"}, plans));
  for (const auto& modules : {std::vector<std::string>{}, {"crm2", "sales"}, {"crm_basic_2"}, {"cr"}}) {
    const auto refused = check_module(route, modules, plans);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "module_not_in_plan");
    std::string named;
    for (const auto& field : refused.error().fields) named += field.detail + " ";
    EXPECT_EQ(named, "FREE PRO ");
  }
  route.terms.module = "";
  EXPECT_TRUE(check_module(route, {}, plans));
}

// What the pattern finds in the sources of what members meet.
std::set<std::string> said_to_members(const std::regex& pattern, const std::vector<std::string>& folders) {
  std::set<std::string> out;
  for (const auto& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const auto path = entry.path().string();
      if (entry.path().extension() != ".cpp" || path.find("/admin/") != path.npos) continue;
      const auto text = text_of(entry.path());
      for (auto at = std::sregex_iterator(text.begin(), text.end(), pattern); at != std::sregex_iterator(); ++at) {
        out.insert((*at)[1]);
      }
    }
  }
  return out;
}

// Goal: whatever a member may be refused for is said in French, too.
TEST(Words, AreFrenchForEveryRefusalOfAMember) {
  // That only operators hear, or that is no refusal.
  const std::set<std::string> not_said = {"free_plan",          "asked_by_", "audit_record_missing",
                                          "checkpoint_missing", "archived",  "store_unavailable",
                                          "unreadable"};
  const auto codes =
      said_to_members(std::regex(R"re((?:\.reason = |conflict\(|forbidden\(|unauthenticated\()"([a-z_]+)")re"),
                      {"workers/gateway/api", "workers/gateway/edge", "shared/tenancy"});
  EXPECT_GT(codes.size(), 70U);
  for (const auto& code : codes) {
    if (not_said.contains(code) || !access_message(code, Language::french).empty()) continue;
    const bool known = !french_words(code, "").empty() || !french_words(code, "7").empty();
    EXPECT_TRUE(known) << code << ": workers/gateway/edge/words.cpp";
  }
  EXPECT_EQ(french_words("no_such_code", ""), "");
}

// Goal: so is every rule that a field of theirs may break, and with its numbers.
TEST(Words, AreFrenchForEveryRuleOfAField) {
  // Of Stripe's events, of admins' requests, and of messages of the broker's, which nobody answers.
  const std::set<std::string> not_said = {"unknown_value", "rising",           "before_suspension",
                                          "forged_key",    "forged_publisher", "forged_route",
                                          "forged_type",   "wrong_key",        "wrong_tenant"};
  const auto rules =
      said_to_members(std::regex(R"re((?:fail\([^,;]+|invalid\([^,;]+|refuse\(|Broken\{)(?:, )?"([a-z_0-9]+)",?\s)re"),
                      {"workers/gateway/api", "workers/gateway/edge", "shared/tenancy", "shared/crypto", "events"});
  EXPECT_GT(rules.size(), 40U);
  for (const auto& rule : rules) {
    if (not_said.contains(rule)) continue;
    const bool known = !french_rule(rule, "").empty() || !french_words(rule, "").empty();
    EXPECT_TRUE(known) << rule << ": workers/gateway/edge/words.cpp";
  }
  EXPECT_EQ(french_rule("required", "must be given"), "est obligatoire");
  EXPECT_EQ(french_rule("length", "must have at most 64 characters"), "doit avoir au plus 64 caractères");
  EXPECT_EQ(french_rule("length", "must have 1 to 200 characters"), "doit avoir de 1 à 200 caractères");
  EXPECT_EQ(french_rule("length", "1, 2 or 3"), "n'a pas la bonne longueur");
  EXPECT_EQ(french_rule("too_short", "a password has at least 8 characters"), "est trop court : 8 caractères au moins");
}

// ---- super-admins

std::string admin_outcome(const Route& route, std::string_view role, bool factor = true) {
  const auto admitted = admit_admin(route, role, factor);
  return admitted ? "ok" : admitted.error().reason;
}

// Goal: an analyst looks, support acts in tenants, what is for the whole platform or for good is for the highest alone.
TEST(Matrix, EveryAdminRouteByRole) {
  const std::set<std::string_view> highest = {
      "listAdmins",          "addAdmin",        "revokeAdmin",          "adminResetFactors",
      "adminEraseTenant",    "adminDefineFlag", "adminRemoveFlag",      "adminCreateTenant",
      "adminAppointOwner",   "adminInviteUser", "adminChangeUserRole",  "adminDeactivateUser",
      "adminReactivateUser", "adminRemoveUser", "adminRevokeInvitation"};
  const std::set<std::string_view> of_ones_own = {"adminListViews", "adminSaveView", "adminRemoveView"};
  EXPECT_EQ(operations_with(&Terms::own), of_ones_own);
  int routes = 0, own = 0;
  for (const auto& route : all_routes()) {
    if (route.guard != Guard::admin) continue;
    SCOPED_TRACE(route.operation);
    ++routes;
    if (route.terms.before_factor) {  // one's own login
      ++own;
      for (const auto* role : {"super-admin", "support", "analyst"}) {
        EXPECT_EQ(admin_outcome(route, role, false), "ok");
        EXPECT_EQ(admin_outcome(route, role), "ok");
      }
      continue;
    }
    const bool alone = highest.contains(route.operation);
    const bool looks = route.method == http::Method::get || of_ones_own.contains(route.operation);
    EXPECT_EQ(admin_outcome(route, "super-admin"), "ok");
    EXPECT_EQ(admin_outcome(route, "support"), alone ? "permission_denied" : "ok");
    EXPECT_EQ(admin_outcome(route, "analyst"), looks && !alone ? "ok" : "permission_denied");
    EXPECT_EQ(admin_outcome(route, "emperor"), looks && !alone ? "ok" : "permission_denied");
    EXPECT_EQ(admin_outcome(route, "super-admin", false), "second_factor_required");
  }
  EXPECT_GT(routes, 30);
  EXPECT_EQ(own, 15);
}

// Goal: a super-admin inside a tenant looks at everything of the tenant's, changes what is its business where that was
// said, and never its people, rights, keys or money, nor anybody's own login.
TEST(Matrix, EveryRouteByAVisitingSuperAdmin) {
  for (const auto& route : member_routes()) {
    SCOPED_TRACE(route.operation);
    const auto permission = route.terms.permission;
    auto visit = of_tenant();
    visit.role = "viewer";  // also a member, which gives nothing more and nothing less
    visit.acting = true;
    visit.factor_shown = true;
    const bool of_visitors = route.operation == "me" || route.operation == "logout";
    const bool looks = route.method == http::Method::get;
    const bool never = !of_visitors && (permission.empty() || (!looks && tenancy::is_for_people(permission)));
    EXPECT_EQ(outcome(route, visit), never ? "not_for_admins" : looks || of_visitors ? "all" : "read_only");
    visit.writes = true;
    EXPECT_EQ(outcome(route, visit), never ? "not_for_admins" : "all");
    visit.tenant->status = tenancy::Status::suspended;  // what a visit is for
    EXPECT_EQ(outcome(route, visit), never ? "not_for_admins" : "all");
    visit.revoked = true;
    EXPECT_EQ(outcome(route, visit), "token_revoked");
  }
}

TEST(PermissionCatalogue, IsWhatTheRoutesAskForInWords) {
  std::set<std::string_view> asked;
  for (const auto& route : member_routes()) {
    asked.insert(route.terms.permission);
    asked.insert(route.terms.asked);
  }
  asked.erase("");
  std::set<std::string_view> listed;
  for (const auto& permission : permission_catalogue()) {
    listed.insert(permission.name);
    EXPECT_TRUE(tenancy::check_grant(permission.name, "")) << permission.name;
    EXPECT_FALSE(permission.french.empty() || permission.english.empty()) << permission.name << ": api/permissions.cpp";
    EXPECT_FALSE(permission.operations.empty()) << permission.name;
  }
  EXPECT_EQ(listed, asked);
  EXPECT_TRUE(listed.contains("users:remove"));
}

TEST(PermissionCatalogue, KnowsWhatAGrantIsGoodFor) {
  for (const char* good : {"*", "*:own", "clients:*", "clients:read:own", "clients:*:own", "usage:read", "users:remove",
                           "api_keys:*:own", "users:invite:own", "users:*:own"}) {
    EXPECT_TRUE(grants_something(good)) << good;
  }
  for (const char* bad :
       {"client:read", "clients:raed", "usage:read:own", "webhooks:*", "clients", "", "users:read:own",
        "users:update:own", "roles:*:own", "events:publish:own", "audit:read:own"}) {
    EXPECT_FALSE(grants_something(bad)) << bad;
  }
}

}  // namespace
}  // namespace tenantry::gateway::routes_test
