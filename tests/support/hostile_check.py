"""What must have become of hostile events (hostile.py), from records, dead letters, counters and exports.

  check(seed, outcomes, evidence)           what was lost, doubled, changed or invented; nothing, if all held
"""
import base64
import collections
import dataclasses
import datetime
import decimal
import functools
import json
import re
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hostile import MARK, METRICS, instant, is_json, make, own_attributes

# ---- reading what the platform holds -------------------------------------------------------------------------------


class Keys:
    """Opens the sealed part of leaves, from what docs and the database say: AES-256-GCM, bound to its place."""

    def __init__(self, master, wrapped):
        """`wrapped`: key id -> its data key under the master key."""
        self.keys = {name: AESGCM(self.opened(AESGCM(base64.b64decode(master)), data, ("data_key", name))) for name, data in wrapped.items()}

    @staticmethod
    def opened(cipher, sealed, place):
        bound = b"".join(struct.pack(">Q", len(part.encode())) + part.encode() for part in place) + struct.pack(">I", 1)
        return cipher.decrypt(sealed[:12], sealed[12:], bound)

    def personal(self, leaf):
        place = ("field", leaf["tenant_id"], "audit.records", str(leaf["sequence"]), "sealed")
        return json.loads(self.opened(self.keys[leaf["key"]], base64.b64decode(leaf["sealed"]), place))


# ---- what must have become of them ---------------------------------------------------------------------------------


@dataclasses.dataclass
class Record:
    """A line of the audit log, its leaf opened."""
    tenant: str
    sequence: int
    event_id: str
    leaf: dict
    personal: dict
    payload: str | None  # the column that is searched

    @functools.cached_property
    def data(self):
        return base64.b64decode(self.personal["payload_base64"])

    @property
    def marks(self):
        """Of a hostile event; a record of ours about one is none."""
        if self.leaf["source"].startswith("/tenantry/"):
            return set()
        where = (self.leaf["type"], self.leaf["source"], self.leaf.get("foreign_id", ""), self.personal["resource_id"], json.dumps(self.personal.get("extensions", {})))
        return set(MARK.findall("\n".join(where).encode() + b"\n" + self.data))


@dataclasses.dataclass
class Letter:
    """A dead letter: what was set aside, by whom and why."""
    worker: str
    tenant: str
    reason: str
    text: bytes  # all of it in which a mark may stand


@dataclasses.dataclass
class Evidence:
    records: list
    letters: list
    counters: dict | None                                        # (tenant, metric, span, "YYYY-MM-DDTHH:MM") -> (quantity, events); None: not looked at
    exported: dict = dataclasses.field(default_factory=dict)     # tenant -> Counter of marks in its export; no tenant: not looked at


def fits_columns(data):
    """Whether PostgreSQL's jsonb holds this JSON: the page says what it does not."""
    if b"\\u0000" in data:
        return None  # perhaps an escaped backslash before it
    for number in re.findall(rb"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", data):
        _, digits, exponent = decimal.Decimal(number.decode()).as_tuple()
        if -exponent > 16000 or len(digits) + exponent > 100000:
            return None
    return True


def exact(text):
    return json.loads(text, parse_int=decimal.Decimal, parse_float=decimal.Decimal)


def is_that_number(want, have):
    """Whether it says, in whatever spelling, the number that went in binary. A twin's attribute of that name may be no number at all."""
    try:
        return isinstance(want, tuple) and have is not None and float(have) == want[1]
    except ValueError:
        return False


def differences(record, event, way):
    """How a record is not what was sent."""
    leaf, personal, attributes = record.leaf, record.personal, event.attributes
    if record.data != event.data:
        yield f"data {record.data[:80]!r} ({len(record.data)} bytes) instead of {event.data[:80]!r} ({len(event.data)})"
    source = attributes.get("source", "") or ("/tenants/" + event.tenant + "/api" if way == "http" else "")
    for name, value in (("type", attributes["type"]), ("source", source), ("content_type", event.content_type)):
        if leaf[name] != value:
            yield f"{name} {leaf[name]!r} instead of {value!r}"
    if attributes.get("id") and leaf.get("foreign_id", record.event_id) != attributes["id"]:
        yield f"id {leaf.get('foreign_id')!r} instead of {attributes['id']!r}"
    if attributes.get("time") and instant(leaf["occurred_at"]) != instant(attributes["time"]):
        yield f"time {leaf['occurred_at']} instead of {attributes['time']}"
    if "subject" in attributes and not event.is_usage and personal["resource_id"] != attributes["subject"]:
        yield f"subject {personal['resource_id']!r} instead of {attributes['subject']!r}"
    wanted = {name.lower(): value for name, value in own_attributes(event).items()}
    found = personal.get("extensions", {})
    for name in wanted.keys() | found.keys():
        want, have = wanted.get(name), found.get(name)
        if want != have and not is_that_number(want, have):
            yield f"extension {name} {have!r} instead of {want!r}"
    if is_json(event.content_type) and not event.is_usage:
        if record.payload is None:
            if fits_columns(record.data):
                yield "its payload is not in the column that is searched"
        elif exact(record.payload) != exact(record.data):
            yield f"the column that is searched has {record.payload[:200]}"


