"""The invariants of docs/RELIABILITY.md, each a function from the evidence to what it found wrong: nothing, if it holds.

Independent of the product: it reads journals of what clients were told, tables, the mail sink's files and the broker's
bindings, and shares no code with the workers. `check_test.py` and the end of every run plant corruptions in a copy of
the evidence, and each must be found by the invariant that is meant for it.
"""
import collections
import dataclasses
import decimal
import email
import email.policy
import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import hostile  # noqa: E402

FINDINGS_MAX = 20  # told per invariant; the number of all is told too
CANARY = re.compile(rb"cnr[0-9a-f]{12}")


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
    opened: list = field(default_factory=list)              # hostile.Record: what applications published
    dead_letters: list = field(default_factory=list)        # (worker, event, reason, body)
    letters: list = field(default_factory=list)             # hostile.Letter: those of hostile events
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


INVARIANTS = {}  # id -> (what it says, function)


def invariant(identity, what):
    def keep(check):
        INVARIANTS[identity] = (what, check)
        return check
    return keep


# ---- what several of them need -------------------------------------------------------------------------------------


def foreign_id(record):
    """The id its publisher gave it, as the hashed leaf holds it."""
    leaf = json.loads(record.leaf)
    return leaf.get("foreign_id") or leaf["event_id"]


def matches(pattern, key):
    """AMQP's topic patterns."""
    def words(want, have):
        if not want:
            return not have
        if want[0] == "#":
            return any(words(want[1:], have[at:]) for at in range(len(have) + 1))
        return bool(have) and want[0] in ("*", have[0]) and words(want[1:], have[1:])
    return words(pattern.split("."), key.split("."))


def of_applications(evidence):
    """Records of what the load's own clients published, or nobody: by the broker, and by the gateway in their name."""
    return [each for each in evidence.records if each.source.startswith("/chaos/")
            or foreign_id(each) in evidence.intended]


# ---- the invariants ------------------------------------------------------------------------------------------------


@invariant("I1", "everything accepted is there: no 2xx and no confirmed publish is lost")
def nothing_lost(evidence):
    seen = {foreign_id(each) for each in evidence.records}
    for event in sorted(evidence.confirmed - seen):
        yield f"event {event} of {evidence.intended[event][0]} was confirmed and is not in the audit log"
    workers = {}
    for record in evidence.records:
        kind = "app" if record.exchange.endswith(".app") else "events"
        if (kind, record.type) not in workers:
            workers[kind, record.type] = sorted({worker for exchange, worker, pattern in evidence.bindings
                                                 if exchange == kind and matches(pattern, record.type)})
        for worker in workers[kind, record.type]:
            # What is hostile may be the worker's to refuse: I15 says whether it had to be.
            if (record.event_id, worker) not in evidence.inbox and (worker, record.event_id) not in evidence.hostile_set_aside:
                yield f"event {record.event_id} ({record.type}) of {record.tenant} is not in the inbox of {worker}"
    audited = {record.event_id for record in evidence.records}
    for event, worker in sorted(evidence.inbox):
        if event not in audited:
            yield f"event {event} was handled by {worker} and is not in the audit log"
    for address, tenant in evidence.signups_accepted.items():
        if tenant not in evidence.tenants:
            yield f"signup of {address} was answered 201 and {tenant} does not exist"
    for webhook in sorted(evidence.webhooks_accepted - evidence.stripe_events.keys()):
        yield f"webhook {webhook} was answered 200 and is not stored"
    logged = collections.Counter(each.tenant for each in evidence.records if each.type == "user.logged_in")
    for tenant, count in evidence.logins_accepted.items():
        if logged[tenant] < count:
            yield f"{count} logins of {tenant} were answered 200 and the log has {logged[tenant]}"


