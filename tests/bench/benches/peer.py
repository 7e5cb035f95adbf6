"""Our audit log beside a usual worker: Node, amqplib, pg, one transaction per message, prefetch 100.

The worker of peers/worker.js takes the same events from the same queue and does the part of the job that a usual
one does: it inserts the event's id where it is new, and then the record. Both drain full queues; what ours needs
for order, hash tree and many tenants comes on top.
"""
import os
import shutil
import subprocess

from bench import ROOT, Failed, Tool
from figures import ratio_at_least
from . import audit

SUMMARY = "the audit log beside a usual worker in Node: a transaction per message"
ORDER = 70
PEERS = os.path.join(ROOT, "tests", "bench", "peers")


def install():
    """The peer's packages, pinned by its package.json, out of the tree. Returns their folder."""
    home = os.path.join(ROOT, "build", "npm", "peers")
    wanted = os.path.join(PEERS, "package.json")
    have = os.path.join(home, "package.json")
    if not os.path.exists(have) or open(have, encoding="utf-8").read() != open(wanted, encoding="utf-8").read():
        if not shutil.which("npm"):
            raise Failed("npm is missing: packages-node.txt names it")
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


def drain_peer(bench, modules, events):
    bench.sql.rows("CREATE SCHEMA IF NOT EXISTS bench")
    bench.sql.rows("DROP TABLE IF EXISTS bench.records, bench.inbox")
    bench.sql.rows("CREATE TABLE bench.records (LIKE audit.records INCLUDING ALL)")
    bench.sql.rows("CREATE SEQUENCE IF NOT EXISTS bench.sequence")
    bench.sql.rows("CREATE TABLE bench.inbox (event_id uuid PRIMARY KEY)")
    bench.load("audit", 1, events=events).result()
    deadline = 600 if bench.long else 120
    with bench.cpu() as cpu:
        worker = Tool(bench, [shutil.which("node"), os.path.join(PEERS, "worker.js"), "tenant-bench-0000",
                              "bench-0000.audit", str(events), str(deadline)], deadline,
                      {**os.environ, "NODE_PATH": modules, "NODE_ENV": "production", "DATABASE_URL": bench.database_url,
                       "AMQP_URL": os.environ["TENANTRY_WORKERS_AMQP_URL"]})
        done = worker.result()
    if done["fresh"] != events:
        raise Failed(f"the peer has written {done['fresh']} of {events} events")
    return (events - 1) / (done["last_at"] - done["first_at"]), cpu


def run(bench):
    tenants = bench.options.tenants or 100
    modules = install()
    bench.tenants(tenants)
    peer, cpu = drain_peer(bench, modules, 30_000 if bench.long else 6_000)
    bench.figure("usual worker, drain", peer, "events/s", cpu=cpu, note="its own CPU time is under LOAD")
    ours = bench.found("audit", f"drain, {tenants} tenants")
    if ours:
        rate, cpu = ours.value, ours.cpu
    else:
        bench.fresh_database()
        rate, cpu = audit.drain(bench, tenants, 300_000 if bench.long else 60_000)
    bench.figure(f"audit, drain, {tenants} tenants", rate, "events/s", baseline="a usual worker in Node",
                 baseline_value=peer, floor=ratio_at_least(8), cpu=cpu)
