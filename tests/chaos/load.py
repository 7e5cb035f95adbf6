#!/usr/bin/python3
"""What the world asks of Tenantry during a fault run, with a journal of what it was told.

  load.py broker ...   applications publish through their tenants' vhosts, with confirms (pika: nothing of ours)
  load.py http ...     signups, Stripe's webhooks, logins, events and reads over HTTP
  load.py hostile ...  events of tests/support/hostile.py over both

A request or event that was not accepted is repeated, under the same id or key, until it is: that is what clients are
told to do. Both end when their stdin does, once everything begun has been accepted. The journals are JSON lines; an
intent is written before its first byte leaves, so that an effect without one can be told.
"""
import argparse
import asyncio
import collections
import hashlib
import hmac
import http.client
import json
import os
import queue
import random
import signal
import sys
import threading
import time
import uuid

import pika
from pika.adapters.asyncio_connection import AsyncioConnection

import stand

sys.path.insert(0, os.path.join(stand.ROOT, "tests", "support"))
import hostile  # noqa: E402
import hostile_publisher  # noqa: E402

PASSWORD = "Une-Baguette-Bien-Cuite-42"
UNCONFIRMED_MAX = 100   # per application: it then waits, as a client with a bounded buffer does
REPEATED = 0.05         # of the events: published twice at once
REPEATED_LATE = 0.05    # of the events: published again after they were confirmed
KEYED = 0.02            # of the usage events: a second event under the same idempotency key
ANSWER_WITHIN = 60      # seconds that a client waits for an answer: a frozen gateway's come when it is thawed


class Journal:
    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")
        self.lock = threading.Lock()

    def write(self, *entry, now=False):
        with self.lock:
            self.file.write(json.dumps(entry, separators=(",", ":")) + "\n")
            if now:
                self.file.flush()

    def close(self):
        with self.lock:
            self.file.close()


def on_end_of_stdin(act):
    def wait():
        sys.stdin.read()
        act()
    threading.Thread(target=wait, daemon=True).start()


# ---- applications on the broker ------------------------------------------------------------------------------------


