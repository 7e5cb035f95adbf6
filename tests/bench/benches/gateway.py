#!/usr/bin/python3
"""GET /v1/me with an ES256 token, beside Fastify with @fastify/jwt (HS256) answering a constant.

Throughput: wrk, 32 keep-alive connections, one thread; ours and Fastify by turns in the same run, medians of three. CPU time
of GET /v1/analytics/activity with a machine's key and as a person of a role that the tenant has made, beside its owner's (rounds.py).
Latency at half of our own throughput: bench_http sends at that fixed rate over 32 connections and counts each
request's time from the moment it was due (wrk has no rate, and forgets what it would have sent while it waited).

Needs wrk, node and npm. Beside ./dev bench it runs alone against a stack of ./dev up:
    . .dev/env && tests/bench/benches/gateway.py
"""
import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import types
import urllib.parse
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import platform_client as p  # noqa: E402

SUMMARY = "authenticated reads beside Fastify with @fastify/jwt"
ORDER = 50
CONNECTIONS = 32
ROUNDS = 3
RATIO_MIN, P99_MAX_MS = 1.5, 5
PEER = os.path.join(os.path.dirname(HERE), "peers", "fastify")
UNLIMITED = -1


FOR_ALL = "/v1/analytics/activity"  # kept in memory like /v1/me, and open to machines
TURNS = 30
COST = 5  # % of the owner's, at most: what another kind of caller may cost more


def company(sql):
    """A tenant whose requests nobody counts out, through the front door: (tenant, the owner's address and headers)."""
    name = "Bench " + uuid.uuid4().hex[:6]
    mail = f"owner.{uuid.uuid4().hex[:8]}@bench.example"
    answer = p.request("POST", "/signup", p.signup_body(name, mail, plan="ENTERPRISE"))
    if answer.status != 201:
        raise AssertionError(f"signup: {answer}")
    tenant = answer.json["tenant_id"]
    p.await_true(f"{tenant} is there", lambda: p.tenant_status(tenant) == "trial", 60)
    sql("INSERT INTO platform.overrides (tenant_id, name, value) "
        f"VALUES ('{tenant}', 'requests_per_minute', '{UNLIMITED}')")
    owner = p.login(tenant, mail)
    p.await_true("no rate limit", lambda: "RateLimit" not in p.request("GET", "/v1/me", headers=owner).headers, 10)
    return tenant, mail, owner


def token_of(headers):
    return headers["Authorization"].split(" ")[1]


def tenant_token(sql):
    return token_of(company(sql)[2])


def callers(sql):
    """The tokens of such a tenant's owner, of a machine and of a person of a role of the tenant's own. Mails must go."""
    tenant, mail, owner = company(sql)
    p.confirm_address(owner, mail)
    key = made(owner, "/v1/api-keys", {"name": "Import", "permissions": ["usage:read"]})["key"]
    made(owner, "/v1/roles", {"role": "seller", "permissions": ["usage:read", "clients:update:own"]})
    seller, password = f"seller.{uuid.uuid4().hex[:8]}@bench.example", "Une-Baguette-Bien-Cuite-42"
    made(owner, "/v1/users", {"email": seller, "role": "seller"})
    made({}, f"/v1/invitations/{p.mailed_token('inv', seller)}/accept",
         {"first_name": "Paul", "last_name": "Durand", "password": password, "accept_terms": True})
    return {"owner": token_of(owner), "machine key": key, "person of a custom role": token_of(p.login(tenant, seller, password))}


def made(headers, path, body):
    answer = p.request("POST", path, body, headers)
    if answer.status != 201:
        raise AssertionError(f"POST {path}: {answer}")
    return answer.json


def wrk(url, token, seconds, path="/v1/me"):
    """Requests answered in a second, and milliseconds of the slowest hundredth, in a closed loop at full load."""
    done = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency",
                           "-H", "Authorization: Bearer " + token, url + path],
                          check=True, capture_output=True, text=True, timeout=seconds + 60).stdout
    if "Non-2xx" in done or "Socket errors" in done:
        raise AssertionError(done)
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", done).groups()
    p99 = float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done).group(1)), p99


def at_rate(program, url, token, rate, seconds):
    """bench_http's JSON: latencies at a fixed rate, in microseconds."""
    target = urllib.parse.urlsplit(url)
    done = subprocess.run([program, "--host", target.hostname, "--port", str(target.port), "--path", "/v1/me",
                           "--rate", str(rate), "--seconds", str(seconds), "--connections", str(CONNECTIONS)],
                          env={**os.environ, "TENANTRY_BENCH_TOKEN": token},
                          check=True, capture_output=True, text=True, timeout=seconds + 180)
    result = json.loads(done.stdout)
    if result["errors"]:
        raise AssertionError(result)
    return result


