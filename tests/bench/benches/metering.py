"""How many usage events a second are counted, beside the audit log's rate in the same run.

The audit worker does not run, and its queues are unbound from the tenants' exchanges meanwhile: else each event
would be routed to a queue that nobody empties.
"""
import urllib.parse

from bench import METERED, rate_between, say, warm_up
from figures import ratio_at_least
from . import audit

SUMMARY = "usage events/s into the counters, beside the audit log's rate"
ORDER = 60


def audit_bindings(bench, tenants):
    for number in range(tenants):
        name = f"bench-{number:04d}"
        for exchange in ("events", "app"):
            yield f"bindings/tenant-{name}/e/{name}.{exchange}/q/{name}.audit"


def unbind_audit(bench, tenants):
    key = urllib.parse.quote("#", safe="")
    bench.in_parallel(lambda path: bench.management("DELETE", f"{path}/{key}"), audit_bindings(bench, tenants))


def bind_audit(bench, tenants):
    bench.in_parallel(lambda path: bench.management("POST", path, {"routing_key": "#", "arguments": {}}),
                      audit_bindings(bench, tenants))


def drain(bench, tenants, events):
    target = int(bench.sql.value(METERED)) + events
    bench.load("usage", tenants, events=events).result()
    with bench.ours("metering") as process, bench.cpu() as cpu:
        samples = bench.follow(METERED, target, process)
    bench.all_taken("metering", tenants)
    return rate_between(samples), cpu


def flood(bench, tenants, events):
    with bench.ours("metering") as process:
        warm_up(bench, "usage", tenants, METERED, process)
        target = int(bench.sql.value(METERED)) + events
        load = bench.load("usage", tenants, events=events, wait=True)
        load.ready()
        with bench.cpu() as cpu:
            load.go()
            samples = bench.follow(METERED, target, process)
            published = load.result()
    bench.all_taken("metering", tenants)
    say(f"published at {events / (published['confirmed_at'] - published['started_at']):,.0f} events/s")
    return events / (samples[-1][0] - published["started_at"]), cpu


def run(bench):
    tenants = bench.options.tenants or 100
    events = 300_000 if bench.long else 60_000
    bench.tenants(tenants)
    for mode, counted, recorded in (("drain", drain, audit.drain), ("flood", flood, audit.flood)):
        of_audit = bench.found("audit", f"{mode}, {tenants} tenants")
        audit_rate = of_audit.value if of_audit else recorded(bench, tenants, events)[0]
        bench.fresh_database()
        unbind_audit(bench, tenants)
        try:
            rate, cpu = counted(bench, tenants, events)
        finally:
            bind_audit(bench, tenants)
        bench.figure(f"{mode}, {tenants} tenants", rate, "events/s", baseline="audit in this run",
                     baseline_value=audit_rate, floor=ratio_at_least(1.2) if tenants == 100 else None, cpu=cpu)
