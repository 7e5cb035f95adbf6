"""People of a tenant over HTTP: invited by mail, joined, changed, switched between tenants, gone; what they and their
machines may. The complaints that users of other systems have are the cases."""
import concurrent.futures
import json
import os
import random
import re
import secrets
import string
import sys
import time
import unittest
import uuid
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import people  # noqa: E402
import stack  # noqa: E402
from people import (PASSWORD, URL, token_mailed, link_mailed, invitation, new_person, log_in, bearer, Company,
                    superuser_count, set_up_factor, show_factor, written_down)  # noqa: E402
from stack import p, superuser, unique  # noqa: E402

setUpModule, tearDownModule = people.start, people.stop


class T1_Invitations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.acme = Company.make("Invitante")

    def test_by_mail_to_a_new_person(self):
        address = stack.address("paul")
        made = self.acme.invite(address, "manager")
        self.assertEqual((made.status, made.json["state"], made.json["role"]), (201, "pending", "manager"))
        self.assertEqual(self.acme.users()[address]["state"], "pending")
        token = token_mailed(address)[0]
        for _ in range(3):  # what a mail scanner does
            seen = invitation(token, headers={"User-Agent": "Mozilla/5.0 (compatible; LinkScanner/1.0)"})
            self.assertEqual(seen.status, 200)
            self.assertEqual((seen.json["tenant_id"], seen.json["email"], seen.json["account"]),
                             (self.acme.id, address, False))
        self.assertEqual(p.request("HEAD", f"/v1/invitations/{token}").status, 200)
        weak = invitation(token, "accept", new_person(password="Durand2026!"))
        self.assertEqual((weak.status, weak.json["errors"][0]["pointer"]), (422, "/password"))
        joined = invitation(token, "accept", new_person())
        self.assertEqual((joined.status, joined.json["role"]), (201, "manager"))
        me = p.request("GET", "/v1/me", headers=bearer(log_in(address, tenant=self.acme.id).json["access_token"]))
        self.assertEqual((me.json["email"], me.json["tenant_role"]), (address, "manager"))
        again = invitation(token, "accept", new_person())
        self.assertEqual((again.status, again.json["code"]), (409, "invitation_used"))
        p.await_true("it is on record, with the role", lambda: any(
            joined.json["user_id"] in payload and "manager" in payload and re.search('"terms_version": ?"1"', payload)
            for _, _, payload in self.acme.records("membership.created")), 30)

    def test_each_end_has_its_code(self):
        address = stack.address()
        made = self.acme.invite(address).json
        first = token_mailed(address)[0]
        self.assertEqual(self.acme.invite(address).json["code"], "already_invited")
        self.assertEqual(p.request("POST", f"/v1/users/{made['id']}/resend", headers=self.acme.token).status, 200)
        tokens = token_mailed(address, 2)
        second = next(token for token in tokens if token != first)
        self.assertEqual(invitation(first).json["code"], "invitation_not_found")
        self.assertEqual(invitation(second, "decline").status, 204)
        self.assertEqual(invitation(second, "accept", new_person()).json["code"], "invitation_declined")
        other = stack.address()
        made = self.acme.invite(other).json
        token = token_mailed(other)[0]
        self.assertEqual(p.request("POST", f"/v1/users/{made['id']}/revoke", headers=self.acme.token).status, 204)
        self.assertEqual(invitation(token, "accept", new_person()).json["code"], "invitation_revoked")
        self.assertEqual(invitation("inv_" + "A" * 43).status, 404)
        self.assertEqual(self.acme.invite("nobody").status, 422)
        self.assertEqual(self.acme.invite(stack.address(), "emperor").json["errors"][0]["pointer"], "/role")
        self.assertEqual(self.acme.invite(self.acme.address).json["code"], "already_member")

    def test_a_known_person_joins_as_that_person_and_nobody_else_does(self):
        globex = Company.make("Autre")
        self.acme.invite(globex.address, "employee")
        token = token_mailed(globex.address)[0]
        self.assertTrue(invitation(token).json["account"])
        self.assertEqual(invitation(token, "accept", new_person()).json["code"], "login_required")
        wrong = invitation(token, "accept", {}, self.acme.token)
        self.assertEqual((wrong.status, wrong.json["code"]), (403, "wrong_account"))
        joined = invitation(token, "accept", {}, globex.token)
        self.assertEqual((joined.status, joined.json["tenant_id"]), (201, self.acme.id))

    def test_the_token_survives_a_login_with_a_second_factor(self):
        globex = Company.make("Armée")
        device, _ = set_up_factor(globex.token)
        self.acme.invite(globex.address, "employee")
        token = token_mailed(globex.address)[0]
        login = log_in(globex.address)
        self.assertEqual(invitation(token, "accept", {}, bearer(login.json["challenge_token"])).status, 401)  # half a login
        entered = show_factor(login, code=device.code())
        joined = invitation(token, "accept", {}, bearer(entered.json["access_token"]))
        self.assertEqual((joined.status, joined.json["tenant_id"], joined.json["role"]), (201, self.acme.id, "employee"))

    def test_a_known_address_is_answered_like_an_unknown_one(self):
        globex = Company.make("Connue")
        known, unknown = self.acme.invite(globex.address), self.acme.invite(stack.address())
        self.assertEqual(known.status, unknown.status)
        self.assertEqual(sorted(known.json), sorted(unknown.json))
        self.assertEqual(known.json["state"], unknown.json["state"])

    def test_the_plan_has_so_many_seats(self):
        small = Company.make("Petite", plan="STARTER")
        answers = [small.invite(stack.address()) for _ in range(5)]
        self.assertEqual([answer.status for answer in answers], [201] * 4 + [409])
        self.assertEqual(answers[-1].json["code"], "user_limit_reached")
        self.assertEqual(small.get("/v1/users").json["seats"], {"limit": 5, "active": 1, "pending": 4})

    def test_thirty_accepts_at_once_on_a_plan_of_twenty_five(self):
        crowd = Company.make("Foule")
        addresses = [stack.address(f"g{i}") for i in range(30)]
        for address in addresses:
            self.assertEqual(crowd.invite(address).status, 201)
        tokens = [token_mailed(address)[0] for address in addresses]
        superuser("INSERT INTO platform.overrides VALUES "
                  f"('{crowd.id}', 'users_max', '25') ON CONFLICT (tenant_id, name) DO UPDATE SET value = '25'")
        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            answers = list(pool.map(lambda token: invitation(token, "accept", new_person()), tokens))
        statuses = [answer.status for answer in answers]
        # Those that the password pool had no room for come again.
        for i, status in enumerate(statuses):
            while status == 503:
                answers[i] = invitation(tokens[i], "accept", new_person())
                status = statuses[i] = answers[i].status
        self.assertEqual((statuses.count(201), statuses.count(409)), (24, 6), statuses)
        self.assertEqual(superuser_count(f"platform.memberships WHERE tenant_id = '{crowd.id}' AND state = 'active'"), 25)

    def test_a_hundred_invited_at_once_where_ten_fit(self):
        company = Company.make("Ruée")
        superuser("INSERT INTO platform.overrides VALUES "
                  f"('{company.id}', 'users_max', '11') ON CONFLICT (tenant_id, name) DO UPDATE SET value = '11'")
        token = company.token

        def invite(number):
            while True:
                answer = company.invite(stack.address(f"r{number}"), headers=token)
                if answer.status != 503:  # the lanes are full: again
                    return answer
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(invite, range(100)))
        statuses = [answer.status for answer in answers]
        self.assertEqual(statuses.count(201), 10, statuses)  # of the others some were too many for a minute
        self.assertEqual(set(statuses), {201, 409, 429})
        self.assertEqual({answer.json["code"] for answer in answers if answer.status == 409}, {"user_limit_reached"})
        self.assertEqual(superuser_count(f"platform.invitations WHERE tenant_id = '{company.id}' AND state = 'pending'"), 10)

    def test_the_owner_whom_an_admin_named_comes_by_mail(self):
        address = stack.address("named")
        made = p.admin("POST", "/v1/admin/tenants", {
            "company_name": unique("Nommée"), "company_email": address, "admin_email": address, "admin_first_name": "Anne",
            "admin_last_name": "Nommée", "plan": "STARTER"})
        self.assertIn(made.status, (201, 202), made)
        token = token_mailed(address)[0]
        tenant = invitation(token).json["tenant_id"]
        p.await_true("the trial runs", lambda: p.tenant_status(tenant) == "trial", 60)
        self.assertEqual(log_in(address, tenant=tenant).status, 401)
        self.assertEqual(invitation(token, "accept", new_person()).json["role"], "owner")
        session = log_in(address, tenant=tenant)
        self.assertEqual(p.request("GET", "/v1/users", headers=bearer(session.json["access_token"])).status, 200)


    def test_a_company_that_an_admin_makes_is_made_once_and_where_it_is_said(self):
        body = {"company_name": unique("Placée"), "company_email": "c@e2e.example", "admin_email": stack.address("placed"), "admin_first_name": "Anne",
                "admin_last_name": "Placée", "plan": "STARTER"}
        admin = {"Authorization": "Bearer " + p.env("TENANTRY_ADMIN_TOKEN")}
        for more, pointer in (({"isolation_mode": "cellar"}, "/isolation_mode"), ({"region": "nowhere"}, "/region"), ({"plan": "NONE"}, "/plan")):
            answer = p.request("POST", "/v1/admin/tenants", {**body, **more}, admin)
            self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, pointer), answer)
        placed = {**body, "isolation_mode": "pool", "region": "eu-west"}
        first, again = (p.request("POST", "/v1/admin/tenants", placed, {**admin, "Idempotency-Key": "place-" + stack.RUN}) for _ in range(2))
        self.assertEqual((first.status, again.status, again.json), (202, 202, first.json))
        other = p.request("POST", "/v1/admin/tenants", {**placed, "plan": "FREE"}, {**admin, "Idempotency-Key": "place-" + stack.RUN})
        self.assertEqual((other.status, other.json["code"]), (422, "idempotency_key_reused"))
        tenant = invitation(token_mailed(body["admin_email"])[0]).json["tenant_id"]
        shown = p.admin("GET", "/v1/admin/tenants/" + tenant).json
        self.assertEqual((shown["isolation_mode"], shown["cell"], shown["plan"]), ("pool", "cell-1", "STARTER"))
        p.await_true("the trial runs", lambda: p.tenant_status(tenant) == "trial", 60)
        owner = stack.address("commanded")
        p.tenantry("tenants", "create", unique("Commandée"), "--plan", "STARTER", "--owner", owner, "--first-name", "Ada", "--last-name", "Roi")
        self.assertEqual(invitation(token_mailed(owner)[0]).json["role"], "owner")