class Application:
    """One tenant's application: a connection, a channel with confirms, events of its own making."""

    def __init__(self, tenant, port, journal, seed):
        self.tenant, self.port, self.journal, self.random = tenant, port, journal, random.Random(seed)
        self.connection = self.channel = None
        self.waiting = collections.deque()            # (id, type, body), to be published
        self.flying = collections.OrderedDict()       # delivery tag -> the same
        self.open = {}                                # ids not confirmed yet, and how often they are on their way
        self.past = collections.deque(maxlen=2000)    # confirmed
        self.tag, self.confirmed, self.over = 0, 0, False
        self.connect()

    def connect(self):
        login = pika.PlainCredentials("tenant-" + self.tenant["id"], self.tenant["broker_password"])
        parameters = pika.ConnectionParameters("127.0.0.1", self.port, "tenant-" + self.tenant["id"], login, heartbeat=10,
                                               socket_timeout=5, stack_timeout=8, blocked_connection_timeout=None)
        self.channel = None
        self.connection = AsyncioConnection(parameters, self.on_open, self.on_lost, self.on_lost)

    def on_open(self, connection):
        connection.channel(on_open_callback=self.on_channel)

    def on_channel(self, channel):
        channel.add_on_close_callback(self.on_channel_lost)
        channel.confirm_delivery(self.on_confirm, callback=lambda _: self.on_ready(channel))

    def on_ready(self, channel):
        self.channel, self.tag = channel, 0
        self.pump()

    def on_channel_lost(self, channel, reason):
        if channel.connection.is_open:
            channel.connection.close()

    def on_lost(self, connection, reason):
        # What was on its way may have arrived or not: it goes again, under its id.
        self.channel = None
        self.waiting.extendleft(reversed(self.flying.values()))
        self.flying.clear()
        if not self.over:
            asyncio.get_event_loop().call_later(self.random.uniform(0.1, 1.0), self.connect)

    def on_confirm(self, frame):
        method = frame.method
        first = next(iter(self.flying), None)
        if first is None:
            return
        tags = range(first, method.delivery_tag + 1) if method.multiple else (method.delivery_tag,)
        for tag in tags:
            event = self.flying.pop(tag, None)
            if event is None:
                continue
            if isinstance(method, pika.spec.Basic.Nack):
                self.waiting.append(event)
                continue
            if event[0] in self.open:
                del self.open[event[0]]
                self.confirmed += 1
                self.past.append(event)
                self.journal.write("confirmed", event[0])
        self.pump()

    def pump(self):
        while self.waiting and self.channel is not None and self.channel.is_open:
            event = self.waiting.popleft()
            self.tag += 1
            self.flying[self.tag] = event
            self.channel.basic_publish(self.tenant["id"] + ".app", event[1], event[2], pika.BasicProperties(
                content_type="application/json", delivery_mode=2, user_id="tenant-" + self.tenant["id"]))

    def make(self):
        if len(self.open) >= UNCONFIRMED_MAX:
            return
        if self.past and self.random.random() < REPEATED_LATE:
            self.waiting.append(self.random.choice(self.past))
        self.add(*self.event())
        self.pump()

    def event(self):
        if self.random.random() < 0.3:
            return "order.created", {"order_id": self.random.randrange(10**6), "note": self.tenant["canary"]}, None
        metric = self.random.choice(("orders", "orders", "emails_sent", "stock", "active_users"))
        data = {"metric": metric, "quantity": self.random.randrange(1, 10), "dimensions": {"note": self.tenant["canary"]}}
        if metric == "active_users":
            data["dimensions"]["member"] = f"member-{self.random.randrange(200)}"
        key = uuid.UUID(int=self.random.getrandbits(128)).hex if self.random.random() < KEYED else None
        return "usage.recorded", data, key

    def add(self, type_, data, key):
        copies = 2 if key else 1  # two events that are one usage
        for _ in range(copies):
            if key:
                data = {**data, "idempotency_key": key}
            self.add_one(type_, data)

    def add_one(self, type_, data):
        identity = uuid.UUID(int=self.random.getrandbits(128), version=4).hex
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}Z"
        body = json.dumps({"specversion": "1.0", "id": identity, "source": "/chaos/application", "type": type_,
                           "time": stamp, "data": data}).encode()
        self.journal.write("intended", identity, self.tenant["id"], type_, now=False)
        event = (identity, type_, body)
        self.open[identity] = True
        self.waiting.append(event)
        if self.random.random() < REPEATED:
            self.waiting.append(event)


async def publish(options, tenants):
    journal = Journal(os.path.join(options.folder, "events.jsonl"))
    applications = [Application(tenant, options.port, journal, f"{options.seed}/{tenant['id']}") for tenant in tenants]
    loop = asyncio.get_running_loop()
    leaving = asyncio.Event()
    on_end_of_stdin(lambda: loop.call_soon_threadsafe(leaving.set))
    due, last, turn = 0.0, time.monotonic(), 0
    told = last
    while not leaving.is_set():
        await asyncio.sleep(0.02)  # the pace of an open loop: what is due leaves
        now = time.monotonic()
        due, last = min(due + (now - last) * options.rate, options.rate), now
        while due >= 1:
            applications[turn % len(applications)].make()
            turn, due = turn + 1, due - 1
        if now - told > 1:
            told = now
            with journal.lock:
                journal.file.flush()
            print(json.dumps({"confirmed": sum(each.confirmed for each in applications)}), flush=True)
    while any(each.open for each in applications):
        await asyncio.sleep(0.02)
    for each in applications:
        each.over = True
        if each.connection.is_open:
            each.connection.close()
    journal.close()
    print(json.dumps({"confirmed": sum(each.confirmed for each in applications)}), flush=True)


# ---- hostile events, over both -------------------------------------------------------------------------------------


