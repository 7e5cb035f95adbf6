"""What a person at the web console waits for, and what open consoles cost the gateway.

A stack with 1,000 tenants, vhosts for a hundred of them, and a million audit records (made and signed as for `audit-query`);
a real Chromium (workers/gateway/console/test/speed.mjs), which shares the cores with all of it. The baseline of each figure is
the budget of the console's design, and its floor four times that, since nobody's machine is quiet; a page's first visit counts
for a cold browser only. A view is there once its own heading stands and nothing of it is waiting; a press, once the frame that
follows it is painted.

Then 200 open consoles, each of another company, half of which write: their event streams are held by plain sockets, with the
cookies that the console has.
"""
import http.client
import importlib
import json
import os
import selectors
import socket
import time
import urllib.parse

from bench import AUDITED, ROOT, Failed, Tool, cpu_of_trees, memory_of, say, until, warm_up
from figures import at_most, median, percentile, ratio_at_most

import platform_client as p

SUMMARY = "the console's budgets in a real browser, and what 200 open consoles cost"
ORDER = 56
TENANTS, VHOSTS, LISTED = 1000, 100, 10_000
HEADROOM = 4  # for a machine that does something else, too
ROUNDS = 3
CONSOLES = 200
PASSWORD = "Une-Baguette-Bien-Cuite-42"

# No two neighbours are one view: it is known by its heading.
ADMIN_VIEWS = ["/console", "/console/tenants", "/console/tenants/{tenant}", "/console/analytics", "/console/tenants/{tenant}?tab=resources",
               "/console/availability", "/console/tenants/{tenant}?tab=billing", "/console/flags", "/console/tenants/{tenant}?tab=limits",
               "/console/queues", "/console/tenants/{tenant}?tab=analytics", "/console/dead-letters", "/console/tenants/{tenant}?tab=availability",
               "/console/stripe", "/console/tenants/{tenant}?tab=flags", "/console/audit", "/console/proofs",
               "/console/audit?q=type:payment.*%20outcome:failure%20from:7d", "/console/tail", "/docs", "/docs/events"]
MEMBER_VIEWS = ["/console", "/console/usage", "/console/analytics", "/console/availability", "/console/settings", "/console/users", "/console/roles",
                "/console/keys", "/console/plan", "/console/invoices", "/console/audit", "/console/proofs?sequence=3", "/console/account", "/console/tail"]


class Browser:
    def __init__(self, bench):
        self.tool = Tool(bench, ["node", os.path.join(ROOT, "workers", "gateway", "console", "test", "speed.mjs")], 120)

    def do(self, act, **told):
        self.tool.process.stdin.write(json.dumps({"act": act, **told}).encode() + b"\n")
        self.tool.process.stdin.flush()
        answer = self.tool.line(300)
        if "error" in answer:
            raise Failed(f"{act}: {answer['error']}")
        return answer["value"]

    def close(self):
        self.tool.close()


def crowd(sql, first, end):
    """Tenants that are rows and no more, as a list of them shows them."""
    sql.rows("INSERT INTO platform.tenants (tenant_id, company_name, company_email, status, status_since, plan, plan_version, "
             "trial_ends_at, vhost_ready, vhost_present, created_at, updated_at) "
             "SELECT 'crowd-' || lpad(i::text, 5, '0'), 'Company ' || i, '', CASE WHEN i % 3 = 0 THEN 'trial' ELSE 'active' END, "
             "now() - i * interval '1 hour', CASE WHEN i % 2 = 0 THEN 'STARTER' ELSE 'PROFESSIONAL' END, 1, now() + interval '10 days', "
             f"true, false, now() - i * interval '1 hour', now() FROM generate_series({first}, {end - 1}) AS i")


def within(bench, name, value, unit, budget, cpu, note=""):
    bench.figure(name, value, unit, baseline="the budget", baseline_value=budget, floor=ratio_at_most(HEADROOM), cpu=cpu, note=note)


def views(bench, browser, who, whose, paths):
    with bench.cpu() as cpu:
        found = browser.do("views", who=who, paths=paths, times=ROUNDS)
    times = sorted(((median(each), path) for path, each in found.items()), reverse=True)
    say(f"{who}: " + ", ".join(f"{path} {took:.0f}" for took, path in times) + " ms")
    within(bench, f"slowest view of {whose}", times[0][0], "ms", 100, cpu,
           f"{times[0][1]}; of {len(times)} views, median {median([took for took, _ in times]):.0f} ms")