def check(seed, outcomes, evidence, answers=None):
    """`outcomes`: (tenant, way, k) -> "accepted", "refused" or "unknown" (then either may be true); `answers`: what was said. Yields findings."""
    sent = collections.defaultdict(list)  # mark -> (outcome, way, event)
    for (tenant, way, k), outcome in outcomes.items():
        sending = make(seed, tenant, way, k)
        if outcome == "refused" and sending.good and way == "http":
            yield f"{way} {k} of {tenant} ({sending.mode}) is good and was refused ({(answers or {}).get((tenant, way, k))}): {sending.events[0]}"
        if outcome == "accepted" and sending.good is False and way == "http":
            yield f"{way} {k} of {tenant} ({sending.mode}) is bad and was accepted: {next(each for each in sending.events if each.good is False or each.metered is False)}"
        for event in sending.events:
            sent[event.mark].append((outcome, way, event, k))
    records, letters = collections.defaultdict(list), collections.defaultdict(lambda: collections.defaultdict(list))
    for record in evidence.records:
        marks = record.marks
        if len(marks) > 1:
            yield f"record {record.sequence} of {record.tenant} mixes events {marks}"
        for mark in marks:
            records[mark.decode()].append(record)
    for letter in evidence.letters:
        for mark in set(MARK.findall(letter.text)):
            letters[mark.decode()][letter.worker].append(letter)
        if letter.reason not in ("invalid", "refused") and MARK.search(letter.text):
            yield f"{letter.worker} set an event aside as {letter.reason}: {letter.text[:300]!r}"
    for mark in records.keys() - sent.keys():
        yield f"record {records[mark][0].sequence} of {records[mark][0].tenant} is of {mark}, which nobody sent"
    for mark, sendings in sent.items():
        yield from (f"{mark} of {sendings[0][2].tenant} ({', '.join(f'{way} {k} {outcome}' for outcome, way, _, k in sendings)}): {finding}"
                    for finding in of_one(sendings, records[mark], letters[mark]))
    if evidence.counters is not None:
        yield from usage_counted(evidence, records, {mark: sendings[0][2].metered for mark, sendings in sent.items()})
    for tenant, counted in evidence.exported.items():
        wanted = collections.Counter(mark for mark, found in records.items() for each in found if each.tenant == tenant)
        if counted != wanted:
            yield f"the export of {tenant} has {sum(counted.values())} of {sum(wanted.values())} records; it differs in {list((counted - wanted) + (wanted - counted))[:5]}"


def of_one(sendings, found, letters):
    taken = [(way, event) for outcome, way, event, _ in sendings if outcome == "accepted"]
    possible = [(way, event) for outcome, way, event, _ in sendings if outcome != "refused"]
    by_http = any(way == "http" for way, _ in taken)
    if len(found) > 1:
        yield f"recorded {len(found)} times"
    if not possible and (found or letters["audit"]):
        yield "it was refused and is in the log" if found else "it was refused and set aside"
    if taken and not found and (by_http or not letters["audit"]):
        yield "it was accepted and is not in the log" + (f"; set aside: {letters['audit'][0].reason}" if letters["audit"] else "")
    if len(possible) == 1 and found and letters["audit"]:
        yield "it is in the log and set aside, too"
    if found and all(event.good is False for _, event in possible):
        yield f"it is bad and in the log: {possible[0][1] if possible else ''}"
    if letters["audit"] and all(event.good is True for _, event in possible):
        yield f"it is good and was set aside as {letters['audit'][0].reason}: {letters['audit'][0].text[-400:]!r}"
    for record in found:
        told = [list(differences(record, event, way)) for way, event in possible]
        if told and all(told):
            yield f"the record is another: {min(told, key=len)}"
        if {event.tenant for _, event in possible} != {record.tenant}:
            yield f"it is in the log of {record.tenant}"
    if possible and found and possible[0][1].is_usage and all(event.good for _, event in possible):
        counts, aside = possible[0][1].metered, len(letters["metering"])
        if aside and counts or (not aside and not counts):
            yield "it is good usage and metering set it aside" if aside else "it is bad usage and metering did not set it aside"


def is_kept(span, window):
    """Whether a counter of this window is there for sure: hours are removed after 400 days (docs/housekeeping.md)."""
    return span != "hour" or window > (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=399)).strftime("%Y-%m-%dT%H:%M")


def usage_counted(evidence, records, metered):
    wanted, keys = collections.defaultdict(list), set()
    for mark, found in records.items():
        for record in found[:1]:
            if record.leaf["type"] != "usage.recorded" or not metered.get(mark):
                continue
            said = json.loads(record.data)
            key = (record.tenant, said["metric"], said.get("idempotency_key"))
            if key[2] and key in keys:
                continue
            keys.add(key)
            at = instant(said["at"]) if said.get("at") else record.leaf["occurred_at"]
            for span, window in (("hour", at[:13] + ":00"), ("day", at[:10] + "T00:00"), ("month", at[:7] + "-01T00:00")):
                wanted[record.tenant, said["metric"], span, window].append((float(said["quantity"]), said["dimensions"].get("member")))
    tenants = {where[0] for where in wanted}
    ours = {where: value for where, value in evidence.counters.items() if where[0] in tenants and where[1] in METRICS}
    for where in sorted(each for each in wanted.keys() | ours.keys() if is_kept(*each[2:])):
        quantity, events = ours.get(where, (0.0, 0))
        uses = wanted.get(where, [])
        total = float(len({member for _, member in uses})) if METRICS[where[1]] == "unique" else sum(each for each, _ in uses)
        if events != len(uses) or abs(quantity - total) > 1e-9 * max(1.0, total):
            yield f"counter {where} is {quantity:g} of {events} events; the log says {total:g} of {len(uses)}"
