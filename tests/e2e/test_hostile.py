#!/usr/bin/python3
"""Thousands of hostile events over HTTP and AMQP: accepted is audited once, exactly, counted once, and exported.

TENANTRY_HOSTILE_EVENTS: how many over each way in (4000); TENANTRY_HOSTILE_SEED repeats a run.
"""
import asyncio
import collections
import csv
import http.client
import io
import json
import os
import random
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse
import uuid

import pika

import stack
from stack import p, sign_up, unique

sys.path.insert(0, os.path.join(stack.ROOT, "tests", "support"))
import hostile  # noqa: E402
import hostile_check  # noqa: E402
import hostile_publisher  # noqa: E402

COUNT = int(os.environ.pop("TENANTRY_HOSTILE_EVENTS", "4000"))
SEED = int(os.environ.pop("TENANTRY_HOSTILE_SEED", str(random.SystemRandom().randrange(2**31))))
TENANTS = 4
CLIENTS = 2  # of each tenant over HTTP
TOLD_MAX = 20
URL = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
BROKER = urllib.parse.urlsplit(p.env("TENANTRY_AMQP_URL"))
csv.field_size_limit(2**24)


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


def rows(query):
    """As the superuser, each row as JSON: what is text in it comes back as it is."""
    url = p.env("TENANTRY_TEST_SUPERUSER_URL").rsplit("/", 1)[0] + "/tenantry"
    # By COPY: as a table, psql leaves letters out that it cannot show. JSON has backslashes and nothing else to be escaped.
    done = subprocess.run(["psql", url, "-Xqc", f"COPY (SELECT to_json(r) FROM ({query}) r) TO STDOUT"], capture_output=True, check=True, timeout=600)
    return [json.loads(line.replace(b"\\\\", b"\\")) for line in done.stdout.split(b"\n") if line]