@invariant("I2", "nothing took effect twice")
def nothing_doubled(evidence):
    for what, keys in (
            ("audit records of event", [(each.tenant, each.event_id) for each in evidence.records]),
            ("audit records of published event", [(each.tenant, foreign_id(each)) for each in of_applications(evidence)]),
            ("mails of Message-ID", [identity for _, identity, _ in evidence.mails]),
            ("notices of", [(tenant, event, template, to) for tenant, event, template, to, _ in evidence.deliveries]),
            ("transitions", [each for each in evidence.history if each[2] in ("pending", "trial")])):
        for key, count in collections.Counter(keys).items():
            if count > 1:
                yield f"{count} {what} {key}"
    owners = collections.Counter(evidence.signups_accepted.values())
    for tenant, count in owners.items():
        if count > 1:
            yield f"{count} signups were given {tenant}"
    once = {"signup.requested", "tenant.registered", "tenant.provisioned", "trial.started"}
    told = collections.Counter((each.tenant, each.type) for each in evidence.records if each.type in once)
    for tenant in evidence.signups_accepted.values():
        for type_ in sorted(once):
            if told[tenant, type_] != 1:
                yield f"{told[tenant, type_]} × {type_} of {tenant}"
    welcomes = collections.Counter(tenant for tenant, _, template, _, state in evidence.deliveries
                                   if template == "welcome" and state == "sent")
    for tenant in evidence.signups_accepted.values():
        if welcomes[tenant] != 1:
            yield f"{welcomes[tenant]} welcomes of {tenant}"


@invariant("I3", "no effect without a cause")
def nothing_invented(evidence):
    for record in of_applications(evidence):
        event = foreign_id(record)
        if event not in evidence.intended:
            yield f"the log of {record.tenant} has event {event} that nobody published"
        elif evidence.intended[event] != (record.tenant, record.type):
            yield f"event {event} was {evidence.intended[event]} and became {(record.tenant, record.type)}"
    known = {each[1] for each in evidence.webhooks_intended.values()}
    for invoice in sorted(evidence.payments.keys() - known):
        yield f"payment {invoice} that no webhook stated"
    for webhook in sorted(evidence.stripe_events.keys() - evidence.webhooks_intended.keys() - evidence.strays):
        yield f"webhook {webhook} is stored and was not sent" + (", or forged" if webhook in evidence.forged else "")
    marks = set(evidence.signups_intended.values())
    for tenant, (_, mark) in evidence.tenants.items():
        if mark not in marks:
            yield f"tenant {tenant} that nobody asked for"
    for recipient, identity, _ in evidence.mails:
        if recipient not in evidence.signups_intended:
            yield f"mail {identity} to {recipient}, who is nobody's owner"
    logged = collections.Counter(each.tenant for each in evidence.records if each.type == "user.logged_in")
    for tenant, count in logged.items():
        if count > evidence.logins_intended[tenant]:
            yield f"{count} logins of {tenant} in the log, of {evidence.logins_intended[tenant]} tried"


@invariant("I4", "no tenant's data shows elsewhere")
def nothing_leaks(evidence):
    owner = {mark.encode(): tenant for tenant, (_, mark) in evidence.tenants.items()}
    for record in evidence.records:
        payload = json.dumps(record.payload).encode() if record.payload is not None else b""
        for mark in set(CANARY.findall(record.leaf)) | set(CANARY.findall(payload)):
            if owner.get(mark) != record.tenant:
                yield f"record {record.sequence} of {record.tenant} holds the canary of {owner.get(mark, 'nobody')}"
    address = {mark: where for where, mark in evidence.signups_intended.items()}
    for recipient, identity, body in evidence.mails:
        for mark in set(CANARY.findall(body)):
            if address.get(mark.decode()) != recipient:
                yield f"mail {identity} to {recipient} holds a canary of {address.get(mark.decode(), 'nobody')}"
    for name, text in evidence.log_files:
        for mark in set(CANARY.findall(text)):
            yield f"{name} holds the canary of {owner.get(mark, 'nobody')}"


def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()


def roots_of(hashes):
    """RFC 6962: the roots of the perfect subtrees that a tree of so many leaves is made of, largest first."""
    roots, at = [], 0
    while at < len(hashes):
        size = 1 << ((len(hashes) - at).bit_length() - 1)
        level = hashes[at:at + size]
        while len(level) > 1:
            level = [hashlib.sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level), 2)]
        roots.append(level[0])
        at += size
    return roots


