"""Starts our process for one test file, and stops it: the servers are there already (`./dev test`).

A file that is a test calls start() in setUpModule and stop() in tearDownModule; a stop that is not clean fails
it. Names are unique per run (`company`), so files follow each other on one database.
"""
import atexit
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import platform_client as p  # noqa: E402
from free_ports import free_port  # noqa: E402

RUN = uuid.uuid4().hex[:6]
PASSWORD = "Une-Baguette-Bien-Cuite-42"
CONSOLE = os.path.join(ROOT, "workers", "gateway", "console")
BINARY = os.path.join(p.env("TENANTRY_TEST_BUILD_DIR"), "bin", "tenantry")
os.environ["TENANTRY_BIN"] = BINARY
REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer")

# Our processes refuse settings they do not know: the tests' own stay here.
OURS = ("TENANTRY_BIN", "TENANTRY_TEST_BUILD_DIR", "TENANTRY_TEST_DEV_DIR", "TENANTRY_TEST_SUPERUSER_URL",
        "TENANTRY_TEST_AMQP_URL", "TENANTRY_TEST_MANAGEMENT_URL", "TENANTRY_SCREENSHOTS")


# Every tenant of the tests signs up from one address.
MANY_SIGNUPS = {"TENANTRY_SIGNUPS_PER_HOUR": "1000000"}


def settings():
    return {name: value for name, value in os.environ.items() if name not in OURS} | MANY_SIGNUPS


process = None
signer = None
signer_settings = {}  # that are not the workers'
log_path = None


hosted = "all"


def start(workers="all"):
    """The database and the broker made ready, then every worker (or those named) and the gateway in one process."""
    global log_path, hosted
    hosted = workers
    name = os.path.splitext(os.path.basename(sys.modules["__main__"].__file__))[0]
    log_path = os.path.join(p.env("TENANTRY_TEST_DEV_DIR"), "log", name + ".log")
    open(log_path, "w").close()
    try:
        p.request("GET", "/livez")
    except OSError:
        pass
    else:
        raise AssertionError("another process answers at " + p.env("TENANTRY_URL"))
    for child in (lambda: process, lambda: signer):
        atexit.register(lambda child=child: child() is None or child().poll() is not None or child().kill())
    for arguments in (["migrate"], ["topology", "apply"]):
        subprocess.run([BINARY, *arguments], check=True, timeout=60, stdout=subprocess.DEVNULL, env=settings())
    launch()
    launch_signer()


def launch_signer():
    """It holds the key of the audit logs, and is never in a process with the workers."""
    global signer
    with open(log_path, "ab") as log:
        signer = subprocess.Popen([BINARY + "-signer"], env=settings() | signer_settings, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def launch(wait=True):
    global process
    with open(log_path, "ab") as log:
        process = subprocess.Popen([BINARY, "run", "--workers", hosted], env=settings(), stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL)
    if wait:
        await_ready()


def await_ready(seconds=30):
    def ready():
        if process.poll() is not None:
            raise AssertionError(f"the process ended with {process.returncode}:\n{log_tail()}")
        try:
            return p.request("GET", "/readyz").status == 200
        except OSError:
            return False
    p.await_true("/readyz answers 200", ready, seconds)


def kill():
    """As a power cut does it."""
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)


def stop():
    for each in (process, signer):
        each.send_signal(signal.SIGTERM)
        code = each.wait(timeout=60)
        if code != 0:
            raise AssertionError(f"a process ended with {code}:\n{log_tail()}")
    with open(log_path, encoding="utf-8", errors="replace") as log:
        text = log.read()
    found = [report for report in REPORTS if report in text]
    if found:
        at = text.index(found[0])
        raise AssertionError(f"the log holds a sanitizer's report:\n{text[at:at + 4000]}")


def log_tail():
    with open(log_path, encoding="utf-8", errors="replace") as log:
        return log.read()[-4000:]


class MailSink:
    """Where the mails of one test file go: p.mails() reads them."""

    def __init__(self):
        folder = tempfile.mkdtemp(prefix="e2e-mail-")
        port = free_port()
        self.process = subprocess.Popen(["/usr/bin/python3", os.path.join(ROOT, "tools", "mail_sink.py"), "--port", str(port), "--dir", folder])
        os.environ |= {"TENANTRY_SMTP_URL": f"smtp://127.0.0.1:{port}", "TENANTRY_MAIL_DIR": folder}

        def listens():
            with socket.socket() as client:
                return client.connect_ex(("127.0.0.1", port)) == 0
        p.await_true("the mail sink listens", listens, 10)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


