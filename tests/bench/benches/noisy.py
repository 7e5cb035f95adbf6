"""What one tenant's flood does to the others: their p99 beside their p99 alone.

Twenty quiet tenants send five events a second each. Then the same while another tenant sends a flood as fast as
the broker takes it; only quiet events sent before the last record of the flood count. And the same beside a flood of a
tenant that no worker of ours serves: so much of it is the broker's and the machine's, whatever we do.
"""
import contextlib

from bench import AUDITED, Failed, say, warm_up
from figures import percentile, ratio_at_most

SUMMARY = "a quiet tenant's p99 while another floods"
ORDER = 20
QUIET = 20  # bench-0001 and on; bench-0000 is the noisy one
RATE = 100  # of all quiet ones together
UNSERVED = QUIET + 1


def watch_quiet(bench, seconds):
    """The quiet load and its watcher, begun."""
    watch = bench.tool("bench_watch", "--first", 1, "--tenants", QUIET, "--events", int(RATE * seconds),
                       "--database", bench.database_url)
    load = bench.load("audit", QUIET, first=1, rate=RATE, seconds=seconds, wait=True)
    watch.ready()
    load.ready()
    load.go()
    return watch, load


@contextlib.contextmanager
def unserved(bench):
    """Its vhost and its queues are there, and none of ours attaches to it."""
    def present(value):  # what the worker's list of tenants goes by
        bench.sql.rows(f"UPDATE platform.tenants SET vhost_present = {value} WHERE tenant_id = 'bench-{UNSERVED:04d}'")

    present("false")
    try:
        yield
        if int(bench.sql.value(f"SELECT count(*) FROM audit.heads WHERE tenant_id = 'bench-{UNSERVED:04d}'")):
            raise Failed("the flood that nobody was to take was taken")
    finally:
        present("true")
        bench.empty_queues()


def latencies(watch, until=float("inf")):
    """Milliseconds of the events that were sent before then, in Unix time."""
    seen = watch.result()
    return [latency / 1000 for at, latency in zip(seen["at_us"], seen["latencies_us"]) if at < until * 1e6]


def measure(bench, events, seconds):
    """Latencies alone, beside a flood that we take, beside one that nobody does; and the CPU of the second."""
    with bench.ours("audit") as process:
        warm_up(bench, "audit", QUIET + 1, AUDITED, process)
        watch, load = watch_quiet(bench, seconds)
        load.result()
        alone = latencies(watch)

        noisy = "SELECT size FROM audit.heads WHERE tenant_id = 'bench-0000'"
        target = int(bench.sql.value(noisy)) + events
        flood = bench.load("audit", 1, events=events, wait=True)
        flood.ready()
        with bench.cpu() as cpu:
            watch, load = watch_quiet(bench, seconds)
            flood.go()
            samples = bench.follow(noisy, target, process)
            flood.result()
        load.result()
        beside = latencies(watch, samples[-1][0])

        flood = bench.load("audit", 1, first=UNSERVED, events=events, wait=True)
        flood.ready()
        watch, load = watch_quiet(bench, seconds)
        flood.go()
        confirmed_at = flood.result()["confirmed_at"]
        load.result()
        beside_untaken = latencies(watch, confirmed_at)
    return alone, beside, beside_untaken, cpu


def run(bench):
    bench.tenants(QUIET + 2)
    events = 200_000 if bench.long else 50_000
    with unserved(bench):
        alone, beside, beside_untaken, cpu = measure(bench, events, 60 if bench.long else 15)
    for each in beside, beside_untaken:
        if len(each) < 300:
            raise Failed(f"only {len(each)} quiet events met the flood: too few for a p99")
    say("p50: " + ", ".join(f"{name} {percentile(each, 50):.1f} ms" for name, each in (
        ("alone", alone), ("beside the flood", beside), ("beside one that nobody takes", beside_untaken))))
    bench.figure("quiet p99", percentile(beside, 99), "ms", baseline="p99 alone", baseline_value=percentile(alone, 99),
                 floor=ratio_at_most(2), cpu=cpu, note=f"{len(beside):,} quiet events met a flood of {events:,}")
    bench.figure("quiet p99, untaken flood", percentile(beside_untaken, 99), "ms", baseline="p99 alone",
                 baseline_value=percentile(alone, 99),
                 note=f"{len(beside_untaken):,} quiet events met a flood of as many that no worker took")
