"""Attacks on a gateway, and requests of others that they may not hold up: for the bench and for test_neighbours.py.

Attackers come from an address and a tenant of their own (docs/limits.md has whose budget is whose).
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

ATTACKER, QUIET, PERSON = "127.0.0.66", "127.0.0.2", "127.0.0.3"
PROBES_AT_ONCE = 40  # of a kind: people do not wait for each other's answers


# ---- requests from an address of one's own -------------------------------------------------------------------------


aimed_at = None  # a gateway's URL; none: that of the settings


def target():
    url = urllib.parse.urlsplit(aimed_at or p.env("TENANTRY_URL"))
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
                        connection.close()
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
    """Three kinds of requests that nobody may hold up, so many a second each. `quiet`: a tenant and its headers; `person`: a tenant and an
    address."""

    def __init__(self, quiet, person, a_second):
        self.a_second = a_second
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
                for number in range(seconds * self.a_second):
                    due = began + number / self.a_second
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


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
