// Routes that let a tenant verify its audit log without trusting us: signed heads, proofs, evidence, and the keys. The
// same of any log, the platform's own too, for super-admins; that one has looked is in that log.
#include <charconv>
#include <nlohmann/json.hpp>

#include "events/topology.h"
#include "shared/audit_tree/archived_leaves.h"
#include "shared/audit_tree/checkpoint_store.h"
#include "shared/audit_tree/evidence.h"
#include "shared/audit_tree/node_store.h"
#include "shared/db/connection.h"
#include "shared/tenancy/slug.h"
#include "shared/tenancy/tenants.h"
#include "workers/gateway/api/audit/handlers.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

// One answer of evidence: what comes after is another request's.
constexpr std::uint64_t evidence_records_max = 10'000;
constexpr std::size_t evidence_bytes_max = 8UL * 1024 * 1024;
constexpr std::uint64_t evidence_slice = 100;  // records may be large: the limit of bytes is looked at between slices

Result<std::optional<std::uint64_t>> query_number(const Call& call, std::string_view name) {
  const auto text = call.request().query_value(name);
  if (!text) return std::optional<std::uint64_t>{};
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size() || value > audit::size_max) {
    return Error::invalid("/" + std::string(name), "number", "must be a whole number from 0 to 2^63 - 1");
  }
  return std::optional<std::uint64_t>{value};
}

Error no_checkpoint() {
  return {.code = Errc::not_found,
          .reason = "checkpoint_missing",
          .message =
              "No checkpoint of that size has been signed. The newest is at the path that ends in /audit/checkpoint."};
}

Result<audit::StoredCheckpoint> checkpoint_at(db::Transaction& tx, const std::string& tenant_id,
                                              std::optional<std::uint64_t> size) {
  if (!size) {
    if (auto latest = audit::read_latest_checkpoint(tx, tenant_id)) return *std::move(latest);
    return no_checkpoint();
  }
  auto found =
      *size == 0 ? std::vector<audit::StoredCheckpoint>{} : audit::read_checkpoints(tx, tenant_id, *size - 1, *size);
  if (found.empty()) return no_checkpoint();
  return std::move(found.front());
}

Error archived(std::uint64_t sequence, const std::string& month) {
  return {.code = Errc::not_found,
          .reason = "archived",
          .message = "Record " + std::to_string(sequence) + " has left the database with the month " + month +
                     ". The archive of that month holds it."};
}

// Of a record that is not there: it is archived, or the log is damaged.
Error why_missing(db::Transaction& tx, const std::string& tenant_id, std::uint64_t sequence) {
  const auto stretch = audit::read_archived_stretch(tx, tenant_id, sequence);
  if (stretch) return archived(sequence, stretch->month);
  return {.code = Errc::internal, .reason = "audit_record_missing"};
}

// A proof that holds for the record's hash; the record itself is in the archive.
Result<json> archived_inclusion(db::Transaction& tx, const std::string& tenant_id, const std::string& note,
                                std::uint64_t sequence, const audit::Proof& proof) {
  const auto stretch = audit::read_archived_stretch(tx, tenant_id, sequence);
  const auto leaves = audit::read_archived_leaves(tx, tenant_id, sequence, sequence + 1);
  if (!stretch || leaves.empty()) return Error{.code = Errc::internal, .reason = "audit_record_missing"};
  return audit::archived_inclusion_document(note, sequence, leaves.front(), stretch->month, proof);
}

// The leaves of records [from, past) in their order, as far as the log holds them without a gap.
std::vector<std::string> read_leaves(db::Transaction& tx, std::string_view tenant_id, std::uint64_t from,
                                     std::uint64_t past) {
  tx.set_tenant(tenant_id);
  std::vector<std::string> out;
  for (const auto row :
       tx.exec("SELECT sequence, leaf FROM audit.records WHERE tenant_id = $1 AND sequence >= $2 AND sequence < $3 "
               "ORDER BY sequence LIMIT $4",
               {tenant_id, static_cast<std::int64_t>(from), static_cast<std::int64_t>(past),
                static_cast<std::int64_t>(past - from)})) {
    if (row.int64(0) != static_cast<std::int64_t>(from + out.size())) break;
    out.emplace_back(as_text(row.bytes(1)));
  }
  return out;
}

// Whose log is asked about.
const std::string& proven_log(const Call& call) {
  return call.of_platform ? call.path.at("id") : call.tenant_id();
}

// As the tenant whose log it is. `what`: is looked at, as the log will say where a super-admin looks.
void search_own(Services& services, const CallPtr& call, const char* what, const Reading& work) {
  if (!call->of_platform) {
    return search(services, call, [call, work](db::Transaction& tx) {
      tx.set_tenant(call->tenant_id());
      return work(tx);
    });
  }
  search_on_record(services, call,
                   [call, what, work](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
                     const auto& tenant_id = proven_log(*call);
                     if (tenant_id != events::platform_tenant && !tenancy::find_tenant(tx, tenant_id)) {
                       return no_tenant(*call);
                     }
                     tx.set_tenant(tenant_id);
                     tell_read(outbox, tenant_id, what);
                     return work(tx);
                   });
}

http::Response text_response(std::string content_type, std::string body) {
  http::Response response;
  response.headers.add("Content-Type", std::move(content_type));
  response.body = std::move(body);
  return response;
}

}  // namespace

