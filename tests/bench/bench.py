"""What the benches share: the servers that ./dev bench has started, our processes, loads, tenants, CPU time.

A bench is a file in benches/ with SUMMARY, ORDER and run(bench); it is found by being there. Nothing here sleeps
to let things happen: a condition is asked for until it holds or its deadline comes.
"""
import base64
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.parse

from figures import Figure

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TICKS = os.sysconf("SC_CLK_TCK")
ASK_EVERY = 0.02  # seconds between two questions of a condition
VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"]


class Failed(Exception):
    """The bench could not be run to its end: there is no figure."""


def env(name):
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set: run this through ./dev bench")
    return value


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def until(what, check, seconds, every=ASK_EVERY):
    """The first true answer of `check`."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(every)


# ---- CPU time ------------------------------------------------------------------------------------------------------


def scan_processes():
    """{pid: (parent, ticks of CPU it and its reaped children have used)}"""
    out = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended since
        out[int(name)] = (int(fields[1]), sum(int(ticks) for ticks in fields[11:15]))
    return out


def command_of(pid):
    """Its command line; nothing when it has ended, reaped or not."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            text = file.read().rstrip("\0")
    except OSError:
        return []
    return text.split("\0") if text else []


def tree_ticks(processes, roots):
    """Of these processes and all below them: {pid: ticks}."""
    children = {}
    for pid, (parent, _) in processes.items():
        children.setdefault(parent, []).append(pid)
    out, todo = {}, list(roots)
    while todo:
        pid = todo.pop()
        if pid in processes:
            out[pid] = processes[pid][1]
            todo += children.get(pid, [])
    return out


def cpu_of_trees(roots):
    """Seconds of CPU of these processes, their descendants, and the descendants that have ended.

    A child that ends between the reading of its parent and its own would be counted in neither: two scans must
    agree on who is there.
    """
    roots = list(roots)
    before = tree_ticks(scan_processes(), roots) if roots else {}
    for _ in range(10):
        now = tree_ticks(scan_processes(), roots) if roots else {}
        if now.keys() == before.keys():
            break
        before = now
    return sum(now.values()) / TICKS


