#!/usr/bin/python3
"""Companies that are closed, owe or change, and who belongs to several of them, in the console and a real Chromium.

The browser's part is workers/gateway/console/test/e2e-companies.mjs, which says what it has checked. With
TENANTRY_SCREENSHOTS=FOLDER it leaves pictures.
"""
import os
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stack  # noqa: E402
from free_ports import free_port  # noqa: E402
from stack import p, sign_up, unique  # noqa: E402

sink = None


def setUpModule():
    global sink
    sink = stack.MailSink()
    os.environ["TENANTRY_DNS_SERVERS"] = f"127.0.0.1:{free_port()}"  # where nobody answers
    # A browser takes a Secure cookie over plain HTTP from localhost alone.
    os.environ["TENANTRY_URL"] = p.env("TENANTRY_URL").replace("127.0.0.1", "localhost")
    stack.start()


def tearDownModule():
    stack.stop()
    sink.stop()


def subscribe(tenant, status, created=0, **more):
    item = {"id": "si_1", "price": {"id": "price_professional"}, "quantity": 2}
    event = p.stripe_event("customer.subscription.updated", {
        "id": "sub_" + tenant.id, "object": "subscription", "customer": "cus_" + tenant.id, "status": status, "metadata": {"tenant_id": tenant.id},
        "cancel_at_period_end": False, "items": {"object": "list", "data": [item]}, **more})
    event["created"] += created
    answer = p.post_stripe(event)
    assert answer.status == 200, answer


def fail_payment(tenant):
    """An invoice that is open and was not paid; its page at Stripe."""
    invoice = p.invoice(tenant.id, paid=False)
    invoice |= {"number": "F-" + tenant.id, "hosted_invoice_url": "https://invoice.stripe.com/i/" + tenant.id}
    for type_ in ("invoice.finalized", "invoice.payment_failed"):
        answer = p.post_stripe(p.stripe_event(type_, invoice))
        assert answer.status == 200, answer
    return invoice["hosted_invoice_url"]


def expire(tenant_id):
    """As time would do it to all of them. Put back at the end, since the log does not say it: others compare with that."""
    where = f"WHERE tenant_id = '{tenant_id}'"
    ends_at = stack.superuser(f"SELECT trial_ends_at FROM platform.tenants {where}")[0][0]
    stack.superuser(f"UPDATE platform.tenants SET status = 'suspended', status_reason = 'trial_expired', trial_ends_at = now() - interval '1 day' {where}")
    unittest.addModuleCleanup(stack.superuser, f"UPDATE platform.tenants SET status = 'trial', status_reason = '', trial_ends_at = '{ends_at}' {where}")


def furnish():
    names = {name: unique(text) for name, text in (
        ("byAdmin", "Fermée"), ("unpaid", "Impayée"), ("expired", "Échue"), ("cancelled", "Résiliée"), ("open", "Ouverte"), ("owing", "En Retard"), ("changing", "Changeante"))}
    of = {name: sign_up(company, plan="PROFESSIONAL") for name, company in names.items()}
    for name in ("unpaid", "owing", "changing"):
        more = {"current_period_end": int(p.platform_now()) + 30 * 86400, "cancel_at": int(p.platform_now()) + 60 * 86400} if name == "changing" else {}
        subscribe(of[name], "active", **more)
        of[name].await_status("active")
    owner, owing, changing = of["byAdmin"].address, of["owing"], of["changing"]
    for name in ("unpaid", "expired", "cancelled"):
        stack.join(owner, of[name], "owner")
    member, colleague, gone, heir, employee, invited = (stack.person(owner, local) for local in ("member", "colleague", "gone", "heir", "employee", "asked"))
    for name, role in (("byAdmin", "viewer"), ("expired", "viewer"), ("unpaid", "manager"), ("cancelled", "manager"), ("open", "manager")):
        stack.join(member, of[name], role)
    for address, tenant, role in ((colleague, owing, "employee"), (heir, changing, "admin"), (employee, changing, "employee"), (invited, of["open"], "viewer")):
        stack.join(address, tenant, role)
    stack.join(gone, owing, "admin", "removed")
    absent = stack.person(owner, "absent")
    stack.join(absent, owing, "employee")
    token = p.login(owing.id, absent)
    secret = p.request("POST", "/v1/me/factors/totp", {}, token).json["secret"]
    confirmed = p.request("POST", "/v1/me/factors/totp/confirm", {"code": p.totp(secret, int(p.platform_now()) // 30)}, token)
    assert confirmed.status == 200, confirmed
    owing.confirm()
    key = owing.post("/v1/api-keys", {"name": "Of who has left", "permissions": ["clients:read"]})
    assert key.status == 201, key
    stack.superuser(f"UPDATE platform.api_keys SET created_by = (SELECT user_id FROM platform.users WHERE email = '{gone}') WHERE tenant_id = '{owing.id}'")
    answer = owing.post("/v1/users", {"email": invited, "role": "viewer"})
    assert answer.status == 201, answer
    smaller = p.request("PUT", "/v1/subscription/plan", {"plan": "STARTER"}, changing.token)
    assert smaller.status == 200 and smaller.json["due_at"], smaller
    terms = p.admin("PUT", f"/v1/admin/tenants/{owing.id}/dunning", {"remind_days": [0, 7], "suspend_day": 30, "reason": "a test"})
    assert terms.status == 200, terms
    urls = {name: fail_payment(of[name]) for name in ("unpaid", "owing")}
    subscribe(owing, "past_due", created=1)
    subscribe(of["unpaid"], "unpaid", created=1)
    p.await_true("one company owes", lambda: owing.get("/v1/subscription").json["billing"]["past_due_since"], 30)
    for act, name, body in (("suspend", "byAdmin", {"reason": "abuse", "note": "asked for by the test"}), ("cancel", "cancelled", {"note": "asked for by the test"})):
        answer = p.admin("POST", f"/v1/admin/tenants/{of[name].id}/{act}", body)
        assert answer.status == 200, answer
    expire(of["expired"].id)
    of["unpaid"].await_status("suspended")
    url = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
    return {
        "url": f"http://localhost:{url.port}", "password": stack.PASSWORD, "clockAhead": p.platform_now() - time.time(), "adminToken": p.env("TENANTRY_ADMIN_TOKEN").split(",")[0].rpartition(":")[2],
        "companies": {name: tenant.id for name, tenant in of.items()}, "openName": names["open"], "owingName": names["owing"], "changingName": names["changing"],
        "owner": owner, "member": member, "owing": owing.address, "changing": changing.address, "colleague": colleague, "absent": absent, "heir": heir, "employee": employee,
        "invited": invited, "invitedTenant": of["open"].id, "invitation": p.mailed_token("inv", invited), "invoiceUrl": urls["unpaid"], "owingUrl": urls["owing"],
        "domain": f"crm-{stack.RUN}.acme.example",
    }


class Companies(unittest.TestCase):
    def test_in_a_browser(self):
        stack.drive_browser(self, "e2e-companies.mjs", furnish())


if __name__ == "__main__":
    unittest.main(verbosity=2)
