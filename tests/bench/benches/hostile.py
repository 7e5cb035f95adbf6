"""What an attacker's load costs everybody else: a quiet tenant's request, a login and Stripe's webhook beside each attack.

Attackers come from an address and a tenant of their own (docs/limits.md has whose budget is whose). They are a process of
their own that yields the processors to ours, since a real one has its own: what is measured is the work they make for us.
Each attack runs for some seconds, and then all at once; the three probes go on meanwhile, ten times a second each whatever
the answers take, and before it alone. None of them may be refused, and their worst p99 may be ten times what it is alone.
"""
import os
import sys
import uuid

import platform_client as p
from bench import Failed, memory_of, say, until
from figures import at_most, percentile, ratio_at_most

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "support"))
from attacks import ATTACKER, ATTACKS, QUIET, Probes, ask, descriptors, under  # noqa: E402

SUMMARY = "a quiet tenant, a login and Stripe's webhook beside attacks"
ORDER = 55
PROBES_A_SECOND = 10
RATIO_MAX = 10


def tenant(name):
    mail = f"owner@{uuid.uuid4().hex[:8]}.example"
    answer = p.request("POST", "/signup", p.signup_body(f"{name} {uuid.uuid4().hex[:6]}", mail, plan="ENTERPRISE"))
    if answer.status != 201:
        raise Failed(f"signup: {answer}")
    made = answer.json["tenant_id"]
    until(f"{made} is there", lambda: p.admin("GET", "/v1/admin/tenants/" + made).json.get("status") == "TRIAL", 60)
    return made, mail


def run(bench):
    bench.tenants(1)  # the platform's own vhost and users
    seconds = 30 if bench.long else 8
    with bench.ours("all", TENANTRY_SIGNUPS_PER_HOUR="100") as process:
        until("the gateway answers", lambda: ask(QUIET, "GET", "/readyz") == 200, 60)
        made = {name: tenant(name) for name in ("Quiet", "Person", "Noisy")}
        quiet = (made["Quiet"][0], p.login(*made["Quiet"]))
        noisy = p.login(*made["Noisy"])
        for number in range(300):  # something to search and to page through
            ask(ATTACKER, "POST", "/v1/events", {"specversion": "1.0", "id": f"n-{number}", "source": "/noise", "type": "order.created",
                                                 "data": {"text": "x" * 4000}}, headers=noisy)
        probes = Probes(quiet, made["Person"], PROBES_A_SECOND)
        probes.run(2)  # opens connections, fills caches
        alone = probes.run(seconds)
        worst = {kind: (0.0, "") for kind in probes.kinds}
        refused, most_memory, most_descriptors = [], memory_of(process.pid), descriptors(process.pid)
        rounds = [(name, [attack]) for name, attack in ATTACKS.items()] + [("all at once", list(ATTACKS.values()))]
        with bench.cpu() as cpu:
            for name, attacks in rounds:
                with under(attacks, noisy):
                    found = probes.run(seconds)
                    most_memory = max(most_memory, memory_of(process.pid))
                    most_descriptors = max(most_descriptors, descriptors(process.pid))
                process.check()
                for kind, (times, bad) in found.items():
                    refused += [(name, kind, status) for status in bad]
                    worst[kind] = max(worst[kind], (percentile(times, 99), name))
                say(f"{name}: " + ", ".join(f"{kind} p99 {percentile(times, 99):.1f} ms" for kind, (times, _) in found.items()))
    for each in refused[:10]:
        say(f"refused: {each}")
    for kind, (p99, name) in worst.items():
        bench.figure(f"{kind}, worst p99", p99, "ms", baseline="p99 alone", baseline_value=percentile(alone[kind][0], 99),
                     floor=ratio_at_most(RATIO_MAX), cpu=cpu, note=f"beside {name}")
    bench.figure("refused", len(refused), "requests", floor=at_most(0), note=f"of {len(rounds) * 3 * seconds * PROBES_A_SECOND}")
    bench.figure("memory", most_memory / 2**20, "MiB", floor=at_most(1024), note=f"of every worker and the gateway; {most_descriptors} descriptors")
