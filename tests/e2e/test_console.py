#!/usr/bin/python3
"""The web console in a real Chromium against a real stack: what each view shows and does, what is refused, what is reported.

The browser's part is workers/gateway/console/test/e2e.mjs, which says what it has checked; this file makes the stack and
what there is to see. With TENANTRY_SCREENSHOTS=FOLDER it leaves a picture of every view, in both themes.
"""
import base64
import gzip
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stack  # noqa: E402
from stack import p, sign_up, unique  # noqa: E402

CONSOLE = os.path.join(stack.ROOT, "workers", "gateway", "console")
HOSTILE = "<img src=x onerror=alert(1)>"
sink = None


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def setUpModule():
    global sink
    folder = tempfile.mkdtemp(prefix="console-mail-")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sink = subprocess.Popen(["/usr/bin/python3", os.path.join(stack.ROOT, "tools", "mail_sink.py"), "--port", str(port), "--dir", folder])
    os.environ["TENANTRY_SMTP_URL"] = f"smtp://127.0.0.1:{port}"
    os.environ["TENANTRY_MAIL_DIR"] = folder
    # Passkeys are of the site that the browser is at, and it takes a Secure cookie over plain HTTP from localhost alone.
    os.environ["TENANTRY_URL"] = p.env("TENANTRY_URL").replace("127.0.0.1", "localhost")
    p.await_true("the mail sink listens", lambda: listens(port), 10)
    stack.start()


def tearDownModule():
    stack.stop()
    sink.terminate()
    sink.wait(timeout=30)


def bad_message(tenant, worker, number):
    """What no worker can take, straight into its queue."""
    vhost = urllib.parse.quote(f"tenant-{tenant.id}", safe="")
    body = base64.b64encode(json.dumps({"number": number, "secret": "in-the-letter"}).encode()).decode()
    answer = p.management("POST", f"exchanges/{vhost}/amq.default/publish",
                          {"routing_key": f"{tenant.id}.{worker}", "payload": body, "payload_encoding": "base64",
                           "properties": {"content_type": "application/json", "type": "payment.failed"}})
    assert answer.status == 200 and answer.json["routed"], answer


def furnish():
    """What there is to see; what the browser has to know of it."""
    acme = sign_up(unique("Boulangerie Durand"), plan="PROFESSIONAL").confirm()
    careful = sign_up(unique("Prudence"), plan="STARTER")
    hostile = sign_up(HOSTILE + stack.RUN, plan="STARTER")
    # Nobody signs up with what turns text around any more; a row of before may hold it.
    stack.superuser(f"UPDATE platform.tenants SET company_name = company_name || E'\\u202Efdp.exe' WHERE tenant_id = '{hostile.id}'")
    for i in range(12):
        answer = acme.post("/v1/clients", {"name": f"Client {i}", "email": f"client{i}@example.com"})
        assert answer.status == 201, answer
    client = acme.get("/v1/clients").json["clients"][0]
    changed = p.request("PATCH", "/v1/clients/" + client["id"], {"name": "Renamed"}, acme.token)
    assert changed.status == 200, changed
    key = acme.post("/v1/api-keys", {"name": "Nightly import", "permissions": ["clients:read"]})
    assert key.status == 201, key
    invited = stack.address("invited")
    answer = acme.post("/v1/users", {"email": invited, "role": "viewer"})
    assert answer.status == 201, answer
    answer = p.post_stripe(p.stripe_event("invoice.paid", p.invoice(acme.id, paid=True, amount=14900)))
    assert answer.status == 200, answer
    answer = p.post_stripe(p.stripe_event("invoice.paid", p.invoice("nobody-" + stack.RUN, paid=True)))
    assert answer.status == 200, answer
    answer = p.request("PUT", "/v1/admin/flags/new_invoices_" + stack.RUN, {"description": "The new page of invoices", "enabled": True, "percentage": 25},
                       {"Authorization": "Bearer " + p.env("TENANTRY_ADMIN_TOKEN")})
    assert answer.status == 201, answer
    for i in range(3):
        bad_message(acme, "billing", i)
    letters = "/v1/admin/dead-letters?worker=billing&tenant_id=" + acme.id
    p.await_true("dead letters", lambda: len(p.admin("GET", letters).json["dead_letters"]) == 3, 30)
    invitation = p.await_true("the invitation's mail", lambda: next(
        (text.split("#t=")[1].split()[0].strip() for to, _, text in p.mails() if invited in to and "#t=" in text), None), 30)
    p.await_true("a signed head", lambda: acme.get("/v1/audit/checkpoint").status == 200 and int(acme.get("/v1/audit/checkpoint").body.split("\n")[1]) > 20, 30)
    url = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
    return {
        "url": f"http://localhost:{url.port}", "careful": careful.id, "carefulOwner": careful.address,
        "clockAhead": p.platform_now() - time.time(), "adminToken": p.env("TENANTRY_ADMIN_TOKEN").split(",")[0].rpartition(":")[2],
        "tenant": acme.id, "company": unique("Boulangerie Durand"), "owner": acme.address, "password": stack.PASSWORD,
        "hostile": hostile.id, "invited": invited, "invitation": invitation, "run": stack.RUN,
    }


