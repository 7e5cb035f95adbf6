"""People of a tenant over HTTP: invited by mail, joined, changed, switched between tenants, gone. The complaints that
users of other systems have are the cases."""
import base64
import concurrent.futures
import hashlib
import http.client
import json
import os
import random
import re
import secrets
import socket
import string
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import uuid
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stack  # noqa: E402
from stack import p, sign_up, superuser, unique  # noqa: E402

PASSWORD = stack.PASSWORD
URL = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
sink = None


def setUpModule():
    global sink
    folder = tempfile.mkdtemp(prefix="people-mail-")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tools = os.path.join(stack.ROOT, "tools", "mail_sink.py")
    sink = subprocess.Popen(["/usr/bin/python3", tools, "--port", str(port), "--dir", folder])
    os.environ["TENANTRY_SMTP_URL"] = f"smtp://127.0.0.1:{port}"
    os.environ["TENANTRY_MAIL_DIR"] = folder
    p.await_true("the mail sink listens", lambda: listens(port), 10)
    stack.start()


def tearDownModule():
    try:
        stack.stop()
    finally:
        sink.terminate()
        sink.wait(timeout=30)


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def token_mailed(address, count=1):
    """The tokens of all invitations to the address, once there are so many."""
    def found():
        return [text for to, _, text in p.mails() if address in to and "#t=inv_" in text]
    p.await_true(f"{count} invitation(s) to {address}", lambda: len(found()) >= count, 30)
    return [re.search(r"#t=(inv_[A-Za-z0-9_-]{43})", text).group(1) for text in found()]


def invitation(token, action="", body=None, headers=None):
    method = "POST" if action else "GET"
    return p.request(method, f"/v1/invitations/{token}" + (f"/{action}" if action else ""), body, headers)


def new_person(**more):
    return {"first_name": "Paul", "last_name": "Durand", "password": PASSWORD, "accept_terms": True, **more}


def log_in(address, password=PASSWORD, tenant=None, **headers):
    named = {"X-Tenant-ID": tenant} if tenant else {}
    return p.request("POST", "/auth/login", {"email": address, "password": password}, {**named, **headers})


def bearer(token):
    return {"Authorization": "Bearer " + token}


class Company(stack.Tenant):
    """A tenant with a way to add people."""
    @staticmethod
    def make(name, plan="ENTERPRISE"):
        tenant = sign_up(unique(name), plan=plan)
        return Company(tenant.id, tenant.address).confirm()

    def invite(self, address, role="viewer", headers=None):
        return p.request("POST", "/v1/users", {"email": address, "role": role}, headers or self.token)

    def join(self, address, role="viewer"):
        """A person of no other tenant, invited and joined; the person's headers."""
        made = self.invite(address, role)
        assert made.status == 201, made
        accepted = invitation(token_mailed(address)[0], "accept", new_person())
        assert accepted.status == 201, accepted
        return accepted.json["user_id"], bearer(log_in(address, tenant=self.id).json["access_token"])

    def patch(self, path, body, headers=None):
        return p.request("PATCH", path, body, headers or self.token)

    def delete(self, path, headers=None):
        return p.request("DELETE", path, headers=headers or self.token)

    def users(self, query=""):
        answer = self.get("/v1/users" + query)
        assert answer.status == 200, answer
        return {user["email"]: user for user in answer.json["users"]}

    @property
    def owner_id(self):
        return self.users()[self.address]["id"]


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
            joined.json["user_id"] in payload and "manager" in payload
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


def superuser_count(of):
    return int(superuser(f"SELECT count(*) FROM {of}")[0][0])


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

    def test_a_removed_members_requests_and_streams_end_within_a_second(self):
        user, headers = self.acme.join(stack.address(), "manager")
        connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=10)
        connection.request("GET", "/v1/audit/tail?q=type:never.comes", headers=headers)
        stream = connection.getresponse()
        self.assertEqual(stream.status, 200)
        ended = threading.Event()

        def read():
            try:
                while stream.readline():
                    pass
            except (http.client.HTTPException, OSError):
                pass
            ended.set()
        threading.Thread(target=read, daemon=True).start()
        self.assertEqual(self.acme.delete(f"/v1/users/{user}").status, 204)
        self.within_a_second("a removed member", lambda: p.request("GET", "/v1/me", headers=headers).status == 401)
        self.within_a_second("a removed member's stream", ended.is_set)
        connection.close()
        self.assertEqual(self.acme.delete(f"/v1/users/{user}").status, 404)

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


def link_mailed(address, count=1):
    """The tokens of the links for another password that were mailed to the address, once there are so many."""
    def found():
        return [text for to, _, text in p.mails() if address in to and "#t=pwr_" in text]
    p.await_true(f"{count} link(s) to {address}", lambda: len(found()) >= count, 30)
    return [re.search(r"#t=(pwr_[A-Za-z0-9_-]{43})", text).group(1) for text in found()]


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


class Authenticator:
    """A person's device: codes come from oathtool, and none twice."""
    def __init__(self, secret):
        self.secret, self.last = secret, 0

    def code(self):
        step = int(p.platform_now()) // 30
        if self.last > step:  # the code after the present one was used: time goes on
            p.advance(f"{30 * (self.last - step)}s")
            step = int(p.platform_now()) // 30
        self.last = max(step, self.last + 1)
        return oath(self.secret, self.last)


def oath(secret, step):
    done = subprocess.run(["oathtool", "--totp", "-b", secret, "--now", f"@{step * 30}"], capture_output=True, text=True,
                          check=True, timeout=60)
    return done.stdout.strip()


def set_up_factor(headers):
    """The device and the recovery codes."""
    seed = p.request("POST", "/v1/me/factors/totp", headers=headers)
    assert seed.status == 201, seed
    device = Authenticator(seed.json["secret"])
    confirmed = p.request("POST", "/v1/me/factors/totp/confirm", {"code": device.code()}, headers)
    assert confirmed.status == 200, confirmed
    return device, confirmed.json["recovery_codes"]


