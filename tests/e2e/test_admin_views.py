#!/usr/bin/python3
"""What super-admins find and see: tenants by whatever is known of them, in any order and as a file; a tenant's usage, people
and keys; rates of queues and the processes that are there; what Stripe sent. Over the API, then in a real Chromium
(workers/gateway/console/test/e2e-admin-views.mjs).
"""
import base64
import csv
import hashlib
import io
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
    os.environ["TENANTRY_URL"] = p.env("TENANTRY_URL").replace("127.0.0.1", "localhost")
    stack.start()


def tearDownModule():
    stack.stop()
    sink.stop()


def looks(what, tenant, more=""):
    """How often somebody's look is on record."""
    return len(p.analyst("SELECT 1 FROM analytics.audit_events WHERE type = 'platform.data_read' "
                         f"AND payload ->> 'what' = '{what}' AND tenant_id = '{tenant}' {more}"))


class Tenants(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.acme = sign_up(unique("Atelier Zélé"), plan="STARTER", company_email=f"bureau@zele-{stack.RUN}.example")
        cls.other = sign_up(unique("atelier Alpha"), plan="PROFESSIONAL")
        cls.customer = f"cus_Known{stack.RUN}"
        event = p.stripe_event("invoice.paid", {**p.invoice(cls.acme.id, paid=True), "customer": cls.customer})
        assert p.post_stripe(event).status == 200
        cls.domain = f"crm.zele-{stack.RUN}.example"
        stack.superuser(f"UPDATE platform.tenants SET custom_domain = '{cls.domain}' WHERE tenant_id = '{cls.acme.id}'")

    @classmethod
    def tearDownClass(cls):
        stack.superuser(f"UPDATE platform.tenants SET custom_domain = NULL WHERE tenant_id = '{cls.acme.id}'")

    def found(self, words, **more):
        answer = p.admin("GET", "/v1/admin/tenants?" + urllib.parse.urlencode({"q": words, **more}))
        self.assertEqual(answer.status, 200, answer)
        return [each["tenant_id"] for each in answer.json["tenants"]]

    def test_by_whatever_is_known(self):
        for words in (self.acme.address, self.acme.address.upper(), f"bureau@zele-{stack.RUN}.example", self.domain,
                      self.domain.upper(), self.customer, f"sub_{self.acme.id}", self.acme.id[3:], "ATELIER ZÉLÉ " + stack.RUN):
            self.assertEqual(self.found(words), [self.acme.id], words)

    def test_no_words_do_more_than_they_say(self):
        self.assertEqual(self.found(""), self.found("", sort="-created_at"))
        for words in ("' OR 1=1 --", "%", "\\", "'; SELECT pg_sleep(9); --", "$1", "{}", "\u202e", "a@", "@", f"@e2e-{stack.RUN}.example",
                      self.customer[:-1], self.domain[1:], "cus_", "=1+1", "nobody@" + self.domain):
            self.assertNotIn(self.acme.id, self.found(words, limit=200), words)  # others may have such names
        self.assertEqual(stack.pointers(p.admin("GET", "/v1/admin/tenants?q=" + "x" * 255)), ["/q"])
        for name in ("sort=password_hash", "sort=created_at;--", "sort=--created_at", "format=xml", "status=gold", "limit=0"):
            self.assertEqual(stack.pointers(p.admin("GET", "/v1/admin/tenants?" + name)), ["/" + name.partition("=")[0]], name)

    def test_in_any_order(self):
        mine = "telier "  # of both
        def names(sort):
            rows = [each for each in self.rows(mine, sort=sort) if each["tenant_id"] in (self.acme.id, self.other.id)]
            return [each["tenant_id"] for each in rows]
        self.assertEqual(names("company_name"), [self.other.id, self.acme.id])
        self.assertEqual(names("-company_name"), [self.acme.id, self.other.id])
        self.assertEqual(names("plan"), [self.other.id, self.acme.id])
        self.assertEqual(names("created_at"), [self.acme.id, self.other.id])
        self.assertEqual(names("-created_at"), [self.other.id, self.acme.id])

    def rows(self, words, **more):
        """All of them, page by page."""
        out, cursor = [], None
        while True:
            query = {"q": words, "limit": 3, **more, **({"cursor": cursor} if cursor else {})}
            answer = p.admin("GET", "/v1/admin/tenants?" + urllib.parse.urlencode(query))
            self.assertEqual(answer.status, 200, answer)
            out += answer.json["tenants"]
            cursor = answer.json["next_cursor"]
            self.assertLess(len(out), 10_000, "pages repeat themselves")
            self.assertEqual(cursor is not None, 'rel="next"' in (answer.headers.get("Link") or ""))
            if cursor is None:
                return out

    def test_pages_are_the_list(self):
        for sort in ("created_at", "-status_since", "company_name", "-plan", "status"):
            paged = [each["tenant_id"] for each in self.rows(stack.RUN, sort=sort)]
            self.assertEqual(paged, self.found(stack.RUN, sort=sort, limit=200), sort)
            self.assertEqual(len(set(paged)), len(paged), sort)
        cursor = p.admin("GET", "/v1/admin/tenants?limit=1&sort=plan").json["next_cursor"]
        self.assertEqual(stack.pointers(p.admin("GET", "/v1/admin/tenants?limit=1&sort=status&cursor=" + cursor)), ["/cursor"])

    def test_as_a_file_of_exactly_what_the_list_shows(self):
        hostile = sign_up("=cmd|' /C calc'!A0, \"x\" " + stack.RUN, plan="STARTER")
        query = {"q": stack.RUN, "sort": "company_name", "status": "trial"}
        before = looks("tenants", "platform", "AND payload ->> 'id' = 'csv'")
        answer = p.admin("GET", "/v1/admin/tenants?" + urllib.parse.urlencode({**query, "format": "csv", "limit": 1}))
        self.assertEqual((answer.status, answer.headers["Content-Type"].split(";")[0], answer.headers["Content-Disposition"]),
                         (200, "text/csv", 'attachment; filename="tenants.csv"'))
        rows = list(csv.DictReader(io.StringIO(answer.body, newline="")))
        self.assertEqual([row["tenant_id"] for row in rows], [each["tenant_id"] for each in self.rows(stack.RUN, sort="company_name", status="trial")])
        shown = {each["tenant_id"]: each for each in self.rows(stack.RUN)}
        for row in rows:
            for name in ("status", "plan", "created_at", "status_since"):
                self.assertEqual(row[name], shown[row["tenant_id"]][name])
        row = next(row for row in rows if row["tenant_id"] == hostile.id)
        self.assertEqual(row["company_name"], "'" + shown[hostile.id]["company_name"])
        p.await_true("that one has taken it is on record", lambda: looks("tenants", "platform", "AND payload ->> 'id' = 'csv'") == before + 1)
        self.assertEqual(p.request("GET", "/v1/admin/tenants?format=csv", headers=self.acme.token).status, 403)


class ATenantsPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # An address of its own: the company's, by which it is found, is of the same domain.
        cls.acme = sign_up(unique("Fournil"), plan="PROFESSIONAL", admin_email=f"owner@fournil-{stack.RUN}.example").confirm()
        cls.stranger = sign_up(unique("Etrangers"), plan="FREE")
        cls.key = cls.acme.post("/v1/api-keys", {"name": "Nightly", "permissions": ["clients:read"], "networks": ["192.0.2.0/24"]}).json
        cls.invited = stack.address("invited")
        assert cls.acme.post("/v1/users", {"email": cls.invited, "role": "viewer"}).status == 201
        cls.second = stack.person(cls.acme.address, "second")
        stack.join(cls.second, cls.acme, "viewer", "removed")
        for i in range(3):
            assert cls.acme.post("/v1/clients", {"name": f"Client {i}"}).status == 201
        p.await_true("its calls are counted", lambda: cls.acme.usage()[0] >= 3, 30)

    def path(self, what, tenant=None):
        return f"/v1/admin/tenants/{(tenant or self.acme).id}/{what}"

    def read(self, what, query=""):
        before = looks(what.replace("-", "_"), self.acme.id)
        answer = p.admin("GET", self.path(what) + query)
        self.assertEqual(answer.status, 200, answer)
        p.await_true("the look is in its own log", lambda: looks(what.replace("-", "_"), self.acme.id) == before + 1)
        return answer.json

    def test_usage(self):
        usage = self.read("usage")
        mine = self.acme.get("/v1/usage").json
        metrics = {each["metric"]: each for each in usage["metrics"]}
        for each in mine["metrics"]:
            self.assertEqual((metrics[each["metric"]]["limit"], metrics[each["metric"]]["unit"]), (each["limit"], each["unit"]))
        self.assertEqual((usage["period_start"], usage["period_end"]), (mine["period_start"], mine["period_end"]))
        self.assertEqual((metrics["clients"]["quantity"], metrics["clients"]["reset"], metrics["api_calls"]["reset"]), (3, "never", "monthly"))
        counted = sum(each["quantity"] for each in metrics["api_calls"]["by_day"] if each["day"] >= usage["period_start"])
        self.assertTrue(3 <= counted <= metrics["api_calls"]["quantity"], metrics["api_calls"])
        self.assertTrue(usage["period_start"] <= usage["at"] < usage["period_end"])

    def test_an_override_counts(self):
        set_ = p.admin("POST", self.path("overrides"), {"name": "clients_max", "value": 7, "reason": "a test"})
        self.assertEqual(set_.status, 200, set_)
        self.assertEqual({each["metric"]: each["limit"] for each in self.read("usage")["metrics"]}["clients"], 7)
        self.assertEqual(p.admin("POST", self.path("remove-override"), {"name": "clients_max", "reason": "a test"}).status, 200)

    def test_people(self):
        people = {each["email"]: each for each in self.read("users", "?state=all")["users"]}
        self.assertEqual(set(people), {self.acme.address, self.invited, self.second})
        owner, invited, former = people[self.acme.address], people[self.invited], people[self.second]
        self.assertEqual((owner["role"], owner["state"], owner["kind"], owner["second_factor"]), ("owner", "active", "member", False))
        self.assertIsNotNone(owner["last_login_at"])
        self.assertEqual((invited["kind"], invited["state"], invited["second_factor"], invited["last_login_at"]), ("invitation", "pending", None, None))
        self.assertEqual((former["state"], former["last_login_at"]), ("removed", None))
        self.assertNotIn("password", json.dumps(list(people.values())))
        secret = self.acme.post("/v1/me/factors/totp", {}).json["secret"]
        self.assertFalse(self.factor(), "one that is being set up is none")
        done = self.acme.post("/v1/me/factors/totp/confirm", {"code": p.totp(secret, int(p.platform_now()) // 30)})
        self.assertEqual(done.status, 200, done)
        self.assertTrue(self.factor())

    def factor(self):
        return next(each["second_factor"] for each in p.admin("GET", self.path("users")).json["users"] if each["email"] == self.acme.address)

    def test_people_page_by_page(self):
        first = p.admin("GET", self.path("users") + "?state=all&limit=2").json
        rest = p.admin("GET", self.path("users") + "?state=all&limit=2&cursor=" + first["next_cursor"]).json
        self.assertEqual((len(first["users"]), len(rest["users"]), rest["next_cursor"]), (2, 1, None))
        self.assertEqual(stack.pointers(p.admin("GET", self.path("users") + "?cursor=x")), ["/cursor"])

    def test_keys(self):
        keys = self.read("api-keys")["api_keys"]
        self.assertEqual(len(keys), 1)
        key = keys[0]
        self.assertEqual((key["prefix"], key["name"], key["permissions"], key["networks"], key["state"], key["last_used_at"]),
                         (self.key["prefix"], "Nightly", ["clients:read"], ["192.0.2.0/24"], "active", None))
        self.assertEqual(key["expires_at"], self.key["expires_at"])
        self.assertNotIn(self.key["key"], json.dumps(keys))
        self.assertFalse({"secret_hash", "key"} & set(key))

    def test_who_may_not(self):
        for what in ("usage", "users", "api-keys"):
            for token in (self.acme.token, self.stranger.token):
                self.assertEqual(p.request("GET", self.path(what), headers=token).status, 403, what)
            self.assertEqual(p.admin("GET", f"/v1/admin/tenants/nobody-at-all/{what}").status, 404, what)
            self.assertEqual(p.admin("GET", self.path(what, self.stranger)).status, 200, what)
        theirs = p.admin("GET", self.path("api-keys", self.stranger)).json["api_keys"]
        self.assertEqual(theirs, [])


class Evidence(unittest.TestCase):
    """Of any log, for super-admins: what they are shown is what the tenant is."""
    @classmethod
    def setUpClass(cls):
        cls.acme = sign_up(unique("Preuves"), plan="PROFESSIONAL")
        cls.other = sign_up(unique("Autres preuves"), plan="FREE")
        assert cls.acme.post("/v1/clients", {"name": "Ada"}).status == 201
        cls.acme.await_record("client.created")
        p.await_true("a signed head", lambda: cls.acme.get("/v1/audit/checkpoint").status == 200 and cls.size() > 5, 30)

    @classmethod
    def size(cls):
        return int(cls.acme.get("/v1/audit/checkpoint").body.split("\n")[1])

    def path(self, what, tenant=None):
        return f"/v1/admin/tenants/{tenant or self.acme.id}/audit/{what}"

    def test_proofs_are_those_that_the_tenant_gets(self):
        size = self.size()
        for query in (f"sequence=2&size={size}", f"sequence={size - 1}&size={size}"):
            mine, theirs = self.acme.get("/v1/audit/proof?" + query), p.admin("GET", self.path("proof?" + query))
            self.assertEqual((theirs.status, theirs.json), (200, mine.json))
        lines = p.admin("GET", self.path(f"evidence?from=0&to={size}")).body.splitlines()
        self.assertEqual(lines[1:], self.acme.get(f"/v1/audit/evidence?from=0&to={size}").body.splitlines()[1:])
        self.assertIn(self.acme.id, p.admin("GET", self.path("checkpoint")).body.split("\n")[0])
        for what in ("audit_proof", "audit_evidence", "audit_checkpoint"):
            p.await_true("the look is in its own log", lambda what=what: looks(what, self.acme.id) > 0)
        self.assertEqual(stack.pointers(p.admin("GET", self.path("proof?sequence=x"))), ["/sequence"])

    def test_of_the_platforms_own_log(self):
        self.assertIn("/platform", p.admin("GET", self.path("checkpoint", "platform")).body.split("\n")[0])
        proof = p.admin("GET", self.path("proof?sequence=0", "platform"))
        self.assertEqual(proof.status, 200, proof)
        self.assertIn("platform", proof.json["leaf"])

    def test_who_may_not(self):
        for what in ("checkpoint", "proof?sequence=0", "evidence"):
            for token in (self.acme.token, self.other.token):
                self.assertEqual(p.request("GET", self.path(what), headers=token).status, 403, what)
            self.assertEqual(p.admin("GET", self.path(what, "nobody-at-all")).status, 404, what)


class OverTime(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.acme = sign_up(unique("Courbe du temps"), plan="PROFESSIONAL")
        for i in range(7):
            assert cls.acme.post("/v1/clients", {"name": f"Client {i}"}).status == 201
        cls.acme.await_record("client.created", 7)

    def counted(self, ask, **query):
        """All of it, go by go."""
        sums, more = None, {}
        while True:
            answer = ask("?" + urllib.parse.urlencode({**query, **more}))
            self.assertEqual(answer.status, 200, answer)
            told = answer.json
            sums = [a + b for a, b in zip(sums or [0] * len(told["counts"]), told["counts"])]
            if told["next_cursor"] is None:
                return sums
            more = {"cursor": told["next_cursor"], "begins": told["begins"], "ends": told["ends"]}

    def own(self, query):
        return self.acme.get("/v1/audit/histogram" + query)

    def admin(self, query):
        return p.admin("GET", "/v1/admin/audit/histogram" + query)

    def test_counts_all_that_is_found(self):
        self.assertEqual(sum(self.counted(self.own, q="type:client.created")), 7)
        self.assertEqual(len(self.counted(self.own, columns=7)), 7)
        total = len(self.acme.records())
        self.assertGreaterEqual(sum(self.counted(self.own)), total)
        self.assertEqual(sum(self.counted(self.admin, q=f"tenant:{self.acme.id} type:client.created")), 7)
        stack.await_shown()
        everywhere = sum(self.counted(self.admin, q="type:client.created"))
        self.assertEqual(everywhere, int(p.analyst("SELECT count(*) FROM analytics.audit_events WHERE type = 'client.created'")[0][0]))
        self.assertEqual(sum(self.counted(self.own, q="type:client.created to:2020-01-01")), 0)
        p.await_true("a look is in the log that was looked at", lambda: looks("audit_histogram", self.acme.id) > 0)

    def test_what_is_refused(self):
        for query, pointer in (("columns=0", "/columns"), ("columns=201", "/columns"), ("begins=2026-01-01T00:00:00Z", "/begins"), ("begins=x&ends=y", "/begins"),
                               ("begins=2026-01-02T00:00:00Z&ends=2026-01-01T00:00:00Z", "/begins"), ("cursor=x", "/cursor"), ("q=colour:red", "/q")):
            self.assertEqual(stack.pointers(self.own("?" + query)), [pointer], query)
        self.assertEqual(p.request("GET", "/v1/admin/audit/histogram", headers=self.acme.token).status, 403)
        self.assertEqual(self.own("?q=tenant:other").status, 422)
        self.assertEqual(self.admin("?q=tenant:nobody-at-all").status, 404)


class TheBroker(unittest.TestCase):
    def test_rates(self):
        acme = sign_up(unique("Débit"), plan="ENTERPRISE")  # which may ask often
        path = "/v1/admin/queues?q=" + acme.id + ".audit"
        def rates():
            assert acme.post("/v1/clients", {"name": "Ada"}).status in (201, 429)
            queue = next(iter(p.admin("GET", path).json["queues"]), None)
            return queue and queue["publish_rate"] > 0 and queue["deliver_rate"] > 0 and queue["ack_rate"] > 0 and queue
        queue = p.await_true("the broker measures what comes and goes", rates, 60)
        self.assertLess(max(queue["publish_rate"], queue["ack_rate"]), 1000)

    def test_processes(self):
        def running():
            answer = p.admin("GET", "/v1/admin/processes")
            self.assertEqual(answer.status, 200, answer)
            found = {each["name"]: each for each in answer.json["processes"]}
            return found["tenantry"]["processes"], found["tenantry"]["consumers"]
        p.await_true("this process is connected", lambda: running() == (1, 1), 60)
        gateway = stack.Gateway()
        try:
            p.await_true("one more process shows", lambda: running() == (2, 2), 60)
        finally:
            gateway.kill()
        p.await_true("one that is killed does not", lambda: running() == (1, 1), 60)
        self.assertEqual(p.request("GET", "/v1/admin/processes", headers=sign_up(unique("Curieux"), plan="FREE").token).status, 403)
        p.await_true("each look is on record", lambda: looks("processes", "platform"), 30)


class StripesEvents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.acme = sign_up(unique("Caisse"), plan="STARTER")
        cls.paid = p.stripe_event("invoice.paid", p.invoice(cls.acme.id, paid=True))
        cls.parked = p.stripe_event("invoice.paid", p.invoice("nobody-" + stack.RUN, paid=True))
        cls.unknown = p.stripe_event("terminal.reader.action_failed", {"id": "tmr_" + stack.RUN, "object": "terminal.reader"})
        for event in (cls.paid, cls.parked, cls.unknown):
            assert p.post_stripe(event).status == 200

    @classmethod
    def tearDownClass(cls):
        assert p.admin("POST", f"/v1/admin/stripe-events/{cls.parked['id']}/drop", {"reason": "made for a test"}).status == 200

    def found(self, words, **more):
        answer = p.admin("GET", "/v1/admin/stripe-events?" + urllib.parse.urlencode({"q": words, **more}))
        self.assertEqual(answer.status, 200, answer)
        return [each["id"] for each in answer.json["stripe_events"]]

    def test_search(self):
        for event in (self.paid, self.parked, self.unknown):
            self.assertEqual(self.found(event["id"]), [event["id"]])
        self.assertEqual(self.found(self.acme.id), [self.paid["id"]])
        self.assertEqual(self.found(self.parked["id"], state="published"), [])
        self.assertEqual(self.found(self.parked["id"], state="parked"), [self.parked["id"]])
        by_type = p.admin("GET", "/v1/admin/stripe-events?limit=200&q=invoice.pa").json["stripe_events"]
        self.assertTrue(by_type and all(each["type"].startswith("invoice.pa") for each in by_type))
        self.assertIn(self.unknown["id"], self.found("terminal."))
        for words in (self.paid["id"][:-1], "%", "_", "' OR 1=1 --", "nvoice.paid", "invoice_paid", "\U0010ffff"):
            self.assertEqual(self.found(words), [], words)
        for words in ("x" * 256, "a\nb"):
            self.assertEqual(stack.pointers(p.admin("GET", "/v1/admin/stripe-events?" + urllib.parse.urlencode({"q": words}))), ["/q"])

    def test_what_stripe_sent_byte_for_byte(self):
        sent = json.dumps(self.paid).encode()
        path = f"/v1/admin/stripe-events/{self.paid['id']}"
        self.assertNotIn("body", json.dumps(p.admin("GET", path).json))
        answer = p.admin("POST", path + "/reveal", {})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual((base64.b64decode(answer.json["body_base64"]), answer.json["sha256"]), (sent, hashlib.sha256(sent).hexdigest()))
        p.await_true("the look is in the tenant's log", lambda: looks("stripe_event_body", self.acme.id, f"AND payload ->> 'id' = '{self.paid['id']}'") == 1)
        self.assertEqual(p.admin("POST", f"/v1/admin/stripe-events/{self.parked['id']}/reveal", {}).status, 200)
        p.await_true("nobody's is in the platform's", lambda: looks("stripe_event_body", "platform", f"AND payload ->> 'id' = '{self.parked['id']}'") == 1)
        stack.superuser(f"UPDATE billing.stripe_events SET body = '' WHERE stripe_event_id = '{self.unknown['id']}'")
        gone = p.admin("POST", f"/v1/admin/stripe-events/{self.unknown['id']}/reveal", {}).json
        self.assertEqual((gone["body_base64"], len(gone["sha256"])), (None, 64))
        self.assertEqual(p.admin("POST", "/v1/admin/stripe-events/evt_nobody/reveal", {}).status, 404)
        self.assertEqual(p.request("POST", path + "/reveal", {}, self.acme.token).status, 403)


class Z_Browser(unittest.TestCase):
    """Behind the others, whose tenants and events it looks at."""
    def test_in_a_browser(self):
        lot = [sign_up(f"Ordre {stack.RUN} {letter}", plan="STARTER") for letter in "ABC"]
        stack.superuser(f"UPDATE platform.tenants SET custom_domain = '{Tenants.domain}' WHERE tenant_id = '{ATenantsPage.acme.id}'")
        customer = f"cus_Seen{stack.RUN}"
        event = p.stripe_event("invoice.paid", {**p.invoice(ATenantsPage.acme.id, paid=True), "customer": customer})
        self.assertEqual(p.post_stripe(event).status, 200)
        records = len(ATenantsPage.acme.records())
        for i in range(60 - records):  # more than a page shows
            self.assertEqual(ATenantsPage.acme.post("/v1/clients", {"name": f"Viele {i}"}).status, 201)
        p.await_true("more records than a page shows", lambda: len(ATenantsPage.acme.records()) >= 60)
        url = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
        try:
            stack.drive_browser(self, "e2e-admin-views.mjs", {
                "url": f"http://localhost:{url.port}", "adminToken": p.env("TENANTRY_ADMIN_TOKEN").split(",")[0].rpartition(":")[2],
                "tenant": ATenantsPage.acme.id, "owner": ATenantsPage.acme.address, "invited": ATenantsPage.invited, "customer": customer,
                "office": "contact@" + ATenantsPage.acme.address.split("@")[1], "domain": Tenants.domain, "paid": event["id"], "records": 60, "run": stack.RUN,
                "lot": f"Ordre {stack.RUN}", "lotIds": [each.id for each in lot]})
        finally:
            stack.superuser(f"UPDATE platform.tenants SET custom_domain = NULL WHERE tenant_id = '{ATenantsPage.acme.id}'")


if __name__ == "__main__":
    unittest.main(verbosity=2)
