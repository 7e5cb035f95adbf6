"""Goal: an operator opens what was kept of a deleted tenant by the command of docs/final-backups.md, on record, until the
tenant is erased.
"""
import json
import os
import re
import stat
import subprocess
import tempfile
import unittest

import stack
from stack import p


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


def documented():
    """The one shell command of the page."""
    with open(os.path.join(stack.ROOT, "docs", "final-backups.md"), encoding="utf-8") as page:
        (block,) = re.findall(r"```sh\n(.*?)```", page.read(), re.S)
    return block


class FinalBackup(unittest.TestCase):
    def shell(self, folder, tenant):
        script = documented().replace("acme.ndjson", os.path.join(folder, "it.ndjson")).replace("acme", tenant.id)
        return subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=60,
                              env={**stack.settings(), "PATH": os.path.dirname(stack.BINARY) + ":" + os.environ["PATH"]})

    def test_it_opens_until_the_tenant_is_erased(self):
        folder = tempfile.mkdtemp(prefix="tenantry-backup-")
        tenant = stack.sign_up(stack.unique("Archives Fermées"))
        tenant.login()
        self.assertEqual(tenant.post("/v1/clients", {"name": "Café de la Gare", "email": "gare@example.org"}).status, 201)
        early = self.shell(folder, tenant)
        self.assertEqual((early.returncode, f"there is no backup of {tenant.id}" in early.stderr), (1, True), early.stderr)
        self.assertEqual(tenant.post("/v1/subscription/cancel", {}).status, 200)
        tenant.await_status("cancelled")
        p.advance("31d")
        tenant.await_record("tenant.deleted")  # the release is through

        done = self.shell(folder, tenant)
        self.assertEqual(done.returncode, 0, done.stderr)
        path = os.path.join(folder, "it.ndjson")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        self.assertIn(f"{len(lines) - 2} rows in", done.stdout)
        self.assertEqual((lines[0]["format"], lines[0]["tenant_id"]), ("tenantry-backup/1", tenant.id))
        self.assertEqual(lines[-1], {"rows": len(lines) - 2})
        named = {(line["table"], line["row"].get("name") or line["row"].get("email")) for line in lines[1:-1]}
        self.assertIn(("tenant_data.clients", "Café de la Gare"), named)
        self.assertIn(("platform.users", tenant.address), named)
        p.await_true("that somebody looked is on record", lambda: p.analyst(
            "SELECT tenant_id FROM analytics.audit_events WHERE type = 'platform.data_read' "
            f"AND payload->>'what' = 'final_backup' AND tenant_id = '{tenant.id}'"), 60)  # the sweeper's to publish

        erased = subprocess.run([stack.BINARY, "tenants", "erase", tenant.id], env=stack.settings(), capture_output=True,
                                text=True, timeout=60)
        self.assertEqual(erased.returncode, 0, erased.stderr)
        tenant.await_record("tenant.erased")
        kept = self.shell(folder, tenant)
        self.assertEqual((kept.returncode, "is there already" in kept.stderr), (1, True), kept.stderr)
        os.remove(path)  # ours, and still there
        gone = self.shell(folder, tenant)
        self.assertEqual(gone.returncode, 1)
        self.assertIn("is erased: the key of its backup is destroyed", gone.stderr)
        self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    unittest.main()
