#!/usr/bin/python3
"""What is refused, and how: status, problem document, the fields it names, and that nothing changed.

Classes run in the order of their names: those that move the clock come last.
"""
import base64
import hashlib
import hmac
import http.client
import json
import socket
import time
import unittest
import unittest.mock
import urllib.parse
import uuid

import stack
from stack import p, sign_up, unique

RAW_URL = urllib.parse.urlsplit(p.env("TENANTRY_URL"))


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


class Case(unittest.TestCase):
    def assertProblem(self, answer, status, code, pointers=None):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json", answer)
        document = answer.json
        self.assertEqual((document["status"], document["code"]), (status, code), answer)
        self.assertEqual(document["type"], "/problems/" + code)
        self.assertTrue(document["title"] and document["detail"] is not None)
        if pointers is not None:
            self.assertEqual(stack.pointers(answer), sorted(pointers), answer)
        if status == 401:
            self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer")


def raw_exchange(data, seconds=5):
    """Sends bytes; returns all that comes until the server closes, and whether it did."""
    with socket.create_connection((RAW_URL.hostname, RAW_URL.port), timeout=seconds) as connection:
        connection.sendall(data)
        received = b""
        while True:
            try:
                chunk = connection.recv(65536)
            except ConnectionResetError:
                return received, True
            except TimeoutError:
                return received, False
            if not chunk:
                return received, True
            received += chunk


class T1_Signup(Case):
    def refused(self, status, code, pointers=None, body=None, raw=None, headers=None):
        before = stack.total_tenants()
        answer = p.request("POST", "/signup", body, headers, raw)
        self.assertProblem(answer, status, code, pointers)
        self.assertEqual(stack.total_tenants(), before)
        return answer

    def body(self, **more):
        return p.signup_body(unique("Refusée"), stack.address(), **more)

    def test_malformed_json(self):
        valid = json.dumps(self.body())
        for raw in (b"", b"{", b"null", b"[]", b'"text"', valid[:-1].encode(), valid.encode() + b"x", b"\xef\xbb\xbf" + valid.encode(),
                    b'{"company_name":"\xff"}', b'{"company_name":"\\ud800"}', b'{"plan":NaN}', b'{"plan":1e999}',
                    b'{"a":' * 10000 + b"1" + b"}" * 10000, valid[:-1].encode() + b',"plan":"FREE"}'):
            with self.subTest(raw=raw[:40]):
                self.refused(400, "malformed_json", raw=raw)

    def test_all_fields_at_once(self):
        fields = ["company_name", "company_email", "admin_email", "admin_password", "admin_first_name",
                  "admin_last_name", "plan", "accept_terms", "accept_privacy"]
        every = ["/" + name for name in fields]
        self.refused(422, "validation_failed", every, body={})
        self.refused(422, "validation_failed", every, body={name: None for name in fields})
        self.refused(422, "validation_failed", every, body={name: [] for name in fields})
        self.refused(422, "validation_failed", every, body={name: 7 for name in fields})
        for name in fields:
            with self.subTest(missing=name):
                body = self.body()
                del body[name]
                self.refused(422, "validation_failed", ["/" + name], body=body)

    def test_single_rules(self):
        for name, values in {
                "plan": ("GOLD", ""), "accept_terms": (False, "true"), "accept_privacy": (False,),
                "admin_email": ("nobody", "a@b", "a b@c.example", "a@-b.example", "é@b.example"),
                "company_email": ("nobody",),
                "company_name": ("", "   ", "a\nb", "x" * 201), "admin_first_name": ("a\r\nBcc: x", ""),
                "admin_password": ("short", "password123", "x" * 1025)}.items():
            for value in values:
                with self.subTest(name=name, value=str(value)[:30]):
                    self.refused(422, "validation_failed", ["/" + name], body=self.body(**{name: value}))

    def test_password_of_the_company(self):
        name = unique("Boulangerie")
        self.refused(422, "validation_failed", ["/admin_password"],
                     body=p.signup_body(name, stack.address(), admin_password=name))

    def test_taken_address(self):
        tenant = sign_up(unique("Première"), trial=False)
        for spelling in (tenant.address, tenant.address.upper()):
            answer = self.refused(409, "email_taken", ["/admin_email"], body=self.body(admin_email=spelling))
            self.assertNotIn(tenant.id, answer.body)

    def test_fields_nobody_asked_for_are_not_applied(self):
        tenant = sign_up(unique("Extra"), status="active", role="viewer", tenant_id="victim", is_admin=True,
                         trial_ends_at="2100-01-01T00:00:00Z")
        self.assertEqual(tenant.id, "extra-" + stack.RUN)
        self.assertLess(p.admin("GET", "/v1/admin/tenants/" + tenant.id).json["trial_ends_at"], "2099")

    def test_content_type(self):
        raw = json.dumps(self.body()).encode()
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
            self.refused(415, "unsupported_media_type", raw=raw, headers={"Content-Type": kind})
        self.refused(415, "unsupported_media_type", raw=raw, headers={"Content-Encoding": "gzip"})

    def test_over_one_mebibyte(self):
        before = stack.total_tenants()
        head = f"POST /signup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {2**20 + 1}\r\n\r\n"
        answer, closed = raw_exchange(head.encode() + b"{")  # refused by its length, before the rest comes
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 ") and b'"too_large"' in answer and closed, answer[:200])
        chunks = (b"10000\r\n" + b" " * 65536 + b"\r\n") * 17
        chunked = b"POST /signup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer, closed = raw_exchange(chunked + chunks)
        self.assertTrue(closed and (answer.startswith(b"HTTP/1.1 413 ") or answer == b""), answer[:200])
        self.assertEqual(stack.total_tenants(), before)