@invariant("I5", "the audit log is whole: gapless, its leaves hash to its heads, and heads only grow")
def log_verifies(evidence):
    by_tenant = collections.defaultdict(list)
    for record in evidence.records:
        by_tenant[record.tenant].append(record)
    hashes = {}
    for tenant, records in by_tenant.items():
        records.sort(key=lambda each: each.sequence)
        if [each.sequence for each in records] != list(range(len(records))):
            yield f"the sequence of {tenant} has gaps or repeats: {len(records)} records up to {records[-1].sequence}"
        hashes[tenant] = []
        for record in records:
            own = leaf_hash(record.leaf)
            hashes[tenant].append(own)
            if own != record.leaf_hash:
                yield f"record {record.sequence} of {tenant} does not hash to what is stored"
            leaf = json.loads(record.leaf)
            for name, value in (("event_id", record.event_id), ("tenant_id", record.tenant), ("type", record.type),
                                ("sequence", record.sequence)):
                if leaf[name] != value:
                    yield f"record {record.sequence} of {tenant}: the leaf says {name} {leaf[name]}, the column {value}"
    for tenant in sorted(by_tenant.keys() | evidence.heads.keys()):
        size, frontier = evidence.heads.get(tenant, (0, b""))
        if size != len(hashes.get(tenant, [])):
            yield f"the head of {tenant} says {size} records, there are {len(hashes.get(tenant, []))}"
        elif b"".join(roots_of(hashes.get(tenant, []))) != frontier:
            yield f"the leaves of {tenant} do not hash to its head"
    for tenant, size, frontier in evidence.older_heads:
        if b"".join(roots_of(hashes.get(tenant, [])[:size])) != frontier:
            yield f"the head that {tenant} had at {size} records is not that of its first {size} leaves"


def instant(at):
    """Of RFC 3339 in UTC, as text that sorts by time: all digits of the fraction there."""
    return at[:19] + "." + at[19:].strip(".Z").ljust(6, "0")


def windows_of(at, reset):
    spans = [("hour", at[:13] + ":00"), ("day", at[:10] + "T00:00"), ("month", at[:7] + "-01T00:00")]
    return spans + ([("total", "1970-01-01T00:00")] if reset == "never" else [])


@invariant("I6", "every counter is the sum of the distinct usage events of the log")
def counters_add_up(evidence):
    used, keys = collections.defaultdict(list), set()
    dead = {event for worker, event, _, _ in evidence.dead_letters if worker == "metering"}
    for record in sorted(evidence.records, key=lambda each: (each.tenant, each.event_id)):
        if record.type != "usage.recorded" or record.event_id in dead:
            continue
        usage = record.payload
        key = usage.get("idempotency_key")
        if key:
            # Two events under one key are equal but for their ids: it does not matter which one was counted.
            if (record.tenant, usage["metric"], key) in keys:
                continue
            keys.add((record.tenant, usage["metric"], key))
        at = usage.get("at") or json.loads(record.leaf)["occurred_at"]
        member = (usage.get("dimensions") or {}).get("member")
        for span, window in windows_of(at, evidence.metrics[usage["metric"]][1]):
            used[record.tenant, usage["metric"], span, window].append(
                (instant(at), record.event_id, decimal.Decimal(str(usage.get("quantity", 0))), member))
    for where in sorted(each for each in used.keys() | evidence.counters.keys() if hostile.is_kept(*each[2:])):
        quantity, events = evidence.counters.get(where, (0.0, 0))
        aggregation = evidence.metrics[where[1]][0]
        uses = used.get(where, [])
        wanted = {"sum": lambda: sum(use[2] for use in uses), "count": lambda: len(uses),
                  "max": lambda: max((use[2] for use in uses), default=0),
                  "last": lambda: max(uses)[2] if uses else 0,
                  "unique": lambda: len({use[3] for use in uses})}[aggregation]()
        if (quantity, events) != (wanted, len(uses)):
            yield f"counter {where} is {quantity:g} of {events} events; the log says {wanted:g} of {len(uses)}"


