"""How far ":own" reaches, of everything that has an owner, as the catalogue of permissions lists it; and what a plan's limit
leaves, at two gateways; what is taken away, at either."""
import concurrent.futures
import http.client
import json
import os
import re
import socket
import sys
import threading
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import people  # noqa: E402
import stack  # noqa: E402
from people import URL, Company, bearer, superuser_count  # noqa: E402
from stack import p  # noqa: E402

setUpModule, tearDownModule = people.start, people.stop

# How one of each is made: by whom may, in a company where the role is one.
MAKE = {
    "api_keys": ("/v1/api-keys", lambda role: {"name": "Import", "permissions": ["clients:read:own"]}),
    "clients": ("/v1/clients", lambda role: {"name": "Dupont"}),
    "users": ("/v1/users", lambda role: {"email": stack.address(), "role": role}),
}
BODIES = {"updateClient": {"name": "Durand"}, "rateApiKey": {"requests_per_minute": 7}}


def make(resource, headers, role="nothing"):
    path, body = MAKE[resource]
    made = p.request("POST", path, body(role), headers)
    assert made.status == 201, (resource, made)
    return made.json["id"]


class T1_Own(unittest.TestCase):
    """Every operation on what has an owner × {own, another's, another tenant's, absent} × {:own, all, nothing}."""
    @classmethod
    def setUpClass(cls):
        cls.acme, cls.other = Company.make("À chacun"), Company.make("Voisine")
        cls.user, cls.member = cls.acme.join(stack.address(), "viewer")
        owned = [each for each in cls.acme.get("/v1/permissions").json["permissions"] if each["own"]]
        document = p.request("GET", "/openapi.json").json["paths"]
        places = {operation["operationId"]: (method.upper(), path)
                  for path, methods in document.items() for method, operation in methods.items()}
        cls.operations = [(operation, each["permission"].split(":")[0], *places[operation])
                          for each in owned for operation in each["operations"]]
        names = [each["permission"] for each in owned]
        for role, permissions in (("nothing", []), ("all", names), ("own", [name + ":own" for name in names])):
            made = cls.acme.post("/v1/roles", {"role": role, "permissions": permissions})
            assert made.status == 201, made

    def act_as(self, role):
        self.assertEqual(self.acme.patch(f"/v1/users/{self.user}", {"role": role}).status, 200)
        p.await_true(f"the role {role}", lambda: p.request(
            "GET", "/v1/me", headers=self.member).json["tenant_role"] == role, 5)

    def call(self, operation, method, path, object_id, headers):
        body = None if method in ("GET", "DELETE") else BODIES.get(operation, {})
        return p.request(method, path.replace("{id}", object_id), body, headers)

    def test_every_operation(self):
        self.assertGreater(len(self.operations), 12)
        of_one = [each for each in self.operations if "{id}" in each[3]]
        of_all = [each for each in self.operations if "{id}" not in each[3]]
        asked = 0
        for role in ("own", "all"):
            self.act_as(role)
            for operation, resource, method, path in of_one:
                reached = {"own": make(resource, self.member), "another's": make(resource, self.acme.token)}
                not_there = {"another tenant's": make(resource, self.other.token, "viewer"), "absent": str(uuid.uuid4())}
                if role == "own":
                    not_there["another's"] = reached.pop("another's")
                for whose, object_id in not_there.items():
                    answer = self.call(operation, method, path, object_id, self.member)
                    self.assertEqual(answer.status, 404, (role, operation, whose))
                for whose, object_id in reached.items():
                    answer = self.call(operation, method, path, object_id, self.member)
                    self.assertIn(answer.status, (200, 204), (role, operation, whose, answer))
                if role == "own":  # who was refused changed nothing
                    done = self.call(operation, method, path, not_there["another's"], self.acme.token)
                    self.assertIn(done.status, (200, 204), (operation, done))
                asked += 4
            for operation, resource, method, path in of_all:
                mine, others = make(resource, self.member), make(resource, self.acme.token)
                asked += 1
                if method != "GET":
                    continue  # it is how they are made
                foreign = make(resource, self.other.token, "viewer")
                listed = {each["id"] for each in p.request("GET", path + "?limit=100", headers=self.member).json[resource]}
                self.assertEqual([each in listed for each in (mine, others, foreign)], [True, role == "all", False],
                                 (role, operation))
        kept = {resource: make(resource, self.member) for resource in MAKE}
        self.act_as("nothing")
        for operation, resource, method, path in self.operations:
            answer = self.call(operation, method, path, kept[resource], self.member)
            self.assertEqual((answer.status, answer.json["code"]), (403, "permission_denied"), operation)
            asked += 1
        print(f"{len(self.operations)} operations, asked {asked} times", file=sys.stderr)

    def test_of_what_has_no_owner_nothing_is_ones_own(self):
        for grant, rule in (("usage:read:own", "no_owner"), ("users:read:own", "no_owner"), ("roles:*:own", "no_owner"),
                            ("unicorns:read:own", "unknown_permission")):
            answer = self.acme.post("/v1/roles", {"role": "x", "permissions": [grant]})
            self.assertEqual((answer.status, [each["code"] for each in answer.json["errors"]]), (422, [rule]), grant)


