#!/usr/bin/python3
"""After a test run: what the tests that failed said last, so that nobody has to look for it in a thousand tests' output.

    test_failures.py RESULTS.xml     as `ctest --output-junit` writes them
"""
import sys
import xml.etree.ElementTree

LINES_MAX = 25
COLUMNS_MAX = 500


def said_last(case):
    lines = [line.rstrip() for line in (case.findtext("system-out") or "").splitlines() if line.strip()]
    return [line[:COLUMNS_MAX] for line in lines[-LINES_MAX:]] or ["(nothing)"]


def main():
    cases = xml.etree.ElementTree.parse(sys.argv[1]).getroot().iter("testcase")
    for case in cases:
        if case.get("status") != "fail":
            continue
        print(f"\n{case.get('name')} failed, after {float(case.get('time', 0)):.1f} s. It said last:")
        for line in said_last(case):
            print("    " + line)


if __name__ == "__main__":
    main()
