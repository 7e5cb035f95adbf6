"""How many events a second become durable, deduplicated, hash-treed audit records, beside a bare drain.

Drain: the queues are full before our process starts, and nobody publishes. Counted from the first records seen to
the last. Flood: a publisher sends the same number as fast as the broker takes them, while we consume. Counted from
its first event to the last record. The baseline does the same with one queue of the same events. Beside the flood
stands a second one, which drains the queues of all the tenants and does nothing else with what it gets either: the
most that anybody can get of so many vhosts on this machine.
"""

from bench import AUDITED, Failed, rate_between, say, warm_up
from figures import median, ratio_at_least

SUMMARY = "events/s into the audit log, beside a bare drain of the same broker into the same table"
ORDER = 50

# What design section 10 asks with 100 tenants, and issue 3 with 1,000.
FLOORS = {100: 0.9, 1000: 0.7}


def make_baseline_table(bench):
    """As audit.records, indexes too, but unique by event: there is no inbox beside it."""
    bench.sql.rows("CREATE SCHEMA IF NOT EXISTS bench")
    bench.sql.rows("DROP TABLE IF EXISTS bench.records")
    bench.sql.rows("CREATE TABLE bench.records (LIKE audit.records INCLUDING ALL)")
    key = bench.sql.value("SELECT conname FROM pg_constraint WHERE conrelid = 'bench.records'::regclass AND contype = 'p'")
    bench.sql.rows(f"ALTER TABLE bench.records DROP CONSTRAINT {key}, ADD PRIMARY KEY (event_id)")


def start_baseline(bench, events, tenants=1):
    """bench_baseline on the audit queues of these tenants, whose consumer we are not now."""
    make_baseline_table(bench)
    return bench.tool("bench_baseline", "--tenants", tenants, "--database", bench.database_url,
                      "--table", "bench.records", "--events", events)


def drain(bench, tenants, events):
    """Our rate, and the CPU seconds it took."""
    target = int(bench.sql.value(AUDITED)) + events
    bench.load("audit", tenants, events=events).result()
    with bench.ours("audit") as process, bench.cpu() as cpu:
        samples = bench.follow(AUDITED, target, process)
    bench.all_taken("audit", tenants)
    return rate_between(samples), cpu


def drain_baseline(bench, events):
    bench.load("audit", 1, events=events).result()
    with bench.cpu() as cpu:
        baseline = start_baseline(bench, events)
        baseline.ready()
        done = baseline.result()
    check_all_fresh(done, events)
    return (events - done["first_count"]) / (done["last_commit_at"] - done["first_commit_at"]), cpu


def check_all_fresh(done, events):
    if done["fresh"] != events:
        raise Failed(f"the baseline has written {done['fresh']} of {events} events")


def flood(bench, tenants, events):
    with bench.ours("audit") as process:
        warm_up(bench, "audit", tenants, AUDITED, process)
        target = int(bench.sql.value(AUDITED)) + events
        load = bench.load("audit", tenants, events=events, wait=True)
        load.ready()
        with bench.cpu() as cpu:
            load.go()
            samples = bench.follow(AUDITED, target, process)
            published = load.result()
    bench.all_taken("audit", tenants)
    say(f"published at {events / (published['confirmed_at'] - published['started_at']):,.0f} events/s")
    return events / (samples[-1][0] - published["started_at"]), cpu


def flood_baseline(bench, events, tenants=1):
    baseline = start_baseline(bench, events, tenants)
    baseline.ready()
    load = bench.load("audit", tenants, events=events, wait=True)
    load.ready()
    with bench.cpu() as cpu:
        load.go()
        published = load.result()
        done = baseline.result()
    check_all_fresh(done, events)
    say(f"baseline of {tenants}: published at {events / (published['confirmed_at'] - published['started_at']):,.0f} events/s")
    return events / (done["last_commit_at"] - published["started_at"]), cpu


def against_baseline(bench, tenants, events):
    for mode, ours, theirs in (("drain", drain, drain_baseline), ("flood", flood, flood_baseline)):
        rates, baselines, cpu = [], [], {}
        for _ in range(3 if bench.long else 1):  # in turn, so that both meet the same weather
            bench.fresh_database()
            rate, cpu_baseline = theirs(bench, events)
            baselines.append(rate)
            rate, cpu = ours(bench, tenants, events)
            rates.append(rate)
        floor = FLOORS.get(tenants) if mode == "flood" else None
        bench.figure(f"bare drain, {mode}", median(baselines), "events/s", cpu=cpu_baseline,
                     note="the drain's own CPU time is under LOAD")
        bench.figure(f"{mode}, {tenants} tenants", median(rates), "events/s", baseline="a bare drain",
                     baseline_value=median(baselines), floor=ratio_at_least(floor) if floor else None, cpu=cpu)


def against_all_queues(bench, tenants, events):
    """Not what the floor speaks of, but what says how much of the distance to it is ours."""
    rates, baselines = [], []
    for _ in range(3 if bench.long else 1):
        bench.fresh_database()
        theirs, cpu_baseline = flood_baseline(bench, events, tenants)
        baselines.append(theirs)
        rate, cpu = flood(bench, tenants, events)
        rates.append(rate)
    bench.figure(f"bare drain of {tenants} tenants, flood", median(baselines), "events/s", cpu=cpu_baseline,
                 note="the drain's own CPU time is under LOAD")
    bench.figure(f"flood, {tenants} tenants, again", median(rates), "events/s", baseline="a bare drain of all of them",
                 baseline_value=median(baselines), cpu=cpu)


def as_it_grows(bench):
    """One log of ten tenants, from nothing: is an event dearer the more there are? The rate depends on who else uses
    the machine; the CPU time of ours and the database per event hardly does."""
    bench.fresh_database()
    first = {}
    size = 0
    for decade in (10_000, 100_000, 1_000_000)[:3 if bench.long else 2]:
        events = decade - size
        rate, cpu = drain(bench, 10, events)
        span = f"log of {size:,} to {decade:,}"
        for figure, value, unit in (("drain", rate, "events/s"),
                                    ("cost", (cpu["ours"] + cpu["database"]) / events * 1e6, "us CPU/event")):
            bench.figure(f"{figure}, {span}", value, unit, cpu=cpu,
                         **({"baseline": "the first of these", "baseline_value": first[figure]} if first.get(figure) else {}))
            first.setdefault(figure, value)
        size = decade


def run(bench):
    counts = [bench.options.tenants] if bench.options.tenants else [1, 100, 1000] if bench.long else [100]
    events = 300_000 if bench.long else 60_000
    for tenants in counts:
        bench.tenants(tenants)
        against_baseline(bench, tenants, events)
        if tenants > 1:
            against_all_queues(bench, tenants, events)
    bench.tenants(10)
    as_it_grows(bench)