def show_factor(login, **factor):
    return p.request("POST", "/auth/login/factor", factor, bearer(login.json["challenge_token"]))


class T10_SecondFactors(unittest.TestCase):
    def test_set_up_shown_and_removed(self):
        company = Company.make("Deux facteurs")
        other = bearer(log_in(company.address).json["access_token"])
        headers = company.login()
        seed = p.request("POST", "/v1/me/factors/totp", headers=headers).json
        self.assertIn("secret=" + seed["secret"], seed["uri"])
        self.assertEqual(log_in(company.address).status, 200)  # it does not count yet
        self.assertIn("access_token", log_in(company.address).json)
        device, codes = set_up_factor(headers)
        self.assertEqual(len(set(codes)), 10)
        self.assertEqual(p.request("GET", "/v1/me", headers=other).status, 401)
        self.assertEqual(p.request("GET", "/v1/me", headers=headers).status, 200)
        login = log_in(company.address)
        self.assertEqual((login.status, sorted(login.json["factors"])), (200, ["recovery_code", "totp"]))
        self.assertNotIn("access_token", login.json)
        challenge = bearer(login.json["challenge_token"])
        for method, path, body in (("GET", "/v1/me", None), ("POST", "/auth/switch", {"tenant_id": company.id})):
            self.assertEqual(p.request(method, path, body, challenge).status, 401, path)  # it opens nothing else
        wrong = show_factor(login, code="000000")
        self.assertEqual((wrong.status, wrong.json["code"]), (401, "second_factor_wrong"))
        code = device.code()
        entered = show_factor(login, code=code)
        self.assertEqual((entered.status, entered.json["tenant_id"]), (200, company.id))
        self.assertEqual(show_factor(login, code=code).json["code"], "second_factor_wrong")  # seen is used
        session = bearer(entered.json["access_token"])
        mine = [each for each in p.request("GET", "/v1/me/sessions", headers=session).json["sessions"] if each["current"]]
        self.assertEqual(mine[0]["second_factor"], "totp")
        exists = p.request("POST", "/v1/me/factors/totp", headers=session)
        self.assertEqual((exists.status, exists.json["code"]), (409, "factor_exists"))
        self.assertEqual(p.request("DELETE", "/v1/me/factors/totp", headers=session).status, 204)
        self.assertIn("access_token", log_in(company.address).json)
        p.await_true("the mails", lambda: {"Un second facteur protège votre compte Tenantry",
                                           "Un second facteur de votre compte Tenantry a été retiré"} <= {
            subject for to, subject, _ in p.mails() if company.address in to}, 30)
        company.await_record("user.logged_in")
        for type_ in ("user.factor_added", "user.recovery_codes_created", "user.factor_removed"):
            p.await_true(type_, lambda: int(superuser(
                f"SELECT count(*) FROM audit.records WHERE tenant_id = 'platform' AND type = '{type_}'")[0][0]) > 0, 30)

    def test_a_recovery_code_opens_once(self):
        company = Company.make("Secours")
        _, codes = set_up_factor(company.login())
        login = log_in(company.address)
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda _: show_factor(login, recovery_code=codes[0].upper().replace("-", " ")), range(3)))
        statuses = [answer.status for answer in answers]
        self.assertEqual(statuses.count(200), 1, answers)
        self.assertLessEqual(set(statuses), {200, 401, 429}, answers)  # 429: the password pool takes few of one address
        headers = bearer(next(answer for answer in answers if answer.status == 200).json["access_token"])
        self.assertEqual(p.request("GET", "/v1/me/factors", headers=headers).json["recovery_codes_left"], 9)
        renewed = p.request("POST", "/v1/me/recovery-codes", headers=headers)
        self.assertEqual(len(renewed.json["recovery_codes"]), 10)
        self.assertEqual(show_factor(log_in(company.address), recovery_code=codes[1]).status, 401)
        self.assertEqual(show_factor(log_in(company.address), recovery_code=renewed.json["recovery_codes"][3]).status, 200)

    def test_who_guesses_waits(self):
        company = Company.make("Deviné")
        device, _ = set_up_factor(company.login())
        login = log_in(company.address)
        answers = [show_factor(login, code=f"{i:06}") for i in range(8)]
        self.assertEqual([answer.status for answer in answers], [401] * 5 + [429] * 3)
        self.assertIn("Retry-After", answers[-1].headers)
        self.assertEqual(show_factor(login, code=device.code()).status, 429)  # the right one, too
        p.advance("31s")
        self.assertEqual(show_factor(login, code=device.code()).status, 200)
        self.assertGreaterEqual(len(company.await_record("user.login_failed", 0)), 0)

    def test_a_step_up_takes_both(self):
        company = Company.make("Rehausse")
        device, _ = set_up_factor(company.login())
        headers = bearer(show_factor(log_in(company.address), code=device.code()).json["access_token"])
        superuser("UPDATE platform.sessions SET authenticated_at = authenticated_at - interval '11 minutes' "
                  f"WHERE tenant_id = '{company.id}'")

        def renew():
            return p.request("POST", "/v1/me/recovery-codes", headers=headers)
        p.await_true("too old", lambda: renew().json.get("code") == "reauthentication_required", 5)

        def step_up(**body):
            answer = p.request("POST", "/v1/me/step-up", body, headers)
            return answer.status, answer.json.get("code")
        self.assertEqual(step_up(password="Not-It-2026!", code=device.code()), (403, "password_wrong"))
        self.assertEqual(step_up(password=PASSWORD), (403, "second_factor_needed"))
        self.assertEqual(step_up(password=PASSWORD, code="000000"), (403, "second_factor_wrong"))
        self.assertEqual(renew().json["code"], "reauthentication_required")
        self.assertEqual(step_up(password=PASSWORD, code=device.code())[0], 200)
        self.assertEqual(renew().status, 200)

    def test_what_is_dangerous_asks_again(self):
        company = Company.make("Dangereuse")
        company.login()
        superuser("UPDATE platform.sessions SET authenticated_at = authenticated_at - interval '11 minutes' "
                  f"WHERE tenant_id = '{company.id}'")
        p.await_true("too old", lambda: not company.get("/v1/me/sessions").json["recently_authenticated"], 5)
        dangerous = (("POST", "/v1/broker/rotate", {}), ("GET", "/v1/audit/export", None), ("DELETE", "/v1/domain", None),
                     ("POST", "/v1/subscription/cancel", {}))
        for method, path, body in dangerous:
            answer = p.request(method, path, body, company.token)
            self.assertEqual((answer.status, answer.json["code"]), (403, "reauthentication_required"), path)
        self.assertEqual(company.post("/v1/me/step-up", {"password": PASSWORD}).status, 200)
        p.await_true("fresh again", lambda: company.get("/v1/me/sessions").json["recently_authenticated"], 5)
        key = bearer(company.post("/v1/api-keys", {"name": "x", "permissions": ["audit:read"]}).json["key"])
        for headers in (company.token, key):  # a machine has no password to show
            self.assertEqual(p.request("GET", "/v1/audit/export?q=type:none", headers=headers).status, 200)
        for method, path, body in dangerous:
            self.assertNotEqual(p.request(method, path, body, company.token).status, 403, path)

    def test_a_company_that_demands_one(self):
        company = Company.make("Exigeante")
        address = stack.address("member")
        member, headers = company.join(address, "manager")
        admin, admins = company.join(stack.address(), "admin")
        demand = {"security": {"second_factor": "required"}}
        self.assertEqual(company.patch("/v1/settings", demand).json["code"], "no_factor")
        device, _ = set_up_factor(company.token)
        self.assertEqual(company.patch("/v1/settings", demand, admins).json["code"], "owner_required")
        self.assertEqual(company.patch("/v1/settings", demand).status, 200)
        began = time.monotonic()
        while p.request("GET", "/v1/me", headers=headers).json.get("code") != "second_factor_required":
            self.assertLess(time.monotonic() - began, 1)
        self.assertEqual(company.get("/v1/me").status, 200)
        self.assertEqual(p.request("GET", "/v1/clients", headers=headers).status, 403)
        headers = bearer(log_in(address).json["access_token"])  # gets in, and no further
        self.assertEqual(p.request("GET", "/v1/clients", headers=headers).json["code"], "second_factor_required")
        set_up_factor(headers)
        self.assertEqual(p.request("GET", "/v1/clients", headers=headers).status, 200)
        record = company.await_record("settings.changed")[-1]
        self.assertIn("security/second_factor", record[2])

    def test_a_lost_one_is_forgotten_a_day_after_it_was_said(self):
        company = Company.make("Perdue")
        address = stack.address("loser")
        member, headers = company.join(address, "manager")
        device, codes = set_up_factor(headers)
        path = f"/v1/users/{member}/reset-factors"
        self.assertEqual(p.request("POST", path, {"reason": "x"}, headers).status, 403)
        self.assertEqual(company.post(path, {}).status, 422)
        self.assertEqual(company.post(path, {"reason": "phone in the river"}).status, 202)
        p.await_true("the person is told", lambda: any(
            address in to and "phone in the river" in text for to, _, text in p.mails()), 30)
        self.assertIn("challenge_token", log_in(address).json)
        self.assertEqual(show_factor(log_in(address), recovery_code=codes[0]).status, 200)  # found: nothing is lost
        p.advance("25h")
        self.assertIn("challenge_token", log_in(address).json)
        company.login()
        self.assertEqual(company.post(path, {"reason": "now it is"}).status, 202)
        p.advance("25h")
        self.assertIn("access_token", log_in(address).json)
        record = company.await_record("user.factor_reset_requested", 2)[-1]
        self.assertIn("now it is", record[2])

    def test_no_table_log_or_event_holds_a_seed_or_a_code(self):
        company = Company.make("Muette")
        device, codes = set_up_factor(company.login())
        code = device.code()
        self.assertEqual(show_factor(log_in(company.address), code=code).status, 200)
        self.assertEqual(show_factor(log_in(company.address), recovery_code=codes[0]).status, 200)
        p.await_true("what followed is recorded", lambda: int(superuser(
            "SELECT count(*) FROM audit.records WHERE type = 'user.recovery_code_used'")[0][0]) > 0, 30)
        dump = subprocess.run(["pg_dump", stack.superuser_url(), "--data-only"], capture_output=True, timeout=300,
                              check=True).stdout
        with open(stack.log_path, "rb") as file:
            log = file.read()
        seed = base64.b32decode(device.secret)
        for secret in (device.secret.encode(), seed, *(each.encode() for each in codes),
                       *(each.replace("-", "").encode() for each in codes)):
            self.assertNotIn(secret, log)
            self.assertFalse(secret in dump or secret.hex().encode() in dump or base64.b64encode(secret) in dump, secret)



