"""What tracing at 1 % costs: CPU time of ours for a request and for an event, beside the same untraced.

Two gateways, and then two audit workers, stand beside each other: one sends its traces to a receiver, the other makes none. They get
the same work by turns (rounds.py); of gateways there are several such pairs, one after the other.
"""
import functools
import http.server
import importlib
import threading
import urllib.request

from bench import AUDITED, Failed, say, warm_up
from figures import at_most
from rounds import by_turns, cpu_of, more, more_of_processes

import platform_client as p
from free_ports import free_port

SUMMARY = "CPU of a request and of an event, traced at 1 % and not at all"
ORDER = 57
PAIRS = 30
PROCESSES, ROUNDS = 10, 6  # pairs of gateways, and how often each of a pair has its turn
COST = 2  # % of the untraced, at most
TENANTS = 10


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.received += len(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def listens(url):
    try:
        with urllib.request.urlopen(url + "/livez", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def turns(count, work):
    """{traced: costs}; work(traced) does a round and gives its microseconds for one piece."""
    costs = by_turns(count, {which: functools.partial(work, which) for which in (False, True)})
    say("µs: " + "; ".join(f"{'traced' if which else 'untraced'} " + " ".join(f"{each:.2f}" for each in sorted(costs[which])) for which in costs))
    return costs


def requests(bench, tracing):
    gateway = importlib.import_module("benches.gateway")
    with bench.ours("gateway", "signup", "provisioning"):
        p.await_true("the gateway listens", lambda: listens(p.env("TENANTRY_URL")), 30)
        token = gateway.tenant_token(bench.sql.rows)
    url = p.env("TENANTRY_URL")
    port = str(free_port())
    other = url.rpartition(":")[0] + ":" + port
    seconds = 5 if bench.long else 1
    costs = {False: [], True: []}
    for number in range(PROCESSES):
        of_first, of_second = ({}, tracing) if number % 2 == 0 else (tracing, {})
        with bench.ours("gateway", **of_first) as first, bench.ours("gateway", TENANTRY_HTTP_PORT=port, TENANTRY_URL=other, **of_second) as second:
            both = {bool(of_first): (first, url), bool(of_second): (second, other)}
            for _, at in both.values():
                p.await_true("a gateway listens", lambda at=at: listens(at), 30)
                gateway.wrk(at, token, 2)  # caches are warm

            def work(which):
                process, at = both[which]
                used = cpu_of(process.pid)
                rate, _ = gateway.wrk(at, token, seconds)
                return (cpu_of(process.pid) - used) / (rate * seconds)
            for which, rounds in turns(ROUNDS, work).items():
                costs[which].append(rounds)
    value, note = more_of_processes(costs[True], costs[False], " of the gateway's")
    bench.figure("a request, GET /v1/me", value, "% more CPU", floor=at_most(COST), note=note)


def replica_of(tenant, replicas=2):
    """Which of the replicas serves it (shared/messaging/shard.cpp)."""
    every = 2**64 - 1

    def score(replica):
        number = 0xCBF29CE484222325
        for each in tenant.encode():
            number = (number ^ each) * 0x100000001B3 & every
        number ^= (replica + 1) * 0x9E3779B97F4A7C15 & every
        number = (number ^ number >> 33) * 0xFF51AFD7ED558CCD & every
        number = (number ^ number >> 33) * 0xC4CEB9FE1A85EC53 & every
        return number ^ number >> 33
    return max(range(replicas), key=score)


def events(bench, tracing):
    """A worker of two serves one tenant each: its queue is full before it goes on."""
    bench.tenants(TENANTS)
    count = 20_000 if bench.long else 4_000
    served = {replica: next(i for i in range(TENANTS) if replica_of(f"bench-{i:04d}") == replica) for replica in (0, 1)}
    with bench.ours("audit", shard="1/2") as plain, bench.ours("audit", shard="2/2", **tracing) as traced:
        warm_up(bench, "audit", TENANTS, AUDITED, plain)
        both = {False: (plain, served[0]), True: (traced, served[1])}

        def work(which):
            process, tenant = both[which]
            size = f"SELECT size FROM audit.heads WHERE tenant_id = 'bench-{tenant:04d}'"
            target = int(bench.sql.value(size)) + count
            with process.paused():
                bench.load("audit", 1, first=tenant, events=count).result()
                used = cpu_of(process.pid)
            bench.follow(size, target, process)
            return (cpu_of(process.pid) - used) / count
        for which in both:
            work(which)
        costs = turns(PAIRS, work)
    value, note = more(costs[True], costs[False], " of the worker's")
    bench.figure("an event into the audit log", value, "% more CPU", floor=at_most(COST), note=note)


def run(bench):
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    receiver.received = 0
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    tracing = {"TENANTRY_TRACES_URL": f"http://127.0.0.1:{receiver.server_port}", "TENANTRY_TRACES_PERCENT": "1"}
    try:
        requests(bench, tracing)
        before = receiver.received
        events(bench, tracing)
        if not 0 < before < receiver.received:
            raise Failed(f"{before} and then {receiver.received} bytes of traces came: something was not traced")
    finally:
        receiver.shutdown()
        receiver.server_close()
