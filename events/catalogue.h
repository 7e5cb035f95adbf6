// The catalogue: every event type there is, read once from the schemas' options.
//
// Immutable after the first use; safe from any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace google::protobuf {
class Message;
class Descriptor;
}  // namespace google::protobuf

namespace tenantry::events {

// What a change's old and new value are: the field that holds it, or else the value.
struct ValueChange {
  std::string name;
  std::string old_field, new_field;
  std::string old_value, new_value;
};

struct CatalogueEntry {
  std::string type;
  std::string schema;  // "tenantry.events.v1.PaymentFailed"
  std::string summary;
  bool platform_scope = false;  // travels in vhost "platform"
  bool open = false;            // tenants' applications may publish it
  std::string action;           // audit: "CREATE", ... or the type
  std::string crud;             // "create", "read", "update", "delete" or ""
  std::string resource;
  std::string resource_id_field;
  bool failure = false;
  std::vector<ValueChange> changes;
  const google::protobuf::Descriptor* descriptor = nullptr;
  const google::protobuf::Message* prototype = nullptr;
};

class Catalogue {
 public:
  static const Catalogue& instance();

  const CatalogueEntry* find(std::string_view type) const;
  const CatalogueEntry* find(const google::protobuf::Descriptor* descriptor) const;
  const std::vector<CatalogueEntry>& entries() const { return entries_; }  // sorted by type

  // Whether only the platform may publish the type. A type nobody knows is
  // privileged when it lies in a namespace of the platform's ("payment.anything").
  bool is_privileged(std::string_view type) const;

 private:
  Catalogue();
  std::vector<CatalogueEntry> entries_;
  std::unordered_map<std::string, std::size_t> by_type_;
  std::unordered_map<const google::protobuf::Descriptor*, std::size_t> by_descriptor_;
  std::unordered_map<std::string, bool> namespaces_;  // first word of a type -> whether any type in it is open
};

}  // namespace tenantry::events
