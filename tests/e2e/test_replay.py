#!/usr/bin/python3
"""Recording, replaying and verifying: whatever the tests before this one did to the database (kills among it), the
state is what the audit log leads to; a difference that is planted is found and named; a replay reaches nobody.
"""
import json
import os
import subprocess
import tempfile
import unittest
import uuid

import stack
from stack import p, unique


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


def run(*arguments, code=0):
    done = subprocess.run([stack.BINARY, "--json", "events", *arguments], env=stack.settings(), capture_output=True, text=True, timeout=300)
    if done.returncode != code:
        raise AssertionError(f"{arguments}: {done.returncode} {done.stdout[-2000:]} {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def superuser(sql, database=None):
    url = database or os.environ["TENANTRY_DATABASE_URL"].replace(
        os.environ["TENANTRY_DATABASE_URL"].split("@")[0], os.environ["TENANTRY_TEST_SUPERUSER_URL"].split("@")[0])
    done = subprocess.run(["psql", url, "-At", "-v", "ON_ERROR_STOP=1", "-c", sql], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


class Replay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tenant = stack.sign_up(unique("Rejouée"))
        cls.key = uuid.uuid4().hex

    def live(self):
        """Paid, used by its application: twice under one key, once against metering's rules."""
        tenant = self.tenant
        for quantity, key in ((5, None), (2, self.key), (3, self.key)):
            data = {"metric": "orders", "quantity": quantity, **({"idempotency_key": key} if key else {})}
            event = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/shop", "type": "usage.recorded", "data": data}
            self.assertEqual(tenant.post("/v1/events", event).status, 202)
            tenant.await_record("usage.recorded", 1)
        p.tenantry("events", "publish", "usage.recorded", "--tenant", tenant.id, "--data", json.dumps({"metric": "orders", "quantity": -1}))
        self.assertEqual(p.post_stripe(p.stripe_event("invoice.paid", p.invoice(tenant.id, True))).status, 200)
        tenant.await_status("active")
        p.await_true("counted", lambda: tenant.usage("orders") in ((7.0, 2), (8.0, 2)), 60)
        # The gateway tells of its calls once a second, so these are the last to come.
        p.await_true("the calls counted, too", lambda: tenant.usage()[0] == 3.0, 60)
        stack.await_quiet(lambda: len(self.tenant.records()), "the audit log", 60, 1.5)

    def verify(self, *arguments, code=0):
        *differences, summary = run("replay", "--verify", "--settle", "0", *arguments, code=code)
        self.assertEqual(summary["differences"], len(differences))
        return differences, summary

    def settled(self, what, code, holds):
        """What the tests before this one left in queues and outbox is handled first: only a difference that stays is one."""
        last = None

        def same():
            nonlocal last
            try:
                last = self.verify(code=code)
                return last if holds(last[0]) else None
            except AssertionError as error:
                last = error
                return None

        try:
            return p.await_true(what, same, 120)
        except AssertionError:
            raise AssertionError(f"{what}: {last}") from None

    def verified(self):
        return self.settled("state and log agree", 0, lambda differences: not differences)[1]

    def test_story(self):
        self.live()
        self.assertGreaterEqual(self.verified()["tenants"], 1)
        self.assertEqual(self.verify("--tenant", self.tenant.id)[1]["refused"], 1)
        self.plant()
        self.record_and_replay()

    def plant(self):
        tenant = self.tenant.id
        for change, undo, what, live in (
                (f"UPDATE platform.tenants SET status = 'suspended', status_reason = 'abuse' WHERE tenant_id = '{tenant}'",
                 f"UPDATE platform.tenants SET status = 'active', status_reason = 'payment' WHERE tenant_id = '{tenant}'", "status", "suspended"),
                (f"UPDATE metering.counters SET events = events + 1 WHERE tenant_id = '{tenant}' AND metric = 'orders' AND span = 'month'",
                 f"UPDATE metering.counters SET events = events - 1 WHERE tenant_id = '{tenant}' AND metric = 'orders' AND span = 'month'", "usage orders month", " of 3")):
            superuser(change)
            differences, _ = self.settled("only what is planted is found", 1, lambda found: {d["tenant_id"] for d in found} == {tenant})
            superuser(undo)
            # That an account which has paid is suspended for nothing that anybody said is found as well.
            planted = [each for each in differences if not each["what"].startswith("account")]
            self.assertEqual(len(planted), 1, differences)
            self.assertTrue(planted[0]["what"].startswith(what), differences)
            self.assertTrue(planted[0]["live"].endswith(live), differences)
        self.verified()

    def record_and_replay(self):
        tenant = self.tenant.id
        mails = self.mails()
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "tenant.ndjson")
            events = run("record", "--tenant", tenant, "--out", file)[0]["events"]
            self.assertEqual(events, len(self.tenant.records()))
            with open(file, encoding="utf-8") as lines:
                self.assertEqual({json.loads(line)["tenantid"] for line in lines}, {tenant})
            effects = run("replay", file, "--dry-run")
            types = [effect["event"]["type"] for effect in effects if effect.get("effect") == "event"]
            for type_ in ("tenant.registered", "tenant.provisioned", "trial.started", "tenant.activated"):
                self.assertEqual(types.count(type_), 1, type_)
            self.assertIn("mail", {effect.get("effect") for effect in effects})
            self.assertIn({"effect": "tenant", "tenant_id": tenant, "status": "ACTIVE", "plan": "PROFESSIONAL"}, effects)
            alone = run("replay", file, "--dry-run", "--worker", "notification")
            self.assertEqual({effect["event"]["source"] for effect in alone if effect.get("effect") == "event"},
                             {"/tenantry/notification"})
            of_all, of_one = ([effect["subject"] for effect in told if effect.get("effect") == "mail"] for told in (effects, alone))
            self.assertEqual((of_one, {effect.get("sent") for effect in alone if effect.get("effect") == "mail"}), (of_all, {False}))
            self.assertEqual(self.mails(), mails)
            sent = [effect["sent"] for effect in run("replay", file, "--sandbox", "--send-mail") if effect.get("effect") == "mail"]
            self.assertEqual((set(sent), len(sent)), ({True}, len(of_all)))
            p.await_true("the mails have come", lambda: len(self.mails()) == len(mails) + len(sent))
            mails = self.mails()
            kept = [line for line in run("replay", file, "--sandbox", "--keep") if "sandbox" in line][0]["sandbox"]
        sandbox = os.environ["TENANTRY_TEST_SUPERUSER_URL"].rsplit("/", 1)[0] + "/" + kept
        self.assertEqual(superuser(f"SELECT status FROM platform.tenants WHERE tenant_id = '{tenant}'", sandbox), ["active"])
        names = "SELECT datname FROM pg_database WHERE datname LIKE 'tenantry_sandbox_%'"
        self.assertEqual(superuser(names), [kept])  # the dry run's is gone
        superuser(f"DROP DATABASE {kept} WITH (FORCE)")
        run("replay", "--tenant", tenant, "--type", "usage.*", "--sandbox", code=1)  # not from its signup on
        self.assertEqual(superuser(names), [])
        self.assertEqual(self.mails(), mails)  # nobody heard of any of it
        self.assertEqual(self.verify("--tenant", tenant)[0], [])

    def mails(self):
        found = [mail for mail in p.mails() if mail[0] == self.tenant.address]
        self.assertTrue(found)
        return found

    def test_used_wrongly(self):
        for arguments in ((), ("--verify", "--dry-run"), ("--verify", "--type", "x"), ("--dry-run", "--speed", "fast"), ("no-such-file", "--dry-run"),
                          ("--dry-run", "--since", "yesterday"), ("--dry-run", "--send-mail"), ("--verify", "--worker", "billing"),
                          ("--dry-run", "--worker", "nobody")):
            run("replay", *arguments, code=2)
        run("replay", "--dry-run", "--tenant", "nobody-at-all", code=1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
