"""The test stand: the servers that ./dev chaos has started, the proxies before them, and our processes.

Whatever runs was started here or is named by a pid file of ./dev; it is stopped by that id. A process of ours that
ends without having been killed by us is a finding (I14), and is started again all the same.
"""
import base64
import contextlib
import http.client
import json
import mmap
import os
import pwd
import re
import select
import shutil
import signal
import struct
import subprocess
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ASK_EVERY = 0.05  # seconds between two questions of a condition
DATABASE, BROKER, APPLICATIONS, MAIL, MANAGEMENT = "database", "broker", "applications", "mail", "management"



def registered():
    """The workers there are, as ./dev finds them."""
    with open(os.path.join(ROOT, "workers", "registry.cpp"), encoding="utf-8") as file:
        return re.findall(r"^ *([a-z]+)::entry\(", file.read(), re.MULTILINE)


# What runs, each in a process of its own: name, program, arguments, shard. A worker that has no place of its own here is
# hosted with those of the onboarding.
PLACED = ("billing", "notification", "audit", "metering")
PROCESSES = (
    ("gateway", "tenantry-gateway", (), "1/1"),
    ("onboarding", "tenantry", ("run", "--workers", ",".join(each for each in registered() if each not in PLACED)), "1/1"),
    ("billing-1", "tenantry-billing", (), "1/2"),
    ("billing-2", "tenantry-billing", (), "2/2"),
    ("notification", "tenantry-notification", (), "1/1"),
    ("ledger-1", "tenantry", ("run", "--workers", "audit,metering"), "1/2"),
    ("ledger-2", "tenantry", ("run", "--workers", "audit,metering"), "2/2"),
)


class Failed(Exception):
    """The run could not be carried out: it says nothing about the product."""


def env(name):
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set: run this through ./dev chaos")
    return value


def until(what, check, seconds, every=ASK_EVERY):
    """The first true answer of `check`; an OSError is a no."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            value = check()
            if value:
                return value
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds:g} s: {what}")
        time.sleep(every)


def with_port(url, port):
    parts = urllib.parse.urlsplit(url)
    login, _, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}@127.0.0.1:{port}" if login else f"127.0.0.1:{port}").geturl()


def alive(pid):
    """Runs, and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def children_of(pid):
    out = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
            if int(file.read().rpartition(")")[2].split()[1]) == pid:
                out.append(int(name))
    return out


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- servers -------------------------------------------------------------------------------------------------------


class Server:
    """A server that ./dev has started. It is started again as it was: same command, same environment, same user."""

    def __init__(self, name, folder, log):
        self.pid_file = os.path.join(folder, "run", name + ".pid")
        self.name, self.log = name, log
        with open(self.pid_file, encoding="ascii") as file:
            self.pid = int(file.read())
        with open(f"/proc/{self.pid}/cmdline", "rb") as file:
            self.command = [os.fsdecode(part) for part in file.read().split(b"\0")[:-1]]
        with open(f"/proc/{self.pid}/environ", "rb") as file:
            pairs = (part.partition(b"=") for part in file.read().split(b"\0") if part)
            self.environment = {os.fsdecode(key): os.fsdecode(value) for key, _, value in pairs}
        self.user = os.stat(f"/proc/{self.pid}").st_uid

    def start(self):
        who = {}
        if self.user != os.getuid():
            who = {"user": self.user, "group": pwd.getpwuid(self.user).pw_gid, "extra_groups": []}
        with open(self.log, "ab") as log:
            process = subprocess.Popen(self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, start_new_session=True, **who)
        self.pid = process.pid
        threading.Thread(target=process.wait, daemon=True).start()  # reaps it, whenever it ends
        with open(self.pid_file, "w", encoding="ascii") as file:
            file.write(str(self.pid))

    def signal(self, number, pid=None):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid or self.pid, number)


class Database(Server):
    def __init__(self, folder, log, url):
        super().__init__("postgres", folder, log)
        self.url = url
        self.data = self.command[self.command.index("-D") + 1]

    def backends(self):
        """The processes that serve our own processes' connections."""
        return [pid for pid in children_of(self.pid) if self._title(pid).startswith("postgres: tenantry_")]

    @staticmethod
    def _title(pid):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.fsdecode(file.read()).rstrip("\0 ")
        return ""

    def stop_immediately(self):
        self.signal(signal.SIGQUIT)  # pg_ctl stop -m immediate
        until("PostgreSQL has stopped", lambda: not alive(self.pid), 30)

    def ready(self):
        return subprocess.run(["psql", self.url, "-XqAtc", "SELECT 1"], capture_output=True, timeout=20).returncode == 0

    def ensure(self, seconds=90):
        """Runs and answers; started where it is not there."""
        def up():
            if not alive(self.pid):
                self.start()
            return self.ready()
        until("PostgreSQL answers", up, seconds, 0.2)


