#!/usr/bin/python3
"""The checker is checked: a small consistent world passes, and every planted corruption is found by its invariant."""
import base64
import hashlib
import json
import unittest

import check
import corruptions
import hostile
import hostile_check
from evidence import Evidence, Record

TENANTS = {"acme": "cnr" + "a" * 12, "brot": "cnr" + "b" * 12}


def record(tenant, sequence, number, type_, exchange, source, payload, foreign=None):
    event_id = f"0190a000-0000-7000-8000-{number:012d}"
    leaf = {"event_id": event_id, "occurred_at": "2026-11-21T10:20:30.000000Z", "outcome": "success", "sequence": sequence,
            "tenant_id": tenant, "type": type_}
    if foreign:
        leaf["foreign_id"] = foreign
    text = json.dumps(leaf, separators=(",", ":")).encode()
    return Record(tenant, sequence, event_id, type_, exchange, source, text, hashlib.sha256(b"\0" + text).digest(), payload)


def hostile_record(sequence, way, number):
    """Of the first tenant: as it must be recorded."""
    event = hostile.make("seed", "acme", way, number).events[0]
    said = event.attributes
    source = said.get("source") or ("/tenants/acme/api" if way == "http" else "")
    leaf = {"type": event.type, "source": source, "content_type": event.content_type, "occurred_at": hostile.instant(said.get("time") or "2026-11-21T10:20:30Z"),
            "foreign_id": said.get("id") or "hash", "tenant_id": "acme"}
    extensions = {name.lower(): str(value[1]) if isinstance(value, tuple) else value for name, value in hostile.own_attributes(event).items()}
    personal = {"payload_base64": base64.b64encode(event.data).decode(), "resource_id": said.get("subject", ""), "extensions": extensions}
    payload = event.data.decode() if hostile.is_json(event.content_type) else None
    return hostile_check.Record("acme", sequence, f"e-{sequence}", leaf, personal, payload)


def append(frontier, size, leaf_hash):
    """Another way than the checker's: leaf by leaf, as one carries in binary."""
    node = leaf_hash
    while size & 1:
        node = hashlib.sha256(b"\1" + frontier.pop() + node).digest()
        size >>= 1
    frontier.append(node)


def consistent():
    evidence = Evidence(settled_after=3.0, metrics={"orders": ("sum", "monthly")},
                        bindings=[("events", "audit", "#"), ("app", "audit", "#"), ("app", "metering", "usage.recorded"),
                                  ("events", "notification", "trial.started")])
    number = 0
    for tenant, mark in TENANTS.items():
        address = f"owner@{tenant}.example"
        evidence.signups_intended[address] = mark
        evidence.signups_accepted[address] = tenant
        evidence.tenants[tenant] = ("active", mark)
        evidence.vhosts.add("tenant-" + tenant)
        evidence.mails.append((address, f"<{tenant}>", mark.encode()))
        evidence.deliveries.append((tenant, "e", "welcome", address, "sent"))
        evidence.history += [(tenant, None, "pending"), (tenant, "pending", "trial"), (tenant, "trial", "active")]
        frontier = []
        for sequence, type_ in enumerate(("signup.requested", "tenant.registered", "tenant.provisioned", "trial.started",
                                          "usage.recorded", "usage.recorded", "user.logged_in")):
            number += 1
            usage = type_ == "usage.recorded"
            by_http = sequence == 4  # of the two
            each = record(tenant, sequence, number, type_, f"{tenant}.app" if usage else f"{tenant}.events",
                          "/chaos/http" if by_http else "/chaos/application" if usage else "/tenantry/signup",
                          {"metric": "orders", "quantity": 2, "dimensions": {"note": mark}} if usage else {},
                          f"{tenant}-{number}" if usage else None)
            evidence.records.append(each)
            evidence.inbox.add((each.event_id, "audit"))
            if usage:
                evidence.intended[f"{tenant}-{number}"] = (tenant, type_)
                evidence.confirmed.add(f"{tenant}-{number}")
                evidence.inbox.add((each.event_id, "metering"))
            if type_ == "trial.started":
                evidence.inbox.add((each.event_id, "notification"))
            append(frontier, sequence, each.leaf_hash)
            evidence.heads[tenant] = (sequence + 1, b"".join(frontier))
            evidence.older_heads.append((tenant, sequence + 1, b"".join(frontier)))
        evidence.logins_intended[tenant] = evidence.logins_accepted[tenant] = 1
        for span, window in (("hour", "2026-11-21T10:00"), ("day", "2026-11-21T00:00"), ("month", "2026-11-01T00:00")):
            evidence.counters[tenant, "orders", span, window] = (4.0, 2)
        for webhook, type_, created in ((f"evt_{tenant}_1", "invoice.paid", 9), (f"evt_{tenant}_2", "invoice.payment_failed", 5)):
            evidence.webhooks_intended[webhook] = (type_, f"in_{tenant}", created, tenant, 4900)
            evidence.webhooks_accepted.add(webhook)
            evidence.stripe_events[webhook] = "published"
        evidence.payments[f"in_{tenant}"] = (tenant, "succeeded", 4900)
    evidence.hostile_seed = "seed"
    for way in ("http", "amqp"):
        good = [number for number in range(40) if hostile.make("seed", "acme", way, number).good and hostile.make("seed", "acme", way, number).mode != "batch"]
        for number in good[:5]:
            evidence.hostile["acme", way, number] = "accepted"
            evidence.opened.append(hostile_record(len(evidence.opened), way, number))
    evidence.answers.append(("webhook", 1.0, 0.1, 503, "1"))
    evidence.drains.append(("gateway", 0))
    evidence.peaks["gateway"] = (40, 100, 10)
    return evidence


class Checker(unittest.TestCase):
    def test_a_consistent_world_passes(self):
        found = {identity: findings for identity, (_, findings) in check.check(consistent()).items() if findings}
        self.assertEqual(found, {})

    def test_every_corruption_is_found_by_its_invariant(self):
        self.assertEqual(corruptions.unnoticed(consistent()), [])

    def test_every_invariant_has_a_corruption(self):
        self.assertEqual({identity for _, _, identity in corruptions.CORRUPTIONS}, set(check.INVARIANTS))

    def test_roots_of_a_tree_of_any_size(self):
        hashes = [hashlib.sha256(bytes([n])).digest() for n in range(40)]
        frontier = []
        for size, leaf in enumerate(hashes):
            self.assertEqual(check.roots_of(hashes[:size]), frontier)
            append(frontier, size, leaf)

    def test_topic_patterns(self):
        for pattern, key, wanted in (("#", "", True), ("#", "a.b", True), ("a.*", "a.b", True), ("a.*", "a", False),
                                     ("a.#", "a", True), ("#.c", "a.b.c", True), ("#.c", "a.b", False)):
            with self.subTest(pattern=pattern, key=key):
                self.assertEqual(check.matches(pattern, key), wanted)


if __name__ == "__main__":
    unittest.main(verbosity=2)
