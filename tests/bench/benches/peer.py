"""Our audit log beside a usual worker: Node, amqplib, pg, one transaction per message, prefetch 100.

The worker of peers/worker.js does the same job on the same events of the same tenants, more simply: deduplicated, numbered
without gaps for each tenant, and chained by hashes, where ours grows a tree. Both drain full queues. Beside it stands what
the same worker makes of the part of the job that needs no order: event ids and records, from one queue.
"""
import os
import shutil
import subprocess

from bench import ROOT, Failed, Tool
from figures import ratio_at_least
from . import audit

SUMMARY = "the audit log beside a usual worker in Node: a transaction per message"
ORDER = 70
OWN_CPU = "its own CPU time is under LOAD"
PEERS = os.path.join(ROOT, "tests", "bench", "peers")


def install():
    """The peer's packages, pinned by its package.json, out of the tree. Returns their folder."""
    home = os.path.join(ROOT, "build", "npm", "peers")
    wanted = os.path.join(PEERS, "package.json")
    have = os.path.join(home, "package.json")
    if not os.path.exists(have) or open(have, encoding="utf-8").read() != open(wanted, encoding="utf-8").read():
        if not shutil.which("npm"):
            raise Failed("npm is missing: tools/packages/node.txt names it")
        shutil.rmtree(home, ignore_errors=True)
        os.makedirs(home)
        shutil.copy(wanted, os.path.join(home, "installing.json"))
        os.rename(os.path.join(home, "installing.json"), have)
        done = subprocess.run(["npm", "install", "--prefix", home, "--silent", "--no-audit", "--no-fund",
                               "--no-package-lock"], capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            os.remove(have)
            raise Failed(f"npm: {done.stderr.strip()[:500]}")
    return os.path.join(home, "node_modules")


def make_tables(bench, tenants):
    bench.sql.rows("CREATE SCHEMA IF NOT EXISTS bench")
    bench.sql.rows("DROP TABLE IF EXISTS bench.records, bench.inbox, bench.heads")
    bench.sql.rows("CREATE TABLE bench.records (LIKE audit.records INCLUDING ALL)")
    bench.sql.rows("CREATE SEQUENCE IF NOT EXISTS bench.sequence")
    bench.sql.rows("CREATE TABLE bench.inbox (event_id uuid PRIMARY KEY)")
    bench.sql.rows("CREATE TABLE bench.heads (tenant_id text PRIMARY KEY, size bigint NOT NULL, hash bytea NOT NULL)")
    bench.sql.rows("INSERT INTO bench.heads SELECT 'bench-' || lpad(i::text, 4, '0'), 0, sha256('') "
                   f"FROM generate_series(0, {tenants - 1}) AS i")


def drain_peer(bench, modules, job, tenants, events):
    make_tables(bench, tenants)
    bench.load("audit", tenants, events=events).result()
    with bench.cpu() as cpu:
        worker = Tool(bench, [shutil.which("node"), os.path.join(PEERS, "worker.js"), job, str(tenants), str(events),
                              str(bench.patience)], bench.patience,
                      {**os.environ, "NODE_PATH": modules, "NODE_ENV": "production", "DATABASE_URL": bench.database_url,
                       "AMQP_URL": os.environ["TENANTRY_WORKERS_AMQP_URL"]})
        done = worker.result()
    if done["fresh"] != events:
        raise Failed(f"the peer has written {done['fresh']} of {events} events")
    if job == "log" and int(bench.sql.value("SELECT sum(size) FROM bench.heads")) != events:
        raise Failed("the peer's heads do not hold every event")
    bench.all_taken("audit", tenants)
    return (events - 1) / (done["last_at"] - done["first_at"]), cpu


def run(bench):
    tenants = bench.options.tenants or 100
    modules = install()
    bench.tenants(tenants)
    events = 20_000 if bench.long else 6_000
    same_job, cpu = drain_peer(bench, modules, "log", tenants, events)
    bench.figure(f"usual worker, {tenants} tenants", same_job, "events/s", cpu=cpu, note=OWN_CPU)
    inserts, cpu = drain_peer(bench, modules, "insert", 1, events)
    bench.figure("usual worker, inserts from one queue", inserts, "events/s", cpu=cpu, note=OWN_CPU)
    ours = bench.found("audit", f"drain, {tenants} tenants")
    if ours:
        rate, cpu = ours.value, ours.cpu
    else:
        bench.fresh_database()
        rate, cpu = audit.drain(bench, tenants, 300_000 if bench.long else 60_000)
    bench.figure(f"audit, drain, {tenants} tenants", rate, "events/s", baseline="a usual worker in Node",
                 baseline_value=same_job, floor=ratio_at_least(8), cpu=cpu)
    bench.figure(f"audit, drain, {tenants} tenants, again", rate, "events/s", cpu=cpu, baseline_value=inserts,
                 baseline="one that only inserts, from one queue")
