"""What the demo and the end-to-end tests share: the platform's public interfaces, seen from outside.

HTTP by http.client, Stripe's signature by hmac, the clock by the command line, mails from the sink's
folder, the broker by its management API, analysts' views by psql: nothing of Tenantry's own code.
"""
import base64
import email
import email.policy
import hashlib
import hmac
import http.client
import json
import os
import re
import subprocess
import time
import urllib.parse
import uuid


def env(name):
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set: run this through ./dev, or `. .dev/env` first")
    return value


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"HTTP {self.status} {self.body[:400]!r}"


def request(method, path, body=None, headers=None, raw=None):
    """One request to the gateway. `body` is sent as JSON, `raw` as it is."""
    url = urllib.parse.urlsplit(env("TENANTRY_URL"))
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    sent = dict(headers or {})
    if body is not None:
        raw = json.dumps(body).encode()
    if raw is not None:
        sent.setdefault("Content-Type", "application/json")
    connection.request(method, path, body=raw, headers=sent)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read().decode())
    connection.close()
    return answer


def admin(method, path, body=None):
    return request(method, path, body, {"Authorization": "Bearer " + env("TENANTRY_ADMIN_TOKEN")})


def tenant_status(tenant_id):
    """As an analyst: a super-admin's look is on the record, and this is asked again and again."""
    rows = analyst("SELECT status FROM analytics.tenants WHERE tenant_id = '" + tenant_id.replace("'", "''") + "'")
    return rows[0][0] if rows else None


PATIENCE = 4  # how much slower than usual a machine may be before a wait is a failure


def await_true(what, check, seconds=15):
    """Polls a public interface: from outside there is no signal to wait for."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


# ---- the command line ----------------------------------------------------------------------------------------------


def tenantry(*arguments):
    command = [env("TENANTRY_BIN"), "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(arguments)} failed: {(done.stderr + done.stdout).strip()}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def advance(span):
    tenantry("clock", "advance", span)


def platform_now():
    text = tenantry("clock", "show")[0]["now"]
    import datetime
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


# ---- signup and login ----------------------------------------------------------------------------------------------


def signup_body(company, address, **more):
    body = {
        "company_name": company,
        "company_email": "contact@" + address.split("@")[1],
        "admin_email": address,
        "admin_password": "Une-Baguette-Bien-Cuite-42",
        "admin_first_name": "Marie",
        "admin_last_name": "Martin",
        "plan": "STARTER",
        "accept_terms": True,
        "accept_privacy": True,
    }
    body.update(more)
    return body


def login(tenant_id, address, password="Une-Baguette-Bien-Cuite-42"):
    answer = request("POST", "/auth/login", {"email": address, "password": password}, {"X-Tenant-ID": tenant_id})
    if answer.status != 200:
        raise AssertionError(f"login: {answer}")
    return {"Authorization": "Bearer " + answer.json["access_token"]}


def mailed_tokens(prefix, address):
    """Those of all mailed links of a kind ("inv": invitation, "emv": confirmation, ...) to the address."""
    texts = [text for to, _, text in mails() if address in to]
    return {token for text in texts for token in re.findall(rf"#t=({prefix}_[A-Za-z0-9_-]{{43}})", text)}


def mailed_token(prefix, address, before=frozenset()):
    """That of the one that was mailed since."""
    return await_true(f"a mailed link {prefix} to {address}", lambda: mailed_tokens(prefix, address) - before, 30).pop()


def confirm_address(headers, address):
    """As the person does it: asks for the link, and opens what is mailed. Who invites has done that, and who makes keys."""
    before = mailed_tokens("emv", address)
    asked = request("POST", "/v1/me/email/verify", {}, headers)
    if asked.status != 202:
        raise AssertionError(f"asking for the link: {asked}")
    confirmed = request("POST", "/auth/email/confirm", {"token": mailed_token("emv", address, before)})
    if confirmed.status != 204:
        raise AssertionError(f"confirming {address}: {confirmed}")
    await_true(f"{address} is confirmed", lambda: request("GET", "/v1/me", headers=headers).json["email_verified"], 5)


def totp(secret, step):
    """The code of an authenticator app for a half minute (RFC 6238)."""
    digest = hmac.new(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7FFFFFFF) % 1000000:06}"


# ---- Stripe --------------------------------------------------------------------------------------------------------


def sign(body, at=None, secret=None):
    at = int(platform_now() if at is None else at)
    secret = secret or env("TENANTRY_STRIPE_WEBHOOK_SECRET").split(",")[0]
    digest = hmac.new(secret.encode(), str(at).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def stripe_event(type_, obj, created=None, event_id=None):
    return {
        "id": event_id or "evt_" + uuid.uuid4().hex,
        "object": "event",
        "api_version": "2025-03-31.basil",
        "created": int(platform_now() if created is None else created),
        "type": type_,
        "livemode": False,
        "data": {"object": obj},
    }


def post_stripe(event, **signing):
    body = json.dumps(event).encode()
    return request("POST", "/webhooks/stripe", raw=body, headers={"Stripe-Signature": sign(body, **signing)})


def invoice(tenant_id, paid, amount=4900, invoice_id=None):
    return {
        "id": invoice_id or "in_" + uuid.uuid4().hex[:16],
        "object": "invoice",
        "customer": "cus_" + tenant_id,
        "metadata": {"tenant_id": tenant_id},
        "currency": "eur",
        "amount_due": amount,
        "amount_paid": amount if paid else 0,
        "attempt_count": 1,
        "status": "paid" if paid else "open",
        "parent": {"subscription_details": {"subscription": "sub_" + tenant_id, "metadata": {}}},
    }


# ---- mails, broker, analysts ---------------------------------------------------------------------------------------


def mails():
    """Every message the mail sink holds, as (to, subject, text)."""
    out = []
    folder = env("TENANTRY_MAIL_DIR")
    for name in sorted(os.listdir(folder)):
        if name.endswith(".eml"):
            with open(os.path.join(folder, name), "rb") as file:
                message = email.message_from_binary_file(file, policy=email.policy.default)
            out.append((message["To"], message["Subject"], message.get_body().get_content()))
    return out


def management(method, path, body=None):
    """RabbitMQ's own management API: what the broker itself says is there."""
    url = urllib.parse.urlsplit(env("TENANTRY_AMQP_ADMIN_URL"))
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    login_text = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
    connection.request(method, "/api/" + path, body=None if body is None else json.dumps(body),
                       headers={"Authorization": "Basic " + login_text, "Content-Type": "application/json"})
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read().decode())
    connection.close()
    return answer


def analyst(sql):
    """Rows of a query as the read-only analyst, as lists of text."""
    done = subprocess.run(["psql", env("TENANTRY_ANALYST_DATABASE_URL"), "-At", "-F", "\t", "-c", sql],
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(done.stderr.strip())
    return [line.split("\t") for line in done.stdout.splitlines()]