@contextlib.contextmanager
def fastify(build_dir, **settings):
    """(url, token) of the peer, under way."""
    home = os.path.join(build_dir, "peers", "fastify")
    os.makedirs(home, exist_ok=True)
    for name in ("package.json", "server.js"):
        shutil.copy(os.path.join(PEER, name), home)
    if not os.path.isdir(os.path.join(home, "node_modules", "fastify")):
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock",
                        "--ignore-scripts"], cwd=home, check=True, stdout=subprocess.DEVNULL)
    process = subprocess.Popen(["node", "server.js"], cwd=home, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "NODE_ENV": "production", **settings})
    try:
        ready = json.loads(process.stdout.readline())
        yield f"http://127.0.0.1:{ready['port']}", ready["token"]
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def median(values):
    return sorted(values)[len(values) // 2]


def compare_callers(bench, url, tokens, pid, at_most):
    from rounds import by_turns, cpu_of, more
    for each in tokens.values():
        answer = p.request("GET", FOR_ALL, headers={"Authorization": "Bearer " + each})
        if answer.status != 200:
            raise AssertionError(f"GET {FOR_ALL}: {answer}")
        wrk(url, each, 1, FOR_ALL)  # the caches are warm

    def work(token):
        used = cpu_of(pid)
        rate, _ = wrk(url, token, 1, FOR_ALL)
        return (cpu_of(pid) - used) / rate
    costs = by_turns(TURNS, {who: functools.partial(work, token) for who, token in tokens.items()})
    for who in tokens:
        if who == "owner":
            continue
        value, note = more(costs[who], costs["owner"])
        bench.figure(f"a request of a {who}", value, "% more CPU than the owner's", floor=at_most(COST), note=note)


def measure(bench, url, sql, build_dir, at_most, ratio_at_least, pid=None):
    seconds = 20 if bench.long else 6
    tokens = callers(sql)
    token = tokens["owner"]
    with fastify(build_dir) as (peer_url, peer_token), fastify(build_dir, PEER_CACHE="1") as (cached_url, cached_token):
        for each in ((url, token), (peer_url, peer_token), (cached_url, cached_token)):
            wrk(*each, 2)  # until the JIT has seen it all, and the caches are warm
        ours, peer, cached = [], [], []
        with bench.cpu() as cpu:
            for _ in range(ROUNDS):
                ours.append(wrk(url, token, seconds))
                peer.append(wrk(peer_url, peer_token, seconds))
                cached.append(wrk(cached_url, cached_token, seconds))
    rate = median([each[0] for each in ours])
    note = f"wrk, {CONNECTIONS} connections, median of {ROUNDS} × {seconds} s; p99 {median([e[1] for e in ours]):.1f} ms"
    bench.figure("throughput", rate, "requests/s", baseline="Fastify with @fastify/jwt (HS256), a constant",
                 baseline_value=median([each[0] for each in peer]), floor=ratio_at_least(RATIO_MIN), cpu=cpu, note=note)
    bench.figure("throughput, peer caches tokens", rate, "requests/s", baseline="the same with verify.cache",
                 baseline_value=median([each[0] for each in cached]))
    if pid:
        compare_callers(bench, url, tokens, pid, at_most)
    half = rate / 2
    with bench.cpu() as cpu:
        runs = [at_rate(bench.program("bench_http"), url, token, half, seconds)["latencies_us"] for _ in range(ROUNDS)]
    note = f"{half:,.0f} requests/s, each counted from when it was due; median of {ROUNDS} × {seconds} s"
    bench.figure("p50 at half load", median([run["p50"] for run in runs]) / 1000, "ms", cpu=cpu, note=note)
    bench.figure("p99 at half load", median([run["p99"] for run in runs]) / 1000, "ms", floor=at_most(P99_MAX_MS))


def run(bench):
    from figures import at_most, ratio_at_least
    with bench.ours("all") as process:
        p.await_true("the gateway listens", listens, 30)
        measure(bench, p.env("TENANTRY_URL"), bench.sql.rows, os.path.dirname(bench.bin), at_most, ratio_at_least,
                process.pid)


def listens():
    try:
        return p.request("GET", "/readyz").status == 200
    except OSError:
        return False


def alone():
    """What the bench needs of ./dev bench, for a stack that stands."""
    build_dir = os.environ.get("TENANTRY_BENCH_BUILD_DIR", os.path.join(ROOT, "build"))
    url = p.env("TENANTRY_DATABASE_URL")

    def figure(name, value, unit, baseline="", baseline_value=None, floor=None, cpu=None, note=""):
        ratio = value / baseline_value if baseline_value else None
        holds = None if floor is None else floor(ratio if ratio is not None else value)
        print(json.dumps({"bench": "gateway", "figure": name, "value": round(value, 3), "unit": unit,
                          "baseline": baseline or None, "baseline_value": baseline_value and round(baseline_value),
                          "ratio": ratio and round(ratio, 2), "ok": holds, "note": note or None}), flush=True)

    bench = types.SimpleNamespace(long="--long" in sys.argv, cpu=lambda: contextlib.nullcontext({}), figure=figure,
                                  program=lambda name: os.path.join(build_dir, "bin", name))
    measure(bench, p.env("TENANTRY_URL"),
            lambda statement: subprocess.run(["psql", url, "-v", "ON_ERROR_STOP=1", "-qc", statement], check=True),
            build_dir, lambda limit: lambda value: value <= limit, lambda limit: lambda value: value >= limit)


if __name__ == "__main__":
    alone()