def address_link(prefix, address, count=1):
    """The token of the last mailed link of the kind to the address, once there are so many."""
    def found():
        return [text for to, _, text in p.mails() if address in to and f"#t={prefix}_" in text]
    p.await_true(f"{count} {prefix} link(s) to {address}", lambda: len(found()) >= count, 30)
    return [re.search(rf"#t=({prefix}_[A-Za-z0-9_-]{{43}})", text).group(1) for text in found()]


def open_link(token, action="confirm"):
    answer = p.request("POST", f"/auth/email/{action}", {"token": token})
    return answer.status if answer.status == 204 else (answer.status, answer.json["code"])


class T11_Addresses(unittest.TestCase):
    def test_confirmed_by_mail_once(self):
        signed_up = sign_up(unique("Confirmée"))
        company = Company(signed_up.id, signed_up.address)
        self.assertFalse(company.get("/v1/me").json["email_verified"])
        self.assertEqual(company.post("/v1/me/email/verify", {}).status, 202)
        first = address_link("emv", company.address)[0]
        self.assertEqual(company.post("/v1/me/email/verify", {}).status, 202)
        second = next(each for each in address_link("emv", company.address, 2) if each != first)
        self.assertEqual(open_link(first), (404, "link_not_found"))  # another was sent in its place
        self.assertEqual(open_link(second, "undo"), (404, "link_not_found"))  # good for what it is for
        self.assertEqual(open_link(second), 204)
        self.assertEqual(open_link(second), (404, "link_not_found"))
        p.await_true("the session shows it", lambda: company.get("/v1/me").json["email_verified"], 5)
        self.assertEqual(company.post("/v1/me/email/verify", {}).json["code"], "already_verified")

    def test_without_it_nobody_invites_or_makes_keys(self):
        signed_up = sign_up(unique("Pas confirmée"))
        company = Company(signed_up.id, signed_up.address)
        for path, body in (("/v1/users", {"email": stack.address(), "role": "viewer"}), (f"/v1/users/{uuid.uuid4()}/resend", {}),
                           ("/v1/api-keys", {"name": "x", "permissions": ["clients:read"]})):
            french, english = (company.post(path, body, **{"Accept-Language": language}) for language in ("fr", "en"))
            self.assertEqual((french.status, french.json["code"]), (403, "email_not_verified"), path)
            self.assertIn("Confirmez", french.json["detail"])
            self.assertIn("confirm your e-mail address", english.json["detail"])
        self.assertEqual(company.get("/v1/users").status, 200)
        company.confirm()
        self.assertEqual(company.invite(stack.address()).status, 201)

    def test_changed_when_the_new_one_is_confirmed_and_undone_from_the_old_one(self):
        company = Company.make("Déplacée")
        old, new, thief = company.address, stack.address("new"), stack.address("thief")
        headers = company.login()
        self.assertEqual(company.post("/v1/me/email", {"email": "nobody"}).status, 422)
        self.assertEqual(company.post("/v1/me/email", {"email": old}).json["errors"][0]["code"], "unchanged")
        self.assertEqual(company.post("/v1/me/email", {"email": new}).status, 202)
        token = address_link("emc", new)[0]
        self.assertEqual(log_in(new).status, 401)  # it does not count yet
        self.assertEqual(log_in(old).status, 200)
        self.assertEqual(open_link(token), 204)
        self.assertEqual((log_in(old).status, log_in(new).status), (401, 200))
        undo = address_link("emu", old)[0]
        self.assertEqual(company.post("/v1/me/email", {"email": thief}).status, 202)
        self.assertEqual(open_link(address_link("emc", thief)[0]), 204)
        late = address_link("emu", new)[0]
        self.assertEqual(open_link(undo, "undo"), 204)
        self.assertEqual(p.request("GET", "/v1/me", headers=headers).status, 401)  # everybody is out
        self.assertEqual(log_in(thief).status, 401)
        self.assertEqual(log_in(old).status, 200)
        self.assertEqual(open_link(undo, "undo"), (404, "link_not_found"))
        self.assertEqual(open_link(late, "undo"), (404, "link_not_found"))  # what came after it is dead
        self.assertEqual(p.request("POST", "/auth/password/reset", {
            "token": link_mailed(old)[0], "password": "Nouveau-Secret-2028"}).status, 204)
        for type_ in ("user.email_change_requested", "user.email_changed", "user.email_change_undone"):
            p.await_true(type_, lambda type_=type_: int(superuser(
                f"SELECT count(*) FROM audit.records WHERE tenant_id = 'platform' AND type = '{type_}'")[0][0]) > 0, 30)

    def test_an_address_of_somebody_else_is_not_taken(self):
        company, other = Company.make("Convoiteuse"), Company.make("Convoitée")
        known, unknown = (company.post("/v1/me/email", {"email": email}) for email in (other.address, stack.address()))
        self.assertEqual((known.status, known.json), (unknown.status, unknown.json))
        token = address_link("emc", other.address)
        self.assertEqual(company.post("/v1/me/email", {"email": other.address}).status, 202)
        token = next(each for each in address_link("emc", other.address, 2) if each not in token)
        self.assertEqual(open_link(token), (409, "email_taken"))
        self.assertEqual((log_in(company.address).status, log_in(other.address).status), (200, 200))

    def test_it_needs_a_fresh_login_and_fills_no_mailbox(self):
        company = Company.make("Pressée")
        company.login()
        answers = [company.post("/v1/me/email", {"email": stack.address()}).status for _ in range(7)]
        self.assertEqual(answers, [202] * 4 + [429] * 3)  # the link that confirmed the address was the first of five
        superuser("UPDATE platform.sessions SET authenticated_at = authenticated_at - interval '11 minutes' "
                  f"WHERE tenant_id = '{company.id}'")
        p.await_true("the session is read again", lambda: p.request("POST", "/v1/me/email", {
            "email": stack.address()}, company.token).json.get("code") == "reauthentication_required", 5)

    def test_a_link_of_yesterday_opens_nothing(self):
        company = Company.make("Tardive")
        new = stack.address("late")
        company.post("/v1/me/email", {"email": new})
        token = address_link("emc", new)[0]
        p.advance("25h")
        self.assertEqual(open_link(token), (404, "link_not_found"))



