// How many records a search finds over time: of all of them, not of the page that shows.
#include <charconv>
#include <nlohmann/json.hpp>

#include "shared/db/connection.h"
#include "workers/gateway/api/audit/handlers.h"
#include "workers/gateway/api/audit/query.h"
#include "workers/gateway/edge/content.h"
#include "workers/gateway/edge/verbs.h"

namespace tenantry::gateway {
namespace {

using nlohmann::json;

constexpr int columns_usual = 60;
constexpr int columns_max = 200;

struct HistogramRequest {
  AuditQuery query;
  int columns = columns_usual;
  std::optional<audit_search::Extent> over{};  // of the answer that this one goes on from
};

Result<HistogramRequest> parse_histogram(const Services& services, const Call& call) {
  auto query = parse_audit_query(services, call);
  if (!query) return query.error();
  HistogramRequest out{.query = *std::move(query)};
  out.query.page.abandoned = [exchange = call.exchange] { return !exchange->connected(); };
  if (const auto text = call.request().query_value("columns")) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out.columns);
    if (error != std::errc{} || end != text->data() + text->size() || out.columns < 1 || out.columns > columns_max) {
      return Error::invalid("/columns", "range", "must be a whole number from 1 to 200");
    }
  }
  const auto begins = query_time(call.request(), "begins");
  if (!begins) return begins.error();
  const auto ends = query_time(call.request(), "ends");
  if (!ends) return ends.error();
  if (begins->has_value() != ends->has_value() || (*begins && **begins >= **ends)) {
    return Error::invalid("/begins", "range", "must be given with ends, and lie before it");
  }
  if (out.query.page.after && !*begins) {
    return Error::invalid("/begins", "required", "must be that of the answer to go on from");
  }
  if (*begins) out.over = audit_search::Extent{.from = **begins, .to = **ends};
  return out;
}

http::Response histogram_response(const HistogramRequest& request, const AuditCounts& counted) {
  return json_response(
      200,
      {{"begins", to_rfc3339(counted.over.from)},
       {"ends", to_rfc3339(counted.over.to)},
       {"counts", counted.counts.columns},
       {"next_cursor", counted.counts.next ? json(audit_cursor(request.query, *counted.counts.next)) : json(nullptr)}});
}

}  // namespace

void audit_histogram(Services& services, const CallPtr& call) {
  const auto asked = parse_histogram(services, *call);
  if (!asked) return services.refuse(call, asked.error());
  if (!call->of_platform) {
    return search(services, call, [&services, request = *asked](db::Transaction& tx) {
      return histogram_response(request,
                                count_audit(tx, request.query, request.over, request.columns, services.clock.now()));
    });
  }
  search_on_record(
      services, call,
      [&services, call, request = *asked](db::Transaction& tx, messaging::Outbox& outbox) -> Result<http::Response> {
        if (auto known = check_tenant(tx, request.query, *call); !known) return known.error();
        const auto counted = count_audit(tx, request.query, request.over, request.columns, services.clock.now());
        tell_read(outbox, audit_log_of(request.query), "audit_histogram");
        return histogram_response(request, counted);
      });
}

}  // namespace tenantry::gateway
