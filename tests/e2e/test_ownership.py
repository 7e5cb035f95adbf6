"""How far ":own" reaches, of everything that has an owner, as the catalogue of permissions lists it; and what a plan's limit
leaves, at two gateways."""
import concurrent.futures
import os
import sys
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import people  # noqa: E402
import stack  # noqa: E402
from people import Company, superuser_count  # noqa: E402
from stack import p  # noqa: E402

setUpModule, tearDownModule = people.start, people.stop

# How one of each is made: by whom may, in a company where the role is one.
MAKE = {
    "api_keys": ("/v1/api-keys", lambda role: {"name": "Import", "permissions": ["clients:read:own"]}),
    "clients": ("/v1/clients", lambda role: {"name": "Dupont"}),
    "users": ("/v1/users", lambda role: {"email": stack.address(), "role": role}),
}
BODIES = {"updateClient": {"name": "Durand"}}


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


if __name__ == "__main__":
    unittest.main(verbosity=2)
