"""Two replicas share the tenants: one is killed and started again, then one leaves and the other serves all.

Shown, not measured beside something: every tenant's events go on within ten seconds of each change, none is lost or
counted twice, and each tenant's are audited in the order in which they were published.
"""
import time

from bench import AUDITED, METERED, Failed, say, until, warm_up
from figures import at_most

SUMMARY = "replicas: a killed one's tenants go on, nothing lost, order kept"
ORDER = 70
TENANTS = 100
RATE = 500  # events a second over all tenants
WORKERS = ("audit", "metering")

# Sequence follows the order of arrival; the time of an event, that of publishing.
OUT_OF_ORDER = ("SELECT count(*) FROM (SELECT occurred_at < lag(occurred_at) OVER (PARTITION BY tenant_id ORDER BY "
                "sequence) AS back FROM audit.records WHERE tenant_id LIKE 'bench-____') AS r WHERE back")
TWICE = "SELECT count(*) FROM (SELECT FROM audit.records GROUP BY event_id HAVING count(*) > 1) AS r"


def caught_up(bench, target):
    """Seconds until all of `target` are in the log and in the counters."""
    began = time.monotonic()
    for statement in (AUDITED, METERED):
        until(f"{statement} = {target}", lambda sql=statement: int(bench.sql.value(sql)) >= target, 60)
    return time.monotonic() - began


def run(bench):
    bench.tenants(TENANTS)
    bench.fresh_database()
    with bench.ours(*WORKERS, shard="1/2") as first:
        with bench.ours(*WORKERS, shard="2/2") as second:
            warm_up(bench, "usage", TENANTS, METERED, first)
            total = 2 * TENANTS
            seconds = 10

            load = bench.load("usage", TENANTS, rate=RATE, seconds=seconds, wait=True)
            load.ready()
            load.go()
            until("the load is under way", lambda: int(bench.sql.value(METERED)) > total + RATE, 60)
            second.kill()
            say("killed the second replica")
            load.result()
            total += RATE * seconds
            held = total - int(bench.sql.value(AUDITED))
            if held <= 0:
                raise Failed("the killed replica had no tenants")
            with bench.ours(*WORKERS, shard="2/2"):
                bench.figure("killed replica back: its tenants go on", caught_up(bench, total), "s", floor=at_most(10),
                             note=f"{held:,} events had waited")
                load = bench.load("usage", TENANTS, rate=RATE, seconds=3)
                load.result()
                total += RATE * 3
                caught_up(bench, total)
        # Both are asked to leave; one comes back for all.
    load = bench.load("usage", TENANTS, rate=RATE, seconds=3)
    load.result()
    total += RATE * 3
    with bench.ours(*WORKERS, shard="1/1"):
        bench.figure("one replica of two left: its tenants go on", caught_up(bench, total), "s", floor=at_most(10))
    for what, statement, wanted in (("events audited", AUDITED, total), ("events counted", METERED, total),
                                    ("out of order", OUT_OF_ORDER, 0), ("audited twice", TWICE, 0)):
        value = int(bench.sql.value(statement))
        if value != wanted:
            raise Failed(f"{what}: {value}, and not {wanted}")
        bench.figure(what, value, "")
