#!/usr/bin/python3
"""The short version of ./dev chaos --outages: PostgreSQL, RabbitMQ, both away under load; the report is its own.

On servers of its own, and with a database of its own: its checker accounts for every row.
"""
import json
import os
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Outages(unittest.TestCase):
    def test_ten_seconds_each(self):
        # What ./dev test has set is about its own servers.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TENANTRY_")}
        environment |= {"TENANTRY_DEV_DIR": os.path.join(os.environ["TENANTRY_TEST_DEV_DIR"], "outages"),
                        "TENANTRY_PRESET": "sanitize"}
        done = subprocess.run([os.path.join(ROOT, "dev"), "chaos", "--outages", "10", "--rate", "100"], env=environment,
                              stdout=subprocess.PIPE, text=True, timeout=560)
        self.assertEqual(done.returncode, 0)
        report = json.loads(done.stdout)
        self.assertTrue(report["ok"])
        self.assertEqual(report["faults"], 3)
        self.assertGreater(report["events_confirmed"], 1000)
        self.assertEqual((report["lost"], report["doubled"]), (0, 0))


if __name__ == "__main__":
    unittest.main(verbosity=2)
