"""What an attacker's load costs everybody else: a quiet tenant's request, a login and Stripe's webhook beside each attack.

Attackers come from an address and a tenant of their own (docs/limits.md has whose budget is whose). They are a process of
their own that yields the processors to ours, since a real one has its own: what is measured is the work they make for us.
Each attack runs for some seconds, and then all at once; the three probes go on meanwhile, ten times a second each whatever
the answers take, and before it alone. None of them may be refused, and their worst p99 may be ten times what it is alone.
"""
import base64
import concurrent.futures
import contextlib
import http.client
import json
import multiprocessing
import os
import socket
import threading
import time
import urllib.parse
import uuid

import platform_client as p
from bench import Failed, memory_of, say, until
from figures import at_most, percentile, ratio_at_most

SUMMARY = "a quiet tenant, a login and Stripe's webhook beside attacks"
ORDER = 55
ATTACKER, QUIET, PERSON = "127.0.0.66", "127.0.0.2", "127.0.0.3"
PROBES_A_SECOND = 10
PROBES_AT_ONCE = 40  # of a kind: people do not wait for each other's answers
RATIO_MAX = 10


# ---- requests from an address of one's own -------------------------------------------------------------------------


def target():
    url = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
    return url.hostname, url.port


def ask(address, method, path, body=None, headers=None, timeout=30):
    """The status; 0 where the connection ended without one."""
    connection = http.client.HTTPConnection(*target(), timeout=timeout, source_address=(address, 0))
    try:
        raw = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        connection.request(method, path, body=raw, headers={"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        response.read()
        return response.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def opened(address):
    connection = socket.create_connection(target(), timeout=10, source_address=(address, 0))
    connection.settimeout(1)
    return connection


# ---- attacks: each goes on until `over` is set ---------------------------------------------------------------------


def repeat(threads, act):
    """An attack of so many threads that do the same again and again."""
    def attack(noisy, over):
        def each():
            while not over.is_set():
                act(noisy)
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            for _ in range(threads):
                pool.submit(each)
    return attack


def search(noisy):
    query = urllib.parse.urlencode({"q": " ".join(f"{uuid.uuid4().hex[:6]}*" for _ in range(8)), "limit": 200})
    ask(ATTACKER, "GET", "/v1/audit?" + query, headers=noisy)


def bad_signature(noisy):
    part = noisy["Authorization"].removeprefix("Bearer ").partition(".")[0]  # it names a key of ours: only then a signature is looked at
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "x", "exp": int(time.time()) + 60}).encode()).rstrip(b"=").decode()
    signature = base64.urlsafe_b64encode(os.urandom(64)).rstrip(b"=").decode()
    ask(ATTACKER, "GET", "/v1/me", headers={"Authorization": f"Bearer {part}.{claims}.{signature}"})


def guess(_):
    ask(ATTACKER, "POST", "/auth/login", {"email": f"{uuid.uuid4().hex}@nobody.example", "password": "Wrong-Guess-Of-A-Password-1"})


def sign_up(_):
    name = uuid.uuid4().hex[:8]
    ask(ATTACKER, "POST", "/signup", p.signup_body("Flood " + name, f"a@{name}.example"))


def forge_webhook(_):
    ask(ATTACKER, "POST", "/webhooks/stripe", b'{"id":"evt_x"}' * 20_000, headers={"Stripe-Signature": f"t={int(time.time())},v1={'0' * 64}"})


def held(count, begin, feed=b""):
    """Connections that are opened, told something, and then kept as they are; `feed` is sent on each once a second."""
    def attack(noisy, over):
        connections = []
        try:
            while not over.is_set():
                while len(connections) < count:
                    try:
                        connection = opened(ATTACKER)
                        connection.sendall(begin(noisy))
                        connections.append(connection)
                    except OSError:
                        break
                over.wait(1)
                for connection in list(connections):
                    try:
                        if feed:
                            connection.sendall(feed)
                    except OSError:
                        connections.remove(connection)
        finally:
            for connection in connections:
                connection.close()
    return attack