class Hostile:
    """Half of them by the broker, half by HTTP. The journal has their numbers: what they are follows from seed, tenant and number."""

    def __init__(self, options, tenants):
        self.options, self.tenants = options, tenants
        self.journal = Journal(os.path.join(options.folder, "hostile.jsonl"))
        self.client = Client(options, tenants, "hostile-answers.jsonl")
        self.leaving, self.failed = threading.Event(), []

    async def publish(self):
        publishers = []
        for tenant in self.tenants:
            login = pika.PlainCredentials("tenant-" + tenant["id"], tenant["broker_password"])
            publishers.append(hostile_publisher.Publisher(
                pika.ConnectionParameters("127.0.0.1", self.options.port, "tenant-" + tenant["id"], login, heartbeat=10, socket_timeout=5, stack_timeout=8),
                tenant["id"] + ".app", lambda token: self.journal.write("hostile_settled", *token, "accepted")))
        k, began = 0, time.monotonic()
        while not self.leaving.is_set():
            await asyncio.sleep(0.05)  # the pace of an open loop: what is due leaves
            while k < (time.monotonic() - began) * self.options.rate / 2 / len(self.tenants):
                for tenant, publisher in zip(self.tenants, publishers):
                    if publisher.busy < UNCONFIRMED_MAX:
                        self.journal.write("hostile_intended", tenant["id"], "amqp", k)
                        publisher.send((tenant["id"], "amqp", k), hostile.make(self.options.seed, tenant["id"], "amqp", k))
                k += 1
        while any(each.busy for each in publishers) and not any(each.refused for each in publishers):
            await asyncio.sleep(0.05)
        self.failed += [each.refused for each in publishers if each.refused]
        for each in publishers:
            each.close()

    def post(self):
        k, began = 0, time.monotonic()
        while not self.leaving.wait(0.05):
            while k < (time.monotonic() - began) * self.options.rate / 10 and not self.leaving.is_set():  # of five events each
                self.post_one(self.tenants[k % len(self.tenants)], k)
                k += 1

    def post_one(self, tenant, k):
        sending = hostile.make(self.options.seed, tenant["id"], "http", k)
        if not sending.repeatable:  # where no answer comes, nobody could tell what became of it
            return
        self.journal.write("hostile_intended", tenant["id"], "http", k)
        while True:
            if "token" not in tenant:
                self.client.log_in_as(tenant)
            else:
                answer = self.client.ask("hostile", "POST", "/v1/events", sending.body, {
                    "Authorization": "Bearer " + tenant["token"], **{name: value.decode("latin-1") for name, value in sending.fields}})
                if answer is not None and answer.status == 401:
                    tenant.pop("token")
                elif answer is not None and answer.status not in (429, 503):
                    self.journal.write("hostile_settled", tenant["id"], "http", k, "accepted" if answer.status == 202 else "refused")
                    return
            time.sleep(self.client.random.uniform(0.05, 0.3))  # between two tries

    def run(self):
        on_end_of_stdin(self.leaving.set)
        posting = threading.Thread(target=self.post)
        posting.start()
        asyncio.run(self.publish())
        posting.join()
        self.journal.close()
        self.client.journal.close()
        for failure in self.failed:
            print(failure, file=sys.stderr)
        return 1 if self.failed else 0


# ---- people and Stripe, over HTTP ----------------------------------------------------------------------------------


def canary():
    return "cnr" + uuid.uuid4().hex[:12]


def signup_body(company, address, first_name, plan):
    return {"company_name": company, "company_email": "contact@" + address.split("@")[1], "admin_email": address,
            "admin_password": PASSWORD, "admin_first_name": first_name, "admin_last_name": "Martin", "plan": plan,
            "accept_terms": True, "accept_privacy": True}


