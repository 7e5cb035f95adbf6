#!/usr/bin/python3
"""Signing up, from outside: slugs (spec section 2), races for a name, Idempotency-Key, availability.

The availability checks come last: ten a minute is all an address has.
"""
import threading
import time
import unittest
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import stack
from stack import p, sign_up, unique


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


def at_once(count, work):
    """`count` threads that start together."""
    barrier = threading.Barrier(count)

    def one(number):
        barrier.wait()
        return work(number)
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


class T1_Slugs(unittest.TestCase):
    def test_table(self):
        run = stack.RUN
        for company, slug in (
                (f"Acme Corporation {run}", f"acme-corporation-{run}"),
                (f"L'Épicerie du Coin {run}", f"lepicerie-du-coin-{run}"),
                (f"L’Épicerie du Lac {run}", f"lepicerie-du-lac-{run}"),
                (f"SAS DUPONT & Fils {run}", f"sas-dupont-fils-{run}"),
                (f"Cœur Æther Straße {run}", f"coeur-aether-strasse-{run}"),
                (f"Øre Łódź {run}", f"ore-lodz-{run}"),
                (f"Ça — va -- bien!! {run}", f"ca-va-bien-{run}"),
                (f"  -Bord {run}-  ", f"bord-{run}"),
                (f"ＦＵＬＬ Ｗｉｄｔｈ {run}", f"full-width-{run}"),
                (f"a.b/c {run}", f"abc-{run}"),
                (f"مرحبا {run}", run)):
            with self.subTest(company=company):
                self.assertEqual(sign_up(company, trial=False).id, slug)

    def test_nothing_survives(self):
        for company in ("株式会社テスト", "🥖🥖", "--", "!!!"):
            with self.subTest(company=company):
                self.assertRegex(sign_up(company, trial=False).id, r"^tenant-[0-9a-f]{8}$")

    def test_reserved_words_get_a_suffix(self):
        for word in ("Admin", "API", "www", "Platform", "login", "signup", "static", "console", "ａｄｍｉｎ"):
            with self.subTest(word=word):
                self.assertRegex(sign_up(word, trial=False).id, r"^[a-z]+-[1-9][0-9]*$")

    def test_forty_characters_with_the_suffix(self):
        name = f"{stack.RUN} " + "x" * 60
        slugs = [sign_up(name, trial=False).id for _ in range(11)]
        self.assertEqual(slugs[0], (f"{stack.RUN}-" + "x" * 60)[:40])
        self.assertEqual(slugs[1], slugs[0][:38] + "-2")
        self.assertEqual(slugs[10], slugs[0][:37] + "-11")

    def test_a_hyphen_is_not_left_before_the_suffix(self):
        name = stack.RUN + " " + "y" * 30 + " z" + "w" * 20  # character 38 of the slug is the hyphen
        first, second = sign_up(name, trial=False).id, sign_up(name, trial=False).id
        self.assertEqual(len(first), 40)
        self.assertEqual(second, stack.RUN + "-" + "y" * 30 + "-2")

    def test_acme_twice(self):
        name = unique("Acme Corp")
        self.assertEqual([sign_up(name, trial=False).id for _ in range(3)],
                         [f"acme-corp-{stack.RUN}{suffix}" for suffix in ("", "-2", "-3")])


class T2_Races(unittest.TestCase):
    def test_fifty_companies_of_one_name(self):
        name = unique("Ruée")
        tenants = at_once(50, lambda _: sign_up(name, trial=False))
        base = f"ruee-{stack.RUN}"
        self.assertEqual({t.id for t in tenants}, {base} | {f"{base}-{n}" for n in range(2, 51)})
        for tenant in tenants:
            tenant.await_status("trial")

    def test_one_key_fifty_times(self):
        before = stack.total_tenants()
        body = p.signup_body(unique("Une Seule"), stack.address())
        key = {"Idempotency-Key": unique("une-seule")}
        answers = at_once(50, lambda _: p.request("POST", "/signup", body, key))
        self.assertEqual({a.status for a in answers}, {201})
        self.assertEqual(len({a.body for a in answers}), 1)
        self.assertEqual(sum(a.headers["Idempotent-Replayed"] == "true" for a in answers), 49)
        self.assertEqual(stack.total_tenants(), before + 1)

    def test_one_address_at_once(self):
        before, mail = stack.total_tenants(), stack.address()
        answers = at_once(10, lambda n: p.request("POST", "/signup", p.signup_body(unique(f"Jumeau {n}"), mail)))
        self.assertEqual(sorted(a.status for a in answers), [201] + [409] * 9)
        self.assertEqual(stack.total_tenants(), before + 1)


