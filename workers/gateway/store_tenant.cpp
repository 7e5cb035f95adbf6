// A tenant's own rows. Every function sets the tenant before it reads.
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "shared/json/json.h"
#include "shared/audit_search/reader.h"
#include "workers/gateway/store.h"

namespace tenantry::gateway::store {
namespace {

using nlohmann::json;

constexpr int usage_rows_max = 10'000;

json number(double value) {
  if (std::floor(value) == value && std::abs(value) < 9e15) return static_cast<std::int64_t>(value);
  return value;
}

json instant(const db::Row& row, int column) {
  const auto at = row.optional_timestamp(column);
  return at ? json(to_rfc3339(*at)) : json(nullptr);
}

json client_of(const db::Row& row) {
  return {{"id", row.text(0)},
          {"name", row.text(1)},
          {"email", row.text(2)},
          {"created_by", row.text(3)},
          {"created_at", to_rfc3339(row.timestamp(4))}};
}

}  // namespace

bool store_open(db::Transaction& tx, std::string_view tenant_id) {
  tx.set_tenant(tenant_id);
  return !tx.exec("SELECT FROM tenant_data.stores WHERE tenant_id = $1", {tenant_id}).empty();
}

void add_client(db::Transaction& tx, std::string_view tenant_id, const NewClient& client, Timestamp now) {
  tx.set_tenant(tenant_id);
  tx.send(
      "INSERT INTO tenant_data.clients (tenant_id, client_id, name, email, created_by, created_at) "
      "VALUES ($1, $2, $3, $4, $5, $6)",
      {tenant_id, client.client_id, client.name, client.email, client.created_by, now});
}

std::optional<json> read_client(db::Transaction& tx, std::string_view tenant_id, std::string_view client_id) {
  tx.set_tenant(tenant_id);
  const auto rows = tx.exec(
      "SELECT client_id, name, email, created_by, created_at FROM tenant_data.clients "
      "WHERE tenant_id = $1 AND client_id = $2",
      {tenant_id, client_id});
  if (rows.empty()) return std::nullopt;
  return client_of(rows[0]);
}

json list_clients(db::Transaction& tx, std::string_view tenant_id, const Page& page) {
  tx.set_tenant(tenant_id);
  const bool first = page.after.empty();
  json list = json::array();
  for (const auto row :
       tx.exec("SELECT client_id, name, email, created_by, created_at FROM tenant_data.clients WHERE tenant_id = $1 "
               "AND ($2::timestamptz IS NULL OR (created_at, client_id) > ($2, $3::uuid)) "
               "ORDER BY created_at, client_id LIMIT $4",
               {tenant_id, first ? db::Param(nullptr) : db::Param(page.after[0]),
                first ? db::Param(nullptr) : db::Param(page.after[1]), page.limit})) {
    list.push_back(client_of(row));
  }
  return list;
}

std::vector<Metric> list_metrics(db::Transaction& tx) {
  std::vector<Metric> metrics;
  for (const auto row : tx.exec("SELECT metric, unit, reset, limit_name FROM metering.metrics ORDER BY metric")) {
    metrics.push_back(
        {std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)), std::string(row.text(3))});
  }
  return metrics;
}

double used_of(db::Transaction& tx, std::string_view tenant_id, const Metric& metric, Timestamp now) {
  tx.set_tenant(tenant_id);
  if (metric.name == "users") {  // the members themselves, which no event can be late for
    const auto rows = tx.exec("SELECT count(*) FROM platform.memberships WHERE tenant_id = $1", {tenant_id});
    return static_cast<double>(rows[0].int64(0));
  }
  const bool monthly = metric.reset == "monthly";
  const auto rows = tx.exec(
      "SELECT quantity FROM metering.counters WHERE tenant_id = $1 AND metric = $2 AND span = $3 "
      "AND ($4::timestamptz IS NULL OR window_start = $4) ORDER BY window_start DESC LIMIT 1",
      {tenant_id, metric.name, monthly ? "month" : "total",
       monthly ? db::Param(floor_month(now)) : db::Param(nullptr)});
  return rows.empty() ? 0 : rows[0].real(0);
}