def admin_log_in(address, password=PASSWORD):
    return p.request("POST", "/v1/admin/auth/login", {"email": address, "password": password})


class Admin:
    """A person of some company, made a super-admin, who has set up a second factor."""
    def __init__(self, role):
        self.address = Company.make("Employeur").address
        p.tenantry("admins", "add", self.address, "--role", role)
        first = admin_log_in(self.address)
        assert first.status == 200, first
        self.first = bearer(first.json["token"])
        seed = p.request("POST", "/v1/admin/me/factors/totp", headers=self.first)
        assert seed.status == 201, seed
        self.device = Authenticator(seed.json["secret"])
        confirmed = p.request("POST", "/v1/admin/me/factors/totp/confirm", {"code": self.device.code()}, self.first)
        assert confirmed.status == 200, confirmed
        self.codes = confirmed.json["recovery_codes"]
        self.headers = self.log_in()

    def log_in(self):
        challenge = admin_log_in(self.address).json["challenge_token"]
        answer = p.request("POST", "/v1/admin/auth/login/factor", {"code": self.device.code()}, bearer(challenge))
        assert answer.status == 200, answer
        return bearer(answer.json["token"])

    def get(self, path, headers=None):
        return p.request("GET", path, headers=headers or self.headers)

    def post(self, path, body=None, headers=None):
        return p.request("POST", path, body or {}, headers or self.headers)

    def visit(self, tenant, **body):
        answer = self.post(f"/v1/admin/tenants/{tenant}/act", {"reason": "ticket 4711", **body})
        assert answer.status == 200, answer
        return bearer(answer.json["access_token"])

    @property
    def id(self):
        return self.get("/v1/admin/me").json["id"]


