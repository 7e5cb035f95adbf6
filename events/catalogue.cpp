#include "events/catalogue.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <array>

#include "shared/core/assert.h"
#include "tenantry/events/v1/access.pb.h"
#include "tenantry/events/v1/activity.pb.h"
#include "tenantry/events/v1/audit.pb.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tenantry/events/v1/dead_letter.pb.h"
#include "tenantry/events/v1/domain.pb.h"
#include "tenantry/events/v1/identity.pb.h"
#include "tenantry/events/v1/notification.pb.h"
#include "tenantry/events/v1/people.pb.h"
#include "tenantry/events/v1/platform.pb.h"
#include "tenantry/events/v1/security.pb.h"
#include "tenantry/events/v1/signup.pb.h"
#include "tenantry/events/v1/stripe.pb.h"
#include "tenantry/events/v1/tenant.pb.h"
#include "tenantry/events/v1/usage.pb.h"

namespace tenantry::events {
namespace {

// One message of each schema file: naming it here is what links the file in.
std::array<const google::protobuf::FileDescriptor*, 15> schema_files() {
  return {v1::UserLoggedIn::descriptor()->file(),      v1::AuditExported::descriptor()->file(),
          v1::PaymentFailed::descriptor()->file(),     v1::DeadLetterRedriven::descriptor()->file(),
          v1::NotificationSent::descriptor()->file(),  v1::TenantChanged::descriptor()->file(),
          v1::EventRefused::descriptor()->file(),      v1::SignupRequested::descriptor()->file(),
          v1::StripeEventParked::descriptor()->file(), v1::TenantProvisioned::descriptor()->file(),
          v1::UsageRecorded::descriptor()->file(),     v1::UserInvited::descriptor()->file(),
          v1::RoleCreated::descriptor()->file(),       v1::FactorAdded::descriptor()->file(),
          v1::DomainSet::descriptor()->file()};
}

// Namespaces that stay the platform's even where no type of today uses them.
constexpr std::array<std::string_view, 6> reserved_namespaces = {"invoice",  "plan",     "payment",
                                                                 "platform", "security", "subscription"};

std::string crud_name(v1::Crud crud) {
  switch (crud) {
    case v1::CRUD_CREATE:
      return "create";
    case v1::CRUD_READ:
      return "read";
    case v1::CRUD_UPDATE:
      return "update";
    case v1::CRUD_DELETE:
      return "delete";
    default:
      return "";
  }
}

std::vector<ValueChange> changes_of(const v1::EventOptions& options) {
  std::vector<ValueChange> out;
  for (const auto& change : options.changes()) {
    out.push_back({change.name(), change.old_field(), change.new_field(), change.old_value(), change.new_value()});
  }
  std::ranges::sort(out, {}, &ValueChange::name);
  return out;
}

std::string_view namespace_of(std::string_view type) {
  return type.substr(0, type.find('.'));
}

}  // namespace

const Catalogue& Catalogue::instance() {
  static const Catalogue catalogue;
  return catalogue;
}

Catalogue::Catalogue() {
  // It writes what is wrong with a message to stderr, for each that a stranger sends. What we refuse, our own errors
  // say.
  google::protobuf::SetLogHandler(nullptr);
  for (const auto* file : schema_files()) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      const auto* descriptor = file->message_type(i);
      if (!descriptor->options().HasExtension(v1::event)) continue;  // a part of other messages
      const auto& options = descriptor->options().GetExtension(v1::event);
      TENANTRY_ASSERT(!options.type().empty());
      entries_.push_back(
          {.type = options.type(),
           .schema = descriptor->full_name(),
           .summary = options.summary(),
           .platform_scope = options.scope() == v1::SCOPE_PLATFORM,
           .open = options.open(),
           .action = options.action().empty() ? options.type() : options.action(),
           .crud = crud_name(options.crud()),
           .resource = options.resource(),
           .resource_id_field = options.resource_id_field(),
           .failure = options.failure(),
           .changes = changes_of(options),
           .descriptor = descriptor,
           .prototype = google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)});
    }
  }
  std::ranges::sort(entries_, {}, &CatalogueEntry::type);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    TENANTRY_ASSERT(by_type_.emplace(entries_[i].type, i).second);
    by_descriptor_.emplace(entries_[i].descriptor, i);
    auto& any_open = namespaces_[std::string(namespace_of(entries_[i].type))];
    any_open = any_open || entries_[i].open;
  }
  for (const auto name : reserved_namespaces) namespaces_[std::string(name)] = false;
}

const CatalogueEntry* Catalogue::find(std::string_view type) const {
  const auto at = by_type_.find(std::string(type));
  return at == by_type_.end() ? nullptr : &entries_[at->second];
}

const CatalogueEntry* Catalogue::find(const google::protobuf::Descriptor* descriptor) const {
  const auto at = by_descriptor_.find(descriptor);
  return at == by_descriptor_.end() ? nullptr : &entries_[at->second];
}

bool Catalogue::is_privileged(std::string_view type) const {
  if (const auto* entry = find(type)) return !entry->open;
  const auto at = namespaces_.find(std::string(namespace_of(type)));
  return at != namespaces_.end() && !at->second;
}

}  // namespace tenantry::events
