#!/usr/bin/python3
"""./dev chaos: breaks things under load, then checks that nothing accepted was lost or done twice.

See docs/HACKING.md, "Fault runs". Progress and a table on stderr, one JSON document on stdout.
"""
import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import check  # noqa: E402
import corruptions  # noqa: E402
from evidence import Evidence, read_broker, read_journals, read_mails, read_tables  # noqa: E402

LOAD_TENANTS = 12
SETTLE_WITHIN = 60         # the promise (I8)
SETTLE_PATIENCE = 240      # for how long we look, to tell late from never
LOAD_ENDS_WITHIN = 180
# Percent of a core, all our processes together. Whoever spins takes a hundred, and tries that do not back off some sixty; with
# the sanitizers on a slow machine it was 6, usually it is 1 or 2.
CPU_WHILE_WAITING_MAX = 20
STATISTICS_LAG = 6         # seconds: the management API's numbers are up to five old

EPILOG = """examples:
  ./dev chaos --minutes 10
  ./dev chaos --minutes 2 --seed 7 --only process_killed,broker_killed
  ./dev chaos --outages 120            PostgreSQL, then RabbitMQ, then both away for two minutes each
  ./dev chaos --list

exit code: 0; 1 an invariant did not hold, or something was missed; 2 usage"""


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./dev chaos", formatter_class=argparse.RawDescriptionHelpFormatter, epilog=EPILOG,
                                     description="Real processes under load, killed, cut off, stopped and starved; then every "
                                                 "invariant is checked from outside.")
    parser.add_argument("--minutes", type=float, default=10, metavar="M", help="of faults; the check comes after (10)")
    parser.add_argument("--seed", type=int, help="repeats a run's faults and load; a random one by default")
    parser.add_argument("--outages", type=float, metavar="S", help="instead of faults: each server away for S seconds")
    parser.add_argument("--rate", type=float, default=400, metavar="N", help="events a second, over all tenants (400)")
    parser.add_argument("--hostile-rate", type=float, default=40, metavar="N", help="hostile events a second among them; none in outages (40)")
    parser.add_argument("--signup-every", type=float, default=5, metavar="S", help="seconds between two signups (5)")
    parser.add_argument("--only", metavar="KINDS", help="of faults, separated by commas")
    parser.add_argument("--list", action="store_true", help="the kinds of faults")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)  # ./dev: before anything is built
    options = parser.parse_args(arguments)
    if not 0 < options.minutes <= 1440:
        parser.error("--minutes must be above 0, and a day at most")
    if options.outages is not None and not 5 <= options.outages <= 3600:
        parser.error("--outages must be 5 to 3600 seconds")
    if not 0 < options.rate <= 5000:
        parser.error("--rate must be above 0, and 5000 at most")
    if not 0 <= options.hostile_rate <= 1000:
        parser.error("--hostile-rate must be 0 to 1000")
    if options.signup_every < 0.5:
        parser.error("--signup-every must be at least half a second")
    options.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1, 2**31)
    return options


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- a run ---------------------------------------------------------------------------------------------------------


