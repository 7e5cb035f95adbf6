#!/usr/bin/python3
"""./dev simulate: seeds of the simulated platform on all cores. See docs/RELIABILITY.md."""
import argparse
import json
import os
import selectors
import subprocess
import sys
import time

# What a long enough run must have injected: the invariants mean nothing where nothing went wrong.
EVERY_FAULT = {
    "acknowledgement lost", "application published twice", "clock jumped", "confirm lost",
    "connection lost with deliveries at hand", "crash after a commit", "crash after a mail",
    "crash after a management call", "crash after a publish", "crash after a request", "crash before a mail",
    "crash before a management call", "crash before a row is deleted", "crash before an acknowledgement",
    "crash within a transaction", "database lost after a commit", "database lost before a commit",
    "mail server says later", "management call refused", "management call's answer lost", "published twice",
    "transaction aborted by a conflict", "webhook sent twice",
}
MANY = 200  # seeds from which on each fault must have happened
TWICE_EVERY = 50  # of so many seeds one runs twice: its traces must be equal


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev simulate", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Months of tenants' lives on one thread a core: a seed decides what goes wrong, and every invariant "
                    "is checked at the end.",
        epilog="examples:\n  ./dev simulate --seeds 2000\n  ./dev simulate --first 4711 --seeds 1 --trace /tmp/trace\n\n"
               "exit code: 0; 1 an invariant was violated, a fault never happened or a process died; 2 usage")
    parser.add_argument("--seeds", type=int, default=200, metavar="N", help="how many (default: 200)")
    parser.add_argument("--first", type=int, default=1, metavar="S", help="the first seed (default: 1)")
    parser.add_argument("--minutes", type=float, default=0, metavar="M", help="begin no other seed after so long")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="processes (default: one a core)")
    parser.add_argument("--trace", metavar="FILE", help="write the last seed's trace")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)  # ./dev: before anything is built
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.first < 0 or options.jobs < 1 or options.minutes < 0:
        parser.error("--seeds and --jobs are at least 1, --first and --minutes at least 0")
    return options


def start(program, options, job):
    count = (options.seeds - job + options.jobs - 1) // options.jobs
    command = [program, "--first", str(options.first + job), "--seeds", str(count), "--stride", str(options.jobs),
               "--minutes", str(options.minutes), "--shrink"]
    if options.trace and options.jobs == 1:
        command += ["--trace", options.trace]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def progress(done, options, years, began):
    rate = years / max(1e-9, time.monotonic() - began) * 60
    text = f"  {done} of {options.seeds} seeds, {years:,.0f} tenant-years, {rate:,.0f} a minute"
    if sys.stderr.isatty():
        print("\r" + text, end="", file=sys.stderr, flush=True)
    elif done % 100 == 0 or done == options.seeds:
        print(text, file=sys.stderr, flush=True)


def tell_failure(line):
    print(f"\nseed {line['seed']} violates:", file=sys.stderr)
    for each in line["violations"][:20]:
        print(f"  {each['invariant']}: {each['what']}", file=sys.stderr)
    shrunk = line.get("shrunk")
    if shrunk:
        print(f"  cut down in {shrunk['runs']} runs, with {shrunk.get('faults') or 'no faults at all'}:", file=sys.stderr)
        for act in shrunk.get("acts", []):
            print(f"    {act}", file=sys.stderr)
    print(f"  again: ./dev simulate --first {line['seed']} --seeds 1 --jobs 1 --trace FILE", file=sys.stderr)


def main():
    options = parse(sys.argv[1:])
    if options.check:
        return 0
    options.jobs = min(options.jobs, options.seeds)
    program = os.path.join(os.environ["TENANTRY_SIMULATE_BUILD_DIR"], "bin", "tenantry_simulate")
    began = time.monotonic()
    processes = [start(program, options, job) for job in range(options.jobs)]
    selector = selectors.DefaultSelector()
    for process in processes:
        selector.register(process.stdout, selectors.EVENT_READ)
    done, years, failed, injected = 0, 0.0, [], {}
    while selector.get_map():
        for key, _ in selector.select():
            text = key.fileobj.readline()
            if not text:
                selector.unregister(key.fileobj)
                continue
            line = json.loads(text)
            done += 1
            years += line["tenant_days"] / 365
            for fault, times in line["injected"].items():
                injected[fault] = injected.get(fault, 0) + times
            if line["violations"]:
                failed.append(line)
                tell_failure(line)
            progress(done, options, years, began)
    seconds = time.monotonic() - began
    broken = [process.wait() for process in processes]

    twice = 0
    for seed in range(options.first, options.first + done, TWICE_EVERY):
        again = subprocess.run([program, "--first", str(seed), "--twice"], stdout=subprocess.PIPE, text=True, check=False)
        twice += 1
        if again.returncode != 0:
            failed.append({"seed": seed})
            print(f"\nseed {seed} does not replay:\n{again.stdout}", file=sys.stderr)

    print("", file=sys.stderr)
    for fault in sorted(EVERY_FAULT | injected.keys()):
        print(f"  {injected.get(fault, 0):>8,}  {fault}", file=sys.stderr)
    never = sorted(EVERY_FAULT - injected.keys()) if done >= MANY else []
    for fault in never:
        print(f"FAILED: never happened: {fault}", file=sys.stderr)
    print(json.dumps({"seeds": done, "failed": sorted({line["seed"] for line in failed}),
                      "tenant_years": round(years, 1), "seconds": round(seconds, 1),
                      "tenant_years_per_minute": round(years / seconds * 60, 1), "replayed": twice,
                      "injected": injected}), flush=True)
    crashed = [code for code in broken if code not in (0, 1)]
    if crashed:
        print(f"FAILED: a process ended with {crashed[0]}", file=sys.stderr)
    return 1 if failed or never or crashed else 0


if __name__ == "__main__":
    sys.exit(main())
