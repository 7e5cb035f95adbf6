#!/usr/bin/python3
"""The gateway's edge: hostile text that reaches events, what is cached and when that ends, exact metering, no database.

The class that takes the database away comes last.
"""
import base64
import json
import os
import socket
import subprocess
import threading
import time
import unittest
import urllib.parse
import uuid

import stack
from free_ports import free_port
from stack import p, sign_up, unique

URL = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
BASE = "app.example"  # whose subdomains are tenants'
DNS_PORT = free_port()  # of the name server that proves a domain, once it runs


def setUpModule():
    os.environ["TENANTRY_DNS_SERVERS"] = f"127.0.0.1:{DNS_PORT}"
    os.environ["TENANTRY_BASE_DOMAIN"] = BASE
    stack.start()


def tearDownModule():
    stack.stop()


def sql(statement, url="TENANTRY_DATABASE_URL"):
    return subprocess.run(["psql", p.env(url), "-v", "ON_ERROR_STOP=1", "-qAt", "-c", statement],
                          check=True, capture_output=True, text=True, timeout=30).stdout.strip()


def override(tenant, name, value):
    sql(f"INSERT INTO platform.overrides (tenant_id, name, value) VALUES ('{tenant.id}', '{name}', '{value}') "
        "ON CONFLICT (tenant_id, name) DO UPDATE SET value = excluded.value")


def exchange(requests, count):
    """Sends bytes on one connection, and reads `count` answers with a length."""
    with socket.create_connection((URL.hostname, URL.port), timeout=30) as connection:
        connection.sendall(requests)
        stream = connection.makefile("rb")
        answers = []
        for _ in range(count):
            status = int(stream.readline().split()[1])
            headers = {}
            while (line := stream.readline().strip()):
                name, value = line.split(b":", 1)
                headers[name.decode().lower()] = value.strip().decode()
            answers.append((status, headers, stream.read(int(headers.get("content-length", 0)))))
        return answers


def raw(method, path, headers, body=b""):
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n".encode()
    for name, value in headers.items():
        head += name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    return exchange(head + b"\r\n" + body, 1)[0]


JSON = {"Content-Type": "application/json"}


