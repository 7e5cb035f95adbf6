"""How soon a tenant that signs up can work: POST /signup → TRIAL, with its vhost, users, queues and store.

From before the POST until a reader of the tenant's row sees the trial. One signup at a time, among tenants that
are there already: each vhost makes the next one dearer to create. Beside it stands what the broker takes for an empty
vhost and nothing else, as often and right afterwards.
"""
import time

import platform_client as p
from bench import Failed, say, stand, until
from figures import at_most, percentile

SUMMARY = "signup → TRIAL, among tenants that are there already"
ORDER = 80


def sign_up(bench, number):
    """(tenant id, seconds until its trial runs)"""
    began = time.monotonic()
    answer = p.request("POST", "/signup", p.signup_body(f"Signup {number:04d}", f"owner{number}@signup-bench.example"))
    if answer.status != 201:
        raise Failed(f"the signup was answered {answer}")
    tenant_id = answer.json["tenant_id"]
    until(f"{tenant_id} in TRIAL",
          lambda: bench.sql.value(f"SELECT status FROM platform.tenants WHERE tenant_id = '{tenant_id}'") == "trial",
          60, every=0.005)
    return tenant_id, time.monotonic() - began


def make_vhost(bench):
    """Seconds until the broker has an empty vhost more."""
    began = time.monotonic()
    bench.management("PUT", "vhosts/bench-bare", {})
    seconds = time.monotonic() - began
    bench.management("DELETE", "vhosts/bench-bare")
    return seconds


def remove(bench, tenant_id):
    """The next bench's database knows nothing of it."""
    bench.management("DELETE", f"vhosts/tenant-{tenant_id}")
    bench.management("DELETE", f"users/tenant-{tenant_id}")


def run(bench):
    present = bench.options.tenants or (1000 if bench.long else 100)
    count = 100 if bench.long else 30
    bench.tenants(present)
    made = []
    try:
        with bench.ours("all") as process:
            stand(bench, bench.tenants_made, process)
            made.append(sign_up(bench, 0))  # opens connections, fills caches
            with bench.cpu() as cpu:
                made += [sign_up(bench, number) for number in range(1, count + 1)]
            vhosts = [make_vhost(bench) for _ in range(count)]
    finally:
        for tenant_id, _ in made:
            remove(bench, tenant_id)
    times = [seconds for _, seconds in made[1:]]
    say(f"p50 {percentile(times, 50):.2f} s, worst {max(times):.2f} s; of an empty vhost {percentile(vhosts, 50):.2f} and "
        f"{max(vhosts):.2f} s")
    bench.figure("p95", percentile(times, 95), "s", baseline="an empty vhost alone, p95",
                 baseline_value=percentile(vhosts, 95), floor=at_most(1), cpu=cpu,
                 note=f"{count} signups, one after another, with {bench.tenants_made:,} tenants present")
