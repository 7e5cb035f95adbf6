"""How soon an event stands in the audit log, at a steady thousand a second.

From the event's own time, which the load sets as it publishes, until a reader that asks every half millisecond has
its record in hand. Load, reader and servers share one clock. The median of three runs.
"""
from bench import AUDITED, say, warm_up
from figures import at_most, median, percentile

SUMMARY = "publish → audit row visible at 1,000 events/s"
ORDER = 10
TENANTS = 20
RATE = 1000


def measure(bench, seconds, rate=RATE, tenants=TENANTS):
    """Milliseconds from each event's time until its record was seen."""
    watch = bench.tool("bench_watch", "--tenants", tenants, "--events", int(rate * seconds),
                       "--database", bench.database_url)
    load = bench.load("audit", tenants, rate=rate, seconds=seconds, wait=True)
    watch.ready()
    load.ready()
    load.go()
    published = load.result()
    seen = watch.result()
    return [each / 1000 for each in seen["latencies_us"]], published["late_max_ms"]


def run(bench):
    bench.tenants(TENANTS)
    seconds = 60 if bench.long else 10
    halves, worsts, late = [], [], 0
    with bench.ours("audit") as process:
        warm_up(bench, "audit", TENANTS, AUDITED, process)
        for _ in range(3):
            with bench.cpu() as cpu:
                latencies, late_now = measure(bench, seconds)
            late = max(late, late_now)
            halves.append(percentile(latencies, 50))
            worsts.append(percentile(latencies, 99))
            say(f"p50 {halves[-1]:.1f} ms, p99 {worsts[-1]:.1f} ms, worst {max(latencies):.1f} ms")
    note = f"median of three runs of {seconds} s; the load was late by {late:.0f} ms at most"
    bench.figure("p50", median(halves), "ms", floor=at_most(5), cpu=cpu, note=note)
    bench.figure("p99", median(worsts), "ms", floor=at_most(25), cpu=cpu)