class T2_Changes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.acme = Company.make("Changeante")

    def within_a_second(self, what, condition):
        began = time.monotonic()
        while not condition():
            self.assertLess(time.monotonic() - began, 1, what)
        print(f"{what}: {(time.monotonic() - began) * 1000:.0f} ms", file=sys.stderr)

    def test_a_lowered_role_holds_within_a_second_and_logs_nobody_out(self):
        user, headers = self.acme.join(stack.address(), "manager")
        self.assertEqual(p.request("GET", "/v1/audit", headers=headers).status, 200)
        changed = self.acme.patch(f"/v1/users/{user}", {"role": "viewer"})
        self.assertEqual((changed.status, changed.json["role"]), (200, "viewer"))
        self.within_a_second("a lowered role", lambda: p.request("GET", "/v1/audit", headers=headers).status == 403)
        self.assertEqual(p.request("GET", "/v1/me", headers=headers).json["tenant_role"], "viewer")
        record = self.acme.await_record("membership.role_changed")[-1]
        self.assertIn("viewer", record[2])
        self.assertIn("manager", record[2])

    def test_deactivated_and_back(self):
        address = stack.address()
        user, headers = self.acme.join(address)
        self.assertEqual(self.acme.post(f"/v1/users/{user}/deactivate", {}).json["state"], "inactive")
        self.within_a_second("a deactivated member", lambda: p.request("GET", "/v1/me", headers=headers).status == 401)
        self.assertEqual(log_in(address, tenant=self.acme.id).status, 401)
        self.assertEqual(self.acme.post(f"/v1/users/{user}/deactivate", {}).json["code"], "wrong_member_state")
        self.assertEqual(self.acme.post(f"/v1/users/{user}/reactivate", {}).json["state"], "active")
        self.assertEqual(log_in(address, tenant=self.acme.id).status, 200)
        self.assertEqual(p.request("GET", "/v1/me", headers=headers).status, 401)  # the old session is over

    def test_nobody_reaches_above(self):
        admin, admins = self.acme.join(stack.address(), "admin")
        viewer, viewers = self.acme.join(stack.address(), "viewer")
        owner = self.acme.owner_id
        for headers, method, path, body, code in (
                (admins, "PATCH", f"/v1/users/{owner}", {"role": "viewer"}, "owner_required"),
                (admins, "DELETE", f"/v1/users/{owner}", None, "owner_required"),
                (admins, "POST", f"/v1/users/{owner}/deactivate", {}, "owner_required"),
                (admins, "PATCH", f"/v1/users/{viewer}", {"role": "owner"}, "owner_required"),
                (admins, "PATCH", f"/v1/users/{admin}", {"role": "owner"}, "owner_required"),
                (admins, "POST", f"/v1/users/{viewer}/transfer-ownership", {}, "owner_required"),
                (admins, "DELETE", f"/v1/users/{owner}/sessions", None, "owner_required"),
                (viewers, "PATCH", f"/v1/users/{viewer}", {"role": "admin"}, "permission_denied"),
                (viewers, "DELETE", f"/v1/users/{admin}", None, "permission_denied"),
                (viewers, "POST", "/v1/users", {"email": stack.address(), "role": "viewer"}, "permission_denied")):
            answer = p.request(method, path, body, headers)
            self.assertEqual((answer.status, answer.json["code"]), (403, code), (method, path))
        foreign = Company.make("Étrangère")
        for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "/deactivate"), ("DELETE", "/sessions")):
            absent, others = (p.request(method, f"/v1/users/{user}{path}", {"role": "viewer"} if method != "DELETE" else None,
                                        self.acme.token)
                              for user in ("019aa5d2-7c1e-7f4a-9b7d-2a6c0f3e5d12", foreign.owner_id))
            self.assertEqual((absent.status, absent.json["code"]), (404, "user_not_found"))
            self.assertEqual(others.json["code"], absent.json["code"])
        self.assertEqual(self.acme.users()[self.acme.address]["role"], "owner")

    def test_the_last_owner_stays_and_hands_over(self):
        company = Company.make("Transmise")
        owner = company.owner_id
        self.assertEqual(company.delete(f"/v1/users/{owner}").json["code"], "last_owner")
        admin, admins = company.join(stack.address(), "admin")
        answer = company.post(f"/v1/users/{admin}/transfer-ownership", {"leave": True})
        self.assertEqual((answer.status, answer.json["role"]), (200, "owner"))
        self.within_a_second("who left", lambda: company.get("/v1/me").status == 401)
        people = p.request("GET", "/v1/users", headers=admins).json["users"]
        self.assertEqual([(user["role"], user["state"]) for user in people], [("owner", "active")])

    def test_handing_over_needs_a_fresh_login(self):
        company = Company.make("Vieille")
        admin, _ = company.join(stack.address(), "admin")
        superuser("UPDATE platform.sessions SET authenticated_at = authenticated_at - interval '11 minutes' "
                  f"WHERE tenant_id = '{company.id}'")
        p.await_true("the session is read again", lambda: p.request(
            "POST", f"/v1/users/{admin}/transfer-ownership", {}, company.token).json.get("code") == "reauthentication_required", 5)
        company.login()
        self.assertEqual(p.request("POST", f"/v1/users/{admin}/transfer-ownership", {}, company.token).status, 200)

    def test_two_owners_who_demote_each_other_leave_one(self):
        company = Company.make("Duel")
        second, seconds = company.join(stack.address(), "owner")
        first = company.owner_id
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda who: company.patch(f"/v1/users/{who[0]}", {"role": "admin"}, who[1]),
                                    ((second, company.token), (first, seconds))))
        self.assertEqual(sorted(answer.status for answer in answers), [200, 403], answers)
        self.assertEqual(superuser_count(f"platform.memberships WHERE tenant_id = '{company.id}' AND role = 'owner'"), 1)


