#!/usr/bin/python3
"""The audit log over HTTP: searches, pages, exports of both formats, and that reading with privilege is itself on record."""
import csv
import gzip
import http.client
import io
import json
import unittest
import urllib.parse

import stack
from stack import p, sign_up, unique

URL = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
ADMIN = {"Authorization": "Bearer " + p.env("TENANTRY_ADMIN_TOKEN")}
ORDERS = 300  # more than the first page of an export holds


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


def path(route, **parameters):
    return route + "?" + urllib.parse.urlencode(parameters)


def fetch(target, headers):
    """(status, headers, body as bytes): whatever its type and length."""
    connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=60)
    try:
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class AuditQuery(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tenant = sign_up(unique("Requêtes"), plan="ENTERPRISE")
        for n in range(ORDERS):
            event = {"specversion": "1.0", "id": f"order-{n}", "source": "/shop", "type": "order.created",
                     "subject": f"orders/{n}", "data": {"note": "=1+1" if n == 7 else f"plain {n}", "who": "Zoé"}}
            assert cls.tenant.post("/v1/events", event).status == 202
        cls.tenant.await_record("order.created", ORDERS)
        cls.tenant.login()
        cls.tenant.await_record("user.logged_in", 1)

    def pages(self, route, headers, **parameters):
        """All records, page by page."""
        records, pages = [], 0
        while True:
            answer = p.request("GET", path(route, **parameters), headers=headers)
            self.assertEqual(answer.status, 200, answer.json)
            records += answer.json["records"]
            pages += 1
            if not answer.json["more"]:
                return records, pages, answer.json
            parameters["cursor"] = answer.json["next_cursor"]

    def member(self, **parameters):
        return self.pages("/v1/audit", self.tenant.token, **parameters)

    def test_a_search_and_the_older_parameters_are_one(self):
        found, _, _ = self.member(q="type:order.* \"plain 11\"", order="asc")
        self.assertEqual([record["payload"]["note"] for record in found],
                         ["plain 11"] + [f"plain 11{n}" for n in range(10)])
        for parameters in ({"q": "type:order.created source:/sh*"}, {"type": "order.created", "limit": 50},
                           {"q": "resource:order", "type": "order.*"}):
            self.assertEqual(len(self.member(**parameters)[0]), ORDERS, parameters)
        self.assertEqual(self.member(q="-type:order.* type:order.created")[0], [])
        by_mail = self.member(q=f"actor:{self.tenant.address} action:LOGIN")[0]
        self.assertTrue(by_mail)
        self.assertEqual({record["type"] for record in by_mail}, {"user.logged_in"})

    def test_pages_hold_each_record_once(self):
        cursors = []
        for order in ("asc", "desc"):
            records, pages, last = self.member(q="type:order.created", order=order, limit=25)
            sequences = [record["sequence"] for record in records]
            self.assertEqual(sequences, sorted(set(sequences), reverse=order == "desc"))
            self.assertEqual((len(sequences), pages >= ORDERS // 25), (ORDERS, True))
            self.assertEqual(last["next_cursor"] is None, order == "desc")
            cursors.append(last["next_cursor"])
        # Oldest first, the last cursor leads to what comes later.
        self.tenant.post("/v1/events", {"specversion": "1.0", "id": "later", "source": "/shop", "type": "order.later", "data": {}})
        self.tenant.await_record("order.later")
        after = self.member(q="type:order.*", order="asc", cursor=cursors[0])[0]
        self.assertEqual([record["type"] for record in after], ["order.later"])

    def test_what_is_wrong_is_named(self):
        for parameters, pointer, words in (({"q": "a colour:red"}, "/q", "at character 3"), ({"q": "tenant:acme"}, "/q", "super-admins"),
                                           ({"from": "soon"}, "/from", "must be a time"), ({"order": "up"}, "/order", "asc or desc"),
                                           ({"cursor": "x"}, "/cursor", "next_cursor"), ({"limit": "0"}, "/limit", "200")):
            for route in ("/v1/audit", "/v1/audit/export"):
                if route == "/v1/audit/export" and "limit" in parameters:
                    continue
                answer = p.request("GET", path(route, **parameters), headers=self.tenant.token)
                self.assertEqual((answer.status, stack.pointers(answer)), (422, [pointer]), answer.json)
                self.assertIn(words, json.dumps(answer.json["errors"]), answer.json)
        answer = p.request("GET", "/v1/audit/export?format=xml", headers=self.tenant.login())
        self.assertEqual((answer.status, stack.pointers(answer)), (422, ["/format"]))

    def test_a_super_admin_reads_all_and_it_shows(self):
        other = sign_up(unique("Autre"), plan="ENTERPRISE")
        stack.await_shown()
        found = self.pages("/v1/admin/audit", ADMIN, q=f"tenant:{self.tenant.id} tenant:{other.id} type:signup.requested")[0]
        self.assertEqual({record["tenant_id"] for record in found}, {self.tenant.id, other.id})
        mine = self.pages("/v1/admin/audit", ADMIN, q=f"tenant:{self.tenant.id} type:order.created", limit=200)[0]
        self.assertEqual(len(mine), ORDERS)
        searched = self.tenant.await_record("audit.searched")
        self.assertIn(f"tenant:{self.tenant.id}", searched[-1][2])
        self.assertEqual(other.records("audit.searched"), [])
        self.assertEqual(p.request("GET", "/v1/admin/audit", headers=self.tenant.token).status, 403)

    def test_ndjson(self):
        target = path("/v1/audit/export", q="type:order.created", order="asc")
        status, headers, body = fetch(target, self.tenant.token)
        self.assertEqual((status, headers["Content-Type"], headers["Content-Encoding"]), (200, "application/x-ndjson", None))
        exported = [json.loads(line) for line in body.decode().splitlines()]
        self.assertEqual(exported, self.member(q="type:order.created", order="asc", limit=200)[0])
        status, headers, packed = fetch(target, {**self.tenant.token, "Accept-Encoding": "gzip"})
        self.assertEqual((status, headers["Content-Encoding"]), (200, "gzip"))
        self.assertEqual(gzip.decompress(packed), body)
        self.assertLess(len(packed), len(body) / 4)

    def test_an_export_of_several_pages_has_each_record_once(self):
        def exported(route, headers, order):
            records = [json.loads(line) for line in fetch(path(route, order=order), headers)[2].splitlines()]
            return [record["sequence"] for record in records if record["tenant_id"] == self.tenant.id]

        rising = exported("/v1/audit/export", self.tenant.login(), "asc")
        self.assertGreater(len(rising), ORDERS)
        self.assertEqual(rising, list(range(len(rising))))
        stack.await_shown()
        for route, headers in (("/v1/audit/export", self.tenant.login()), ("/v1/admin/audit/export", ADMIN)):
            for order in ("asc", "desc"):
                with self.subTest(route=route, order=order):
                    found = exported(route, headers, order)
                    self.assertGreater(len(found), ORDERS)
                    self.assertEqual(sorted(found), list(range(len(found))))
        falling = exported("/v1/audit/export", self.tenant.login(), "desc")
        self.assertEqual(falling, sorted(falling, reverse=True))

    def test_csv_for_excel_begins_with_a_byte_order_mark(self):
        plain = fetch(path("/v1/audit/export", q="type:order.created", format="csv"), self.tenant.login())[2]
        marked = fetch(path("/v1/audit/export", q="type:order.created", format="csv", bom="1"), self.tenant.login())[2]
        self.assertTrue(plain.startswith(b"tenant_id,"), plain[:40])
        self.assertEqual(marked, b"\xef\xbb\xbf" + plain)
        for wrong in ({"format": "csv", "bom": "yes"}, {"format": "ndjson", "bom": "1"}):
            status, _, body = fetch(path("/v1/audit/export", **wrong), self.tenant.login())
            self.assertEqual((status, json.loads(body)["errors"][0]["pointer"]), (422, "/bom"), wrong)

    def test_csv_is_safe_in_spreadsheets(self):
        status, headers, body = fetch(path("/v1/audit/export", q="type:order.created", order="asc"), {**self.tenant.login(), "Accept": "text/csv"})
        self.assertEqual((status, headers["Content-Type"].split(";")[0]), (200, "text/csv"))
        rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
        self.assertEqual(len(rows), ORDERS)
        self.assertEqual([row["resource_id"] for row in rows[:2]], ["orders/0", "orders/1"])
        for row in rows:
            for value in row.values():
                self.assertNotIn(value[:1] or "x", "=+-@\t\r")
        self.assertEqual(json.loads(rows[7]["payload"])["note"], "=1+1")

    def test_an_export_is_on_record(self):
        before = len(self.tenant.records("audit.exported"))
        self.assertEqual(fetch(path("/v1/audit/export", q="type:none"), self.tenant.login())[2], b"")
        records = self.tenant.await_record("audit.exported", before + 1)
        self.assertIn("type:none", records[-1][2])
        self.assertEqual(self.member(q="action:export type:audit.exported", limit=1)[0][0]["actor"]["kind"], "user")
        fetch(path("/v1/admin/audit/export", q=f"tenant:{self.tenant.id} type:none"), ADMIN)
        self.tenant.await_record("audit.exported", before + 2)

    def tail(self, headers, route="/v1/audit/tail", **parameters):
        connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=30)
        connection.request("GET", path(route, **parameters), headers=headers)
        answer = connection.getresponse()
        self.addCleanup(connection.close)
        return answer

    def events(self, answer, count):
        """(id, record) of the next so many events."""
        found, last = [], None
        while len(found) < count:
            line = answer.readline()
            if not line:
                raise AssertionError(f"the stream ended after {found}")
            if line.startswith(b"id: "):
                last = line[4:].strip().decode()
            if line.startswith(b"data: "):
                found.append((last, json.loads(line[6:])))
        return found

    def publish(self, type_, count=1):
        for n in range(count):
            event = {"specversion": "1.0", "id": f"{type_}-{n}", "source": "/shop", "type": type_, "data": {"n": n}}
            self.assertEqual(self.tenant.post("/v1/events", event).status, 202)

    def test_a_tail_shows_what_comes_and_continues(self):
        answer = self.tail(self.tenant.token, q="type:tail.*")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/event-stream"))
        admin = self.tail(ADMIN, "/v1/admin/audit/tail", q="type:tail.*")
        self.publish("tail.first", 3)
        seen = self.events(answer, 3)
        self.assertEqual([record["payload"]["n"] for _, record in seen], [0, 1, 2])
        self.assertEqual([record["sequence"] for _, record in self.events(admin, 3)], [record["sequence"] for _, record in seen])
        # What came while nobody listened is told to who says what it has seen.
        again = self.tail({**self.tenant.token, "Last-Event-ID": seen[0][0]}, q="type:tail.first")
        self.assertEqual([record["payload"]["n"] for _, record in self.events(again, 2)], [1, 2])
        self.assertEqual(self.tail({**self.tenant.token, "Last-Event-ID": "x"}).status, 422)
        before = self.tail(self.tenant.token, q="type:order.created from:1h")
        self.assertEqual(len(self.events(before, ORDERS)), ORDERS)

    def test_a_tail_ends_with_the_right_to_it(self):
        other = sign_up(unique("Éteinte"), plan="ENTERPRISE")
        answer = self.tail(other.token, q="type:never.comes")
        p.admin("POST", f"/v1/admin/tenants/{other.id}/suspend", {"reason": "abuse"})
        while answer.readline():
            pass
        self.assertEqual(self.tail(other.token).status, 402)

    def test_few_listen_at_a_time(self):
        other = sign_up(unique("Bavarde"), plan="ENTERPRISE")
        answers = [self.tail(other.token) for _ in range(10)]
        self.assertEqual([answer.status for answer in answers], [200] * 10)
        self.assertEqual(self.tail(other.token).status, 429)
        self.assertEqual(self.tail(self.tenant.token).status, 200)

    def test_clients_that_leave_give_their_place_back(self):
        for _ in range(8):
            connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=60)
            connection.request("GET", path("/v1/audit/export", q=""), headers=self.tenant.login())
            connection.getresponse()
            connection.close()
        p.await_true("a place for the next export", lambda: fetch(path("/v1/audit/export", q=""), self.tenant.login())[0] == 200, 10)


if __name__ == "__main__":
    unittest.main()