class T3_IdempotencyKey(unittest.TestCase):
    def test_replay_and_reuse(self):
        body = p.signup_body(unique("Rejeu"), stack.address())
        key = {"Idempotency-Key": unique("rejeu")}
        first = p.request("POST", "/signup", body, key)
        self.assertEqual(first.status, 201)
        self.assertIsNone(first.headers["Idempotent-Replayed"])
        self.assertEqual(set(first.json), {"success", "tenant_id", "trial_ends_at", "login_url", "status"})
        self.assertEqual(first.json["login_url"], "/login?tenant=" + first.json["tenant_id"])
        before = stack.total_tenants()
        again = p.request("POST", "/signup", body, key)
        self.assertEqual((again.status, again.body, again.headers["Idempotent-Replayed"]), (201, first.body, "true"))
        other = p.request("POST", "/signup", {**body, "plan": "FREE"}, key)
        self.assertEqual((other.status, other.json["code"]), (422, "idempotency_key_reused"))
        self.assertEqual(stack.total_tenants(), before)

    def test_malformed_keys(self):
        before = stack.total_tenants()
        for key in ("", "k" * 256):
            answer = p.request("POST", "/signup", p.signup_body(unique("Clé"), stack.address()), {"Idempotency-Key": key})
            self.assertEqual((answer.status, answer.json["code"]), (400, "malformed_request"))
        self.assertEqual(stack.total_tenants(), before)

    def test_a_refused_request_does_not_use_up_its_key(self):
        key = {"Idempotency-Key": unique("corrigé").encode("ascii", "replace").decode()}
        body = p.signup_body(unique("Corrigé"), stack.address())
        self.assertEqual(p.request("POST", "/signup", {**body, "plan": "GOLD"}, key).status, 422)
        self.assertEqual(p.request("POST", "/signup", body, key).status, 201)


class T4_Availability(unittest.TestCase):
    def check(self, path, **query):
        return p.request("GET", f"/signup/{path}?" + urllib.parse.urlencode(query))

    def test_ten_a_minute(self):
        tenant = sign_up(unique("Libre"), trial=False)
        self.assertEqual(self.check("check-email", email=tenant.address).json, {"available": False})
        self.assertEqual(self.check("check-email", email=tenant.address.upper()).json, {"available": False})
        self.assertEqual(self.check("check-email", email=stack.address()).json, {"available": True})
        self.assertEqual(self.check("check-company", name=unique("Libre")).json,
                         {"available": True, "tenant_id": tenant.id + "-2"})
        self.assertEqual(self.check("check-company", name=unique("Été Neuf")).json,
                         {"available": True, "tenant_id": "ete-neuf-" + stack.RUN})
        self.assertRegex(self.check("check-company", name="株式会社").json["tenant_id"], r"^tenant-[0-9a-f]{8}$")
        bad = self.check("check-email", email="nobody")
        self.assertEqual((bad.status, bad.json["code"], stack.pointers(bad)), (422, "invalid_input", ["/email"]))
        empty = self.check("check-company", name="")
        self.assertEqual((empty.status, stack.pointers(empty)), (422, ["/name"]))
        for _ in range(2):
            self.assertEqual(self.check("check-email", email=stack.address()).status, 200)
        asked_at = time.monotonic()
        for path, query in (("check-email", {"email": stack.address()}), ("check-company", {"name": "Eleventh"})):
            over = self.check(path, **query)
            self.assertEqual((over.status, over.json["code"]), (429, "rate_limited"))
            self.assertTrue(1 <= int(over.headers["Retry-After"]) <= 60, over.headers["Retry-After"])
        forged = p.request("GET", "/signup/check-email?email=a@b.example", headers={"X-Forwarded-For": "192.0.2.1"})
        self.assertEqual(forged.status, 429)
        self.assertLess(time.monotonic() - asked_at, 30)
        self.assertEqual(p.request("GET", "/signup/plans").status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
