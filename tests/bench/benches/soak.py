"""All workers under a flood that does not end: is their memory flat?

Rounds of events of applications, audited and metered, one after another until the time is over; after each, the
process's resident memory. What it needs it has by the first quarter; from then on it must not grow.
"""
import time

from bench import AUDITED, METERED, Failed, memory_of, say, stand, until
from figures import at_most, median

SUMMARY = "a flood over minutes: memory of all workers stays flat"
ORDER = 110
TENANTS = 20
ROUND = 20_000
GROWTH_MAX = 5  # MB: an allocator's noise


def run(bench):
    bench.tenants(TENANTS)
    seconds = 600 if bench.long else 40
    sizes, events = [], 0
    with bench.ours("all") as process:
        stand(bench, TENANTS, process)
        audited, metered = int(bench.sql.value(AUDITED)), int(bench.sql.value(METERED))
        began = time.monotonic()
        with bench.cpu() as cpu:
            while time.monotonic() - began < seconds:
                bench.load("usage", TENANTS, events=ROUND).result()
                events += ROUND
                process.check()
                sizes.append(memory_of(process.pid) / 2**20)
            until("every event is counted", lambda: int(bench.sql.value(METERED)) >= metered + events, bench.patience)
            until("every event is audited", lambda: int(bench.sql.value(AUDITED)) >= audited + events, bench.patience)
        elapsed = time.monotonic() - began
        sizes.append(memory_of(process.pid) / 2**20)
    quarter = max(1, len(sizes) // 4)
    if len(sizes) < 4:
        raise Failed("too few rounds to see whether memory grows")
    early, late = median(sizes[quarter:2 * quarter]), median(sizes[-quarter:])
    say(f"{events:,} events in {elapsed:.0f} s; memory from {min(sizes):.1f} to {max(sizes):.1f} MB")
    bench.figure("events/s", events / elapsed, "events/s", cpu=cpu)
    bench.figure("memory, highest", max(sizes), "MB")
    bench.figure("memory, last quarter beyond the second", late - early, "MB", floor=at_most(GROWTH_MAX))