def csp_reports():
    lines = [line for line in p.request("GET", "/metrics").body.splitlines() if line.startswith("tenantry_console_csp_reports_total")]
    return sum(float(line.split()[-1]) for line in lines)


OURS = {"X-Tenantry": "1", "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}


def cookie_of(answer):
    return answer.headers.get("Set-Cookie", "").split(";")[0]


def by(cookie, method, path, body=None, **headers):
    return p.request(method, path, body if body is not None or method == "GET" else {}, {**OURS, "Cookie": cookie, **headers})


def log_in(tenant):
    answer = p.request("POST", "/auth/login", {"email": tenant.address, "password": stack.PASSWORD}, {**OURS, "X-Tenant-ID": tenant.id})
    assert answer.status == 200, answer
    return cookie_of(answer)


def admin_cookie(name="Ada Lovelace"):
    answer = p.request("POST", "/v1/console/admin-session", {"token": p.env("TENANTRY_ADMIN_TOKEN").split(",")[0].rpartition(":")[2], "name": name}, OURS)
    assert answer.status == 200, answer
    return cookie_of(answer)


def hash_of(cookie):
    return "\\x" + hashlib.sha256(cookie.partition("=")[2].encode()).hexdigest()


class T1_Cookies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.acme = sign_up(unique("Cookies et Fils"), plan="FREE")

    def refused_soon(self, cookie, path):
        p.await_true("the cookie opens nothing any more", lambda: by(cookie, "GET", path).status == 401, 5)

    def test_a_login_of_the_console_gives_a_cookie_and_no_tokens(self):
        answer = p.request("POST", "/auth/login", {"email": self.acme.address, "password": stack.PASSWORD}, OURS)
        self.assertEqual(set(answer.json), {"tenant_id", "tenants"})
        parts = answer.headers["Set-Cookie"].split("; ")
        self.assertEqual(set(parts[2:]), {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"})
        cookie = parts[0]
        self.assertEqual(by(cookie, "GET", "/v1/me").json["tenant"]["tenant_id"], self.acme.id)
        self.assertEqual(by(cookie, "GET", "/v1/console/session").json["kind"], "member")
        sessions = by(cookie, "GET", "/v1/me/sessions").json["sessions"]
        self.assertEqual(sum(each["current"] for each in sessions), 1)

    def test_no_other_site_logs_anybody_in(self):
        for change in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}):
            answer = p.request("POST", "/auth/login", {"email": self.acme.address, "password": stack.PASSWORD}, {**OURS, **change})
            self.assertEqual((answer.status, answer.json["code"], answer.headers.get("Set-Cookie")), (403, "cross_site", None), change)

    def test_what_it_is_sent_with(self):
        cookie = log_in(self.acme)
        for change in ({"Sec-Fetch-Site": "cross-site"}, {"X-Tenantry": "0"}):
            self.assertEqual(by(cookie, "POST", "/v1/clients", {"name": "x"}, **change).status, 403, change)
        self.assertEqual(by(cookie, "GET", "/v1/clients", **{"Sec-Fetch-Site": "cross-site"}).status, 403)
        self.assertEqual(p.request("GET", "/v1/clients", headers={"Cookie": cookie}).status, 200)
        self.assertEqual(p.request("DELETE", "/v1/me/sessions", headers={"Cookie": cookie}).status, 403)
        for path in ("/v1/me", "/livez", "/v1/admin/tenants"):
            both = p.request("GET", path, headers={"Cookie": cookie, **self.acme.token})
            self.assertEqual((both.status, both.json["code"]), (400, "malformed_request"), path)
        self.assertEqual(by(cookie, "GET", "/v1/admin/tenants").json["code"], "admin_required")
        self.assertEqual(by("__Host-tenantry=" + "A" * 43, "GET", "/v1/me").json["code"], "session_ended")

    def test_it_ends_with_its_session(self):
        cookie, other = log_in(self.acme), log_in(self.acme)
        self.assertEqual(by(other, "DELETE", "/v1/me/sessions").status, 200)
        self.refused_soon(cookie, "/v1/me")
        out = by(other, "POST", "/auth/logout")
        self.assertEqual((out.status, out.headers["Set-Cookie"].split(";")[0]), (204, "__Host-tenantry="))
        self.assertEqual(by(other, "GET", "/v1/me").status, 401)

    def test_it_ends_unseen(self):
        cookie = log_in(self.acme)
        stack.superuser(f"UPDATE platform.sessions SET last_seen_at = last_seen_at - interval '15 days' WHERE cookie_hash = '{hash_of(cookie)}'")
        self.refused_soon(cookie, "/v1/me")

    def test_switching_ends_the_former(self):
        cookie = log_in(self.acme)
        answer = by(cookie, "POST", "/auth/switch", {"tenant_id": self.acme.id})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(by(cookie_of(answer), "GET", "/v1/me").status, 200)
        self.refused_soon(cookie, "/v1/me")
        self.assertEqual(by("__Host-tenantry=" + "B" * 43, "POST", "/auth/switch", {"tenant_id": self.acme.id}).status, 401)

    def test_looking_uses_up_no_calls_of_the_plan(self):
        cookie = log_in(self.acme)
        for _ in range(40):  # twice the plan's requests a minute
            self.assertEqual(by(cookie, "GET", "/v1/clients").status, 200)
        # A call of a program's, behind them all: once it is counted, they would have been.
        self.assertEqual(self.acme.get("/v1/clients").status, 200)
        p.await_true("the program's call is counted", lambda: self.acme.usage()[0] >= 1)
        self.assertEqual(self.acme.usage()[0], 1)

    def test_a_super_admin_is_on_record_by_name(self):
        cookie = admin_cookie("Grace Hopper")
        self.assertEqual(by(cookie, "GET", "/v1/console/session").json["name"], "Grace Hopper")
        self.assertEqual(by(cookie, "GET", "/v1/admin/tenants/" + self.acme.id).status, 200)
        self.assertEqual(by(cookie, "GET", "/v1/me").status, 401)
        p.await_true("the look is on record", lambda: p.analyst(
            "SELECT 1 FROM analytics.audit_events WHERE type = 'platform.data_read' AND actor_id LIKE '%/Grace Hopper' "
            f"AND tenant_id = '{self.acme.id}'"))
        p.await_true("so is the login", lambda: p.analyst(
            "SELECT 1 FROM analytics.audit_events WHERE type = 'user.logged_in' AND actor_id LIKE '%/Grace Hopper' AND tenant_id = 'platform'"))
        self.assertEqual(by(cookie, "DELETE", "/v1/console/admin-session").status, 204)
        self.assertEqual(by(cookie, "GET", "/v1/admin/overview").status, 401)

    def test_a_super_admins_session_ends(self):
        for change in ("last_seen_at = last_seen_at - interval '3 hours'", "expires_at = now()", "credential_hash = sha256('another token')"):
            cookie = admin_cookie()
            self.assertEqual(by(cookie, "GET", "/v1/admin/overview").status, 200)
            stack.superuser(f"UPDATE platform.admin_cookies SET {change} WHERE cookie_hash = '{hash_of(cookie)}'")
            self.refused_soon(cookie, "/v1/admin/overview")

    def test_who_is_no_super_admin(self):
        wrong = p.request("POST", "/v1/console/admin-session", {"token": "x" * 40, "name": "Eve"}, OURS)
        self.assertEqual((wrong.status, wrong.headers.get("Set-Cookie")), (401, None))
        nameless = p.request("POST", "/v1/console/admin-session", {"token": "x" * 40, "name": "a/b"}, OURS)
        self.assertEqual((nameless.status, stack.pointers(nameless)), (422, ["/name"]))
        bare = p.request("POST", "/v1/console/admin-session", {"token": "x" * 40, "name": "Eve"})
        self.assertEqual(bare.json["code"], "cross_site")

    def test_pages_and_files(self):
        page = p.request("GET", "/console/tenants/acme")
        self.assertEqual((page.status, page.headers["Cache-Control"]), (200, "no-store"))
        policy = page.headers["Content-Security-Policy"]
        for rule in ("default-src 'none'", "script-src 'self';", "object-src 'none'", "frame-ancestors 'none'", "base-uri 'none'",
                     "require-trusted-types-for 'script'", "trusted-types 'none'", "report-uri /v1/console/csp-reports"):
            self.assertIn(rule, policy)
        self.assertNotIn("unsafe", policy)
        script = page.body.split('src="')[1].split('"')[0]
        plain = p.request("GET", script)
        self.assertEqual((plain.status, plain.headers["X-Content-Type-Options"]), (200, "nosniff"))
        self.assertIn("immutable", plain.headers["Cache-Control"])
        packed = subprocess.run(["curl", "-sf", "-H", "Accept-Encoding: gzip", p.env("TENANTRY_URL") + script], capture_output=True, check=True).stdout
        self.assertEqual(gzip.decompress(packed).decode(), plain.body)
        self.assertLess(len(packed), len(plain.body) / 2)
        for path in ("/assets/nothing.js", "/assets/..%2Findex.html", "/nowhere"):
            self.assertIn(p.request("GET", path).status, (400, 404), path)
        self.assertEqual(len(p.request("GET", "/asyncapi.json").json["components"]["messages"]) > 50, True)


class T2_Browser(unittest.TestCase):
    def test_in_a_browser(self):
        run = subprocess.run(["node", os.path.join(CONSOLE, "test", "e2e.mjs")], input=json.dumps(furnish()), capture_output=True, text=True, timeout=600)
        sys.stderr.write(run.stdout)
        self.assertEqual(run.returncode, 0, run.stdout[-6000:] + run.stderr[-4000:])
        self.assertIn("checks held", run.stdout)
        # One was provoked, to see that they arrive.
        p.await_true("the report that was provoked", lambda: csp_reports() > 0, 30)
        self.assertEqual(csp_reports(), 1)


class T3_SuperAdminsWhoArePeople(unittest.TestCase):
    """Last: once there is one, the platform's token opens no console."""
    @classmethod
    def setUpClass(cls):
        cls.person = sign_up(unique("Plateforme"))
        cls.company = sign_up(unique("Visitée"))
        cls.by_token = admin_cookie()
        p.tenantry("admins", "add", cls.person.address, "--role", "super-admin")

    @classmethod
    def tearDownClass(cls):
        p.tenantry("admins", "revoke", cls.person.address)

    def log_in(self, **body):
        return p.request("POST", "/v1/admin/auth/login", {"email": self.person.address, "password": stack.PASSWORD, **body}, OURS)

    def test_1_by_cookie_with_a_second_factor(self):
        foreign = p.request("POST", "/v1/admin/auth/login", {"email": self.person.address, "password": stack.PASSWORD}, {**OURS, "Sec-Fetch-Site": "cross-site"})
        self.assertEqual((foreign.status, foreign.json["code"], foreign.headers.get("Set-Cookie")), (403, "cross_site", None))
        answer = self.log_in()
        self.assertEqual((answer.status, "token" in answer.json), (200, False), answer)
        cookie = cookie_of(answer)
        self.assertEqual(by(cookie, "GET", "/v1/admin/tenants").json["code"], "second_factor_required")
        self.assertEqual(by(self.by_token, "GET", "/v1/admin/me").status, 200)  # nobody else can log in yet
        secret = by(cookie, "POST", "/v1/admin/me/factors/totp").json["secret"]
        type(self).secret = secret
        confirmed = by(cookie, "POST", "/v1/admin/me/factors/totp/confirm", {"code": p.totp(secret, int(p.platform_now()) // 30)})
        self.assertEqual(confirmed.status, 200, confirmed)
        type(self).codes = confirmed.json["recovery_codes"]
        self.assertEqual(by(cookie, "GET", "/v1/admin/tenants?limit=1").status, 200)
        session = by(cookie, "GET", "/v1/console/session").json
        self.assertEqual((session["kind"], session["name"], session["token"], session["role"], session["second_factor"]),
                         ("admin", self.person.address, None, "super-admin", "totp"))
        shown = p.request("GET", "/v1/admin/me", headers={"Authorization": "Bearer " + cookie.partition("=")[2]})
        self.assertEqual(shown.status, 401)  # a cookie is no token

    def test_2_then_the_platforms_token_opens_no_console(self):
        answer = p.request("POST", "/v1/console/admin-session", {"token": p.env("TENANTRY_ADMIN_TOKEN").split(",")[0].rpartition(":")[2], "name": "Eve"}, OURS)
        self.assertEqual((answer.status, answer.json["code"]), (403, "admin_login_required"))
        p.await_true("who came by it is out", lambda: by(self.by_token, "GET", "/v1/admin/overview").status == 401, 5)
        self.assertEqual(p.admin("GET", "/v1/admin/me").status, 200)  # the command line goes on

    def enter(self):
        challenge = self.log_in().json["challenge_token"]
        answer = p.request("POST", "/v1/admin/auth/login/factor", {"recovery_code": self.codes.pop()}, {**OURS, "Authorization": "Bearer " + challenge})
        self.assertEqual(answer.status, 200, answer)
        return cookie_of(answer)

    def test_3_a_visit_by_the_cookie(self):
        cookie = self.enter()
        self.assertEqual(by(cookie, "GET", "/v1/clients").json["code"], "visit_ended")
        self.assertEqual(by(cookie, "DELETE", "/v1/admin/me/visit").status, 404)
        begun = by(cookie, "POST", f"/v1/admin/tenants/{self.company.id}/act", {"reason": "ticket 4711"})
        self.assertEqual((begun.status, "access_token" in begun.json), (200, False), begun)
        self.assertEqual(by(cookie, "GET", "/v1/console/session").json["visit"]["tenant_id"], self.company.id)
        self.assertEqual(by(cookie, "GET", "/v1/me").json["tenant"]["tenant_id"], self.company.id)
        self.assertEqual(by(cookie, "GET", "/v1/users").status, 200)
        for path, body, code in (("/v1/clients", {"name": "x"}, "read_only"), ("/v1/users", {"email": stack.address(), "role": "viewer"}, "not_for_admins")):
            answer = by(cookie, "POST", path, body)
            self.assertEqual((answer.status, answer.json["code"]), (403, code))
        elsewhere = by(cookie, "GET", "/v1/clients", **{"X-Tenant-ID": self.person.id})
        self.assertEqual(elsewhere.json["code"], "tenant_mismatch")
        self.assertEqual(by(cookie, "GET", "/v1/admin/tenants?limit=1").status, 200)
        entered = self.company.await_record("admin.entered_tenant")[-1][2]
        self.assertIn("ticket 4711", entered)
        other = by(cookie, "POST", f"/v1/admin/tenants/{self.person.id}/act", {"reason": "another"})
        self.assertEqual(other.status, 200, other)
        self.assertEqual(by(cookie, "GET", "/v1/me").json["tenant"]["tenant_id"], self.person.id)  # one at a time
        self.assertEqual(by(cookie, "DELETE", "/v1/admin/me/visit").status, 204)
        self.assertEqual(by(cookie, "GET", "/v1/clients").json["code"], "visit_ended")
        out = by(cookie, "POST", "/v1/admin/auth/logout")
        self.assertEqual((out.status, out.headers["Set-Cookie"].split(";")[0]), (204, "__Host-tenantry="))
        self.assertEqual(by(cookie, "GET", "/v1/admin/me").status, 401)

    def test_4_in_a_browser(self):
        url = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
        told = {"url": f"http://localhost:{url.port}", "email": self.person.address, "password": stack.PASSWORD, "secret": self.secret,
                "tenant": self.company.id, "company": unique("Visitée"), "owner": self.company.address, "clockAhead": p.platform_now() - time.time()}
        run = subprocess.run(["node", os.path.join(CONSOLE, "test", "e2e-admins.mjs")], input=json.dumps(told), capture_output=True, text=True, timeout=300)
        sys.stderr.write(run.stdout)
        self.assertEqual(run.returncode, 0, run.stdout[-6000:] + run.stderr[-4000:])
        self.assertIn("checks held", run.stdout)

    def test_5_revoked_is_out_with_the_next_request(self):
        cookie = self.enter()
        visit = by(cookie, "POST", f"/v1/admin/tenants/{self.company.id}/act", {"reason": "x"})
        self.assertEqual(visit.status, 200, visit)
        p.tenantry("admins", "revoke", self.person.address)
        self.assertEqual(by(cookie, "GET", "/v1/admin/me").status, 401)
        self.assertEqual(by(cookie, "GET", "/v1/clients").status, 401)
        p.tenantry("admins", "add", self.person.address, "--role", "super-admin")


if __name__ == "__main__":
    unittest.main(verbosity=2)