def platform_records(type_):
    return [row[0] for row in superuser("SELECT coalesce(payload::text, '') FROM analytics.audit_events "
                                        f"WHERE tenant_id = 'platform' AND type = '{type_}' ORDER BY sequence")]


class T12_SuperAdmins(unittest.TestCase):
    def test_by_password_and_second_factor_and_out_again(self):
        anna = Admin("super-admin")
        address = stack.address("halfway")
        p.tenantry("admins", "add", address)
        stranger = Company.make("Curieuse")
        for who, password in ((stranger.address, PASSWORD), (stack.address(), PASSWORD), (anna.address, "Not-It-2026!")):
            answer = admin_log_in(who, password)
            self.assertEqual((answer.status, answer.json["code"]), (401, "invalid_credentials"), who)
        me = anna.get("/v1/admin/me").json
        self.assertEqual((me["name"], me["role"], me["second_factor"]), (anna.address, "super-admin", "totp"))
        self.assertEqual(anna.get("/v1/admin/tenants?limit=1").status, 200)
        self.assertEqual(stranger.get("/v1/admin/tenants").json["code"], "admin_required")
        for path in ("/v1/me", "/v1/clients"):
            self.assertEqual(anna.get(path).status, 401, path)  # it is no tenant's token
        other = anna.log_in()
        sessions = anna.get("/v1/admin/me/sessions").json["sessions"]
        self.assertEqual([each["current"] for each in sessions].count(True), 1)
        ended = next(each["id"] for each in anna.get("/v1/admin/me/sessions", other).json["sessions"] if each["current"])
        self.assertEqual(p.request("DELETE", f"/v1/admin/me/sessions/{ended}", headers=anna.headers).status, 204)
        self.assertEqual(anna.get("/v1/admin/me", other).status, 401)
        self.assertEqual(anna.post("/v1/admin/auth/logout").status, 204)
        self.assertEqual(anna.get("/v1/admin/me").status, 401)
        p.await_true("it is on record", lambda: any(me["id"] in text for text in platform_records("admin.logged_in")), 30)

    def test_without_a_second_factor_nobody_gets_further(self):
        address = stack.address("fresh")
        p.tenantry("admins", "add", address)
        p.request("POST", "/auth/password/forgot", {"email": address})
        p.request("POST", "/auth/password/reset", {"token": link_mailed(address)[0], "password": PASSWORD})
        headers = bearer(admin_log_in(address).json["token"])
        answer = p.request("GET", "/v1/admin/tenants", headers=headers)
        self.assertEqual((answer.status, answer.json["code"]), (403, "second_factor_required"))
        self.assertEqual(p.request("GET", "/v1/admin/me", headers=headers).status, 200)

    def test_a_session_ends_when_it_is_not_used_and_after_a_day_of_work(self):
        anna = Admin("super-admin")
        p.advance("29m")
        self.assertEqual(anna.get("/v1/admin/me").status, 200)
        p.advance("31m")
        self.assertEqual(anna.get("/v1/admin/me").status, 401)
        anna.headers = anna.log_in()
        for _ in range(25):
            p.advance("29m")
            last = anna.get("/v1/admin/me").status
        self.assertEqual(last, 401)

    def test_roles(self):
        support, analyst = Admin("support"), Admin("analyst")
        company = Company.make("Servie")
        path = f"/v1/admin/tenants/{company.id}"
        self.assertEqual(analyst.get(path).status, 200)
        for path_, body in ((path + "/suspend", {"reason": "abuse"}), (path + "/act", {"reason": "curious"})):
            answer = analyst.post(path_, body)
            self.assertEqual((answer.status, answer.json["code"]), (403, "permission_denied"), path_)
        self.assertEqual(support.post(path + "/suspend", {"reason": "abuse"}).status, 200)
        self.assertEqual(support.post(path + "/reactivate").status, 200)
        self.assertEqual(support.post(path + "/erase", {"reason": "x"}).json["code"], "permission_denied")
        self.assertEqual(support.get("/v1/admin/admins").json["code"], "permission_denied")
        record = company.await_record("tenant.suspended")[-1]
        actor = superuser(f"SELECT actor_kind, actor_id FROM analytics.audit_events WHERE tenant_id = '{company.id}' "
                          f"AND sequence = {record[0]}")[0]
        self.assertEqual(actor, ["admin", support.id])

    def test_revoked_is_out_at_once(self):
        anna, ben = Admin("super-admin"), Admin("support")
        company = Company.make("Visitée puis non")
        visit = ben.visit(company.id)
        self.assertEqual(p.request("GET", "/v1/clients", headers=visit).status, 200)
        listed = {each["email"]: each for each in anna.get("/v1/admin/admins").json["admins"]}
        self.assertTrue(listed[ben.address]["second_factor"])
        self.assertEqual(p.request("DELETE", f"/v1/admin/admins/{listed[ben.address]['id']}", headers=anna.headers).status, 204)
        self.assertEqual(ben.get("/v1/admin/me").status, 401)
        began = time.monotonic()
        while p.request("GET", "/v1/clients", headers=visit).status != 401:
            self.assertLess(time.monotonic() - began, 1)
        self.assertEqual(admin_log_in(ben.address).status, 401)
        p.tenantry("admins", "revoke", anna.address)
        self.assertEqual(anna.get("/v1/admin/me").status, 401)
        p.await_true("it is on record", lambda: len(platform_records("admin.revoked")) >= 2, 30)

    def test_a_visit_looks_and_is_seen(self):
        ben = Admin("support")
        company = Company.make("Visitée")
        for body, pointer in (({}, "/reason"), ({"reason": "x", "minutes": 31}, "/minutes")):
            answer = ben.post(f"/v1/admin/tenants/{company.id}/act", body)
            self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, pointer))
        visit = ben.visit(company.id)
        self.assertEqual(p.request("GET", "/v1/clients", headers=visit).status, 200)
        self.assertEqual(p.request("GET", "/v1/users", headers=visit).status, 200)
        created = p.request("POST", "/v1/clients", {"name": "Jeanne"}, visit)
        self.assertEqual((created.status, created.json["code"]), (403, "read_only"))
        for method, path, body in (("POST", "/v1/users", {"email": stack.address(), "role": "viewer"}),
                                   ("POST", "/v1/me/password", {"current_password": PASSWORD, "password": "Autre-Chose-99"}),
                                   ("POST", "/v1/api-keys", {"name": "x", "permissions": ["clients:read"]})):
            answer = p.request(method, path, body, visit)
            self.assertEqual((answer.status, answer.json["code"]), (403, "not_for_admins"), path)
        elsewhere = Company.make("Pas visitée")
        mixed = p.request("GET", "/v1/clients", headers={**visit, "X-Tenant-ID": elsewhere.id})
        self.assertEqual((mixed.status, mixed.json["code"]), (403, "tenant_mismatch"))
        entered = company.await_record("admin.entered_tenant")[-1][2]
        self.assertIn("ticket 4711", entered)
        self.assertIn(ben.id, entered)
        p.await_true("what was looked at is on record", lambda: any(
            "listUsers" in text for _, _, text in company.records("platform.data_read")), 30)

    def test_a_visit_that_changes_things_says_so_and_ends(self):
        ben = Admin("support")
        company = Company.make("Aidée")
        visit = ben.visit(company.id, writes=True, minutes=5)
        created = p.request("POST", "/v1/clients", {"name": "Jeanne"}, visit)
        self.assertEqual(created.status, 201, created)
        company.await_record("client.created")
        actor = superuser("SELECT actor_kind, actor_id FROM analytics.audit_events "
                          f"WHERE tenant_id = '{company.id}' AND type = 'client.created'")[0]
        self.assertEqual(actor, ["admin", ben.id])
        p.advance("6m")
        self.assertEqual(p.request("GET", "/v1/clients", headers=visit).status, 401)
        visit = ben.visit(company.id)
        self.assertEqual(p.request("POST", "/auth/logout", headers=visit).status, 204)
        self.assertEqual(p.request("GET", "/v1/clients", headers=visit).status, 401)

    def test_a_company_cannot_reset_the_factors_of_who_is_one(self):
        company = Company.make("Ambitieuse")
        address = stack.address("both")
        member, _ = company.join(address, "manager")
        p.tenantry("admins", "add", address, "--role", "support")
        headers = bearer(admin_log_in(address).json["token"])
        seed = p.request("POST", "/v1/admin/me/factors/totp", headers=headers).json
        device = Authenticator(seed["secret"])
        self.assertEqual(p.request("POST", "/v1/admin/me/factors/totp/confirm", {"code": device.code()}, headers).status, 200)
        self.assertEqual(company.post(f"/v1/users/{member}/reset-factors", {"reason": "x"}).status, 202)
        p.advance("25h")
        self.assertIn("challenge_token", log_in(address).json)
        self.assertIn("challenge_token", admin_log_in(address).json)

    def test_the_platforms_token_is_on_record(self):
        self.assertEqual(p.admin("GET", "/v1/admin/me").json["id"], None)
        p.await_true("its use", lambda: len(platform_records("admin.token_used")) > 0, 30)
        refused = p.admin("POST", "/v1/admin/tenants/none/act", {"reason": "x"})
        self.assertEqual((refused.status, refused.json["code"]), (403, "person_required"))