def head(noisy, line, *more):
    lines = [line, "Host: bench", f"Authorization: {noisy['Authorization']}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


ATTACKS = {
    "searches": repeat(16, search),
    "tokens with bad signatures": repeat(8, bad_signature),
    "password guesses": repeat(16, guess),
    "signups": repeat(8, sign_up),
    "forged webhooks": repeat(4, forge_webhook),
    "bodies half sent": held(200, lambda noisy: head(noisy, "POST /v1/events HTTP/1.1", "Content-Type: application/json",
                                                     "Content-Length: 1000000") + b"{", b" "),
    "answers nobody reads": held(100, lambda noisy: head(noisy, "GET /v1/audit?limit=200 HTTP/1.1") * 20),
    "tails and exports": held(200, lambda noisy: head(noisy, "GET /v1/audit/tail HTTP/1.1")),
    "idle connections": held(900, lambda noisy: b"GET / HTTP/1.1\r\n", b"X: y\r\n"),
}


# ---- probes --------------------------------------------------------------------------------------------------------


class Probes:
    """Three kinds of requests that nobody may hold up, ten a second each."""

    def __init__(self, quiet, person):
        body = json.dumps({"email": person[1], "password": "Une-Baguette-Bien-Cuite-42"}).encode()

        def webhook():
            event = json.dumps(p.stripe_event("customer.updated", {"id": "cus_" + quiet[0], "object": "customer"}, created=time.time())).encode()
            return ask("127.0.0.4", "POST", "/webhooks/stripe", event, {"Stripe-Signature": p.sign(event, at=time.time())})
        self.kinds = {"a quiet tenant's request": lambda: ask(QUIET, "GET", "/v1/me", headers=quiet[1]),
                      "a login": lambda: ask(PERSON, "POST", "/auth/login", body, {"X-Tenant-ID": person[0]}),
                      "Stripe's webhook": webhook}

    def run(self, seconds):
        """{kind: ([milliseconds], [statuses that are no success])}"""
        found = {kind: ([], []) for kind in self.kinds}

        def probe(kind, act, due):
            status = act()
            times, bad = found[kind]
            times.append((time.monotonic() - due) * 1000)
            if not 200 <= status < 300:
                bad.append(status)

        def go(kind, act):
            began = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(PROBES_AT_ONCE) as pool:
                probes = []
                for number in range(seconds * PROBES_A_SECOND):
                    due = began + number / PROBES_A_SECOND
                    time.sleep(max(0.0, due - time.monotonic()))
                    probes.append(pool.submit(probe, kind, act, due))
                for each in probes:
                    each.result()
        with concurrent.futures.ThreadPoolExecutor(len(self.kinds)) as pool:
            for done in [pool.submit(go, kind, act) for kind, act in self.kinds.items()]:
                done.result()
        return found


def go_on(attacks, noisy, over):
    os.nice(19)
    threads = [threading.Thread(target=attack, args=(noisy, over)) for attack in attacks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextlib.contextmanager
def under(attacks, noisy):
    context = multiprocessing.get_context("fork")  # while no other thread runs: between two rounds of probes
    over = context.Event()
    attackers = context.Process(target=go_on, args=(attacks, noisy, over))
    attackers.start()
    try:
        yield
    finally:
        over.set()
        attackers.join()


def tenant(name):
    mail = f"owner@{uuid.uuid4().hex[:8]}.example"
    answer = p.request("POST", "/signup", p.signup_body(f"{name} {uuid.uuid4().hex[:6]}", mail, plan="ENTERPRISE"))
    if answer.status != 201:
        raise Failed(f"signup: {answer}")
    made = answer.json["tenant_id"]
    until(f"{made} is there", lambda: p.admin("GET", "/v1/admin/tenants/" + made).json.get("status") == "TRIAL", 60)
    return made, mail


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


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
        probes = Probes(quiet, made["Person"])
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