class Run:
    def __init__(self, options):
        import load
        from stand import Stand
        self.options = options
        self.random = random.Random(options.seed)
        self.folder = os.path.join(os.environ["TENANTRY_CHAOS_DIR"], "journal")
        os.makedirs(self.folder)
        self.stand = Stand(options.seed, moves_clocks=options.outages is None)
        self.stand.journal = load.Journal(os.path.join(self.folder, "direct.jsonl"))
        self.evidence = Evidence()
        self.began = time.monotonic()
        self.faults = []         # {"kind", "target", "began", "ended"}
        self.skipped = {}        # kind -> why
        self.failures = []       # of the run itself, or of an outage's answers
        self.measured = {}
        self.loads = {}
        self.confirmed = 0
        self.sampling = threading.Event()

    def now(self):
        return round(time.monotonic() - self.began, 1)

    def tell(self, text):
        say(f"  {self.now():7.1f} s  {text}")

    # ---- before

    def prepare(self):
        import load
        from stand import request, until
        self.stand.start()
        # What applications may say of a level, and not of a sum.
        self.stand.sql("INSERT INTO metering.metrics VALUES ('stock', 'last', 'pieces', 'never', NULL)")
        self.stand.load_tenants = []
        for number in range(LOAD_TENANTS + 1):
            mark, address = load.canary(), f"chef.{uuid.uuid4().hex[:10]}@chaos.example"
            self.stand.journal.write("signup_intended", address, mark, now=True)
            answer = request("POST", "/signup", load.signup_body(f"Atelier {number}", address, mark, "ENTERPRISE"),
                             {"Idempotency-Key": address}, 30)
            if answer.status != 201:
                raise AssertionError(f"signup before any fault: {answer.status} {answer.body}")
            tenant = {"id": answer.json["tenant_id"], "address": address, "canary": mark, "broker_password": uuid.uuid4().hex}
            self.stand.journal.write("signup_accepted", address, tenant["id"], now=True)
            self.stand.load_tenants.append(tenant)
        until("all tenants are on trial", lambda: self.stand.sql(
            "SELECT count(*) FROM platform.tenants WHERE status <> 'trial'") == [["0"]], 300)
        for tenant in self.stand.load_tenants:
            self.stand.management("PUT", "users/tenant-" + tenant["id"], {"password": tenant["broker_password"], "tags": ""})
        self.stand.quiet_tenant = self.stand.load_tenants.pop()
        with open(os.path.join(self.folder, "tenants.json"), "w", encoding="utf-8") as file:
            json.dump(self.stand.load_tenants, file)

    def start_load(self):
        from stand import APPLICATIONS
        port = ["--port", str(self.stand.proxy.ports[APPLICATIONS])]
        roles = [("broker", [*port, "--rate", str(self.options.rate)]), ("http", ["--signup-every", str(self.options.signup_every)])]
        if self.options.hostile_rate and not self.options.outages:
            roles.append(("hostile", [*port, "--rate", str(self.options.hostile_rate)]))
        for role, more in roles:
            log = open(os.path.join(self.stand.folder, "log", f"load-{role}.log"), "ab")
            self.loads[role] = subprocess.Popen(
                [sys.executable, "-B", os.path.join(HERE, "load.py"), role, "--folder", self.folder, "--seed", str(self.options.seed), *more],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE if role == "broker" else log, stderr=log, text=True)
        threading.Thread(target=self.follow_load, daemon=True).start()
        threading.Thread(target=self.sample, daemon=True).start()

    def follow_load(self):
        for line in self.loads["broker"].stdout:
            self.confirmed = json.loads(line)["confirmed"]

    def sample(self):
        """Heads as they are now and then: what is published once must stay true (I5)."""
        picked = random.Random(self.options.seed)
        while not self.sampling.wait(5):
            try:
                rows = self.stand.sql("SELECT tenant_id, size, encode(frontier, 'hex') FROM audit.heads WHERE size > 0", 10)
            except (OSError, subprocess.TimeoutExpired):
                continue  # away, or locked
            for tenant, size, frontier in picked.sample(rows, min(5, len(rows))):
                self.evidence.older_heads.append((tenant, int(size), bytes.fromhex(frontier)))

    # ---- faults

    def kinds(self):
        import faults
        known = dict(faults.ALL)
        for name, each in list(known.items()):
            if each.needs and not os.environ.get(each.needs):
                self.skipped[name] = f"{each.needs} is not set: it needs root, and mounts of its own"
                del known[name]
        if self.options.only:
            wanted = self.options.only.split(",")
            unknown = [name for name in wanted if name not in faults.ALL]
            if unknown:
                raise SystemExit(f"no kind of fault is called {', '.join(unknown)}; ./dev chaos --list")
            known = {name: each for name, each in known.items() if name in wanted}
        return known

    def break_things(self):
        """Two faults at a time at most, never two of a group; every kind as often as the others."""
        kinds, deck, active = self.kinds(), [], {}
        ends_at = time.monotonic() + self.options.minutes * 60
        errors = []

        def one(kind, source):
            entry = {"kind": kind.name, "target": "", "began": self.now(), "ended": None}
            try:
                steps = kind.make(self.stand, source)
                entry["target"], seconds = next(steps)
                self.faults.append(entry)
                self.tell(f"{kind.name}: {entry['target']}" + (f" for {seconds:.1f} s" if seconds else ""))
                time.sleep(seconds)  # the fault itself
                next(steps, None)
            except Exception:  # noqa: BLE001: a fault that could not be made or mended fails the run
                errors.append(f"{kind.name}: {traceback.format_exc()}")
            entry["ended"] = self.now()

        told = time.monotonic()
        while time.monotonic() < ends_at and not errors:
            active = {group: thread for group, thread in active.items() if thread.is_alive()}
            if not deck:
                deck = self.random.sample(sorted(kinds), len(kinds))
            free = next((name for name in deck if kinds[name].group not in active), None)
            if free and len(active) < 2:
                deck.remove(free)
                thread = threading.Thread(target=one, args=(kinds[free], random.Random(self.random.random())))
                active[kinds[free].group] = thread
                thread.start()
                time.sleep(self.random.uniform(0.5, 6))  # until the next one may begin
            time.sleep(0.1)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                self.tell(f"{len(self.faults)} faults, {self.confirmed:,} events confirmed, "
                          f"{max(0, ends_at - told):.0f} s to go")
        for thread in active.values():
            thread.join()
        self.failures += errors

    # ---- outages

    def probe(self, away, what, wanted, method, path, body=None, headers=None):
        """While a server is away: exactly one of the answers that are right."""
        from stand import request
        answer = request(method, path, body, headers, 10)
        retry = answer.headers.get("Retry-After")
        if answer.status not in wanted or (answer.status == 503 and path != "/readyz" and not (retry or "").isdigit()):
            self.failures.append(f"{away} away, {what}: {answer.status} with Retry-After {retry}: {answer.body[:200]}")
        return answer

    def probes(self, away, database, broker):
        import load
        tenant = self.stand.load_tenants[0]
        ready = self.probe(away, "readyz", {503}, "GET", "/readyz")
        checks = ready.json.get("checks", {})
        for name, up in (("postgres", database), ("rabbitmq", broker)):
            if checks.get(name) != ("ok" if up else "down"):
                self.failures.append(f"{away} away: /readyz says {name} is {checks.get(name)}")
        self.probe(away, "livez", {200}, "GET", "/livez")
        stray = load.Client.stripe_event("invoice.paid", "in_stray" + uuid.uuid4().hex[:8], int(time.time()), "nobody-at-all", 1)
        self.stand.journal.write("stray_intended", stray["id"], now=True)
        body = json.dumps(stray).encode()
        answer = self.probe(away, "webhook", {200} if database else {503}, "POST", "/webhooks/stripe", body,
                            load.signed(body, os.environ["TENANTRY_STRIPE_WEBHOOK_SECRET"].split(",")[0]))
        if answer.status == 200:
            self.stand.journal.write("webhook_accepted", stray["id"], now=True)
        mark, address = load.canary(), f"panne.{uuid.uuid4().hex[:10]}@chaos.example"
        self.stand.journal.write("signup_intended", address, mark, now=True)
        answer = self.probe(away, "signup", {201} if database else {503}, "POST", "/signup",
                            load.signup_body(f"Panne {uuid.uuid4().hex[:8]}", address, mark, "FREE"), {"Idempotency-Key": address})
        if answer.status == 201:
            self.stand.journal.write("signup_accepted", address, answer.json["tenant_id"], now=True)
        self.stand.journal.write("login_intended", tenant["id"], now=True)
        answer = self.probe(away, "login", {200} if database else {503}, "POST", "/auth/login",
                            {"email": tenant["address"], "password": load.PASSWORD}, {"X-Tenant-ID": tenant["id"]})
        if answer.status == 200:
            self.stand.journal.write("login_accepted", tenant["id"], now=True)

    def outage(self, away, database, broker):
        from stand import cpu_seconds, until
        seconds = self.options.outages
        entry = {"kind": "outage", "target": away, "began": self.now(), "ended": None}
        self.faults.append(entry)
        self.tell(f"{away}: away for {seconds:g} s")
        if not broker:
            self.stand.broker.kill()
        if not database:
            self.stand.database.stop_immediately()
        since = time.monotonic()

        def noticed():
            answer = self.stand.gateway("GET", "/readyz")
            return answer.status == 503 and [answer.json["checks"][name] for name in ("postgres", "rabbitmq")] == \
                ["ok" if up else "down" for up in (database, broker)]
        until(f"/readyz says that {away} is away", noticed, 10)
        self.measured[f"{away}: noticed after, s"] = round(time.monotonic() - since, 1)
        self.probes(away, database, broker)
        # Who waits must not be busy: measured without requests, the second half of the time.
        time.sleep(max(0, since + seconds / 2 - time.monotonic()))
        self.loads["http"].send_signal(signal.SIGSTOP)
        time.sleep(1)  # what was under way is answered
        before, at = {each.name: (each.pid, cpu_seconds(each.pid)) for each in self.stand.ours}, time.monotonic()
        time.sleep(max(2.0, since + seconds - time.monotonic()))
        used = {each.name: cpu_seconds(each.pid) - before[each.name][1] for each in self.stand.ours if each.pid == before[each.name][0]}
        percent = 100 * sum(used.values()) / (time.monotonic() - at)
        self.loads["http"].send_signal(signal.SIGCONT)
        self.measured[f"{away}: our CPU while waiting, % of a core"] = round(percent, 1)
        if percent > CPU_WHILE_WAITING_MAX:
            self.failures.append(f"{away} away: our processes took {percent:.1f} % of a core while they waited: {used}")
        if not database:
            # Started now, it has nobody to ask for its keys and plans: it must wait for them, and say so.
            self.stand.process("gateway").kill()
            until("the gateway listens", lambda: self.stand.gateway("GET", "/livez").status == 200, 10)
            until("/readyz says what is away", noticed, 10)
        self.probes(away, database, broker)
        if not database:
            self.stand.database.ensure()
        if not broker:
            self.stand.broker.ensure()
        back = time.monotonic()
        until(f"/readyz after {away}", lambda: self.stand.gateway("GET", "/readyz").status == 200, SETTLE_WITHIN)
        self.measured[f"{away}: ready again after, s"] = round(time.monotonic() - back, 1)
        entry["ended"] = self.now()

    def outages(self):
        time.sleep(3)  # of load before the first
        self.outage("PostgreSQL", database=False, broker=True)
        self.caught_up()
        self.outage("RabbitMQ", database=True, broker=False)
        self.caught_up()
        self.outage("PostgreSQL and RabbitMQ", database=False, broker=False)

    def caught_up(self):
        """Between two outages, with the load still on: nothing waits for long."""
        from stand import until
        back = time.monotonic()
        until("caught up", lambda: not self.backlog(queues_below=2000), SETTLE_WITHIN, 0.5)
        self.measured.setdefault("caught up under load after, s", []).append(round(time.monotonic() - back, 1))

    # ---- after

    def backlog(self, queues_below=1):
        """What is left to do, as text; empty: nothing."""
        due = self.stand.sql("SELECT count(*) FROM messaging.outbox WHERE available_at <= now() "
                             "OR (timer_key IS NULL AND retry > 0)")[0][0]
        pending = self.stand.sql("SELECT count(*) FROM platform.tenants WHERE status = 'pending'")[0][0]
        queues = [each for each in self.stand.management("GET", "queues?columns=vhost,name,messages").json]
        unknown = sum("messages" not in each for each in queues)
        waiting = sum(each.get("messages", 0) for each in queues)
        ready = self.stand.gateway("GET", "/readyz").status
        if queues_below > 1:
            return "" if waiting < queues_below and ready == 200 else f"{waiting} messages in queues, /readyz {ready}"
        if (due, pending, waiting, unknown, ready) == ("0", "0", 0, 0, 200):
            return ""
        return (f"{due} rows due or retried, {pending} tenants pending, {waiting} messages in queues"
                f"{f', {unknown} queues unknown' if unknown else ''}, /readyz {ready}")

    def end_load(self, healed):
        for name, load in self.loads.items():
            load.stdin.close()
        for name, load in self.loads.items():
            try:
                if load.wait(timeout=max(1, healed + LOAD_ENDS_WITHIN - time.monotonic())) != 0:
                    self.failures.append(f"the {name} load failed; see log/load-{name}.log")
            except subprocess.TimeoutExpired:
                self.failures.append(f"the {name} load was not answered to its end within {LOAD_ENDS_WITHIN} s")
                load.kill()
                load.wait()

    def settle(self, healed):
        """Seconds from the healing until nothing was left, and still nothing after the statistics' lag."""
        quiet_since, told = None, time.monotonic()
        while time.monotonic() - healed < SETTLE_PATIENCE:
            try:
                left = self.backlog()
            except (OSError, KeyError, ValueError, subprocess.TimeoutExpired) as error:
                left = f"cannot be told: {error}"
            if left:
                quiet_since, self.evidence.unsettled = None, left
            elif quiet_since is None:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > STATISTICS_LAG:
                self.evidence.settled_after = round(quiet_since - healed, 1)
                return
            if time.monotonic() - told > 5:
                told = time.monotonic()
                self.tell(left or "quiet")
            time.sleep(0.3)

    def gather(self):
        stand, evidence = self.stand, self.evidence
        read_broker(evidence, stand.management, stand.quiet_tenant["id"])
        evidence.drains = stand.stop()
        stand.journal.close()
        read_journals(evidence, self.folder)
        evidence.hostile_seed = str(self.options.seed)
        read_tables(evidence, stand.superuser_url)
        read_mails(evidence, os.environ["TENANTRY_MAIL_DIR"])
        evidence.unexpected_ends = stand.unexpected
        evidence.peaks, evidence.peak_connections = stand.peaks, stand.peak_connections
        logs = os.path.join(stand.folder, "log")
        for name in sorted(os.listdir(logs)):
            if name.startswith("ours-"):
                with open(os.path.join(logs, name), "rb") as file:
                    evidence.log_files.append((name, file.read()))
        for name in ("TENANTRY_ADMIN_TOKEN", "TENANTRY_STRIPE_WEBHOOK_SECRET", "TENANTRY_MASTER_KEY"):
            evidence.secrets.append((name, os.environ[name]))
        import load
        evidence.secrets.append(("a person's password", load.PASSWORD))
        for name, value in stand.settings().items():
            if name.startswith("TENANTRY_") and name.endswith("_URL") and "@" in value:
                evidence.secrets.append((f"the password of {name}", value.split("@")[0].rpartition(":")[2]))

    def verify(self):
        """Lifecycles and usage, rebuilt from the log this run leaves, are what its tables say."""
        done = subprocess.run([os.path.join(self.stand.bin, "tenantry"), "events", "replay", "--verify"],
                              env=self.stand.settings(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, timeout=600)
        self.tell("replay --verify: " + done.stdout.strip().rpartition("\n")[2])
        if done.returncode != 0:
            self.failures.append("replay --verify differs: " + done.stdout.strip()[-2000:])

    def run(self):
        self.tell(f"seed {self.options.seed}")
        healed = None
        try:
            self.prepare()
            self.tell(f"{LOAD_TENANTS + 1} tenants on trial, {len(self.stand.ours)} processes; the load begins")
            self.start_load()
            if self.options.outages:
                self.outages()
            else:
                self.break_things()
            healed = time.monotonic()
            self.tell("all is healed; the load ends")
            self.end_load(healed)
            self.settle(healed)
            self.tell(f"settled after {self.evidence.settled_after} s" if self.evidence.settled_after is not None
                      else "not settled")
        finally:
            self.sampling.set()
            for load in self.loads.values():
                if load.poll() is None:
                    load.kill()
                    load.wait()
            if healed is None:
                self.stand.stop()
        self.verify()
        self.gather()
        self.found = check.check(self.evidence)
        # A checker that cannot fail proves nothing: it must find what is planted in a copy of this very run.
        if not any(findings for _, findings in self.found.values()):
            self.failures += [f"the checker did not notice a planted corruption: {each}"
                              for each in corruptions.unnoticed(self.evidence)]

    # ---- what came of it

    def lost(self):
        return len(self.evidence.confirmed - {check.foreign_id(each) for each in self.evidence.records})

    def doubled(self):
        counts = collections.Counter((each.tenant, each.event_id) for each in self.evidence.records)
        return sum(count - 1 for count in counts.values())

    def ok(self):
        return not self.failures and not any(findings for _, findings in self.found.values())

    def document(self):
        by_kind = collections.Counter(each["kind"] for each in self.faults)
        answers = collections.Counter((kind, status) for kind, _, _, status, _ in self.evidence.answers)
        return {
            "seed": self.options.seed, "ok": self.ok(), "seconds": self.now(), "cores": os.cpu_count(),
            "faults": len(self.faults), "kinds": len(by_kind), "faults_by_kind": dict(sorted(by_kind.items())),
            "not_injected": self.skipped,
            "events_confirmed": len(self.evidence.confirmed), "events_audited": len(self.evidence.records),
            "lost": self.lost(), "doubled": self.doubled(),
            "signups": len(self.evidence.signups_accepted), "webhooks": len(self.evidence.webhooks_accepted),
            "logins": sum(self.evidence.logins_accepted.values()), "poison": len(self.evidence.poison_confirmed),
            "answers": {f"{kind} {status}": count for (kind, status), count in sorted(answers.items())},
            "settled_after_s": self.evidence.settled_after,
            "processes": {each.name: {"starts": each.starts, "kills": each.kills} for each in self.stand.ours},
            "peaks": {name: {"megabytes": round(peak[0]), "descriptors": peak[1], "threads": peak[2]}
                      for name, peak in self.evidence.peaks.items()},
            "measured": self.measured | {"longest drain, s": round(self.stand.longest_drain, 2)},
            "invariants": {identity: {"what": what, "held": not findings, "findings": len(findings),
                                      "examples": findings[:check.FINDINGS_MAX]}
                           for identity, (what, findings) in self.found.items()},
            "planted_corruptions": len(corruptions.CORRUPTIONS),
            "failures": self.failures,
            "log_of_faults": self.faults,
        }


def table(document):
    lines = ["", f"faults: {document['faults']} of {document['kinds']} kinds"]
    width = max((len(kind) for kind in document["faults_by_kind"]), default=0)
    cells = [f"{kind.ljust(width)} {count:4}" for kind, count in document["faults_by_kind"].items()]
    lines += ["  " + "   ".join(cells[i:i + 3]) for i in range(0, len(cells), 3)]
    lines += [f"  not injected: {kind} ({why})" for kind, why in document["not_injected"].items()]
    lines.append(f"events: {document['events_confirmed']:,} accepted, {document['events_audited']:,} in the audit log, "
                 f"{document['lost']} lost, {document['doubled']} doubled")
    lines.append(f"beside them: {document['signups']} signups, {document['webhooks']} webhooks, {document['logins']} logins, "
                 f"{document['poison']} poisoned messages")
    restarts = sum(each["starts"] - 1 for each in document["processes"].values())
    kills = sum(each["kills"] for each in document["processes"].values())
    lines.append(f"processes: {kills} kills, {restarts} restarts; settled after {document['settled_after_s']} s")
    lines += [f"  {what}: {value}" for what, value in document["measured"].items()]
    for identity, each in document["invariants"].items():
        lines.append(f"  {identity.ljust(4)} {'holds ' if each['held'] else 'BROKEN'} {each['what']}")
        lines += ["         " + example for example in each["examples"]]
        if each["findings"] > len(each["examples"]):
            lines.append(f"         and {each['findings'] - len(each['examples'])} more")
    lines += ["FAILED: " + each for each in document["failures"]]
    return "\n".join(lines)


def main():
    options = parse(sys.argv[1:])
    if options.check:
        return 0
    if options.list:
        import faults
        for name, each in faults.ALL.items():
            print(f"{name:<24} {each.group:<18} {(each.make.__doc__ or '').splitlines()[0] if each.make.__doc__ else ''}".rstrip())
        return 0
    run = Run(options)
    try:
        run.run()
    except BaseException:
        kept = run.stand.keep_logs()
        say(f"FAILED with seed {options.seed}; logs are in {kept}")
        raise
    document = run.document()
    say(table(document))
    if not document["ok"]:
        kept = run.stand.keep_logs()
        document["kept"] = kept
        with open(os.path.join(kept, "report.json"), "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
        say(f"FAILED with seed {options.seed}; logs and journals are in {kept}")
    print(json.dumps(document))
    return 0 if document["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
