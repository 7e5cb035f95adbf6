#!/usr/bin/python3
"""What a tenant's application may do on the broker, and what it gets for trying more (security.md R3 to R11)."""
import json
import unittest
import urllib.parse
import uuid

import pika
import pika.exceptions

import stack
from stack import p, sign_up, unique

BROKER = urllib.parse.urlsplit(p.env("TENANTRY_AMQP_URL"))
PRIVILEGED = ("payment.succeeded", "tenant.suspended", "tenant.cancelled", "subscription.deleted", "trial.ended",
              "plan.changed", "invoice.issued", "dunning.due", "signup.requested", "provisioning.requested")


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


class Application:
    """A tenant's own application: its broker user, given a password that is known here."""

    def __init__(self, tenant):
        self.tenant = tenant
        self.user, self.vhost, self.exchange = "tenant-" + tenant.id, "tenant-" + tenant.id, tenant.id + ".app"
        self.password = uuid.uuid4().hex
        answer = p.management("PUT", "users/" + self.user, {"password": self.password, "tags": ""})
        if answer.status not in (201, 204):
            raise AssertionError(answer)
        self.connection = None

    def connect(self, vhost=None, user=None, password=None):
        login = pika.PlainCredentials(user or self.user, password or self.password)
        return pika.BlockingConnection(pika.ConnectionParameters(BROKER.hostname, BROKER.port, vhost or self.vhost, login))

    def channel(self):
        if self.connection is None or not self.connection.is_open:
            self.connection = self.connect()
        channel = self.connection.channel()
        channel.confirm_delivery()
        return channel

    def publish(self, key, body, exchange=None, **properties):
        """With a confirm. A refusal of the broker raises, and its channel is gone."""
        if isinstance(body, (dict, list)):
            properties.setdefault("content_type", "application/json")
            body = json.dumps(body).encode()
        properties.setdefault("user_id", self.user)
        channel = self.channel()
        try:
            channel.basic_publish(self.exchange if exchange is None else exchange, key, body,
                                  pika.BasicProperties(delivery_mode=2, **properties))
        finally:
            if channel.is_open:
                channel.close()


def cloud(type_, data, tenant=None, **more):
    event = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/app", "type": type_, "data": data, **more}
    if tenant is not None:
        event["tenantid"] = tenant
    return event


def older(type_, tenant, payload=None):
    return {"event": type_, "tenant_id": tenant, "website_id": 123, "timestamp": "2026-01-15T10:30:00Z", "payload": payload or {}}


def dead_letters(tenant, reason):
    found, cursor = [], ""
    while cursor is not None:
        page = p.admin("GET", f"/v1/admin/dead-letters?tenant_id={tenant.id}&reason={reason}&limit=200" + (cursor and "&cursor=" + cursor))
        found += page.json["dead_letters"]
        cursor = page.json["next_cursor"]
    return found


def payload_of(type_):
    data = {"signup_id": "x"}
    if type_ == "payment.succeeded":
        data = {"payment": {"stripe_object_id": "in_forged", "amount_minor": "1", "currency": "EUR", "stated_at": "2026-01-01T00:00:00Z", "stripe_event_id": "evt_forged"}}
    elif type_ in ("tenant.suspended", "tenant.cancelled"):
        data = {"from_status": "TRIAL", "reason": "abuse", **({"deletion_due_at": "2026-12-01T00:00:00Z"} if type_ == "tenant.cancelled" else {})}
    return data