class Gateway:
    """One more, beside the one that has every tenant of the tests: with settings of its own."""

    def __init__(self, **own):
        self.port = free_port()
        self.settings = {name: value for name, value in settings().items() if name not in MANY_SIGNUPS}
        self.settings |= {"TENANTRY_HTTP_PORT": str(self.port), "TENANTRY_URL": f"http://127.0.0.1:{self.port}", **own}
        self.launch()

    def launch(self):
        """Again at the same port, if it was killed."""
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen([BINARY, "run", "--workers", "gateway"], env=self.settings, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        p.await_true("the other gateway answers", lambda: self.process.poll() is not None or self.listens(), 30)

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=30)

    def listens(self):
        try:
            return self.request("GET", "/readyz").status == 200
        except OSError:
            return False

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        raw = None if body is None else json.dumps(body).encode()
        connection.request(method, path, body=raw, headers={"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        answer = p.Answer(response.status, response.headers, response.read().decode())
        connection.close()
        return answer

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=60)


def node_modules():
    """Packages from npm, pinned by package.json, out of the tree."""
    home = os.path.join(ROOT, "build", "npm", "e2e")
    wanted = os.path.join(os.path.dirname(os.path.abspath(__file__)), "package.json")
    have = os.path.join(home, "package.json")
    with open(wanted, encoding="utf-8") as file:
        text = file.read()
    installed = None
    if os.path.exists(have):
        with open(have, encoding="utf-8") as file:
            installed = file.read()
    if installed != text:
        shutil.rmtree(home, ignore_errors=True)
        os.makedirs(home)
        subprocess.run(["npm", "install", "--prefix", home, "--silent", "--no-audit", "--no-fund", "--no-package-lock",
                        *[f"{name}@{version}" for name, version in json.loads(text)["dependencies"].items()]],
                       check=True, timeout=300)
        shutil.copy(wanted, have)
    return os.path.join(home, "node_modules")


# ---- tenants -------------------------------------------------------------------------------------------------------


class Tenant:
    def __init__(self, tenant_id, address):
        self.id, self.address = tenant_id, address
        self._token = None

    def login(self):
        self._token = p.login(self.id, self.address)
        return self._token

    @property
    def token(self):
        return self._token or self.login()

    def get(self, path, **headers):
        return self.ask("GET", path, None, headers)

    def post(self, path, body, **headers):
        return self.ask("POST", path, body, headers)

    def ask(self, method, path, body, headers):
        """Logs in again, once, where that is asked for: what is dangerous wants a login of the last ten minutes."""
        answer = p.request(method, path, body, {**self.token, **headers})
        if answer.status == 403 and "reauthentication_required" in answer.body:
            self.login()
            answer = p.request(method, path, body, {**self.token, **headers})
        return answer

    @property
    def status(self):
        return p.tenant_status(self.id)

    # Patient: vhosts are made one after another, half a second each once there are hundreds.
    def await_status(self, status, seconds=120):
        p.await_true(f"{self.id} is {status} (is {self.status})", lambda: self.status == status, seconds)

    def records(self, type_="%"):
        """(sequence, type, payload as text) of the audit log, oldest first."""
        return p.analyst("SELECT sequence, type, coalesce(payload::text, '') FROM analytics.audit_events "
                         f"WHERE tenant_id = '{self.id}' AND type LIKE '{type_}' ORDER BY sequence")

    def await_record(self, type_, count=1, seconds=30):
        p.await_true(f"{count} × {type_} of {self.id} in the audit log", lambda: len(self.records(type_)) >= count, seconds)
        return self.records(type_)

    def confirm(self):
        """The owner's address, by the link in the mail: who invites has done that, and who makes keys."""
        p.confirm_address(self.token, self.address)
        return self

    def usage(self, metric="api_calls", span="month"):
        rows = p.analyst("SELECT coalesce(sum(quantity), 0), coalesce(sum(events), 0) FROM analytics.usage "
                         f"WHERE tenant_id = '{self.id}' AND metric = '{metric}' AND span = '{span}'")
        return float(rows[0][0]), int(float(rows[0][1]))


def await_shown():
    """Across tenants a record shows once no older transaction is open, and other tests have theirs on this server."""
    p.await_true("what is recorded shows across tenants", lambda: p.analyst(
        "SELECT coalesce(max(xid) < pg_snapshot_xmin(pg_current_snapshot()), true) FROM audit.records")[0][0] == "t", 30)


def unique(text):
    return f"{text} {RUN}"


def address(local="owner"):
    return f"{local}.{uuid.uuid4().hex[:10]}@e2e-{RUN}.example"


def sign_up(company, plan="PROFESSIONAL", trial=True, **more):
    """A tenant, by default awaited until its trial runs."""
    mail = more.pop("admin_email", None) or address()
    answer = p.request("POST", "/signup", p.signup_body(company, mail, plan=plan, **more))
    if answer.status != 201:
        raise AssertionError(f"signup of {company}: {answer}")
    tenant = Tenant(answer.json["tenant_id"], mail)
    if trial:
        tenant.await_status("trial")
    return tenant


def spare_owner(tenant):
    """Another owner, so that the first can be lowered or removed by SQL; the condition that names the first."""
    superuser("WITH made AS (INSERT INTO platform.users (user_id, email, first_name, last_name, created_at) VALUES "
              f"(gen_random_uuid(), '{address('spare')}', 'Spare', 'Owner', now()) RETURNING user_id) "
              "INSERT INTO platform.memberships (tenant_id, user_id, role, state_since, created_at) "
              f"SELECT '{tenant.id}', user_id, 'owner', now(), now() FROM made")
    return (f"tenant_id = '{tenant.id}' AND user_id = (SELECT user_id FROM platform.users "
            f"WHERE email = '{tenant.address}')")


def person(like, local):
    """Somebody with the same password, who belongs to nothing yet; the address."""
    mail = address(local)
    superuser("INSERT INTO platform.users (user_id, email, first_name, last_name, password_hash, locale, created_at, email_verified_at) "
              f"SELECT gen_random_uuid(), '{mail}', first_name, last_name, password_hash, locale, now(), now() FROM platform.users WHERE email = '{like}'")
    return mail


def join(mail, tenant, role, state="active"):
    superuser("INSERT INTO platform.memberships (tenant_id, user_id, role, state, state_since, created_at) "
              f"SELECT '{tenant.id}', user_id, '{role}', '{state}', now(), now() FROM platform.users WHERE email = '{mail}'")


def superuser_url():
    database = urllib.parse.urlsplit(p.env("TENANTRY_DATABASE_URL")).path.lstrip("/")
    return p.env("TENANTRY_TEST_SUPERUSER_URL").rpartition("/")[0] + "/" + database


def superuser(sql):
    done = subprocess.run(["psql", superuser_url(), "-At", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql], capture_output=True, text=True,
                          timeout=60)
    if done.returncode != 0:
        raise AssertionError(done.stderr.strip())
    return [line.split("\t") for line in done.stdout.splitlines()]


def total_tenants():
    return p.admin("GET", "/v1/admin/tenants?limit=1").json["stats"]["total"]


def pointers(answer):
    return sorted(error["pointer"] for error in answer.json.get("errors", []))


def slugged(text):
    """What is left of plain ASCII words; the table of test_signup.py says the rest."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def await_quiet(count, what, seconds=30, still_for=0.5):
    """Until `count()` has not changed for a while: for facts that must not appear."""
    deadline = time.monotonic() + seconds
    last, since = count(), time.monotonic()
    while time.monotonic() - since < still_for:
        if time.monotonic() > deadline:
            raise AssertionError(f"never quiet: {what}")
        time.sleep(0.05)
        now = count()
        if now != last:
            last, since = now, time.monotonic()
    return last


def drive_browser(test, script, told):
    """The browser's part: a file of workers/gateway/console/test, and what it has to know."""
    began = time.monotonic()
    run = subprocess.run(["node", os.path.join(CONSOLE, "test", script)], input=json.dumps(told), capture_output=True, text=True, timeout=600)
    sys.stderr.write(run.stdout + f"{script} took {time.monotonic() - began:.0f} s\n")
    test.assertEqual(run.returncode, 0, run.stdout[-6000:] + run.stderr[-4000:])
    test.assertIn("checks held", run.stdout)