def waits(bench, browser, tenant):
    for name, who, path in (("first view, cold: the login", None, "/login"), ("first view, cold: a super-admin's", "admin", "/console"),
                            ("first view, cold: a member's", "member", "/console")):
        with bench.cpu() as cpu:
            times = browser.do("cold", who=who, path=path, times=5)
        within(bench, name, median(times), "ms", 500, cpu, f"slowest of {len(times)}: {max(times):.0f} ms")
    views(bench, browser, "admin", "a super-admin's", [path.replace("{tenant}", tenant) for path in ADMIN_VIEWS])
    views(bench, browser, "member", "a member's", MEMBER_VIEWS)
    with bench.cpu() as cpu:
        times = browser.do("presses", rounds=6)
    if len(times) < 100:
        raise Failed(f"only {len(times)} presses were seen")
    within(bench, "a press to its paint, p95", percentile(times, 95), "ms", 50, cpu, f"{len(times)} keys and clicks; median {median(times):.0f} ms, slowest {max(times):.0f}")
    crowd(bench.sql, TENANTS, LISTED)
    with bench.cpu() as cpu:
        found = browser.do("views", who="admin", paths=["/console/stripe", "/console/tenants"], times=7)["/console/tenants"]
    within(bench, f"first page of {LISTED:,} tenants", median(found), "ms", 150, cpu, f"slowest of {len(found)}: {max(found):.0f} ms")
    with bench.cpu() as cpu:
        scrolled = browser.do("scroll", path="/console/tenants", seconds=4)
    frames = scrolled["frames"]
    within(bench, "scrolling: a frame, p95", percentile(frames, 95), "ms", 1000 / 60, cpu,
           f"{scrolled['rows']} rows, {len(frames)} frames, median {median(frames):.1f} ms")


def tail(bench, browser):
    """What a page that follows a hundred records a second keeps."""
    seconds, rate = 600 if bench.long else 60, 100
    browser.do("tail", search="type:order.created")
    with bench.cpu() as cpu:
        load = bench.load("audit", VHOSTS, rate=rate, seconds=seconds, wait=True)
        load.ready()
        load.go()
        began, heaps = time.monotonic(), []
        while time.monotonic() - began < seconds - 4:
            time.sleep(4)  # the time in which a page grows is what is measured
            heaps.append(browser.do("heap"))
        load.result()
    sent = rate * seconds

    def all_there():
        shown = browser.do("tailed")
        return shown["rows"] + shown["gone"] >= sent and shown
    shown = until("the page has had every record", all_there, 30, every=0.5)
    if shown["rows"] + shown["gone"] != sent:
        raise Failed(f"the page has had {shown} of {sent} records")
    # What is kept of the last records is there after the first 2,000; a third begins behind them.
    third = len(heaps) // 3
    grown = (median(heaps[-third:]) - median(heaps[third:2 * third])) / 1e6
    within(bench, "tail: a page grows by", grown, "MB", 1, cpu,
           f"{rate} records/s for {seconds} s, all {sent:,} seen; the last third beyond the second, after collecting garbage; {heaps[-1] / 1e6:.1f} MB at the end")


def stream_of(url, cookie):
    connection = socket.create_connection((url.hostname, url.port))
    connection.sendall((f"GET /v1/audit/tail HTTP/1.1\r\nHost: {url.netloc}\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n"
                        "Accept: text/event-stream\r\n\r\n").encode())
    answer = connection.recv(1 << 16, socket.MSG_PEEK)
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise Failed(f"a stream: {answer[:300]!r}")
    return connection


def log_in(url, tenant, mail):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.request("POST", "/auth/login", json.dumps({"email": mail, "password": PASSWORD}), {
        "Content-Type": "application/json", "X-Tenantry": "1", "Sec-Fetch-Site": "same-origin", "X-Tenant-ID": tenant})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise Failed(f"login at {tenant}: {answer.status} {body[:300]!r}")
    cookie = answer.headers["Set-Cookie"].split(";")[0]
    connection.close()
    return cookie


