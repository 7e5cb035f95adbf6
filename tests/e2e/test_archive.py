"""Goal: whole months of the audit log move into files by the commands of docs/audit-retention.md, and a tenant can verify
its log as before: archive, proofs across the cut and what is left, with our verifier and with one that shares no code.
"""
import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
import tempfile
import unittest

import stack
from audit_verifier import Wrong, verify
from stack import p

KEY = os.environ["TENANTRY_AUDIT_KEYS"]


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


def owner(sql):
    done = subprocess.run(["psql", p.env("TENANTRY_DATABASE_URL"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql],
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout.strip()


def run(*arguments):
    return subprocess.run([stack.BINARY, *arguments], env=stack.settings(), capture_output=True, text=True, timeout=300)


def lines(*arguments):
    done = run("--json", *arguments)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: {done.returncode} {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def documented():
    """The shell blocks of the page, in their order."""
    with open(os.path.join(stack.ROOT, "docs", "audit-retention.md"), encoding="utf-8") as page:
        return re.findall(r"```sh\n(.*?)```", page.read(), re.S)


def size_of(note):
    return int(note.split("\n")[1])


def publish(tenant, count):
    for i in range(count):
        answer = tenant.post("/v1/events", {"specversion": "1.0", "type": "order.created", "id": f"o{i}-{count}",
                                            "source": "/shop", "data": {"amount": i}},
                             **{"Content-Type": "application/cloudevents+json"})
        assert answer.status == 202, answer


def signed(tenant, size):
    """The newest checkpoint, once it has at least so many records."""
    found = []

    def newest():
        answer = tenant.get("/v1/audit/checkpoint")
        if answer.status == 200:
            found.append(answer.body)
        return found and size_of(found[-1]) >= size
    p.await_true(f"a checkpoint of {size} records", newest, 60)
    return found[-1]


class Archive(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tenantry-archive-")
        cls.tenant = stack.sign_up(stack.unique("Archives Secretes"))
        assert p.post_stripe(p.stripe_event("invoice.paid", p.invoice(cls.tenant.id, paid=True))).status == 200
        cls.tenant.await_status("active")
        publish(cls.tenant, 12)
        cls.tenant.await_record("order.created", 12)
        # A record of the platform's own log.
        forged = p.request("POST", "/webhooks/stripe", raw=b"{}", headers={"Stripe-Signature": "t=1,v1=00"})
        assert forged.status == 400, forged
        p.await_true("the platform has a log", lambda: p.analyst(
            "SELECT 1 FROM analytics.audit_events WHERE tenant_id = 'platform' AND type = 'security.access_refused'"))
        cls.month = owner(f"SELECT to_char(max(recorded_at) AT TIME ZONE 'UTC', 'YYYY-MM') FROM audit.records WHERE tenant_id = '{cls.tenant.id}'")
        cls.old = signed(cls.tenant, 20)
        cls.plans = owner("SELECT string_agg(format('(%L, %s, %s)', plan, version, audit_retention_months), ',') FROM platform.plans")
        owner("UPDATE platform.plans SET audit_retention_months = 1")
        p.advance("70d")
        cls.tenant.login()
        publish(cls.tenant, 5)
        cls.tenant.await_record("order.created", 17)
        cls.await_signed()
        # Months leave in order: first those that other tests have left in front of ours.
        for month in lines("audit", "archive", "--others-months", "1"):
            if month["month"] < cls.month:
                done = run("audit", "archive", "--month", month["month"], "--to", cls.folder, "--others-months", "1")
                assert done.returncode == 0, done.stderr

    @classmethod
    def tearDownClass(cls):
        owner(f"UPDATE platform.plans p SET audit_retention_months = v.months FROM (VALUES {cls.plans}) AS v (plan, version, months) "
              "WHERE p.plan = v.plan AND p.version = v.version")

    @classmethod
    def await_signed(cls):
        """Every log up to its end: also those of other tenants in the month, for it leaves as a whole."""
        p.await_true("every log is signed", lambda: owner(
            "SELECT count(*) FROM audit.heads h WHERE EXISTS (SELECT FROM audit.records r WHERE r.tenant_id = h.tenant_id AND "
            "r.sequence >= coalesce((SELECT max(size) FROM audit.checkpoints c WHERE c.tenant_id = h.tenant_id), 0))") == "0", 120)

    def shell(self, script):
        """A block of the page, with this test's folder, tenant and month in place of the page's."""
        script = script.replace("/srv/archive", self.folder).replace("acme", self.tenant.id).replace("2025-01", self.month)
        script = script.replace("audit archive", "audit archive --others-months 1")
        return subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=600,
                              env={**stack.settings(), "PATH": os.path.dirname(stack.BINARY) + ":" + os.environ["PATH"]})

    def text(self, path):
        answer = self.tenant.get(path)
        self.assertEqual(answer.status, 200, answer)
        return answer.body

    def accepted(self, text):
        """By both verifiers; ours gets nothing of the installation but the key."""
        verify(text, KEY)
        path = os.path.join(self.folder, "to_verify")
        with open(path, "w", encoding="utf-8", newline="") as out:
            out.write(text)
        done = subprocess.run([stack.BINARY, "audit", "verify", path, "--key", KEY], env={}, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

    def listed(self):
        return {month["month"]: month for month in lines("audit", "archive", "--others-months", "1")}

    def test_a_month_moves_into_files(self):
        holds, archiving = documented()
        self.assertTrue(self.listed()[self.month]["due"])
        self.assertIn(self.month, run("audit", "archive").stdout)
        kept = {month["month"]: month for month in lines("audit", "archive")}[self.month]["kept"]
        self.assertIn(("retention", "platform"), [(reason["rule"], reason["tenant_id"]) for reason in kept])

        # The page's commands for holds: the first places one, the last releases it.
        place, show, release = holds.strip().splitlines()
        for command in (place, show):
            done = self.shell(command)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.listed()[self.month]["kept"][0]["rule"], "legal_hold")
        held = run("audit", "archive", "--month", self.month, "--to", self.folder, "--others-months", "1")
        self.assertEqual(held.returncode, 1)
        self.assertIn(f"tenant {self.tenant.id} is under a legal hold until 2099-06-30: case 17/2026", held.stderr)
        self.assertEqual(self.shell(release).returncode, 0)
        self.tenant.await_record("tenant.hold_released")
        self.assertEqual(run("audit", "archive", "--month", "2025-1", "--to", self.folder).returncode, 2)
        self.assertEqual(run("audit", "archive", "--due").returncode, 2)

        self.await_signed()
        before = self.tenant.records("order.created")
        done = self.shell(archiving)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"\d+ records of \d+ logs are in")
        self.assertIn("the manifest is signed", done.stdout)
        self.assertNotIn(self.month, self.listed())
        self.assertIn("archived already", run("audit", "archive", "--month", self.month, "--to", self.folder).stderr)
        self.assertLess(len(self.tenant.records("order.created")), len(before))
        self.check_files()
        self.check_proofs()
        self.check_reading()

    def check_files(self):
        path = os.path.join(self.folder, self.month, self.tenant.id + ".ndjson.gz")
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            evidence = file.read()
        self.accepted(evidence)
        self.records = [json.loads(line) for line in evidence.splitlines()[1:]]
        for secret in ("Archives Secretes", self.tenant.address):
            self.assertNotIn(secret, evidence)
        with self.assertRaises(Wrong):
            verify(evidence.replace("order.created", "order.deleted"), KEY)
        with open(os.path.join(self.folder, self.month, "manifest.json"), "rb") as file:
            manifest = file.read()
        digest = hashlib.sha256(manifest).hexdigest()
        p.await_true("the archiving is on record", lambda: p.analyst(
            "SELECT payload->>'manifest_sha256' FROM analytics.audit_events WHERE tenant_id = 'platform' AND "
            f"type = 'audit.month_archived' AND payload->>'month' = '{self.month}'") == [[digest]], 60)
        self.assertEqual(owner(f"SELECT DISTINCT encode(manifest_sha256, 'hex') FROM audit.archives WHERE month = '{self.month}-01'"),
                         digest)

    def check_proofs(self):
        first_kept = self.records[-1]["sequence"] + 1
        self.assertEqual(self.records[0]["sequence"], 0)
        text = self.text("/v1/audit/proof?sequence=3")
        self.accepted(text)
        proof = json.loads(text)
        leaf = self.records[3]["leaf"].encode()
        self.assertEqual(base64.b64decode(proof["leaf_hash"]), hashlib.sha256(b"\0" + leaf).digest())
        self.assertEqual(proof["archived"], self.month)
        with self.assertRaises(Wrong):
            verify(json.dumps({**proof, "leaf_hash": base64.b64encode(hashlib.sha256(leaf).digest()).decode()}), KEY)
        self.accepted(self.text(f"/v1/audit/proof?sequence={first_kept}"))
        # A head that the tenant has held since before the cut.
        proof = json.loads(self.text(f"/v1/audit/proof?from={size_of(self.old)}"))
        self.assertEqual(proof["old_checkpoint"], self.old)
        self.accepted(json.dumps(proof))
        gone = self.tenant.get("/v1/audit/evidence?from=0")
        self.assertEqual((gone.status, gone.json["code"]), (404, "archived"))
        self.assertIn(f"left the database with the month {self.month}", gone.json["detail"])
        left = self.text("/v1/audit/evidence")
        self.assertEqual(json.loads(left.splitlines()[0])["first"], first_kept)
        self.accepted(left)

    def check_reading(self):
        first_kept = self.records[-1]["sequence"] + 1
        page = self.tenant.get("/v1/audit?order=asc&limit=1")
        self.assertEqual(page.json["records"][0]["sequence"], first_kept)
        done = run("audit", "verify", "--tenant", self.tenant.id, "--state", os.environ["TENANTRY_SIGNER_STATE"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"of the first {first_kept}, archived, the hashes", done.stdout)
        refused = run("events", "replay", "--verify", "--tenant", self.tenant.id)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("are archived, and only whole histories can be verified", refused.stderr)
        alarms = p.analyst("SELECT count(*) FROM analytics.audit_events WHERE type = 'audit.tampering_detected' "
                           f"AND tenant_id IN ('platform', '{self.tenant.id}')")
        self.assertEqual(alarms, [["0"]])


if __name__ == "__main__":
    unittest.main()
