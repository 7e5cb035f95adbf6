"""Every operation of docs/openapi.json is called, by nobody and by who may, and what is answered is what the document
says: a status that it names, a media type of it, a body of its schema. So the document is a promise and no wish."""
import http.client
import json
import os
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