class Broker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tenant = sign_up(unique("Courtier"))
        cls.other = sign_up(unique("Victime"))
        cls.app = Application(cls.tenant)

    @classmethod
    def tearDownClass(cls):
        if cls.app.connection is not None and cls.app.connection.is_open:
            cls.app.connection.close()

    def setUp(self):
        self.app = Broker.app
        self.before = (self.standing(self.tenant), self.standing(self.other))

    def tearDown(self):
        # Whatever was tried: nobody's standing moved, and what is legitimate still works.
        usage = self.tenant.usage("orders")[0]
        orders = len(self.tenant.records("order.created"))
        self.app.publish("usage.recorded", cloud("usage.recorded", {"metric": "orders", "quantity": 3}))
        self.app.publish("order.created", older("order.created", self.tenant.id, {"order_id": 456, "total": 99.99}), message_id=uuid.uuid4().hex)
        p.await_true("usage is still counted", lambda: self.tenant.usage("orders")[0] >= usage + 3)
        self.tenant.await_record("order.created", orders + 1)
        self.assertEqual((self.standing(self.tenant), self.standing(self.other)), self.before)

    def standing(self, tenant):
        seen = p.admin("GET", "/v1/admin/tenants/" + tenant.id).json
        forged = p.analyst("SELECT count(*) FROM analytics.payments WHERE stripe_object_id LIKE 'in_forged%'")[0][0]
        return seen["status"], seen["status_reason"], seen["plan"], len(seen["history"]), forged

    def refused_by_us(self, count, tries):
        """Runs the tries; each must end among the dead letters as refused, and in the audit log."""
        known = {row["event_id"] for row in dead_letters(self.tenant, "refused")}
        told = len(self.tenant.records("security.event_refused"))
        tries()
        p.await_true(f"{count} refused", lambda: len({r["event_id"] for r in dead_letters(self.tenant, "refused")} - known) >= count)
        stack.await_quiet(lambda: len(dead_letters(self.tenant, "refused")), "dead letters")
        new = [row for row in dead_letters(self.tenant, "refused") if row["event_id"] not in known]
        self.assertEqual(len({row["event_id"] for row in new}), count)
        self.tenant.await_record("security.event_refused", told + count)
        self.assertEqual(len(self.tenant.records("security.event_refused")), told + count)
        return new

    def refused_by_broker(self, code, action):
        with self.assertRaises((pika.exceptions.ChannelClosedByBroker, pika.exceptions.ChannelClosed)) as raised:
            action()
        self.assertEqual(raised.exception.reply_code, code)

    # ---- R3: forging privileged types ------------------------------------------------------------------------------

    def test_r3_privileged_types_by_key(self):
        def tries():
            for type_ in PRIVILEGED:
                self.app.publish(type_, cloud(type_, payload_of(type_)))
        new = self.refused_by_us(len(PRIVILEGED), tries)
        self.assertEqual({row["type"] for row in new}, set(PRIVILEGED))

    def test_r3_by_cc_and_bcc(self):
        def tries():
            for header in ("CC", "BCC"):
                self.app.publish("order.created", cloud("payment.succeeded", payload_of("payment.succeeded")), headers={header: ["payment.succeeded"]})
                self.app.publish("payment.succeeded", cloud("order.created", {"order_id": 1}), headers={header: ["order.created"]})
        self.refused_by_us(4, tries)

    def test_r3_older_and_structured_envelopes(self):
        # Whether or not the payload is of the type: claiming it is the try.
        def tries():
            for type_ in PRIVILEGED:
                self.app.publish("order.created", older(type_, self.tenant.id, payload_of(type_)), message_id=uuid.uuid4().hex)
                self.app.publish("app.anything", cloud(type_, payload_of(type_)), content_type="application/cloudevents+json")
        self.refused_by_us(2 * len(PRIVILEGED), tries)

    def test_r3_binary_mode(self):
        def tries():
            for prefix in ("cloudEvents_", "cloudEvents:"):
                headers = {prefix + k: v for k, v in {"specversion": "1.0", "id": uuid.uuid4().hex, "type": "payment.succeeded", "source": "/tenantry/billing",
                                                      "actor": "stripe:evt_1", "tenantid": self.tenant.id}.items()}
                self.app.publish("payment.succeeded", payload_of("payment.succeeded"), headers=headers)
        self.refused_by_us(2, tries)

    def test_r3_other_ways_in(self):
        event = cloud("payment.succeeded", payload_of("payment.succeeded"))
        for exchange, key in (("", self.tenant.id + ".billing"), ("", self.tenant.id + ".audit"), (self.tenant.id + ".events", "payment.succeeded"),
                              ("amq.topic", "payment.succeeded"), ("amq.fanout", ""), ("amq.direct", "x"), ("amq.headers", "x")):
            with self.subTest(exchange=exchange, key=key):
                self.refused_by_broker(403, lambda: self.app.publish(key, event, exchange=exchange))
        for user in ("tenantry-publisher", "tenantry-admin", "tenant-" + self.other.id):
            self.refused_by_broker(406, lambda: self.app.publish("order.created", event, user_id=user))

    # ---- R4, R7: configuring ---------------------------------------------------------------------------------------

    def test_r7_nothing_can_be_configured_or_read(self):
        own, tenant = self.tenant.id + ".app.mine", self.tenant.id
        dead_letter = {"x-dead-letter-exchange": tenant + ".events", "x-dead-letter-routing-key": "payment.succeeded", "x-message-ttl": 1}
        actions = {
            "queue with a dead-letter key": lambda c: c.queue_declare(own, arguments=dead_letter),
            "queue": lambda c: c.queue_declare(own),
            "server-named queue": lambda c: c.queue_declare("", exclusive=True),
            "alternate exchange": lambda c: c.exchange_declare(own, "topic", arguments={"alternate-exchange": tenant + ".events"}),
            "exchange": lambda c: c.exchange_declare(own, "fanout"),
            "binding": lambda c: c.queue_bind(tenant + ".billing", tenant + ".app", "#"),
            "exchange binding": lambda c: c.exchange_bind(tenant + ".events", tenant + ".app", "#"),
            "unbinding": lambda c: c.queue_unbind(tenant + ".audit", tenant + ".app", "#"),
            "purge": lambda c: c.queue_purge(tenant + ".audit"),
            "queue deletion": lambda c: c.queue_delete(tenant + ".audit"),
            "exchange deletion": lambda c: c.exchange_delete(tenant + ".events"),
            "consuming": lambda c: c.basic_consume(tenant + ".audit", lambda *_: None),
            "getting": lambda c: c.basic_get(tenant + ".billing"),
        }
        before = p.management("GET", f"bindings/tenant-{tenant}").json
        for name, action in actions.items():
            with self.subTest(name=name):
                self.refused_by_broker(403, lambda: action(self.app.channel()))
        self.assertEqual(p.management("GET", f"bindings/tenant-{tenant}").json, before)

    def test_r6_another_tenants_vhost(self):
        for vhost in ("tenant-" + self.other.id, "platform", "/", "tenant-nobody"):
            with self.subTest(vhost=vhost), self.assertRaises(pika.exceptions.AMQPConnectionError):
                self.app.connect(vhost)
        for user, password in (("guest", "guest"), (self.app.user, "wrong"), ("tenant-" + self.other.id, self.app.password)):
            with self.subTest(user=user), self.assertRaises(pika.exceptions.AMQPConnectionError):
                self.app.connect(user=user, password=password)
        self.assertEqual(p.management("GET", "users/guest").status, 404)
        self.assertEqual(p.management("GET", "users/" + self.app.user).json["tags"], [])

    # ---- R11 and the rest -------------------------------------------------------------------------------------------

    def test_r11_another_tenants_id(self):
        usage = self.other.usage("orders")

        def tries():
            self.app.publish("usage.recorded", cloud("usage.recorded", {"metric": "orders", "quantity": 1000}, self.other.id))
            self.app.publish("order.created", older("order.created", self.other.id))
            self.app.publish("order.created", cloud("order.created", {}, "platform"))
        self.refused_by_us(3, tries)
        self.assertEqual(self.other.usage("orders"), usage)
        self.assertEqual(self.other.records("order.created"), [])

    def test_the_platforms_own_metrics(self):
        """Limits and bills go by them: an application's word counts nowhere, and is on record."""
        calls, bytes_ = self.tenant.usage("api_calls"), self.tenant.usage("storage_bytes", "total")

        def tries():
            for metric in ("api_calls", "storage_bytes", "users"):
                self.app.publish("usage.recorded", cloud("usage.recorded", {"metric": metric, "quantity": 1000000}))
        self.refused_by_us(3, tries)
        stack.await_quiet(lambda: self.tenant.usage("api_calls"), "usage")
        self.assertLess(self.tenant.usage("api_calls")[0] - calls[0], 1000)
        self.assertEqual(self.tenant.usage("storage_bytes", "total"), bytes_)

    def test_malformed(self):
        known = {row["event_id"] for row in dead_letters(self.tenant, "invalid")}

        def nested(depth):
            table = {"leaf": 1}
            for _ in range(depth):
                table = {"t": table}
            return table
        salt = uuid.uuid4().hex
        bodies = [b"\x00\xff\xfe" + salt.encode(), b"{" + salt.encode(), b'"%s"' % salt.encode(), b"[]" + b" " * 7, json.dumps({"x": salt}).encode(),
                  json.dumps({"event": 7, "s": salt}).encode(), json.dumps({**older("order.created", self.tenant.id), "timestamp": "yesterday " + salt}).encode(),
                  b'{"event":"order.created","event":"order.created","s":"%s"}' % salt.encode(),
                  b'{"specversion":"1.0","type":"order.created","id":"%s","data":' % salt.encode() + b'{"a":' * 20000 + b"1" + b"}" * 20001,
                  json.dumps(cloud("order.created", {"blob": "x" * 300 * 1024})).encode(),
                  json.dumps(cloud("no spaces allowed", {})).encode(), json.dumps({**cloud("order.created", {}), "specversion": "9"}).encode(),
                  json.dumps(cloud("usage.recorded", {"metric": "no_such_metric", "quantity": 1})).encode(),
                  json.dumps(cloud("usage.recorded", {"metric": "orders", "quantity": -1})).encode(),
                  json.dumps(cloud("usage.recorded", {"metric": "orders", "quantity": "much"})).encode(),
                  json.dumps(cloud("usage.recorded", {"metric": "orders", "quantity": 1, "surprise": 1})).encode(),
                  json.dumps(cloud("usage.recorded", {"quantity": 1})).encode()]
        for body in bodies:
            self.app.publish("usage.recorded" if b"usage.recorded" in body else "order.created", body, content_type="application/json", message_id=uuid.uuid4().hex)
        self.app.publish("order.created", cloud("order.created", {}), headers=nested(100))
        count = len(bodies) + 1

        def found():
            return {row["event_id"] for row in dead_letters(self.tenant, "invalid")} - known
        p.await_true(f"{count} set aside as invalid", lambda: len(found()) >= count)
        stack.await_quiet(lambda: len(found()), "dead letters")
        self.assertEqual(len(found()), count)
        for row in dead_letters(self.tenant, "invalid"):
            self.assertTrue(row["error"], row)

    def test_over_the_brokers_limit(self):
        self.refused_by_broker(406, lambda: self.app.publish("order.created", b"x" * (2**20 + 1)))

    def test_what_expires_is_recorded_and_counted(self):
        """What was confirmed is recorded: an expiration of nought or of a millisecond changes nothing."""
        tenant = sign_up(unique("Presque Périmée"))
        application = Application(tenant)
        channel, count = application.channel(), 300
        stack.kill()  # nobody takes them in time
        for i in range(count):
            channel.basic_publish(application.exchange, "usage.recorded", b'{"metric": "orders", "quantity": 1}', pika.BasicProperties(
                delivery_mode=2, content_type="application/json", expiration=str(i % 2), user_id=application.user,
                headers={"cloudEvents_specversion": "1.0", "cloudEvents_id": f"e-{i}", "cloudEvents_source": "/shop",
                         "cloudEvents_type": "usage.recorded"}))
        stack.launch()
        p.await_true("each in the audit log, and counted",
                     lambda: tenant.usage("orders") == (count, count) and len(tenant.records("usage.recorded")) >= count, 30)
        self.assertEqual([row for row in dead_letters(tenant, "refused")], [])

    def test_a_type_nobody_knows(self):
        type_ = "app.unheard_of_" + stack.RUN
        letters = len(dead_letters(self.tenant, "refused")), len(dead_letters(self.tenant, "invalid"))
        self.app.publish(type_, cloud(type_, {"anything": [1, {"deep": None}]}))
        record = self.tenant.await_record(type_)[0]
        self.assertEqual(json.loads(record[2]), {"anything": [1, {"deep": None}]})
        self.assertEqual((len(dead_letters(self.tenant, "refused")), len(dead_letters(self.tenant, "invalid"))), letters)

    def test_duplicates_count_once(self):
        usage, records = self.tenant.usage("orders"), len(self.tenant.records("usage.recorded"))
        event = cloud("usage.recorded", {"metric": "orders", "quantity": 7})
        for _ in range(5):
            self.app.publish("usage.recorded", event)
        keyed = {"metric": "orders", "quantity": 11, "idempotency_key": uuid.uuid4().hex}
        for _ in range(3):  # other events, one key
            self.app.publish("usage.recorded", cloud("usage.recorded", keyed))
        self.tenant.await_record("usage.recorded", records + 4)
        p.await_true("counted", lambda: self.tenant.usage("orders")[0] >= usage[0] + 18)
        stack.await_quiet(lambda: self.tenant.usage("orders"), "usage")
        self.assertEqual(self.tenant.usage("orders")[0], usage[0] + 18)
        self.assertEqual(len(self.tenant.records("usage.recorded")), records + 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
