#!/usr/bin/python3
"""A poison message of each kind is set aside with its reason, shown, sent again and dropped; nobody else is harmed.

In metering's place runs poison_worker.cpp, whose handler throws, kills its process or takes too long when the event
says so. All of a tenant's messages wait in its queue when it starts, so that good and bad share a batch.
"""
import json
import os
import subprocess
import unittest
import uuid

import pika

import stack
from stack import p, unique

POISONS = {"throws": "exhausted", "crashes": "crash", "takes_too_long": "timeout"}
OF_ITS_FORM = {"undecodable": "invalid", "schema_invalid": "invalid"}
GOOD = 30
CRASHES_MAX = 40


def setUpModule():
    stack.start("signup,provisioning,billing,audit,notification,gateway")


def tearDownModule():
    stack.stop()


class Poison:
    """The worker's process, started again whenever it dies."""

    def __init__(self, **environment):
        url = os.environ["TENANTRY_METERING_DATABASE_URL"]
        # Half a second is too long here, so that the test need not wait for the thirty of production.
        self.environment = {**stack.settings(), **environment,
                            "TENANTRY_METERING_DATABASE_URL": url + ("&" if "?" in url else "?") + "options=-cstatement_timeout%3D500"}
        self.deaths = 0
        self.process = None

    def keep_alive(self):
        if self.process is None or self.process.poll() is not None:
            if self.process is not None:
                self.deaths += 1
                assert self.process.returncode == -9, f"ended with {self.process.returncode}:\n{stack.log_tail()}"
                assert self.deaths <= CRASHES_MAX, "it dies for ever"
            with open(stack.log_path, "ab") as log:
                binary = os.path.join(os.path.dirname(stack.BINARY), "poison_worker")
                self.process = subprocess.Popen([binary], env=self.environment, stdout=log, stderr=log)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=60) == 0, stack.log_tail()


def run(*arguments, code=0):
    done = subprocess.run([stack.BINARY, "--json", "dead-letters", *arguments], env=stack.settings(), capture_output=True, text=True, timeout=60)
    assert done.returncode == code, f"{arguments}: {done.returncode} {done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


