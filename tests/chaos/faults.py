"""What goes wrong, on purpose. A fault is a generator: it breaks something, yields what and for how many seconds, and
mends it when it is resumed. To add one, write it here with its decorator; nothing else knows their names.

Faults of one group exclude each other: a broker that is dead cannot be asked for an alarm.
"""
import contextlib
import json
import os
import subprocess
import time
import urllib.parse
import uuid

import pika

import stand as stands
from stand import APPLICATIONS, BROKER, DATABASE, MAIL, MANAGEMENT, until

ALL = {}  # name -> Fault


class Fault:
    def __init__(self, name, group, make, needs=None):
        self.name, self.group, self.make, self.needs = name, group, make, needs


def fault(group, needs=None):
    def keep(make):
        ALL[make.__name__] = Fault(make.__name__, group, make, needs)
        return make
    return keep


# ---- our processes -------------------------------------------------------------------------------------------------


@fault("process")
def process_killed(stand, random):
    process = random.choice(stand.ours)
    process.kill()
    yield process.name, 0


@fault("process")
def process_killed_twice(stand, random):
    """The second time while it attaches."""
    process = random.choice(stand.ours)
    process.kill()
    yield process.name, random.uniform(0.05, 1.5)
    process.kill()


@fault("process")
def process_frozen(stand, random):
    """It comes back as a zombie with old state; now and then only after the broker has given it up (two heartbeats)."""
    process = random.choice(stand.ours)
    process.freeze()
    yield process.name, random.choice((1, 3, 8, 15, 75))
    process.thaw()


@fault("process")
def all_processes_killed(stand, random):
    for process in stand.ours:
        process.kill()
    yield "all", 0


@fault("clock")
def clock_moved(stand, random):
    process = random.choice(stand.ours)
    seconds = random.choice((-86400, -300, -5, 5, 300, 86400))
    process.shift_clock(seconds)
    yield f"{process.name} {seconds:+} s", random.uniform(3, 8)
    process.shift_clock(0)


# ---- RabbitMQ ------------------------------------------------------------------------------------------------------


@fault("broker")
def broker_stopped(stand, random):
    stand.broker.control("stop_app")
    yield "stop_app", random.uniform(2, 8)
    stand.broker.control("start_app")
    stand.broker.ensure()


@fault("broker")
def broker_killed(stand, random):
    stand.broker.kill()
    yield "kill -9", random.uniform(0, 4)
    stand.broker.ensure()


@fault("broker")
def broker_out_of_memory(stand, random):
    """Its alarm: whoever has published is not read any more."""
    stand.broker.control("set_vm_memory_high_watermark", "0.00001")
    yield "alarm", random.uniform(3, 8)
    stand.broker.control("set_vm_memory_high_watermark", "0.4")


def close_connections(stand, vhost):
    for connection in stand.management("GET", f"vhosts/{vhost}/connections").json:
        name = urllib.parse.quote(connection["name"], safe="")
        with contextlib.suppress(OSError):
            stand.management("DELETE", "connections/" + name)


@fault("broker")
def permission_taken(stand, random):
    tenant = random.choice(stand.load_tenants)["id"]
    vhost, user = "tenant-" + tenant, random.choice(("tenantry-workers", "tenantry-billing", "tenantry-publisher"))
    path = f"permissions/{vhost}/{user}"
    held = stand.management("GET", path).json
    nothing = {"configure": "^$", "write": "^$", "read": "^$"}
    stand.management("PUT", path, nothing)
    close_connections(stand, vhost)
    yield f"{user} in {vhost}", random.uniform(3, 8)
    until("the permission is back", lambda: stand.management(
        "PUT", path, {name: held[name] for name in nothing}).status in (201, 204), 60)


@fault("broker")
def vhost_closed(stand, random):
    vhost = "tenant-" + random.choice(stand.load_tenants)["id"]
    stand.management("PUT", f"vhost-limits/{vhost}/max-connections", {"value": 0})
    close_connections(stand, vhost)
    yield vhost, random.uniform(3, 8)
    until("the limit is gone", lambda: stand.management(
        "DELETE", f"vhost-limits/{vhost}/max-connections").status in (204, 404), 60)


@fault("broker")
def queue_deleted(stand, random):
    """Of a tenant that is quiet: what a queue held is gone with it, and no program could tell. Its consumer must come
    back by itself; that it has is seen by the events published then."""
    tenant, worker = stand.quiet_tenant["id"], random.choice(("audit", "metering"))
    vhost, name = "tenant-" + tenant, f"{tenant}.{worker}"
    held = stand.management("GET", f"definitions/{vhost}").json
    stand.management("DELETE", f"queues/{vhost}/{name}")
    yield name, random.uniform(1, 4)
    until("the queue is back", lambda: stand.management("POST", f"definitions/{vhost}", held).status in (200, 204), 60)
    publish_direct(stand, stand.quiet_tenant, [usage_event() for _ in range(5)])


