"""Every operation of docs/openapi.json is called, by nobody and by who may, and what is answered is what the document
says: a status that it names, a media type of it, a body of its schema. So the document is a promise and no wish."""
import http.client
import json
import os
import re
import sys
import unittest
import urllib.parse
import uuid

import jsonschema

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stack  # noqa: E402
from stack import p, sign_up, unique  # noqa: E402

setUpModule, tearDownModule = stack.start, stack.stop

URL = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
with open(os.path.join(stack.ROOT, "docs", "openapi.json"), encoding="utf-8") as file:
    DOCUMENT = json.load(file)
OPERATIONS = [(method.upper(), path, operation) for path, operations in DOCUMENT["paths"].items()
              for method, operation in operations.items()]
# What a stranger's call would end: asked last, so that the others find the company as it was.
# Definitions and numbers of the platform itself, of no tenant.
OF_NOBODY = {"/v1/admin/flags", "/metrics/tenants"}
LAST = {"cancelSubscription", "logout", "adminCancelTenant", "adminEraseTenant"}


def ask(method, path, headers, body=None):
    """Status, media type and body; of what never ends, the beginning."""
    connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=60)
    sent = dict(headers)
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    connection.request(method, path, body=body, headers=sent)
    answer = connection.getresponse()
    media = answer.headers.get_content_type()
    content = b"" if media == "text/event-stream" else answer.read()
    connection.close()
    return answer.status, media, content


def broken(operation, status, media, content):
    """What of the answer is not what the operation promises."""
    answer = operation["responses"].get(str(status)) or (operation["responses"].get("default") if status >= 400 else None)
    if answer is None:
        return f"{status} is not named: {content[:200]}"
    told = answer.get("content", {})
    if not content and not told:
        return None
    if media == "text/event-stream" and media in told:
        return None
    if media not in told:
        return f"{status} with {media}, named are {sorted(told)}: {content[:100]}"
    if media in ("application/json", "application/problem+json") and "schema" in told[media]:
        validator = jsonschema.Draft202012Validator({**told[media]["schema"], "components": DOCUMENT["components"]})
        wrong = next(iter(validator.iter_errors(json.loads(content))), None)
        if wrong is not None:
            return f"{status}: {wrong.json_path}: {wrong.message[:200]}"
    return None


