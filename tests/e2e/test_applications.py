#!/usr/bin/python3
"""A tenant's application connects: logins and their rotation, queues of its own, and the programs of
docs/connecting-an-application.md, which are run as they stand there.
"""
import contextlib
import json
import os
import re
import subprocess
import tempfile
import unittest
import urllib.parse

import pika
import pika.exceptions

import stack
from stack import p, sign_up, superuser, superuser_url, unique

PAGE = os.path.join(stack.ROOT, "docs", "connecting-an-application.md")


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


def program(language):
    with open(PAGE, encoding="utf-8") as page:
        return re.search(rf"```{language}\n(.*?)```", page.read(), re.DOTALL).group(1)


def broker(tenant):
    return tenant.get("/v1/broker").json


def state_of(tenant, user):
    return {login["user"]: login["state"] for login in broker(tenant)["users"]}.get(user, "gone")


def rotate(tenant):
    """A new login that the broker knows."""
    answer = tenant.post("/v1/broker/rotate", {})
    if answer.status != 201:
        raise AssertionError(answer)
    login = answer.json
    p.await_true(f"{login['user']} is valid", lambda: state_of(tenant, login["user"]) == "valid")
    return login


def add_queue(tenant, name, **bindings):
    answer = tenant.post("/v1/broker/queues", {"name": name, **bindings})
    if answer.status != 201:
        raise AssertionError(answer)
    p.await_true(f"queue {name} is ready", lambda: queues(tenant).get(name) == "ready")
    return answer.json["queue"]


def queues(tenant):
    return {queue["name"]: queue["state"] for queue in tenant.get("/v1/broker/queues").json["queues"]}


def connect(login):
    return pika.BlockingConnection(pika.URLParameters(login["url"]))


def is_let_in(login):
    try:
        connect(login).close()
        return True
    except (pika.exceptions.AMQPConnectionError, pika.exceptions.ConnectionClosedByBroker):
        return False


