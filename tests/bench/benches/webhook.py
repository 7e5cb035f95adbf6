"""How soon a tenant is ACTIVE once Stripe says that it has paid.

From before the signed POST, each on a connection of its own, until a reader of the tenant's row, asking every
millisecond, sees the new status. One webhook at a time; every process of ours is in it. Median of three rounds. Then 200
a second, sent when they are due whatever became of those before: until the payment is booked, seen every five
milliseconds.
"""
import concurrent.futures
import threading
import time

import platform_client as p
from bench import Failed, say, stand, until
from figures import at_most, median, percentile

SUMMARY = "signed payment webhook → tenant ACTIVE"
ORDER = 30
RUSH = 200  # webhooks a second


def pay(bench, tenant_id):
    """Milliseconds until the payment has made it ACTIVE."""
    now = time.time()
    event = p.stripe_event("invoice.paid", p.invoice(tenant_id, paid=True), created=now)
    began = time.monotonic()
    answer = p.post_stripe(event, at=now)
    if answer.status != 200:
        raise Failed(f"the webhook was answered {answer}")
    until(f"{tenant_id} ACTIVE",
          lambda: bench.sql.value(f"SELECT status FROM platform.tenants WHERE tenant_id = '{tenant_id}'") == "active",
          10, every=0.001)
    return (time.monotonic() - began) * 1000


def round_of(bench, count):
    bench.fresh_database()
    bench.sql.rows("UPDATE platform.tenants SET status = 'trial', trial_ends_at = now() + interval '14 days'")
    with bench.ours("all") as process:
        stand(bench, count, process)
        pay(bench, "bench-0000")  # opens connections, fills caches
        with bench.cpu() as cpu:
            times = [pay(bench, f"bench-{number:04d}") for number in range(1, count)]
    say(f"p50 {percentile(times, 50):.1f} ms, p99 {percentile(times, 99):.1f} ms")
    return times, cpu


def rush_of(bench, count, seconds):
    """The payments of some seconds, each of a tenant's own invoice, from when it was due: milliseconds until it was sent,
    until it was answered, until it is booked."""
    bench.fresh_database()
    bench.sql.rows("UPDATE platform.tenants SET status = 'trial', trial_ends_at = now() + interval '14 days'")
    total = RUSH * seconds
    due, sent, answered, booked = {}, {}, {}, {}
    with bench.ours("all") as process:
        stand(bench, count, process)
        pay(bench, "bench-0000")
        began = time.monotonic() + 0.2
        done = threading.Event()

        def send(number):
            invoice = p.invoice(f"bench-{number % count:04d}", paid=True)
            due[invoice["id"]] = began + number / RUSH
            time.sleep(max(0.0, due[invoice["id"]] - time.monotonic()))
            sent[invoice["id"]] = time.monotonic()
            now = time.time()
            answer = p.post_stripe(p.stripe_event("invoice.paid", invoice, created=now), at=now)
            answered[invoice["id"]] = time.monotonic()
            if answer.status != 200:
                raise Failed(f"the webhook was answered {answer}")

        def watch():
            while not done.is_set() or not due.keys() <= booked.keys():
                for (object_id,) in bench.sql.rows("SELECT stripe_object_id FROM billing.payments"):
                    booked.setdefault(object_id, time.monotonic())
                if time.monotonic() > began + seconds + 30:
                    raise Failed(f"{len(due) - len(booked)} of {len(due)} payments are not booked")
                time.sleep(0.005)

        with concurrent.futures.ThreadPoolExecutor(33) as pool, bench.cpu() as cpu:
            watching = pool.submit(watch)
            sending = [pool.submit(send, number) for number in range(total)]
            for each in sending:
                each.result()
            done.set()
            watching.result()
    stages = [[(reached[object_id] - at) * 1000 for object_id, at in due.items()] for reached in (sent, answered, booked)]
    for what, times in zip(("sent", "answered", "booked"), stages):
        say(f"{RUSH} a second: {what} p50 {percentile(times, 50):.1f} ms, p99 {percentile(times, 99):.1f} ms")
    return stages, cpu


def run(bench):
    count = 500 if bench.long else 100
    bench.tenants(count)
    halves, worsts = [], []
    for _ in range(3):
        times, cpu = round_of(bench, count)
        halves.append(percentile(times, 50))
        worsts.append(percentile(times, 99))
    bench.figure("p50", median(halves), "ms", floor=at_most(15), cpu=cpu,
                 note=f"median of three rounds of {count - 1} webhooks, one after another")
    bench.figure("p99", median(worsts), "ms", floor=at_most(100), cpu=cpu)
    (sent, answered, booked), cpu = rush_of(bench, count, 20 if bench.long else 5)
    bench.figure("p99_at_200", percentile(booked, 99), "ms", floor=at_most(400), cpu=cpu,
                 note=f"{len(booked)} webhooks, {RUSH} a second, from when each was due until it is booked; "
                      f"p50 {percentile(booked, 50):.1f} ms; p99 until sent {percentile(sent, 99):.1f} ms, "
                      f"until answered {percentile(answered, 99):.1f} ms")
