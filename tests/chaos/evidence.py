"""What a run left: journals of what clients were told, tables, the mail sink's files, the broker's bindings."""
import collections
import decimal
import email
import email.policy
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
from hostile import MARK  # noqa: E402
import hostile_check  # noqa: E402


@dataclass
class Record:
    """A line of the audit log."""
    tenant: str
    sequence: int
    event_id: str
    type: str
    exchange: str
    source: str
    leaf: bytes
    leaf_hash: bytes
    payload: dict | None


@dataclass
class Evidence:
    # What clients meant and were told: by id.
    intended: dict = field(default_factory=dict)            # event -> (tenant, type)
    confirmed: set = field(default_factory=set)             # events that were confirmed, or answered 202
    poison: dict = field(default_factory=dict)              # id in the body -> tenant
    poison_confirmed: set = field(default_factory=set)
    signups_intended: dict = field(default_factory=dict)    # address -> canary
    signups_accepted: dict = field(default_factory=dict)    # address -> tenant
    webhooks_intended: dict = field(default_factory=dict)   # id -> (type, invoice, created, tenant, amount)
    webhooks_accepted: set = field(default_factory=set)
    strays: set = field(default_factory=set)                # webhooks of nobody
    forged: set = field(default_factory=set)
    logins_intended: collections.Counter = field(default_factory=collections.Counter)
    logins_accepted: collections.Counter = field(default_factory=collections.Counter)
    answers: list = field(default_factory=list)             # (kind, at, seconds, status, Retry-After)
    complaints: list = field(default_factory=list)          # what the load itself found wrong
    hostile_seed: str = ""
    hostile: dict = field(default_factory=dict)             # (tenant, way, number) -> "accepted", "refused" or "unknown"
    # What the platform holds.
    records: list = field(default_factory=list)
    heads: dict = field(default_factory=dict)               # tenant -> (size, frontier)
    older_heads: list = field(default_factory=list)         # (tenant, size, frontier) seen during the run
    inbox: set = field(default_factory=set)                 # (event, worker)
    bindings: list = field(default_factory=list)            # (exchange's kind, worker, pattern)
    opened: list = field(default_factory=list)              # hostile_check.Record: what applications published
    dead_letters: list = field(default_factory=list)        # (worker, event, reason, body)
    letters: list = field(default_factory=list)             # hostile_check.Letter: those of hostile events
    hostile_set_aside: set = field(default_factory=set)     # (worker, event) of the same
    counters: dict = field(default_factory=dict)            # (tenant, metric, span, window) -> (quantity, events)
    metrics: dict = field(default_factory=dict)             # metric -> (aggregation, reset)
    tenants: dict = field(default_factory=dict)             # id -> (status, canary of its owner)
    history: list = field(default_factory=list)             # (tenant, from, to)
    stripe_events: dict = field(default_factory=dict)       # id -> state
    payments: dict = field(default_factory=dict)            # invoice -> (tenant, state, amount)
    deliveries: list = field(default_factory=list)          # (tenant, event, template, recipient, state)
    mails: list = field(default_factory=list)               # (recipient, Message-ID, bytes)
    vhosts: set = field(default_factory=set)
    # What the processes did.
    unexpected_ends: list = field(default_factory=list)
    drains: list = field(default_factory=list)              # (process, exit code) of the last stop
    peaks: dict = field(default_factory=dict)               # process -> (megabytes, descriptors, threads)
    peak_connections: dict = field(default_factory=dict)    # listener -> connections
    settled_after: float | None = None
    unsettled: str = ""
    secrets: list = field(default_factory=list)
    log_files: list = field(default_factory=list)           # (name, bytes)


# ---- gathering -----------------------------------------------------------------------------------------------------


def read_journals(evidence, folder):
    for name in ("events.jsonl", "direct.jsonl", "answers.jsonl", "hostile.jsonl", "hostile-answers.jsonl"):
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            for line in file:
                word, *rest = json.loads(line)
                READERS[word](evidence, *rest)


