"""What reading the audit log costs: a million records of fifty tenants over twelve months, made in SQL.

Pages are asked for over HTTP by members of five of the tenants on a connection that stays, one request after another, so a
time is that of the whole answer. Each search runs for every tenant; the first round, which finds nothing in PostgreSQL's
memory, counts as well. The export is the super-admin's, of every record, read as fast as it comes.
"""
import http.client
import os
import subprocess
import sys
import time
import urllib.parse
import uuid

from bench import ROOT, Failed, memory_of, say
from figures import Floor, at_most, median, percentile

sys.path.insert(0, os.path.join(ROOT, "tools"))
import platform_client as p  # noqa: E402

SUMMARY = "searches, pages and exports of a million audit records"
ORDER = 55
TENANTS, MEMBERS = 50, 5
ROUNDS = 12

# What the issue asks of each: the figure, a search (n: the round), the floor in ms of its p95.
SEARCHES = (
    ("a tenant's last hour", lambda n: "from:1h", 5),
    ("an actor's history", lambda n: f"actor:user-{(n * 37) % 200}", 50),
    ("a resource's history", lambda n: f"resource:client/client-{(n * 131) % 2000}", 50),
    ("type and time", lambda n: f"type:payment.* from:2{n % 6 + 1}w to:{n % 6 + 1}w", 50),
    ("a rare type and outcome", lambda n: "type:report.* outcome:success crud:read", 50),
    ("a kind of actor and a day", lambda n: f"actor:service from:{n + 8}d to:{n + 7}d", 50),
    ("text, a common word", lambda n: "martin", 200),
    ("text, one record in a thousand", lambda n: "pelican", 200),
    ("text, one record of the tenant", lambda n: "okapi", 200),
    ("text, in no record", lambda n: f"nowhere{n}", 200),
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


def make_records(bench, named, records):
    began = time.monotonic()
    subprocess.run(["psql", bench.database_url, "-q", "-v", f"records={records}", "-v", f"tenants={TENANTS}",
                    "-v", "named=" + ",".join(named), "-f", os.path.join(ROOT, "tests", "bench", "audit_records.sql")],
                   check=True, stdout=subprocess.DEVNULL, timeout=1800)
    say(f"{records:,} records made in {time.monotonic() - began:.0f} s")


def listens():
    try:
        return p.request("GET", "/readyz").status == 200
    except OSError:
        return False


def connect():
    url = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
    return http.client.HTTPConnection(url.hostname, url.port, timeout=300)


def pages(connection, tokens, search):
    """Milliseconds of each first page, and how many records they held."""
    times, records = [], 0
    for n in range(ROUNDS):
        for token in tokens:
            target = "/v1/audit?" + urllib.parse.urlencode({"q": search(n)})
            began = time.perf_counter()
            connection.request("GET", target, headers=token)
            answer = connection.getresponse()
            body = answer.read()
            times.append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                raise Failed(f"{target}: {answer.status} {body[:300]!r}")
            records += body.count(b'{"tenant_id":')
    return times, records


def export(bench, process, form, accept, records):
    """Records a second, and the largest growth of our memory meanwhile, sampled between pieces."""
    headers = {"Authorization": "Bearer " + p.env("TENANTRY_ADMIN_TOKEN"), **accept}
    connection = connect()
    before = largest = memory_of(process.pid)
    began = time.monotonic()
    connection.request("GET", f"/v1/admin/audit/export?order=asc&format={form}", headers=headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise Failed(f"export: {answer.status} {answer.read()[:300]!r}")
    lines, size, sampled = 0, 0, began
    while piece := answer.read(1 << 20):
        size += len(piece)
        if not accept:
            lines += piece.count(b"\n")
        if time.monotonic() - sampled > 0.2:
            sampled = time.monotonic()
            largest = max(largest, memory_of(process.pid))
    took = time.monotonic() - began
    connection.close()
    if not accept and lines < records:
        raise Failed(f"the export had {lines} of {records} lines")
    say(f"{form}{' gzip' if accept else ''}: {size / 1e6:,.0f} MB in {took:.1f} s")
    return records / took, (largest - before) / 1e6


def run(bench):
    records = 1_000_000
    with bench.ours("gateway", "signup", "provisioning") as process:  # no audit worker: nothing else is recorded
        p.await_true("the gateway listens", listens, 30)
        members = [member(bench.sql) for _ in range(MEMBERS)]
        make_records(bench, [tenant for tenant, _ in members], records)
        connection = connect()
        for name, search, floor in SEARCHES:
            with bench.cpu() as cpu:
                times, found = pages(connection, [token for _, token in members], search)
            bench.figure(f"{name}, p95", percentile(times, 95), "ms", floor=at_most(floor), cpu=cpu,
                         note=f"median {median(times):.1f} ms, slowest {max(times):.1f}; {found / len(times):.0f} records a page")
        for form, accept, floor in (("ndjson", {}, Floor(100_000, sense="at_least")), ("csv", {}, None),
                                    ("ndjson", {"Accept-Encoding": "gzip"}, None)):
            with bench.cpu() as cpu:
                rate, memory = export(bench, process, form, accept, records)
            kind = f"export, {form}{', gzip' if accept else ''}"
            bench.figure(kind, rate, "records/s", floor=floor, cpu=cpu)
            bench.figure(f"{kind}: memory", memory, "MB", floor=at_most(50))