@fault("broker")
def poison_published(stand, random):
    """Refused or unreadable, and kept where a person sees it; nobody else is held up."""
    tenant = random.choice(stand.load_tenants)
    other = random.choice([each for each in stand.load_tenants if each is not tenant])
    mark = lambda: f"poison-{uuid.uuid4().hex}"  # noqa: E731
    bodies = [(mark(), b'{"specversion":"1.0","id":"%s","type":"order.created"'),
              (mark(), json.dumps({"specversion": "1.0", "id": "%s", "source": "/chaos", "type": "order.created",
                                   "tenantid": other["id"], "data": {}}).encode()),
              (mark(), json.dumps({"specversion": "1.0", "id": "%s", "source": "/chaos", "type": "payment.succeeded",
                                   "data": {}}).encode())]
    publish_direct(stand, tenant, [(identity, "order.created", body % identity.encode(), "poison")
                                   for identity, body in bodies])
    yield tenant["id"], 0


def usage_event():
    identity = uuid.uuid4().hex
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    body = {"specversion": "1.0", "id": identity, "source": "/chaos/application", "type": "usage.recorded", "time": now,
            "data": {"metric": "orders", "quantity": 1}}
    return identity, "usage.recorded", json.dumps(body).encode(), "intended"


def publish_direct(stand, tenant, events):
    """With confirms, past every proxy: what is under test here is what follows."""
    port = urllib.parse.urlsplit(stands.env("TENANTRY_AMQP_URL")).port
    login = pika.PlainCredentials("tenant-" + tenant["id"], tenant["broker_password"])
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, "tenant-" + tenant["id"], login,
                                                                   blocked_connection_timeout=60))
    channel = connection.channel()
    channel.confirm_delivery()
    for identity, key, body, word in events:
        stand.journal.write(word, identity, tenant["id"], key, now=True)
        channel.basic_publish(tenant["id"] + ".app", key, body, pika.BasicProperties(
            content_type="application/json", delivery_mode=2, user_id="tenant-" + tenant["id"]))
        stand.journal.write("confirmed" if word == "intended" else "poison_confirmed", identity, now=True)
    connection.close()


# ---- PostgreSQL ----------------------------------------------------------------------------------------------------


@fault("database")
def database_stopped(stand, random):
    stand.database.stop_immediately()
    yield "immediate", random.uniform(0, 6)
    stand.database.ensure()


@fault("database")
def backend_killed(stand, random):
    """kill -9 of one: PostgreSQL ends all the others and recovers."""
    backends = stand.database.backends()
    if backends:
        stand.database.signal(9, random.choice(backends))
    yield f"one of {len(backends)}", 0
    stand.database.ensure()


@fault("database")
def backends_terminated(stand, random):
    rows = stand.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename LIKE 'tenantry\\_%'")
    yield f"{rows[0][0]} of them", 0


@fault("database")
def table_locked(stand, random):
    table = random.choice(("messaging.inbox", "messaging.outbox", "audit.heads", "platform.tenants", "metering.counters"))
    seconds = random.choice((1, 3, 6))
    holder = subprocess.Popen(["psql", stand.superuser_url, "-Xq", "-c", f"BEGIN; LOCK TABLE {table}; SELECT pg_sleep({seconds})"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield table, seconds
    holder.wait(timeout=60)


@fault("database")
def deadlock_made(stand, random):
    """Takes what a worker's transaction takes, in the other order, a few times: PostgreSQL ends one of both."""
    script = "".join("BEGIN; LOCK TABLE audit.heads, metering.counters; SELECT pg_sleep(0.3); "
                     "LOCK TABLE messaging.inbox; COMMIT;\n" for _ in range(3))
    holder = subprocess.Popen(["psql", stand.superuser_url, "-Xq"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, text=True)
    holder.stdin.write(script)
    holder.stdin.close()
    yield "heads, then inbox", 3
    holder.wait(timeout=60)


@fault("database", needs="TENANTRY_CHAOS_SMALL_DISK")
def disk_full(stand, random):
    """Of PostgreSQL: data and write-ahead log. It may end over it; it is started when there is space again."""
    ballast = os.path.join(os.path.dirname(stand.database.data), "ballast")
    block = bytes(1 << 20)
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(block):
            pass
    free = os.statvfs(ballast)
    left = free.f_bavail * free.f_frsize
    try:
        if left > len(block):
            raise stands.Failed(f"{left} bytes are free on a disk that should be full")
        yield f"{left >> 10} KB left", random.uniform(3, 8)
    finally:
        os.remove(ballast)
    stand.database.ensure()


# ---- the wires -----------------------------------------------------------------------------------------------------


def wire(listener, action, group):
    def make(stand, random):
        bytes_ = random.choice((0, 1, 9, 100, 1000, 10_000)) + 1 if action == "cut_after" else 0
        stand.proxy.tell(listener=listener, do=action, bytes=bytes_)
        lasting = action not in ("cut", "half_close")
        yield f"after {bytes_} bytes" if bytes_ else listener, random.uniform(2, 7) if lasting else 0
        if lasting:
            stand.proxy.tell(listener=listener, do="pass")
    make.__name__ = f"{listener}_{action}"
    fault(group)(make)


for _action in ("cut", "stall", "split", "half_close", "cut_after", "refuse"):
    wire(DATABASE, _action, "database wire")
    wire(BROKER, _action, "broker wire")
for _action in ("cut", "stall", "cut_after"):
    wire(APPLICATIONS, _action, "application wire")
    wire(MAIL, _action, "mail wire")
    wire(MANAGEMENT, _action, "management wire")
