#!/usr/bin/python3
"""Every command that a page shows, pasted as it stands into a shell, against the stack that the tests have started.

A page's block either is run here, or names the test that does what it says. A block without either fails.
README's five minutes have a test of their own (test_readme.py).
"""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import stack
from stack import p, sign_up, unique

DOCS = os.path.join(stack.ROOT, "docs")


class Elsewhere:
    """The block is of a kind that nothing here can run; `test` holds what it promises."""

    def __init__(self, test):
        self.test = test


class Run:
    """Pasted after `before`; every `names` entry is replaced, and `said` must be printed."""

    def __init__(self, before="", names=None, said=()):
        self.before, self.names, self.said = before, names or {}, said


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


def blocks(page):
    with open(os.path.join(DOCS, page), encoding="utf-8") as file:
        return re.findall(r"^ *```(?:sh|bash|console)\n(.*?)^ *```", file.read(), re.DOTALL | re.MULTILINE)


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deleted, cls.to_erase = (sign_up(unique(name)) for name in ("Pages Fermées", "Pages Oubliées"))
        for tenant in (cls.deleted, cls.to_erase):
            p.tenantry("tenants", "cancel", tenant.id)
        p.advance("31d")
        for tenant in (cls.deleted, cls.to_erase):
            tenant.await_status("deleted")
        cls.tenant = sign_up(unique("Pages"))
        cls.event_id = "evt_docs" + stack.RUN
        p.post_stripe(p.stripe_event("invoice.payment_failed", p.invoice(cls.tenant.id, paid=False), event_id=cls.event_id))
        cls.tenant.await_record("payment.failed")
        for n in range(20):
            assert cls.tenant.post("/v1/events", {"specversion": "1.0", "id": f"docs-{n}", "source": "/docs", "type": "order.created",
                                                  "data": {}}).status == 202
        cls.tenant.await_record("order.created", 20)
        cls.work = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.work)

    def pages(self):
        token = self.tenant.login()["Authorization"]
        acme = {"acme": self.tenant.id}
        state = {"/var/lib/tenantry-signer/state": p.env("TENANTRY_SIGNER_STATE")}
        api = f"AUTH='Authorization: {token}'; TOKEN={token.split()[1]}\n"
        def checkpoint():
            return self.tenant.get("/v1/audit/checkpoint").body

        p.await_true("twenty records are signed", lambda: int((checkpoint().split("\n") + ["0", "0"])[1] or 0) > 20, 30)
        with open(os.path.join(self.work, "older-checkpoint"), "w", encoding="utf-8") as kept:
            kept.write(checkpoint())
        return {
            "HACKING.md": [Elsewhere(".ci/run")],
            "adding-a-worker.md": [Elsewhere("tests/integration/admitted_worker_test.cpp")],
            "audit-records.md": [Run(names={"$ ": "", "boulangerie-martin": self.to_erase.id}, said=[self.to_erase.id])],
            "audit-retention.md": [Run(names=acme, said=["legal"]), Elsewhere("tests/e2e/test_archive.py")],
            "audit-verification.md": [
                Run(names=acme, before=api),
                Run(names={"tests/e2e": os.path.join(stack.ROOT, "tests/e2e")}, before='PUBLIC_KEY=$TENANTRY_AUDIT_KEYS\n'),
                Run(names=acme | state, said=[self.tenant.id])],
            "connecting-an-application.md": [Run(before=api, said=["exchange"]), Run(before=api, said=["amqp://"]),
                                             Run(before=api, said=["orders"]),
                                             Elsewhere("tests/e2e/test_cli.py")],  # it listens until it is stopped
            "dead-letters.md": [Run(names={"show 0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b": "list --limit 1"}), Run(names=acme)],
            "final-backups.md": [Run(names={"acme": self.deleted.id})],
            "keys.md": [Run(said=["platform.tenant_keys"]), Run(names=acme, said=["1 data key"]), Run(said=["signs from half a minute on"])],
            "money.md": [Run(names=acme | {"evt_1PxQ2e": self.event_id}, said=[self.event_id]),
                         Run(names=acme, said=["0,10,20", "30"]), Run()],
            "replay.md": [Elsewhere("tests/integration/replay_test.cpp")],
        }

    def test_every_block_does_what_it_shows(self):
        known = self.pages()
        shown = {page: found for page in sorted(os.listdir(DOCS)) if page.endswith(".md") for found in [blocks(page)] if found}
        self.assertEqual(set(shown), set(known) & set(shown), "a page shows commands that nothing here runs")
        environment = {**stack.settings(), "PATH": os.path.dirname(stack.BINARY) + ":" + os.environ["PATH"]}
        for page, found in shown.items():
            self.assertEqual(len(found), len(known[page]), f"{page}: a block more or less than is run here")
            for number, (block, how) in enumerate(zip(found, known[page])):
                with self.subTest(page=page, block=number):
                    if isinstance(how, Elsewhere):
                        self.assertTrue(os.path.exists(os.path.join(stack.ROOT, how.test)), how.test)
                        continue
                    for name, value in how.names.items():
                        self.assertIn(name, block)
                        block = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])" if name[0].isalpha() else re.escape(name), lambda _: value, block)
                    done = subprocess.run(["bash", "-c", f"set -eo pipefail\n{how.before}\n{block}"], env=environment, cwd=self.work,
                                          capture_output=True, text=True, timeout=300)
                    self.assertEqual(done.returncode, 0, f"{block}\n{done.stdout}\n{done.stderr}")
                    for said in how.said:
                        self.assertIn(said, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
