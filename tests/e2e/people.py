"""What the tests of people share: a sink for mails, companies with members, devices, super-admins. And every secret that
passes by, so that a test at the end can look for all of them where none may be."""
import base64
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stack  # noqa: E402
from stack import p, sign_up, superuser, unique  # noqa: E402

PASSWORD = stack.PASSWORD
URL = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
sink = None


def start():
    global sink
    sink = stack.MailSink()
    stack.start()
    p.request = watched(p.request)


def stop():
    try:
        stack.stop()
    finally:
        sink.stop()


# ---- secrets that passed by -----------------------------------------------------------------------------------------

passed = set()
SECRET = {"access_token", "refresh_token", "token", "challenge_token", "key", "secret", "recovery_codes", "password",
          "admin_password", "new_password", "current_password", "recovery_code"}


def notice(value, name=""):
    if isinstance(value, dict):
        for each, inner in value.items():
            notice(inner, each)
    elif isinstance(value, list):
        for inner in value:
            notice(inner, name)
    elif isinstance(value, str) and name in SECRET and len(value) >= 12 and re.search("[0-9-]", value) and "@" not in value:
        passed.add(value)


def watched(request):
    def watching(method, path, body=None, headers=None, raw=None):
        answer = request(method, path, body, headers, raw)
        notice(body)
        if method != "HEAD" and answer.headers.get("Content-Type", "").startswith("application/json"):
            notice(answer.json)
        return answer
    return watching


def spellings(secret):
    """What a secret may look like where it was written down by mistake."""
    data = secret.encode()
    yield secret
    yield data.hex()
    yield base64.b64encode(data).decode().rstrip("=")
    for prefix in re.findall("^([a-z]{2,4}_)", secret):
        yield secret[len(prefix):]
    if re.fullmatch("[A-Z2-7]{16,}", secret):
        seed = base64.b32decode(secret + "=" * (-len(secret) % 8))
        yield from (seed.hex(), base64.b64encode(seed).decode().rstrip("="))
    if re.fullmatch("[a-z0-9]+(-[a-z0-9]+)+", secret):
        yield secret.replace("-", "")


def written_down():
    """The secrets that are found in the whole database or in any log, with how many were looked for."""
    looked_for = passed | {token for _, _, text in p.mails() for token in re.findall(r"#t=([a-z]+_[A-Za-z0-9_-]{43})", text)}
    of = {spelling: secret for secret in looked_for for spelling in spellings(secret)}
    with tempfile.TemporaryDirectory() as folder:
        patterns = os.path.join(folder, "patterns")
        with open(patterns, "w", encoding="utf-8") as file:
            file.write("\n".join(of) + "\n")
        dump = os.path.join(folder, "dump")
        subprocess.run(["pg_dump", stack.superuser_url(), "--data-only", "--file", dump], timeout=300, check=True)
        places = [dump]
        for at, _, names in os.walk(p.env("TENANTRY_TEST_DEV_DIR")):
            places += [os.path.join(at, name) for name in names if name.endswith(".log")]
        with open(dump, "a", encoding="utf-8") as file:  # what would be found is found
            file.write("planted: " + next(iter(of)) + "\n")
        done = subprocess.run(["grep", "--text", "--fixed-strings", "--only-matching", "--file", patterns, *places],
                              capture_output=True, text=True, timeout=600, env={"LC_ALL": "C"})
    found = [line.split(":", 1) for line in done.stdout.splitlines()]
    found.remove([dump, next(iter(of))])
    return [(os.path.basename(place), of[spelling][:12]) for place, spelling in found], len(looked_for), len(places)


# ---- companies and their people -------------------------------------------------------------------------------------

def token_mailed(address, count=1):
    """The tokens of all invitations to the address, once there are so many."""
    def found():
        return [text for to, _, text in p.mails() if address in to and "#t=inv_" in text]
    p.await_true(f"{count} invitation(s) to {address}", lambda: len(found()) >= count, 30)
    return [re.search(r"#t=(inv_[A-Za-z0-9_-]{43})", text).group(1) for text in found()]


def link_mailed(address, count=1):
    """The tokens of the links for another password that were mailed to the address, once there are so many."""
    def found():
        return [text for to, _, text in p.mails() if address in to and "#t=pwr_" in text]
    p.await_true(f"{count} link(s) to {address}", lambda: len(found()) >= count, 30)
    return [re.search(r"#t=(pwr_[A-Za-z0-9_-]{43})", text).group(1) for text in found()]


def address_link(prefix, address, count=1):
    """The token of the last mailed link of the kind to the address, once there are so many."""
    def found():
        return [text for to, _, text in p.mails() if address in to and f"#t={prefix}_" in text]
    p.await_true(f"{count} {prefix} link(s) to {address}", lambda: len(found()) >= count, 30)
    return [re.search(rf"#t=({prefix}_[A-Za-z0-9_-]{{43}})", text).group(1) for text in found()]


def open_link(token, action="confirm"):
    answer = p.request("POST", f"/auth/email/{action}", {"token": token})
    return answer.status if answer.status == 204 else (answer.status, answer.json["code"])


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


def superuser_count(of):
    return int(superuser(f"SELECT count(*) FROM {of}")[0][0])


# ---- devices ---------------------------------------------------------------------------------------------------------


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


# ---- super-admins ----------------------------------------------------------------------------------------------------


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
