#!/usr/bin/python3
"""A worker finds a tenant that came to be while it had no connection to the broker, without waiting for its next round.

The audit worker runs alone behind a proxy; the others sign a company up while it is cut off. It lists tenants each
minute, last when it started: what it finds sooner it has looked for because its connection stands again.
"""
import os
import subprocess
import sys
import time
import unittest
import urllib.parse

import stack
from stack import p, sign_up, unique

sys.path.insert(0, os.path.join(stack.ROOT, "tests", "chaos"))
from stand import Proxy  # noqa: E402

ROUND = 60  # seconds between two listings, in shared/messaging/host.cpp
SOON = 25


def setUpModule():
    stack.start("signup,provisioning,billing,metering,notification,gateway")


def tearDownModule():
    stack.stop()


class Discovery(unittest.TestCase):
    def setUp(self):
        broker = urllib.parse.urlsplit(p.env("TENANTRY_AUDIT_AMQP_URL"))
        program = os.path.join(os.path.dirname(stack.BINARY), "chaos_proxy")
        self.proxy = Proxy(program, 1, {"broker": broker.port}, stack.log_path + ".proxy")
        self.addCleanup(self.proxy.stop)
        behind = {name: value.replace(f":{broker.port}/", f":{self.proxy.ports['broker']}/")
                  for name, value in stack.settings().items() if name.endswith("AMQP_URL")}
        with open(stack.log_path, "ab") as log:
            self.audit = subprocess.Popen([stack.BINARY + "-audit"], env=stack.settings() | behind, stdout=log, stderr=log,
                                          stdin=subprocess.DEVNULL)
        self.began = time.monotonic()
        self.addCleanup(self.leave)

    def leave(self):
        self.audit.terminate()
        self.assertEqual(self.audit.wait(timeout=60), 0)

    def test_a_tenant_made_meanwhile(self):
        # A login is told of in the tenant's own vhost, unlike its signup.
        before = sign_up(unique("Avant la coupure"))
        before.login()
        before.await_record("user.logged_in")
        self.proxy.tell(listener="broker", do="refuse")
        self.proxy.tell(listener="broker", do="cut")
        meanwhile = sign_up(unique("Pendant la coupure"))
        meanwhile.login()
        self.assertEqual(meanwhile.records("user.logged_in"), [])
        self.proxy.tell(listener="broker", do="pass")
        self.assertLess(time.monotonic() - self.began, ROUND - SOON, "too slow to tell a listing from the next round's")
        meanwhile.await_record("user.logged_in", seconds=SOON)


if __name__ == "__main__":
    unittest.main(verbosity=2)