void audit_checkpoint(Services& services, const CallPtr& call) {
  search_own(services, call, "audit_checkpoint", [call](db::Transaction& tx) -> Result<http::Response> {
    const auto latest = checkpoint_at(tx, proven_log(*call), std::nullopt);
    if (!latest) return latest.error();
    return text_response("text/plain; charset=utf-8", latest->note);
  });
}

void audit_proof(Services& services, const CallPtr& call) {
  const auto sequence = query_number(*call, "sequence");
  if (!sequence) return services.refuse(call, sequence.error());
  const auto size = query_number(*call, "size");
  if (!size) return services.refuse(call, size.error());
  const auto from = query_number(*call, "from");
  if (!from) return services.refuse(call, from.error());
  const auto to = query_number(*call, "to");
  if (!to) return services.refuse(call, to.error());
  if (sequence->has_value() == from->has_value()) {
    return services.refuse(call, Error::invalid("/sequence", "one_of",
                                                "must be given for a proof of inclusion, or else from (and to) for one "
                                                "of consistency"));
  }
  search_own(services, call, "audit_proof", [=](db::Transaction& tx) -> Result<http::Response> {
    const auto& tenant_id = proven_log(*call);
    const bool inclusion = sequence->has_value();
    const auto newer = checkpoint_at(tx, tenant_id, inclusion ? *size : *to);
    if (!newer) return newer.error();
    audit::PostgresNodes nodes(tx, tenant_id);
    if (inclusion) {
      const auto proof = audit::inclusion_proof(nodes, **sequence, newer->size);
      if (!proof) return proof.error();
      const auto leaves = read_leaves(tx, tenant_id, **sequence, **sequence + 1);
      if (leaves.empty()) {
        const auto document = archived_inclusion(tx, tenant_id, newer->note, **sequence, *proof);
        if (!document) return document.error();
        return json_response(200, *document);
      }
      return json_response(200, audit::inclusion_document(newer->note, **sequence, leaves.front(), *proof));
    }
    const auto older = checkpoint_at(tx, tenant_id, *from);
    if (!older) return older.error();
    const auto proof = audit::consistency_proof(nodes, older->size, newer->size);
    if (!proof) return proof.error();
    return json_response(200, audit::consistency_document(older->note, newer->note, *proof));
  });
}

void audit_evidence(Services& services, const CallPtr& call) {
  const auto from = query_number(*call, "from");
  if (!from) return services.refuse(call, from.error());
  const auto to = query_number(*call, "to");
  if (!to) return services.refuse(call, to.error());
  search_own(services, call, "audit_evidence", [=](db::Transaction& tx) -> Result<http::Response> {
    const auto& tenant_id = proven_log(*call);
    const auto checkpoint = checkpoint_at(tx, tenant_id, std::nullopt);
    if (!checkpoint) return checkpoint.error();
    const auto first = *from ? **from : std::min(audit::first_kept(tx, tenant_id), checkpoint->size);
    const auto wanted = std::min(to->value_or(checkpoint->size), checkpoint->size);
    if (first > wanted) return Error::invalid("/from", "maximum", "must not be above to, nor above the signed size");
    const auto past_max = first + std::min(wanted - first, evidence_records_max);
    std::string lines;
    auto past = first;
    while (past < past_max && lines.size() < evidence_bytes_max) {
      const auto slice = read_leaves(tx, tenant_id, past, std::min(past_max, past + evidence_slice));
      if (slice.empty()) return why_missing(tx, tenant_id, past);
      for (const auto& leaf : slice) audit::append_evidence_line(lines, past++, leaf);
    }
    audit::PostgresNodes nodes(tx, tenant_id);
    auto before = audit::compact_range(nodes, 0, first);
    if (!before) return before.error();
    auto after = audit::compact_range(nodes, past, checkpoint->size);
    if (!after) return after.error();
    auto response = text_response(
        "application/x-ndjson",
        audit::evidence_line({checkpoint->note, first, past - first, *std::move(before), *std::move(after)}) + lines);
    if (past < wanted) {
      std::string next = call->request().path + "?from=" + std::to_string(past);
      if (to->has_value()) next += "&to=" + std::to_string(wanted);
      response.headers.add("Link", "<" + next + ">; rel=\"next\"");
    }
    return response;
  });
}

// Public: whoever verifies need not be a member. Of a tenant's name it says nothing but the key's, whether or not there
// is such a tenant.
void audit_keys(Services& services, const CallPtr& call) {
  const std::string tenant_id{call->request().query_value("tenant_id").value_or("")};
  if (!tenant_id.empty() && !tenancy::is_slug(tenant_id)) {
    return services.refuse(call, Error::invalid("/tenant_id", "tenant_id", "must be a tenant's id"));
  }
  json keys = json::array();
  for (const auto& [key, retired] : services.config.audit_keys) {
    json entry = {
        {"type", "ed25519"}, {"public_key", audit::public_key_text(key)}, {"status", retired ? "retired" : "current"}};
    if (!tenant_id.empty()) {
      entry["vkey"] = audit::NoteKey(audit::checkpoint_origin(services.config.deployment, tenant_id), key).vkey();
    }
    keys.push_back(std::move(entry));
  }
  services.answer(call,
                  json_response(200, {{"origin", audit::checkpoint_origin(services.config.deployment, "<tenant_id>")},
                                      {"keys", std::move(keys)}}));
}

}  // namespace tenantry::gateway
