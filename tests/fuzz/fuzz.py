#!/usr/bin/python3
"""./dev fuzz: runs the fuzz targets that are built, two at a time, and keeps what breaks them.

Each starts from its corpus in the tree and what earlier runs found interesting (build/fuzz/corpus). An input that breaks a target is
written to build/fuzz/findings; once its cause is mended it belongs to tests/fuzz/corpus/TARGET, under a name that says what it was.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "tests", "fuzz")
BUILD = os.path.join(ROOT, "build", "fuzz")
AT_ONCE = 2
INPUT_MAX = {"envelope": 16384, "batch": 16384, "http": 20000, "stripe_event": 16384}  # bytes; 4,096 of others
SECONDS_OF_ONE_MAX = 10  # an input that takes longer is a finding


def all_targets():
    return sorted(os.listdir(os.path.join(HERE, "corpus")))


def parse():
    parser = argparse.ArgumentParser(prog="./dev fuzz", description="Gives the parsers of foreign bytes what nobody would send, and prints how often.",
                                     epilog="exit code: 0; 1 an input broke a target; 2 usage")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all of them by default: " + ", ".join(all_targets()))
    parser.add_argument("--minutes", type=float, default=1, metavar="M", help="of each target (1)")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)  # ./dev: before anything is built
    options = parser.parse_args()
    unknown = [name for name in options.targets if name not in all_targets()]
    if unknown:
        parser.error(f"no target is called {', '.join(unknown)}")
    if not 0 < options.minutes <= 10080:
        parser.error("--minutes must be above 0, and a week at most")
    return options


def run(name, minutes):
    """(executions, what was found)"""
    kept, findings = os.path.join(BUILD, "corpus", name), os.path.join(BUILD, "findings", name)
    for folder in (kept, findings):
        os.makedirs(folder, exist_ok=True)
    before = set(os.listdir(findings))
    command = [os.path.join(BUILD, "bin", "fuzz_" + name), kept, os.path.join(HERE, "corpus", name), f"-max_total_time={max(1, round(minutes * 60))}",
               f"-max_len={INPUT_MAX.get(name, 4096)}", f"-timeout={SECONDS_OF_ONE_MAX}", f"-artifact_prefix={findings}/", "-print_final_stats=1", "-rss_limit_mb=2048"]
    dictionary = os.path.join(HERE, "dictionaries", name + ".dict")
    if os.path.exists(dictionary):
        command.append("-dict=" + dictionary)
    log = os.path.join(BUILD, "findings", name + ".log")
    with open(log, "wb") as out:
        # Leaks are found at the end of a run; a target keeps what is made once.
        code = subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, check=False,
                              env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1", "UBSAN_OPTIONS": "print_stacktrace=1"}).returncode
    with open(log, encoding="utf-8", errors="replace") as text:
        said = re.findall(r"stat::number_of_executed_units: *([0-9]+)", text.read())
    return int(said[-1]) if said else 0, code, [os.path.join(findings, each) for each in sorted(set(os.listdir(findings)) - before)], log


def main():
    options = parse()
    if options.check:
        return 0
    failed, began = False, time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        running = {name: pool.submit(run, name, options.minutes) for name in options.targets or all_targets()}
        for name, future in running.items():
            executions, code, found, log = future.result()
            print(f"{name:18} {executions:12,} executions" + ("" if code == 0 else f"; ended with {code}, see {log}"), flush=True)
            for path in found:
                print(f"  reproduce: {os.path.join(BUILD, 'bin', 'fuzz_' + name)} {path}", flush=True)
            failed = failed or code != 0
    print(f"{len(running)} targets in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