def _intended(evidence, event, tenant, type_):
    evidence.intended[event] = (tenant, type_)


def _poison(evidence, event, tenant, _):
    evidence.poison[event] = tenant


def _signup(evidence, address, mark):
    evidence.signups_intended[address] = mark


def _signed_up(evidence, address, tenant):
    evidence.signups_accepted[address] = tenant


def _webhook(evidence, identity, *facts):
    evidence.webhooks_intended[identity] = tuple(facts)


READERS = {
    "intended": _intended,
    "hostile_intended": lambda evidence, tenant, way, number: evidence.hostile.setdefault((tenant, way, number), "unknown"),
    "hostile_settled": lambda evidence, tenant, way, number, outcome: evidence.hostile.update({(tenant, way, number): outcome}),
    "confirmed": lambda evidence, event: evidence.confirmed.add(event),
    "poison": _poison,
    "poison_confirmed": lambda evidence, event: evidence.poison_confirmed.add(event),
    "signup_intended": _signup,
    "signup_accepted": _signed_up,
    "webhook_intended": _webhook,
    "webhook_accepted": lambda evidence, identity: evidence.webhooks_accepted.add(identity),
    "stray_intended": lambda evidence, identity: evidence.strays.add(identity),
    "forged": lambda evidence, identity: evidence.forged.add(identity),
    "login_intended": lambda evidence, tenant: evidence.logins_intended.update([tenant]),
    "login_accepted": lambda evidence, tenant: evidence.logins_accepted.update([tenant]),
    "answered": lambda evidence, *answer: evidence.answers.append(tuple(answer)),
    "unanswered": lambda evidence, *_: None,
    "differs": lambda evidence, *what: evidence.complaints.append(f"one request, two answers: {what}"),
    "accepted_forgery": lambda evidence, identity: evidence.complaints.append(f"forged webhook {identity} was accepted"),
    "wrong_tenant": lambda evidence, tenant, body: evidence.complaints.append(f"/v1/me of {tenant} showed {body}"),
}


def copy_rows(url, query):
    """Rows of a query as lists of text; None where NULL. By COPY, whose escapes only a line break can need."""
    process = subprocess.Popen(["psql", url, "-Xqc", f"COPY ({query}) TO STDOUT"], stdout=subprocess.PIPE,
                               stdin=subprocess.DEVNULL)
    escape = re.compile(rb"\\(.)")
    special = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"\\": b"\\"}
    for line in process.stdout:
        fields = line[:-1].split(b"\t")
        yield [None if each == b"\\N" else escape.sub(lambda found: special[found.group(1)], each) if b"\\" in each else each
               for each in fields]
    if process.wait() != 0:
        raise OSError("psql failed: " + query)


def texts(url, query):
    for row in copy_rows(url, query):
        yield [None if each is None else each.decode() for each in row]


