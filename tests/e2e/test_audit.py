"""Goal: a tenant can verify its audit log without us: signed heads, proofs and evidence come over HTTP, hold for our own
verifier and for one that shares no code with it, and no altered one does.
"""
import json
import os
import random
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


def ours(text):
    """(exit code, output) of `tenantry audit verify`, which gets nothing of the installation but the key."""
    path = os.path.join(p.env("TENANTRY_TEST_DEV_DIR"), "log", "to_verify")
    with open(path, "w", encoding="utf-8", newline="") as out:
        out.write(text)
    done = subprocess.run([stack.BINARY, "audit", "verify", path, "--key", KEY], env={}, text=True,
                          capture_output=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def live(*arguments):
    done = subprocess.run([stack.BINARY, "audit", "verify", *arguments], env=stack.settings(), text=True,
                          capture_output=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def size_of(note):
    return int(note.split("\n")[1])


class Audit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tenant = stack.sign_up(stack.unique("Audit"))
        cls.first = cls.checkpoint_of(3)
        for i in range(20):
            answer = cls.tenant.post("/v1/events", {"specversion": "1.0", "type": "order.created", "id": f"o{i}",
                                                    "source": "/shop", "data": {"amount": i}},
                                     **{"Content-Type": "application/cloudevents+json"})
            assert answer.status == 202, answer
        cls.tenant.await_record("order.created", 20)
        cls.newest = cls.checkpoint_of(size_of(cls.first) + 20)

    @classmethod
    def checkpoint_of(cls, size):
        """The newest checkpoint, once it has at least so many records."""
        found = []

        def signed():
            answer = cls.tenant.get("/v1/audit/checkpoint")
            if answer.status == 200:
                found.append(answer.body)
            return found and size_of(found[-1]) >= size
        p.await_true(f"a checkpoint of {size} records", signed, 60)
        return found[-1]

    def text(self, path):
        answer = self.tenant.get(path)
        self.assertEqual(answer.status, 200, answer)
        return answer.body

    def accepted(self, text):
        verify(text, KEY)
        code, output = ours(text)
        self.assertEqual(code, 0, output)

    def refused(self, text, what):
        with self.assertRaises(Wrong, msg=what):
            verify(text, KEY)
        code, output = ours(text)
        self.assertEqual(code, 1, what + ": " + output)
        return output

    def test_keys_are_published(self):
        answer = p.request("GET", "/.well-known/tenantry/audit-keys?tenant_id=" + self.tenant.id)
        self.assertEqual(answer.status, 200)
        key = answer.json["keys"][0]
        self.assertEqual((key["public_key"], key["status"]), (KEY, "current"))
        self.assertTrue(key["vkey"].startswith(f"tenantry.default/audit/{self.tenant.id}+"), key)
        self.assertEqual(p.request("GET", "/.well-known/tenantry/audit-keys?tenant_id=../x").status, 422)

    def test_the_pages_commands_hold(self):
        """docs/audit-verification.md, every command in its order, by somebody whose tenant is not called acme."""
        with open(os.path.join(stack.ROOT, "docs", "audit-verification.md"), encoding="utf-8") as page:
            blocks = [block.partition("```")[0] for block in page.read().split("```sh\n")[1:]]
        self.assertEqual(len(blocks), 3)
        script = "set -eux\n" + "".join(blocks).replace("acme", self.tenant.id)
        script = script.replace("/var/lib/tenantry-signer/state", p.env("TENANTRY_SIGNER_STATE"))
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(os.path.join(stack.ROOT, "tests"), os.path.join(folder, "tests"))
            with open(os.path.join(folder, "older-checkpoint"), "w", encoding="utf-8") as out:
                out.write(self.first)
            environment = stack.settings() | {"AUTH": "Authorization: " + self.tenant.token["Authorization"], "PUBLIC_KEY": KEY,
                                              "PATH": os.path.dirname(stack.BINARY) + ":" + os.environ["PATH"]}
            done = subprocess.run(["sh", "-c", script], cwd=folder, env=environment, text=True, capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_record_is_proven(self):
        size = size_of(self.newest)
        for sequence in (0, 1, size // 2, size - 1):
            text = self.text(f"/v1/audit/proof?sequence={sequence}&size={size}")
            self.accepted(text)
            proof = json.loads(text)
            for change in ({"sequence": sequence + 1}, {"sequence": sequence - 1}, {"leaf": proof["leaf"] + " "},
                           {"proof": proof["proof"][1:]}, {"proof": proof["proof"] + proof["proof"][:1]},
                           {"checkpoint": self.first}, {"proof": ["AAAA"]}):
                self.refused(json.dumps({**proof, **change}), str(change))

    def test_older_heads_are_the_start_of_newer_ones(self):
        old, new = size_of(self.first), size_of(self.newest)
        text = self.text(f"/v1/audit/proof?from={old}&to={new}")
        self.accepted(text)
        proof = json.loads(text)
        for change in ({"old_checkpoint": self.newest}, {"checkpoint": self.first}, {"proof": proof["proof"][:-1]},
                       {"proof": []}):
            self.refused(json.dumps({**proof, **change}), str(change))

    def test_evidence_holds_and_no_altered_one(self):
        size = size_of(self.newest)
        for first, past in ((0, size), (3, size - 2), (size // 2, size // 2 + 1), (5, 5)):
            self.accepted(self.text(f"/v1/audit/evidence?from={first}&to={past}"))
        text = self.text(f"/v1/audit/evidence?from=2&to={size - 1}")
        head, *records = text.splitlines()

        def joined(lines):
            return "\n".join(lines) + "\n"
        output = self.refused(joined([head] + records[:4] + records[5:]), "a record removed")
        self.assertIn(f"tenant {self.tenant.id}, record 6", output)
        swapped = list(records)
        swapped[1], swapped[2] = swapped[2], swapped[1]
        self.assertIn("record 3", self.refused(joined([head] + swapped), "two swapped"))
        self.refused(joined([head] + records + records[-1:]), "one added")
        self.refused(joined([head] + records[:-1]), "the last removed")
        self.refused(joined([head] + [each.replace("order.created", "order.deleted") for each in records]), "changed")
        chance = random.Random(7)
        for _ in range(12):
            record = chance.randrange(len(records))
            changed = list(records)
            # Within a leaf's event id: it stays JSON, and another record.
            at = changed[record].index('event_id') + 13 + chance.randrange(8)
            digit = "0" if changed[record][at] != "0" else "1"
            changed[record] = changed[record][:at] + digit + changed[record][at + 1:]
            self.refused(joined([head] + changed), f"record {record}, place {at}")

    def test_live_log_holds(self):
        code, output = live("--tenant", self.tenant.id, "--state", os.environ["TENANTRY_SIGNER_STATE"])
        self.assertEqual(code, 0, output)
        self.assertRegex(output, rf"tenant {self.tenant.id}: \d+ records and \d+ checkpoints? hold")
        self.assertRegex(live("--tenant", "platform")[1], r"^the platform: \d+ records and \d+ checkpoints? hold")

    def test_bad_questions_are_told_so(self):
        for path, pointer in (("proof", "/sequence"), ("proof?sequence=1&from=2", "/sequence"),
                              ("proof?sequence=x", "/sequence"), ("proof?sequence=99999999", "/sequence"),
                              ("evidence?from=-1", "/from"), ("evidence?from=99999999", "/from")):
            answer = self.tenant.get("/v1/audit/" + path)
            self.assertEqual((answer.status, stack.pointers(answer)), (422, [pointer]), path)
        self.assertEqual(self.tenant.get("/v1/audit/proof?sequence=0&size=99999999").status, 404)
        self.assertEqual(p.request("GET", "/v1/audit/checkpoint").status, 401)

    def test_command_line_names_what_is_wrong_with_keys(self):
        code, output = live("--key", "nonsense")
        self.assertEqual(code, 2)
        self.assertIn("--key", output)

    def test_a_key_is_made_once_and_for_its_owner(self):
        path = os.path.join(p.env("TENANTRY_TEST_DEV_DIR"), "log", "key." + stack.RUN)
        made = subprocess.run([stack.BINARY, "audit", "keygen", path], env={}, text=True, capture_output=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        again = subprocess.run([stack.BINARY, "audit", "keygen", path], env={}, text=True, capture_output=True)
        self.assertEqual(again.returncode, 1)
        os.chmod(path, 0o640)
        signer = subprocess.run([stack.BINARY + "-signer"], text=True, capture_output=True, timeout=60,
                                env={**stack.settings(), "TENANTRY_SIGNER_KEYS": path})
        self.assertEqual(signer.returncode, 2)
        self.assertIn("readable by its owner only", signer.stderr)


if __name__ == "__main__":
    unittest.main()