json list_usage(db::Transaction& tx, std::string_view tenant_id, const UsageFilter& filter) {
  tx.set_tenant(tenant_id);
  json list = json::array();
  for (const auto row :
       tx.exec("SELECT metric, span, window_start, quantity, events FROM metering.counters WHERE tenant_id = $1 "
               "AND ($2 = '' OR metric = $2) AND ($3 = '' OR span = $3) "
               "AND ($4::timestamptz IS NULL OR window_start >= $4) AND ($5::timestamptz IS NULL OR window_start < $5) "
               "ORDER BY metric, span, window_start LIMIT $6",
               {tenant_id, filter.metric, filter.span, filter.from, filter.to, usage_rows_max})) {
    list.push_back({{"metric", row.text(0)},
                    {"span", row.text(1)},
                    {"window_start", to_rfc3339(row.timestamp(2))},
                    {"quantity", number(row.real(3))},
                    {"events", row.int64(4)}});
  }
  return list;
}

std::map<std::string, std::vector<std::string>, std::less<>> users_by_email(db::Transaction& tx,
                                                                            const std::vector<std::string>& emails,
                                                                            std::string_view tenant_id) {
  std::map<std::string, std::vector<std::string>, std::less<>> users;
  if (emails.empty()) return users;
  const auto rows = tx.exec(
      "SELECT u.email, u.user_id FROM platform.users u WHERE u.email = ANY ($1) AND ($2 = '' OR EXISTS "
      "(SELECT FROM platform.memberships m WHERE m.user_id = u.user_id AND m.tenant_id = $2))",
      {db::Param::array(emails), tenant_id});
  for (const auto row : rows) users[std::string(row.text(0))].emplace_back(row.text(1));
  return users;
}

std::map<std::string, std::int64_t> audit_sizes(db::Transaction& tx, const std::vector<std::string>& tenants) {
  audit_search::allow_all_tenants(tx);
  std::map<std::string, std::int64_t> sizes;
  const auto rows =
      tx.exec("SELECT tenant_id, size FROM audit.heads WHERE tenant_id = ANY ($1)", {db::Param::array(tenants)});
  for (const auto row : rows) sizes.emplace(row.text(0), row.int64(1));
  return sizes;
}

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

json read_billing(db::Transaction& tx, std::string_view tenant_id) {
  tx.set_tenant(tenant_id);
  json out = {{"billing", nullptr}, {"stripe_subscription", nullptr}};
  const auto account =
      tx.exec("SELECT state, past_due_since, paid_at FROM billing.accounts WHERE tenant_id = $1", {tenant_id});
  if (!account.empty()) {
    out["billing"] = {
        {"state", account[0].text(0)}, {"past_due_since", instant(account[0], 1)}, {"paid_at", instant(account[0], 2)}};
  }
  const auto subscription = tx.exec(
      "SELECT stripe_subscription_id, status, price_id, current_period_end, cancel_at_period_end "
      "FROM billing.stripe_subscriptions WHERE tenant_id = $1 ORDER BY stated_at DESC LIMIT 1",
      {tenant_id});
  if (!subscription.empty()) {
    out["stripe_subscription"] = {{"id", subscription[0].text(0)},
                                  {"status", subscription[0].text(1)},
                                  {"price_id", subscription[0].text(2)},
                                  {"current_period_end", instant(subscription[0], 3)},
                                  {"cancel_at_period_end", subscription[0].boolean(4)}};
  }
  const auto invoices = tx.exec("SELECT count(*) FROM billing.invoices WHERE tenant_id = $1", {tenant_id});
  out["invoices"] = invoices[0].int64(0);
  return out;
}

}  // namespace tenantry::gateway::store