def signed(body, secret):
    at = int(time.time())
    digest = hmac.new(secret.encode(), str(at).encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={at},v1={digest}"}


class Client:
    """Repeats until accepted, and notes every answer."""

    def __init__(self, options, tenants, journal="answers.jsonl"):
        self.options, self.journal = options, Journal(os.path.join(options.folder, journal))
        self.random = random.Random(f"{options.seed}/http")
        self.leaving, self.errors = threading.Event(), []
        self.tenants = list(tenants)       # those that may log in and be paid for
        self.payers = queue.SimpleQueue()
        for tenant in tenants:
            self.payers.put(tenant)

    def ask(self, kind, method, path, body=None, headers=None):
        """One try: the answer, or None where there was none."""
        began = time.time()
        try:
            answer = stand.request(method, path, body, headers, ANSWER_WITHIN)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.journal.write("unanswered", kind, began, round(time.time() - began, 3), type(error).__name__)
            return None
        self.journal.write("answered", kind, began, round(time.time() - began, 3), answer.status,
                           answer.headers.get("Retry-After"))
        return answer

    def until_accepted(self, kind, accepted, send):
        """503 and 429 ask for another try, and so does no answer. `send()` is made anew each time."""
        tries = 0
        while True:
            answer = send()
            if answer is not None and answer.status == accepted:
                return answer
            if answer is not None and answer.status not in (503, 429) and tries > 200:
                raise AssertionError(f"{kind}: HTTP {answer.status} {answer.body[:300]}")
            tries += 1
            asked_for = answer.headers.get("Retry-After") if answer is not None else None
            time.sleep(self.random.uniform(0.05, 0.5) + float(asked_for or 0))  # as a client does between two tries

    def every(self, seconds, work):
        def run():
            try:
                while not self.leaving.wait(self.random.uniform(0.5, 1.5) * seconds):
                    work()
            except BaseException as error:  # noqa: BLE001: told at the end
                self.errors.append(repr(error))
        return threading.Thread(target=run)

    # ---- what they do

    def sign_up(self):
        number = uuid.uuid4().hex[:10]
        mark, address = canary(), f"patron.{number}@chaos.example"
        body = signup_body(f"Chaos {number}", address, mark, "FREE")
        self.journal.write("signup_intended", address, mark, now=True)

        def send():
            return self.ask("signup", "POST", "/signup", body, {"Idempotency-Key": address})
        answer = self.until_accepted("signup", 201, send)
        tenant = {"id": answer.json["tenant_id"], "address": address, "canary": mark}
        self.journal.write("signup_accepted", address, tenant["id"], now=True)
        if self.random.random() < 0.3:
            again = self.until_accepted("signup", 201, send)
            if again.body != answer.body:
                self.journal.write("differs", "signup", address, answer.body, again.body)
        self.tenants.append(tenant)
        self.payers.put(tenant)

    def pay(self):
        """The story of one tenant's invoices, told twice and in any order."""
        try:
            tenant = self.payers.get_nowait()
        except queue.Empty:
            return
        story, now = [], int(time.time())
        for number in range(self.random.randrange(1, 4)):
            invoice = f"in_{uuid.uuid4().hex[:16]}"
            failed_at = now - self.random.randrange(1, 3 * 86400) * 2
            ends_paid = self.random.random() < 0.8
            if self.random.random() < 0.6 or not ends_paid:
                story.append(("invoice.payment_failed", invoice, failed_at, number))
            if ends_paid:
                story.append(("invoice.paid", invoice, failed_at + self.random.randrange(1, 3600) * 2 + 1, number))
        posts = []
        for type_, invoice, created, number in story:
            event = self.stripe_event(type_, invoice, created, tenant["id"], 4900 + number)
            self.journal.write("webhook_intended", event["id"], type_, invoice, created, tenant["id"], 4900 + number,
                               now=True)
            posts += [event] * self.random.randrange(1, 4)
        self.random.shuffle(posts)
        for event in posts:
            self.post_webhook(event)
        if self.random.random() < 0.1:
            self.stray_webhook(now)
        if self.random.random() < 0.1:
            self.forged_webhook(tenant, now)

    @staticmethod
    def stripe_event(type_, invoice, created, tenant_id, amount):
        paid = type_ == "invoice.paid"
        return {"id": "evt_" + uuid.uuid4().hex, "object": "event", "api_version": "2025-03-31.basil", "created": created,
                "type": type_, "livemode": False, "data": {"object": {
                    "id": invoice, "object": "invoice", "customer": "cus_" + tenant_id, "currency": "eur",
                    "metadata": {"tenant_id": tenant_id}, "amount_due": amount, "amount_paid": amount if paid else 0,
                    "attempt_count": 1, "status": "paid" if paid else "open"}}}

    def post_webhook(self, event):
        body = json.dumps(event).encode()
        self.until_accepted("webhook", 200, lambda: self.ask("webhook", "POST", "/webhooks/stripe", body,
                                                              signed(body, self.options.stripe_secret)))
        self.journal.write("webhook_accepted", event["id"], now=True)

    def stray_webhook(self, now):
        event = self.stripe_event("invoice.paid", "in_stray" + uuid.uuid4().hex[:8], now, "nobody-at-all", 1)
        self.journal.write("stray_intended", event["id"], now=True)
        self.post_webhook(event)

    def forged_webhook(self, tenant, now):
        event = self.stripe_event("invoice.paid", "in_forged" + uuid.uuid4().hex[:8], now, tenant["id"], 1)
        self.journal.write("forged", event["id"], now=True)
        body = json.dumps(event).encode()
        answer = self.ask("forgery", "POST", "/webhooks/stripe", body, signed(body, "whsec_somebody_else"))
        if answer is not None and answer.status < 300:
            self.journal.write("accepted_forgery", event["id"], now=True)

    def log_in(self):
        self.log_in_as(self.random.choice(self.tenants))

    def log_in_as(self, tenant):
        self.journal.write("login_intended", tenant["id"], now=True)
        answer = self.ask("login", "POST", "/auth/login", {"email": tenant["address"], "password": PASSWORD},
                          {"X-Tenant-ID": tenant["id"]})
        if answer is not None and answer.status == 200:
            self.journal.write("login_accepted", tenant["id"], now=True)
            tenant["token"] = answer.json["access_token"]

    def visit(self):
        """A read that must show the caller's own tenant, and an event over HTTP."""
        known = [tenant for tenant in self.tenants if tenant.get("token") and tenant.get("broker_password")]
        if not known:
            return
        tenant = self.random.choice(known)
        token = {"Authorization": "Bearer " + tenant["token"]}
        answer = self.ask("me", "GET", "/v1/me", None, token)
        if answer is not None and answer.status == 200 and tenant["id"] not in answer.body:
            self.journal.write("wrong_tenant", tenant["id"], answer.body[:500], now=True)
        identity = uuid.uuid4().hex
        event = {"specversion": "1.0", "id": identity, "source": "/chaos/http", "type": "order.created",
                 "data": {"order_id": 1, "note": tenant["canary"]}}
        self.journal.write("intended", identity, tenant["id"], "order.created", now=True)
        for _ in range(20):
            answer = self.ask("event", "POST", "/v1/events", event, token)
            if answer is not None and answer.status == 202:
                self.journal.write("confirmed", identity, now=True)
                return
            if answer is not None and answer.status == 401:
                tenant.pop("token")
                return
            time.sleep(self.random.uniform(0.05, 0.5))

    def run(self):
        on_end_of_stdin(self.leaving.set)
        work = [self.every(self.options.signup_every, self.sign_up), self.every(1.0, self.pay), self.every(1.0, self.pay),
                self.every(1.5, self.log_in), self.every(0.3, self.visit)]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        # Who signed up last has not been paid for: that is no failure, only a story not told.
        self.journal.close()
        for error in self.errors:
            print(error, file=sys.stderr)
        return 1 if self.errors else 0


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor ends us in its own time
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=("broker", "http", "hostile"))
    parser.add_argument("--folder", required=True, help="where tenants.json is, and the journals go")
    parser.add_argument("--seed", required=True)
    parser.add_argument("--port", type=int, help="of the broker, as applications see it")
    parser.add_argument("--rate", type=float, default=400, help="events a second over all applications, or all hostile ones")
    parser.add_argument("--signup-every", type=float, default=5, help="seconds between two signups")
    options = parser.parse_args()
    options.stripe_secret = stand.env("TENANTRY_STRIPE_WEBHOOK_SECRET").split(",")[0]
    with open(os.path.join(options.folder, "tenants.json"), encoding="utf-8") as file:
        tenants = json.load(file)
    if options.role == "broker":
        asyncio.run(publish(options, tenants))
        return 0
    if options.role == "hostile":
        return Hostile(options, tenants).run()
    return Client(options, tenants).run()


if __name__ == "__main__":
    sys.exit(main())
