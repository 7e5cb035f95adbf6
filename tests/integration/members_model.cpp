#include "tests/integration/members_model.h"

#include <algorithm>
#include <stdexcept>

#include "tenantry/events/v1/people.pb.h"

namespace tenantry::testing {
namespace {

namespace v1 = events::v1;

template <class M>
M message_of(const std::string& payload) {
  M message;
  if (!message.ParseFromString(payload)) throw std::runtime_error("no " + std::string(M::descriptor()->name()));
  return message;
}

}  // namespace

std::string MembersModel::hear(const std::string& type, const std::string& payload, const std::string& actor) {
  const auto wrong = apply(type, payload, actor);
  if (!wrong.empty()) return wrong;
  const bool has_owner =
      std::ranges::any_of(members_, [](const auto& m) { return m.second.active && m.second.role == "owner"; });
  if (!has_owner) return "nobody owns the company";
  return active() + pending() > seats_max_ ? "more people than the plan has room for" : "";
}

std::string MembersModel::members() const {
  std::string out;
  for (const auto& [id, member] : members_)
    out += id + " " + member.role + (member.active ? " active\n" : " inactive\n");
  return out;
}

std::int64_t MembersModel::active() const {
  return std::ranges::count_if(members_, [](const auto& member) { return member.second.active; });
}

std::string MembersModel::apply(const std::string& type, const std::string& payload, const std::string& actor) {
  if (type == "user.invited") {
    const auto event = message_of<v1::UserInvited>(payload);
    open_[event.invitation_id()] = event.role();
    return by(actor, {}, event.role());
  }
  if (type == "membership.created") {
    const auto event = message_of<v1::MembershipCreated>(payload);
    const auto invitation = open_.extract(event.invitation_id());
    if (invitation.empty()) return "an invitation was accepted twice, or never made";
    if (invitation.mapped() != event.role()) return "another role than the invitation's";
    if (actor != event.user_id()) return "somebody else accepted";
    if (members_.contains(event.user_id())) return "who was a member became one";
    members_[event.user_id()] = {event.role(), true};
    return "";
  }
  if (type == "membership.role_changed") {
    const auto event = message_of<v1::MembershipRoleChanged>(payload);
    if (members_[event.user_id()].role != event.old_role()) return "it had another role";
    const auto wrong = by(actor, event.old_role(), event.new_role());  // one's own may be lowered
    members_[event.user_id()].role = event.new_role();
    return wrong;
  }
  if (type == "membership.deactivated" || type == "membership.reactivated") {
    const bool on = type == "membership.reactivated";
    const auto id = on ? message_of<v1::MembershipReactivated>(payload).user_id()
                       : message_of<v1::MembershipDeactivated>(payload).user_id();
    if (members_[id].active == on) return "it was so before";
    const auto wrong = by(actor, members_[id].role, {});
    members_[id].active = on;
    return wrong;
  }
  if (type == "membership.removed") return removed(payload, actor);
  if (type == "membership.ownership_transferred") return transferred(payload, actor);
  return "";
}

std::string MembersModel::removed(const std::string& payload, const std::string& actor) {
  const auto event = message_of<v1::MembershipRemoved>(payload);
  const auto who = members_.find(event.user_id());
  if (who == members_.end()) return "who was no member was removed";
  const auto role = who->second.role;
  const auto wrong = event.left() ? (actor == event.user_id() ? "" : "who left did not say so") : by(actor, role, {});
  members_.erase(event.user_id());
  return wrong;
}

std::string MembersModel::transferred(const std::string& payload, const std::string& actor) {
  const auto event = message_of<v1::OwnershipTransferred>(payload);
  if (actor != event.former_owner_id() || !is(actor, "owner")) return "no owner gave it";
  if (!is(event.user_id(), "admin") && !is(event.user_id(), "owner")) return "to who was neither admin nor owner";
  members_[event.user_id()].role = "owner";
  members_[actor].role = "admin";
  return "";
}

bool MembersModel::is(const std::string& id, std::string_view role) const {
  const auto found = members_.find(id);
  return found != members_.end() && found->second.active && found->second.role == role;
}

// Owners do what they like, admins what concerns no owner, nobody else anything.
std::string MembersModel::by(const std::string& actor, std::string_view from, std::string_view to) const {
  if (is(actor, "owner")) return "";
  if (!is(actor, "admin")) return "by who may not";
  return from == "owner" || to == "owner" ? "above the one who did it" : "";
}

}  // namespace tenantry::testing
