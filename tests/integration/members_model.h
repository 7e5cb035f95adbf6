// What the events of a company say of its people, told in their order to a model that knows nothing of how the product
// decides.
//
// hear() says what no rule allows; afterwards members() is what there has to be.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace tenantry::testing {

class MembersModel {
 public:
  struct Member {
    std::string role;
    bool active = false;
  };
  // Who is a member to begin with; how many seats there are.
  MembersModel(std::map<std::string, Member> members, std::int64_t seats_max)
      : members_(std::move(members)), seats_max_(seats_max) {}

  // What it says of the event that no rule allows; "" where all is well. Of invitations, people and ownership alone.
  std::string hear(const std::string& type, const std::string& payload, const std::string& actor);

  // "id role state" of whoever is a member, a line each, sorted.
  std::string members() const;
  std::int64_t active() const;
  std::int64_t pending() const { return static_cast<std::int64_t>(open_.size()); }

 private:
  std::string apply(const std::string& type, const std::string& payload, const std::string& actor);
  std::string removed(const std::string& payload, const std::string& actor);
  std::string transferred(const std::string& payload, const std::string& actor);
  bool is(const std::string& id, std::string_view role) const;
  std::string by(const std::string& actor, std::string_view from, std::string_view to) const;

  std::map<std::string, Member> members_;
  std::map<std::string, std::string> open_;  // invitations: their roles
  std::int64_t seats_max_;
};

}  // namespace tenantry::testing