class T2_Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.there = stack.Gateway()

    @classmethod
    def tearDownClass(cls):
        assert cls.there.stop() == 0

    def test_a_hundred_clients_at_once_where_ten_fit(self):
        company = Company.make("Pleine")
        limited = p.admin("POST", f"/v1/admin/tenants/{company.id}/overrides",
                          {"name": "clients_max", "value": 10, "reason": "ticket 43"})
        self.assertEqual((limited.status, limited.json["value"]), (200, 10))
        token = company.token

        def create(number):
            request = (p.request, self.there.request)[number % 2]
            while True:
                answer = request("POST", "/v1/clients", {"name": f"Client {number}"}, token)
                if answer.status != 503:  # the lanes are full: again
                    return answer
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(create, range(100)))
        print(f"100 creates at two gateways: {time.monotonic() - began:.1f} s", file=sys.stderr)
        statuses = [answer.status for answer in answers]
        self.assertEqual((statuses.count(201), statuses.count(409)), (10, 90), statuses)
        self.assertEqual(superuser_count(f"tenant_data.clients WHERE tenant_id = '{company.id}'"), 10)
        refused = next(answer for answer in answers if answer.status == 409).json
        self.assertEqual((refused["code"], refused["errors"][0]["code"], refused["errors"][0]["detail"]),
                         ("limit_reached", "clients", "at most 10 clients"))

        def shown():
            return {each["metric"]: (each["quantity"], each["limit"]) for each in company.get("/v1/usage").json["metrics"]}
        self.assertEqual(shown()["clients"], (10, 10))
        self.assertEqual(shown()["users"], (1, -1))
        check = company.get("/v1/limits/check?metric=clients").json
        self.assertEqual((check["allowed"], check["used"], check["remaining"]), (False, 10, 0))
        one = company.get("/v1/clients").json["clients"][0]["id"]
        self.assertEqual(company.delete(f"/v1/clients/{one}").status, 204)
        self.assertTrue(company.get("/v1/limits/check?metric=clients").json["allowed"])
        self.assertEqual(company.post("/v1/clients", {"name": "One more"}).status, 201)
        self.assertEqual(company.post("/v1/clients", {"name": "Too many"}).status, 409)

    def test_an_invitation_takes_a_seat(self):
        small = Company.make("Deux places", plan="STARTER")
        for _ in range(4):
            self.assertEqual(small.invite(stack.address()).status, 201)
        check = small.get("/v1/limits/check?metric=users").json
        self.assertEqual((check["allowed"], check["used"], check["limit"]), (False, 5, 5))
        usage = {each["metric"]: each["quantity"] for each in small.get("/v1/usage").json["metrics"]}
        self.assertEqual(usage["users"], 1)  # who is there


