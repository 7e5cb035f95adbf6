#!/usr/bin/python3
"""Writes grafana/*.json: `dashboards.py` into the folder beside it, `dashboards.py --check` fails where they differ.

Dashboards are data: a title, and panels of a title, a unit and queries. Stable uids and no ids, so that an import again updates.
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
API = 'http_route!~"/livez|/readyz|/metrics"'
DURATION = "http_server_request_duration_seconds"

STATUSES = ("pending", "trial", "active", "suspended", "cancelled")  # as tenantry_tenant_status counts them
ONE = '{tenant="$tenant"}'


def worst(metric):
    """Of ten tenants, of those that have any."""
    return [(f"topk(10, {metric} > 0)", "{{tenant}}")]


BOARDS = {
    "tenantry-tenants": ("Tenantry: all tenants", [
        ("Tenants by status", "short", [(f"count(tenantry_tenant_status == {number})", name) for number, name in enumerate(STATUSES)]),
        ("Tenants by plan", "short", [("count by (plan) (tenantry_tenant_info)", "{{plan}}")]),
        ("Events recorded", "ops", [("sum(deriv(tenantry_tenant_audit_records[5m]))", "a second")]),
        ("Busiest tenants, by events recorded", "ops", worst("deriv(tenantry_tenant_audit_records[5m])")),
        ("Longest wait of an event for its publishing", "s", worst("tenantry_tenant_events_waiting_seconds")),
        ("Dead letters that wait", "short", worst("tenantry_tenant_dead_letters")),
        ("Stripe's events that are parked", "short", worst("tenantry_tenant_stripe_events_parked")),
        ("Nearest to a limit of their plans", "percentunit", worst("tenantry_tenant_limit_ratio")),
        ("Most calls of the API this month", "short", worst("tenantry_tenant_api_calls")),
        ("Tenants beyond the cap of the scrape", "short", [("tenantry_tenant_metrics_left_out", "left out")]),
    ]),
    "tenantry-tenant": ("Tenantry: one tenant", [
        ("Status: " + ", ".join(f"{number} {name}" for number, name in enumerate(STATUSES)), "short", [("tenantry_tenant_status" + ONE, "{{tenant}}")]),
        ("Fullest limit of its plan", "percentunit", [("tenantry_tenant_limit_ratio" + ONE, "of the limit")]),
        ("Events recorded", "ops", [(f"deriv(tenantry_tenant_audit_records{ONE}[5m])", "a second")]),
        ("Events due and not published", "short", [("tenantry_tenant_events_waiting" + ONE, "events")]),
        ("… for how long", "s", [("tenantry_tenant_events_waiting_seconds" + ONE, "the oldest")]),
        ("Set aside", "short", [("tenantry_tenant_dead_letters" + ONE, "dead letters"), ("tenantry_tenant_stripe_events_parked" + ONE, "Stripe's events, parked")]),
        ("Calls of its API this month", "short", [("tenantry_tenant_api_calls" + ONE, "calls")]),
        ("Stored", "bytes", [("tenantry_tenant_storage_bytes" + ONE, "bytes")]),
        ("Active members", "short", [("tenantry_tenant_users" + ONE, "people")]),
    ]),
    "tenantry-api": ("Tenantry: API", [
        ("Requests", "reqps", [(f"sum by (http_response_status_code) (rate({DURATION}_count{{{API}}}[$__rate_interval]))", "{{http_response_status_code}}")]),
        ("Answers that were 5xx", "percentunit", [("tenantry:http_errors:ratio_rate5m", "of 5 minutes"), ("tenantry:http_errors:ratio_rate1h", "of an hour")]),
        ("Error budget left, 30 days at 99.95 %", "percentunit", [
            (f'1 - (sum(increase({DURATION}_count{{http_response_status_code=~"5..",{API}}}[30d])) or vector(0)) / (0.0005 * sum(increase({DURATION}_count{{{API}}}[30d])))', "left")]),
        ("Time to answer", "s", [(f"histogram_quantile({q}, sum by (le) (rate({DURATION}_bucket{{{API}}}[$__rate_interval])))", f"p{round(q * 100)}") for q in (0.5, 0.95, 0.99)]),
        ("Slowest routes, p99", "s", [(f"topk(10, histogram_quantile(0.99, sum by (le, http_route) (rate({DURATION}_bucket{{{API}}}[$__rate_interval]))))", "{{http_route}}")]),
        ("Refused by a limit (429) or its lanes (503)", "reqps", [(f'sum by (http_response_status_code) (rate({DURATION}_count{{http_response_status_code=~"429|503",{API}}}[$__rate_interval]))', "{{http_response_status_code}}")]),
    ]),
    "tenantry-workers": ("Tenantry: workers and events", [
        ("Events handled", "ops", [("tenantry:events_handled:rate5m", "{{worker}}")]),
        ("Failures, tried again or set aside", "ops", [("sum by (worker, outcome) (rate(tenantry_consumed_failures_total[$__rate_interval]))", "{{worker}} {{outcome}}")]),
        ("Duplicates, known before", "ops", [("sum by (worker) (rate(tenantry_consumed_duplicates_total[$__rate_interval]))", "{{worker}}")]),
        ("Dead letters of a day", "short", [("sum by (worker, reason) (increase(tenantry_dead_letters_total[1d]))", "{{worker}} {{reason}}")]),
        ("Given to the broker, by outcome", "ops", [("sum by (outcome) (rate(tenantry_relay_publishes_total[$__rate_interval]))", "{{outcome}}")]),
        ("Vhosts attached, by process", "short", [("tenantry_attached_vhosts", "{{instance}}")]),
        ("Connections tried", "ops", [("sum by (purpose) (rate(tenantry_connection_attempts_total[$__rate_interval]))", "{{purpose}}")]),
        ("Rows kept long enough", "ops", [("sum(rate(tenantry_housekeeping_removed_total[$__rate_interval]))", "removed")]),
        ("Audit logs that cannot be signed", "short", [("max(tenantry_signer_unsignable_logs)", "logs")]),
    ]),
}


def panel(number, title, unit, queries):
    source = {"type": "prometheus", "uid": "${source}"}
    return {"type": "timeseries", "title": title, "datasource": source,
            "gridPos": {"x": number % 2 * 12, "y": number // 2 * 8, "w": 12, "h": 8},
            "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
            "options": {"legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True}, "tooltip": {"mode": "multi", "sort": "desc"}},
            "targets": [{"refId": chr(ord("A") + i), "datasource": source, "expr": expression, "legendFormat": legend} for i, (expression, legend) in enumerate(queries)]}


def variables(panels):
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Data source"}
    tenant = {"name": "tenant", "type": "query", "label": "Tenant", "datasource": {"type": "prometheus", "uid": "${source}"},
              "query": "label_values(tenantry_tenant_info, tenant)", "refresh": 2, "sort": 1}
    return [source, tenant] if any("$tenant" in expression for _, _, queries in panels for expression, _ in queries) else [source]


def board(uid, title, panels):
    return {"uid": uid, "title": title, "tags": ["tenantry"], "schemaVersion": 39, "editable": True, "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"}, "timezone": "browser",
            "templating": {"list": variables(panels)},
            "panels": [panel(number, *each) for number, each in enumerate(panels)]}


def main():
    wrong = []
    for uid, (title, panels) in BOARDS.items():
        path = os.path.join(HERE, "grafana", uid + ".json")
        text = json.dumps(board(uid, title, panels), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        if "--check" not in sys.argv:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        elif not os.path.exists(path) or open(path, encoding="utf-8").read() != text:
            wrong.append(path)
    if wrong:
        sys.exit("not what dashboards.py writes: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
