#!/usr/bin/python3
"""A tenant's whole life as Stripe tells it, complete objects by the official SDK's types (tests/data/stripe/life): in both
shapes of the API, forwards and backwards, whole and cut before the cancellation, named by metadata and by the checkout session
alone, it comes to the same end.
"""
import itertools
import json
import os
import unittest
import uuid

import stack
from stack import p, sign_up, unique

LIVES = os.path.join(stack.ROOT, "tests", "data", "stripe", "life")
SHAPES = ("acacia", "endive")
NAMED_BY = ("metadata", "session")
INSTANTS = range(1_600_000_000, 2_000_000_000)  # what is a time among the whole numbers of a life
BARRIER_AGO = 30  # seconds


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


def life(shape, tenant_id="TENANT", by=0):
    """The tenant's own, its times moved by so many seconds."""
    def number(text):
        value = int(text)
        return value + by if value in INSTANTS else value

    with open(os.path.join(LIVES, shape + ".json"), encoding="utf-8") as file:
        return json.loads(file.read().replace("TENANT", tenant_id), parse_int=number)


def cut(events):
    """Of a tenant that goes on: up to before its cancellation is asked for."""
    return list(itertools.takewhile(lambda event: not event["data"]["object"].get("cancel_at_period_end"), events))


def without_metadata(value):
    if isinstance(value, list):
        return [without_metadata(each) for each in value]
    if isinstance(value, dict):
        return {name: {} if name == "metadata" else without_metadata(each) for name, each in value.items()}
    return value


def post(event, at=None):
    answer = p.post_stripe(event, at=at)
    if answer.status != 200:
        raise AssertionError(f"{event['type']}: {answer}")


def rows_of(tenant):
    """What became of each of its events: id → (state, reason, tenant)."""
    return {row[0]: tuple(row[1:]) for row in stack.superuser(
        "SELECT stripe_event_id, state, reason, coalesce(tenant_id, '') FROM billing.stripe_events "
        f"WHERE stripe_event_id LIKE 'evt_%_{tenant.id}'")}


class Lives(unittest.TestCase):
    maxDiff = None

    def settle(self, tenant):
        """All that was told before is judged: what comes last is known, and nothing changes any more."""
        mark = "pm_" + uuid.uuid4().hex[:12]
        post(p.stripe_event("payment_method.attached", {
            "id": mark, "object": "payment_method", "type": "card", "customer": "cus_" + tenant.id, "metadata": {"tenant_id": tenant.id},
            "card": {"brand": "visa", "last4": "4242", "exp_month": 3, "exp_year": 2031}}, created=p.platform_now() - BARRIER_AGO))

        def judged():
            return stack.superuser(f"SELECT 1 FROM billing.payment_methods WHERE stripe_payment_method_id = '{mark}'")
        p.await_true(f"billing has heard all of {tenant.id}", judged, 30)
        stack.await_quiet(lambda: self.end_of(tenant), "billing of " + tenant.id, still_for=0.7)

    def end_of(self, tenant):
        """Without what depends on when it was heard."""
        shown = tenant.get("/v1/subscription").json
        account = p.admin("GET", f"/v1/admin/tenants/{tenant.id}/account").json
        account["account"]["because"].pop("beaten_event_id")  # what was there before it
        invoices = tenant.get("/v1/invoices?limit=100").json["invoices"]
        end = {"status": shown["status"], "reason": shown["status_reason"], "plan": shown["plan"], "price": shown["price"],
               "billing": shown["billing"], "subscription": shown["stripe_subscription"], "account": account["account"],
               "subscriptions": account["subscriptions"], "invoices": invoices}
        return json.dumps(end, sort_keys=True).replace(tenant.id, "T")

    def live(self, whole):
        """The ends of all ways to hear of a life that is now over, or still goes on."""
        events = life("acacia") if whole else cut(life("acacia"))
        by = int(p.platform_now()) - 120 - events[-1]["created"]
        tenants = {}
        for way in itertools.product(SHAPES, ("forwards", "backwards"), NAMED_BY):
            shape, order, named_by = way
            tenant = tenants[way] = sign_up(unique("Une Vie"), plan="STARTER")
            told = life(shape, tenant.id, by)
            told = told if whole else cut(told)
            self.assertEqual(len(told), len(events))
            if named_by == "session":
                told = without_metadata(told)
            now = p.platform_now()
            for event in told if order == "forwards" else told[::-1]:
                post(event, at=now)
            self.all_placed(tenant, told, way)
        ends = {}
        for way, tenant in tenants.items():
            tenant.login()
            self.settle(tenant)
            ends[way] = self.end_of(tenant)
        first = json.loads(ends[next(iter(ends))])
        for way, end in ends.items():
            with self.subTest(way=way):
                self.assertEqual(json.loads(end), first)
        return first

    def all_placed(self, tenant, told, way):
        rows = rows_of(tenant)
        self.assertEqual(set(rows), {event["id"] for event in told})
        for event in told:
            with self.subTest(way=way, event=event["id"], type=event["type"]):
                state, _, owner = rows[event["id"]]
                self.assertIn(state, ("published", "ignored"))
                if state == "published":
                    self.assertEqual(owner, tenant.id)

    def check_invoices(self, end):
        seen = [(each["reason"], each["status"], each["amount"]["amount_minor"]) for each in end["invoices"]]
        self.assertEqual(seen, [("subscription_cycle", "paid", 14900), ("subscription_update", "paid", 8000),
                                ("subscription_cycle", "paid", 4900), ("subscription_create", "paid", 0)])
        self.assertEqual([each["failed_at"] is not None for each in end["invoices"]], [True, False, False, False])
        self.assertEqual({each["subscription_id"] for each in end["invoices"]}, {"sub_T"})
        self.assertTrue(all(each["closed_at"] for each in end["invoices"]))

    def test_a_life_that_goes_on(self):
        end = self.live(whole=False)
        self.assertEqual((end["status"], end["plan"], end["account"]["state"]), ("ACTIVE", "PROFESSIONAL", "current"))
        self.assertEqual((end["subscription"]["status"], end["subscription"]["price_id"], end["subscription"]["ends_at"]),
                         ("active", "price_professional", None))
        self.assertIsNone(end["billing"]["past_due_since"])
        self.check_invoices(end)

    def test_a_life_that_is_over(self):
        end = self.live(whole=True)
        self.assertEqual((end["status"], end["reason"], end["plan"], end["account"]["state"]),
                         ("CANCELLED", "stripe", "PROFESSIONAL", "ended"))
        self.assertEqual(end["subscription"]["status"], "canceled")
        self.check_invoices(end)


class Shapes(unittest.TestCase):
    """That the two tell in different places, or the test above would show nothing."""

    def test_each_has_its_own(self):
        for shape, old in (("acacia", True), ("endive", False)):
            with self.subTest(shape=shape):
                events = life(shape)
                objects = {}
                for event in events:
                    objects.setdefault(event["data"]["object"]["object"], event["data"]["object"])
                subscription, invoice, charge = objects["subscription"], objects["invoice"], objects["charge"]
                self.assertEqual(["current_period_end" in subscription, "subscription" in invoice, "charge" in invoice, "invoice" in charge],
                                 [old] * 4)
                self.assertEqual(["current_period_end" in subscription["items"]["data"][0], "parent" in invoice], [not old] * 2)
                self.assertEqual(len({event["id"] for event in events}), len(events))

    def test_both_tell_of_the_same(self):
        told = [[(event["id"], event["type"], event["created"]) for event in life(shape)] for shape in SHAPES]
        self.assertEqual(told[0], told[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
