#!/usr/bin/python3
"""The web console in a real Chromium against a real stack: what each view shows and does, what is refused, what is reported.

The browser's part is workers/gateway/console/test/e2e.mjs, which says what it has checked; this file makes the stack and
what there is to see. With TENANTRY_SCREENSHOTS=FOLDER it leaves a picture of every view, in both themes.
"""
import base64
import gzip
import hashlib
import http.client
import json
import os
import subprocess
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stack  # noqa: E402
from stack import p, sign_up, unique  # noqa: E402

HOSTILE = "<img src=x onerror=alert(1)>"
sink = None
provoked = 0  # reports that a test has caused, to see that they arrive


def setUpModule():
    global sink
    sink = stack.MailSink()
    # Passkeys are of the site that the browser is at, and it takes a Secure cookie over plain HTTP from localhost alone.
    os.environ["TENANTRY_URL"] = p.env("TENANTRY_URL").replace("127.0.0.1", "localhost")
    stack.start()


def tearDownModule():
    stack.stop()
    sink.stop()


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
    lot = [sign_up(f"Lot {stack.RUN} {letter}", plan="STARTER") for letter in "ABC"]
    alike = sign_up(f"L\u043et {stack.RUN} A", plan="STARTER")  # with a Cyrillic o
    held = p.admin("POST", f"/v1/admin/tenants/{lot[0].id}/suspend", {"reason": "abuse", "note": "before the test"})
    assert held.status == 200, held
    answer = acme.post("/v1/users", {"email": careful.address, "role": "viewer"})
    assert answer.status == 201, answer
    for i in range(12):
        answer = acme.post("/v1/clients", {"name": f"Client {i}", "email": f"client{i}@example.com"})
        assert answer.status == 201, answer
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
    invitation, careful_invitation = (p.await_true(f"the invitation's mail to {address}", lambda address=address: next(
        (text.split("#t=")[1].split()[0].strip() for to, _, text in p.mails() if address in to and "#t=inv_" in text), None), 30)
        for address in (invited, careful.address))
    # Late, so that it is on the first page of the log.
    client = acme.get("/v1/clients").json["clients"][0]
    changed = p.request("PATCH", "/v1/clients/" + client["id"], {"name": "Renamed"}, acme.token)
    assert changed.status == 200, changed
    p.await_true("a signed head", lambda: acme.get("/v1/audit/checkpoint").status == 200 and int(acme.get("/v1/audit/checkpoint").body.split("\n")[1]) > 20, 30)
    url = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
    return {
        "url": f"http://localhost:{url.port}", "careful": careful.id, "carefulOwner": careful.address,
        "clockAhead": p.platform_now() - time.time(), "adminToken": p.env("TENANTRY_ADMIN_TOKEN").split(",")[0].rpartition(":")[2],
        "tenant": acme.id, "company": unique("Boulangerie Durand"), "owner": acme.address, "password": stack.PASSWORD,
        "lot": f"Lot {stack.RUN}", "lotHeld": lot[0].id, "alike": alike.id, "hostile": hostile.id, "invited": invited, "invitation": invitation, "carefulInvitation": careful_invitation, "run": stack.RUN,
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

    def test_who_one_is_in_a_closed_company(self):
        closed = sign_up(unique("Close"), plan="STARTER")
        stack.join(self.acme.address, closed, "viewer")
        cookie, other = log_in(closed), cookie_of(p.request("POST", "/auth/login", {"email": self.acme.address, "password": stack.PASSWORD}, {**OURS, "X-Tenant-ID": closed.id}))
        open_one = by(cookie, "GET", "/v1/me").json
        self.assertEqual(p.admin("POST", f"/v1/admin/tenants/{closed.id}/suspend", {"reason": "abuse"}).status, 200)
        p.await_true("it is closed", lambda: by(cookie, "GET", "/v1/me").status == 402, 5)
        mine = by(cookie, "GET", "/v1/me/membership").json
        self.assertEqual((mine["tenant"]["status"], mine["tenant"]["status_reason"]), ("SUSPENDED", "abuse"))
        self.assertEqual({name: mine[name] for name in ("user", "permissions", "tenants", "tenant_role")}, {name: open_one[name] for name in ("user", "permissions", "tenants", "tenant_role")})
        self.assertFalse({"settings", "modules", "flags"} & set(mine["tenant"]))
        theirs = by(other, "GET", "/v1/me/membership").json
        self.assertEqual((theirs["tenant_role"], "*" in theirs["permissions"], len(theirs["tenants"])), ("viewer", False, 2))
        self.assertEqual(by(other, "POST", "/v1/subscription/cancel").status, 403)

    def test_an_invitation_is_accepted_by_the_cookie_of_who_is_invited(self):
        host = sign_up(unique("Hôtes"), plan="STARTER").confirm()
        guest = sign_up(unique("Invités"), plan="STARTER")
        self.assertEqual(host.post("/v1/users", {"email": guest.address, "role": "viewer"}).status, 201)
        path = f"/v1/invitations/{p.mailed_token('inv', guest.address)}/accept"
        mine = log_in(guest)
        for cookie, change, status, code in ((log_in(host), {}, 403, "wrong_account"), (mine, {"Sec-Fetch-Site": "cross-site"}, 403, "cross_site"), (mine, {"X-Tenantry": "0"}, 403, "cross_site"),
                                             ("__Host-tenantry=" + "C" * 43, {}, 401, "session_ended"), (admin_cookie(), {}, 401, "session_ended")):
            answer = by(cookie, "POST", path, {}, **change)
            self.assertEqual((answer.status, answer.json["code"]), (status, code), answer)
        joined = by(mine, "POST", path, {})
        self.assertEqual((joined.status, joined.json["tenant_id"], joined.json["role"]), (201, host.id, "viewer"), joined)
        switched = by(mine, "POST", "/auth/switch", {"tenant_id": host.id})
        self.assertEqual(by(cookie_of(switched), "GET", "/v1/me").json["tenant"]["tenant_id"], host.id)

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


class T1_Charts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.acme = sign_up(unique("Courbes"), plan="ENTERPRISE")  # which may ask often
        cls.acme.await_record("trial.started")

    def naive(self, chart):
        """What an analyst gets by the statement that is shown."""
        sql = chart["sql"]
        for i, value in reversed(list(enumerate(chart["parameters"], 1))):
            sql = sql.replace(f"${i}", f"'{value}'")
        names = [column["name"] for column in chart["columns"]]
        return [dict(zip(names, row)) for row in p.analyst(sql)]

    def total(self, column, rows):
        return sum(int(row[column]) for row in rows)

    def test_an_analyst_gets_the_same(self):
        for name, column in (("activity", "events"), ("api-calls", "calls"), ("users", "members")):
            chart = self.acme.get(f"/v1/analytics/{name}?period=day&count=3").json
            later = self.naive(chart)
            self.assertEqual(len(later), 3, name)
            self.assertGreaterEqual(self.total(column, later), self.total(column, chart["rows"]), name)
            if name != "api-calls":  # which may not be counted yet
                self.assertGreater(self.total(column, chart["rows"]), 0, name)

    def test_an_answer_is_kept_for_its_caller_alone(self):
        path = "/v1/analytics/activity?period=day&count="
        first = self.acme.get(path + "5").json
        self.assertEqual(self.acme.post("/v1/clients", {"name": "Ada"}).status, 201)
        self.acme.await_record("client.created")
        self.assertEqual(self.acme.get(path + "5").json, first)
        fresh = self.acme.get(path + "6").json
        self.assertGreater(self.total("events", fresh["rows"]), self.total("events", first["rows"]))
        other = sign_up(unique("Autres courbes"), plan="STARTER")
        theirs = other.get(path + "5").json
        self.assertEqual((theirs["parameters"][0], first["parameters"][0]), (other.id, self.acme.id))
        self.assertNotEqual(theirs["at"], first["at"])

    def test_rows_as_a_file(self):
        answer = self.acme.get("/v1/analytics/users?period=month&count=2&format=csv")
        self.assertEqual((answer.status, answer.headers["Content-Type"].split(";")[0], answer.headers["Content-Disposition"]),
                         (200, "text/csv", 'attachment; filename="users.csv"'))
        lines = answer.body.split("\r\n")
        self.assertEqual((lines[0], len(lines)), ("period,active,members", 4))

    def test_what_is_refused(self):
        for query, pointer in (("period=week", "/period"), ("count=93", "/count"), ("count=0", "/count"), ("format=xml", "/format")):
            answer = self.acme.get("/v1/analytics/activity?" + query)
            self.assertEqual((answer.status, stack.pointers(answer)), (422, [pointer]), query)
        self.assertEqual(stack.pointers(self.acme.get("/v1/analytics/users?period=hour")), ["/period"])
        for name in ("revenue", "mrr", "churn", "cohorts", "nothing"):
            self.assertEqual(self.acme.get(f"/v1/analytics/{name}").status, 404, name)
        for path in ("/v1/admin/analytics/revenue", f"/v1/admin/tenants/{self.acme.id}/analytics/activity"):
            self.assertEqual(p.request("GET", path, headers=self.acme.token).status, 403, path)
        self.assertEqual(p.admin("GET", "/v1/admin/analytics/activity").status, 404)
        self.assertEqual(p.admin("GET", "/v1/admin/tenants/nobody-at-all/analytics/activity").status, 404)

    def test_a_super_admins_look_is_on_record(self):
        path = f"/v1/admin/tenants/{self.acme.id}/analytics/activity?period=day&count=9"
        for count in (1, 2):  # read anew, and as it was kept
            self.assertEqual(p.admin("GET", path).status, 200)
            p.await_true("the look is on record", lambda count=count: len(p.analyst(
                "SELECT 1 FROM analytics.audit_events WHERE type = 'platform.data_read' AND payload ->> 'what' = 'analytics' "
                f"AND tenant_id = '{self.acme.id}'")) == count)
        paid = p.admin("GET", "/v1/admin/analytics/revenue?period=day&count=2").json
        self.assertEqual({column["name"]: column["kind"] for column in paid["columns"]}["paid_minor"], "money")
        p.await_true("so is the one at all of them", lambda: p.analyst(
            "SELECT 1 FROM analytics.audit_events WHERE type = 'platform.data_read' AND payload ->> 'what' = 'analytics' AND tenant_id = 'platform'"))

    def test_ones_own_availability(self):
        p.await_true("own requests are counted", lambda: self.acme.get("/v1/availability").json["requests"] > 0, 30)
        mine = self.acme.get("/v1/availability").json
        self.assertEqual((mine["target"], mine["failed"], mine["budget_left"], sum(day["requests"] for day in mine["by_day"])), (0.9995, 0, 1, mine["requests"]))


class T1_SavedViews(unittest.TestCase):
    PATH = "/v1/admin/me/views"

    def test_few_and_ones_own(self):
        ada, grace = admin_cookie("Views Ada"), admin_cookie("Views Grace")
        for i in range(20):
            saved = by(ada, "POST", self.PATH, {"name": f"View {i}", "address": f"/console/tenants?q={i}"})
            self.assertEqual((saved.status, saved.json["address"]), (201, f"/console/tenants?q={i}"))
        over = by(ada, "POST", self.PATH, {"name": "One more", "address": "/console"})
        self.assertEqual((over.status, over.json["code"]), (409, "view_limit_reached"))
        again = by(ada, "POST", self.PATH, {"name": "View 3", "address": "/console/queues"})
        self.assertEqual(again.status, 201)
        mine = by(ada, "GET", self.PATH).json["views"]
        self.assertEqual((len(mine), {view["name"]: view["address"] for view in mine}["View 3"]), (20, "/console/queues"))
        self.assertEqual(by(grace, "GET", self.PATH).json["views"], [])
        self.assertEqual(by(grace, "DELETE", f"{self.PATH}/{mine[0]['id']}").status, 404)
        self.assertEqual(len(by(ada, "GET", self.PATH).json["views"]), 20)
        for view in mine:
            self.assertEqual(by(ada, "DELETE", f"{self.PATH}/{view['id']}").status, 204)
        self.assertEqual(by(ada, "DELETE", f"{self.PATH}/{mine[0]['id']}").status, 404)

    def test_what_is_refused(self):
        ada = admin_cookie("Views Ada")
        for body, pointer in (({"name": "x", "address": "https://elsewhere.example/"}, "/address"), ({"name": "", "address": "/console"}, "/name")):
            answer = by(ada, "POST", self.PATH, body)
            self.assertEqual((answer.status, stack.pointers(answer)), (422, [pointer]))
        acme = sign_up(unique("Sans vues"), plan="FREE")
        self.assertEqual(p.request("GET", self.PATH, headers=acme.token).status, 403)


class T1_BulkActs(unittest.TestCase):
    PATH = "/v1/admin/bulk-acts/preview"

    def test_a_preview_says_what_comes_and_changes_nothing(self):
        trial, held = sign_up(unique("Prévue")), sign_up(unique("Tenue"))
        self.assertEqual(p.admin("POST", f"/v1/admin/tenants/{held.id}/suspend", {"reason": "abuse"}).status, 200)
        ids = [trial.id, held.id, "nobody-at-all"]
        def foreseen(act):
            answer = p.admin("POST", self.PATH, {"act": act, "tenant_ids": ids})
            return {each["tenant_id"]: (each["status"], each["becomes"], each["why_not"]) for each in answer.json["tenants"]}
        self.assertEqual(foreseen("suspend"), {trial.id: ("TRIAL", "SUSPENDED", ""), held.id: ("SUSPENDED", None, "suspended_already"), "nobody-at-all": (None, None, "unknown")})
        self.assertEqual(foreseen("reactivate"), {trial.id: ("TRIAL", None, "not_suspended"), held.id: ("SUSPENDED", "TRIAL", ""), "nobody-at-all": (None, None, "unknown")})
        self.assertEqual((trial.status, held.status), ("trial", "suspended"))
        self.assertEqual(stack.pointers(p.admin("POST", self.PATH, {"act": "erase", "tenant_ids": ids})), ["/act"])
        self.assertEqual(p.request("POST", self.PATH, {"act": "suspend", "tenant_ids": ids}, trial.token).status, 403)


class T1_Queues(unittest.TestCase):
    def test_of_all_vhosts(self):
        acme = sign_up(unique("Files"), plan="STARTER")
        path = "/v1/admin/queues?q=" + acme.id + "."
        mine = p.await_true("its queues are in the broker's statistics", lambda: (
            lambda answer: len(answer.json["queues"]) >= 6 and answer.json)(p.admin("GET", path)), 60)
        self.assertEqual({each["vhost"] for each in mine["queues"]}, {"tenant-" + acme.id})
        self.assertLessEqual({"audit", "billing", "metering"}, {each["worker"] for each in mine["queues"]})
        billing = next(each for each in mine["queues"] if each["worker"] == "billing")
        self.assertEqual((billing["tenant_id"], billing["queue"], billing["dead_letters"]), (acme.id, acme.id + ".billing", 0))
        bad_message(acme, "billing", 1)
        p.await_true("its dead letter is told", lambda: any(each["worker"] == "billing" and each["dead_letters"] == 1 for each in p.admin("GET", path).json["queues"]), 30)
        letter = p.admin("GET", "/v1/admin/dead-letters?worker=billing&tenant_id=" + acme.id).json["dead_letters"][0]
        self.assertEqual(p.admin("POST", f"/v1/admin/dead-letters/{letter['id']}/drop", {"note": "made for a test"}).status, 200)

    def test_the_deepest_is_first_and_says_since_when(self):
        acme = sign_up(unique("Profonde"), plan="STARTER")
        vhost = urllib.parse.quote(f"tenant-{acme.id}", safe="")
        name = acme.id + ".held"
        self.assertIn(p.management("PUT", f"queues/{vhost}/{name}", {"durable": True}).status, (201, 204))
        sent_at = int(time.time()) - 60
        for i in range(3):
            answer = p.management("POST", f"exchanges/{vhost}/amq.default/publish", {
                "routing_key": name, "payload": str(i), "payload_encoding": "string", "properties": {"timestamp": sent_at + i}})
            self.assertTrue(answer.json["routed"])
        first = p.await_true("the broker tells its depth", lambda: next(
            (each for each in p.admin("GET", "/v1/admin/queues?limit=5").json["queues"] if each["queue"] == name and each["ready"] == 3), None), 60)
        self.assertEqual((first["consumers"], first["worker"], first["tenant_id"]), (0, "", acme.id))
        self.assertEqual(first["oldest_at"], time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(sent_at)))
        self.assertEqual(p.management("DELETE", f"queues/{vhost}/{name}").status, 204)

    def test_who_may_not(self):
        acme = sign_up(unique("Curieuse"), plan="FREE")
        self.assertEqual(p.request("GET", "/v1/admin/queues", headers=acme.token).status, 403)
        self.assertEqual(stack.pointers(p.admin("GET", "/v1/admin/queues?limit=201")), ["/limit"])
        self.assertEqual(stack.pointers(p.admin("GET", "/v1/admin/queues?q=" + "x" * 201)), ["/q"])
        p.await_true("each look is on record", lambda: p.analyst(
            "SELECT 1 FROM analytics.audit_events WHERE type = 'platform.data_read' AND payload ->> 'what' = 'queues'"), 30)

    def test_the_login_changes_nothing(self):
        url = urllib.parse.urlsplit(p.env("TENANTRY_AMQP_MONITOR_URL"))
        login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        def ask(method, path):
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
            connection.request(method, "/api/" + path, headers={"Authorization": "Basic " + login})
            return connection.getresponse().status
        self.assertEqual(ask("GET", "queues?page=1&page_size=1"), 200)
        for method, path in (("DELETE", "queues/platform/platform.audit"), ("GET", "queues/platform/platform.audit/get"), ("PUT", "vhosts/mine"), ("DELETE", "users/tenantry-gateway")):
            self.assertIn(ask(method, path), (401, 405), path)


