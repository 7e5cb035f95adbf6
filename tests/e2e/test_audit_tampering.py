"""Goal: whoever bends a live log with all the rights of a superuser is found out, by `tenantry audit verify` and by the
signer's alarm, and both name the tenant and the record.

Each kind of tampering has a tenant of its own, which nobody mends: its log is that of a shop's orders, which no other test reads.
"""
import os
import subprocess
import unittest

import stack
from stack import p

ORDERS = 8
# The tree made again over what the records hold now: their hashes and the head. No log here is as long as a kept node (256).
REWRITE = """
  UPDATE audit.records SET leaf_hash = sha256('\\x00'::bytea || leaf) WHERE tenant_id = '{tenant}';
  DO $$
  DECLARE
    roots bytea[] := '{{}}';
    size bigint := 0;
    rest bigint;
    hash bytea;
  BEGIN
    FOR hash IN SELECT leaf_hash FROM audit.records WHERE tenant_id = '{tenant}' ORDER BY sequence LOOP
      rest := size;
      WHILE rest & 1 = 1 LOOP
        hash := sha256('\\x01'::bytea || roots[cardinality(roots)] || hash);
        roots := trim_array(roots, 1);
        rest := rest >> 1;
      END LOOP;
      roots := roots || hash;
      size := size + 1;
    END LOOP;
    UPDATE audit.heads h SET size = size_now, frontier = frontier_now
    FROM (SELECT size, (SELECT string_agg(r, ''::bytea ORDER BY n) FROM unnest(roots) WITH ORDINALITY AS u (r, n))) AS now
         (size_now, frontier_now)
    WHERE h.tenant_id = '{tenant}';
  END $$;
"""
CHANGE = """UPDATE audit.records SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '"sealed":"', '"sealed":"AA'), 'UTF8')
            WHERE tenant_id = '{tenant}' AND sequence = {order};"""
# What the hand does to the log, and how the finding begins; {order} is the sequence of the third order.
TAMPERINGS = {
    "a payload is changed": (CHANGE, "record {order}: record_changed"),
    "a record is removed": ("DELETE FROM audit.records WHERE tenant_id = '{tenant}' AND sequence = {order};",
                            "record {order}: record_missing"),
    "a record is inserted": (
        "INSERT INTO audit.records SELECT (jsonb_populate_record(r, jsonb_build_object('recorded_at', recorded_at + interval "
        "'1 microsecond'))).* FROM audit.records r WHERE tenant_id = '{tenant}' AND sequence = {order};",
        "record {order}: record_inserted"),
    "two records are swapped": (
        "UPDATE audit.records SET sequence = 1000000 WHERE tenant_id = '{tenant}' AND sequence = {order};"
        "UPDATE audit.records SET sequence = {order} WHERE tenant_id = '{tenant}' AND sequence = {order} + 1;"
        "UPDATE audit.records SET sequence = {order} + 1 WHERE tenant_id = '{tenant}' AND sequence = 1000000;",
        "record {order}: record_changed"),
    "the tail is cut off": ("DELETE FROM audit.records WHERE tenant_id = '{tenant}' AND sequence >= {order};" + REWRITE,
                            "record"),
    "the tree is made again over a changed record": (CHANGE + REWRITE, "record"),
}


def setUpModule():
    # Old records are read again in turn; here all of them in each round, so that nothing has to wait for its turn.
    os.environ["TENANTRY_SIGNER_RECHECK_RECORDS"] = "1000000"
    stack.start()


def tearDownModule():
    stack.stop()


def verify(tenant):
    done = subprocess.run([stack.BINARY, "audit", "verify", "--tenant", tenant.id], env=stack.settings(), text=True,
                          capture_output=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def superuser(script):
    """As one to whom no trigger applies."""
    url = p.env("TENANTRY_TEST_SUPERUSER_URL").rsplit("/", 1)[0] + "/tenantry"
    triggers = "".join(f"ALTER TABLE audit.{table} {{0}} TRIGGER USER;" for table in ("records", "heads", "nodes"))
    done = subprocess.run(["psql", url, "-Xq1", "-v", "ON_ERROR_STOP=1"], text=True, capture_output=True, timeout=60,
                          input=triggers.format("DISABLE") + script + triggers.format("ENABLE"))
    assert done.returncode == 0, done.stderr


def alarms(tenant):
    answer = p.admin("GET", f"/v1/admin/audit?q=type:audit.tampering_detected+tenant:{tenant.id}")
    assert answer.status == 200, answer
    return answer.json["records"]


class Tampering(unittest.TestCase):
    def shop(self, company):
        """A tenant with orders, whose whole log is signed; and the sequence of its third order."""
        tenant = stack.sign_up(stack.unique(company))
        for i in range(ORDERS):
            answer = tenant.post("/v1/events", {"specversion": "1.0", "type": "order.created", "id": f"o{i}", "source": "/shop",
                                                "data": {"amount": i}}, **{"Content-Type": "application/cloudevents+json"})
            self.assertEqual(answer.status, 202, answer)
        last = int(tenant.await_record("order.created", ORDERS)[-1][0])

        def signed():
            answer = tenant.get("/v1/audit/checkpoint")
            return answer.status == 200 and int(answer.body.split("\n")[1]) > last
        p.await_true("a checkpoint over all orders", signed, 60)
        return tenant, int(tenant.records("order.created")[2][0])

    def test_is_found_by_verifier_and_signer(self):
        for number, (what, (script, finding)) in enumerate(TAMPERINGS.items()):
            with self.subTest(what):
                tenant, order = self.shop(f"Falsifiée {number}")
                code, output = verify(tenant)
                self.assertEqual(code, 0, output)
                self.assertEqual(alarms(tenant), [])
                superuser(script.format(tenant=tenant.id, order=order))
                code, output = verify(tenant)
                self.assertEqual(code, 1, output)
                self.assertIn(f"tenant {tenant.id}, " + finding.format(order=order), output)
                p.await_true(f"the signer's alarm: {what}", lambda: alarms(tenant), 30)


if __name__ == "__main__":
    unittest.main()