@invariant("I7", "payments and statuses follow from the set of webhooks, whatever their order and number")
def billing_follows(evidence):
    newest, paid = {}, set()
    for webhook in evidence.webhooks_accepted - evidence.strays:
        type_, invoice, created, tenant, amount = evidence.webhooks_intended[webhook]
        state = "succeeded" if type_ == "invoice.paid" else "failed"
        newest[invoice] = max(newest.get(invoice, ()), (created, state, tenant, amount))
        if state == "succeeded":
            paid.add(tenant)
    for invoice, (_, state, tenant, amount) in newest.items():
        if evidence.payments.get(invoice) != (tenant, state, amount):
            yield f"invoice {invoice} should be {(tenant, state, amount)} and is {evidence.payments.get(invoice)}"
    for tenant, (status, _) in evidence.tenants.items():
        wanted = "active" if tenant in paid else "trial"
        if status != wanted:
            yield f"tenant {tenant} should be {wanted} and is {status}"
    for webhook in sorted(evidence.strays & evidence.webhooks_accepted):
        if evidence.stripe_events.get(webhook) != "parked":
            yield f"webhook {webhook} of nobody is {evidence.stripe_events.get(webhook)} and not parked"


@invariant("I8", "once all is healed, everything is settled within 60 s")
def settles(evidence):
    if evidence.settled_after is None:
        yield f"never settled: {evidence.unsettled}"
    elif evidence.settled_after > 60:
        yield f"settled after {evidence.settled_after:.0f} s; last: {evidence.unsettled}"
    for tenant in evidence.signups_accepted.values():
        if "tenant-" + tenant not in evidence.vhosts:
            yield f"tenant {tenant} has no vhost"


@invariant("I9", "what cannot be handled is set aside, and nothing else is")
def poison_is_isolated(evidence):
    found = collections.defaultdict(set)
    for worker, event, reason, body in evidence.dead_letters:
        if (worker, event) in evidence.hostile_set_aside:
            continue  # I15 says whether it had to be
        mark = re.search(rb"poison-[0-9a-f]{32}", body)
        if mark is None or mark.group().decode() not in evidence.poison:
            yield f"{worker} set {event} aside ({reason}): {body[:200]!r}"
        else:
            found[mark.group().decode()].add(worker)
    for poison in sorted(evidence.poison_confirmed):
        if "audit" not in found[poison]:
            yield f"{poison} of {evidence.poison[poison]} was not set aside"


@invariant("I10", "what cannot be accepted is answered 503 with Retry-After")
def fails_closed(evidence):
    for kind, at, seconds, status, retry_after in evidence.answers:
        if status >= 500 and (status != 503 or not (retry_after or "").isdigit()):
            yield f"{kind} was answered {status} with Retry-After {retry_after} ({at:.1f}, after {seconds} s)"
    yield from evidence.complaints


@invariant("I11", "no secret stands in a log")
def secrets_stay(evidence):
    for name, text in evidence.log_files:
        for what, secret in evidence.secrets:
            if secret.encode() in text:
                yield f"{name} holds {what}"


# Of a process with a dozen tenants' worth of work in hand; each many times what it needs, and far below what a leak
# of ten minutes of faults would reach.
MEGABYTES_MAX, DESCRIPTORS_MAX, THREADS_MAX, DATABASE_CONNECTIONS_MAX = 400, 1500, 64, 150
if "ASAN_OPTIONS" in os.environ:  # a sanitized process keeps 256 MB of what was freed, and a shadow of all it has
    MEGABYTES_MAX *= 2


@invariant("I12", "memory, descriptors, threads and connections stay bounded")
def resources_bounded(evidence):
    for process, (megabytes, descriptors, threads) in evidence.peaks.items():
        for what, value, limit in (("MB", megabytes, MEGABYTES_MAX), ("descriptors", descriptors, DESCRIPTORS_MAX),
                                   ("threads", threads, THREADS_MAX)):
            if value > limit:
                yield f"{process} used {value:.0f} {what}, more than {limit}"
    if evidence.peak_connections.get("database", 0) > DATABASE_CONNECTIONS_MAX:
        yield f"{evidence.peak_connections['database']} connections to PostgreSQL, more than {DATABASE_CONNECTIONS_MAX}"


