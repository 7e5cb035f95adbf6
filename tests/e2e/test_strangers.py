#!/usr/bin/env python3
"""Nothing is lent to a stranger: sessions, streams, guesses and names, from outside.

What others get from somebody who should have nothing: a stolen refresh token, a member who was removed, an abuser who
pays again, a guesser, a name that is no tenant's.
"""
import base64
import concurrent.futures
import http.client
import json
import os
import subprocess
import threading
import unittest
import urllib.parse

import stack
from stack import p, sign_up, superuser, superuser_url, unique

URL = urllib.parse.urlsplit(p.env("TENANTRY_URL"))


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


class Held:
    """A transaction of a superuser's that holds what its statement locks, until it is released."""
    process = None

    def __init__(self, sql):
        self.sql = sql

    def __enter__(self):
        Held.process = subprocess.Popen(["psql", superuser_url(), "-qAt", "-v", "ON_ERROR_STOP=1"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        Held.process.stdin.write(f"BEGIN;\n{self.sql};\nSELECT 'held';\n")
        Held.process.stdin.flush()
        while Held.process.stdout.readline().strip() != "held":
            pass

    @staticmethod
    def release():
        if not Held.process.stdin.closed:
            Held.process.stdin.close()
        Held.process.wait(timeout=30)

    def __exit__(self, *_):
        Held.release()
        Held.process.stdout.close()


def at_once(count, work):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def platform_records(type_, condition="true"):
    return p.analyst("SELECT actor_id, payload::text FROM analytics.audit_events WHERE tenant_id = 'platform' "
                     f"AND type = '{type_}' AND {condition} ORDER BY sequence")


class T1_Sessions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tenant = sign_up(unique("Sésame"), plan="ENTERPRISE")

    def log_in(self):
        body = {"email": self.tenant.address, "password": stack.PASSWORD}
        return p.request("POST", "/auth/login", body, {"X-Tenant-ID": self.tenant.id}).json

    def refresh(self, token, **headers):
        return p.request("POST", "/auth/refresh", {"refresh_token": token}, headers)

    def me(self, tokens):
        return p.request("GET", "/v1/me", headers={"Authorization": "Bearer " + tokens["access_token"]})

    def test_a_used_token_ends_its_family_on_record(self):
        other = self.log_in()
        first = self.log_in()
        second = self.refresh(first["refresh_token"]).json
        third = self.refresh(second["refresh_token"]).json
        self.assertEqual(self.me(third).status, 200)
        self.assertEqual(self.refresh(first["refresh_token"]).status, 401)
        self.assertEqual(self.refresh(third["refresh_token"]).status, 401)
        for tokens in (first, second, third):
            p.await_true("its access token is refused", lambda tokens=tokens: self.me(tokens).status == 401, 1)
        self.assertEqual(self.me(other).status, 200)
        self.assertEqual(self.refresh(other["refresh_token"]).status, 200)
        records = self.tenant.await_record("security.access_refused")
        self.assertEqual([json.loads(record[2])["rule"] for record in records], ["refresh_token_reused"])

    def test_a_try_under_another_tenant_uses_nothing_up(self):
        tokens = self.log_in()
        self.assertEqual(self.refresh(tokens["refresh_token"], **{"X-Tenant-ID": "somebody-else"}).status, 401)
        self.assertEqual(self.refresh(tokens["refresh_token"], **{"X-Tenant-ID": self.tenant.id}).status, 200)

    def test_of_tries_that_overlap_one_wins_and_the_session_goes_on(self):
        tokens = self.log_in()
        token = tokens["refresh_token"]
        # The one that came first is kept from its turn until all others were answered.
        first, others = threading.Event(), []
        with Held("SELECT pg_advisory_xact_lock(hashtextextended('platform.refresh_tokens/' || family, 0)) FROM "
                  f"platform.refresh_tokens WHERE token_hash = sha256('{token}')"):
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                winner = pool.submit(lambda: (first.set(), self.refresh(token))[1])
                first.wait()
                p.await_true("a try waits for its turn", lambda: superuser(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == [["1"]])
                others = at_once(7, lambda _: self.refresh(token))
                Held.release()
                won = winner.result()
        self.assertEqual((won.status, [answer.status for answer in others]), (200, [401] * 7))
        self.assertEqual(self.me(won.json).status, 200)
        self.assertEqual(self.refresh(won.json["refresh_token"]).status, 200)

    def test_of_tries_at_once_one_wins_at_most(self):
        for _ in range(5):
            tokens = self.log_in()
            answers = at_once(8, lambda _: self.refresh(tokens["refresh_token"]))  # noqa: B023
            self.assertEqual(sorted(answer.status for answer in answers), [200] + [401] * 7)

    def test_what_was_logged_out_refreshes_no_more(self):
        first = self.log_in()
        second = self.refresh(first["refresh_token"]).json
        token = {"Authorization": "Bearer " + second["access_token"]}
        self.assertEqual(p.request("POST", "/auth/logout", {"refresh_token": second["refresh_token"]}, token).status, 204)
        for tokens in (first, second):
            self.assertEqual(self.refresh(tokens["refresh_token"]).status, 401)


class T2_OpenStreams(unittest.TestCase):
    def open(self, tenant, path):
        connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=10)
        connection.request("GET", path, headers=tenant.token)
        self.addCleanup(connection.close)
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        return answer

    def assert_ends(self, answer):
        done = threading.Event()

        def read():
            try:
                while answer.readline():
                    pass
            except (http.client.HTTPException, OSError):
                pass
            done.set()
        threading.Thread(target=read, daemon=True).start()
        self.assertTrue(done.wait(3), "the stream is still open")

    def test_a_removed_members_tail_ends(self):
        tenant = sign_up(unique("Partie"), plan="ENTERPRISE")
        answer = self.open(tenant, "/v1/audit/tail?q=type:never.comes")
        superuser(f"DELETE FROM platform.memberships WHERE {stack.spare_owner(tenant)}")
        self.assert_ends(answer)

    def test_a_lowered_roles_tail_ends(self):
        tenant = sign_up(unique("Rétrogradée"), plan="ENTERPRISE")
        answer = self.open(tenant, "/v1/audit/tail?q=type:never.comes")
        superuser(f"UPDATE platform.memberships SET role = 'viewer' WHERE {stack.spare_owner(tenant)}")
        self.assert_ends(answer)

    def test_a_logged_out_sessions_tail_ends_and_no_others(self):
        tenant = sign_up(unique("Sortie"), plan="ENTERPRISE")
        answer = self.open(tenant, "/v1/audit/tail?q=type:never.comes")
        stays = stack.Tenant(tenant.id, tenant.address)
        other = self.open(stays, "/v1/audit/tail?q=type:user.logged_out")
        self.assertEqual(p.request("POST", "/auth/logout", headers=tenant.token).status, 204)
        self.assert_ends(answer)
        while not (line := other.readline()).startswith(b"data: "):
            self.assertTrue(line, "the other session's tail ended, too")

    def test_a_suspended_tenants_tail_ends(self):
        tenant = sign_up(unique("Fermée"), plan="ENTERPRISE")
        answer = self.open(tenant, "/v1/audit/tail?q=type:never.comes")
        self.assertEqual(p.admin("POST", f"/v1/admin/tenants/{tenant.id}/suspend", {"reason": "abuse"}).status, 200)
        self.assert_ends(answer)


class T3_SuperAdmins(unittest.TestCase):
    def test_guesses_are_few_and_on_record_once(self):
        before = len(platform_records("security.access_refused", "payload->>'rule' = 'admin_token_wrong'"))
        answers = [p.request("GET", "/v1/admin/tenants", headers={"Authorization": f"Bearer guess-{n}"}) for n in range(80)]
        statuses = [answer.status for answer in answers]
        self.assertEqual((statuses[:20], set(statuses[20:])), ([401] * 20, {429}))
        self.assertTrue(int(answers[-1].headers["Retry-After"]) > 0)
        self.assertEqual(p.admin("GET", "/v1/admin/tenants?limit=1").status, 200)
        count = lambda: len(platform_records("security.access_refused", "payload->>'rule' = 'admin_token_wrong'"))  # noqa: E731
        p.await_true("the guesses are on record", lambda: count() > before)
        self.assertEqual(stack.await_quiet(count, "records of guesses"), before + 1)

    def test_every_list_is_on_record_with_who_looked(self):
        for path, what in (("tenants", "tenants"), ("dead-letters", "dead_letters"), ("dead-letters/groups", "dead_letter_groups"),
                           ("stripe-events", "stripe_events")):
            told = lambda: platform_records("platform.data_read", f"payload->>'what' = '{what}'")  # noqa: E731, B023
            before = len(told())
            self.assertEqual(p.admin("GET", "/v1/admin/" + path).status, 200)
            p.await_true(f"a record of {path}", lambda: len(told()) > before)  # noqa: B023
            self.assertEqual(told()[-1][0], "super-admin")


class T3b_Tokens(unittest.TestCase):
    def test_signatures_that_are_none_are_looked_at_a_few_times_and_hold_up_nobody(self):
        """Each names the key that signs ours, so that only its signature says that it is none."""
        tenant = sign_up(unique("Signée"))
        good, flooder = tenant.token["Authorization"].removeprefix("Bearer "), "127.0.0.77"
        header = good.partition(".")[0]

        def part(value):
            raw = value if isinstance(value, bytes) else json.dumps(value).encode()
            return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

        def ask(address, token, method="GET", body=None):
            connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=30, source_address=(address, 0))
            path = "/v1/me" if method == "GET" else "/v1/events"
            connection.request(method, path, body=body, headers={"Authorization": "Bearer " + token, "Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            connection.close()
            return response.status, response.headers["Retry-After"]

        def forged(number):
            return ".".join((header, part({"sub": str(number)}), part(os.urandom(64))))
        again = forged(0)
        self.assertEqual({ask("127.0.0.78", again)[0] for _ in range(400)}, {401})  # one and the same is looked at once
        answers = [ask(flooder, forged(number)) for number in range(320)]
        self.assertEqual({status for status, _ in answers[:290]}, {401})
        self.assertEqual({status for status, _ in answers[302:]}, {429})
        self.assertGreater(int(answers[-1][1]), 0)
        status, after = ask(flooder, forged(-1), "POST", b'{"a": 1}')
        self.assertEqual((status, int(after) > 1), (429, True))
        self.assertEqual(ask("127.0.0.78", good)[0], 200)
        self.assertEqual(ask(flooder, good)[0], 200)  # what is known to be good


class T4_Names(unittest.TestCase):
    def test_a_search_for_nobody_creates_nothing(self):
        ghost = "ghost-" + stack.RUN
        for query in (f"tenant:{ghost}", 'tenant:"Acme Corp"', 'tenant:"a+b"', "tenant:" + "a" * 60):
            for path in ("/v1/admin/audit", "/v1/admin/audit/export", "/v1/admin/audit/tail"):
                answer = p.admin("GET", path + "?q=" + urllib.parse.quote(query))
                self.assertEqual((answer.status, answer.json["code"]), (404, "tenant_not_found"), (path, query))
        self.assertEqual(p.admin("GET", "/v1/admin/audit?limit=1&q=tenant:platform").status, 200)
        self.assertEqual(p.analyst("SELECT DISTINCT tenant_id FROM analytics.audit_events WHERE tenant_id IN "
                                   f"('{ghost}', 'Acme Corp', 'a+b')"), [])
        self.assertIsNone(stack.signer.poll())

    def test_unknown_tenants_are_told_of_ten_times_a_minute(self):
        tenant = sign_up(unique("Discrète"))

        def log_in(name, password="Not-The-Right-One-1"):
            return p.request("POST", "/auth/login", {"email": tenant.address, "password": password}, {"X-Tenant-ID": name})
        statuses = [log_in(f"nobody-{n}-{stack.RUN}").status for n in range(15)]
        self.assertEqual((statuses[:10], set(statuses[10:])), ([404] * 10, {429}))
        known = log_in(tenant.id)
        unknown = log_in(f"nobody-at-all-{stack.RUN}")
        self.assertEqual((known.status, known.json["code"]), (unknown.status, unknown.json["code"]))
        self.assertEqual(log_in(tenant.id, stack.PASSWORD).status, 200)


class T5_AnAdminsSuspension(unittest.TestCase):
    def test_outlives_cancellation_and_payment(self):
        tenant = sign_up(unique("Bannie"))
        self.assertEqual(p.admin("POST", f"/v1/admin/tenants/{tenant.id}/suspend", {"reason": "abuse", "note": "ticket 7"}).status, 200)
        self.assertEqual(tenant.post("/v1/subscription/cancel", {}).status, 200)
        self.assertEqual(tenant.post("/v1/subscription/reactivate", {}).status, 402)
        self.assertEqual(p.post_stripe(p.stripe_event("invoice.paid", p.invoice(tenant.id, paid=True))).status, 200)
        tenant.await_status("suspended")
        self.assertEqual(tenant.get("/v1/me").status, 402)
        seen = p.admin("GET", f"/v1/admin/tenants/{tenant.id}").json
        self.assertEqual((seen["status_reason"], seen["status_note"]), ("abuse", "ticket 7"))
        self.assertEqual(p.admin("POST", f"/v1/admin/tenants/{tenant.id}/reactivate", {}).json["status"], "ACTIVE")
        tenant.await_record("tenant.activated")
        # And what is rebuilt from the audit log comes to the same.
        p.tenantry("events", "replay", "--verify", "--tenant", tenant.id)


class T6_Answers(unittest.TestCase):
    def test_no_browser_guesses_and_no_cache_keeps(self):
        tenant = sign_up(unique("En-têtes"))
        for path, headers, kept in (("/v1/me", tenant.token, False), ("/openapi.json", {}, True), ("/nowhere", {}, True),
                                    ("/signup/check-email?email=a@b.example", {}, False), ("/signup/plans", {}, True)):
            answer = p.request("GET", path, headers=headers)
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff", path)
            self.assertEqual(answer.headers["Cache-Control"], None if kept else "no-store", path)

    def test_nothing_kept_of_a_signup_is_a_fast_hash_of_its_password(self):
        body = json.dumps(p.signup_body(unique("Hachée"), stack.address())).encode()
        key = "key-" + stack.RUN
        self.assertEqual(p.request("POST", "/signup", raw=body, headers={"Idempotency-Key": key}).status, 201)
        import hashlib
        kept = superuser(f"SELECT encode(request_hash, 'hex') FROM platform.idempotency_keys WHERE key = '{key}'")[0][0]
        self.assertNotEqual(kept, hashlib.sha256(body).hexdigest())
        again = p.request("POST", "/signup", raw=body, headers={"Idempotency-Key": key})
        self.assertEqual((again.status, again.headers["Idempotent-Replayed"]), (201, "true"))

    def test_a_password_is_one_however_it_was_typed(self):
        mail = stack.address()
        tenant = sign_up(unique("Composée"), admin_email=mail, admin_password="Cr\u00e8me-br\u00fbl\u00e9e-42")
        for typed in ("Cr\u00e8me-br\u00fbl\u00e9e-42", "Cre\u0300me-bru\u0302le\u0301e-42"):
            p.login(tenant.id, mail, typed)


    def test_an_international_address_is_one_in_both_forms(self):
        domain = f"m\u00fcller-{stack.RUN}.example"
        mail, plain = "jo@" + domain, "jo@" + domain.encode("idna").decode()
        tenant = sign_up(unique("Internationale"), plan="ENTERPRISE", admin_email=mail)
        p.login(tenant.id, plain)
        self.assertEqual(tenant.get("/v1/me").json["email"], mail)
        taken = p.request("POST", "/signup", p.signup_body(unique("Encore"), "x@y.example", admin_email=plain))
        self.assertEqual((taken.status, taken.json["code"]), (409, "email_taken"))
        p.await_true("a mail to its ASCII form", lambda: [m for m in p.mails() if plain in m[0]], 60)
        for written in (mail, plain):
            query = "/v1/audit?q=" + urllib.parse.quote(f"type:user.logged_in actor:{written}")
            p.await_true(f"logins of {written}", lambda: len(tenant.get(query).json["records"]) == 2)  # noqa: B023


class T7_Signups(unittest.TestCase):
    def test_an_address_signs_up_a_few_times_an_hour(self):
        gateway = stack.Gateway(TENANTRY_SIGNUPS_PER_HOUR="3")
        self.addCleanup(gateway.stop)
        mail = stack.address()
        first = p.signup_body(unique("Première"), mail)
        self.assertEqual(gateway.request("POST", "/signup", first, {"Idempotency-Key": mail}).status, 201)
        # What was refused, or was the same one again, is none.
        self.assertEqual(gateway.request("POST", "/signup", first, {"Idempotency-Key": mail}).status, 201)
        answers = [gateway.request("POST", "/signup", {**first, "company_name": f"Autre {n}"}) for n in range(13)]
        self.assertEqual([answer.status for answer in answers], [409] * 10 + [429] * 3)
        self.assertEqual(answers[-1].headers["Retry-After"], "60")
        statuses = [gateway.request("POST", "/signup", p.signup_body(unique(f"Suite {n}"), stack.address())).status
                    for n in range(4)]
        self.assertEqual(statuses, [201, 201, 429, 429])

    def test_a_platform_that_is_full_takes_nobody_and_tells_nobody_who_is_there(self):
        gateway = stack.Gateway(TENANTRY_TENANTS_MAX="1", TENANTRY_SIGNUP_PRIVATE="1")
        self.addCleanup(gateway.stop)
        owner = sign_up(unique("Déjà là"))
        answers = [gateway.request("POST", "/signup", p.signup_body(unique("Trop tard"), mail)) for mail in (owner.address, stack.address())]
        self.assertEqual([answer.status for answer in answers], [503, 503])
        self.assertEqual({answer.json["title"] for answer in answers}, {"Il n'y a plus de place pour un nouvel espace ; réessayez plus tard"})
        key = {"Idempotency-Key": stack.address()}
        body = p.signup_body(unique("Plus tard"), stack.address())
        self.assertEqual(gateway.request("POST", "/signup", body, key).status, 503)
        self.assertEqual(p.request("POST", "/signup", body, key).status, 201, "refused for good")

    def test_private_tells_nobody_but_the_owner(self):
        gateway = stack.Gateway(TENANTRY_SIGNUP_PRIVATE="1")
        self.addCleanup(gateway.stop)
        owner = sign_up(unique("Chez Elle"))
        fresh = stack.address()
        answers = [gateway.request("POST", "/signup", p.signup_body("Vilain http://evil.example/x", mail, admin_first_name="Zorro"))
                   for mail in (owner.address, owner.address, fresh)]
        self.assertEqual({(answer.status, answer.body) for answer in answers}, {(202, '{"success":true}')})
        checks = [gateway.request("GET", "/signup/check-email?email=" + mail) for mail in (owner.address, fresh)]
        self.assertEqual({(answer.status, answer.body) for answer in checks}, {(200, '{"available":true}')})

        def told():
            return [mail for mail in p.mails() if owner.address in mail[0] and "déjà" in mail[1]]
        p.await_true("the owner is told", told)
        self.assertEqual(stack.await_quiet(lambda: len(told()), "mails to the owner"), 1)
        self.assertIn(owner.id, told()[0][2])
        p.await_true("the fresh address has its first mail", lambda: [m for m in p.mails() if fresh in m[0]], 60)
        for mail in p.mails():
            for word in ("evil.example", "http://evil", "Zorro"):
                self.assertNotIn(word, mail[1] + mail[2])

    def test_weak_secrets_refuse_the_start(self):
        for name, value in (("TENANTRY_ADMIN_TOKEN", "a" * 32), ("TENANTRY_STRIPE_WEBHOOK_SECRET", "x"),
                            ("TENANTRY_ADMIN_TOKEN", "change-me-change-me-change-me-change-me"),
                            ("TENANTRY_MASTER_KEY", "A" * 43 + "=")):
            done = subprocess.run([stack.BINARY, "run", "--workers", "gateway"], env={**stack.settings(), name: value},
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(name + ": must", done.stderr)
            self.assertNotIn(value, done.stderr)


class T8_Processes(unittest.TestCase):
    def run_one(self, name, *arguments, **settings):
        path = os.path.join(os.path.dirname(stack.BINARY), name)
        return subprocess.run([path, *arguments], env=settings, capture_output=True, text=True, timeout=60)

    def test_each_says_what_it_is_and_starts_nothing_else(self):
        names = sorted(name for name in os.listdir(os.path.dirname(stack.BINARY)) if name.startswith("tenantry-"))
        self.assertGreaterEqual(len(names), 8, names)
        for name in names:
            with self.subTest(name):
                self.assertIn("Usage: " + name, self.run_one(name, "--help").stdout)
                version = self.run_one(name, "--version")
                self.assertEqual((version.returncode, version.stdout.split()[0]), (0, name))
                wrong = self.run_one(name, "nonsense")
                self.assertEqual((wrong.returncode, wrong.stdout), (2, ""), wrong.stderr)

    def test_none_works_with_more_rights_than_its_own(self):
        for user, url in (("superuser", superuser_url()), ("owner", p.env("TENANTRY_DATABASE_URL")),
                          ("another service", p.env("TENANTRY_BILLING_DATABASE_URL"))):
            done = self.run_one("tenantry-metering", **{**stack.settings(), "TENANTRY_METERING_DATABASE_URL": url})
            self.assertEqual(done.returncode, 2, (user, done.stderr))
            self.assertIn("refuses to start", done.stderr)

    def test_secrets_are_in_no_argument_and_in_no_file_that_others_read(self):
        urls = [urllib.parse.urlsplit(value) for name, value in os.environ.items() if name.startswith("TENANTRY_") and "://" in value]
        secrets = {url.password for url in urls if url.password} | {p.env("TENANTRY_ADMIN_TOKEN"), p.env("TENANTRY_MASTER_KEY"), p.env("TENANTRY_STRIPE_WEBHOOK_SECRET")}
        self.assertGreater(len(secrets), 5)

        def found_in(data):
            return any(secret.encode() in data for secret in secrets)
        folder = p.env("TENANTRY_TEST_DEV_DIR")
        here = [folder.encode(), stack.BINARY.encode()]
        looked_at = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    line = file.read()
            except OSError:  # it has ended
                continue
            if any(name in line for name in here):
                looked_at += 1
                self.assertFalse(found_in(line), line[:60])
        self.assertGreaterEqual(looked_at, 3)  # PostgreSQL, RabbitMQ and ours
        kept = 0
        for name in ("env", "secrets", "rabbitmq/rabbitmq.conf"):
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                kept += found_in(file.read())
            self.assertEqual(os.stat(path).st_mode & 0o077, 0, name)
        self.assertGreaterEqual(kept, 2)
        self.assertEqual(os.stat(os.path.join(folder, "mail")).st_mode & 0o077, 0)

    def test_nothing_of_a_process_is_dumped(self):
        for pid in (stack.process.pid, stack.signer.pid):
            with open(f"/proc/{pid}/limits", encoding="ascii") as file:
                limits = {line[:26].strip(): line[26:].split() for line in file}
            self.assertEqual(limits["Max core file size"][:2], ["0", "0"])
            self.assertEqual(limits["Max open files"][0], limits["Max open files"][1])


if __name__ == "__main__":
    unittest.main()