class Programs(unittest.TestCase):
    def run_program(self, command, name, login, queue):
        """Against a queue that holds an order and what the platform has said: the program adds an order of its own."""
        environment = {**os.environ, "AMQP_URL": login["url"], "EXCHANGE": login["exchange"], "QUEUE": queue, "COUNT": "2"}
        if command == "node":
            environment["NODE_PATH"] = stack.node_modules()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(program("js" if command == "node" else "python"))
            done = subprocess.run([command, path], env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def check(self, company, command, name):
        tenant = sign_up(unique(company))
        login = rotate(tenant)
        queue = add_queue(tenant, "orders", own_events=["order.*"], platform_events=["tenant.activated"])
        self.assertEqual(p.post_stripe(p.stripe_event("invoice.paid", p.invoice(tenant.id, paid=True))).status, 200)
        tenant.await_status("active")
        # The platform's event is on its way into the queue before the program is there.
        p.await_true("the queue has the platform's event", lambda: p.management(
            "GET", f"queues/tenant-{tenant.id}/{queue}").json.get("messages", 0) > 0, 60)
        heard = {event["type"]: event for event in self.run_program(command, name, login, queue)}
        self.assertEqual(heard["order.created"]["data"], {"order_id": 456, "total": 99.99})
        self.assertEqual(heard["tenant.activated"]["data"]["from_status"], "TRIAL")
        (record,) = tenant.await_record("order.created")
        self.assertEqual(json.loads(record[2]), {"order_id": 456, "total": 99.99})

    def test_python(self):
        self.check("Programme Python", "/usr/bin/python3", "app.py")

    def test_node(self):
        self.check("Programme Node", "node", "app.js")


class Logins(unittest.TestCase):
    def test_the_old_password_works_until_the_new_one_is_used(self):
        tenant = sign_up(unique("Rotation"))
        first = rotate(tenant)
        self.assertTrue(is_let_in(first))
        old = connect(first)
        second = rotate(tenant)
        self.assertNotEqual(first["user"], second["user"])
        self.assertTrue(is_let_in(first), "good beside the new one")
        self.assertEqual(state_of(tenant, first["user"]), "ending")
        with contextlib.closing(connect(second)):
            p.await_true("the old login is gone", lambda: state_of(tenant, first["user"]) == "gone", 60)
            self.assertFalse(is_let_in(first))
            with self.assertRaises(pika.exceptions.AMQPError):
                old.channel()
        self.assertTrue(is_let_in(second))
        records = [(r[1], json.loads(r[2])["user"]) for r in tenant.records("tenant.broker_access%")]
        self.assertIn(("tenant.broker_access_rotated", second["user"]), records)
        self.assertIn(("tenant.broker_access_ended", first["user"]), records)

    def test_a_password_is_shown_once_and_kept_nowhere(self):
        tenant = sign_up(unique("Secrète"))
        answer = tenant.post("/v1/broker/rotate", {}, **{"Idempotency-Key": "k-" + stack.RUN})
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        password = answer.json["password"]
        shown = broker(tenant)
        self.assertNotIn(password, json.dumps(shown))
        url = urllib.parse.urlsplit(shown["url"])
        self.assertEqual((url.username, url.password, url.path), (answer.json["user"], None, "/tenant-" + tenant.id))
        tenant.await_record("tenant.broker_access_rotated")
        dump = subprocess.run(["pg_dump", "--data-only", superuser_url()], capture_output=True, text=True, timeout=120)
        self.assertEqual(dump.returncode, 0, dump.stderr)
        self.assertNotIn(password, dump.stdout)
        with open(stack.log_path, encoding="utf-8", errors="replace") as log:
            self.assertNotIn(password, log.read())

    def test_only_owners_rotate_and_admins_look(self):
        tenant = sign_up(unique("Rôles"))
        member = stack.spare_owner(tenant)
        for role, looks, manages, rotates in (("admin", 200, 422, 403), ("manager", 403, 403, 403), ("viewer", 403, 403, 403)):
            superuser(f"UPDATE platform.memberships SET role = '{role}' WHERE {member}")
            tenant.login()
            statuses = (tenant.get("/v1/broker").status, tenant.post("/v1/broker/queues", {"name": "-"}).status,
                        tenant.post("/v1/broker/rotate", {}).status)
            self.assertEqual(statuses, (looks, manages, rotates), role)

    def test_rotations_at_once_are_few(self):
        tenant = sign_up(unique("Pressée"))
        statuses = [tenant.post("/v1/broker/rotate", {}).status for _ in range(5)]
        self.assertEqual(statuses, [201, 201, 201, 409, 409])
        newest = broker(tenant)["user"]
        p.await_true("the newest is valid", lambda: state_of(tenant, newest) == "valid")

    def test_an_hour_ends_what_was_replaced(self):
        tenant = sign_up(unique("Horloge"))
        first = rotate(tenant)
        p.advance("61m")
        tenant.login()
        p.await_true("the first login is gone", lambda: state_of(tenant, "tenant-" + tenant.id) == "gone", 60)
        self.assertEqual(state_of(tenant, first["user"]), "valid")

    def test_a_deleted_tenants_logins_are_gone(self):
        tenant = sign_up(unique("Partante"))
        login = rotate(tenant)
        add_queue(tenant, "orders", own_events=["#"])
        self.assertEqual(tenant.post("/v1/subscription/cancel", {}).status, 200)
        p.await_true("locked out", lambda: not is_let_in(login))
        p.advance("31d")
        tenant.await_status("deleted")
        for user in ("tenant-" + tenant.id, login["user"]):
            p.await_true(f"{user} is gone", lambda: p.management("GET", "users/" + user).status == 404, 60)  # noqa: B023
        left = f"SELECT count(*) FROM provisioning.broker_queues WHERE tenant_id = '{tenant.id}'"
        p.await_true("its queues are off the record", lambda: superuser(left) == [["0"]], 60)


class Queues(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tenant = sign_up(unique("Files"))

    def test_what_may_not_be_heard_is_refused_with_the_field(self):
        answer = self.tenant.post("/v1/broker/queues", {"name": "x", "own_events": ["a..b"],
                                                        "platform_events": ["signup.requested", "tenant.registered", "#"]})
        self.assertEqual((answer.status, stack.pointers(answer)),
                         (422, ["/own_events/0", "/platform_events/0", "/platform_events/1", "/platform_events/2"]))

    def test_asked_for_again_a_queue_is_there(self):
        body = {"name": "twice", "own_events": ["b", "a"]}
        self.assertEqual(self.tenant.post("/v1/broker/queues", body).status, 201)
        self.assertEqual(self.tenant.post("/v1/broker/queues", {"name": "twice", "own_events": ["a", "b"]}).status, 200)
        answer = self.tenant.post("/v1/broker/queues", {"name": "twice", "own_events": ["a"]})
        self.assertEqual((answer.status, answer.json["code"]), (409, "queue_exists"))

    def test_a_removed_queue_is_gone_and_its_name_free(self):
        queue = add_queue(self.tenant, "passing", own_events=["old.#"])
        path = f"queues/tenant-{self.tenant.id}/{queue}"
        self.assertEqual(p.management("GET", path).status, 200)
        for _ in range(2):
            self.assertIn(p.request("DELETE", "/v1/broker/queues/passing", headers=self.tenant.token).status, (204, 404))
        p.await_true("it is gone", lambda: "passing" not in queues(self.tenant))
        self.assertEqual(p.management("GET", path).status, 404)
        self.assertEqual(p.request("DELETE", "/v1/broker/queues/passing", headers=self.tenant.token).status, 404)
        add_queue(self.tenant, "passing", own_events=["new.#"])
        keys = [b["routing_key"] for b in p.management("GET", path + "/bindings").json if b["source"]]
        self.assertEqual(keys, ["new.#"])

    def test_a_tenant_has_ten(self):
        tenant = sign_up(unique("Beaucoup"))
        statuses = [tenant.post("/v1/broker/queues", {"name": f"q{n}", "own_events": ["#"]}).status for n in range(11)]
        self.assertEqual(statuses, [201] * 10 + [409])
        p.await_true("all are ready", lambda: set(queues(tenant).values()) == {"ready"}, 60)

    def test_topology_apply_brings_back_what_the_broker_lost(self):
        tenant = sign_up(unique("Retrouvée"))
        login = rotate(tenant)
        queue = add_queue(tenant, "orders", own_events=["#"])
        path = f"queues/tenant-{tenant.id}/{queue}"
        for lost in (path, "users/" + login["user"]):
            self.assertEqual(p.management("DELETE", lost).status, 204)
        subprocess.run([stack.BINARY, "topology", "apply", "--tenants"], check=True, timeout=300, stdout=subprocess.DEVNULL,
                       env=stack.settings())
        self.assertEqual(p.management("GET", path).status, 200)
        self.assertTrue(is_let_in(login))

    def test_an_application_reads_no_other_queue(self):
        login = rotate(self.tenant)
        add_queue(self.tenant, "mine", own_events=["#"])
        with contextlib.closing(connect(login)) as connection:
            for queue in (self.tenant.id + ".audit", self.tenant.id + ".billing"):
                with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as refused:
                    connection.channel().basic_get(queue)
                self.assertEqual(refused.exception.reply_code, 403)
            connection.channel().basic_get(self.tenant.id + ".app.mine")


if __name__ == "__main__":
    unittest.main(verbosity=2)