class Kinds(unittest.TestCase):
    def letters(self, tenant, *filters):
        return run("list", "--tenant", tenant.id, "--worker", "metering", *filters)

    def publish(self, tenant, body):
        if tenant.id not in self.channels:
            parameters = pika.URLParameters(os.environ["TENANTRY_TEST_AMQP_URL"])
            parameters.virtual_host = "tenant-" + tenant.id
            connection = pika.BlockingConnection(parameters)
            self.addCleanup(connection.close)
            self.channels[tenant.id] = connection.channel()
            self.channels[tenant.id].confirm_delivery()
        self.channels[tenant.id].basic_publish(tenant.id + ".app", "usage.recorded", body,
                                               pika.BasicProperties(content_type="application/cloudevents+json", delivery_mode=2))

    def usage(self, tenant, metric, quantity):
        return json.dumps({"specversion": "1.0", "type": "usage.recorded", "id": uuid.uuid4().hex, "source": "/e2e", "tenantid": tenant.id,
                           "data": {"metric": metric, "quantity": quantity}}).encode()

    def handled(self, tenant):
        """By metric and quantity; without what the gateway counts of itself."""
        told = (json.loads(row[2]) for row in tenant.records("usage.threshold_reached"))
        return sorted((one["metric"], one["quantity"]) for one in told if one["metric"] != "api_calls")

    def test_each_kind(self):
        self.channels = {}
        ours, other = stack.sign_up(unique("Empoisonnée")), stack.sign_up(unique("Voisine"))
        for number in range(1, GOOD + 1):
            self.publish(ours, self.usage(ours, "good", number))
            self.publish(other, self.usage(other, "good", number))
            if number == GOOD // 2:
                for metric in POISONS:
                    self.publish(ours, self.usage(ours, metric, 1))
                self.publish(ours, b"\xff\xfe undecodable " + uuid.uuid4().hex.encode())
                self.publish(ours, self.usage(ours, "good", 1).replace(b'"quantity": 1', b'"quantity": "much"'))
        good = [("good", float(number)) for number in range(1, GOOD + 1)]

        worker = Poison()
        self.addCleanup(lambda: worker.process.poll() is None and worker.process.kill())

        def all_set_aside():
            worker.keep_alive()
            p.advance("5m")  # retries wait for the platform's clock
            return len(self.letters(ours)) == len(POISONS) + len(OF_ITS_FORM)
        p.await_true("each poison is set aside", all_set_aside, 180)
        self.assertGreater(worker.deaths, 9)  # patient: a power cut is nobody's fault
        p.await_true("the others are handled", lambda: worker.keep_alive() or (self.handled(ours), self.handled(other)) == (good, good), 60)

        letters = self.letters(ours)
        self.assertEqual(sorted(letter["reason"] for letter in letters), sorted([*POISONS.values(), *OF_ITS_FORM.values()]))
        self.assertEqual(self.letters(other), [])
        for letter in letters:
            self.assertEqual((letter["state"], letter["whole"], letter["tenant_id"]), ("waiting", True, ours.id))
            shown = run("show", letter["id"])[0]
            if letter["reason"] == "invalid":
                self.assertIsNone(shown["message"]["event"])
                self.assertTrue(shown["message"]["error"])
            else:
                self.assertEqual(POISONS[shown["message"]["event"]["data"]["metric"]], letter["reason"])
                self.assertEqual(shown["message"]["event"]["source"], "/e2e")
        by_reason = {letter["reason"]: letter for letter in letters}
        self.assertIn("a bug of the handler", by_reason["exhausted"]["error"])
        self.assertIn("statement timeout", by_reason["timeout"]["error"])
        self.assertEqual(sum(group["count"] for group in run("groups", "--tenant", ours.id, "--worker", "metering")), len(letters))
        worker.stop()

        self.redrive(ours, letters, good)
        self.drop(ours)

    def redrive(self, tenant, letters, good):
        """In the next build the handlers' bugs are fixed; what cannot be read comes back."""
        chosen = ("--tenant", tenant.id, "--worker", "metering")
        self.assertEqual(len(run("redrive", *chosen, "--dry-run")), len(letters))
        self.assertEqual({letter["state"] for letter in self.letters(tenant)}, {"waiting"})
        self.assertEqual(run("redrive", *chosen, "--reason", "timeout", "--max", "1", "--note", "fixed")[0]["action"], "redrive")
        self.assertEqual(len(run("redrive", *chosen, "--rate", "2", "--note", "fixed")), len(letters) - 1)
        self.assertEqual(run("redrive", *chosen), [])
        cured = Poison(POISON_CURED="1")
        self.addCleanup(lambda: cured.process.poll() is None and cured.process.kill())
        expected = sorted(good + [(metric, 1.0) for metric in POISONS])
        p.await_true("each took effect", lambda: cured.keep_alive() or self.handled(tenant) == expected, 60)
        p.await_true("unreadable ones are back", lambda: [r["reason"] for r in self.letters(tenant)] == ["invalid", "invalid"], 60)
        seen = {letter["id"]: letter["seen"] for letter in letters}  # with every process that died
        self.assertEqual([(r["redrives"], r["seen"] - seen[r["id"]]) for r in self.letters(tenant)], [(1, 1)] * 2)
        self.assertEqual({r["id"] for r in self.letters(tenant, "--state", "any")}, {r["id"] for r in letters})
        told = tenant.await_record("dead_letter.redriven", len(letters))
        self.assertEqual({json.loads(row[2])["note"] for row in told}, {"fixed"})
        self.assertEqual(p.analyst("SELECT DISTINCT actor_kind, actor_id, crud, resource FROM analytics.audit_events WHERE "
                                   f"tenant_id = '{tenant.id}' AND type = 'dead_letter.redriven'"), [["user", "super-admin", "update", "dead_letter"]])
        cured.stop()

    def drop(self, tenant):
        left = self.letters(tenant)
        self.assertEqual(p.admin("POST", f"/v1/admin/dead-letters/{left[0]['id']}/drop", {"note": "no use"}).json["state"], "dropped")
        again = p.admin("POST", f"/v1/admin/dead-letters/{left[0]['id']}/drop", {})
        self.assertEqual((again.status, again.json["code"]), (409, "dead_letter_settled"))
        self.assertEqual(len(run("drop", left[1]["id"])), 1)
        self.assertEqual(self.letters(tenant), [])
        tenant.await_record("dead_letter.dropped", 2)

    def test_what_is_asked_wrongly(self):
        self.assertEqual(p.admin("GET", "/v1/admin/dead-letters/no-id").status, 404)
        self.assertEqual(p.admin("POST", f"/v1/admin/dead-letters/{uuid.uuid4()}/redrive", {}).status, 404)
        for body, pointer in (({}, "/all"), ({"all": True, "max": 101}, "/max"), ({"ids": ["x"]}, "/ids"), ({"reason": "mood"}, "/reason"),
                              ({"since": "yesterday"}, "/since"), ({"all": 1}, "/all")):
            answer = p.admin("POST", "/v1/admin/dead-letters/redrive", body)
            self.assertEqual((answer.status, pointer in stack.pointers(answer)), (422, True), answer)
        self.assertEqual(p.admin("GET", "/v1/admin/dead-letters?reason=mood").status, 422)
        run("redrive", code=1)
        run("list", "--reason", "mood", code=2)
        member = stack.sign_up(unique("Curieuse"))
        self.assertEqual(member.get("/v1/admin/dead-letters").status, 403)


if __name__ == "__main__":
    unittest.main(verbosity=2)
