"""What must be found: each invariant of check.py has corruptions that are planted in a copy of the evidence."""
import dataclasses

import hostile
from check import INVARIANTS, MEGABYTES_MAX, check, foreign_id


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