class T2_Tokens(Case):
    @classmethod
    def setUpClass(cls):
        cls.tenant = sign_up(unique("Jetons"), plan="ENTERPRISE")
        cls.other = sign_up(unique("Autre"), plan="ENTERPRISE")

    def get(self, headers, path="/v1/me"):
        return p.request("GET", path, headers=headers)

    def test_none_and_garbage(self):
        self.assertProblem(self.get({}), 401, "unauthenticated")
        for value in ("Bearer garbage", "Bearer a.b.c", "Basic dTpw", "Bearer " + "x" * 4000, "Bearer"):
            with self.subTest(value=value[:20]):
                self.assertProblem(self.get({"Authorization": value}), 401, "token_invalid")

    def test_forged_algorithms(self):
        token = self.tenant.token["Authorization"].split(" ")[1]
        head, payload, signature = token.split(".")
        real = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        self.assertEqual(real["alg"], "ES256")

        def encode(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

        def with_header(**changes):
            return encode(json.dumps({**real, **changes}).encode()) + "." + payload
        forged = [with_header(alg=name) + "." + tail for name in ("none", "None", "nOnE", "NONE") for tail in ("", signature)]
        for key in (b"", b"secret", p.env("TENANTRY_MASTER_KEY").encode(), head.encode()):
            text = with_header(alg="HS256")
            forged.append(text + "." + encode(hmac.new(key, text.encode(), hashlib.sha256).digest()))
        forged += [with_header(alg=name) + "." + signature for name in ("HS384", "RS256", "ES384")]
        forged += [with_header(kid=kid) + "." + signature for kid in ("../../dev/null", "' OR 1=1", "http://127.0.0.1/", "k" * 3000)]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        forged.append(head + "." + encode(json.dumps({**claims, "tenant_id": self.other.id}).encode()) + "." + signature)
        forged += [head + "." + payload + ".", token + "=", token[:-2], head + "." + payload + "." + signature[::-1]]
        for text in forged:
            with self.subTest(token=text[:60]):
                self.assertProblem(self.get({"Authorization": "Bearer " + text}), 401, "token_invalid")
        self.assertEqual(self.get(self.tenant.token).status, 200)

    def test_headers_against_the_token(self):
        token = self.tenant.token
        for extra in ({"X-Tenant-ID": self.other.id}, {"X-Tenant": self.other.id}, {"X-Tenant-ID": "nobody-at-all"}):
            answer = self.get({**token, **extra})
            self.assertProblem(answer, 403, "tenant_mismatch")
            self.assertNotIn(self.other.id, answer.body)
        self.assertProblem(self.get(token, f"/t/{self.other.id}/v1/me"), 403, "tenant_mismatch")
        self.tenant.await_record("security.access_refused", 4)
        for extra in ({"X-Tenant-ID": ""}, {"X-Tenant-ID": " "}, {"X-Tenant-ID": self.tenant.id, "X-Tenant": self.other.id}):
            self.assertProblem(self.get({**token, **extra}), 400, "ambiguous_tenant")
        self.assertEqual(self.get({**token, "X-Tenant-ID": self.tenant.id}).status, 200)
        self.assertEqual(self.get(token, f"/t/{self.tenant.id}/v1/me").status, 200)

    def test_a_header_sent_twice(self):
        bearer = self.tenant.token["Authorization"]
        for name, value, other, code in (("X-Tenant-ID", self.tenant.id, self.other.id, "ambiguous_tenant"),
                                         ("Authorization", bearer, bearer, "malformed_request")):
            head = f"GET /v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            if name != "Authorization":
                head += f"Authorization: {bearer}\r\n"
            answer, _ = raw_exchange((head + f"{name}: {value}\r\n{name}: {other}\r\n\r\n").encode())
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 ") and f'"{code}"'.encode() in answer, answer)

    def test_login(self):
        def login(tenant, **body):
            headers = {} if tenant is None else {"X-Tenant-ID": tenant}
            return p.request("POST", "/auth/login", {"email": self.tenant.address, "password": stack.PASSWORD, **body}, headers)
        unknown = login("nobody-at-all")
        self.assertProblem(unknown, 404, "tenant_not_found")
        self.assertProblem(login(self.tenant.id[:-1]), 404, "tenant_not_found")
        self.assertEqual((login(None).status, login(None).json["tenant_id"]), (200, self.tenant.id))  # the only one
        self.assertProblem(login(None, password="Une-Autre-Baguette-43"), 401, "invalid_credentials")
        refusals = [login(self.tenant.id, password="Une-Autre-Baguette-43"), login(self.tenant.id, email=stack.address()),
                    login(self.other.id)]
        for answer in refusals:
            self.assertProblem(answer, 401, "invalid_credentials")
        shapes = {json.dumps({k: v for k, v in a.json.items() if k != "trace_id"}, sort_keys=True) for a in refusals}
        self.assertEqual(len(shapes), 1)
        self.assertProblem(login(self.tenant.id, email=7, password=None), 422, "validation_failed", ["/email", "/password"])

    def test_after_logout(self):
        token = p.login(self.tenant.id, self.tenant.address)
        self.assertEqual(self.get(token).status, 200)
        self.assertEqual(p.request("POST", "/auth/logout", headers=token).status, 204)
        self.assertProblem(self.get(token), 401, "token_revoked")


class T3_Routes(Case):
    @classmethod
    def setUpClass(cls):
        cls.tenant = sign_up(unique("Routes"), plan="ENTERPRISE")
        cls.other = sign_up(unique("Voisin"), plan="ENTERPRISE")

    def test_unknown_route_and_method(self):
        for path in ("/nothing", "/v1", "/v1/clients/", "/v1/admin", "/signup/"):
            self.assertProblem(p.request("GET", path), 404, "not_found")
        for path in ("/%2e%2e/etc/passwd", "/v1/../admin", "/%zz", "/a%00b"):
            self.assertProblem(p.request("GET", path), 400, "malformed_request")
        for method, path, allow in (("PUT", "/signup", {"GET", "POST"}), ("DELETE", "/v1/clients", {"GET", "POST"}),
                                    ("PUT", "/v1/me", {"GET"}), ("POST", "/livez", {"GET"})):
            answer = p.request(method, path)
            self.assertProblem(answer, 405, "method_not_allowed")
            self.assertLessEqual(allow, {name.strip() for name in answer.headers["Allow"].split(",")})
        for method, status in (("TRACE", 405), ("BREW", 501)):
            answer, closed = raw_exchange(f"{method} / HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            self.assertTrue(answer.startswith(f"HTTP/1.1 {status} ".encode()), answer)

    def test_admin_routes(self):
        key = p.env("TENANTRY_ADMIN_TOKEN")
        routes = [("GET", "tenants"), ("GET", "dead-letters"), ("GET", "stripe-events"), ("POST", "tenants"),
                  ("POST", f"tenants/{self.other.id}/suspend"), ("POST", f"tenants/{self.other.id}/cancel")]
        for method, path in routes:
            body = {"reason": "abuse"} if method == "POST" else None
            for headers, status, code in (({}, 401, "unauthenticated"), (self.tenant.token, 403, "admin_required"),
                                          ({"Authorization": "Bearer " + key[:-1]}, 401, "token_invalid"),
                                          ({"Authorization": "Bearer " + key + "0"}, 401, "token_invalid")):
                self.assertProblem(p.request(method, "/v1/admin/" + path, body, headers), status, code)
        self.assertProblem(p.request("GET", "/v1/me", headers={"Authorization": "Bearer " + key}), 401, "token_invalid")
        self.assertEqual(self.other.status, "trial")

    def test_admin_input(self):
        for path in ("nobody-at-all", "nobody-at-all/suspend"):
            answer = p.admin("GET", "/v1/admin/tenants/" + path) if "/" not in path else \
                p.admin("POST", "/v1/admin/tenants/" + path, {"reason": "abuse"})
            self.assertProblem(answer, 404, "tenant_not_found")
        where = f"/v1/admin/tenants/{self.other.id}/"
        self.assertProblem(p.admin("POST", where + "suspend", {}), 422, "validation_failed", ["/reason"])
        self.assertProblem(p.admin("POST", where + "suspend", {"reason": "No word!"}), 422, "validation_failed", ["/reason"])
        self.assertProblem(p.admin("POST", where + "reactivate", {}), 409, "transition_refused")
        self.assertProblem(p.admin("POST", where + "retry-provisioning", {}), 409, "not_failed")
        self.assertProblem(p.admin("GET", "/v1/admin/tenants?status=gold"), 422, "invalid_input", ["/status"])
        self.assertProblem(p.admin("GET", "/v1/admin/tenants?cursor=x"), 422, "invalid_input", ["/cursor"])
        self.assertEqual(self.other.status, "trial")

    def test_a_foreign_client_looks_absent(self):
        made = self.tenant.post("/v1/clients", {"name": "Café Privé"})
        self.assertEqual(made.status, 201)
        mine, absent = made.json["id"], str(uuid.uuid4())
        foreign, missing = self.other.get("/v1/clients/" + mine), self.other.get("/v1/clients/" + absent)
        self.assertProblem(foreign, 404, "not_found")
        self.assertEqual(foreign.body.replace(mine, "?").encode(), missing.body.replace(absent, "?").encode())

        def headers(answer):
            changing = ("X-Request-Id", "RateLimit", "Date", "Content-Length")
            return {name: value for name, value in answer.headers.items() if name not in changing}
        self.assertEqual(headers(foreign), headers(missing))
        self.assertNotIn("Privé", foreign.body)
        self.assertProblem(self.other.get("/v1/clients/not-an-id"), 404, "not_found")
        self.assertEqual(self.other.get("/v1/clients").json["clients"], [])
        self.assertEqual(self.tenant.get("/v1/clients/" + mine).status, 200)

    def test_a_client_is_changed_by_who_has_read_it(self):
        def send(method, body=None, who=self.tenant, **headers):
            return p.request(method, where, body, {**who.token, **{name.replace("_", "-"): value for name, value in headers.items()}})
        made = self.tenant.post("/v1/clients", {"name": "Café", "email": "a@client.example"})
        where, tag = "/v1/clients/" + made.json["id"], made.headers["ETag"]
        self.assertEqual(self.tenant.get(where).headers["ETag"], tag)
        changed = send("PATCH", {"name": "Café du Port"}, If_Match=tag)
        self.assertEqual((changed.status, changed.json["name"], changed.json["email"]), (200, "Café du Port", "a@client.example"))
        self.assertProblem(send("PATCH", {"name": "Too late"}, If_Match=tag), 412, "precondition_failed")
        self.assertProblem(send("DELETE", If_Match='"another", ' + tag), 412, "precondition_failed")
        self.assertProblem(send("PATCH", {"name": ""}), 422, "validation_failed", ["/name"])
        self.assertProblem(send("PATCH", {"name": None}), 422, "validation_failed", ["/name"])
        self.assertProblem(send("PATCH", {"name": "Theirs"}, self.other), 404, "not_found")
        self.assertProblem(send("DELETE", None, self.other), 404, "not_found")
        self.assertEqual(send("PATCH", {"email": None}).json["email"], "")
        self.assertEqual(send("DELETE", If_Match="*").status, 204)
        self.assertProblem(self.tenant.get(where), 404, "not_found")
        self.assertProblem(send("DELETE"), 404, "not_found")
        client = made.json["id"]

        def recorded():
            return [type_ for _, type_, payload in self.tenant.records("client.%") if client in payload]
        p.await_true("the deletion is on record", lambda: "client.deleted" in recorded(), 30)
        self.assertEqual(recorded(), ["client.created", "client.updated", "client.updated", "client.deleted"])

    def test_client_input(self):
        for body, pointers in (({}, ["/name"]), ({"name": 7, "email": "x"}, ["/email", "/name"]), ({"name": " "}, ["/name"])):
            self.assertProblem(self.tenant.post("/v1/clients", body), 422, "validation_failed", pointers)
        for query in ("cursor=x", "limit=0", "limit=x", "limit=100000"):
            self.assertEqual(self.tenant.get("/v1/clients?" + query).status, 422, query)

    def test_events_over_http(self):
        before = len(self.tenant.records("payment.%")) + len(self.tenant.records("tenant.suspended"))
        event = {"specversion": "1.0", "id": "1", "source": "/x", "data": {}}
        older = {"tenant_id": self.tenant.id, "timestamp": "2026-01-15T10:30:00Z", "payload": {}}
        for type_ in ("payment.succeeded", "tenant.suspended", "subscription.updated", "plan.changed", "trial.ended", "invoice.issued"):
            for body in ({**event, "type": type_}, {**older, "event": type_}):
                self.assertProblem(self.tenant.post("/v1/events", body), 403, "privileged_type")
        for body, status in (({**event, "type": "order.created", "tenantid": self.other.id}, 403),
                             ({**older, "event": "order.created", "tenant_id": self.other.id}, 403),
                             ({**event, "type": "usage.recorded", "data": {"quantity": 1}}, 422),
                             ({**event, "type": "usage.recorded", "data": {"metric": "x", "quantity": "much"}}, 422),
                             ({**event, "type": "no spaces"}, 422), ({"x": 1}, 422)):
            answer = self.tenant.post("/v1/events", body)
            self.assertIn(answer.status, (403, 422), answer)
        self.assertEqual(len(self.tenant.records("payment.%")) + len(self.tenant.records("tenant.suspended")), before)
        self.assertEqual(self.tenant.status, "trial")

    def post_event(self, body, **headers):
        """Bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"Content-Type": "application/json", **self.tenant.token, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection = http.client.HTTPConnection(RAW_URL.hostname, RAW_URL.port, timeout=10)
        try:
            connection.request("POST", "/v1/events", body=data, headers=fields)
            response = connection.getresponse()
            return p.Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def test_times_at_the_edge(self):
        for at in ("9999-12-31T23:59:59-23:59", "1970-01-01T00:00:00+23:59", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59-01:00"):
            event = {"specversion": "1.0", "id": at, "source": "/x", "type": "order.created", "time": at}
            self.assertProblem(self.post_event(event), 422, "invalid_input", ["/time"])
            usage = {**event, "time": None, "type": "usage.recorded", "data": {"metric": "orders", "quantity": 1, "at": at}}
            self.assertProblem(self.post_event(usage), 422, "invalid_input", ["/data/at"])
            quoted = urllib.parse.quote(at)
            self.assertProblem(self.tenant.get("/v1/usage?from=" + quoted), 422, "invalid_input", ["/from"])
            for query in ("from=" + quoted, "q=" + urllib.parse.quote("occurred_from:" + at)):
                self.assertEqual(self.tenant.get("/v1/audit?" + query).status, 422, query)
                self.assertEqual(self.tenant.get("/v1/audit/export?" + query).status, 422, query)
            cursor = base64.urlsafe_b64encode(f"1\n{at}\n{uuid.uuid4()}".encode()).decode().rstrip("=")
            self.assertProblem(self.tenant.get("/v1/clients?cursor=" + cursor), 422, "invalid_input", ["/cursor"])
            self.assertProblem(p.admin("GET", "/v1/admin/stripe-events?cursor=" + cursor), 422, "invalid_input", ["/cursor"])
        inside = base64.urlsafe_b64encode(f"1\n2026-01-01T00:00:00+23:59\n{uuid.uuid4()}".encode()).decode().rstrip("=")
        self.assertEqual(self.tenant.get("/v1/clients?cursor=" + inside).status, 200)
        self.assertEqual(p.admin("GET", "/v1/admin/stripe-events?cursor=" + inside).status, 200)

    def test_usage_that_metering_would_set_aside(self):
        letters = len(p.admin("GET", "/v1/admin/dead-letters?worker=metering&tenant_id=" + self.tenant.id).json["dead_letters"])
        ahead = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(p.platform_now() + 7200))
        for data, pointer in (({"quantity": -1}, "/data/quantity"), ({"quantity": "NaN"}, "/data/quantity"), ({"quantity": "Infinity"}, "/data/quantity"),
                              ({"quantity": 1e15 + 1}, "/data/quantity"), ({"quantity": 1, "at": ahead}, "/data/at"),
                              ({"quantity": 1, "metric": "no_such_metric"}, "/data/metric"), ({"quantity": 1, "idempotency_key": "a\0"}, "/data/idempotency_key"),
                              ({"quantity": 1, "metric": "active_users"}, "/data/dimensions/member")):
            event = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/x", "type": "usage.recorded", "data": {"metric": "orders", **data}}
            self.assertProblem(self.post_event(event), 422, "invalid_input", [pointer])
        for metric in ("api_calls", "storage_bytes", "users"):
            event = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/x", "type": "usage.recorded", "data": {"metric": metric, "quantity": 0}}
            self.assertProblem(self.post_event(event), 403, "platform_metric", ["/data/metric"])
            self.assertProblem(self.post_event([event], Content_Type="application/cloudevents-batch+json"), 403, "platform_metric", ["/0/data/metric"])
        self.assertEqual(len(p.admin("GET", "/v1/admin/dead-letters?worker=metering&tenant_id=" + self.tenant.id).json["dead_letters"]), letters)

    def test_what_the_broker_cannot_carry(self):
        event = {"specversion": "1.0", "id": "7", "source": "/x", "type": "order.created", "data": {}}
        for attribute, value in (("datacontenttype", "application/json;" + "a" * 300), ("datacontenttype", "application/json\0"), ("subject", "a\0b"),
                                 ("source", "x" * 2049), ("id", "i" * 256)):
            self.assertProblem(self.post_event({**event, attribute: value}), 422, "invalid_input", ["/" + attribute])

    def test_what_is_accepted_is_audited_byte_for_byte(self):
        type_ = "probe.kept_" + stack.RUN
        data = b'{ "money": 98765432109876.543210, "count":123456789012345678901234567890, "tiny": 1e-20000, "long": 0.%s }' % (b"3" * 20000)
        small = b'{"money":98765432109876.543210,"count":123456789012345678901234567890}'

        def cloud(id_, members):
            return b'{"specversion":"1.0","id":"%s","source":"/probe","type":"%s",%s}' % (id_.encode(), type_.encode(), members)
        sent = {
            "structured": lambda: self.post_event(cloud("structured", b'"data":' + data)),
            "small": lambda: self.post_event(cloud("small", b'"data":' + small)),
            "base64": lambda: self.post_event(cloud("base64", b'"data_base64":"' + base64.b64encode(data) + b'"')),
            "nul": lambda: self.post_event(cloud("nul", b'"data":{"a":"\\u0000"}')),
            "text": lambda: self.post_event(cloud("text", b'"datacontenttype":"text/plain; charset=utf-8","data":"caf\\u00e9"')),
            "binary": lambda: self.post_event(data, ce_specversion="1.0", ce_id="binary", ce_source="/probe", ce_type=type_, Content_Type="Application/JSON"),
            "xml": lambda: self.post_event(b"<a/>", ce_specversion="1.0", ce_id="xml", ce_source="/probe", ce_type=type_, Content_Type="text/xml"),
            "older": lambda: self.post_event(b'{"event":"%s","tenant_id":"%s","id":"older","payload":%s}' % (type_.encode(), self.tenant.id.encode(), data)),
        }
        for name, send in sent.items():
            answer = send()
            self.assertEqual(answer.status, 202, (name, answer))
            self.assertEqual(send().json["id"], answer.json["id"], "once more, the same event")
        batch = b"[" + cloud("b1", b'"data":' + small) + b"," + cloud("structured", b'"time":"2030-01-01T00:00:00Z","data":{}') + b"]"
        answer = self.post_event(batch, Content_Type="application/cloudevents-batch+json")
        self.assertEqual((answer.status, len(answer.json["ids"])), (202, 2), answer)
        self.assertProblem(self.post_event(b"[" + cloud("b2", b'"data":{}') + b"," + cloud("b3", b'"time":"x"') + b"]",
                                           Content_Type="application/cloudevents-batch+json"), 422, "invalid_input", ["/1/time"])
        self.tenant.await_record(type_, len(sent) + 1)
        stack.await_quiet(lambda: len(self.tenant.records(type_)), "records")
        self.assertEqual(len(self.tenant.records(type_)), len(sent) + 1)
        payloads = [row[0] for row in p.analyst(f"SELECT payload FROM analytics.audit_events WHERE tenant_id = '{self.tenant.id}' AND type = '{type_}'")]
        self.assertEqual(sum("98765432109876.543210" in payload and "123456789012345678901234567890" in payload for payload in payloads), 2)

    def test_smuggling(self):
        get, post = b"GET /livez HTTP/1.1\r\nHost: x\r\n", b"POST /signup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        follow = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        rows = {
            "length and coding": post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "two lengths": post + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            "list of lengths": post + b"Content-Length: 2, 2\r\n\r\n{}",
            "signed length": post + b"Content-Length: +2\r\n\r\n{}",
            "huge length": post + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
            "another coding": post + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "two codings": post + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "huge chunk": post + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nx",
            "folded field": get + b"X-A: a\r\n b\r\n\r\n",
            "space before colon": get + b"X-A : a\r\n\r\n",
            "NUL in a value": get + b"X-A: a\0b\r\n\r\n",
            "CR in a value": get + b"X-A: a\rb\r\n\r\n",
            "bare LF": b"GET /livez HTTP/1.1\nHost: x\n\n",
            "no host": b"GET /livez HTTP/1.1\r\n\r\n",
            "two hosts": get + b"Host: y\r\n\r\n",
        }
        for name, data in rows.items():
            with self.subTest(name=name):
                answer, closed = raw_exchange(data + follow)
                status = answer.split(b" ")[1] if answer else b""
                self.assertIn(status, (b"413",) if name == "huge length" and status == b"413" else (b"400",), answer[:200])
                self.assertTrue(closed)
                self.assertEqual(answer.count(b"HTTP/1.1 "), 1, "the bytes behind it were read as a request")
        for name, data, status in (("long target", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
                                   ("large header", get + b"X-A: " + b"a" * 20000 + b"\r\n\r\n", b"431"),
                                   ("many fields", get + b"".join(b"X-%d: 1\r\n" % n for n in range(150)) + b"\r\n", b"431")):
            answer, closed = raw_exchange(data)
            self.assertEqual((answer.split(b" ")[1], closed), (status, True), name)


class T4_Rate(Case):
    def test_twenty_a_minute(self):
        tenant = sign_up(unique("Gratuit"), plan="FREE")
        token, began = tenant.token, time.monotonic()
        answers = [p.request("GET", "/v1/me", headers=token) for _ in range(23)]
        self.assertLess(time.monotonic() - began, 55)
        self.assertEqual([a.status for a in answers], [200] * 20 + [429] * 3)
        for number, answer in enumerate(answers):
            self.assertEqual(answer.headers["RateLimit-Policy"], '"requests";q=20;w=60')
            self.assertRegex(answer.headers["RateLimit"], rf'^"requests";r={max(0, 19 - number)};t=\d+$')
        self.assertProblem(answers[-1], 429, "rate_limited")
        self.assertTrue(1 <= int(answers[-1].headers["Retry-After"]) <= 60)

    def test_the_months_calls(self):
        tenant = sign_up(unique("Compté"))  # PROFESSIONAL: 100,000 a month
        answer = tenant.post("/v1/events", {"specversion": "1.0", "id": "bulk", "source": "/x", "type": "usage.recorded",
                                            "data": {"metric": "api_calls", "quantity": 99990}})
        self.assertProblem(answer, 403, "platform_metric", ["/data/metric"])
        p.tenantry("events", "publish", "usage.recorded", "--tenant", tenant.id, "--data",
                   json.dumps({"metric": "api_calls", "quantity": 99990}))
        p.await_true("99,990 calls counted", lambda: tenant.usage("api_calls", "month")[0] == 99990)
        p.await_true("the month is used up", lambda: tenant.get("/v1/me").status == 429, 10)
        over = tenant.get("/v1/me")
        self.assertProblem(over, 429, "limit_exceeded")
        self.assertGreater(int(over.headers["Retry-After"]), 0)
        self.assertProblem(tenant.post("/v1/clients", {"name": "Non"}), 429, "limit_exceeded")
        self.assertEqual(tenant.get("/v1/subscription").status, 200)
        tenant.await_record("usage.limit_%" if tenant.usage("api_calls", "month")[0] > 100000 else "usage.threshold_reached", 1)


class T5_Status(Case):
    def expect(self, send, status, code, french, english):
        for header, text, language in ((None, french, "fr"), ("en-GB,en;q=0.9", english, "en"), ("fr", french, "fr"), ("de", french, "fr")):
            answer = send({} if header is None else {"Accept-Language": header})
            self.assertProblem(answer, status, code)
            self.assertEqual((answer.json["detail"], answer.headers["Content-Language"]), (text, language))

    def test_pending(self):
        # The broker's administrator gets another password: no vhost can be made until it has its own again.
        url = urllib.parse.urlsplit(p.env("TENANTRY_AMQP_ADMIN_URL"))
        spare = "e2e-" + uuid.uuid4().hex
        self.assertIn(p.management("PUT", "users/" + spare, {"password": spare, "tags": "administrator"}).status, (201, 204))
        as_spare = f"{url.scheme}://{spare}:{spare}@{url.hostname}:{url.port}"
        mail = stack.address()
        try:
            p.management("PUT", "users/" + url.username, {"password": "another", "tags": "administrator"})
            tenant = sign_up(unique("En Cours"), trial=False, admin_email=mail)
            self.assertEqual(tenant.status, "pending")

            def login(headers):
                return p.request("POST", "/auth/login", {"email": mail, "password": stack.PASSWORD}, {"X-Tenant-ID": tenant.id, **headers})
            self.expect(login, 403, "tenant_pending", "Espace en cours de création", "Workspace being created")
        finally:
            own = {"TENANTRY_AMQP_ADMIN_URL": as_spare}
            with unittest.mock.patch.dict("os.environ", own):
                p.management("PUT", "users/" + url.username, {"password": url.password, "tags": "administrator"})
        self.assertEqual(p.management("DELETE", "users/" + spare).status, 204)

        def trial():
            if p.admin("GET", "/v1/admin/tenants/" + tenant.id).json["provisioning_failed"]:
                p.admin("POST", f"/v1/admin/tenants/{tenant.id}/retry-provisioning", {})
            return tenant.status == "trial"
        p.await_true("provisioned once the broker lets it", trial, 60)

    def test_suspended_and_cancelled(self):
        tenant = sign_up(unique("Suspendue"))
        tenant.login()
        p.admin("POST", f"/v1/admin/tenants/{tenant.id}/suspend", {"reason": "abuse", "note": "ticket 42"})

        def clients(headers):
            return tenant.get("/v1/clients", **headers)
        p.await_true("refused", lambda: clients({}).status == 402, 5)
        self.expect(clients, 402, "payment_required", "Paiement requis", "Payment required")
        refused = tenant.post("/v1/clients", {"name": "Non"})
        self.assertProblem(refused, 402, "payment_required")
        self.assertEqual(tenant.get("/v1/subscription").json["status"], "SUSPENDED")
        self.assertProblem(tenant.post("/v1/subscription/reactivate", {}), 402, "payment_required")
        p.admin("POST", f"/v1/admin/tenants/{tenant.id}/reactivate", {})
        p.await_true("open again", lambda: clients({}).status == 200, 5)
        self.assertEqual(clients({}).json["clients"], [])
        self.assertEqual(tenant.post("/v1/subscription/cancel", {}).status, 200)
        p.await_true("refused", lambda: clients({}).status == 403, 5)
        self.expect(clients, 403, "account_cancelled", "Compte annulé", "Account cancelled")
        self.assertProblem(tenant.post("/v1/subscription/cancel", {}), 409, "not_cancellable")


class T6_Clock(Case):
    def test_time_passes(self):
        kept = sign_up(unique("Jeton Périmé"))
        token = kept.token
        self.assertEqual(kept.get("/v1/me").status, 200)
        p.advance("61m")
        p.await_true("the token has expired", lambda: p.request("GET", "/v1/me", headers=token).status == 401, 10)
        self.assertProblem(p.request("GET", "/v1/me", headers=token), 401, "token_expired")
        kept.login()
        self.assertEqual(kept.get("/v1/me").status, 200)

        # A trial past its end that billing has not heard of yet: its queue does not get the event.
        late = sign_up(unique("Essai Fini"))
        where = f"tenant-{late.id}"
        binding = f"bindings/{where}/e/{late.id}.events/q/{late.id}.billing"
        self.assertEqual(p.management("DELETE", binding + "/trial.ended").status, 204)
        gone = sign_up(unique("Partie"))
        gone.login()
        self.assertEqual(gone.post("/v1/subscription/cancel", {}).status, 200)
        p.advance("14d")
        p.await_true("refused", lambda: late.login() and late.get("/v1/clients").status == 402, 10)
        english = {"Accept-Language": "en"}
        self.assertProblem(late.get("/v1/clients"), 402, "trial_expired")
        self.assertEqual(late.get("/v1/clients").json["detail"], "Essai terminé, souscrivez")
        self.assertEqual(late.get("/v1/clients", **english).json["detail"], "Trial over, please subscribe")
        self.assertEqual(late.get("/v1/subscription").status, 200)
        self.assertEqual(late.status, "trial")
        self.assertEqual(p.management("POST", binding, {"routing_key": "trial.ended"}).status, 201)
        kept.await_status("suspended")
        kept.login()
        self.assertProblem(kept.get("/v1/clients"), 402, "payment_required")

        p.advance("17d")
        gone.await_status("deleted", 60)
        refused = p.request("POST", "/auth/login", {"email": gone.address, "password": stack.PASSWORD}, {"X-Tenant-ID": gone.id})
        never = p.request("POST", "/auth/login", {"email": gone.address, "password": stack.PASSWORD}, {"X-Tenant-ID": "never-was"})
        self.assertProblem(refused, 404, "tenant_not_found")
        self.assertEqual(refused.json["detail"], "Espace introuvable")
        self.assertEqual({k: v for k, v in refused.json.items() if k != "trace_id"},
                         {k: v for k, v in never.json.items() if k != "trace_id"})
        english = p.request("POST", "/auth/login", {"email": gone.address, "password": stack.PASSWORD},
                            {"X-Tenant-ID": gone.id, "Accept-Language": "en"})
        self.assertEqual(english.json["detail"], "No such workspace")


if __name__ == "__main__":
    unittest.main(verbosity=2)
