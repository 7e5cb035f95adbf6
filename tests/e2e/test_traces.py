#!/usr/bin/python3
"""One trace from a request to the mail it led to, while every process in between is replaced; read by others' decoder."""
import http.server
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

import stack
from stack import p, sign_up, unique

RECEIVED = tempfile.mkdtemp()
CALLER = "b7ad6b7169203331"


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent, and answers as a receiver of OTLP does."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf", (self.path, self.headers)
        with self.server.lock:
            name = os.path.join(RECEIVED, f"{len(os.listdir(RECEIVED)):06}")
            with open(name + ".part", "wb") as file:
                file.write(body)
            os.rename(name + ".part", name)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


SETTINGS = {"TENANTRY_TRACES_PERCENT": "100", "TENANTRY_TRUSTED_PROXIES": "127.0.0.1"}
receiver = None


def setUpModule():
    global receiver
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    receiver.lock = threading.Lock()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    os.environ.update(SETTINGS, TENANTRY_TRACES_URL=f"http://127.0.0.1:{receiver.server_port}")
    stack.start("gateway")


def tearDownModule():
    stack.stop()
    receiver.shutdown()
    receiver.server_close()
    for name in (*SETTINGS, "TENANTRY_TRACES_URL"):
        del os.environ[name]
    shutil.rmtree(RECEIVED)


def replace_by(hosted):
    """Another process with these workers takes over; what the one before had to tell, it has told."""
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(timeout=60) == 0, stack.log_tail()
    stack.hosted = hosted
    stack.launch()


def received():
    """Every span that was received, once."""
    files = sorted(os.path.join(RECEIVED, name) for name in os.listdir(RECEIVED) if not name.endswith(".part"))
    done = subprocess.run(["node", os.path.join(os.path.dirname(os.path.abspath(__file__)), "decode_otlp.js"), *files],
                          env=os.environ | {"NODE_PATH": stack.node_modules()}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class OneTree(unittest.TestCase):
    maxDiff = None

    def tree(self, trace, leaf):
        """The trace's spans by id, once what hangs on `leaf` is there; each below another, and one below the caller."""
        found = {}

        def whole():
            found.clear()
            found.update({span["span"]: span for span in received() if span["trace"] == trace})
            return any(span["name"] == leaf for span in found.values()) and not [
                span for span in found.values() if span["parent"] != CALLER and span["parent"] not in found]
        try:
            p.await_true(f"a whole tree with {leaf}", whole, 15)
        except AssertionError as error:
            lines = [f"{span['span']} below {span['parent']}: {span['name']}" for span in found.values()]
            raise AssertionError(str(error) + "\n" + "\n".join(lines)) from error
        roots = [span for span in found.values() if span["parent"] == CALLER]
        self.assertEqual(len(roots), 1, roots)
        return found

    def way_to(self, spans, leaf):
        """Spans from the root down to such a leaf, the longest way of all."""
        ways = []
        for span in (span for span in spans.values() if span["name"] == leaf):
            way = [span]
            while way[0]["parent"] in spans:
                way.insert(0, spans[way[0]["parent"]])
            ways.append(way)
        return max(ways, key=len)

    def check(self, spans, mail_to):
        for span in spans.values():
            self.assertLessEqual(int(span["start"]), int(span["end"]), span)
            self.assertEqual((span["flags"], span["error"], span["scope"]), (1, False, "tenantry"), span)
        way = self.way_to(spans, "send mail")
        self.assertGreater(len({span["resource"]["service.instance.id"] for span in way}), 1, "more than one process")
        for before, after in zip(way, way[1:]):
            self.assertLessEqual(int(before["start"]), int(after["start"]), (before, after))
        for file in os.listdir(RECEIVED):
            with open(os.path.join(RECEIVED, file), "rb") as content:
                self.assertNotIn(mail_to.encode(), content.read(), "spans name nobody")
        return [span["name"] for span in way], [span["kind"] for span in way]

    def test_1_a_signup_leads_to_its_mail(self):
        trace = "0af7651916cd43dd8448eb211c80319c"
        mail = stack.address()
        answer = p.request("POST", "/signup", p.signup_body(unique("Tracée"), mail), {"traceparent": f"00-{trace}-{CALLER}-01"})
        self.assertEqual(answer.status, 201, answer)
        replace_by("all")
        p.await_true("the mail", lambda: any(to == mail for to, _, _ in p.mails()), 60)
        spans = self.tree(trace, "send mail")
        names, kinds = self.check(spans, mail)
        self.assertEqual(names[:4], ["POST /signup", "publish platform.events:signup.requested",
                                     "process platform.events:signup.requested", "publish platform.events:tenant.registered"], names)
        self.assertEqual(kinds[:4] + kinds[-2:], [2, 4, 5, 4, 5, 3], "server, then producers and consumers, at last a client")
        workers = {span["attributes"].get("messaging.consumer.group.name") for span in spans.values()}
        self.assertLessEqual({"signup", "provisioning", "audit", "notification"}, workers)
        self.assertTrue([span for span in spans.values() if span["name"] == "manage broker"])
        self.assertNotIn("tenantry_trace_spans_dropped_total", p.request("GET", "/metrics").body)

    def test_2_a_webhook_leads_to_its_mail(self):
        tenant = sign_up(unique("Prélevée"))
        self.assertEqual(p.post_stripe(p.stripe_event("invoice.paid", p.invoice(tenant.id, paid=True))).status, 200)
        tenant.await_status("active")
        replace_by("gateway")
        body = json.dumps(p.stripe_event("invoice.payment_failed", p.invoice(tenant.id, paid=False))).encode()
        before = len([to for to, _, _ in p.mails() if to == tenant.address])
        trace = "1bf7651916cd43dd8448eb211c80319d"
        answer = p.request("POST", "/webhooks/stripe", raw=body, headers={
            "Stripe-Signature": p.sign(body), "traceparent": f"00-{trace}-{CALLER}-01"})
        self.assertEqual(answer.status, 200, answer)
        replace_by("billing,audit,gateway")
        p.await_true("it is billing's", lambda: tenant.records("payment.overdue"), 60)
        replace_by("all")
        p.await_true("another mail", lambda: len([to for to, _, _ in p.mails() if to == tenant.address]) > before, 60)
        spans = self.tree(trace, "send mail")
        names, _ = self.check(spans, tenant.address)
        self.assertEqual(names[0], "POST /webhooks/stripe")
        self.assertEqual(len({span["resource"]["service.instance.id"] for span in self.way_to(spans, "send mail")}), 3, names)

    def test_3_a_strangers_trace_is_its_own(self):
        trace = "2cf7651916cd43dd8448eb211c80319e"
        os.environ["TENANTRY_TRUSTED_PROXIES"] = "192.0.2.1"
        replace_by("gateway")
        os.environ["TENANTRY_TRUSTED_PROXIES"] = SETTINGS["TENANTRY_TRUSTED_PROXIES"]
        self.assertEqual(p.request("GET", "/openapi.json", headers={"traceparent": f"00-{trace}-{CALLER}-01"}).status, 200)
        linked = p.await_true("it is linked", lambda: [span for span in received() if trace in span["links"]], 15)
        self.assertEqual([span["name"] for span in linked], ["GET /openapi.json"])
        self.assertNotEqual(linked[0]["trace"], trace)
        self.assertEqual(linked[0]["parent"], "")


if __name__ == "__main__":
    unittest.main(verbosity=2)
