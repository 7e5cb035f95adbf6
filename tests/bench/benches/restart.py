"""The broker dies under many tenants and is started again: nothing is lost, and nobody storms it.

Events are still in the queues and in our hands when it is killed. Shown: how long after its start all of them are
audited, which every consumer had to attach for; how many connections we tried in the worst second meanwhile; and that
each event of before and after is in the log once. RabbitMQ 3.10 needs minutes to start with a thousand vhosts, so the
design asks for this at 200.
"""
import re
import threading
import time

import platform_client as p
from bench import AUDITED, Failed, say, stand, until
from figures import at_most

SUMMARY = "the broker killed and started again under 200 tenants: attached again, nothing lost, no storm"
ORDER = 95
TENANTS = 200
EVENTS = 100  # of each tenant, before and after
TWICE = "SELECT count(*) FROM (SELECT FROM audit.records GROUP BY event_id HAVING count(*) > 1) AS r"
ATTEMPTS = re.compile(r'^tenantry_connection_attempts_total\{[^}]*purpose="(\w+)"[^}]*\} ([0-9.e+]+)$', re.MULTILINE)
CONSUMERS_MAX, PUBLISHERS_MAX = 400, 200  # a second: HostOptions and PublisherOptions
BURST = 20  # of each beyond its rate


class Attempts:
    """Samples our count of connections tried, until stopped; knows the worst second."""

    def __init__(self):
        self.samples, self.stopped = [], threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopped.wait(0.1):
            text = p.request("GET", "/metrics").body
            self.samples.append((time.monotonic(), sum(float(count) for _, count in ATTEMPTS.findall(text))))

    def stop(self):
        self.stopped.set()
        self.thread.join()

    def total(self):
        return self.samples[-1][1] - self.samples[0][1]

    def worst_second(self):
        worst, first = 0, 0
        for at, count in self.samples:
            while self.samples[first][0] < at - 1:
                first += 1
            worst = max(worst, count - self.samples[first][1])
        return worst


def run(bench):
    tenants = bench.options.tenants or TENANTS
    bench.tenants(tenants)
    tenants = bench.tenants_made
    with bench.ours("all") as process:
        stand(bench, tenants, process)
        target = int(bench.sql.value(AUDITED)) + EVENTS * tenants
        attempts = Attempts()
        try:
            with process.paused():  # or it would be done before the broker dies
                bench.load("audit", tenants, events=EVENTS * tenants).result()
                held = target - int(bench.sql.value(AUDITED))
                bench.kill_broker()
            until("our process knows", lambda: p.request("GET", "/readyz").status == 503, 30)
            began = time.monotonic()
            bench.start_broker()
            booted = time.monotonic()
            until("every event of before is audited", lambda: int(bench.sql.value(AUDITED)) >= target, 120)
            until("our process is ready", lambda: p.request("GET", "/readyz").status == 200, 120)
            attached = time.monotonic()
            process.check()
            bench.load("audit", tenants, events=EVENTS * tenants).result()
            target += EVENTS * tenants
            until("every event of after is audited", lambda: int(bench.sql.value(AUDITED)) >= target, 120)
        finally:
            attempts.stop()
        bench.all_taken("audit", tenants)
        for what, value, wanted in (("lost", target - int(bench.sql.value(AUDITED)), 0),
                                    ("audited twice", int(bench.sql.value(TWICE)), 0)):
            if value != wanted:
                raise Failed(f"{what}: {value}")
            bench.figure(what, value, "events")
    say(f"{held:,} events waited; the broker needed {booted - began:.1f} s to boot")
    bench.figure(f"attached again, {tenants} tenants", attached - booted, "s", floor=at_most(10),
                 note="since the broker answered; all that had waited audited")
    bench.figure("connections tried, worst second", attempts.worst_second(), "",
                 floor=at_most(CONSUMERS_MAX + PUBLISHERS_MAX + 2 * BURST),
                 note=f"{attempts.total():.0f} in all, for {tenants} tenants")