class Streams:
    """Open streams, read as they come."""

    def __init__(self, connections):
        self.selector, self.records, self.begun = selectors.DefaultSelector(), 0, 0
        self.connections = connections
        for each in self.connections:
            each.setblocking(False)
            self.selector.register(each, selectors.EVENT_READ)

    def read(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for key, _ in self.selector.select(left):
                text = key.fileobj.recv(1 << 16)
                if not text:
                    raise Failed("a stream has ended")
                self.begun += text.count(b": follows")
                self.records += text.count(b"\ndata: ")

    def close(self):
        for each in self.connections:
            each.close()


def consoles(bench, gateway, mail):
    """CPU and memory of the gateway while so many consoles are open, each at a company of its own."""
    url, seconds, rate = urllib.parse.urlsplit(p.env("TENANTRY_URL")), 60 if bench.long else 20, 10
    companies = [f"bench-{i:04d}" for i in range(CONSOLES // 2)] + [f"crowd-{i:05d}" for i in range(CONSOLES // 2)]
    listed = ", ".join(f"'{each}'" for each in companies)
    bench.sql.rows("INSERT INTO platform.memberships (tenant_id, user_id, role, state_since, created_at) SELECT t.tenant_id, u.user_id, 'owner', now(), now() "
                   f"FROM platform.tenants t, platform.users u WHERE t.tenant_id IN ({listed}) AND u.email = '{mail}'")
    cookies = bench.in_parallel(lambda company: log_in(url, company, mail), companies)
    before = memory_of(gateway.pid)
    streams = Streams(bench.in_parallel(lambda cookie: stream_of(url, cookie), cookies))
    until("every stream has begun", lambda: streams.read(0.2) or streams.begun == CONSOLES, 60)
    for name, sent in (("nobody writing", 0), (f"{rate} records/s", rate * seconds)):
        streams.records = 0
        if sent:
            load = bench.load("audit", CONSOLES // 2, rate=rate, seconds=seconds, wait=True)
            load.ready()
            load.go()
        began, used = time.monotonic(), cpu_of_trees([gateway.pid])
        with bench.cpu() as cpu:
            streams.read(seconds)
        percent = 100 * (cpu_of_trees([gateway.pid]) - used) / (time.monotonic() - began)
        if sent:
            load.result()
            until("every record has come", lambda: streams.read(0.2) or streams.records >= sent, 30)
        bench.figure(f"{CONSOLES} open consoles, {name}: CPU", percent, "% of a core", floor=at_most(5), cpu=cpu,
                     note=f"of the gateway; {streams.records} records were shown")
    bench.figure(f"{CONSOLES} open consoles: memory", (memory_of(gateway.pid) - before) / 1e6, "MB", floor=at_most(50), note=f"beyond {before / 1e6:.0f} MB")
    streams.close()


def run(bench):
    audit_query = importlib.import_module("benches.audit-query")
    bench.tenants(VHOSTS)
    with bench.ours("gateway", "signup", "provisioning"):  # no audit worker: nothing else is recorded
        p.await_true("the gateway listens", audit_query.listens, 30)
        tenant, _ = audit_query.member(bench.sql)
    crowd(bench.sql, 0, TENANTS - VHOSTS)
    audit_query.make_records(bench, [tenant])
    audit_query.sign(bench)
    mail = bench.sql.value(f"SELECT u.email FROM platform.users u JOIN platform.memberships m USING (user_id) WHERE m.tenant_id = '{tenant}'")
    at = f"http://localhost:{urllib.parse.urlsplit(p.env('TENANTRY_URL')).port}"  # a browser takes the cookie from localhost alone
    with bench.ours("gateway") as gateway, bench.ours("audit") as worker:
        p.await_true("the gateway listens", audit_query.listens, 30)
        warm_up(bench, "audit", VHOSTS, AUDITED, worker)
        browser = Browser(bench)
        browser.do("admin", at=at, token=p.env("TENANTRY_ADMIN_TOKEN").split(",")[0].rpartition(":")[2])
        browser.do("member", at=at, tenant=tenant, email=mail, password=PASSWORD)
        waits(bench, browser, tenant)
        tail(bench, browser)
        browser.close()
        consoles(bench, gateway, mail)
