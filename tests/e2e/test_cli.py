#!/usr/bin/python3
"""Every command of `tenantry`: what it does, its exit code, and that --json prints JSON lines."""
import csv
import fcntl
import gzip
import http.server
import json
import os
import pty
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import unittest

import stack
from stack import p, sign_up, unique


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


def run(*arguments, **environment):
    settings = {**stack.settings(), **environment}
    settings = {name: value for name, value in settings.items() if value is not None}
    return subprocess.run([stack.BINARY, *arguments], env=settings, capture_output=True, text=True, timeout=60)


def lines(*arguments):
    done = run("--json", *arguments)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: {done.returncode} {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tenant = sign_up(unique("Ligne de Commande"))

    def assertDone(self, *arguments):
        done = run(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(done.stdout, "")
        return done.stdout

    def test_open(self):
        url = lines("open")[0]["url"]
        self.assertEqual(url, p.env("TENANTRY_URL").replace("127.0.0.1", "localhost") + "/login?as=admin&next=%2fconsole")
        self.assertTrue(self.assertDone("open", "acme").strip().endswith("&next=%2fconsole%2ftenants%2facme"))
        self.assertEqual(p.request("GET", url[url.index("/login"):]).status, 200)

    def test_status(self):
        overview = lines("status")[0]
        self.assertGreaterEqual(overview["tenants"]["TRIAL"], 1)
        self.assertIn("PROFESSIONAL", {plan["plan"] for plan in overview["plans"]})
        shown = self.assertDone("status")
        self.assertEqual((overview["availability"]["target"], overview["availability"]["days"]), (0.9995, 30))
        for said in ("TRIAL", "PROFESSIONAL", "served", "error budget", "attention"):
            self.assertIn(said, shown)
        self.assertEqual(shown.splitlines()[0], "health      database ok, broker ok, gateway ok")
        self.assertEqual(overview["health"], {"database": "ok", "broker": "ok", "gateway": "ok"})
        self.assertRegex(shown, r"(?m)^WORKER +WAITING +AT HAND +OLDEST")
        for worker in ("signup", "provisioning", "billing", "metering", "audit", "notification"):
            self.assertRegex(shown, rf"(?m)^{worker} +\d+ +\d+")
        away = run("status", TENANTRY_URL="http://127.0.0.1:1")
        self.assertEqual(away.returncode, 1)
        self.assertRegex(away.stdout, "health      database unknown, broker unknown, gateway away: ")
        self.assertIn("TENANTRY_ADMIN_TOKEN", run("status", TENANTRY_ADMIN_TOKEN=None).stderr)

    def test_tenants(self):
        tenant = self.tenant
        for arguments in (("list",), ("list", "--status", "trial"), ("list", "--status", "TRIAL"), ("list", "--search", tenant.id)):
            found = {row["tenant_id"]: row for row in lines("tenants", *arguments)}
            self.assertEqual(found[tenant.id]["status"], "TRIAL")
            self.assertIn(tenant.id, self.assertDone("tenants", *arguments))
        self.assertEqual(len(found), 1)
        self.assertNotIn(tenant.id, {row["tenant_id"] for row in lines("tenants", "list", "--status", "deleted")})
        shown = lines("tenants", "show", tenant.id)[0]
        self.assertEqual((shown["tenant_id"], shown["vhost_ready"], shown["plan"]), (tenant.id, True, "PROFESSIONAL"))
        told = self.assertDone("tenants", "show", tenant.id)
        self.assertRegex(told, rf"tenant +{tenant.id}\ncompany +Ligne de Commande")
        self.assertRegex(told, r"PENDING +TRIAL +provisioned")
        self.assertNotIn("{", told)
        self.assertEqual(lines("tenants", "suspend", tenant.id, "--reason", "abuse", "--note", "ticket 42")[0]["status"], "SUSPENDED")
        self.assertEqual(lines("tenants", "show", tenant.id)[0]["status_note"], "ticket 42")
        again = run("tenants", "suspend", tenant.id, "--reason", "abuse")
        self.assertEqual((again.returncode, "transition_refused" in again.stderr), (1, True), again.stderr)
        self.assertEqual(lines("tenants", "reactivate", tenant.id)[0]["status"], "TRIAL")
        tenant.await_record("tenant.suspended")
        gone = sign_up(unique("Annulée"))
        self.assertEqual(lines("tenants", "cancel", gone.id)[0]["status"], "CANCELLED")
        for arguments in (("show", "nobody-at-all"), ("suspend", "nobody-at-all", "--reason", "abuse"), ("retry-provisioning", tenant.id)):
            refused = run("tenants", *arguments)
            self.assertEqual((refused.returncode, refused.stdout), (1, ""))
            self.assertTrue(refused.stderr.startswith("tenantry: "))

    def test_an_unknown_tenant_is_an_error_that_says_which_is_meant(self):
        near = self.tenant.id.replace("commande", "comande")
        for arguments in (("tenants", "show", near), ("tenants", "suspend", near, "--reason", "abuse"), ("usage", "show", near),
                          ("audit", "query", "--tenant", near), ("audit", "export", "--tenant", near), ("audit", "tail", "--tenant", near),
                          ("audit", "verify", "--tenant", near), ("stripe", "trigger", "invoice.paid", "--tenant", near), ("stripe", "explain", near),
                          ("events", "publish", "usage.recorded", "--tenant", near)):
            refused = run(*arguments)
            self.assertEqual((refused.returncode, refused.stdout), (1, ""), arguments)
            self.assertIn(f'there is no tenant "{near}"; did you mean "{self.tenant.id}"?', refused.stderr, arguments)
        self.assertIn("tenants list --search", run("usage", "show", "zzzzzz").stderr)

    def test_an_unknown_event_type_is_one_line_that_says_which_is_meant(self):
        for typed, said in (("payment.faild", "did you mean payment.failed?"), ("nope", "`tenantry events types` lists all")):
            refused = run("events", "publish", typed)
            self.assertEqual((refused.returncode, refused.stdout, refused.stderr.count("\n")), (2, "", 1), refused)
            self.assertIn(said, refused.stderr)
            self.assertLess(len(refused.stderr), 200)

    def test_a_company_made_by_an_admin_is_waited_for_by_its_signup(self):
        address = stack.address("made")
        made = lines("tenants", "create", unique("Faite"), "--plan", "STARTER", "--owner", address, "--first-name", "Anne", "--last-name", "Faite")[0]
        waited = lines("tenants", "wait", made["signup_id"])[0]
        self.assertEqual(waited["status"], "TRIAL")
        self.assertEqual([row["tenant_id"] for row in lines("tenants", "list", "--search", made["signup_id"])], [waited["tenant_id"]])
        never = run("tenants", "wait", "0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b", "--seconds", "1")
        self.assertEqual((never.returncode, "is not registered" in never.stderr), (1, True), never.stderr)
        wrong = run("tenants", "create", "Fausse", "--plan", "NONE", "--owner", "nobody", "--first-name", "Anne", "--last-name", "Fausse")
        for option in ("--plan", "--owner"):
            self.assertIn(option + " ", wrong.stderr)
        answer = p.admin("POST", "/v1/admin/tenants", {"company_name": "Fausse", "database_config": {}})
        self.assertIn(("/database_config", "unknown"), [(each["pointer"], each["code"]) for each in answer.json["errors"]])

    def test_holds(self):
        tenant = sign_up(unique("Sous Séquestre"))
        placed = lines("tenants", "hold", tenant.id, "--kind", "legal", "--until", "2099-01-31", "--reason", "case 17")[0]
        self.assertEqual(placed, {"tenant_id": tenant.id, "hold": "legal", "reason": "case 17", "ends_at": "2099-01-31T00:00:00Z"})
        self.assertIn("until 2098", self.assertDone("tenants", "hold", tenant.id, "--kind", "legal", "--until", "2098-01-01",
                                                    "--reason", "case 17, shorter"))
        self.assertEqual([(hold["hold"], hold["reason"]) for hold in lines("tenants", "show", tenant.id)[0]["holds"]],
                         [("legal", "case 17, shorter")])
        tenant.await_record("tenant.hold_placed", 2)
        for wrong, option in ((("--kind", "legal", "--until", "2001-01-01", "--reason", "x"), "--until"),
                              (("--kind", "forever", "--until", "2099-01-01", "--reason", "x"), "--kind")):
            refused = run("tenants", "hold", tenant.id, *wrong)
            self.assertEqual((refused.returncode, option + " " in refused.stderr), (1, True), refused.stderr)
        # Deleted like any other: what the hold keeps is its audit log.
        subprocess.run(["psql", p.env("TENANTRY_DATABASE_URL"), "-Xqc", "UPDATE platform.tenants SET status = 'deleted' "
                        f"WHERE tenant_id = '{tenant.id}'"], check=True, timeout=60)
        refused = run("tenants", "erase", tenant.id)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("a legal hold forbids to erase this tenant until 2098-01-01", refused.stderr)
        self.assertDone("tenants", "release-hold", tenant.id, "--kind", "legal", "--reason", "closed")
        again = run("tenants", "release-hold", tenant.id, "--kind", "legal", "--reason", "closed")
        self.assertEqual((again.returncode, "no hold legal" in again.stderr), (1, True), again.stderr)
        self.assertEqual(lines("tenants", "erase", tenant.id)[0]["status"], "DELETED")
        p.await_true("the hold's end is on record", lambda: tenant.records("tenant.hold_released"))

    def test_audit(self):
        self.tenant.login()
        self.tenant.await_record("user.logged_in")
        records = lines("audit", "query", "--tenant", self.tenant.id, "type:user.*")
        self.assertEqual({record["type"] for record in records}, {"user.logged_in"})
        self.assertEqual(lines("audit", "query", "--tenant", self.tenant.id, "from:2100-01-01"), [])
        self.assertEqual(len(lines("audit", "query", "--limit", "3")), 3)
        self.assertEqual(lines("audit", "query", f"tenant:{self.tenant.id}", f"actor:{self.tenant.address}", "action:login"), records)
        self.assertEqual(lines("audit", "query", "--tenant", self.tenant.id, "type:user.*", "--not", "action:login"), [])
        self.tenant.await_record("audit.searched")
        wrong = run("audit", "query", "from:yesterday")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("at character 1", wrong.stderr)

    def test_audit_tail(self):
        self.tenant.login()
        self.tenant.await_record("user.logged_in")
        told = lines("audit", "tail", "--tenant", self.tenant.id, "type:user.logged_in", "from:1d", "--limit", "1")
        self.assertEqual([record["type"] for record in told], ["user.logged_in"])

    def test_audit_export(self):
        self.tenant.login()
        self.tenant.await_record("user.logged_in")
        lined = lines("audit", "export", "--tenant", self.tenant.id, "--oldest-first", "type:user.*")
        self.assertEqual([record["type"] for record in lined[:1]], ["user.logged_in"])
        path = os.path.join(tempfile.mkdtemp(), "audit.csv.gz")
        self.assertEqual(run("audit", "export", "--tenant", self.tenant.id, "type:user.*", "--csv", "--gzip", "-o", path).returncode, 0)
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual({row["type"] for row in rows}, {"user.logged_in"})
        self.tenant.await_record("audit.exported", 2)
        again = ("audit", "export", "--tenant", self.tenant.id, "type:user.*", "--csv", "--bom", "-o", path)
        refused = run(*again)
        self.assertEqual((refused.returncode, "--force" in refused.stderr), (1, True), refused.stderr)
        self.assertEqual(run(*again, "--force").returncode, 0)
        with open(path, "rb") as file:
            self.assertTrue(file.read().startswith(b"\xef\xbb\xbftenant_id,"))
        missing = os.path.join(os.path.dirname(path), "missing.csv")
        self.assertNotEqual(run("audit", "export", "--tenant", "no-such-tenant", "-o", missing).returncode, 0)
        self.assertFalse(os.path.exists(missing))
        self.assertEqual(run("audit", "export", "colour:red").returncode, 2)

    def test_usage_and_publish(self):
        sent = lines("events", "publish", "usage.recorded", "--tenant", self.tenant.id, "--data",
                     json.dumps({"metric": "api_calls", "quantity": 41}), "--override", "quantity=42")[0]
        self.assertEqual(sent["type"], "usage.recorded")
        p.await_true("counted", lambda: any(row["quantity"] >= 42 for row in lines("usage", "show", self.tenant.id, "--metric", "api_calls", "--span", "month")))
        self.assertIn("api_calls", self.assertDone("usage", "show", self.tenant.id))
        for arguments in (("no.such_type",), ("usage.recorded", "--data", "{"), ("usage.recorded", "--data", '{"metric":"x","quantity":"much"}'),
                          ("usage.recorded", "--file", "no-such-file")):
            refused = run("events", "publish", *arguments)
            self.assertIn(refused.returncode, (1, 2), refused)
            self.assertEqual(refused.stdout, "")

    def test_event_types(self):
        types = {entry["type"]: entry for entry in lines("events", "types")}
        self.assertLess({"signup.requested", "tenant.provisioned", "payment.failed", "usage.recorded"}, set(types))
        self.assertEqual([types[t]["open"] for t in ("usage.recorded", "payment.failed")], [True, False])
        self.assertIn("payment.failed", self.assertDone("events", "types"))

    def test_listen(self):
        listener = subprocess.Popen([stack.BINARY, "--json", "events", "listen", "--tenant", self.tenant.id, "--type", "order.#"],
                                    env=stack.settings(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            self.assertTrue(listener.stderr.readline().startswith("Ready!"))
            answer = self.tenant.post("/v1/events", {"specversion": "1.0", "id": "o-1", "source": "/shop", "type": "order.created", "data": {"order_id": 7}})
            self.assertEqual(answer.status, 202, answer)
            event = json.loads(listener.stdout.readline())
            self.assertEqual((event["type"], event["data"]["order_id"]), ("order.created", 7))
            self.assertEqual(event["exchange"], self.tenant.id + ".app")  # so that it can be replayed
        finally:
            listener.send_signal(signal.SIGTERM)
            listener.communicate(timeout=20)
        self.assertEqual(listener.returncode, 0)

    def test_forward(self):
        received, answers = [], [503, 200, 404, 200]

        class Application(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                received.append((dict(self.headers), json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                self.send_response(answers[len(received) - 1])
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass
        application = http.server.HTTPServer(("127.0.0.1", 0), Application)
        threading.Thread(target=application.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{application.server_port}/events"
        listener = subprocess.Popen([stack.BINARY, "events", "listen", "--tenant", self.tenant.id, "--type", "order.#,parcel.sent", "--forward", url],
                                    env=stack.settings(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            self.assertIn("order.#, parcel.sent", listener.stderr.readline())
            for number, type_ in enumerate(("order.created", "parcel.lost", "parcel.sent", "order.sent")):
                event = {"specversion": "1.0", "id": f"f-{number}", "source": "/shop", "type": type_, "data": {"number": number}}
                self.assertEqual(self.tenant.post("/v1/events", event).status, 202)
            printed = [line for line in (listener.stdout.readline() for _ in range(6)) if "<--" in line]
            self.assertEqual([line.split("<-- ", 1)[1].strip() for line in printed], [
                f"[200] POST {url} order.created, 2 tries", f"[404] POST {url} parcel.sent", f"[200] POST {url} order.sent"])
        finally:
            listener.send_signal(signal.SIGTERM)
            listener.communicate(timeout=20)
            application.shutdown()
            application.server_close()
        self.assertEqual(listener.returncode, 0)
        self.assertEqual([(body["type"], body["data"]["number"]) for _, body in received],
                         [("order.created", 0), ("order.created", 0), ("parcel.sent", 2), ("order.sent", 3)])
        for headers, body in received:
            self.assertEqual(headers["Content-Type"], "application/cloudevents+json")
            self.assertFalse({name.lower() for name in headers} & {"authorization", "stripe-signature", "webhook-signature", "cookie"})
            self.assertEqual(body["tenantid"], self.tenant.id)
        self.assertIn("must begin with http://", run("events", "listen", "--forward", "localhost:3000").stderr)

    def test_watch(self):
        for command in (("status",), ("tenants", "list", "--search", self.tenant.id)):
            watcher = subprocess.Popen([stack.BINARY, "--json", *command, "--watch", "2"], env=stack.settings(), stdout=subprocess.PIPE, text=True)
            try:
                first, second = json.loads(watcher.stdout.readline()), json.loads(watcher.stdout.readline())
                self.assertEqual(set(first), set(second))
            finally:
                watcher.send_signal(signal.SIGINT)
                watcher.communicate(timeout=20)
            self.assertEqual(watcher.returncode, 0)
        self.assertEqual(run("status", "--watch", "1").returncode, 2)
        self.assertEqual(run("status", "--watch", "2", TENANTRY_ADMIN_TOKEN=None).returncode, 1)

    def test_on_a_terminal_tables_fit_and_what_takes_long_says_so(self):
        def shown(columns, *arguments):
            ours, theirs = pty.openpty()
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            process = subprocess.Popen([stack.BINARY, *arguments], env=stack.settings(), stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL)
            os.close(theirs)
            told = b""
            while True:
                try:
                    piece = os.read(ours, 4096)
                except OSError:  # EIO: nobody writes any more
                    piece = b""
                if not piece:
                    break
                told += piece
            os.close(ours)
            process.wait(timeout=60)
            return told.decode()
        listed = shown(60, "tenants", "list", "--search", self.tenant.id).splitlines()
        self.assertTrue(listed[0].startswith("TENANT"), listed)
        self.assertTrue(all(len(line) <= 60 for line in listed[:2]), listed)
        self.assertIn("…", listed[1])
        self.assertNotIn("…", self.assertDone("tenants", "list", "--search", self.tenant.id))  # a pipe's is whole
        waited = shown(80, "tenants", "wait", "0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b", "--seconds", "2")
        self.assertIn("signup 0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b is not registered, 1 s", waited)
        self.assertNotIn("registered, 0 s", waited)

    def test_topology(self):
        for arguments, queue in (((), "platform.audit"), (("--tenant", self.tenant.id), self.tenant.id + ".audit")):
            definitions = lines("topology", "show", *arguments)[0]
            self.assertIn(queue, {q["name"] for q in definitions["queues"]})
            self.assertIn(queue, self.assertDone("topology", "show", *arguments))
        self.assertEqual(lines("topology", "apply")[0]["vhost"], "platform")  # repeatable

    def test_migrate_is_repeatable(self):
        self.assertEqual(run("migrate").returncode, 0)

    def test_doctor(self):
        findings = lines("doctor")
        self.assertEqual([f["check"] for f in findings], ["settings", "database", "isolation", "guard", "broker", "gateway"])
        self.assertTrue(all(f["ok"] for f in findings), findings)
        ill = run("doctor", TENANTRY_URL="http://127.0.0.1:1")
        self.assertEqual((ill.returncode, ill.stdout.count("[-]"), ill.stdout.count("[+]")), (1, 1, 5), ill.stdout)

    def test_stripe_trigger(self):
        tenant = sign_up(unique("Déclenchée"))
        self.assertEqual(run("--json", "stripe", "trigger", "invoice.paid", "--tenant", tenant.id).returncode, 0)
        tenant.await_status("active")

    def test_stripe_trigger_knows_every_type_that_the_gateway_acts_on(self):
        tenant = sign_up(unique("Toutes Sortes"))
        prefixes = {"customer.subscription": "sub_", "invoice": "in_", "checkout.session": "cs_", "charge": "ch_", "charge.dispute": "dp_",
                    "payment_method": "pm_", "customer.source": "card_"}
        types = [row["type"] for row in lines("stripe", "types")]
        self.assertEqual((len(types), {type_.rsplit(".", 1)[0] for type_ in types}), (29, set(prefixes)))
        sent = {}
        for type_ in types:
            more = ("--status", "void") if type_ == "invoice.updated" else ()  # most updates say nothing that counts
            sent[lines("stripe", "trigger", type_, "--tenant", tenant.id, *more)[0]["event"]] = type_
        kept = dict(stack.superuser("SELECT stripe_event_id, convert_from(body, 'UTF8')::jsonb #>> '{data,object,id}' FROM billing.stripe_events "
                                    f"WHERE stripe_event_id = ANY ('{{{','.join(sent)}}}') AND state = 'published'"))
        self.assertEqual(set(kept), set(sent))
        for event, type_ in sent.items():
            self.assertTrue(kept[event].startswith(prefixes[type_.rsplit(".", 1)[0]]), (type_, kept[event]))

    def test_stripe_trigger_refuses_what_is_mistyped(self):
        unknown = run("stripe", "trigger", "invoice.payed", "--tenant", self.tenant.id)
        self.assertEqual((unknown.returncode, unknown.stdout), (1, ""))
        self.assertIn("did you mean invoice.paid?", unknown.stderr)
        for type_, tenant_id in (("invoice.payed", self.tenant.id), ("invoice.paid", "nobody-at-all")):
            self.assertEqual(lines("stripe", "trigger", type_, "--tenant", tenant_id, "--anyway")[0]["status"], 200)

    def test_a_dead_letter_is_shown_for_people(self):
        lines("events", "publish", "usage.recorded", "--tenant", self.tenant.id, "--data", json.dumps({"metric": "orders", "quantity": -1}))
        letter = p.await_true("set aside", lambda: lines("dead-letters", "list", "--tenant", self.tenant.id, "--worker", "metering"))[0]
        shown = self.assertDone("dead-letters", "show", letter["id"])
        for name, value in (("id", letter["id"]), ("state", "waiting"), ("why", "invalid"), ("error", "invalid .*must be from 0"), ("worker", "metering")):
            self.assertRegex(shown, rf"(?m)^{name} +{value}")
        self.assertIn('"quantity": -1', shown)
        self.assertEqual(lines("dead-letters", "show", letter["id"])[0]["message"]["event"]["data"], {"metric": "orders", "quantity": -1})
        done = run("dead-letters", "drop", letter["id"], "--note", "of a test")
        self.assertEqual(done.stdout.splitlines()[-1], "1 dead letter dropped")

    def test_clock(self):
        before = lines("clock", "show")[0]
        after = lines("clock", "advance", "1m30s")[0]
        self.assertEqual(after["offset_seconds"], before["offset_seconds"] + 90)
        self.assertGreater(after["now"], before["now"])
        self.assertIn("s ahead", self.assertDone("clock", "show"))
        for span in ("", "5", "x", "5y", "-5d", "0d"):
            self.assertEqual(run("clock", "advance", "--", span).returncode, 2, span)
        refused = run("clock", "advance", "1s", TENANTRY_TEST_CLOCK=None)
        self.assertEqual((refused.returncode, "production clock" in refused.stderr), (1, True), refused.stderr)
        self.assertEqual(lines("clock", "show")[0]["offset_seconds"], after["offset_seconds"])

    def test_settings_are_checked_whole(self):
        done = run("run", "--workers", "all", TENANTRY_HTTP_PORT="x", TENANTRY_MASTER_KEY="short", TENANTRY_ADMIN_TOKEN="short",
                   TENANTRY_AUDIT_DATABASE_URL=None, TENANTRY_NO_SUCH_SETTING="1")
        self.assertEqual(done.returncode, 2, done.stderr)
        for name in ("TENANTRY_HTTP_PORT", "TENANTRY_MASTER_KEY", "TENANTRY_ADMIN_TOKEN", "TENANTRY_AUDIT_DATABASE_URL", "TENANTRY_NO_SUCH_SETTING"):
            self.assertIn(name, done.stderr)
        for secret in (p.env("TENANTRY_STRIPE_WEBHOOK_SECRET"), os.environ["TENANTRY_ADMIN_TOKEN"]):
            self.assertNotIn(secret, done.stderr)

    def test_wrong_usage(self):
        for arguments in ((), ("nothing",), ("tenants",), ("run", "--workers", "nobody"), ("tenants", "suspend", self.tenant.id)):
            self.assertEqual(run(*arguments).returncode, 2, arguments)
        self.assertEqual(run("--help").returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