class T3_Rates(unittest.TestCase):
    """A key has a rate of its own, below its tenant's, and the headers say so."""
    @staticmethod
    def told(answer):
        return (int(re.search(r"q=(\d+)", answer.headers["RateLimit-Policy"]).group(1)), int(re.search(r"r=(\d+)", answer.headers["RateLimit"]).group(1)))

    def make(self, company, **more):
        return company.post("/v1/api-keys", {"name": "Import", "permissions": ["clients:read"], **more})

    def test_what_runs_wild_leaves_the_others_theirs(self):
        company = Company.make("Cadencée", plan="STARTER")
        for rate, code in ((101, "beyond_limit"), (0, "range"), (1.5, "range"), ("7", "range"), (True, "range")):
            refused = self.make(company, requests_per_minute=rate)
            self.assertEqual((refused.status, [(e["pointer"], e["code"]) for e in refused.json["errors"]]), (422, [("/requests_per_minute", code)]), rate)
        made = self.make(company, requests_per_minute=3).json
        key, free = bearer(made["key"]), bearer(self.make(company).json["key"])
        answers = [p.request("GET", "/v1/clients", headers=key) for _ in range(4)]
        self.assertEqual([answer.status for answer in answers], [200, 200, 200, 429])
        self.assertEqual([self.told(answer) for answer in answers], [(3, 2), (3, 1), (3, 0), (3, 0)])
        self.assertIn("Retry-After", answers[3].headers)
        other = p.request("GET", "/v1/clients", headers=free)
        self.assertEqual((other.status, self.told(other)[0]), (200, 100))
        self.assertEqual(company.get(f"/v1/api-keys/{made['id']}").json["requests_per_minute"], 3)

        def rate(value):
            return p.request("PATCH", f"/v1/api-keys/{made['id']}", {"requests_per_minute": value}, company.token)
        self.assertEqual(rate(5).json["requests_per_minute"], 5)
        p.await_true("in force", lambda: self.told(p.request("GET", "/v1/clients", headers=key))[0] == 5, 1)
        self.assertEqual(rate(101).status, 422)
        self.assertEqual(p.request("PATCH", f"/v1/api-keys/{made['id']}", {}, company.token).status, 422)
        record = json.loads(company.await_record("api_key.rated")[-1][2])
        self.assertEqual((record["old_requests_per_minute"], record["requests_per_minute"]), (3, 5))
        self.assertEqual(rate(None).json["requests_per_minute"], None)
        p.await_true("its tenant's again", lambda: self.told(p.request("GET", "/v1/clients", headers=key))[0] == 100, 1)

    def test_a_plan_that_became_less_binds_the_key(self):
        company = Company.make("Réduite", plan="STARTER")
        key = bearer(self.make(company, requests_per_minute=9).json["key"])
        self.assertEqual(self.told(p.request("GET", "/v1/clients", headers=key))[0], 9)
        set_ = p.admin("POST", f"/v1/admin/tenants/{company.id}/overrides", {"name": "requests_per_minute", "value": 7, "reason": "x"})
        self.assertEqual(set_.status, 200, set_)
        p.await_true("no more than its tenant", lambda: self.told(p.request("GET", "/v1/clients", headers=key))[0] == 7, 2)


class T5_Storage(unittest.TestCase):
    def test_what_a_log_holds_is_shown_beside_the_limit_and_its_owners_hear_of_it(self):
        """Last but for what ends: the clock goes on by an hour."""
        company = Company.make("Entrepôt")
        set_ = p.admin("POST", f"/v1/admin/tenants/{company.id}/overrides", {"name": "storage_bytes_max", "value": 5_000_000, "reason": "a small store"})
        self.assertEqual(set_.status, 200, set_)
        T4_TwoGateways.with_a_long_log(company)
        p.advance("61m")
        company.login()

        def shown():
            return {metric["metric"]: metric for metric in company.get("/v1/usage").json["metrics"]}["storage_bytes"]
        p.await_true("measured", lambda: shown()["quantity"] > 11_000_000, 60)
        stored = shown()
        self.assertEqual((stored["limit"], stored["hard"], stored["unit"]), (5_000_000, False, "bytes"))
        self.assertLess(stored["quantity"], 25_000_000)  # 11.5 MB of events, sealed and in base64
        check = company.get("/v1/limits/check?metric=storage_bytes").json
        self.assertEqual((check["allowed"], check["hard"], check["remaining"]), (False, False, 0))
        company.await_record("usage.limit_exceeded")
        p.await_true("mailed", lambda: any(company.address in to and "storage_bytes" in text for to, _, text in p.mails()), 30)
        self.assertEqual(company.post("/v1/clients", {"name": "Goes on"}).status, 201)  # it is a soft one
        self.assertTrue(company.get("/v1/limits/check?metric=clients").json["hard"])