class T1_Text(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tenant = sign_up(unique("Texte"), plan="ENTERPRISE")

    def test_any_user_agent_reaches_the_workers(self):
        for agent in (b"\xff\xfe", b"x" * 255 + "é".encode(), b"a\tb"):
            with self.subTest(agent=agent[-8:]):
                mail = stack.address()
                body = json.dumps(p.signup_body(unique("Agent"), mail)).encode()
                status, _, answer = raw("POST", "/signup", {**JSON, "User-Agent": agent}, body)
                self.assertEqual(status, 201, answer)
                tenant = stack.Tenant(json.loads(answer)["tenant_id"], mail)
                tenant.await_status("trial")
                self.assertRegex(tenant.await_record("signup.requested")[0][2], '"terms_version": ?"1"')

    def test_a_claim_that_is_no_text_is_audited(self):
        before = len(self.tenant.records("security.access_refused"))
        for claimed in (b"\xff\xfe", b"x" + "é".encode() * 40):
            status, _, body = raw("GET", "/v1/me", {**self.tenant.token, "X-Tenant-ID": claimed})
            self.assertEqual((status, json.loads(body)["code"]), (403, "tenant_mismatch"))
        self.tenant.await_record("security.access_refused", before + 2)

    def test_a_tenant_that_is_no_text_is_no_tenant(self):
        body = json.dumps({"email": self.tenant.address, "password": stack.PASSWORD}).encode()
        for name in (b"\xff", b"a b", b"A" * 5000):
            status, _, answer = raw("POST", "/auth/login", {**JSON, "X-Tenant-ID": name}, body)
            self.assertEqual((status, json.loads(answer)["code"]), (404, "tenant_not_found"), name[:9])

    def test_nul(self):
        token, key = self.tenant.token, {"Authorization": "Bearer " + p.env("TENANTRY_ADMIN_TOKEN")}
        for path, headers in (("/v1/audit?actor=%00", token), ("/v1/usage?metric=%00", token),
                              ("/v1/admin/tenants?q=a%00b", key), ("/v1/admin/dead-letters?worker=%00", key)):
            answer = p.request("GET", path, headers=headers)
            self.assertEqual((answer.status, answer.json["code"]), (400, "malformed_request"), path)
        cursor = base64.urlsafe_b64encode(b"1\n2026-01-01T00:00:00Z\na\0b").decode().rstrip("=")
        answer = p.request("GET", "/v1/admin/tenants?cursor=" + cursor, headers=key)
        self.assertEqual((answer.status, stack.pointers(answer)), (422, ["/cursor"]))
        answer = p.admin("POST", f"/v1/admin/tenants/{self.tenant.id}/suspend", {"reason": "abuse", "note": "a\0b"})
        self.assertEqual((answer.status, stack.pointers(answer)), (422, ["/note"]))
        event = {"specversion": "1.0", "id": "1", "source": "/x", "type": "order.created", "data": {}}
        for name in ("id", "subject"):
            answer = self.tenant.post("/v1/events", {**event, name: "a\0b"})
            self.assertEqual((answer.status, stack.pointers(answer)), (422, ["/" + name]))
        self.assertEqual(self.tenant.status, "trial")

    def test_an_event_repeated_without_a_time_is_one_event(self):
        event = {"specversion": "1.0", "id": "order-" + stack.RUN, "source": "/x", "type": "order.repeated", "data": {}}
        answers = [self.tenant.post("/v1/events", event) for _ in range(3)]
        self.assertEqual({answer.status for answer in answers}, {202})
        self.assertEqual(len({answer.json["id"] for answer in answers}), 1)
        self.tenant.await_record("order.repeated")
        stack.await_quiet(lambda: len(self.tenant.records("order.repeated")), "records")
        self.assertEqual(len(self.tenant.records("order.repeated")), 1)

    def test_large_bodies_are_not_parsed(self):
        body = b"[" + b"[]," * 30000 + b"[]]"
        answer = p.request("POST", "/signup", raw=body)
        self.assertEqual((answer.status, answer.json["code"]), (413, "too_large"))
        self.assertIn("65536", answer.json["detail"])
        self.assertEqual(self.tenant.post("/v1/clients", {"name": "x" * 70000}).status, 413)


class T2_Caches(unittest.TestCase):
    def test_a_suspension_holds_within_a_second(self):
        tenant = sign_up(unique("Vite"), plan="ENTERPRISE")
        self.assertEqual(tenant.get("/v1/me").status, 200)
        for _ in range(3):
            p.admin("POST", f"/v1/admin/tenants/{tenant.id}/suspend", {"reason": "abuse"})
            suspended_at = time.monotonic()
            while tenant.get("/v1/me").status == 200:
                self.assertLess(time.monotonic() - suspended_at, 1)
            self.assertEqual(tenant.get("/v1/me").status, 402)
            p.admin("POST", f"/v1/admin/tenants/{tenant.id}/reactivate", {})
            p.await_true("open again", lambda: tenant.get("/v1/me").status == 200, 2)

    def test_a_member_who_is_removed_or_lowered(self):
        tenant = sign_up(unique("Membre"), plan="ENTERPRISE")
        self.assertEqual(tenant.get("/v1/me").json["tenant_role"], "owner")
        self.assertEqual(tenant.get("/v1/audit").status, 200)
        member = stack.spare_owner(tenant)
        sql(f"UPDATE platform.memberships SET role = 'employee' WHERE {member}")
        p.await_true("lowered", lambda: tenant.get("/v1/me").json["tenant_role"] == "employee", 5)
        self.assertEqual(tenant.get("/v1/audit").status, 403)
        sql(f"DELETE FROM platform.memberships WHERE {member}")
        p.await_true("removed", lambda: tenant.get("/v1/me").status == 401, 5)

    def test_after_logout(self):
        tenant = sign_up(unique("Sortie"), plan="ENTERPRISE")
        for _ in range(5):
            token = p.login(tenant.id, tenant.address)
            self.assertEqual(p.request("GET", "/v1/me", headers=token).status, 200)
            self.assertEqual(p.request("POST", "/auth/logout", headers=token).status, 204)
            self.assertEqual(p.request("GET", "/v1/me", headers=token).json["code"], "token_revoked")

    # security.md J14: the token was found good before.
    def test_after_its_key_is_retired(self):
        tenant = sign_up(unique("Clé"), plan="ENTERPRISE")
        token = tenant.token
        self.assertEqual(p.request("GET", "/v1/me", headers=token).status, 200)
        sql("UPDATE platform.signing_keys SET retired_at = now() WHERE retired_at IS NULL")
        p.await_true("refused", lambda: p.request("GET", "/v1/me", headers=token).status == 401, 10)
        self.assertEqual(p.request("GET", "/v1/me", headers=token).json["code"], "token_invalid")
        self.assertEqual(p.request("GET", "/v1/me", headers=tenant.login()).status, 200)

    def test_a_custom_domain_names_its_tenant(self):
        one, other = sign_up(unique("Domaine"), plan="ENTERPRISE"), sign_up(unique("Voisine"), plan="ENTERPRISE")
        domain = f"crm-{stack.RUN}.example"
        for wrong in ("127.0.0.1", "localhost", "a b.example", "-.example", ""):
            answer = p.request("PUT", "/v1/domain", {"domain": wrong}, one.token)
            self.assertEqual((answer.status, stack.pointers(answer)), (422, ["/domain"]), wrong)
        self.assertEqual(one.get("/v1/domain").status, 404)
        named = p.request("PUT", "/v1/domain", {"domain": domain.upper() + "."}, one.token).json
        self.assertEqual((named["domain"], named["state"]), (domain, "pending"))
        p.await_true("the DNS says nothing", lambda: one.get("/v1/domain").json["problem"] in ("no_answer", "not_found"), 30)
        record = named["record"]
        server = subprocess.Popen(["/usr/sbin/dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null",
                                   "--pid-file=", "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root",
                                   f"--port={DNS_PORT}", f"--txt-record={record['name']},{record['value']}"])
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        p.await_true("proven", lambda: p.request(
            "POST", "/v1/domain/verify", {}, one.token).json.get("state") == "verified", 60)  # or too many for a minute
        one.await_record("domain.verified")

        def status(tenant, host):
            head = f"GET /v1/me HTTP/1.1\r\nHost: {host}\r\nAuthorization: {tenant.token['Authorization']}\r\n\r\n"
            return exchange(head.encode(), 1)[0][0]
        p.await_true("known", lambda: status(other, domain) == 403, 10)
        self.assertEqual(status(one, domain.upper() + ":8080"), 200)
        self.assertEqual(status(other, "elsewhere.example"), 200)
        other.await_record("security.access_refused")
        self.each_source_against_each_other(one, other, domain)
        self.assertEqual(p.request("DELETE", "/v1/domain", None, one.login()).status, 204)
        p.await_true("nobody's again", lambda: status(other, domain) == 200, 10)
        one.await_record("domain.removed")

    def each_source_against_each_other(self, one, other, domain):
        """All pairs of the five that one request can hold: a Host is under the base domain or a domain of somebody's own, not
        both (resolve_test has that pair). `one` is said by the first, `other` by the second."""
        sources = {"claim": lambda tenant: {"Authorization": tenant.token["Authorization"]},
                   "header": lambda tenant: {"X-Tenant-ID": tenant.id},
                   "subdomain": lambda tenant: {"Host": f"{tenant.id}.{BASE}"},
                   "domain": lambda tenant: {"Host": domain},  # one's
                   "path": lambda tenant: {"path": f"/t/{tenant.id}"}}
        body = json.dumps({"email": one.address, "password": stack.PASSWORD}).encode()

        def asked(said):
            said = {"Host": "x", **said}
            path, login = said.pop("path", ""), "Authorization" not in said
            head = (f"POST {path}/auth/login" if login else f"GET {path}/v1/me") + " HTTP/1.1\r\n"
            sent = {**said, **({**JSON, "Content-Length": str(len(body))} if login else {})}
            head += "".join(f"{name}: {value}\r\n" for name, value in sent.items())
            status, _, answer = exchange(head.encode() + b"\r\n" + (body if login else b""), 1)[0]
            return status, json.loads(answer).get("code")

        def on_record(tenant_id):
            return int(p.analyst("SELECT count(*) FROM analytics.audit_events WHERE type = 'security.access_refused' AND "
                                 f"tenant_id = '{tenant_id}' AND payload->>'rule' = 'tenant_mismatch'")[0][0])
        logs = (one.id, other.id, "platform")
        before, wanted, pairs = {log: on_record(log) for log in logs}, dict.fromkeys(logs, 0), 0
        for first in sources:
            for second in sources:
                if first == second or second == "domain" or {first, second} == {"subdomain", "domain"}:
                    continue  # of the domain it is always `one`
                with self.subTest(first=first, second=second):
                    agreed = asked({**sources[second](one), **sources[first](one)})
                    self.assertEqual(agreed, (200, None))
                    self.assertEqual(asked({**sources[second](other), **sources[first](one)}), (403, "tenant_mismatch"))
                claimed = {first: one.id, second: other.id}.get("claim", "platform")
                wanted[claimed] += 1
                pairs += 1
        self.assertEqual(pairs, 15)
        p.await_true("each is on record", lambda: {log: on_record(log) - before[log] for log in logs} == wanted, 30)

    def test_settings_and_flags_are_in_force_at_once(self):
        tenant = sign_up(unique("Réglages"))
        tenant.login()
        first = tenant.get("/v1/settings")
        self.assertEqual((first.status, first.json["timezone"], first.json["locale"]), (200, "Europe/Paris", "fr"))
        patch = {"timezone": "America/Martinique", "locale": "en", "branding": {"name": "Chez Zoé"}}
        changed = p.request("PATCH", "/v1/settings", patch, {**tenant.token, "If-Match": first.headers["ETag"]})
        self.assertEqual((changed.status, changed.json["branding"]["name"]), (200, "Chez Zoé"))
        late = p.request("PATCH", "/v1/settings", patch, {**tenant.token, "If-Match": first.headers["ETag"]})
        self.assertEqual(late.status, 412)
        wrong = p.request("PATCH", "/v1/settings", {"timezone": "Mars/Olympus", "colour": "red"}, tenant.token)
        self.assertEqual((wrong.status, stack.pointers(wrong)), (422, ["/colour", "/timezone"]))
        told = json.loads(tenant.await_record("settings.changed")[0][2])
        self.assertEqual([(each["name"], each.get("old_value", ""), each["new_value"]) for each in told["settings"]],
                         [("branding/name", "", "Chez Zoé"), ("date_format", "dd/MM/yyyy", "yyyy-MM-dd"), ("locale", "fr", "en"),
                          ("timezone", "Europe/Paris", "America/Martinique")])
        flag = "pilot_" + uuid.uuid4().hex[:8]
        p.tenantry("flags", "define", flag, "--description", "a test", "--percentage", "0")
        shown = tenant.get("/v1/me").json["tenant"]
        self.assertEqual((shown["settings"]["timezone"], flag in shown["flags"]), ("America/Martinique", False))
        p.tenantry("flags", "set", flag, tenant.id, "--reason", "a test")
        p.await_true("the flag is on", lambda: flag in tenant.get("/v1/me").json["tenant"]["flags"])
        p.tenantry("flags", "unset", flag, tenant.id, "--reason", "over")
        p.await_true("the flag is off", lambda: flag not in tenant.get("/v1/me").json["tenant"]["flags"])
        p.tenantry("flags", "remove", flag)
        self.assertEqual(p.admin("DELETE", f"/v1/admin/flags/{flag}").status, 404)
        tenant.await_record("tenant.flag_unset")

    def test_limits(self):
        tenant = sign_up(unique("Limites"), plan="FREE")
        override(tenant, "requests_per_minute", -1)  # unlimited, as in every interface
        p.await_true("unlimited", lambda: "RateLimit" not in tenant.get("/v1/me").headers, 5)
        self.assertEqual({tenant.get("/v1/me").status for _ in range(30)}, {200})
        override(tenant, "requests_per_minute", 5_000_000_000)  # more than an int holds
        p.await_true("limited", lambda: "RateLimit" in tenant.get("/v1/me").headers, 5)
        self.assertIn("q=5000000000", tenant.get("/v1/me").headers["RateLimit-Policy"])


class T3_Metering(unittest.TestCase):
    def test_every_call_counts_once(self):
        tenant = sign_up(unique("Exact"), plan="ENTERPRISE")
        override(tenant, "requests_per_minute", 1_000_000)
        p.await_true("limited", lambda: "q=1000000" in tenant.get("/v1/me").headers["RateLimit-Policy"], 5)
        before = stack.await_quiet(lambda: tenant.usage()[0], "usage", still_for=2)
        one = f"GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: {tenant.token['Authorization']}\r\n\r\n".encode()
        lost = f"GET /v1/clients/x HTTP/1.1\r\nHost: x\r\nAuthorization: {tenant.token['Authorization']}\r\n\r\n".encode()
        statuses = []

        def work():
            for _ in range(4):
                statuses.extend(answer[0] for answer in exchange((one * 9 + lost) * 20, 200))
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((statuses.count(200), statuses.count(404)), (2880, 320))
        p.await_true("2,880 calls", lambda: tenant.usage()[0] - before >= 2880, 20)
        self.assertEqual(stack.await_quiet(lambda: tenant.usage()[0], "usage", still_for=2) - before, 2880)


class T4_NoDatabase(unittest.TestCase):
    def test_503_soon(self):
        tenant = sign_up(unique("Panne"), plan="ENTERPRISE")
        token = tenant.token
        self.assertEqual(p.request("GET", "/v1/me", headers=token).status, 200)
        url = urllib.parse.urlsplit(p.env("TENANTRY_GATEWAY_DATABASE_URL"))
        role, database = url.username, url.path.lstrip("/")
        # Of this database alone: other tests have theirs beside it.
        sql(f"REVOKE CONNECT ON DATABASE {database} FROM {role}", "TENANTRY_TEST_SUPERUSER_URL")
        try:
            sql(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{role}' AND datname = '{database}'",
                "TENANTRY_TEST_SUPERUSER_URL")
            p.await_true("no answer from memory for long", lambda: p.request("GET", "/v1/me", headers=token).status == 503, 10)
            self.assertEqual(p.request("GET", "/readyz").status, 503)
            self.assertEqual(p.request("GET", "/livez").status, 200)
            answers, began = [], time.monotonic()

            def ask(number):
                if number % 2:
                    answers.append(p.request("GET", f"/v1/clients/{uuid.uuid4()}", headers=token))
                else:
                    answers.append(p.request("POST", "/signup", p.signup_body(unique("Rien"), stack.address())))
            threads = [threading.Thread(target=ask, args=(n,)) for n in range(100)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertLess(time.monotonic() - began, 8 * p.PATIENCE)
            for answer in answers:
                self.assertEqual((answer.status, answer.json["code"]), (503, "unavailable"), answer)
                self.assertGreater(int(answer.headers["Retry-After"]), 0)
        finally:
            sql(f"GRANT CONNECT ON DATABASE {database} TO {role}", "TENANTRY_TEST_SUPERUSER_URL")
        p.await_true("back", lambda: p.request("GET", "/v1/me", headers=token).status == 200, 15)
        p.await_true("ready", lambda: p.request("GET", "/readyz").status == 200, 15)


if __name__ == "__main__":
    unittest.main(verbosity=2)
