"""The life of an account over HTTP: second factors, passkeys, addresses, super-admins, and the words of it all."""
import base64
import concurrent.futures
import json
import os
import subprocess
import sys
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import people  # noqa: E402
import stack  # noqa: E402
from people import (PASSWORD, token_mailed, link_mailed, address_link, open_link, invitation, new_person, log_in,
                    bearer, superuser_count, Company, Authenticator, set_up_factor, show_factor, b64url, SoftwareKey, admin_log_in,
                    Admin, platform_records, written_down)  # noqa: E402
from stack import p, superuser, sign_up, unique  # noqa: E402

setUpModule, tearDownModule = people.start, people.stop


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
        for admin in (anna, ben):
            self.assertEqual(admin.post("/v1/admin/me/views", {"name": "Mine", "address": "/console/tenants"}).status, 201)
        listed = {each["email"]: each for each in anna.get("/v1/admin/admins").json["admins"]}
        self.assertTrue(listed[ben.address]["second_factor"])
        self.assertEqual(p.request("DELETE", f"/v1/admin/admins/{listed[ben.address]['id']}", headers=anna.headers).status, 204)
        self.assertEqual(ben.get("/v1/admin/me").status, 401)
        self.assertEqual([superuser_count(f"platform.saved_views WHERE owner = '{listed[each.address]['id']}'")
                          for each in (anna, ben)], [1, 0])
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


class T15_WhoseAddress(unittest.TestCase):
    """Somebody signs up with another's address, and makes the account theirs as well as they can."""
    NEW = "Un-Croissant-Au-Beurre-7"

    def test_who_shows_that_it_is_theirs_gets_the_account_alone(self):
        made = sign_up(unique("Squattée"), plan="ENTERPRISE")
        tenant = Company(made.id, made.address)
        squatter = tenant.login()
        set_up_factor(squatter)
        for path, body in (("/v1/users", {"email": stack.address(), "role": "viewer"}), ("/v1/api-keys", {"name": "k", "permissions": ["clients:read"]})):
            refused = p.request("POST", path, body, squatter)
            self.assertEqual((refused.status, refused.json["code"]), (403, "email_not_verified"), path)
        p.request("POST", "/auth/password/forgot", {"email": tenant.address})
        reset = p.request("POST", "/auth/password/reset", {"token": link_mailed(tenant.address)[0], "password": self.NEW})
        self.assertEqual(reset.status, 204, reset)
        mine = log_in(tenant.address, self.NEW)
        self.assertEqual((mine.status, "access_token" in mine.json), (200, True), "no factor is asked for")
        self.assertTrue(p.request("GET", "/v1/me", headers=bearer(mine.json["access_token"])).json["email_verified"])
        self.assertEqual(p.request("GET", "/v1/me", headers=squatter).status, 401)
        self.assertEqual(log_in(tenant.address).status, 401)
        self.assertEqual(p.request("GET", "/v1/me/factors", headers=bearer(mine.json["access_token"])).json["recovery_codes_left"], 0)
        p.await_true("it is on record", lambda: platform_records("user.email_verified") and any(
            '"all"' in text for text in platform_records("user.factor_removed")), 30)

    def test_who_had_shown_it_before_keeps_the_factors(self):
        tenant = Company.make("Prouvée")
        set_up_factor(tenant.login())
        p.request("POST", "/auth/password/forgot", {"email": tenant.address})
        p.request("POST", "/auth/password/reset", {"token": link_mailed(tenant.address)[0], "password": self.NEW})
        self.assertEqual(sorted(log_in(tenant.address, self.NEW).json["factors"]), ["recovery_code", "totp"])


class TZ_Secrets(unittest.TestCase):
    def test_none_that_passed_by_is_written_down(self):
        """Passwords, tokens, keys, seeds, recovery codes, links: of all of the above."""
        found, secrets_, places = written_down()
        print(f"{secrets_} secrets looked for in the database and {places - 1} logs", file=sys.stderr)
        self.assertGreater(secrets_, 100)
        self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
