#!/usr/bin/python3
"""./dev bench: runs benches, prints their figures. See docs/HACKING.md, "Benchmarks"."""
import argparse
import importlib
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(os.path.dirname(HERE)), "tools")]
import figures  # noqa: E402


def benches():
    """Every file of benches/, by name; in the order in which they run."""
    names = [name[:-3] for name in os.listdir(os.path.join(HERE, "benches"))
             if name.endswith(".py") and not name.startswith("_")]
    modules = {name: importlib.import_module("benches." + name) for name in names}
    return dict(sorted(modules.items(), key=lambda item: (item[1].ORDER, item[0])))


def parse(arguments, known):
    listed = "\n".join(f"  {name:<10} {module.SUMMARY}" for name, module in known.items())
    parser = argparse.ArgumentParser(prog="./dev bench", formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description="Measures Tenantry beside its baselines, on servers of its own.",
                                     epilog=f"benches:\n{listed}\n\nexit code: 0; 1 a floor was missed or a bench failed; "
                                            "2 usage")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benches; all by default")
    parser.add_argument("--long", action="store_true", help="real runs: more events, more tenants, more time")
    parser.add_argument("--json", action="store_true", help="JSON lines on a terminal, too")
    parser.add_argument("--valgrind", action="store_true", help="our processes run in valgrind: a bench fails where it "
                        "finds something; the figures then say nothing")
    parser.add_argument("--tenants", type=int, metavar="N", help="so many tenants where a bench has a choice")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)  # ./dev: before anything is built
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in known:
            parser.error(f"no bench is called {name!r}; there are {', '.join(known)}")
    if options.tenants is not None and not 1 <= options.tenants <= 2000:
        parser.error("--tenants must be 1 to 2000")
    return options


def main():
    known = benches()
    options = parse(sys.argv[1:], known)
    if options.check:
        return 0
    from bench import Bench, Failed

    def show(figure):
        if options.json or not sys.stdout.isatty():
            print(figure.as_json(), flush=True)

    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    arrow = "\033[1m==>\033[0m" if coloured else "==>"
    bench = Bench(options, show)
    failed = []
    for name, module in known.items():
        if options.names and name not in options.names:
            continue
        began = time.monotonic()
        print(f"{arrow} {name}: {module.SUMMARY}", file=sys.stderr, flush=True)
        bench.name = name
        try:
            bench.empty_queues()
            bench.fresh_database()
            module.run(bench)
        except Failed as error:
            failed.append((name, str(error)))
        except Exception:  # one broken bench must not cost the others
            failed.append((name, traceback.format_exc().strip()))
        bench.end()
        print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print("\n" + figures.table(bench.figures) + "\n\nCPU seconds are those of the time measured, "
          f"on {os.cpu_count()} cores.", file=sys.stderr)
    for each in figures.missed(bench.figures):
        print(f"MISSED: {each.bench}, {each.figure}: {figures.number(each.value)} {each.unit}"
              + (f", {each.ratio:.2f} ×" if each.ratio is not None else "") + f" ({each.floor})", file=sys.stderr)
    for name, why in failed:
        print(f"FAILED: {name}: {why}", file=sys.stderr)
    return 1 if failed or figures.missed(bench.figures) else 0


if __name__ == "__main__":
    sys.exit(main())
