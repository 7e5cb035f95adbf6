"""What reading the audit log costs: a million records of fifty tenants over twelve months, made in SQL and then signed by
tenantry-signer, which signs only logs whose records, nodes and heads fit together.

Pages and proofs are asked for over HTTP by members of five of the tenants on a connection that stays, one request after
another, so a time is that of the whole answer. Each search runs for every tenant, and its first round counts. What is not
measured is a gateway that has just started: before the first search every member has read its oldest records, so that
each lane has its connection, and each token is known. Exports are read as fast as they come: the super-admin's has every record, the members'
come one after another.
"""
import http.client
import json
import os
import random
import subprocess
import sys
import time
import urllib.parse
import uuid

from bench import ROOT, Failed, Ours, memory_of, say, until
from figures import Floor, at_most, median, percentile

sys.path[:0] = [os.path.join(ROOT, "tools"), os.path.join(ROOT, "tests", "e2e")]
import audit_verifier  # noqa: E402
import platform_client as p  # noqa: E402

SUMMARY = "searches, pages, proofs and exports of a million audit records"
ORDER = 55
TENANTS, MEMBERS, RECORDS = 50, 5, 1_000_000
ROUNDS = 12
LANES = 8  # of the gateway, at most
PROOFS = 300
PIECE = 1 << 20  # bytes of an export that are read at once

# What the issue asks of each: the figure, a search (n: the round), the floor in ms of its p95, whether it finds anything.
SEARCHES = (
    ("a tenant's last hour", lambda n: "from:1h", 5, True),
    ("an actor's history", lambda n: f"actor:user-{(n * 37) % 200}", 50, True),
    ("a resource's history", lambda n: f"resource:client/client-{(n * 131) % 2000}", 50, True),
    ("type and time", lambda n: f"type:payment.* from:2{n % 6 + 1}w to:{n % 6 + 1}w", 50, True),
    ("a rare type and outcome", lambda n: "type:report.* outcome:success crud:read", 50, True),
    ("a kind of actor and a day", lambda n: f"actor:service from:{n + 8}d to:{n + 7}d", 50, True),
    ("text, a common word", lambda n: "martin", 200, True),
    ("text, one record in a thousand", lambda n: "pelican", 200, True),
    ("text, one record of the tenant", lambda n: "okapi", 200, True),
    ("text, in no record", lambda n: f"nowhere{n}", 200, False),
)


def member(sql):
    """(tenant, its owner's token), whose requests nobody counts out."""
    name, mail = "Bench " + uuid.uuid4().hex[:6], f"owner.{uuid.uuid4().hex[:8]}@bench.example"
    answer = p.request("POST", "/signup", p.signup_body(name, mail, plan="ENTERPRISE"))
    if answer.status != 201:
        raise Failed(f"signup: {answer}")
    tenant = answer.json["tenant_id"]
    p.await_true(f"{tenant} is there", lambda: p.tenant_status(tenant) == "trial", 60)
    sql.rows(f"INSERT INTO platform.overrides (tenant_id, name, value) VALUES ('{tenant}', 'requests_per_minute', '-1')")
    token = p.login(tenant, mail)
    p.await_true("no rate limit", lambda: "RateLimit" not in p.request("GET", "/v1/me", headers=token).headers, 10)
    return tenant, token


def make_records(bench, named):
    began = time.monotonic()
    subprocess.run(["psql", bench.database_url, "-q", "-v", f"records={RECORDS}", "-v", f"tenants={TENANTS}",
                    "-v", "named=" + ",".join(named), "-f", os.path.join(ROOT, "tests", "bench", "audit_records.sql")],
                   check=True, stdout=subprocess.DEVNULL, timeout=1800)
    say(f"{RECORDS:,} records made in {time.monotonic() - began:.0f} s")


def sign(bench):
    began = time.monotonic()
    signer = Ours([bench.program("tenantry-signer")], os.path.join(bench.dir, "log", f"{bench.name}-signer.log"),
                  TENANTRY_SIGNER_INTERVAL_MS="100", TENANTRY_SIGNER_RECHECK_RECORDS="0")
    unsigned = ("SELECT count(*) FROM audit.heads h WHERE size > 0 AND NOT EXISTS "
                "(SELECT FROM audit.checkpoints c WHERE c.tenant_id = h.tenant_id AND c.size = h.size)")
    try:
        until("every log is signed", lambda: signer.check() or bench.sql.value(unsigned) == "0", 600, every=0.5)
    finally:
        signer.stop()
    say(f"signed in {time.monotonic() - began:.0f} s")


def listens():
    try:
        return p.request("GET", "/readyz").status == 200
    except OSError:
        return False


def connect():
    url = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
    return http.client.HTTPConnection(url.hostname, url.port, timeout=300)


