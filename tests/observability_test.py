#!/usr/bin/python3
"""Rules, alerts and dashboards: accepted by Prometheus's own promtool, about metrics that there are, each alert fired and explained."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "deploy", "observability")
RULES = os.path.join(FOLDER, "tenantry.rules.yml")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def promtool(*arguments):
    return subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=120)


def expressions():
    """Of every panel of every dashboard."""
    for path in sorted(glob.glob(os.path.join(FOLDER, "grafana", "*.json"))):
        for panel in json.loads(read(path))["panels"]:
            for target in panel["targets"]:
                yield target["expr"].replace("$__rate_interval", "5m")


def metrics_of_the_code():
    names = set()
    for folder in ("shared", "workers"):
        for path in glob.glob(os.path.join(ROOT, folder, "**", "*.cpp"), recursive=True):
            names |= set(re.findall(r'"((?:tenantry|http_server)_[a-z_]+)"', read(path)))
    return names


class Observability(unittest.TestCase):
    def accepted(self, *arguments):
        done = promtool(*arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_rules_are_accepted(self):
        self.accepted("check", "rules", "tenantry.rules.yml")
        self.accepted("check", "config", "--syntax-only", "prometheus.yml")  # the token is in a file of whoever runs it

    def test_alerts_are_silent_while_all_is_well_and_fire_by_their_faults(self):
        self.accepted("test", "rules", "tenantry.rules.test.yml")

    def test_every_alert_is_fired_once_kept_silent_once_and_explained(self):
        tests, page = read(os.path.join(FOLDER, "tenantry.rules.test.yml")), read(os.path.join(ROOT, "docs", "observability.md"))
        alerts = re.findall(r"- alert: (\w+)\n(.*?)(?=\n      - alert:|\n  - name:|\Z)", read(RULES), re.DOTALL)
        self.assertGreater(len(alerts), 8)
        for name, body in alerts:
            self.assertRegex(tests, rf"alertname: {name}\n\s+exp_alerts:", name)
            self.assertRegex(tests, rf"alertname: {name}\}}", name)
            self.assertIn(name, page)
            self.assertRegex(body, r"severity: (page|ticket)")
            runbook = re.search(r"runbook: (\S+)", body).group(1)
            self.assertTrue(os.path.exists(os.path.join(ROOT, runbook)), runbook)

    def test_dashboards_are_what_their_program_writes_and_ask_what_can_be_asked(self):
        done = subprocess.run([sys.executable, "-B", os.path.join(FOLDER, "dashboards.py"), "--check"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        rules = [{"record": f"tenantry:dashboard:{i}", "expr": expression} for i, expression in enumerate(expressions())]
        self.assertGreater(len(rules), 10)
        with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
            json.dump({"groups": [{"name": "dashboards", "rules": rules}]}, file)  # JSON is YAML
            file.flush()
            self.accepted("check", "rules", file.name)

    def test_every_metric_that_is_asked_for_is_one_of_the_code(self):
        known, recorded = metrics_of_the_code(), set(re.findall(r"record: (\S+)", read(RULES)))
        asked = "\n".join(expressions()) + read(RULES)
        for name in set(re.findall(r"\b((?:tenantry|http_server)_[a-z_]+)\b", asked)):
            if not re.match(r"http_(route|request_method|response_status_code)$", name):
                self.assertIn(re.sub(r"_(bucket|count|sum)$", "", name), known)
        for name in set(re.findall(r"\btenantry:[a-z_0-9:]+", asked)):
            self.assertIn(name, recorded)


if __name__ == "__main__":
    unittest.main(verbosity=2)
