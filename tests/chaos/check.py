"""The invariants of docs/RELIABILITY.md, each a function from the evidence to what it found wrong: nothing, if it holds.

Independent of the product: evidence.py reads journals of what clients were told, tables, the mail sink's files and the
broker's bindings, and nothing here shares code with the workers. `check_test.py` and the end of every run plant
corruptions (corruptions.py) in a copy of the evidence, and each must be found by the invariant that is meant for it.
"""
import collections
import decimal
import hashlib
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import hostile_check  # noqa: E402

FINDINGS_MAX = 20  # told per invariant; the number of all is told too
CANARY = re.compile(rb"cnr[0-9a-f]{12}")

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
    for where in sorted(each for each in used.keys() | evidence.counters.keys() if hostile_check.is_kept(*each[2:])):
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
        yield from hostile_check.check(evidence.hostile_seed, evidence.hostile, hostile_check.Evidence(evidence.opened, evidence.letters, counters=None))


def check(evidence):
    """{id: (what it says, findings)}"""
    return {identity: (what, list(find(evidence))) for identity, (what, find) in INVARIANTS.items()}
