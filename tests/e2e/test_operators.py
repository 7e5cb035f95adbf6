#!/usr/bin/python3
"""What operators do about the people, sessions, keys, domain and limits of a tenant, by the command and over HTTP: each act
has its reason, is in force within a second, and on record in the tenant's own log."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import people  # noqa: E402
import stack  # noqa: E402
from people import Admin, Company, bearer, invitation, log_in, new_person, set_up_factor, token_mailed  # noqa: E402
from stack import p, superuser, unique  # noqa: E402

setUpModule, tearDownModule = people.start, people.stop


PLATFORM = stack.Tenant("platform", "")


def run(*arguments):
    return subprocess.run([stack.BINARY, *arguments], env=stack.settings(), capture_output=True, text=True, timeout=60)


def lines(*arguments):
    done = run("--json", *arguments)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: {done.returncode} {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


class Operators(unittest.TestCase):
    def said(self, *arguments):
        done = run(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, said, *arguments):
        done = run(*arguments)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        self.assertIn(said, done.stderr)

    def on_record(self, tenant, type_, *said, count=1):
        """By the platform's token, with the reason, in the tenant's own log."""
        record = tenant.await_record(type_, count)[-1]
        for each in said:
            self.assertIn(each, record[2])
        actor = superuser(f"SELECT actor_kind || ' ' || actor_id FROM audit.records WHERE tenant_id = '{tenant.id}' AND type = '{type_}' "
                          "ORDER BY sequence DESC LIMIT 1")[0][0]
        self.assertEqual(actor, "user super-admin")
        return record

    def test_an_owner_who_is_lost_is_followed_by_a_member(self):
        acme = Company.make("Orpheline")
        address = stack.address("heir")
        _, headers = acme.join(address, "employee")
        made = lines("people", "appoint-owner", acme.id, address, "--reason", "the owner has died, ticket 77")[0]
        self.assertEqual((made["role"], made["state"], made["kind"]), ("owner", "active", "member"))
        p.await_true("in force", lambda: p.request("GET", "/v1/api-keys", headers=headers).status == 200, 1)
        record = self.on_record(acme, "membership.owner_appointed", "ticket 77", "employee")
        self.assertIn(made["id"], record[2])
        p.await_true("both owners are told", lambda: {address, acme.address} <= {
            to for to, subject, text in p.mails() if "ticket 77" in text for to in [to.strip("<>")]}, 30)
        self.refused("already_owner", "people", "appoint-owner", acme.id, address, "--reason", "again")
        # Now the lost one may go, and the last one may not.
        self.assertIn("removed", self.said("people", "remove", acme.id, acme.address, "--reason", "ticket 77"))
        self.refused("last_owner", "people", "remove", acme.id, address, "--reason", "all of them")
        self.on_record(acme, "membership.removed", "ticket 77", "owner")

    def test_of_a_plan_of_one_user_somebody_new_becomes_owner(self):
        acme = Company.make("Toute Seule", plan="STARTER")
        self.said("overrides", "set", acme.id, "users_max", "1", "--reason", "as a plan of one user has it")
        address = stack.address("successor")
        self.assertIn("is invited to be an owner", self.said("people", "appoint-owner", acme.id, address, "--locale", "fr",
                                                             "--reason", "the only owner left, ticket 78"))
        joined = invitation(token_mailed(address)[0], "accept", new_person())
        self.assertEqual((joined.status, joined.json["role"]), (201, "owner"))
        self.on_record(acme, "membership.owner_appointed", "ticket 78")
        p.await_true("the owner of before is told", lambda: any(acme.address in to and "ticket 78" in text for to, _, text in p.mails()), 30)

    def test_people(self):
        acme = Company.make("Assistée")
        address, guest = stack.address("paul"), stack.address("guest")
        user, headers = acme.join(address, "manager")
        made = lines("people", "invite", acme.id, guest, "--role", "viewer", "--reason", "ticket 1")[0]
        self.assertEqual((made["email"], made["role"], made["state"]), (guest, "viewer", "pending"))
        self.on_record(acme, "user.invited", "ticket 1", count=2)
        self.refused("already_invited", "people", "invite", acme.id, guest, "--role", "viewer", "--reason", "ticket 1")
        self.refused("--role ", "people", "invite", acme.id, stack.address(), "--role", "owner", "--reason", "ticket 1")
        listed = {each["email"]: each for each in lines("people", "list", acme.id)}
        self.assertEqual({email: (each["role"], each["state"]) for email, each in listed.items()},
                         {acme.address: ("owner", "active"), address: ("manager", "active"), guest: ("viewer", "pending")})
        self.assertEqual([each["email"] for each in lines("people", "list", acme.id, "--state", "pending")], [guest])
        shown = self.said("people", "list", acme.id)
        self.assertRegex(shown, rf"(?m)^{address} +manager +active ")
        self.assertRegex(shown, rf"(?m)^{guest} +viewer +invited until 20")
        self.on_record(acme, "platform.data_read", "users")

        self.assertIn(f"{address}: viewer, active", self.said("people", "set-role", acme.id, address, "viewer", "--reason", "ticket 2"))
        p.await_true("lowered", lambda: p.request("GET", "/v1/audit", headers=headers).status == 403, 1)
        self.on_record(acme, "membership.role_changed", "ticket 2", "manager", "viewer")
        self.refused("role ", "people", "set-role", acme.id, address, "emperor", "--reason", "ticket 2")
        self.assertIn("inactive", self.said("people", "deactivate", acme.id, user, "--reason", "ticket 3"))
        p.await_true("locked out", lambda: p.request("GET", "/v1/me", headers=headers).status == 401, 1)
        self.on_record(acme, "membership.deactivated", "ticket 3")
        self.assertEqual(lines("people", "reactivate", acme.id, address, "--reason", "ticket 4")[0]["state"], "active")
        self.on_record(acme, "membership.reactivated", "ticket 4")
        self.assertIn("revoked", self.said("people", "remove", acme.id, guest, "--reason", "ticket 5"))
        self.on_record(acme, "invitation.revoked", "ticket 5")
        self.assertEqual(lines("people", "remove", acme.id, address, "--reason", "ticket 6")[0]["state"], "removed")
        self.refused("neither a member", "people", "remove", acme.id, address, "--reason", "ticket 6")
        self.refused("did you mean", "people", "list", acme.id[:-1])

    def test_a_lost_factor(self):
        acme = Company.make("Sans Téléphone")
        set_up_factor(acme.token)
        self.assertIn("may come without a second factor from", self.said(
            "people", "reset-factors", acme.id, acme.address, "--reason", "passport seen, ticket 9"))
        p.await_true("on record", lambda: any("passport seen" in payload and acme.owner_id in payload for _, _, payload in PLATFORM.records(
            "user.factor_reset_requested")), 30)

    def test_sessions(self):
        acme = Company.make("Connectée")
        address = stack.address("paul")
        user, headers = acme.join(address)
        other = bearer(log_in(address, tenant=acme.id).json["access_token"])
        listed = [each for each in lines("sessions", "list", acme.id) if each["user_id"] == user]
        self.assertEqual(len(listed), 2)
        self.assertIn(address, self.said("sessions", "list", acme.id))
        self.assertEqual(lines("sessions", "end", acme.id, "--session", listed[0]["id"], "--reason", "ticket 1")[0]["ended"], 1)
        p.await_true("one is over", lambda: p.request("GET", "/v1/me", headers=headers).status == 401, 1)
        self.assertEqual(p.request("GET", "/v1/me", headers=other).status, 200)
        self.refused("session_not_found", "sessions", "end", acme.id, "--session", listed[0]["id"], "--reason", "ticket 1")
        self.assertEqual(self.said("sessions", "end", acme.id, "--user", address, "--reason", "a laptop was stolen"), "1 session ended\n")
        p.await_true("so is the other", lambda: p.request("GET", "/v1/me", headers=other).status == 401, 1)
        self.on_record(acme, "session.revoked", "a laptop was stolen", user, count=2)
        self.refused("--user ", "sessions", "end", acme.id, "--reason", "nobody")

    def test_keys(self):
        acme, globex = Company.make("Automatisée"), Company.make("Autre")
        made = acme.post("/v1/api-keys", {"name": "Import", "permissions": ["clients:read"]})
        self.assertEqual(made.status, 201, made)
        key = bearer(made.json["key"])
        self.assertEqual(p.request("GET", "/v1/clients", headers=key).status, 200)
        listed = lines("api-keys", "list", acme.id)
        self.assertEqual([(each["id"], each["state"], each["permissions"]) for each in listed], [(made.json["id"], "active", ["clients:read"])])
        self.assertNotIn(made.json["key"][15:], json.dumps(listed))
        self.refused("api_key_not_found", "api-keys", "revoke", globex.id, made.json["id"], "--reason", "of another")
        self.assertIn("is revoked", self.said("api-keys", "revoke", acme.id, made.json["id"], "--reason", "found in a repository"))
        p.await_true("it opens nothing", lambda: p.request("GET", "/v1/clients", headers=key).status == 401, 1)
        self.on_record(acme, "api_key.revoked", "found in a repository")
        self.refused("api_key_over", "api-keys", "revoke", acme.id, made.json["id"], "--reason", "again")

    def test_domains(self):
        acme = Company.make("Domaniale")
        domain = f"crm-{stack.RUN}-op.example"
        self.assertEqual(p.request("PUT", "/v1/domain", {"domain": domain}, acme.token).status, 200)
        found = {each["tenant_id"]: each for each in lines("domains", "list")}[acme.id]
        self.assertEqual((found["domain"], found["state"]), (domain, "pending"))
        self.assertIn(domain, self.said("domains", "list"))
        self.assertIn("names no tenant any more", self.said("domains", "remove", acme.id, "--reason", "sold"))
        self.on_record(acme, "domain.removed", "sold", domain)
        self.assertNotIn(acme.id, {each["tenant_id"] for each in lines("domains", "list")})
        self.refused("no_domain", "domains", "remove", acme.id, "--reason", "again")

    def test_overrides(self):
        acme = Company.make("Exceptionnelle", plan="STARTER")
        self.assertIn("users_max: 30 until 2099-06-01T00:00:00Z", self.said(
            "overrides", "set", acme.id, "users_max", "30", "--reason", "a fair", "--until", "2099-06-01"))
        self.assertEqual(lines("overrides", "list", acme.id),
                         [{"name": "users_max", "value": 30, "reason": "a fair", "ends_at": "2099-06-01T00:00:00Z"}])
        self.assertRegex(self.said("overrides", "list", acme.id), r"(?m)^users_max +30 +2099-06-01T00:00 +a fair")
        self.assertEqual(acme.get("/v1/users").json["seats"]["limit"], 30)
        self.refused("name ", "overrides", "set", acme.id, "no_such_limit", "1", "--reason", "x")
        self.refused("--until ", "overrides", "set", acme.id, "users_max", "1", "--reason", "x", "--until", "2001-01-01")
        self.assertEqual(self.said("overrides", "remove", acme.id, "users_max", "--reason", "over"), "users_max: the plan's\n")
        self.on_record(acme, "tenant.override_removed", "over")
        self.refused("not_overridden", "overrides", "remove", acme.id, "users_max", "--reason", "over")

    def test_who_may(self):
        """Support takes away what does harm; rights are given by super-admins alone, who have just logged in."""
        acme = Company.make("Gardée")
        user, _ = acme.join(stack.address())
        tenant = "/v1/admin/tenants/" + acme.id
        gives = [("POST", "/users", {"email": stack.address(), "role": "viewer", "reason": "x"}), ("PATCH", f"/users/{user}", {"role": "admin", "reason": "x"}),
                 ("POST", f"/users/{user}/deactivate", {"reason": "x"}), ("POST", f"/users/{user}/reactivate", {"reason": "x"}),
                 ("POST", f"/users/{user}/remove", {"reason": "x"}), ("POST", f"/users/{user}/revoke", {"reason": "x"}),
                 ("POST", "/owner", {"email": acme.address, "reason": "x"})]
        takes = [("POST", "/end-sessions", {"user_id": user, "reason": "x"}), ("POST", f"/api-keys/{user}/revoke", {"reason": "x"}),
                 ("POST", "/remove-domain", {"reason": "x"})]
        for role, refused in (("support", gives), ("analyst", gives + takes)):
            admin = Admin(role)
            for method, path, body in refused:
                answer = p.request(method, tenant + path, body, admin.headers)
                self.assertEqual((answer.status, answer.json["code"]), (403, "permission_denied"), (role, path, answer))
            for path in ("/users", "/sessions", "/api-keys"):
                self.assertEqual(p.request("GET", tenant + path, headers=admin.headers).status, 200, (role, path))
            if role == "support":
                self.assertEqual([p.request(method, tenant + path, body, admin.headers).status for method, path, body in takes], [200, 404, 404])
        for method, path, body in gives + takes:
            without = p.admin(method, tenant + path, {name: value for name, value in body.items() if name != "reason"})
            self.assertEqual((without.status, [error["pointer"] for error in without.json["errors"]]), (422, ["/reason"]), (path, without))
        chief = Admin("super-admin")
        p.advance("11m")
        late = p.request("POST", tenant + "/owner", {"email": acme.address, "reason": "x"}, chief.headers)
        self.assertEqual((late.status, late.json["code"]), (403, "reauthentication_required"))
        for path in ("/users", "/sessions", "/api-keys"):
            self.assertEqual(p.admin("GET", "/v1/admin/tenants/nobody-at-all" + path).status, 404)
        self.assertEqual(superuser("SELECT count(*) FROM messaging.outbox WHERE tenant_id = 'nobody-at-all'")[0][0], "0")


if __name__ == "__main__":
    unittest.main(verbosity=2)
