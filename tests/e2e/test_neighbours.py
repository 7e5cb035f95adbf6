#!/usr/bin/env python3
"""Nobody's load is another's wait: attacks beside the requests of others, and the budgets of docs/limits.md at the edge
itself. `./dev bench hostile` says how long the others wait; here they are answered, and nothing grows without end.
"""
import contextlib
import http.client
import json
import os
import resource
import sys
import unittest
import uuid

import pika
import pika.exceptions

import stack
from stack import p, sign_up, superuser, unique

sys.path.insert(0, os.path.join(stack.ROOT, "tests", "support"))
import attacks  # noqa: E402
from attacks import ATTACKER, ask, descriptors, opened  # noqa: E402

ANOTHER = "127.0.0.5"
HELD_MAX = 1000  # connections of an address
gateway = noisy = quiet = None


def setUpModule():
    global gateway, noisy, quiet
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    stack.start()
    noisy, quiet = sign_up(unique("Bruyante"), plan="ENTERPRISE"), sign_up(unique("Paisible"), plan="ENTERPRISE")
    gateway = stack.Gateway(TENANTRY_SIGNUPS_PER_HOUR="5")
    attacks.aimed_at = gateway.settings["TENANTRY_URL"]
    for number in range(100):  # something to search and to page through
        event = {"specversion": "1.0", "id": f"noise-{number}", "source": "/noise", "type": "order.created", "data": {"text": "x" * 4000}}
        answer = noisy.post("/v1/events", event)
        if answer.status != 202:
            raise AssertionError(answer)


def tearDownModule():
    code = gateway.stop()
    stack.stop()
    if code != 0:
        raise AssertionError(f"the attacked gateway ended with {code}")


class N1_Attacks(unittest.TestCase):
    """x10 to x13, F2 to F4, F26 and those of the bench: others are answered meanwhile."""

    @classmethod
    def setUpClass(cls):
        cls.probes = attacks.Probes((quiet.id, quiet.token), (quiet.id, quiet.address), a_second=4)

    def beside(self, those):
        with attacks.under(those, noisy.token):
            found = self.probes.run(2)
        self.assertIsNone(gateway.process.poll(), "the gateway is there")
        for kind, (times, bad) in found.items():
            self.assertEqual(bad, [], f"{kind}: refused")
            self.assertEqual(len(times), 8)

    def test_each(self):
        for name, attack in attacks.ATTACKS.items():
            with self.subTest(name):
                self.beside([attack])

    def test_all_at_once(self):
        self.beside(list(attacks.ATTACKS.values()))
        self.assertLess(descriptors(gateway.process.pid), 2000)

    def test_what_was_held_is_given_back(self):
        before = descriptors(gateway.process.pid)
        self.beside([attacks.ATTACKS["bodies half sent"], attacks.ATTACKS["answers nobody reads"], attacks.ATTACKS["tails and exports"]])
        p.await_true("its descriptors are closed", lambda: descriptors(gateway.process.pid) <= before + 20, 60)


def begin(address, method, path, headers=(), body=b""):
    """A request on a connection of its own, which is kept: the status, and the connection."""
    connection = http.client.HTTPConnection(*attacks.target(), timeout=60, source_address=(address, 0))
    connection.request(method, path, body=body, headers=dict(headers))
    response = connection.getresponse()
    return response.status, connection, response


class N2_Streams(unittest.TestCase):
    """x8, x9: places of a tenant, and what is kept for others and for super-admins."""

    def hold(self, path, places, headers):
        with contextlib.ExitStack() as held:
            statuses = []
            for _ in range(places + 1):
                status, connection, _ = begin(ATTACKER, "GET", path, headers)
                held.callback(connection.close)
                statuses.append(status)
            self.assertEqual(statuses, [200] * places + [429])
            for whose, others in (("another tenant", quiet.token), ("a super-admin", None)):
                with self.subTest(whose):
                    ours = path if others else path.replace("/v1/", "/v1/admin/")
                    status, connection, _ = begin(ANOTHER, "GET", ours, others or {"Authorization": "Bearer " + p.env("TENANTRY_ADMIN_TOKEN")})
                    held.callback(connection.close)
                    self.assertEqual(status, 200)

        def free():
            status, connection, _ = begin(ATTACKER, "GET", path, headers)
            connection.close()
            return status == 200
        p.await_true("a place is free again", free, 30)

    def test_tails(self):
        self.hold("/v1/audit/tail", 10, noisy.token)

    def test_exports(self):
        superuser(f"INSERT INTO platform.overrides (tenant_id, name, value) VALUES ('{noisy.id}', 'requests_per_minute', '100000')")
        for number in range(60):  # more than a socket's buffers take, so that an export that is not read has its place for long
            event = {"specversion": "1.0", "id": f"bulk-{number}", "source": "/bulk", "type": "order.created", "data": {"text": uuid.uuid4().hex * 6000}}
            self.assertEqual(noisy.post("/v1/events", event).status, 202)
        noisy.await_record("order.created", 160, 60)
        self.hold("/v1/audit/export", 2, noisy.token)


