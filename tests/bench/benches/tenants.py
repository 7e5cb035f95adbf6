"""What many tenants cost while nothing happens, and how soon all are attached.

All six workers in one process: a connection, six channels and six consumers per tenant. Attached is when the broker has
confirmed the last of the consumers, which the process says in its log. That they work is seen by an event that every
worker's queue hears, and waits there in each vhost: handled is when each worker has the one of each tenant in its inbox.
Attached again likewise, with events published after the broker's management API has closed every connection of ours.
"""
import time

from bench import HANDLED, WORKERS, memory_of, stand, until
from figures import at_most

SUMMARY = "idle tenants: memory, CPU, time to attach and to attach again"
ORDER = 90
AT = 1000  # tenants for which design section 10 sets its floors
ATTACHED = "attached to every vhost"


def idle(bench, process, seconds):
    """Percent of a core, over a while in which nothing is published."""
    began = time.monotonic()
    with bench.cpu() as cpu:
        while time.monotonic() - began < seconds:
            process.check()
            time.sleep(0.5)  # this is what is measured: time in which nobody asks for anything
    return 100 * cpu["ours"] / (time.monotonic() - began), cpu


def attached(process, since):
    """When the last consumer stood."""
    return until("every consumer stands", lambda: process.said(ATTACHED, since), 60)[0]


def reattach(bench, tenants, process):
    """Seconds from the last connection's end until all are attached again, and until each worker has handled another
    event of each tenant; and how long the broker took to close them."""
    load = bench.load("marker", tenants, events=tenants, wait=True)
    load.ready()
    began = time.time()
    bench.management("DELETE", "connections/username/tenantry-workers")
    closed = time.time()
    at = attached(process, closed)
    target = int(bench.sql.value(HANDLED)) + tenants * len(WORKERS)
    load.go()
    samples = bench.follow(HANDLED, target, process)
    load.result()
    return at - closed, samples[-1][0] - closed, closed - began


def run(bench):
    tenants = bench.options.tenants or (AT if bench.long else 100)
    bench.tenants(tenants)
    tenants = bench.tenants_made  # others' are attached to as well
    floors = tenants >= AT

    def floor(limit):
        return at_most(limit) if floors else None

    with bench.ours(*WORKERS) as process, bench.cpu() as cpu:
        at = attached(process, process.started_at)
    bench.figure(f"attached, {tenants} tenants", at - process.started_at, "s", floor=floor(5), cpu=cpu,
                 note="from the start of the process until every consumer stands")
    bench.load("marker", tenants, events=tenants).result()
    with bench.ours(*WORKERS) as process, bench.cpu() as cpu:
        samples = bench.follow(HANDLED, tenants * len(WORKERS), process)
    bench.figure(f"handled, {tenants} tenants", samples[-1][0] - process.started_at, "s", cpu=cpu,
                 note="from the start of the process until every consumer has handled an event that waited for it")
    with bench.ours(*WORKERS) as process:
        stand(bench, tenants, process)
        percent, cpu = idle(bench, process, 60 if bench.long else 20)
        bench.figure(f"idle CPU, {tenants} tenants", percent, "% of a core", floor=floor(2), cpu=cpu)
        bench.figure(f"idle memory, {tenants} tenants", memory_of(process.pid) / 2**20, "MB", floor=floor(100))
        with bench.cpu() as cpu:
            again, handled, closing = reattach(bench, tenants, process)
        bench.figure(f"attached again, {tenants} tenants", again, "s", floor=floor(5), cpu=cpu,
                     note=f"since the broker had closed the last connection, {closing:.1f} s after the first")
        bench.figure(f"handled again, {tenants} tenants", handled, "s",
                     note="each worker another event of each tenant, published then")