@invariant("I14", "no process ended but those that were killed, and all leave when they are asked")
def nothing_crashed(evidence):
    for process, code in evidence.unexpected_ends:
        yield f"{process} ended with {code}"
    for process, code in evidence.drains:
        if code != 0:
            yield f"{process} was asked to leave and ended with {code}"
    for name, text in evidence.log_files:
        for sign in (b"TENANTRY_ASSERT", b"assertion failed", b"AddressSanitizer", b"runtime error:", b"ThreadSanitizer"):
            if sign in text:
                at = text.index(sign)
                yield f"{name}: {text[max(0, at - 100):at + 300].decode(errors='replace')}"


@invariant("I15", "a hostile event that was accepted is in the audit log once, exactly as it was sent")
def hostile_is_exact(evidence):
    if evidence.hostile:
        yield from hostile.check(evidence.hostile_seed, evidence.hostile, hostile.Evidence(evidence.opened, evidence.letters, counters=None))


def check(evidence):
    """{id: (what it says, findings)}"""
    return {identity: (what, list(find(evidence))) for identity, (what, find) in INVARIANTS.items()}


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
    keys = hostile.Keys(os.environ["TENANTRY_MASTER_KEY"], wrapped)
    for tenant, sequence, event_id, leaf, payload in copy_rows(
            url, "SELECT tenant_id, sequence, event_id, encode(leaf, 'hex'), payload FROM audit.records WHERE exchange LIKE '%.app'"):
        leaf = json.loads(bytes.fromhex(leaf.decode()))
        evidence.opened.append(hostile.Record(tenant.decode(), int(sequence), event_id.decode(), leaf, keys.personal(leaf), None if payload is None else payload.decode()))
    for worker, event, tenant, reason, key, properties, error, body in texts(
            url, "SELECT worker, event_id, tenant_id, reason, routing_key, properties, error, encode(body, 'hex') FROM messaging.dead_letters"):
        text = "\n".join((key, properties, error)).encode() + b"\n" + bytes.fromhex(body)
        if hostile.MARK.search(text):
            evidence.letters.append(hostile.Letter(worker, tenant, reason, text))
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


# ---- corruptions that must be found --------------------------------------------------------------------------------


def _copy(evidence):
    """Lists, dictionaries and sets of its own; what they hold is shared and must be replaced, not changed."""
    return dataclasses.replace(evidence, **{each.name: value.copy() for each in dataclasses.fields(evidence)
                                            if hasattr(value := getattr(evidence, each.name), "copy")})


def _application_record(evidence):
    return next(each for each in evidence.records if foreign_id(each) in evidence.confirmed)


def _lost_event(evidence):
    lost = _application_record(evidence)
    evidence.records.remove(lost)


def _unhandled(evidence):
    record = _application_record(evidence)
    evidence.inbox.discard((record.event_id, "audit"))


def _lost_webhook(evidence):
    del evidence.stripe_events[min(evidence.webhooks_accepted)]


def _doubled_event(evidence):
    evidence.records.append(_application_record(evidence))


def _second_welcome(evidence):
    evidence.deliveries.append(next(each for each in evidence.deliveries if each[2] == "welcome"))


def _invented_event(evidence):
    del evidence.intended[foreign_id(_application_record(evidence))]


def _invented_payment(evidence):
    evidence.payments["in_nobody"] = next(iter(evidence.payments.values()))


def _leak(evidence):
    one = _application_record(evidence)
    other = next(mark for tenant, (_, mark) in evidence.tenants.items() if tenant != one.tenant)
    evidence.records[evidence.records.index(one)] = dataclasses.replace(one, payload={"note": other})


def _leak_in_log(evidence):
    evidence.log_files.append(("a log", next(iter(evidence.tenants.values()))[1].encode()))


def _swapped_leaves(evidence):
    """Both verify alone; only the tree knows their order."""
    tenant = _application_record(evidence).tenant
    at = [i for i, each in enumerate(evidence.records) if each.tenant == tenant][:2]
    one, two = (evidence.records[i] for i in at)
    evidence.records[at[0]] = dataclasses.replace(two, sequence=one.sequence)
    evidence.records[at[1]] = dataclasses.replace(one, sequence=two.sequence)


def _changed_leaf(evidence):
    one = _application_record(evidence)
    evidence.records[evidence.records.index(one)] = dataclasses.replace(
        one, leaf=one.leaf.replace(b'"success"', b'"failure"'))


