"""What one tenant's flood does to the others: their p99 beside their p99 alone.

Twenty quiet tenants send five events a second each. Then the same while another tenant sends a flood as fast as
the broker takes it; only quiet events sent before the last record of the flood count.
"""
from bench import AUDITED, Failed, say, warm_up
from figures import percentile, ratio_at_most

SUMMARY = "a quiet tenant's p99 while another floods"
ORDER = 20
QUIET = 20  # bench-0001 and on; bench-0000 is the noisy one
RATE = 100  # of all quiet ones together


def watch_quiet(bench, seconds):
    """The quiet load and its watcher, begun."""
    watch = bench.tool("bench_watch", "--first", 1, "--tenants", QUIET, "--events", int(RATE * seconds),
                       "--database", bench.database_url)
    load = bench.load("audit", QUIET, first=1, rate=RATE, seconds=seconds, wait=True)
    watch.ready()
    load.ready()
    load.go()
    return watch, load


def run(bench):
    bench.tenants(QUIET + 1)
    events = 200_000 if bench.long else 50_000
    seconds = 60 if bench.long else 15
    with bench.ours("audit") as process:
        warm_up(bench, "audit", QUIET + 1, AUDITED, process)
        flood = bench.load("audit", 1, events=events, wait=True)
        flood.ready()
        watch, load = watch_quiet(bench, seconds)
        load.result()
        alone = [each / 1000 for each in watch.result()["latencies_us"]]

        noisy = "SELECT size FROM audit.heads WHERE tenant_id = 'bench-0000'"
        target = int(bench.sql.value(noisy)) + events
        with bench.cpu() as cpu:
            watch, load = watch_quiet(bench, seconds)
            flood.go()
            samples = bench.follow(noisy, target, process)
            flood.result()
        load.result()
        seen = watch.result()
    over_us = samples[-1][0] * 1e6
    beside = [latency / 1000 for at, latency in zip(seen["at_us"], seen["latencies_us"]) if at < over_us]
    if len(beside) < 300:
        raise Failed(f"only {len(beside)} quiet events met the flood: too few for a p99")
    say(f"alone p50 {percentile(alone, 50):.1f} ms; beside the flood p50 {percentile(beside, 50):.1f} ms, "
        f"worst {max(beside):.1f} ms")
    bench.figure("quiet p99", percentile(beside, 99), "ms", baseline="p99 alone", baseline_value=percentile(alone, 99),
                 floor=ratio_at_most(2), cpu=cpu, note=f"{len(beside):,} quiet events met a flood of {events:,}")