class N3_Connections(unittest.TestCase):
    def test_one_address_has_its_part(self):
        """x13, x35: another client is served."""
        held = []

        def is_served():
            """A connection that has had an answer may wait for its next request; one that says nothing is closed soon."""
            held.append(opened(ATTACKER))
            held[-1].settimeout(20)
            try:
                held[-1].sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                return held[-1].recv(64).startswith(b"HTTP/1.1 200")
            except ConnectionError:
                return False
        try:
            served = [is_served() for _ in range(HELD_MAX + 10)]
            self.assertEqual(served[:HELD_MAX - 20], [True] * (HELD_MAX - 20))  # some of another test's may not be closed yet
            self.assertEqual(served[HELD_MAX:], [False] * 10)
            self.assertEqual(ask(ANOTHER, "GET", "/livez"), 200)
        finally:
            for connection in held:
                connection.close()
        p.await_true("the address is served again", lambda: ask(ATTACKER, "GET", "/livez") == 200, 30)

    def test_a_body_for_nobody_is_not_taken(self):
        """x12: without a route, or a token, the answer comes before the body."""
        for line, status in ((b"POST /nowhere HTTP/1.1", b"404"), (b"POST /v1/events HTTP/1.1", b"401"), (b"POST /auth/login HTTP/1.1", b"413")):
            with self.subTest(line), contextlib.closing(opened(ATTACKER)) as connection:
                connection.settimeout(10)
                connection.sendall(line + b"\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n{")
                self.assertEqual(connection.recv(64).split()[1], status)


class N4_FullQueues(unittest.TestCase):
    """x15: a queue has an end, which its publisher hears; what was confirmed is handled, and no other tenant waits."""

    def test_full_queue_refuses_and_loses_nothing(self):
        tenant = sign_up(unique("Comble"))
        answer = tenant.post("/v1/broker/rotate", {})
        self.assertEqual(answer.status, 201, answer)
        login = answer.json
        p.await_true("the login is valid", lambda: {each["user"]: each["state"] for each in tenant.get("/v1/broker").json["users"]}.get(
            login["user"]) == "valid")
        policy = f"policies/tenant-{tenant.id}/small"
        small = {"pattern": f"^{tenant.id}\\.audit$", "definition": {"max-length-bytes": 200_000}, "apply-to": "queues"}
        everybody = stack.hosted
        self.relaunch("gateway,signup,provisioning,billing,metering,notification")  # no audit: its queues fill
        try:
            self.assertIn(p.management("PUT", policy, small).status, (201, 204))
            taken = self.fill(login, tenant.id)
            # What the platform says to this tenant waits in the outbox; what it says to another goes out.
            self.assertEqual(tenant.post("/v1/clients", {"name": "Attend"}).status, 201)
            self.assertEqual(quiet.post("/v1/clients", {"name": "Passe"}).status, 201)
            waits = "SELECT count(*) FROM messaging.outbox WHERE tenant_id = '%s' AND type = 'client.created' AND attempts >= %d"
            p.await_true("the row of the full queue stays", lambda: superuser(waits % (tenant.id, 1)) == [["1"]], 60)
            p.await_true("another tenant's has gone out", lambda: superuser(waits % (quiet.id, 0)) == [["0"]], 60)
        finally:
            self.assertIn(p.management("DELETE", policy).status, (204, 404))
            self.relaunch(everybody)
        tenant.await_record("client.created", 1, 90)
        p.await_true("what was confirmed is in the log", lambda: {json.loads(payload)["n"] for _, _, payload in tenant.records("order.created")} == taken, 90)

    @staticmethod
    def relaunch(hosted):
        stack.process.terminate()
        if stack.process.wait(timeout=60) != 0:
            raise AssertionError(stack.log_tail())
        stack.hosted = hosted
        stack.launch()

    def fill(self, login, tenant_id):
        """Until nothing fits any more, however small; the numbers of those that were confirmed."""
        taken = set()
        with contextlib.closing(pika.BlockingConnection(pika.URLParameters(login["url"]))) as connection:
            channel = connection.channel()
            channel.confirm_delivery()

            def is_taken(n, size):
                headers = {"cloudEvents_specversion": "1.0", "cloudEvents_id": f"full-{n}", "cloudEvents_source": "/full",
                           "cloudEvents_type": "order.created"}
                properties = pika.BasicProperties(content_type="application/json", delivery_mode=2, user_id=login["user"], headers=headers)
                body = json.dumps({"n": n} | ({"text": "x" * size} if size else {})).encode()
                try:
                    channel.basic_publish(f"{tenant_id}.app", "order.created", body, properties, mandatory=True)
                except pika.exceptions.NackError:
                    return False
                return True
            n = 0
            for size in (20_000, 1_000, 50, 0):
                for _ in range(100):
                    n += 1
                    if not is_taken(n, size):
                        break
                    taken.add(n)
                else:
                    self.fail("the publisher does not hear that the queue is full")
        self.assertGreater(len(taken), 9)
        return taken


if __name__ == "__main__":
    unittest.main()