class Hostile(unittest.TestCase):
    def test_accepted_is_audited_once_and_exactly(self):
        print(f"TENANTRY_HOSTILE_SEED={SEED}", file=sys.stderr)
        self.outcomes, self.answers, self.lock, self.failures = {}, {}, threading.Lock(), []
        tenants = [sign_up(unique(f"Hostile {n}"), plan="ENTERPRISE") for n in range(TENANTS)]
        began = time.monotonic()
        posting = [threading.Thread(target=self.post, args=(tenant, n)) for tenant in tenants for n in range(CLIENTS)]
        for thread in posting:
            thread.start()
        asyncio.run(self.publish(tenants))
        published = time.monotonic() - began
        for thread in posting:
            thread.join()
        self.assertEqual(self.failures, [])
        sent = time.monotonic() - began
        self.await_settled(tenants)
        settled = time.monotonic() - began
        evidence = self.gather(tenants)
        findings = list(hostile_check.check(SEED, self.outcomes, evidence, answers=self.answers))
        told = collections.Counter((way, outcome) for (_, way, _), outcome in self.outcomes.items())
        print(f"{dict(told)}, {len(evidence.records)} records, {len(evidence.letters)} dead letters; published in {published:.0f} s, all sent in {sent:.0f} s, "
              f"handled in {settled:.0f} s, checked in {time.monotonic() - began:.0f} s", file=sys.stderr)
        if findings:
            self.fail(f"{len(findings)} findings of seed {SEED}:\n" + "\n".join(findings[:TOLD_MAX]))
        self.assertGreater(told["http", "accepted"], told["http", "refused"] / 2)
        self.assertGreater(sum(1 for each in evidence.records if each.marks), COUNT / 2)

    # ---- sending

    def post(self, tenant, client):
        try:
            connection, token, sent, k = None, tenant.login(), 0, client
            while sent < COUNT / TENANTS / CLIENTS:
                sending = hostile.make(SEED, tenant.id, "http", k)
                for tries in range(100):
                    connection = connection or http.client.HTTPConnection(URL.hostname, URL.port, timeout=60)
                    connection.putrequest("POST", "/v1/events", skip_accept_encoding=True)
                    for name, value in (*token.items(), ("Content-Length", str(len(sending.body))), *sending.fields):
                        connection.putheader(name, value)
                    connection.endheaders(sending.body)
                    try:
                        answer = connection.getresponse()
                    except (http.client.HTTPException, ConnectionError):
                        answer = None
                    if answer is None or answer.will_close:
                        status, body = (answer.status, answer.read()) if answer else (0, b"")
                        connection.close()
                        connection = None
                    else:
                        status, body = answer.status, answer.read()
                    if status in (429, 503):
                        time.sleep(float(answer.headers.get("Retry-After", 1)))  # as it was told
                        continue
                    if status == 401 and tries == 0:
                        token = tenant.login()
                        continue
                    break
                if not 200 <= status < 500:
                    raise AssertionError(f"{k} of {tenant.id}: {status} {body[:300]!r}")
                with self.lock:
                    self.answers[tenant.id, "http", k] = body[:400]
                    self.outcomes[tenant.id, "http", k] = "accepted" if status == 202 else "refused"
                sent, k = sent + len(sending.events), k + CLIENTS
            if connection is not None:
                connection.close()
        except BaseException as error:  # noqa: BLE001: told by the test
            self.failures.append(repr(error))

    async def publish(self, tenants):
        publishers = []
        for tenant in tenants:
            password = uuid.uuid4().hex
            p.management("PUT", "users/tenant-" + tenant.id, {"password": password, "tags": ""})
            login = pika.PlainCredentials("tenant-" + tenant.id, password)
            publishers.append(hostile_publisher.Publisher(pika.ConnectionParameters(BROKER.hostname, BROKER.port, "tenant-" + tenant.id, login), tenant.id + ".app", self.confirmed))
        for k in range(COUNT // TENANTS):
            for tenant, publisher in zip(tenants, publishers):
                publisher.send((tenant.id, "amqp", k), hostile.make(SEED, tenant.id, "amqp", k))
            while any(each.busy > 400 for each in publishers):
                await self.step(publishers)
        while any(each.busy for each in publishers):
            await self.step(publishers)
        for each in publishers:
            each.close()
        await asyncio.sleep(0.1)  # the loop closes them

    async def step(self, publishers):
        await asyncio.sleep(0.01)  # lets the loop read confirms
        refused = [each.refused for each in publishers if each.refused]
        if refused:
            self.failures.append(refused[0])
            raise AssertionError(refused[0])

    def confirmed(self, token):
        with self.lock:
            self.outcomes[token] = "accepted"

    # ---- what became of it

    def await_settled(self, tenants):
        """Nothing of these tenants waits in a queue or in the outbox."""
        names = ",".join(f"'{tenant.id}'" for tenant in tenants)

        def counts():
            waiting = rows(f"SELECT count(*) AS n FROM messaging.outbox WHERE tenant_id IN ({names}) AND timer_key IS NULL")[0]["n"]
            queued = [queue.get("messages", 1) for tenant in tenants for queue in p.management("GET", f"queues/tenant-{tenant.id}").json]
            handled = rows(f"SELECT (SELECT count(*) FROM audit.records WHERE tenant_id IN ({names})) + (SELECT count(*) FROM messaging.dead_letters) AS n")[0]["n"]
            return waiting + sum(queued), handled
        last = None
        deadline, since = time.monotonic() + 600, time.monotonic()
        while time.monotonic() - since < 6:  # the broker's own figures are up to five seconds old
            self.assertLess(time.monotonic(), deadline, f"never settled: {last}")
            time.sleep(0.5)
            now = counts()
            if now != last or now[0]:
                last, since = now, time.monotonic()

    def gather(self, tenants):
        names = ",".join(f"'{tenant.id}'" for tenant in tenants)
        wrapped = {row["key_id"]: bytes.fromhex(row["key"]) for row in rows(f"SELECT key_id, encode(wrapped_key, 'hex') AS key FROM audit.keys WHERE tenant_id IN ({names})")}
        keys = hostile_check.Keys(p.env("TENANTRY_MASTER_KEY"), wrapped)
        records = []
        for row in rows("SELECT tenant_id, sequence, event_id, encode(leaf, 'hex') AS leaf, payload::text AS payload FROM audit.records "
                        f"WHERE tenant_id IN ({names}) ORDER BY tenant_id, sequence"):
            leaf = json.loads(bytes.fromhex(row["leaf"]))
            records.append(hostile_check.Record(row["tenant_id"], row["sequence"], row["event_id"], leaf, keys.personal(leaf), row["payload"]))
        letters = [hostile_check.Letter(row["worker"], row["tenant_id"], row["reason"], "\n".join((row["routing_key"], row["properties"], row["error"])).encode() + b"\n" + bytes.fromhex(row["body"]))
                   for row in rows(f"SELECT worker, tenant_id, reason, routing_key, properties::text, error, encode(body, 'hex') AS body FROM messaging.dead_letters WHERE tenant_id IN ({names})")]
        counters = {(row["tenant_id"], row["metric"], row["span"], row["window"]): (float(row["quantity"]), row["events"]) for row in rows(
            "SELECT tenant_id, metric, span, to_char(window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI') AS window, quantity::text, events "
            f"FROM metering.counters WHERE tenant_id IN ({names})")}
        exported = {tenant.id: self.export(tenant, [each for each in records if each.tenant == tenant.id]) for tenant in tenants}
        return hostile_check.Evidence(records, letters, counters, exported)

    def export(self, tenant, records):
        """The marks in an export of all; both formats hold the same records."""
        marks = {each.sequence: {mark.decode() for mark in each.marks} for each in records}
        last = records[-1].sequence

        def lines(format_):
            connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=300)
            connection.request("GET", "/v1/audit/export?order=asc&format=" + format_, headers=tenant.login())
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            text = answer.read().decode()
            connection.close()
            return [json.loads(line) for line in text.split("\n") if line] if format_ == "ndjson" else list(csv.DictReader(io.StringIO(text, newline="")))
        sequences = {format_: [int(line["sequence"]) for line in lines(format_)] for format_ in ("ndjson", "csv")}
        for format_, found in sequences.items():
            self.assertEqual(found, list(range(len(found))), f"{format_}: each record once, in order")
            self.assertGreater(len(found), last)
        return collections.Counter(mark for sequence in sequences["ndjson"] for mark in marks.get(sequence, ()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