class T2_Browser(unittest.TestCase):
    def test_in_a_browser(self):
        stack.drive_browser(self, "e2e.mjs", furnish())
        global provoked
        p.await_true("the report that was provoked", lambda: csp_reports() > 0, 30)
        provoked = 1
        self.assertEqual(csp_reports(), provoked)


class Browser:
    """One that does as it is told, act by act (workers/gateway/console/test/e2e-tail.mjs)."""

    def __init__(self):
        self.process = subprocess.Popen(["node", os.path.join(stack.CONSOLE, "test", "e2e-tail.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, act, page="", **told):
        self.process.stdin.write(json.dumps({"act": act, "page": page, **told}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "the browser has ended"}')
        if "error" in answer:
            raise AssertionError(f"{act} {page}: {answer['error']}")
        return answer["value"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


class T2_Tail(unittest.TestCase):
    """A gateway that is killed under open tails: each goes on where it was."""
    @classmethod
    def setUpClass(cls):
        cls.acme = sign_up(unique("Suivie"), plan="ENTERPRISE")
        cls.gateway = stack.Gateway()
        cls.url = f"http://localhost:{cls.gateway.port}"
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        assert cls.gateway.stop() == 0

    def write(self, kind, first, last):
        """Through the gateway that stays; each is in the log before the next is sent, so that their order is known."""
        for n in range(first, last + 1):
            event = {"specversion": "1.0", "id": f"{kind}-{n}", "source": "/shop", "type": f"{kind}.n{n:02}", "data": {"n": n}}
            self.assertEqual(self.acme.post("/v1/events", event).status, 202)
            self.acme.await_record(event["type"])

    def shows(self, page, kind, count):
        self.assertEqual(self.browser.do("rows", page, count=count), [f"{kind}.n{n:02}" for n in range(1, count + 1)], page)

    def test_a_gateway_killed_under_open_tails(self):
        do = self.browser.do
        do("logIn", url=self.url, tenant=self.acme.id, email=self.acme.address, password=stack.PASSWORD)
        for page, kind in (("first", "tail"), ("second", "tail"), ("quiet", "late")):
            do("follow", page, url=self.url, search=f"type:{kind}.*")
        self.write("tail", 1, 3)
        self.shows("first", "tail", 3)
        self.shows("second", "tail", 3)
        self.assertEqual((do("streams", "first"), do("streams", "second")), (1, 0))  # two tabs, one stream
        # What comes while nobody is there shows in a tab that had seen nothing yet, and in one that takes over from another.
        self.gateway.kill()
        do("state", "second", text="Connecting")
        do("state", "quiet", text="Connecting")
        self.write("tail", 4, 6)
        self.write("late", 1, 3)
        do("close", "first")
        self.gateway.launch()
        self.shows("quiet", "late", 3)
        self.shows("second", "tail", 6)
        do("state", "second", text="Following")
        self.write("tail", 7, 9)
        self.shows("second", "tail", 9)
        # And in one that has had the stream itself.
        self.gateway.kill()
        do("state", "second", text="Connecting")
        self.write("tail", 10, 12)
        self.gateway.launch()
        do("state", "second", text="Following")
        self.write("tail", 13, 15)
        self.write("late", 4, 4)
        self.shows("second", "tail", 15)
        self.shows("quiet", "late", 4)
        self.assertEqual(do("complaints"), [])


class T3_SuperAdminsWhoArePeople(unittest.TestCase):
    """Behind all that logs in by the platform's token: once there is one, it opens no console."""
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
        stack.drive_browser(self, "e2e-admins.mjs", told)

    def test_5_revoked_is_out_with_the_next_request(self):
        cookie = self.enter()
        visit = by(cookie, "POST", f"/v1/admin/tenants/{self.company.id}/act", {"reason": "x"})
        self.assertEqual(visit.status, 200, visit)
        p.tenantry("admins", "revoke", self.person.address)
        self.assertEqual(by(cookie, "GET", "/v1/admin/me").status, 401)
        self.assertEqual(by(cookie, "GET", "/v1/clients").status, 401)
        p.tenantry("admins", "add", self.person.address, "--role", "super-admin")


class T4_Reports(unittest.TestCase):
    def test_no_browser_was_kept_from_anything_but_what_was_provoked(self):
        self.assertEqual(csp_reports(), provoked)


if __name__ == "__main__":
    unittest.main(verbosity=2)