class Operations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        tenant = sign_up(unique("Contrat"))
        cls.tenant = tenant
        tenant.confirm()
        tenant.post("/v1/clients", {"name": "Une cliente"})
        tenant.await_record("client.created")

    def headers(self, operation):
        needed = operation["security"]
        if not needed:
            return {}
        if "admin" in needed[0]:
            return {"Authorization": "Bearer " + p.env("TENANTRY_ADMIN_TOKEN")}
        return self.tenant.login()

    def path_of(self, path):
        """With names that lead nowhere, but for the company's own."""
        if path.startswith("/v1/admin/tenants/"):
            path = path.replace("{id}", self.tenant.id)
        for name in [part for part in path.split("/") if part.startswith("{")]:
            path = path.replace(name, str(uuid.uuid4()))
        return path

    def each(self, what):
        """what(method, path, operation) says what is wrong, or nothing; those that read first, those that end the rest last."""
        order = sorted(OPERATIONS, key=lambda each: (each[2]["operationId"] in LAST, each[0] == "DELETE", each[0] != "GET"))
        wrong = {}
        for method, path, operation in order:
            found = what(method, path, operation)
            if found:
                wrong[f"{method} {path}"] = found
        self.assertEqual(wrong, {}, "\n".join(f"{key}: {value}" for key, value in wrong.items()))

    def test_1_with_what_it_needs(self):
        answered = {}

        def one(method, path, operation):
            parameters = {each["name"]: "x" for each in operation.get("parameters", [])
                          if each["in"] == "query" and each.get("required")}
            target = self.path_of(path) + ("?" + urllib.parse.urlencode(parameters) if parameters else "")
            status, media, content = ask(method, target, self.headers(operation))
            answered[status] = answered.get(status, 0) + 1
            return broken(operation, status, media, content)
        self.each(lambda method, path, operation: one(method, path, operation) if method == "GET" else None)
        print(f"{sum(answered.values())} reads: {dict(sorted(answered.items()))}", file=sys.stderr)
        self.assertGreater(answered[200], 40)

    def test_1_a_super_admins_reads_are_on_record(self):
        """F20, x7: whatever a super-admin may read of others. The record names the request."""
        asked = {}

        def one(method, path, operation):
            own = path.startswith("/v1/admin/me") or path in OF_NOBODY
            if method != "GET" or not operation["security"] or "admin" not in operation["security"][0] or own:
                return None
            request = "read-" + uuid.uuid4().hex
            status, media, _ = ask(method, self.path_of(path), {**self.headers(operation), "X-Request-Id": request})
            if status == 200:
                asked[request] = path
            return None
        self.each(one)
        self.assertGreater(len(asked), 20)

        def unrecorded():
            told = p.analyst("SELECT correlation_id FROM analytics.audit_events WHERE type IN ('platform.data_read', 'audit.searched', 'audit.exported') "
                             f"AND correlation_id IN ({', '.join(repr(each) for each in asked)})")
            return sorted(path for request, path in asked.items() if [request] not in told)
        try:
            p.await_true("each has a record", lambda: not unrecorded(), 5)
        except AssertionError:
            self.assertEqual(unrecorded(), [])

    def test_2_with_a_body_that_says_nothing(self):
        answered = {}

        def one(method, path, operation):
            if method == "GET":
                return None
            for body in (b"{}", b"[", None):
                status, media, content = ask(method, self.path_of(path), self.headers(operation), body)
                answered[status] = answered.get(status, 0) + 1
                wrong = broken(operation, status, media, content)
                if wrong:
                    return f"{body}: {wrong}"
            return None
        self.each(one)
        print(f"{sum(answered.values())} changes: {dict(sorted(answered.items()))}", file=sys.stderr)
        self.assertNotIn(500, answered)

    def test_3_by_nobody(self):
        def one(method, path, operation):
            status, media, content = ask(method, self.path_of(path), {}, b"{}" if method != "GET" else None)
            if operation["security"] and status != 401:
                return f"{status} for who shows nothing"
            return broken(operation, status, media, content)
        self.each(one)