def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class SoftwareKey:
    """An authenticator of our own making: a P-256 or Ed25519 key, CBOR by hand, its counter."""
    def __init__(self, ed25519=False):
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519 as ed
        self.ed = ed25519
        self.private = ed.Ed25519PrivateKey.generate() if ed25519 else ec.generate_private_key(ec.SECP256R1())
        self.id, self.counter = secrets.token_bytes(16), 0

    def head(self, rp_id, flags):
        self.counter += 1
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def cose(self):
        from cryptography.hazmat.primitives import serialization
        if self.ed:
            raw = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return bytes.fromhex("a4010103272006215820") + raw
        numbers = self.private.public_key().public_numbers()
        return (bytes.fromhex("a5010203262001215820") + numbers.x.to_bytes(32, "big") + bytes.fromhex("225820") +
                numbers.y.to_bytes(32, "big"))

    def client_data(self, type_, challenge, origin):
        return json.dumps({"type": type_, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()

    def create(self, options, origin=None):
        data = (self.head(options["rp"]["id"], 0x45) + bytes(16) + len(self.id).to_bytes(2, "big") + self.id + self.cose())
        attestation = (bytes.fromhex("a363666d74646e6f6e656761747453746d74a068617574684461746158") + bytes([len(data)]) +
                       data)
        client = self.client_data("webauthn.create", options["challenge"], origin or p.env("TENANTRY_URL"))
        return {"id": b64url(self.id), "type": "public-key",
                "response": {"clientDataJSON": b64url(client), "attestationObject": b64url(attestation)}}

    def get(self, options, origin=None):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        data = self.head(options["rpId"], 0x05)
        client = self.client_data("webauthn.get", options["challenge"], origin or p.env("TENANTRY_URL"))
        signed = data + hashlib.sha256(client).digest()
        signature = self.private.sign(signed) if self.ed else self.private.sign(signed, ec.ECDSA(hashes.SHA256()))
        return {"id": b64url(self.id), "type": "public-key",
                "response": {"clientDataJSON": b64url(client), "authenticatorData": b64url(data), "signature": b64url(signature)}}


class T13_Passkeys(unittest.TestCase):
    def make(self, headers, key, name="Clé", **more):
        options = p.request("POST", "/v1/me/factors/passkeys/options", headers=headers)
        self.assertEqual(options.status, 200, options)
        return p.request("POST", "/v1/me/factors/passkeys", {"name": name, "passkey": key.create(options.json, **more)}, headers)

    def challenge(self, address):
        login = log_in(address)
        headers = bearer(login.json["challenge_token"])
        return login, headers, p.request("POST", "/auth/login/factor/options", headers=headers).json

    def test_made_used_and_removed(self):
        for key in (SoftwareKey(), SoftwareKey(ed25519=True)):
            company = Company.make("Clés d'accès")
            made = self.make(company.login(), key)
            self.assertEqual((made.status, len(made.json["recovery_codes"])), (201, 10), made)
            login, headers, options = self.challenge(company.address)
            self.assertEqual(sorted(login.json["factors"]), ["passkey", "recovery_code"])
            self.assertEqual([each["id"] for each in options["allowCredentials"]], [b64url(key.id)])
            entered = p.request("POST", "/auth/login/factor", {"passkey": key.get(options)}, headers)
            self.assertEqual(entered.status, 200, entered)
            session = bearer(entered.json["access_token"])
            factors = p.request("GET", "/v1/me/factors", headers=session).json
            self.assertEqual([(each["name"], each["used_at"] is None) for each in factors["passkeys"]], [("Clé", False)])
            device, codes = set_up_factor(session)
            self.assertIsNone(codes)  # there were some
            path = f"/v1/me/factors/passkeys/{factors['passkeys'][0]['id']}"
            self.assertEqual(p.request("DELETE", path, headers=session).status, 204)
            self.assertEqual(p.request("DELETE", path, headers=session).status, 404)
            self.assertEqual(sorted(log_in(company.address).json["factors"]), ["recovery_code", "totp"])

    def test_a_challenge_is_answered_once_here_and_by_whom_it_is_for(self):
        company, other = Company.make("Défi"), Company.make("Autre défi")
        key, foreign = SoftwareKey(), SoftwareKey()
        for origin in ("https://evil.example", p.env("TENANTRY_URL") + ".evil.example"):
            refused = self.make(company.token, key, origin=origin)
            self.assertEqual((refused.status, refused.json["errors"][0]["pointer"]), (422, "/passkey"))
        self.assertEqual(self.make(company.token, key).status, 201)
        self.assertEqual(self.make(other.token, foreign).status, 201)
        again = self.make(company.token, key)
        self.assertEqual((again.status, again.json["code"]), (409, "factor_exists"))

        def use(answer, headers):
            done = p.request("POST", "/auth/login/factor", {"passkey": answer}, headers)
            return done.status if done.status == 200 else (done.status, done.json["code"])
        wrong = (401, "second_factor_wrong")
        _, headers, options = self.challenge(company.address)
        self.assertEqual(use(key.get(options, origin="https://evil.example"), headers), wrong)
        self.assertEqual(use(key.get(options), headers), wrong)  # it was answered: once
        _, headers, options = self.challenge(company.address)
        self.assertEqual(use(foreign.get(options), headers), wrong)
        _, _, options = self.challenge(company.address)
        _, others_headers, _ = self.challenge(other.address)
        self.assertEqual(use(key.get(options), others_headers), wrong)
        answer = key.get(options)
        self.assertEqual(use(answer, headers), 200)
        self.assertEqual(use(answer, headers), wrong)
        _, headers, options = self.challenge(company.address)
        key.counter -= 2  # a copy of it does not know how often it was used
        self.assertEqual(use(key.get(options), headers), wrong)
        _, headers, options = self.challenge(company.address)
        key.counter += 9
        p.advance("6m")
        self.assertEqual(use(key.get(options), headers)[0], 401)  # the challenge is too old, and the login, too

    def test_steps_up(self):
        company, key = Company.make("Haute"), SoftwareKey()
        company.login()
        self.assertEqual(self.make(company.token, key).status, 201)
        options = company.post("/v1/me/step-up/options", {}).json
        answer = company.post("/v1/me/step-up", {"password": PASSWORD, "passkey": key.get(options)})
        self.assertEqual(answer.status, 200, answer)

    def test_of_a_super_admin(self):
        anna, key = Admin("super-admin"), SoftwareKey()
        options = anna.post("/v1/admin/me/factors/passkeys/options").json
        made = anna.post("/v1/admin/me/factors/passkeys", {"name": "Clé", "passkey": key.create(options)})
        self.assertEqual((made.status, made.json["recovery_codes"]), (201, None), made)
        login = admin_log_in(anna.address)
        headers = bearer(login.json["challenge_token"])
        options = p.request("POST", "/v1/admin/auth/login/factor/options", headers=headers).json
        entered = p.request("POST", "/v1/admin/auth/login/factor", {"passkey": key.get(options)}, headers)
        self.assertEqual((entered.status, entered.json["second_factor"]), (200, "passkey"), entered)



class T14_Words(unittest.TestCase):
    def test_me_and_login_say_where_one_belongs_and_as_what(self):
        company = Company.make("Nommante")
        login = log_in(company.address).json
        self.assertEqual([(each["slug"], each["role"]) for each in login["tenants"]], [(company.id, "owner")])
        me = p.request("GET", "/v1/me", headers=bearer(login["access_token"])).json
        self.assertEqual(me["tenants"], [{"tenant_id": company.id, "slug": company.id, "role": "owner"}])

    def test_refusals_speak_the_callers_language(self):
        french, english = (p.request("POST", "/auth/login", {"email": stack.address(), "password": "x"},
                                     {"Accept-Language": language}) for language in ("fr-FR", "en-GB"))
        self.assertEqual((french.json["detail"], french.headers["Content-Language"]),
                         ("L'adresse ou le mot de passe est faux", "fr"))
        self.assertEqual(english.json["detail"], "the e-mail address or the password is wrong")
        self.assertEqual(french.json["code"], english.json["code"])
        broken = p.request("POST", "/auth/login", {"email": "nobody"}, {"Accept-Language": "fr"}).json
        self.assertEqual({each["pointer"]: each["detail"] for each in broken["errors"]},
                         {"/email": "doit être une adresse électronique", "/password": "est obligatoire"})

    def test_who_names_no_language_hears_the_own(self):
        company = Company.make("Bilingue")
        address = stack.address("english")
        made = company.invite(address, "viewer")
        self.assertEqual(made.status, 201)
        joined = invitation(token_mailed(address)[0], "accept", new_person(locale="en"))
        self.assertEqual(joined.status, 201, joined)
        headers = bearer(log_in(address, tenant=company.id).json["access_token"])
        english, french = "the role viewer lacks users:invite", "Votre rôle ne le permet pas"
        for language, expected in ((None, english), ("*", english), ("de", english), ("fr", french), ("en", english)):
            answer = p.request("POST", "/v1/users", {}, {**headers, **({"Accept-Language": language} if language else {})})
            self.assertEqual((answer.status, answer.json["detail"]), (403, expected), language)
        self.assertEqual(company.post("/v1/users", {}).json["detail"], "Des champs sont à corriger")  # the owner's is French

    def test_a_module_that_the_plan_lacks(self):
        company = Company.make("Sans module")
        self.assertEqual(company.get("/v1/clients").status, 200)
        before = company.get("/v1/subscription").json["plan"]
        superuser("INSERT INTO platform.plans (plan, version, limits, price_minor, currency, modules, resource_tier, position, "
                  "audit_retention_months) SELECT 'BARE', 1, limits, price_minor, currency, '{}', resource_tier, 99, "
                  "audit_retention_months FROM platform.plans WHERE plan = 'PROFESSIONAL' ORDER BY version DESC LIMIT 1 ON CONFLICT DO NOTHING")
        superuser(f"UPDATE platform.tenants SET plan = 'BARE', plan_version = 1 WHERE tenant_id = '{company.id}'")
        p.await_true("it is read again", lambda: company.get("/v1/clients").status == 403, 5)
        refused = company.get("/v1/clients").json
        self.assertEqual(refused["code"], "module_not_in_plan")
        self.assertEqual({each["detail"] for each in refused["errors"]}, {"FREE", "STARTER", "PROFESSIONAL", "ENTERPRISE"})
        self.assertEqual(company.get("/v1/me").status, 200)
        superuser(f"UPDATE platform.tenants SET plan = p.plan, plan_version = p.version FROM (SELECT plan, version FROM platform.plans "
                  f"WHERE plan = '{before}' ORDER BY version DESC LIMIT 1) p WHERE tenant_id = '{company.id}'")
        superuser("DELETE FROM platform.plans WHERE plan = 'BARE'")

    def test_a_login_from_a_new_place_is_told(self):
        company = sign_up(unique("Voyageuse"))  # who has not been anywhere
        log_in(company.address, **{"User-Agent": "Known/1"})
        log_in(company.address, **{"User-Agent": "Known/1"})
        log_in(company.address, **{"User-Agent": "Elsewhere/2"})

        def told(agent):
            return [text for to, _, text in p.mails() if company.address in to and agent in text]
        p.await_true("a mail of the new one", lambda: told("Elsewhere"), 30)
        self.assertEqual(told("Known"), [])  # the first login is no news, nor the same again


class T4_Secrets(unittest.TestCase):
    def test_no_table_log_or_event_holds_a_token(self):
        company = Company.make("Discrète")
        address = stack.address("canary")
        company.invite(address)
        token = token_mailed(address)[0]
        self.assertEqual(invitation(token).status, 200)
        tokens = log_in(company.address, tenant=company.id).json
        company.await_record("user.invited")
        dump = subprocess.run(["pg_dump", stack.superuser_url(), "--data-only"], capture_output=True, timeout=300,
                              check=True).stdout
        self.assertIn(address.encode(), dump)  # what is looked through is all there is
        with open(stack.log_path, "rb") as file:
            log = file.read()
        for secret in (token, token[4:], tokens["refresh_token"], tokens["access_token"], PASSWORD):
            self.assertNotIn(secret.encode(), log)
            self.assertFalse(secret.encode() in dump or secret.encode().hex().encode() in dump, secret[:8])


if __name__ == "__main__":
    unittest.main(verbosity=2)