def read_tables(evidence, url):
    for row in copy_rows(url, "SELECT tenant_id, sequence, event_id, type, exchange, source, encode(leaf, 'hex'), "
                              "encode(leaf_hash, 'hex'), payload FROM audit.records"):
        tenant, sequence, event_id, type_, exchange, source, leaf, hash_, payload = row
        evidence.records.append(Record(tenant.decode(), int(sequence), event_id.decode(), type_.decode(), exchange.decode(),
                                       source.decode(), bytes.fromhex(leaf.decode()), bytes.fromhex(hash_.decode()),
                                       None if payload is None else json.loads(payload)))
    read_hostile(evidence, url)
    evidence.heads = {tenant: (int(size), bytes.fromhex(frontier)) for tenant, size, frontier in
                      texts(url, "SELECT tenant_id, size, encode(frontier, 'hex') FROM audit.heads")}
    evidence.inbox = {(event, worker) for event, worker in texts(url, "SELECT event_id, worker FROM messaging.inbox")}
    evidence.dead_letters = [(worker, event, reason, bytes.fromhex(body)) for worker, event, reason, body in texts(
        url, "SELECT worker, event_id, reason, encode(body, 'hex') FROM messaging.dead_letters")]
    window = "to_char(window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI')"
    evidence.counters = {(tenant, metric, span, start): (decimal.Decimal(quantity), int(events)) for
                         tenant, metric, span, start, quantity, events in texts(
                             url, f"SELECT tenant_id, metric, span, {window}, quantity, events FROM metering.counters")}
    evidence.metrics = {metric: (aggregation, reset) for metric, aggregation, reset in
                        texts(url, "SELECT metric, aggregation, reset FROM metering.metrics")}
    evidence.tenants = {tenant: (status, mark) for tenant, status, mark in texts(
        url, "SELECT t.tenant_id, t.status, u.first_name FROM platform.tenants t JOIN platform.memberships m "
             "ON m.tenant_id = t.tenant_id AND m.role = 'owner' JOIN platform.users u USING (user_id)")}
    evidence.history = [tuple(row) for row in
                        texts(url, "SELECT tenant_id, from_status, to_status FROM platform.lifecycle_history")]
    evidence.stripe_events = dict(texts(url, "SELECT stripe_event_id, state FROM billing.stripe_events"))
    evidence.payments = {invoice: (tenant, state, int(amount)) for invoice, tenant, state, amount in
                         texts(url, "SELECT stripe_object_id, tenant_id, state, amount_minor FROM billing.payments")}
    evidence.deliveries = [tuple(row) for row in texts(
        url, "SELECT tenant_id, event_id, template, recipient, state FROM notification.deliveries")]


def read_hostile(evidence, url):
    """What applications published, opened; and their dead letters, with all the text that a mark may stand in."""
    wrapped = {key: bytes.fromhex(data) for key, data in texts(url, "SELECT key_id, encode(wrapped_key, 'hex') FROM audit.keys WHERE wrapped_key IS NOT NULL")}
    keys = hostile_check.Keys(os.environ["TENANTRY_MASTER_KEY"], wrapped)
    for tenant, sequence, event_id, leaf, payload in copy_rows(
            url, "SELECT tenant_id, sequence, event_id, encode(leaf, 'hex'), payload FROM audit.records WHERE exchange LIKE '%.app'"):
        leaf = json.loads(bytes.fromhex(leaf.decode()))
        evidence.opened.append(hostile_check.Record(tenant.decode(), int(sequence), event_id.decode(), leaf, keys.personal(leaf), None if payload is None else payload.decode()))
    for worker, event, tenant, reason, key, properties, error, body in texts(
            url, "SELECT worker, event_id, tenant_id, reason, routing_key, properties, error, encode(body, 'hex') FROM messaging.dead_letters"):
        text = "\n".join((key, properties, error)).encode() + b"\n" + bytes.fromhex(body)
        if MARK.search(text):
            evidence.letters.append(hostile_check.Letter(worker, tenant, reason, text))
            evidence.hostile_set_aside.add((worker, event))


def read_mails(evidence, folder):
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".eml"):
            continue
        with open(os.path.join(folder, name), "rb") as file:
            message = email.message_from_binary_file(file, policy=email.policy.default)
        parts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
        evidence.mails.append((message["To"], message["Message-ID"], "\n".join(parts).encode()))


def read_broker(evidence, management, tenant):
    """Which worker hears what, as the broker itself says; every tenant's vhost is made alike."""
    for binding in management("GET", f"bindings/tenant-{tenant}").json:
        if binding["source"]:
            evidence.bindings.append((binding["source"].rpartition(".")[2], binding["destination"].rpartition(".")[2],
                                      binding["routing_key"]))
    evidence.vhosts = {vhost["name"] for vhost in management("GET", "vhosts").json}