def memory_of(pid):
    """Resident bytes of one process."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise Failed(f"process {pid} has ended")


# ---- processes -----------------------------------------------------------------------------------------------------


def settings():
    """Ours refuse settings they do not know, and a bench measures the real clock. All of its load is from one address."""
    ours = {name: value for name, value in os.environ.items()
            if not name.startswith("TENANTRY_BENCH_") and name not in ("TENANTRY_TEST_CLOCK", "TENANTRY_BIN")}
    return ours | {"TENANTRY_SIGNUPS_PER_HOUR": "1000000"}


class Ours:
    """A process of the product."""

    def __init__(self, command, log, **more_settings):
        self.killed = False
        self.log_path = log
        self.log_from = os.path.getsize(log) if os.path.exists(log) else 0
        self.started_at = time.time()
        with open(log, "ab") as file:
            self.process = subprocess.Popen(command, env=settings() | more_settings,
                                            stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        self.pid = self.process.pid

    def check(self):
        if self.process.poll() is not None:
            raise Failed(f"{os.path.basename(self.process.args[0])} ended with {self.process.returncode}; "
                         f"see {self.log_path}")

    def said(self, body, since=0.0):
        """Unix times at which its log has this line, `since` then."""
        out = []
        with open(self.log_path, "rb") as file:
            file.seek(self.log_from)
            for line in file:
                if body.encode() not in line or not line.endswith(b"\n"):
                    continue
                entry = json.loads(line)
                at = datetime.datetime.fromisoformat(entry["timestamp"].replace("Z", "+00:00")).timestamp()
                if entry["body"] == body and at >= since:
                    out.append(at)
        return out

    @contextlib.contextmanager
    def paused(self):
        """It does nothing meanwhile; what it is sent waits in its sockets."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """As a crash would: nothing is drained."""
        self.killed = True
        self.process.kill()
        self.process.wait()

    def stop(self):
        """It leaves when asked, with 0: a sanitizer or valgrind says by the code what it has found."""
        if self.killed:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed("our process did not leave within a minute") from None
        if self.process.returncode != 0:
            raise Failed(f"our process left with {self.process.returncode}; see {self.log_path}")


class Tool:
    """A program of the bench's own: prints {"ready":...} if asked to, then one JSON line, and ends by itself."""

    def __init__(self, bench, command, deadline, environment=None, cwd=None):
        self.bench, self.deadline, self.command = bench, deadline, command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd,
                                        env=environment or os.environ)
        self.buffer = b""
        bench.tools.append(self)

    def line(self, seconds=None):
        """The next line it prints, as JSON."""
        end = time.monotonic() + (seconds or self.deadline + 10)
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            readable = left > 0 and select.select([self.process.stdout], [], [], left)[0]
            chunk = os.read(self.process.stdout.fileno(), 1 << 20) if readable else b""
            if not chunk:
                self.close()
                raise Failed(f"{os.path.basename(self.command[0])} gave no answer (exit {self.process.returncode})")
            self.buffer += chunk
        text, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(text)

    ready = line

    def go(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def result(self):
        answer = self.line()
        self.close()
        return answer

    def close(self):
        """Waits for its end, and keeps the CPU time it took."""
        if self not in self.bench.tools:
            return
        self.bench.tools.remove(self)
        self.process.stdin.close()
        self.process.stdout.close()
        end = time.monotonic() + 15
        while True:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                self.process.kill()
            time.sleep(0.005)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.bench.tools_cpu += usage.ru_utime + usage.ru_stime


class Sql:
    """One connection as superuser, by psql: rows of text."""

    END = "-- end of answer --"

    def __init__(self, url):
        self.process = subprocess.Popen(["psql", url, "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1)
        self.rows("SET client_min_messages = warning")

    def rows(self, statement):
        try:
            self.process.stdin.write(f"{statement};\n\\echo '{self.END}'\n")
            self.process.stdin.flush()
        except OSError as error:
            raise Failed(f"psql has ended: {error}") from error
        out = []
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line == self.END:
                return out
            out.append(line.split("\t"))
        raise Failed(f"psql refused: {statement}")

    def value(self, statement):
        return self.rows(statement)[0][0]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


# ---- a run ---------------------------------------------------------------------------------------------------------


class Bench:
    """What one run of ./dev bench has; each bench gets it."""

    def __init__(self, options, show):
        self.options, self.long, self.show = options, options.long, show
        self.patience = 1800 if self.long or options.valgrind else 120  # seconds, for what a load must come to
        self.name = ""
        self.figures = []
        self.running, self.tools, self.tools_cpu = [], [], 0.0
        self.tenants_made = 0
        self.bin = os.path.join(env("TENANTRY_BENCH_BUILD_DIR"), "bin")
        self.dir = env("TENANTRY_BENCH_DIR")
        self.server_url = env("TENANTRY_BENCH_SUPERUSER_URL").rpartition("/")[0]
        self.database_url = self.server_url + "/tenantry"
        self.broker_pid, self.database_pid = int(env("TENANTRY_BENCH_BROKER_PID")), int(env("TENANTRY_BENCH_DATABASE_PID"))
        self.sql = None
        server = Sql(self.server_url + "/postgres")
        server.rows("CREATE DATABASE tenantry_fresh TEMPLATE tenantry")
        server.close()

    def program(self, name):
        return os.path.join(self.bin, name)

    # ---- figures

    def figure(self, figure, value, unit, **more):
        """Keeps a figure, and prints it at once where programs read."""
        kept = Figure(self.name, figure, value, unit, **more)
        self.figures.append(kept)
        self.show(kept)
        return kept

    def found(self, bench, figure):
        return next((each for each in self.figures if each.bench == bench and each.figure == figure), None)

    @contextlib.contextmanager
    def cpu(self):
        """A dictionary that holds, at the end, the CPU seconds each group has used meanwhile."""
        used = {}
        before = self._cpu_now()
        try:
            yield used
        finally:
            now = self._cpu_now()
            used.update({group: max(0.0, now[group] - before[group]) for group in now})

    def _cpu_now(self):
        own = os.times()
        return {"ours": cpu_of_trees(each.pid for each in self.running),
                "broker": cpu_of_trees([self.broker_pid]),
                "database": cpu_of_trees([self.database_pid]),
                "load": own.user + own.system + self.tools_cpu + cpu_of_trees(each.process.pid for each in self.tools)}

    # ---- the database

    def fresh_database(self):
        """As after `tenantry migrate`, with the tenants: every bench begins with the same."""
        if self.sql:
            self.sql.close()
        server = Sql(self.server_url + "/postgres")
        server.rows("DROP DATABASE IF EXISTS tenantry WITH (FORCE)")
        server.rows("CREATE DATABASE tenantry TEMPLATE tenantry_fresh OWNER tenantry_owner")
        server.rows("CHECKPOINT")
        server.close()
        self.sql = Sql(self.database_url)
        self._insert_tenants(0, self.tenants_made)

    def _insert_tenants(self, first, end):
        if end > first:
            self.sql.rows(
                "INSERT INTO platform.tenants (tenant_id, company_name, company_email, status, status_since, plan, "
                "plan_version, trial_ends_at, vhost_ready, vhost_present, created_at, updated_at) "
                "SELECT name, name, '', 'active', now(), 'STARTER', 1, now(), true, true, now(), now() "
                f"FROM (SELECT 'bench-' || lpad(i::text, 4, '0') FROM generate_series({first}, {end - 1}) AS i) AS t (name)")

    # ---- the broker

    def management(self, method, path, body=None, timeout=300):
        url = urllib.parse.urlsplit(env("TENANTRY_AMQP_ADMIN_URL"))
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
        login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        connection.request(method, "/api/" + path, body=None if body is None else json.dumps(body),
                           headers={"Authorization": "Basic " + login, "Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        if response.status >= 400:
            raise Failed(f"{method} {path}: {response.status} {text[:300]!r}")
        return json.loads(text) if text else None

    def kill_broker(self):
        """As a crash would. Its start script ends with it."""
        script = self._broker_script()
        with open(f"/proc/{script}/environ", encoding="utf-8") as file:
            self.broker_environment = dict(line.split("=", 1) for line in file.read().split("\0") if "=" in line)
        self.broker_command = command_of(script)
        os.kill(self.broker_pid, signal.SIGKILL)
        until("the broker's start script has ended", lambda: not command_of(script), 20)

    def start_broker(self):
        """The same node again, with what it had; ./dev stops it at the end, by the id in the same file."""
        with open(os.path.join(self.dir, "log", "rabbitmq.log"), "ab") as log:
            process = subprocess.Popen(self.broker_command, env=self.broker_environment, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True)
        with open(os.path.join(self.dir, "run", "rabbitmq.pid"), "w", encoding="utf-8") as file:
            file.write(str(process.pid))

        def up():
            if process.poll() is not None:
                raise RuntimeError("the broker did not start; see rabbitmq.log")
            try:
                return self.management("GET", "overview")
            except (OSError, http.client.HTTPException, Failed):
                return None  # it answers 404 before its plugins stand
        until("the broker answers", up, 300, every=0.1)
        with open(os.path.join(self.dir, "rabbitmq", "pid"), encoding="utf-8") as file:
            self.broker_pid = int(file.read())

    def _broker_script(self):
        with open(os.path.join(self.dir, "run", "rabbitmq.pid"), encoding="utf-8") as file:
            return int(file.read())

    def in_parallel(self, work, items):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return list(pool.map(work, items))

    def tenants(self, count):
        """At least so many tenants, bench-0000 and on: rows, vhosts, queues. They stay for the benches that follow."""
        first = self.tenants_made
        if count <= first:
            return
        began = time.monotonic()
        admin = urllib.parse.urlsplit(env("TENANTRY_AMQP_ADMIN_URL")).username
        for at in range(first, count, 25):
            part = min(25, count - at)
            made = subprocess.run([self.program("bench_definitions"), "--first", str(at), "--tenants", str(part)],
                                  check=True, capture_output=True)
            definitions = json.loads(made.stdout)
            for vhost in definitions["vhosts"]:  # what creating it by the API would have given us
                definitions["permissions"].append({"user": admin, "vhost": vhost["name"], "configure": ".*",
                                                   "write": ".*", "read": ".*"})
            self.management("POST", "definitions", definitions)
        self._insert_tenants(first, count)
        self.tenants_made = count
        say(f"{count - first} tenants made in {time.monotonic() - began:.1f} s")

    def all_taken(self, worker, tenants):
        """Fails where a worker that has recorded every event has left one in a queue, unacknowledged."""
        left = self.tool("bench_load", "--depth", worker, "--tenants", tenants).result()["messages"]
        if left:
            raise Failed(f"{left} events are still in the queues of {worker}")

    def empty_queues(self):
        """What workers that did not run were sent, or a bench that failed has left."""
        if not self.tenants_made:
            return
        found = self.tool("bench_load", "--depth", ",".join(WORKERS), "--tenants", self.tenants_made).result()
        self.in_parallel(lambda each: self.management("DELETE", f"queues/{each['vhost']}/{each['queue']}/contents"),
                         found["waiting"])

    # ---- processes

    @contextlib.contextmanager
    def ours(self, *workers, shard="1/1", **settings_of_its_own):
        """The named workers in one process: a worker's own executable where it is alone."""
        log = os.path.join(self.dir, "log", f"{self.name}.log")
        if len(workers) == 1 and workers[0] != "all":
            command = [self.program("tenantry-" + workers[0])]
        else:
            command = [self.program("tenantry"), "run", "--workers", ",".join(workers)]
        process = Ours(VALGRIND * self.options.valgrind + command, log, TENANTRY_SHARD=shard, **settings_of_its_own)
        self.running.append(process)
        try:
            yield process
        finally:
            process.stop()
            self.running.remove(process)

    def tool(self, name, *arguments, deadline=None):
        deadline = deadline or self.patience
        return Tool(self, [self.program(name), *map(str, arguments), "--deadline", str(deadline)], deadline)

    def load(self, kind, tenants, first=0, **options):
        """bench_load, under way; with wait=True it connects and waits for go()."""
        arguments = ["--kind", kind, "--tenants", tenants, "--first", first]
        for name, value in options.items():
            arguments += ["--" + name] if value is True else ["--" + name, value]
        return self.tool("bench_load", *arguments)

    def end(self):
        """Whatever a bench that failed has left behind."""
        for tool in list(self.tools):
            tool.process.kill()
            tool.close()

    # ---- progress

    def follow(self, statement, target, process=None, seconds=None):
        """Asks for a growing number until it is `target`: [(unix time, number)], the first one above the start."""
        seconds = seconds or self.patience
        samples = []
        start = int(self.sql.value(statement))

        def reached():
            if process:
                process.check()
            value = int(self.sql.value(statement))
            if value > start and (not samples or value > samples[-1][1]):
                samples.append((time.time(), value))
            return value >= target
        if start >= target:
            raise Failed(f"{statement}: {start} before anything began")
        until(f"{statement} = {target}", reached, seconds)
        return samples


WORKERS = ("signup", "provisioning", "billing", "metering", "audit", "notification")
HANDLED = "SELECT count(*) FROM messaging.inbox"
# Of the bench's tenants, bench-0000 and on: companies that another bench signed up have left events in the platform's vhost.
AUDITED = "SELECT coalesce(sum(size), 0) FROM audit.heads WHERE tenant_id LIKE 'bench-____'"
METERED = "SELECT coalesce(sum(events), 0) FROM metering.counters WHERE span = 'month' AND tenant_id LIKE 'bench-____'"


def warm_up(bench, kind, tenants, statement, process, first=0):
    """One event of each tenant, seen to have taken effect: then every consumer stands."""
    count = tenants * (2 if kind == "usage" else 1)  # usage goes through both exchanges
    target = int(bench.sql.value(statement)) + count
    load = bench.load(kind, tenants, first=first, events=count)
    bench.follow(statement, target, process)
    load.result()


def stand(bench, tenants, process):
    """All workers' consumers of these tenants stand: each has handled an event that every queue hears."""
    target = int(bench.sql.value(HANDLED)) + tenants * len(WORKERS)
    load = bench.load("marker", tenants, events=tenants)
    bench.follow(HANDLED, target, process)
    load.result()


def rate_between(samples):
    """Events a second from the first sample to the last: the start of the process is not in it."""
    (first_at, first), (last_at, last) = samples[0], samples[-1]
    if last_at <= first_at:
        raise Failed("too few events to measure")
    return (last - first) / (last_at - first_at)