def get(connection, target, headers):
    """(body, milliseconds of the whole answer)"""
    began = time.perf_counter()
    connection.request("GET", target, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    took = (time.perf_counter() - began) * 1000
    if answer.status != 200:
        raise Failed(f"{target}: {answer.status} {body[:300]!r}")
    return body, took


def pages(connection, tokens, search):
    """Milliseconds of each first page, and how many records they held."""
    times, records = [], 0
    for n in range(ROUNDS):
        for token in tokens:
            body, took = get(connection, "/v1/audit?" + urllib.parse.urlencode({"q": search(n)}), token)
            times.append(took)
            records += body.count(b'{"tenant_id":')
    return times, records


def proofs(connection, members, sizes):
    """Milliseconds of proofs of inclusion of records drawn at random; each holds for a reader that is not ours."""
    keys, _ = get(connection, "/.well-known/tenantry/audit-keys", {})
    key = json.loads(keys)["keys"][0]["public_key"]
    draw = random.Random(7)
    times, found = [], []
    for n in range(PROOFS):
        tenant, token = members[n % len(members)]
        sequence = draw.randrange(sizes[tenant])
        body, took = get(connection, f"/v1/audit/proof?sequence={sequence}", token)
        times.append(took)
        found.append((tenant, sequence, body.decode()))
    for tenant, sequence, proof in found:
        said = audit_verifier.verify(proof, key)
        if f"record {sequence} is in " not in said or f"/audit/{tenant}, {sizes[tenant]} records" not in said:
            raise Failed(f"a proof of record {sequence} of {tenant} proves something else: {said}")
    return times


class Reading:
    """What came of one or more exports: their records, bytes and time, and the largest growth of our memory meanwhile."""

    def __init__(self, process):
        self.process, self.before = process, memory_of(process.pid)
        self.lines = self.size = 0
        self.seconds, self.largest = 0.0, self.before

    def read(self, target, headers):
        connection = connect()
        began = time.monotonic()
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise Failed(f"{target}: {answer.status} {answer.read()[:300]!r}")
        sampled = began
        piece = bytearray(PIECE)
        while count := answer.readinto(piece):
            self.size += count
            self.lines += piece.count(b"\n", 0, count)
            if time.monotonic() - sampled > 0.2:
                sampled = time.monotonic()
                self.largest = max(self.largest, memory_of(self.process.pid))
        self.seconds += time.monotonic() - began
        connection.close()

    def show(self, bench, name, records, floor, cpu):
        each = "; ".join(f"{group} {cpu[group] / records * 1e6:.1f}" for group in ("ours", "database", "load"))
        bench.figure(name, records / self.seconds, "records/s", floor=floor, cpu=cpu,
                     note=f"{self.size / 1e6:,.0f} MB in {self.seconds:.1f} s; µs of CPU a record: {each}")
        bench.figure(f"{name}: memory", (self.largest - self.before) / 1e6, "MB", floor=at_most(50))


def export_all(bench, process, form, accept, floor):
    reading = Reading(process)
    with bench.cpu() as cpu:
        reading.read(f"/v1/admin/audit/export?order=asc&format={form}",
                     {"Authorization": "Bearer " + p.env("TENANTRY_ADMIN_TOKEN"), **accept})
    if form == "ndjson" and not accept and reading.lines != RECORDS:
        raise Failed(f"the export had {reading.lines} of {RECORDS} lines")
    reading.show(bench, f"export of all tenants, {form}{', gzip' if accept else ''}", RECORDS, floor, cpu)


def export_each(bench, process, members, sizes, floor):
    reading = Reading(process)
    with bench.cpu() as cpu:
        for _, token in members:
            reading.read("/v1/audit/export?order=asc&format=ndjson", token)
    records = sum(sizes[tenant] for tenant, _ in members)
    if reading.lines != records:
        raise Failed(f"the exports of {len(members)} tenants had {reading.lines} of {records} lines")
    reading.show(bench, "export of a tenant, ndjson", records, floor, cpu)


def run(bench):
    with bench.ours("gateway", "signup", "provisioning") as process:  # no audit worker: nothing else is recorded
        p.await_true("the gateway listens", listens, 30)
        members = [member(bench.sql) for _ in range(MEMBERS)]
        make_records(bench, [tenant for tenant, _ in members])
        sign(bench)
        sizes = {tenant: int(size) for tenant, size in bench.sql.rows("SELECT tenant_id, size FROM audit.heads")}
        connection = connect()
        for _, token in members * LANES:
            get(connection, "/v1/audit?order=asc&limit=1", token)
        for name, search, floor, finds in SEARCHES:
            with bench.cpu() as cpu:
                times, found = pages(connection, [token for _, token in members], search)
            if (found > 0) != finds:
                raise Failed(f"{name}: {found} records in {len(times)} pages")
            bench.figure(f"{name}, p95", percentile(times, 95), "ms", floor=at_most(floor), cpu=cpu,
                         note=f"median {median(times):.1f} ms, slowest {max(times):.1f}; {found / len(times):.0f} records a page")
        with bench.cpu() as cpu:
            times = proofs(connection, members, sizes)
        bench.figure("proof of inclusion, p95", percentile(times, 95), "ms", floor=at_most(10), cpu=cpu,
                     note=f"median {median(times):.1f} ms, slowest {max(times):.1f}; {len(times)} records, all verified")
        rate = Floor(100_000, sense="at_least")
        export_all(bench, process, "ndjson", {}, rate)
        export_each(bench, process, members, sizes, rate)
        export_all(bench, process, "csv", {}, None)
        export_all(bench, process, "ndjson", {"Accept-Encoding": "gzip"}, None)
