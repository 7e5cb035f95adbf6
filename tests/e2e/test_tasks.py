#!/usr/bin/python3
"""The ten main tasks in a real Chromium by the keyboard alone: a company signs up, its owner logs in, invites, somebody joins, a
forgotten password, another plan, a key, a record with its proof; a super-admin's override, and a dead letter that is sent again
(workers/gateway/console/test/e2e-tasks.mjs).
"""
import base64
import json
import os
import sys
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stack  # noqa: E402
from stack import p, sign_up, unique  # noqa: E402

sink = None


def setUpModule():
    global sink
    sink = stack.MailSink()
    # The browser takes a Secure cookie over plain HTTP from localhost alone.
    os.environ["TENANTRY_URL"] = p.env("TENANTRY_URL").replace("127.0.0.1", "localhost")
    stack.start()


def tearDownModule():
    stack.stop()
    sink.stop()


class Tasks(unittest.TestCase):
    def test_by_the_keyboard_alone(self):
        acme = sign_up(unique("Lettres mortes"), plan="STARTER")
        vhost = urllib.parse.quote(f"tenant-{acme.id}", safe="")
        body = base64.b64encode(json.dumps({"number": 1}).encode()).decode()
        sent = p.management("POST", f"exchanges/{vhost}/amq.default/publish", {
            "routing_key": f"{acme.id}.billing", "payload": body, "payload_encoding": "base64",
            "properties": {"content_type": "application/json", "type": "payment.failed"}})
        self.assertTrue(sent.json["routed"])
        path = "/v1/admin/dead-letters?worker=billing&tenant_id=" + acme.id
        p.await_true("a dead letter", lambda: len(p.admin("GET", path).json["dead_letters"]) == 1, 30)
        letter = p.admin("GET", path).json["dead_letters"][0]
        url = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
        stack.drive_browser(self, "e2e-tasks.mjs", {
            "url": f"http://localhost:{url.port}", "run": stack.RUN, "mails": p.env("TENANTRY_MAIL_DIR"), "tenant": acme.id,
            "adminToken": p.env("TENANTRY_ADMIN_TOKEN").split(",")[0].rpartition(":")[2]})
        # Sent again it is as bad as it was, and is set aside again: on record with who did it.
        p.await_true("who sent it again is on record", lambda: p.analyst(
            "SELECT 1 FROM analytics.audit_events WHERE type LIKE 'dead_letter.%' AND actor_id LIKE '%/Ada Keys' AND payload::text LIKE '%tried by the keyboard%'"), 30)
        back = p.await_true("it is set aside again", lambda: next(
            (each for each in p.admin("GET", path).json["dead_letters"] if each["id"] == letter["id"] and each["seen"] > letter["seen"]), None), 60)
        self.assertEqual(p.admin("POST", f"/v1/admin/dead-letters/{back['id']}/drop", {"note": "made for a test"}).status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
