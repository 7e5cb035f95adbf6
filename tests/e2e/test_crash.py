#!/usr/bin/python3
"""Killed ten times while it works: nothing accepted is lost, nothing takes effect twice (spec section 13).

200 signups and 2,000 usage events, published to the broker with confirms and over HTTP, while the process gets
SIGKILL at random moments and is started again. Clients repeat a request until it is accepted, with its key.
TENANTRY_E2E_SEED repeats a run's moments.
"""
import json
import os
import queue
import random
import threading
import time
import unittest
import urllib.parse
import uuid

import pika
import pika.exceptions

import stack
from stack import p, unique

SEED = int(os.environ.pop("TENANTRY_E2E_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
SIGNUPS, KILLS = 200, 10
EVENTS_BY_BROKER, EVENTS_BY_HTTP, USERS_OF_USAGE = 1600, 400, 4
PATIENCE = 180


def setUpModule():
    print(f"seed {SEED}", flush=True)
    stack.start()


def tearDownModule():
    stack.stop()


def until_accepted(send, status, done):
    """Repeats a request while the process is away, overloaded or in two minds; any other answer is a failure."""
    while not done.is_set():
        try:
            answer = send()
        except (OSError, ValueError, p.http.client.HTTPException):
            done.wait(0.05)  # connection refused: the process is being started again
            continue
        if answer.status == status:
            return answer
        if answer.status == 503 or (answer.status == 429 and answer.json["code"] == "rate_limited"):
            done.wait(0.1)
            continue
        if answer.status == 409 and answer.json["code"] != "email_taken":
            done.wait(0.05)
            continue
        raise AssertionError(answer)
    raise AssertionError("given up")


class Crash(unittest.TestCase):
    def test_ten_kills(self):
        self.random = random.Random(SEED)
        self.done, self.errors = threading.Event(), []
        meters = [stack.sign_up(unique(f"Compteur {n}"), plan="ENTERPRISE") for n in range(USERS_OF_USAGE)]
        for meter in meters:
            meter.login()
            self.application(meter)
        self.before = stack.total_tenants()

        signups = queue.SimpleQueue()
        owners = {}
        for number in range(SIGNUPS):
            signups.put((f"Panne {number % 150} {stack.RUN}", stack.address(f"panne{number}")))
        usage = queue.SimpleQueue()
        expected = {meter.id: 0 for meter in meters}
        for number in range(EVENTS_BY_HTTP):
            meter, quantity = self.random.choice(meters), self.random.randrange(1, 10)
            expected[meter.id] += quantity
            usage.put((meter, quantity, uuid.uuid4().hex))
        by_broker = {meter.id: [] for meter in meters}
        for number in range(EVENTS_BY_BROKER):
            meter, quantity = self.random.choice(meters), self.random.randrange(1, 10)
            expected[meter.id] += quantity
            by_broker[meter.id].append((quantity, uuid.uuid4().hex))

        def sign_up():
            for company, mail in drain(signups):
                answer = until_accepted(lambda: p.request("POST", "/signup", p.signup_body(company, mail, plan="FREE"),
                                                          {"Idempotency-Key": mail}), 201, self.done)
                owners[mail] = answer.json["tenant_id"]

        def use():
            for meter, quantity, key in drain(usage):
                event = {"specversion": "1.0", "id": key, "source": "/e2e", "type": "usage.recorded", "time": self.at,
                         "data": {"metric": self.metric, "quantity": quantity, "idempotency_key": key}}
                until_accepted(lambda: p.request("POST", "/v1/events", event, meter.token), 202, self.done)

        self.at = p.tenantry("clock", "show")[0]["now"]
        self.metric = "orders"
        work = [sign_up] * 6 + [use] * 2 + [lambda m=m: self.publish(m, by_broker[m.id]) for m in meters]
        threads = [threading.Thread(target=self.guarded, args=(one,)) for one in work]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        moments = []
        for _ in range(KILLS):
            wait = self.random.uniform(0.3, 1.6)
            time.sleep(wait)  # the random moment itself
            moments.append(round(time.monotonic() - began, 2))
            stack.kill()
            stack.launch(wait=False)
            self.assertTrue(any(thread.is_alive() for thread in threads), f"all was done before kill {len(moments)}")
            self.await_listening()
        for thread in threads:
            thread.join(max(1, PATIENCE - (time.monotonic() - began)))
        alive = [thread for thread in threads if thread.is_alive()]
        self.done.set()
        self.assertEqual((self.errors, alive), ([], []))
        worked = time.monotonic() - began
        stack.await_ready()

        self.assertEqual((len(owners), len(set(owners.values()))), (SIGNUPS, SIGNUPS))
        self.everyone_on_trial(owners)
        self.usage_is_exact(meters, expected)
        self.one_welcome_each(owners)
        self.audit_is_whole(owners)
        self.outbox_holds_timers_only()
        print(f"killed at {moments} s; clients were done after {worked:.1f} s, all was settled after {time.monotonic() - began:.1f} s", flush=True)

    # ---- clients -----------------------------------------------------------------------------------------------------

    def guarded(self, work):
        try:
            work()
        except BaseException as error:  # noqa: BLE001: told to the main thread
            self.errors.append(repr(error))

    def application(self, meter):
        meter.password = uuid.uuid4().hex
        answer = p.management("PUT", "users/tenant-" + meter.id, {"password": meter.password, "tags": ""})
        self.assertIn(answer.status, (201, 204))

    def publish(self, meter, events):
        """Through the broker, which stays: some events twice, as a publisher repeats what was not confirmed."""
        url = urllib.parse.urlsplit(p.env("TENANTRY_AMQP_URL"))
        login = pika.PlainCredentials("tenant-" + meter.id, meter.password)
        connection = pika.BlockingConnection(pika.ConnectionParameters(url.hostname, url.port, "tenant-" + meter.id, login))
        channel = connection.channel()
        channel.confirm_delivery()
        for number, (quantity, key) in enumerate(events):
            body = json.dumps({"specversion": "1.0", "id": key, "source": "/e2e", "type": "usage.recorded", "time": self.at,
                               "data": {"metric": self.metric, "quantity": quantity}}).encode()
            for _ in range(2 if number % 10 == 0 else 1):
                channel.basic_publish(meter.id + ".app", "usage.recorded", body, pika.BasicProperties(
                    content_type="application/json", delivery_mode=2, user_id="tenant-" + meter.id))
            connection.process_data_events(0.02)  # spread over the kills
        connection.close()

    def await_listening(self):
        """Until the process is there, not until it is ready: the next kill may hit it while it attaches."""
        def there():
            if stack.process.poll() is not None:
                raise AssertionError(f"did not start again: {stack.log_tail()}")
            try:
                return p.request("GET", "/livez").status == 200
            except (OSError, p.http.client.HTTPException):
                return False
        p.await_true("/livez", there, 60)

    # ---- what must hold ----------------------------------------------------------------------------------------------

    def everyone_on_trial(self, owners):
        names = ", ".join(f"'{tenant}'" for tenant in owners.values())

        def others():
            return p.analyst(f"SELECT tenant_id, status FROM analytics.tenants WHERE tenant_id IN ({names}) AND status <> 'trial'")
        try:
            p.await_true("every tenant is on trial", lambda: not others(), 300)  # 200 vhosts, one after another
        except AssertionError as error:
            raise AssertionError(f"{error}: {others()}") from None
        self.assertEqual(stack.total_tenants(), self.before + SIGNUPS)

    def usage_is_exact(self, meters, expected):
        """Counters equal the distinct events of the log, and the log has what was accepted, once each."""
        for meter in meters:
            def told():
                rows = p.analyst("SELECT coalesce(sum((payload->>'quantity')::numeric), 0) FROM analytics.audit_events "
                                 f"WHERE tenant_id = '{meter.id}' AND type = 'usage.recorded' AND payload->>'metric' = 'orders'")
                return float(rows[0][0])
            try:
                p.await_true("the log has every event", lambda: told() >= expected[meter.id], 60)
                p.await_true("counters equal the log", lambda: meter.usage("orders")[0] == told(), 60)
            except AssertionError as error:
                raise AssertionError(f"{error} {meter.id}: log {told()}, counters {meter.usage('orders')}, sent {expected[meter.id]}") from None
            stack.await_quiet(lambda: (told(), meter.usage("orders")), "usage of " + meter.id)
            self.assertEqual(told(), expected[meter.id])
            self.assertEqual(meter.usage("orders")[0], told())
            twice = p.analyst("SELECT event_id FROM analytics.audit_events "
                              f"WHERE tenant_id = '{meter.id}' GROUP BY event_id HAVING count(*) > 1")
            self.assertEqual(twice, [])

    def one_welcome_each(self, owners):
        def welcomes():
            found = {}
            for to, subject, _ in p.mails():
                if "ienvenue" in subject and to in owners:
                    found[to] = found.get(to, 0) + 1
            return found
        p.await_true("every owner is welcomed", lambda: len(welcomes()) == SIGNUPS, 120)
        stack.await_quiet(lambda: sum(welcomes().values()), "mails", still_for=1)
        self.assertEqual({mail for mail, count in welcomes().items() if count != 1}, set())

    def audit_is_whole(self, owners):
        gaps = p.analyst("SELECT tenant_id, count(*), min(sequence), max(sequence) FROM analytics.audit_events GROUP BY tenant_id "
                         "HAVING min(sequence) <> 0 OR max(sequence) <> count(*) - 1 OR count(DISTINCT sequence) <> count(*)")
        self.assertEqual(gaps, [])
        names = ", ".join(f"'{tenant}'" for tenant in owners.values())
        for type_ in ("signup.requested", "tenant.registered", "tenant.provisioned", "trial.started"):
            def odd():
                return p.analyst("SELECT tenant_id, count(*) FILTER (WHERE type = '%s') FROM analytics.audit_events WHERE tenant_id IN (%s) "
                                 "GROUP BY 1 HAVING count(*) FILTER (WHERE type = '%s') <> 1" % (type_, names, type_))
            try:
                p.await_true(f"one {type_} per tenant", lambda: not odd(), 30)
            except AssertionError as error:
                raise AssertionError(f"{error}: {odd()}") from None

    def outbox_holds_timers_only(self):
        """Read-only, as the test server's superuser: nobody else may look into the outbox."""
        url = p.env("TENANTRY_TEST_SUPERUSER_URL").rsplit("/", 1)[0] + "/tenantry"
        now = p.tenantry("clock", "show")[0]["now"]

        def due():
            done = p.subprocess.run(["psql", url, "-At", "-c", "SELECT type, tenant_id, attempts, last_error FROM messaging.outbox "
                                     f"WHERE available_at <= '{now}'"], capture_output=True, text=True, timeout=60, check=True)
            return done.stdout
        try:
            p.await_true("nothing due is left in the outbox", lambda: not due(), 30)
        except AssertionError as error:
            raise AssertionError(f"{error}: {due()}") from None


def drain(items):
    while True:
        try:
            yield items.get_nowait()
        except queue.Empty:
            return


if __name__ == "__main__":
    unittest.main(verbosity=2)
