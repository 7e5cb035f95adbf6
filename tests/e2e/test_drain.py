#!/usr/bin/python3
"""A process that is asked to leave finishes, acknowledges and publishes what it has begun; asked twice, it goes at once.

What it had committed must not come again: the queues it leaves behind hold nothing that is in the log, and the process
that follows sees no duplicate.
"""
import json
import signal
import subprocess
import threading
import time
import unittest
import urllib.parse
import uuid

import pika

import stack
from stack import p, unique

EVENTS = 1500  # per tenant, and far more than a batch


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


def superuser(sql):
    url = p.env("TENANTRY_TEST_SUPERUSER_URL").rsplit("/", 1)[0] + "/tenantry"
    done = subprocess.run(["psql", url, "-XqAt", "-c", sql], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()


def duplicates():
    """Deliveries whose event had taken effect before, as the process itself has counted since its start."""
    page = p.request("GET", "/metrics").body
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith("tenantry_consumed_duplicates_total"))


class Publisher(threading.Thread):
    """A tenant's application that publishes on while the process leaves: it is the broker's client, not ours."""

    def __init__(self, tenant):
        super().__init__()
        self.tenant, self.ids, self.error = tenant, [uuid.uuid4().hex for _ in range(EVENTS)], None
        self.sent = 0
        self.password = uuid.uuid4().hex
        answer = p.management("PUT", "users/tenant-" + tenant.id, {"password": self.password, "tags": ""})
        if answer.status not in (201, 204):
            raise AssertionError(answer)

    def run(self):
        try:
            self.publish()
        except BaseException as error:  # noqa: BLE001: told to the main thread
            self.error = repr(error)

    def publish(self):
        url = urllib.parse.urlsplit(p.env("TENANTRY_AMQP_URL"))
        login = pika.PlainCredentials("tenant-" + self.tenant.id, self.password)
        connection = pika.BlockingConnection(pika.ConnectionParameters(url.hostname, url.port, "tenant-" + self.tenant.id, login))
        channel = connection.channel()
        for identity in self.ids:
            body = json.dumps({"specversion": "1.0", "id": identity, "source": "/e2e", "type": "usage.recorded",
                               "data": {"metric": "orders", "quantity": 1}}).encode()
            channel.basic_publish(self.tenant.id + ".app", "usage.recorded", body, pika.BasicProperties(
                content_type="application/json", delivery_mode=2, user_id="tenant-" + self.tenant.id))
            self.sent += 1
        channel.confirm_delivery()
        channel.basic_publish(self.tenant.id + ".app", "app.end", json.dumps(
            {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/e2e", "type": "app.end", "data": {}}).encode(),
            pika.BasicProperties(content_type="application/json", user_id="tenant-" + self.tenant.id))
        connection.close()


def waiting_in(tenant, worker):
    """The ids of what a queue holds: an application's own, or the event's where the platform published it. It is put back."""
    answer = p.management("POST", f"queues/tenant-{tenant.id}/{tenant.id}.{worker}/get",
                          {"count": 2 * EVENTS, "ackmode": "ack_requeue_true", "encoding": "auto"})
    return [json.loads(message["payload"])["id"] if message["properties"]["content_type"] == "application/json"
            else message["properties"]["message_id"] for message in answer.json]


class Drain(unittest.TestCase):
    def setUp(self):
        self.tenants = [stack.sign_up(unique(f"Départ {uuid.uuid4().hex[:6]}"), plan="ENTERPRISE") for _ in range(2)]

    def leave(self):
        """Asks once; how long it took."""
        began = time.monotonic()
        stack.process.send_signal(signal.SIGTERM)
        self.assertEqual(stack.process.wait(timeout=60), 0, stack.log_tail())
        return time.monotonic() - began

    def begin(self):
        publishers = [Publisher(tenant) for tenant in self.tenants]
        for publisher in publishers:
            publisher.start()
        p.await_true("some are in the log", lambda: sum(len(tenant.records("usage.recorded")) for tenant in self.tenants) > 100, 60)
        return publishers

    def finish(self, publishers):
        for publisher in publishers:
            publisher.join(60)
            self.assertFalse(publisher.is_alive())
            self.assertIsNone(publisher.error)

    def counted_once(self):
        for tenant in self.tenants:
            p.await_true(f"every event of {tenant.id} is counted", lambda: tenant.usage("orders")[1] >= EVENTS, 120)
            stack.await_quiet(lambda: tenant.usage("orders"), "usage")
            self.assertEqual(tenant.usage("orders"), (EVENTS, EVENTS))
            # The log's worker may be behind the counters': it was the one that was held up.
            p.await_true(f"every event of {tenant.id} is in the log", lambda: len(tenant.records("usage.recorded")) >= EVENTS, 120)
            self.assertEqual(len(tenant.records("usage.recorded")), EVENTS)

    def test_asked_once_it_leaves_nothing_half_done(self):
        publishers = self.begin()
        took = self.leave()
        self.finish(publishers)
        behind = 0
        for tenant in self.tenants:
            names = "coalesce(convert_from(r.leaf, 'UTF8')::json->>'foreign_id', r.event_id::text)"
            recorded = superuser(f"SELECT {names} FROM audit.records r WHERE tenant_id = '{tenant.id}'")
            metered = superuser(f"SELECT {names} FROM audit.records r JOIN messaging.inbox i "
                                f"ON i.event_id = r.event_id AND i.worker = 'metering' WHERE r.tenant_id = '{tenant.id}'")
            for worker, done in (("audit", recorded), ("metering", metered)):
                waiting = waiting_in(tenant, worker)
                behind += len(waiting)
                self.assertEqual(set(waiting) & set(done), set(), f"committed by {worker} and not acknowledged")
        self.assertGreater(behind, 0, "all was done before it left: nothing was seen")
        self.assertEqual(superuser("SELECT type FROM messaging.outbox WHERE available_at <= now()"), [],
                         "committed and not published")
        print(f"left after {took:.2f} s, with {behind} messages for the next one", flush=True)
        stack.launch()
        self.counted_once()
        self.assertEqual(duplicates(), 0)

    def test_at_rest_it_leaves_at_once(self):
        for tenant in self.tenants:
            tenant.await_record("trial.started")
        took = self.leave()
        stack.launch()
        print(f"left after {took:.2f} s", flush=True)
        self.assertLess(took, 2 * p.PATIENCE)  # a sanitizer's search for leaks included

    def test_asked_twice_it_goes_at_once(self):
        # What is in a batch cannot be finished: somebody else holds the heads' table.
        url = p.env("TENANTRY_TEST_SUPERUSER_URL").rsplit("/", 1)[0] + "/tenantry"
        publishers = self.begin()
        holder = subprocess.Popen(["psql", url, "-Xq"], stdin=subprocess.PIPE, text=True)
        try:
            holder.stdin.write("BEGIN; LOCK TABLE audit.heads;\n")
            holder.stdin.flush()
            p.await_true("a batch waits for the lock", lambda: superuser(
                "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'tenantry_audit' AND datname = 'tenantry'"), 30)
            stack.process.send_signal(signal.SIGTERM)
            with self.assertRaises(subprocess.TimeoutExpired, msg="it did not wait for its batch"):
                stack.process.wait(timeout=1)
            began = time.monotonic()
            stack.process.send_signal(signal.SIGTERM)
            self.assertEqual(stack.process.wait(timeout=30), 1)
            self.assertLess(time.monotonic() - began, 0.5 * p.PATIENCE)
        finally:
            holder.stdin.close()
            holder.wait(timeout=30)
        self.finish(publishers)
        stack.launch()
        self.counted_once()


if __name__ == "__main__":
    unittest.main(verbosity=2)
