#!/usr/bin/python3
"""The whole life of Boulangerie Martin on Tenantry, through public interfaces, checking every step.

Run by `./dev demo`, which has started a fresh stack. Exit 0 only if everything held.
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import platform_client as p  # noqa: E402

COLOUR = sys.stdout.isatty()
started = time.monotonic()
step_started = started
steps = 0
TENANT = "boulangerie-martin"
OWNER = "marie@boulangerie-martin.example"
OTHER = "atelier-durand"


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def chapter(title):
    print(f"\n{paint('1', title)}", flush=True)


def step(text):
    """Tells what has just been seen to hold, and how long it took."""
    global step_started, steps
    now = time.monotonic()
    steps += 1
    print(f"  {paint('32', 'ok')} {text} {paint('2', f'({(now - step_started) * 1000:.0f} ms)')}", flush=True)
    step_started = now


def check(condition, text, detail=None):
    if not condition:
        raise AssertionError(text if detail is None else f"{text}: {detail}")
    step(text)


def status_is(status, seconds=15, tenant=TENANT):
    p.await_true(f"{tenant} is {status} (now {p.tenant_status(tenant)})", lambda: p.tenant_status(tenant) == status, seconds)


def mail_about(words, to=OWNER):
    def find():
        return next((m for m in p.mails() if to in m[0] and words.lower() in (m[1] + m[2]).lower()), None)
    return p.await_true(f"a mail to {to} about “{words}”", find)


def audit_types():
    return [row[0] for row in p.analyst(f"SELECT type FROM analytics.audit_events WHERE tenant_id = '{TENANT}'")]


def await_event(type_, count=1):
    p.await_true(f"{count} × {type_} in the audit log", lambda: audit_types().count(type_) >= count)


def signs_up():
    chapter("1. A company signs up")
    body = p.signup_body("Boulangerie Martin", OWNER)
    answer = p.request("POST", "/signup", body, {"Idempotency-Key": "demo-1"})
    check(answer.status == 201 and answer.json["tenant_id"] == TENANT, f"POST /signup → 201, tenant_id {TENANT}", answer)
    again = p.request("POST", "/signup", body, {"Idempotency-Key": "demo-1"})
    check(again.status == 201 and again.json["tenant_id"] == TENANT, "the same request again → the same answer, no second tenant", again)
    history = p.await_true("provisioned", lambda: p.tenant_status(TENANT) == "trial" and p.admin("GET", "/v1/admin/tenants/" + TENANT).json)
    seen = [entry["to"] for entry in history["history"]] if history.get("history") else []
    check("TRIAL" in seen or history["status"] == "TRIAL", "PENDING → provisioned → TRIAL")
    queues = {q["name"] for q in p.management("GET", f"queues/tenant-{TENANT}").json}
    wanted = {f"{TENANT}.{w}" for w in ("signup", "provisioning", "billing", "metering", "audit", "notification")}
    check(wanted <= queues, f"vhost tenant-{TENANT} has a queue for each of the 6 workers", queues)
    permissions = {r["user"]: r for r in p.management("GET", f"vhosts/tenant-{TENANT}/permissions").json}
    application = permissions.get(f"tenant-{TENANT}", {})
    check(application.get("configure") == "^$" and application.get("write") == f"^{TENANT}\\.app$",
          "its applications' user may publish to one exchange, and configure nothing", application)
    welcome = mail_about("bienvenue")
    check(True, f"welcome mail: “{welcome[1]}”")


def uses_it():
    chapter("2. It logs in and works")
    token = p.login(TENANT, OWNER)
    me = p.request("GET", "/v1/me", headers=token)
    check(me.status == 200 and me.json["tenant_id"] == TENANT, "POST /auth/login, GET /v1/me", me)
    for name in ("Café de la Gare", "Hôtel du Lac", "École Jules Ferry"):
        made = p.request("POST", "/v1/clients", {"name": name}, token)
        assert made.status == 201, made
    listed = p.request("GET", "/v1/clients", headers=token)
    check(listed.status == 200 and len(listed.json["clients"]) == 3, "3 clients created and listed", listed)

    def calls():
        for counter in p.tenantry("usage", "show", TENANT, "--metric", "api_calls", "--span", "month"):
            if counter["quantity"] >= 5:
                return counter["quantity"]
        return None
    check(p.await_true("usage counted", calls), "its API calls are counted: `tenantry usage show`")

    p.request("POST", "/signup", p.signup_body("Atelier Durand", "paul@atelier-durand.example"))
    status_is("trial", tenant=OTHER)
    other = p.login(OTHER, "paul@atelier-durand.example")
    client = listed.json["clients"][0]["id"]
    foreign = p.request("GET", f"/v1/clients/{client}", headers=other)
    check(foreign.status == 404 and len(p.request("GET", "/v1/clients", headers=other).json["clients"]) == 0,
          "a second tenant, Atelier Durand, sees none of it (404)", foreign)
    crossed = p.request("GET", "/v1/me", headers={**other, "X-Tenant-ID": TENANT})
    check(crossed.status == 403, "its token with the first one's X-Tenant-ID → 403", crossed)
    return token


def trial_ends():
    chapter("3. The trial ends unpaid")
    p.advance("11d")
    await_event("trial.ending")
    mail = mail_about("se termine")
    step(f"clock +11 days: mail “{mail[1]}”")
    p.advance("3d")
    status_is("suspended")
    step("clock +3 days: SUSPENDED (trial_expired)")
    token = p.login(TENANT, OWNER)
    refused = p.request("GET", "/v1/clients", headers=token)
    check(refused.status == 402 and refused.json["code"] == "payment_required", "the API answers 402: " + refused.json.get("detail", ""), refused)


def pays():
    chapter("4. It pays")
    began = time.monotonic()
    answer = p.post_stripe(p.stripe_event("invoice.paid", p.invoice(TENANT, paid=True)))
    assert answer.status == 200, answer
    status_is("active", seconds=5)
    took = time.monotonic() - began
    # A second is the promise; a demo also passes on a machine of a quarter of the usual speed.
    check(took < p.PATIENCE, f"signed Stripe webhook → ACTIVE in {took * 1000:.0f} ms")
    token = p.login(TENANT, OWNER)
    p.await_true("the API is open", lambda: p.request("GET", "/v1/clients", headers=token).status == 200, 2)
    step("the API works again")


def fails_to_pay():
    chapter("5. A payment fails")
    p.advance("1d")
    answer = p.post_stripe(p.stripe_event("invoice.payment_failed", p.invoice(TENANT, paid=False)))
    assert answer.status == 200, answer
    await_event("payment.overdue", 1)
    step("day 0: reminder; the tenant stays ACTIVE")
    p.advance("3d")
    await_event("payment.overdue", 2)
    step("day 3: reminder")
    p.advance("4d")
    await_event("payment.overdue", 3)
    check(p.tenant_status(TENANT) == "active", "day 7: reminder; still ACTIVE")
    p.advance("7d")
    status_is("suspended")
    step("day 14: SUSPENDED (payment_failed)")
    answer = p.post_stripe(p.stripe_event("invoice.paid", p.invoice(TENANT, paid=True)))
    assert answer.status == 200, answer
    status_is("active", seconds=5)
    step("payment → ACTIVE")


def reaches_a_limit():
    chapter("6. It reaches a limit")
    token = p.login(TENANT, OWNER)
    for quantity in (8200, 1900):
        # The platform's own count: nobody else may say it.
        p.tenantry("events", "publish", "usage.recorded", "--tenant", TENANT, "--data",
                   json.dumps({"metric": "api_calls", "quantity": quantity}))
        await_event("usage.threshold_reached", 1)
    await_event("usage.threshold_reached", 2)
    await_event("usage.limit_exceeded", 1)
    step("10,000 API calls of plan STARTER: usage.threshold_reached at 80 % and 100 %, then usage.limit_exceeded")
    at_80, at_100 = mail_about("80 %"), mail_about("100 %")
    step(f"mails: “{at_80[1]}”, “{at_100[1]}”")
    p.await_true("over the limit", lambda: p.request("GET", "/v1/clients", headers=token).status == 429, 10)
    refused = p.request("GET", "/v1/clients", headers=token)
    check(refused.json["code"] == "limit_exceeded", "the API answers 429 limit_exceeded")


def leaves():
    chapter("7. It leaves")
    token = p.login(TENANT, OWNER)
    answer = p.request("POST", "/v1/subscription/cancel", {}, token)
    check(answer.status == 200, "POST /v1/subscription/cancel → CANCELLED", answer)
    status_is("cancelled")
    refused = p.request("GET", "/v1/clients", headers=token)
    check(refused.status == 403 and refused.json["code"] == "account_cancelled", "the API answers 403 account_cancelled", refused)
    p.advance("30d")
    status_is("deleted")
    p.await_true("vhost gone", lambda: p.management("GET", f"vhosts/tenant-{TENANT}").status == 404, 30)
    step("30 days later: DELETED, its vhost is gone")
    check(p.management("GET", f"users/tenant-{TENANT}").status == 404, "its broker user is gone")
    p.await_true("tenant.deleted", lambda: "tenant.deleted" in audit_types())
    gone = p.request("POST", "/auth/login", {"email": OWNER, "password": "Une-Baguette-Bien-Cuite-42"}, {"X-Tenant-ID": TENANT})
    check(gone.status == 404, "its space answers 404", gone)


def remains():
    chapter("8. What remains: the audit trail")
    p.await_true("audit at rest", settled)
    records = p.analyst("SELECT sequence, type, actor_kind, actor_id, coalesce(payload->>'reason', payload->>'step', payload->>'metric', '') "
                        f"FROM analytics.audit_events WHERE tenant_id = '{TENANT}' ORDER BY sequence")
    for sequence, type_, kind, actor, detail in records:
        print(f"     {sequence:>3}  {type_:<28} {kind + ':' + actor if actor else kind:<46} {detail}")
    check([int(r[0]) for r in records] == list(range(len(records))), f"{len(records)} records, sequence without gaps from 0 to {len(records) - 1}")
    def sums():
        """In the audit log, and in the counters: the same, once the two workers have come to the same event."""
        logged = p.analyst("SELECT coalesce(sum((payload->>'quantity')::numeric), 0) FROM analytics.audit_events "
                           f"WHERE tenant_id = '{TENANT}' AND type = 'usage.recorded' AND payload->>'metric' = 'api_calls'")[0][0]
        counted = p.analyst("SELECT coalesce(sum(quantity), 0) FROM analytics.usage "
                            f"WHERE tenant_id = '{TENANT}' AND metric = 'api_calls' AND span = 'month'")[0][0]
        return float(logged), float(counted)

    try:
        p.await_true("usage counters equal the events in the log", lambda: len(set(sums())) == 1)
    except AssertionError as error:
        raise AssertionError(f"{error}: {sums()}, {p.tenantry('dead-letters', 'list')}") from None
    counted = sums()[1]
    differs = None

    def rebuilt():
        """What is said last, the usage of a second ago, may be in the log and not yet in the counters."""
        nonlocal differs
        try:
            return p.tenantry("events", "replay", "--verify")[-1]
        except AssertionError as error:
            differs = error
            return None

    try:
        verified = p.await_true("lifecycle and usage rebuilt from the log", rebuilt)
    except AssertionError:
        raise differs from None
    check(verified["differences"] == 0, f"rebuilt from {verified['events']} events of the log, lifecycle and usage are the same", verified)
    step(f"usage counters equal the events in the log: {counted:.0f} API calls")


def is_forgotten():
    chapter("9. Its people are forgotten, its log is not")
    answer = p.admin("POST", f"/v1/admin/tenants/{TENANT}/erase", {})
    check(answer.status == 202, f"POST /v1/admin/tenants/{TENANT}/erase", answer)
    await_event("tenant.erased")
    named = p.analyst("SELECT count(*) FROM analytics.audit_events "
                      f"WHERE tenant_id = '{TENANT}' AND (payload IS NOT NULL OR actor_id <> '' OR actor_ip <> '')")[0][0]
    check(int(named) == 0, "its key is destroyed: no record says who it was")
    def whole():
        seen = p.tenantry("audit", "verify", "--tenant", TENANT)[0]
        return seen["signed_size"] == seen["records"] and seen

    verified = p.await_true("all of it is signed", whole, 30)
    check(verified["ok"], f"all {verified['records']} records verify, up to the head that the signer signed", verified)


def settled():
    before = len(audit_types())
    time.sleep(0.3)
    return before == len(audit_types())


def main():
    try:
        for part in (signs_up, uses_it, trial_ends, pays, fails_to_pay, reaches_a_limit, leaves, remains, is_forgotten):
            part()
    except (AssertionError, KeyError) as error:
        print(f"\n  {paint('31', 'FAILED')} {error!r}", file=sys.stderr)
        return 1
    print(f"\n{paint('1', 'All held')}: {steps} steps in {time.monotonic() - started:.1f} s.")
    print("Next: ./dev up, then README.md, “Five minutes of use”; docs/ARCHITECTURE.md says how it works.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
