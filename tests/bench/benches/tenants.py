"""What many tenants cost while nothing happens, and how soon all are attached.

All six workers in one process: a connection, six channels and six consumers per tenant. Attached is what works: an
event that every worker's queue hears waits in each vhost, and once each worker has the one of each tenant in its
inbox, every consumer stands. Reattached likewise, with events published after the broker's management API has
closed every connection of ours.
"""
import time

from bench import HANDLED, WORKERS, memory_of, stand
from figures import at_most

SUMMARY = "idle tenants: memory, CPU, time to attach and to attach again"
ORDER = 90
AT = 1000  # tenants for which design section 10 sets its floors


def idle(bench, process, seconds):
    """Percent of a core, over a while in which nothing is published."""
    began = time.monotonic()
    with bench.cpu() as cpu:
        while time.monotonic() - began < seconds:
            process.check()
            time.sleep(0.5)  # this is what is measured: time in which nobody asks for anything
    return 100 * cpu["ours"] / (time.monotonic() - began), cpu


def reattach(bench, tenants, process):
    """Seconds from the last connection's end until each worker has handled another event of each tenant; and how long
    the broker took to close them."""
    load = bench.load("marker", tenants, events=tenants, wait=True)
    load.ready()
    began = time.time()
    bench.management("DELETE", "connections/username/tenantry-workers")
    closed = time.time()
    target = int(bench.sql.value(HANDLED)) + tenants * len(WORKERS)
    load.go()
    samples = bench.follow(HANDLED, target, process)
    load.result()
    return samples[-1][0] - closed, closed - began


def run(bench):
    tenants = bench.options.tenants or (AT if bench.long else 100)
    bench.tenants(tenants)
    tenants = bench.tenants_made  # others' are attached to as well
    floors = tenants >= AT

    def floor(limit):
        return at_most(limit) if floors else None

    bench.load("marker", tenants, events=tenants).result()
    with bench.ours(*WORKERS) as process, bench.cpu() as cpu:
        samples = bench.follow(HANDLED, tenants * len(WORKERS), process)
    bench.figure(f"attached, {tenants} tenants", samples[-1][0] - process.started_at, "s", floor=floor(5), cpu=cpu,
                 note="from the start of the process until every consumer has handled its first event")
    with bench.ours(*WORKERS) as process:
        stand(bench, tenants, process)
        percent, cpu = idle(bench, process, 60 if bench.long else 20)
        bench.figure(f"idle CPU, {tenants} tenants", percent, "% of a core", floor=floor(2), cpu=cpu)
        bench.figure(f"idle memory, {tenants} tenants", memory_of(process.pid) / 2**20, "MB", floor=floor(100))
        with bench.cpu() as cpu:
            seconds, closing = reattach(bench, tenants, process)
        bench.figure(f"attached again, {tenants} tenants", seconds, "s", floor=floor(5), cpu=cpu,
                     note=f"since the broker had closed the last connection, {closing:.1f} s after the first")