class T3_Sessions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.acme = Company.make("Première")
        cls.globex = Company.make("Seconde")
        cls.address = stack.address("accountant")
        cls.user, _ = cls.acme.join(cls.address, "manager")
        cls.globex.invite(cls.address, "viewer")
        token = token_mailed(cls.address, 2)
        token = next(each for each in token if invitation(each).status == 200)
        select = log_in(cls.address).json
        assert "select_token" in select or "access_token" in select, select
        headers = bearer(select.get("access_token") or select["select_token"])
        joined = invitation(token, "accept", {}, headers)
        assert joined.status == 201, joined

    def test_a_login_without_a_tenant(self):
        only = log_in(self.acme.address)
        self.assertEqual((only.status, only.json["tenant_id"]), (200, self.acme.id))
        several = log_in(self.address)
        self.assertEqual(several.status, 200)
        self.assertNotIn("access_token", several.json)
        self.assertEqual({(each["tenant_id"], each["role"]) for each in several.json["tenants"]},
                         {(self.acme.id, "manager"), (self.globex.id, "viewer")})
        select = bearer(several.json["select_token"])
        self.assertEqual(p.request("GET", "/v1/me", headers=select).status, 401)  # opens nothing else
        entered = p.request("POST", "/auth/switch", {"tenant_id": self.globex.id}, select)
        me = p.request("GET", "/v1/me", headers=bearer(entered.json["access_token"]))
        self.assertEqual((me.json["tenant_id"], me.json["tenant_role"]), (self.globex.id, "viewer"))
        wrong = log_in(self.address, "Not-The-Right-One-1")
        unknown = log_in(stack.address())
        self.assertEqual((wrong.status, wrong.json["code"]), (401, "invalid_credentials"))
        self.assertEqual((unknown.status, unknown.json["code"]), (401, "invalid_credentials"))

    def test_switching_ends_one_session_and_begins_another(self):
        tokens = log_in(self.address, tenant=self.acme.id).json
        before = bearer(tokens["access_token"])
        self.assertEqual(p.request("GET", "/v1/clients", headers=before).status, 200)
        entered = p.request("POST", "/auth/switch",
                            {"tenant_id": self.globex.id, "refresh_token": tokens["refresh_token"]}).json
        self.assertEqual(p.request("GET", "/v1/me", headers=before).status, 401)
        self.assertEqual(p.request("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]}).status, 401)
        after = bearer(entered["access_token"])
        self.assertEqual(p.request("GET", "/v1/me", headers=after).json["tenant_id"], self.globex.id)
        mixed = p.request("GET", "/v1/me", headers={**after, "X-Tenant-ID": self.acme.id})
        self.assertEqual((mixed.status, mixed.json["code"]), (403, "tenant_mismatch"))

    def test_nobody_switches_to_where_they_do_not_belong(self):
        elsewhere = Company.make("Ailleurs")
        for target in (elsewhere.id, "no-such-tenant", "NOT A SLUG"):
            tokens = log_in(self.acme.address).json
            answer = p.request("POST", "/auth/switch", {"tenant_id": target, "refresh_token": tokens["refresh_token"]})
            self.assertEqual((answer.status, answer.json["code"]), (404, "tenant_not_found"), target)
            # Refused, it used nothing up.
            self.assertEqual(p.request("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]}).status, 200)
        self.assertEqual(p.request("POST", "/auth/switch", {"tenant_id": self.acme.id}).status, 401)
        self.assertEqual(p.request("POST", "/auth/switch", {"tenant_id": self.acme.id}, self.acme.token).status, 401)

    def test_own_sessions_are_listed_and_ended(self):
        one, two = (log_in(self.address, tenant=self.acme.id, **{"User-Agent": f"Browser/{i}"}).json for i in (1, 2))
        listed = p.request("GET", "/v1/me/sessions", headers=bearer(two["access_token"])).json["sessions"]
        current = [session for session in listed if session["current"]]
        self.assertEqual([session["user_agent"] for session in current], ["Browser/2"])
        other = next(session["id"] for session in listed if session["user_agent"] == "Browser/1")
        stranger = p.request("DELETE", f"/v1/me/sessions/{other}", headers=self.globex.token)
        self.assertEqual((stranger.status, stranger.json["code"]), (404, "session_not_found"))
        self.assertEqual(p.request("DELETE", f"/v1/me/sessions/{other}", headers=bearer(two["access_token"])).status, 204)
        self.assertEqual(p.request("GET", "/v1/me", headers=bearer(one["access_token"])).json["code"], "token_revoked")
        self.assertEqual(p.request("POST", "/auth/refresh", {"refresh_token": one["refresh_token"]}).status, 401)
        three = log_in(self.address, tenant=self.globex.id).json
        ended = p.request("DELETE", "/v1/me/sessions", headers=bearer(two["access_token"]))
        self.assertGreaterEqual(ended.json["ended"], 1)
        self.assertEqual(p.request("GET", "/v1/me", headers=bearer(three["access_token"])).status, 401)
        self.assertEqual(p.request("GET", "/v1/me", headers=bearer(two["access_token"])).status, 200)

    def test_an_admin_ends_the_sessions_of_the_own_tenant_only(self):
        here, there = (log_in(self.address, tenant=each.id).json for each in (self.acme, self.globex))
        self.assertEqual(self.acme.delete(f"/v1/users/{self.user}/sessions").status, 204)
        self.assertEqual(p.request("GET", "/v1/me", headers=bearer(here["access_token"])).status, 401)
        self.assertEqual(p.request("GET", "/v1/me", headers=bearer(there["access_token"])).status, 200)

    def test_who_belongs_nowhere_may_still_log_in(self):
        address = stack.address()
        user, headers = self.acme.join(address)
        self.assertEqual(self.acme.delete(f"/v1/users/{user}", headers=headers).status, 204)  # leaves
        answer = log_in(address)
        self.assertEqual((answer.status, answer.json["tenants"]), (200, []))


def grants(permissions, needed):
    resource, action = needed.split(":")
    return any(each in ("*", needed, f"{resource}:*") for each in permissions)


def key_text(public_id=None):
    """An API key that is well written and nobody's."""
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    text = "tnk_" + (public_id or "".join(random.choices(digits, k=8))) + "_" + secrets.token_urlsafe(32)
    value, checksum = zlib.crc32(text.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        checksum = digits[digit] + checksum
    return text + "_" + checksum


class T5_Rights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.acme = Company.make("Réglée")
        cls.user, cls.member = cls.acme.join(stack.address(), "viewer")

    within_a_second = T2_Changes.within_a_second

    def act_as(self, role):
        self.assertEqual(self.acme.patch(f"/v1/users/{self.user}", {"role": role}).status, 200)
        self.within_a_second(f"the role {role}", lambda: p.request(
            "GET", "/v1/me", headers=self.member).json["tenant_role"] == role)

    def make_role(self, name, permissions, headers=None):
        return p.request("POST", "/v1/roles", {"role": name, "permissions": permissions}, headers or self.acme.token)

    def test_a_role_of_ones_own_reaches_as_far_as_it_says(self):
        made = self.make_role("desk", ["clients:create", "clients:*:own"])
        self.assertEqual(made.status, 201, made)
        self.act_as("desk")
        mine, others = (p.request("POST", "/v1/clients", {"name": "Dupont"}, headers).json["id"]
                        for headers in (self.member, self.acme.token))
        listed = p.request("GET", "/v1/clients", headers=self.member).json["clients"]
        self.assertEqual([client["id"] for client in listed], [mine])
        for method, body in (("GET", None), ("PATCH", {"name": "Durand"}), ("DELETE", None)):
            foreign = p.request(method, f"/v1/clients/{others}", body, self.member)
            self.assertEqual((foreign.status, foreign.json["code"]), (404, "not_found"), method)
        self.assertEqual(self.acme.get(f"/v1/clients/{others}").json["name"], "Dupont")
        self.assertEqual(p.request("PATCH", f"/v1/clients/{mine}", {"name": "Durand"}, self.member).status, 200)

        stale = self.acme.patch("/v1/roles/desk", {"permissions": []}, {**self.acme.token, "If-Match": '"another"'})
        self.assertEqual(stale.status, 412)
        changed = self.acme.patch("/v1/roles/desk", {"permissions": ["clients:read"]},
                                  {**self.acme.token, "If-Match": made.headers["ETag"]})
        self.assertEqual((changed.status, changed.json["permissions"]), (200, ["clients:read"]))
        self.within_a_second("a changed role", lambda: len(p.request(
            "GET", "/v1/clients", headers=self.member).json["clients"]) == 2)
        self.assertEqual(p.request("DELETE", f"/v1/clients/{mine}", headers=self.member).status, 403)

        in_use = self.acme.delete("/v1/roles/desk")
        self.assertEqual((in_use.status, in_use.json["code"], in_use.json["errors"][0]["detail"]),
                         (409, "role_in_use", self.user))
        self.assertEqual(self.acme.delete("/v1/roles/desk?replacement=employee").status, 204)
        self.within_a_second("the replacement", lambda: p.request(
            "GET", "/v1/me", headers=self.member).json["tenant_role"] == "employee")
        self.assertEqual(self.acme.get("/v1/roles/desk").status, 404)
        record = self.acme.await_record("role.updated")[-1]
        self.assertIn("clients:*:own", record[2])

    def test_every_route_by_role(self):
        """What the document says that a member may call, by who calls: refused or not as the catalogue and the roles say."""
        needed = {operation: each["permission"] for each in self.acme.get("/v1/permissions").json["permissions"]
                  for operation in each["operations"]}
        roles = {role["role"]: role["permissions"] for role in self.acme.get("/v1/roles").json["roles"]}
        self.assertEqual(self.make_role("nothing", []).status, 201)
        roles["nothing"] = []
        calls = [(method.upper(), re.sub(r"{\w+}", str(uuid.uuid4()), path), needed[operation["operationId"]])
                 for path, methods in p.request("GET", "/openapi.json").json["paths"].items()
                 for method, operation in methods.items()
                 if operation["security"] and "tenant" in operation["security"][0]
                 and operation["operationId"] in needed and operation["operationId"] != "removeUser"]
        self.assertGreater(len(calls), 35)
        refused = 0
        for role in ("admin", "manager", "employee", "viewer", "nothing"):
            self.act_as(role)
            for method, path, permission in calls:
                may = grants(roles[role], permission)
                if may and (method != "GET" or path.endswith(("/tail", "/export"))):
                    continue
                answer = p.request(method, path, {} if method in ("POST", "PATCH") else None, self.member)
                if may:
                    self.assertNotIn(answer.status, (401, 403), (role, method, path))
                else:
                    self.assertEqual((answer.status, answer.json["code"]), (403, "permission_denied"), (role, method, path))
                    refused += 1
        print(f"{len(calls)} routes, {refused} refusals", file=sys.stderr)


class T6_Machines(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.acme = Company.make("Machine")

    def make(self, permissions, **more):
        made = self.acme.post("/v1/api-keys", {"name": "Nightly import", "permissions": permissions, **more})
        self.assertEqual(made.status, 201, made)
        return made.json

    def test_a_key_does_what_it_may_and_is_on_record(self):
        key = self.make(["clients:create", "clients:read:own"])
        machine = bearer(key["key"])
        self.assertTrue(key["key"].startswith(key["prefix"] + "_"))
        self.acme.post("/v1/clients", {"name": "Not the machine's"})
        made = p.request("POST", "/v1/clients", {"name": "Import"}, machine)
        self.assertEqual((made.status, made.json["created_by"]), (201, key["id"]))
        self.assertIn("RateLimit", made.headers)
        listed = p.request("GET", "/v1/clients", headers=machine).json["clients"]
        self.assertEqual([client["id"] for client in listed], [made.json["id"]])
        for method, path, code in (("GET", "/v1/audit", "permission_denied"), ("GET", "/v1/me", "person_required"),
                                   ("GET", "/v1/users", "person_required"), ("POST", "/v1/api-keys", "person_required")):
            answer = p.request(method, path, {} if method == "POST" else None, machine)
            self.assertEqual((answer.status, answer.json["code"]), (403, code), path)
        mixed = p.request("GET", "/v1/clients", headers={**machine, "X-Tenant-ID": "another"})
        self.assertEqual((mixed.status, mixed.json["code"]), (403, "tenant_mismatch"))
        p.await_true("the log names the key", lambda: any(
            record["actor"]["id"] == key["id"] for record in self.acme.get(
                "/v1/audit?q=actor:api_key%20type:client.created").json["records"]), 30)
        p.await_true("when it was last used", lambda: self.acme.get(
            f"/v1/api-keys/{key['id']}").json["last_used_at"] is not None, 10)

    def test_a_revoked_key_is_none_at_once(self):
        key = self.make(["clients:read"])
        machine = bearer(key["key"])
        self.assertEqual(p.request("GET", "/v1/clients", headers=machine).status, 200)
        rotated = self.acme.post(f"/v1/api-keys/{key['id']}/rotate", {}).json
        for each in (machine, bearer(rotated["key"])):
            self.assertEqual(p.request("GET", "/v1/clients", headers=each).status, 200)
        self.assertEqual(self.acme.delete(f"/v1/api-keys/{key['id']}").status, 204)
        self.assertEqual(self.acme.get("/v1/clients").status, 200)  # which reads the tenant again, but no key
        for each in (machine, bearer(rotated["key"])):
            self.assertEqual(p.request("GET", "/v1/clients", headers=each).status, 401)
        revoked, unknown, broken = (p.request("GET", "/v1/clients", headers=bearer(text)).json for text in (
            key["key"], key_text(), "tnk_broken"))
        for answer in (unknown, broken):
            self.assertEqual((answer["code"], answer["detail"]), (revoked["code"], revoked["detail"]))
        self.acme.await_record("api_key.revoked")
        p.await_true("the log has the reason", lambda: any(
            "api_key_revoked" in payload for _, _, payload in self.acme.records("security.access_refused")), 30)

    def test_a_key_comes_from_where_it_may(self):
        away, here = (bearer(self.make(["clients:read"], networks=networks)["key"])
                      for networks in (["203.0.113.0/24"], ["127.0.0.0/8"]))
        answer = p.request("GET", "/v1/clients", headers=away)
        self.assertEqual((answer.status, answer.json["code"]), (403, "address_not_allowed"))
        self.assertEqual(p.request("GET", "/v1/clients", headers=here).status, 200)

    def test_making_one_needs_a_fresh_login_and_no_more_than_one_holds(self):
        for permissions, code in ((["*"], "not_for_keys"), (["users:read"], "not_for_keys"), ([], "required")):
            answer = self.acme.post("/v1/api-keys", {"name": "x", "permissions": permissions})
            self.assertEqual((answer.status, answer.json["errors"][0]["code"]), (422, code), permissions)
        company = Company.make("Vieille session")
        company.login()
        superuser("UPDATE platform.sessions SET authenticated_at = authenticated_at - interval '11 minutes' "
                  f"WHERE tenant_id = '{company.id}'")
        p.await_true("the session is read again", lambda: p.request("POST", "/v1/api-keys", {
            "name": "x", "permissions": ["clients:read"]}, company.token).json.get("code") == "reauthentication_required", 5)


class T7_Passwords(unittest.TestCase):
    NEW = "Nouveau-Secret-2027"

    def test_changed_by_who_knows_it(self):
        company = Company.make("Change")
        other = bearer(log_in(company.address).json["access_token"])
        company.login()
        wrong = company.post("/v1/me/password", {"current_password": "Not-It-2026!", "password": self.NEW})
        self.assertEqual((wrong.status, wrong.json["code"]), (403, "password_wrong"))
        weak = company.post("/v1/me/password", {"current_password": PASSWORD, "password": company.address})
        self.assertEqual((weak.status, weak.json["errors"][0]["pointer"]), (422, "/password"))
        changed = company.post("/v1/me/password", {"current_password": PASSWORD, "password": self.NEW})
        self.assertEqual(changed.status, 204, changed)
        self.assertEqual(p.request("GET", "/v1/me", headers=other).status, 401)
        self.assertEqual(company.get("/v1/me").status, 200)
        self.assertEqual(log_in(company.address).status, 401)
        self.assertEqual(log_in(company.address, self.NEW).status, 200)
        company.await_record("session.revoked")
        p.await_true("a notice", lambda: any(company.address in to and "mot de passe" in subject + text
                                             for to, subject, text in p.mails()), 30)

    def test_chosen_anew_by_mail(self):
        company = Company.make("Oublie")
        session = company.login()
        known, unknown = (p.request("POST", "/auth/password/forgot", {"email": address})
                          for address in (company.address, stack.address()))
        self.assertEqual((known.status, known.json), (202, unknown.json))
        first = link_mailed(company.address)[0]
        p.request("POST", "/auth/password/forgot", {"email": company.address})
        second = next(token for token in link_mailed(company.address, 2) if token != first)

        def reset(token, password=self.NEW):
            return p.request("POST", "/auth/password/reset", {"token": token, "password": password})
        self.assertEqual((reset(first).status, reset(first).json["code"]), (404, "link_not_found"))
        self.assertEqual(reset(second, company.address).status, 422)  # which uses nothing up
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            statuses = sorted(answer.status for answer in pool.map(lambda _: reset(second), range(4)))
        self.assertEqual(statuses, [204, 404, 404, 404])
        self.assertEqual(p.request("GET", "/v1/me", headers=session).status, 401)
        self.assertEqual(log_in(company.address).status, 401)
        self.assertEqual(log_in(company.address, self.NEW).status, 200)

    def test_then_a_mailbox_is_not_filled(self):
        company = Company.make("Mailbox")
        answers = [p.request("POST", "/auth/password/forgot", {"email": company.address}) for _ in range(12)]
        self.assertEqual({answer.status for answer in answers}, {202, 429})
        sendings = ("(SELECT unnest(sent_at) FROM platform.password_resets r JOIN platform.users u USING (user_id) "
                    f"WHERE u.email = '{company.address}') s")
        p.await_true("five a day", lambda: superuser_count(sendings) >= 5, 10)
        self.assertEqual(superuser_count(sendings), 5)


class T8_Strangers(unittest.TestCase):
    def test_who_guesses_is_stopped_and_who_was_invited_is_not(self):
        company = Company.make("Devinée")
        address = stack.address()
        company.invite(address)
        token = token_mailed(address)[0]
        for _ in range(70):
            self.assertEqual(invitation(token).status, 200)
        guesses = [invitation("inv_" + uuid.uuid4().hex) for _ in range(90)]
        statuses = {answer.status for answer in guesses}
        self.assertEqual(statuses, {404, 429})
        self.assertIn("Retry-After", guesses[-1].headers)


class T9_GuessedKeys(unittest.TestCase):
    def test_who_tries_keys_is_stopped_and_who_has_one_is_not(self):
        company = Company.make("Essayée")
        key = bearer(company.post("/v1/api-keys", {"name": "x", "permissions": ["clients:read"]}).json["key"])
        self.assertEqual(p.request("GET", "/v1/clients", headers=key).status, 200)
        same = key_text()
        for _ in range(70):
            self.assertEqual(p.request("GET", "/v1/clients", headers=bearer(same)).status, 401)
        guesses = [p.request("GET", "/v1/clients", headers=bearer(key_text())) for _ in range(70)]
        self.assertEqual({answer.status for answer in guesses}, {401, 429})
        self.assertIn("Retry-After", guesses[-1].headers)
        self.assertEqual(p.request("GET", "/v1/clients", headers=key).status, 200)
        # Nor is it when it has to be looked up again.
        self.assertEqual(company.post("/v1/api-keys", {"name": "y", "permissions": ["clients:read"]}).status, 201)
        self.assertEqual(p.request("GET", "/v1/clients", headers=key).status, 200)


class TZ_Secrets(unittest.TestCase):
    def test_none_that_passed_by_is_written_down(self):
        """Passwords, tokens, keys, seeds, recovery codes, links: of all of the above."""
        found, secrets_, places = written_down()
        print(f"{secrets_} secrets looked for in the database and {places - 1} logs", file=sys.stderr)
        self.assertGreater(secrets_, 100)
        self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