class Strangers(unittest.TestCase):
    """Whatever route there is: who belongs to another company gets nothing of this one and changes nothing of it, by a token as
    a program has it and by a cookie as the console has it."""
    @classmethod
    def setUpClass(cls):
        cls.mark = "mark" + uuid.uuid4().hex[:12]
        cls.acme, cls.other = sign_up(unique("Marquée " + cls.mark), plan="ENTERPRISE").confirm(), sign_up(unique("Étrangère"), plan="ENTERPRISE")
        stack.superuser("INSERT INTO platform.overrides (tenant_id, name, value) VALUES "
                        f"('{cls.acme.id}', 'requests_per_minute', '-1'), ('{cls.other.id}', 'requests_per_minute', '-1')")
        for path, body in (("/v1/clients", {"name": cls.mark}), ("/v1/api-keys", {"name": cls.mark, "permissions": ["clients:read"]}),
                           ("/v1/roles", {"role": cls.mark, "permissions": ["clients:read"]}), ("/v1/users", {"email": cls.mark + "@e2e.example", "role": "viewer"})):
            made = cls.acme.post(path, body)
            assert made.status == 201, (path, made)
        cls.before = cls.things()
        cls.ids = {cls.acme.id, cls.mark} | {value for thing in cls.before.values() for value in cls.ids_in(thing)}
        assert len(cls.ids) > 6, cls.ids
        body = {"email": cls.other.address, "password": stack.PASSWORD}
        console = {"X-Tenantry": "1", "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
        begun = p.request("POST", "/auth/login", body, {**console, "X-Tenant-ID": cls.other.id})
        cls.ways = {"token": cls.other.login(), "cookie": {**console, "Cookie": begun.headers["Set-Cookie"].split(";")[0]}}

    @classmethod
    def things(cls):
        return {path: cls.acme.get(path).json for path in ("/v1/clients", "/v1/api-keys", "/v1/roles", "/v1/users", "/v1/me/sessions", "/v1/settings")}

    @staticmethod
    def ids_in(value):
        """Every id that stands anywhere in an answer."""
        if isinstance(value, dict):
            return {each for name, inner in value.items() for each in ({inner} if name in ("id", "user_id") and isinstance(inner, str) else Strangers.ids_in(inner))}
        return {each for inner in value for each in Strangers.ids_in(inner)} if isinstance(value, list) else set()

    def sweep(self, wanted, targets, expected):
        """Each such operation at each of its targets by each way: what is answered otherwise, or tells of the other company."""
        wrong, calls = [], 0
        for way, headers in self.ways.items():
            for method, path, operation in OPERATIONS:
                for target, more in targets(path) if wanted(method, path, operation) else ():
                    status, _, content = ask(method, target, {**headers, **more}, None if method == "GET" else b"{}")
                    calls += 1
                    # An address that was asked for is told in the answer to it.
                    text = content.decode(errors="replace").replace(target, "")
                    if not expected(status, text) or self.mark in text or self.acme.id in text:
                        wrong.append(f"{way}: {method} {target} {more}: {status} {text[:200]}")
        self.assertEqual(wrong, [], "\n".join(wrong))
        print(f"{calls} calls", file=sys.stderr)
        self.assertGreater(calls, 40)

    @staticmethod
    def of_members(operation):
        return bool(operation["security"]) and "admin" not in operation["security"][0]

    # First: whoever asks in the name of the other has that name in its own log.
    def test_1_what_is_ones_own_is_nothing_of_the_others(self):
        self.sweep(lambda method, path, operation: method == "GET" and "{" not in path and self.of_members(operation),
                   lambda path: [(path, {})], lambda status, text: status < 500)

    def test_2_in_the_name_of_the_other(self):
        self.sweep(lambda method, path, operation: self.of_members(operation),
                   lambda path: [(path.replace("{", "").replace("}", ""), {"X-Tenant-ID": self.acme.id})],
                   lambda status, text: status == 403 and "tenant_mismatch" in text)

    def test_3_by_the_ids_of_the_other(self):
        self.sweep(lambda method, path, operation: "{" in path and self.of_members(operation),
                   lambda path: [(re.sub(r"{\w+}", urllib.parse.quote(each), path), {}) for each in sorted(self.ids)],
                   lambda status, text: 400 <= status < 500 and status != 401)  # nobody's session has ended meanwhile

    def test_4_what_is_the_super_admins(self):
        self.sweep(lambda method, path, operation: bool(operation["security"]) and "admin" in operation["security"][0],
                   lambda path: [(re.sub(r"{\w+}", self.acme.id, path), {})], lambda status, text: status == 403)

    def test_5_streams(self):
        def event(type_):
            return {"specversion": "1.0", "id": type_, "source": "/shop", "type": type_, "data": {}}
        streams = []
        for headers in self.ways.values():
            for method, path, operation in OPERATIONS:
                if self.of_members(operation) and "text/event-stream" in json.dumps(operation["responses"]):
                    connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=60)
                    self.addCleanup(connection.close)
                    connection.request(method, path, headers=headers)
                    streams.append(connection.getresponse())
                    self.assertEqual(streams[-1].status, 200)
        self.assertEqual(len(streams), 2)
        self.assertEqual(self.acme.post("/v1/events", event(self.mark + ".written")).status, 202)
        self.acme.await_record(self.mark + ".written")
        self.assertEqual(self.other.post("/v1/events", event("own.written")).status, 202)
        for stream in streams:
            seen = b""
            while b"own.written" not in seen:
                line = stream.readline()
                self.assertTrue(line, seen)
                seen += line
            self.assertNotIn(self.mark.encode(), seen)
            self.assertNotIn(self.acme.id.encode(), seen)

    def test_6_nothing_has_changed(self):
        after = self.things()
        for each in (self.before, after):
            del each["/v1/me/sessions"]  # being asked, a session is seen
        self.assertEqual(after, self.before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