def _rewritten_history(evidence):
    tenant, (size, frontier) = next(item for item in evidence.heads.items() if item[1][0] > 1)
    evidence.older_heads.append((tenant, size - 1, frontier))


def _counter_off_by_one(evidence):
    where, (quantity, events) = next(item for item in evidence.counters.items())
    evidence.counters[where] = (quantity + 1, events)


def _stale_payment(evidence):
    invoice = next(facts[1] for webhook, facts in evidence.webhooks_intended.items() if webhook in evidence.webhooks_accepted)
    tenant, state, amount = evidence.payments[invoice]
    evidence.payments[invoice] = (tenant, "failed" if state == "succeeded" else "succeeded", amount)


def _slow(evidence):
    evidence.settled_after = 61


def _innocent_set_aside(evidence):
    evidence.dead_letters.append(("metering", _application_record(evidence).event_id, "crash", b"{}"))


def _answer_of_500(evidence):
    evidence.answers.append(("webhook", 0.0, 0.1, 500, None))


def _no_retry_after(evidence):
    evidence.answers.append(("webhook", 0.0, 0.1, 503, None))


def _secret_logged(evidence):
    evidence.secrets.append(("a secret", "s3cr3t"))
    evidence.log_files.append(("a log", b"password=s3cr3t"))


def _memory(evidence):
    evidence.peaks["gateway"] = (MEGABYTES_MAX + 1, 10, 10)


def _hostile_record(evidence):
    accepted = {event.mark for sent, outcome in evidence.hostile.items() if outcome == "accepted" for event in hostile.make(evidence.hostile_seed, *sent).events if event.good}
    return next(at for at, each in enumerate(evidence.opened) if any(mark.decode() in accepted for mark in each.marks))


def _lost_hostile(evidence):
    del evidence.opened[_hostile_record(evidence)]


def _rounded_hostile(evidence):
    at = _hostile_record(evidence)
    one = evidence.opened[at]
    evidence.opened[at] = dataclasses.replace(one, personal={**one.personal, "payload_base64": "e30="})


def _crashed(evidence):
    evidence.unexpected_ends.append(("billing", -6))


CORRUPTIONS = (  # (what, how, the invariant that must find it)
    ("a confirmed event is not in the log", _lost_event, "I1"),
    ("an event is missing in a consumer's inbox", _unhandled, "I1"),
    ("an accepted webhook is not stored", _lost_webhook, "I1"),
    ("an event is in the log twice", _doubled_event, "I2"),
    ("a mail is sent twice", _second_welcome, "I2"),
    ("an event that nobody published", _invented_event, "I3"),
    ("a payment that no webhook stated", _invented_payment, "I3"),
    ("another tenant's canary in a record", _leak, "I4"),
    ("a canary in a log", _leak_in_log, "I4"),
    ("two leaves swapped", _swapped_leaves, "I5"),
    ("a leaf changed", _changed_leaf, "I5"),
    ("a head that was another once", _rewritten_history, "I5"),
    ("a counter off by one", _counter_off_by_one, "I6"),
    ("a stale payment shown", _stale_payment, "I7"),
    ("settled too late", _slow, "I8"),
    ("an innocent event set aside", _innocent_set_aside, "I9"),
    ("a 500", _answer_of_500, "I10"),
    ("a 503 without Retry-After", _no_retry_after, "I10"),
    ("a secret in a log", _secret_logged, "I11"),
    ("too much memory", _memory, "I12"),
    ("a crash", _crashed, "I14"),
    ("a hostile event is not in the log", _lost_hostile, "I15"),
    ("a hostile event's data is not as it was sent", _rounded_hostile, "I15"),
)


def unnoticed(evidence):
    """Corruptions that their invariant did not find in a copy of this evidence: none, or the checker is no checker."""
    before = {identity: set(findings) for identity, (_, findings) in check(evidence).items()}
    out = []
    for what, corrupt, identity in CORRUPTIONS:
        if identity == "I15" and not evidence.hostile:
            continue  # a run of outages alone sends none
        copy = _copy(evidence)
        corrupt(copy)
        if not set(INVARIANTS[identity][1](copy)) - before[identity]:
            out.append(f"{what} ({identity})")
    return out