class T4_TwoGateways(unittest.TestCase):
    """What is taken away at one gateway is gone at another within a second: the next request, and what is open, tails and exports."""
    @classmethod
    def setUpClass(cls):
        cls.other = stack.Gateway()
        cls.places = (("here", URL.port, p.request), ("there", cls.other.port, cls.other.request))
        cls.acme = cls.with_a_long_log(Company.make("Deux portes"))

    @classmethod
    def tearDownClass(cls):
        assert cls.other.stop() == 0

    def tail(self, port, headers):
        """An event that is set when the stream ends."""
        connection = http.client.HTTPConnection(URL.hostname, port, timeout=30)
        connection.request("GET", "/v1/audit/tail?q=type:never.comes", headers=headers)
        stream = connection.getresponse()
        self.assertEqual(stream.status, 200)
        ended = threading.Event()

        def read():
            try:
                while stream.readline():
                    pass
            except (http.client.HTTPException, OSError):
                pass
            ended.set()
        threading.Thread(target=read, daemon=True).start()
        return ended

    @staticmethod
    def with_a_long_log(company):
        """Longer than what waits in buffers for a reader who does not read: an export that goes on for as long as one likes."""
        for batch in range(12):
            events = [{"specversion": "1.0", "id": f"{batch}-{i}", "source": "/long", "type": "page.written", "data": {"text": "x" * 240_000}} for i in range(4)]
            answer = p.request("POST", "/v1/events", headers={**company.token, "Content-Type": "application/cloudevents-batch+json"}, raw=json.dumps(events).encode())
            assert answer.status == 202, answer
        p.await_true("all are in its log", lambda: superuser_count(f"audit.records WHERE tenant_id = '{company.id}' AND type = 'page.written'") == 48, 60)
        return company

    def export(self, port, headers):
        """One that is begun and stands still: (its request's id, what reads the rest)."""
        own = socket.socket()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        own.settimeout(30)
        own.connect((URL.hostname, port))
        connection = http.client.HTTPConnection(URL.hostname, port, timeout=30)
        connection.sock = own
        connection.request("GET", "/v1/audit/export?q=type:page.written", headers=headers)
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        self.addCleanup(connection.close)
        return answer.headers["X-Request-Id"], answer.read

    @staticmethod
    def broken_off(request_id):
        with open(stack.log_path, encoding="utf-8", errors="replace") as log:
            return any(request_id in line and "an export was broken off" in line for line in log)

    def gone(self, what, headers, path, statuses, take):
        streams = [(name, self.tail(port, headers)) for name, port, _ in self.places]
        exports = [(name, *self.export(port, headers)) for name, port, _ in self.places]
        for _, _, request in self.places:
            self.assertEqual(request("GET", path, headers=headers).status, 200)
        take()
        began = time.monotonic()
        waiting = {(name, "request"): (lambda request=request: request("GET", path, headers=headers).status in statuses)
                   for name, _, request in self.places} | {(name, "stream"): ended.is_set for name, ended in streams}
        waiting |= {(name, "export"): (lambda request_id=request_id: self.broken_off(request_id)) for name, request_id, _ in exports}
        took = {}
        while waiting:
            for which in [which for which, over in waiting.items() if over()]:
                took[which] = time.monotonic() - began
                del waiting[which]
            # What no gateway is told of it learns after five seconds: that is not what is promised.
            self.assertLess(time.monotonic() - began, 1 * p.PATIENCE, f"{what}: not yet {sorted(waiting)}")
        print(f"{what}: " + ", ".join(f"{kind} {name} {1000 * seconds:.0f} ms" for (name, kind), seconds in sorted(took.items())),
              file=sys.stderr)
        for name, _, rest in exports:  # and nobody takes the part for the whole
            with self.assertRaises((http.client.IncompleteRead, ConnectionError), msg=name):
                rest()

    def test_a_removed_member(self):
        user, headers = self.acme.join(stack.address(), "manager")
        self.gone("a removed member", headers, "/v1/me", {401}, lambda: self.assertEqual(
            self.acme.delete(f"/v1/users/{user}").status, 204))

    def test_a_lowered_role(self):
        user, headers = self.acme.join(stack.address(), "manager")
        self.gone("a lowered role", headers, "/v1/audit?limit=1", {403}, lambda: self.assertEqual(
            self.acme.patch(f"/v1/users/{user}", {"role": "viewer"}).status, 200))

    def test_a_revoked_key(self):
        made = self.acme.post("/v1/api-keys", {"name": "x", "permissions": ["audit:read"]})
        self.assertEqual(made.status, 201, made)
        self.gone("a revoked key", bearer(made.json["key"]), "/v1/audit?limit=1", {401}, lambda: self.assertEqual(
            self.acme.delete("/v1/api-keys/" + made.json["id"]).status, 204))

    def test_a_suspended_tenant(self):
        company = self.with_a_long_log(Company.make("Fermée"))
        self.gone("a suspended tenant", company.login(), "/v1/audit?limit=1", {402, 403}, lambda: self.assertEqual(
            p.admin("POST", f"/v1/admin/tenants/{company.id}/suspend", {"reason": "abuse"}).status, 200))


if __name__ == "__main__":
    unittest.main(verbosity=2)