class Broker(Server):
    def __init__(self, folder, log, management):
        super().__init__("rabbitmq", folder, log)
        self.vm_file = os.path.join(folder, "rabbitmq", "pid")
        self.management = management
        self.stopped = False

    def control(self, *arguments, seconds=120):
        return subprocess.run(["/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", *arguments], env=self.environment,
                              capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)

    @property
    def vm(self):
        with open(self.vm_file, encoding="ascii") as file:
            return int(file.read())

    def kill(self):
        """As a power cut does it to the Erlang machine; the script around it ends by itself."""
        vm = self.vm
        self.signal(signal.SIGKILL, vm)
        until("the broker is dead", lambda: not alive(vm), 30)
        with contextlib.suppress(Failed):
            until("its script has ended", lambda: not alive(self.pid), 10)
        self.signal(signal.SIGKILL)

    def ready(self):
        return self.management("GET", "overview").status == 200

    def ensure(self, seconds=180):
        def up():
            if not alive(self.pid):
                with contextlib.suppress(FileNotFoundError):
                    os.remove(self.vm_file)
                self.start()
            return self.ready()
        until("RabbitMQ answers", up, seconds, 0.5)


# ---- proxies -------------------------------------------------------------------------------------------------------


class Proxy:
    """chaos_proxy, told by lines."""

    def __init__(self, program, seed, targets, log):
        listen = [part for name, port in targets.items() for part in ("--listen", f"{name}:0:{port}")]
        self.process = subprocess.Popen([program, *listen, "--seed", str(seed)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=open(log, "ab"), text=True, bufsize=1)
        self.lock = threading.Lock()
        self.ports = json.loads(self._line())

    def _line(self):
        if not select.select([self.process.stdout], [], [], 30)[0]:
            raise Failed("the proxy does not answer")
        line = self.process.stdout.readline()
        if not line:
            raise Failed("the proxy has ended")
        return line

    def tell(self, **command):
        with self.lock:
            self.process.stdin.write(json.dumps(command) + "\n")
            return json.loads(self._line())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


# ---- our processes -------------------------------------------------------------------------------------------------


class Ours:
    """One process of the product, started again whenever it ends."""

    def __init__(self, stand, name, program, arguments, shard):
        self.stand, self.name, self.shard = stand, name, shard
        self.command = [os.path.join(stand.bin, program), *arguments]
        self.log = os.path.join(stand.folder, "log", f"ours-{name}.log")
        self.clock_file = os.path.join(stand.folder, "run", f"clock-{name}")
        with open(self.clock_file, "wb") as file:
            file.write(struct.pack("=q", 0))
        with open(self.clock_file, "r+b") as file:
            self.clock = mmap.mmap(file.fileno(), 8)
        self.starts, self.kills, self.process, self.frozen = 0, 0, None, False
        self.lock = threading.Lock()
        self.start()

    def start(self):
        settings = self.stand.settings() | {"TENANTRY_SHARD": self.shard}
        if self.stand.moves_clocks:
            settings |= {"CHAOS_CLOCK_FILE": self.clock_file, "LD_PRELOAD": self.stand.clock_library}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, env=settings, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.starts += 1

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        with self.lock:
            self.kills += 1
            self.process.kill()
            self.process.wait()
            self.frozen = False
            self.start()

    def freeze(self):
        with self.lock:
            self.process.send_signal(signal.SIGSTOP)
            self.frozen = True

    def thaw(self):
        with self.lock:
            self.process.send_signal(signal.SIGCONT)
            self.frozen = False

    def shift_clock(self, seconds):
        self.clock[:] = struct.pack("=q", int(seconds * 1_000_000))

    def look(self):
        """The exit code, where it has ended without our doing; it then runs again."""
        with self.lock:
            code = self.process.poll()
            if code is None:
                return None
            self.start()
            return code

    def resources(self):
        """Resident megabytes, open descriptors, threads."""
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            status = dict(line.split(":", 1) for line in file if ":" in line)
        return (int(status["VmRSS"].split()[0]) / 1024, len(os.listdir(f"/proc/{self.pid}/fd")), int(status["Threads"]))

    def stop(self):
        """Asked to leave; the exit code. A drained process says 0."""
        self.thaw()
        self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "did not leave"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Stand:
    def __init__(self, seed, moves_clocks):
        self.moves_clocks = moves_clocks  # a sanitizer's runtime does not share its place with a preloaded library
        self.folder, self.bin = env("TENANTRY_CHAOS_DIR"), os.path.join(env("TENANTRY_CHAOS_BUILD_DIR"), "bin")
        self.clock_library = os.path.join(env("TENANTRY_CHAOS_BUILD_DIR"), "tests", "chaos", "libchaos_clock.so")
        self.superuser_url = env("TENANTRY_CHAOS_SUPERUSER_URL")
        log = os.path.join(self.folder, "log")
        self.database = Database(self.folder, os.path.join(log, "postgres.log"), self.superuser_url)
        self.broker = Broker(self.folder, os.path.join(log, "rabbitmq.log"), self.management)
        port = lambda name: urllib.parse.urlsplit(env(name)).port  # noqa: E731
        self.proxy = Proxy(os.path.join(self.bin, "chaos_proxy"), seed, {
            DATABASE: port("TENANTRY_DATABASE_URL"), BROKER: port("TENANTRY_AMQP_URL"),
            APPLICATIONS: port("TENANTRY_AMQP_URL"), MAIL: port("TENANTRY_SMTP_URL"),
            MANAGEMENT: port("TENANTRY_AMQP_ADMIN_URL")}, os.path.join(log, "proxy.log"))
        self.ours = []
        self.unexpected = []  # (process, exit code)
        self.peaks = {}       # process -> most megabytes, descriptors, threads seen
        self.peak_connections = {}
        self.longest_drain = 0.0  # seconds
        self.watching = threading.Event()
        self.watcher = None

    # ---- settings

    def settings(self):
        """Of our processes: every server through its proxy, and nothing that is ours to know only."""
        out = {name: value for name, value in os.environ.items()
               if not name.startswith(("TENANTRY_CHAOS_", "TENANTRY_TEST_"))}
        ports = self.proxy.ports
        for name, value in out.items():
            if name.endswith("DATABASE_URL") and name.startswith("TENANTRY_"):
                out[name] = with_port(value, ports[DATABASE])
            elif name in ("TENANTRY_AMQP_ADMIN_URL", "TENANTRY_AMQP_MONITOR_URL"):
                out[name] = with_port(value, ports[MANAGEMENT])
            elif name.endswith("AMQP_URL"):
                out[name] = with_port(value, ports[BROKER])
            elif name == "TENANTRY_SMTP_URL":
                out[name] = with_port(value, ports[MAIL])
        return out | {"TENANTRY_SIGNUPS_PER_HOUR": "1000000"}  # all of the load comes from one address

    # ---- the outside

    def management(self, method, path, body=None, timeout=30):
        url = urllib.parse.urlsplit(env("TENANTRY_AMQP_ADMIN_URL"))
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
        login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        try:
            connection.request(method, "/api/" + path, body=None if body is None else json.dumps(body),
                               headers={"Authorization": "Basic " + login, "Content-Type": "application/json"})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def gateway(self, method, path, body=None, headers=None, timeout=10):
        return request(method, path, body, headers, timeout)

    def sql(self, statement, seconds=120):
        """Rows of text, as superuser."""
        done = subprocess.run(["psql", self.superuser_url, "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", statement],
                              capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise OSError(done.stderr.strip())
        return [line.split("\t") for line in done.stdout.splitlines()]

    # ---- our processes

    def start(self):
        self.ours = [Ours(self, *each) for each in PROCESSES]
        until("/readyz answers 200", lambda: self.gateway("GET", "/readyz").status == 200, 60)
        self.watcher = threading.Thread(target=self._watch)
        self.watcher.start()

    def process(self, name):
        return next(each for each in self.ours if each.name == name)

    def _watch(self):
        """Notices ends that nobody asked for, and keeps what was used at most."""
        while not self.watching.wait(0.2):
            for each in self.ours:
                code = each.look()
                if code is not None:
                    self.unexpected.append((each.name, code))
                with contextlib.suppress(OSError, KeyError, ValueError):
                    seen = each.resources()
                    peak = self.peaks.get(each.name, (0, 0, 0))
                    self.peaks[each.name] = tuple(max(pair) for pair in zip(peak, seen))
            for listener, count in self.proxy.tell(do="count").items():
                self.peak_connections[listener] = max(self.peak_connections.get(listener, 0), count)

    def stop(self):
        """All of ours drained: (name, exit code). The servers stay; ./dev stops them."""
        self.watching.set()
        if self.watcher:
            self.watcher.join()
        codes = []
        for each in self.ours:
            began = time.monotonic()
            codes.append((each.name, each.stop()))
            self.longest_drain = max(self.longest_drain, time.monotonic() - began)
        self.proxy.stop()
        return codes

    def keep_logs(self):
        """Beside the run's folder, which the next run empties."""
        kept = os.path.join(os.path.dirname(self.folder.rstrip("/")), time.strftime("chaos-failed-%Y%m%d-%H%M%S"))
        for name in ("log", "journal"):
            shutil.copytree(os.path.join(self.folder, name), os.path.join(kept, name))
        return kept


def request(method, path, body=None, headers=None, timeout=10):
    url = urllib.parse.urlsplit(env("TENANTRY_URL"))
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
    sent = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path, body=body, headers=sent)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())
    finally:
        connection.close()
