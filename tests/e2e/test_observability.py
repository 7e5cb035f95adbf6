#!/usr/bin/python3
"""A real Prometheus scrapes every process of a running stack, and evaluates our rules on what it finds."""
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import stack
from stack import p, sign_up, unique
from free_ports import free_ports

RULES = os.path.join(stack.ROOT, "deploy", "observability", "tenantry.rules.yml")


WORKERS, SIGNER, PROMETHEUS = free_ports(3)


TRACES = {"TENANTRY_TRACES_URL": "http://127.0.0.1:1", "TENANTRY_TRACES_PERCENT": "100"}


def setUpModule():
    os.environ["TENANTRY_STATUS_PORT"] = str(WORKERS)
    # Every request is traced, and nobody is there to take the traces: that disturbs nothing.
    os.environ.update(TRACES)
    stack.signer_settings["TENANTRY_STATUS_PORT"] = str(SIGNER)
    stack.start()


def tearDownModule():
    stack.stop()
    for name in ("TENANTRY_STATUS_PORT", *TRACES):
        del os.environ[name]


def ask(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{PROMETHEUS}/api/v1/{path}", timeout=30) as answer:
        return json.loads(answer.read())["data"]


def values(query):
    """By the labels that are left, as text."""
    try:
        found = ask("query?query=" + urllib.parse.quote(query))["result"]
    except OSError:
        return {}
    return {",".join(sorted(each["metric"].values())): float(each["value"][1]) for each in found}


class Scraped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        shutil.copy(RULES, cls.folder)
        gateway = urllib.parse.urlsplit(p.env("TENANTRY_URL"))
        targets = {"gateway": f"{gateway.hostname}:{gateway.port}", "workers": f"127.0.0.1:{WORKERS}", "signer": f"127.0.0.1:{SIGNER}"}
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": ["tenantry.rules.yml"],
                  "scrape_configs": [{"job_name": "tenantry-" + name, "static_configs": [{"targets": [target]}]} for name, target in targets.items()]}
        config["scrape_configs"].append({
            "job_name": "tenants", "metrics_path": "/metrics/tenants", "static_configs": [{"targets": [targets["gateway"]]}],
            "authorization": {"credentials": p.env("TENANTRY_ADMIN_TOKEN")}})
        with open(os.path.join(cls.folder, "prometheus.yml"), "w", encoding="utf-8") as file:
            json.dump(config, file)  # JSON is YAML
        with open(os.path.join(p.env("TENANTRY_TEST_DEV_DIR"), "log", "prometheus.log"), "ab") as log:
            cls.process = subprocess.Popen(
                ["prometheus", "--enable-feature=exemplar-storage", "--config.file", os.path.join(cls.folder, "prometheus.yml"), "--storage.tsdb.path", os.path.join(cls.folder, "data"),
                 "--web.listen-address", f"127.0.0.1:{PROMETHEUS}"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.wait(timeout=60)
        shutil.rmtree(cls.folder)

    def test_every_process_is_scraped_and_every_rule_holds(self):
        p.await_true("all are up", lambda: sorted(values('sum by (job) (up{job!="tenants"})').items()) == [
            ("tenantry-gateway", 1), ("tenantry-signer", 1), ("tenantry-workers", 1)], 30)
        tenant = sign_up(unique("Observée"))
        tenant.login()
        self.assertEqual(tenant.get("/v1/me").status, 200)
        p.await_true("its request is counted", lambda: values(
            'sum by (http_route) (http_server_request_duration_seconds_count{job="tenantry-gateway",http_route="/v1/me"})').get("/v1/me", 0) >= 1, 30)
        p.await_true("its events are counted", lambda: {"audit", "provisioning", "signup"} <= set(values(
            'sum by (worker) (tenantry_consumed_events_total{job="tenantry-workers"}) > 0')), 30)
        p.await_true("the rules are evaluated", lambda: all(
            rule["health"] == "ok" for group in ask("rules")["groups"] for rule in group["rules"]), 30)
        self.assertNotIn(tenant.id, urllib.request.urlopen(f"http://127.0.0.1:{WORKERS}/metrics", timeout=30).read().decode())
        stack.signer.terminate()
        self.assertEqual(stack.signer.wait(timeout=60), 0)
        p.await_true("the signer is missed", lambda: values('up{job="tenantry-signer"} == 0') != {}, 30)
        stack.launch_signer()
        p.await_true("it is back", lambda: values('up{job="tenantry-signer"} == 1') != {}, 30)

    def test_exemplars_lead_to_traces(self):
        tenant = sign_up(unique("Exemplaire"))
        self.assertEqual(tenant.get("/v1/me").status, 200)
        query = urllib.parse.urlencode({"query": 'http_server_request_duration_seconds_bucket{http_route="/v1/me"}',
                                        "start": time.time() - 600, "end": time.time() + 600})
        found = p.await_true("an exemplar is stored", lambda: [
            each for series in ask("query_exemplars?" + query) for each in series["exemplars"]], 30)
        for each in found:
            self.assertRegex(each["labels"]["trace_id"], "^[0-9a-f]{32}$")

    def test_each_form_is_accepted(self):
        text = p.request("GET", "/metrics")
        self.assertIn("text/plain; version=0.0.4", text.headers["Content-Type"])
        self.lint(text.body)
        page = p.request("GET", "/metrics", headers={"Accept": "application/openmetrics-text"})
        self.assertIn("application/openmetrics-text; version=1.0.0", page.headers["Content-Type"])
        self.assertTrue(page.body.endswith("# EOF\n"))

    def lint(self, page):
        done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_tenants_have_a_scrape_of_their_own(self):
        tenant = sign_up(unique("Comptée"))
        self.assertEqual(tenant.get("/v1/me").status, 200)
        mine = f'{{tenant="{tenant.id}"}}'
        p.await_true("its numbers are scraped", lambda: values(f"max(tenantry_tenant_audit_records{mine}) > 3"), 30)
        self.assertEqual(values(f"max(tenantry_tenant_status{mine})"), {"": 1})
        self.assertEqual(values(f"max(tenantry_tenant_users{mine})"), {"": 1})
        self.assertEqual(values(f'max(tenantry_tenant_info{{tenant="{tenant.id}",plan="PROFESSIONAL"}})'), {"": 1})
        page = p.admin("GET", "/metrics/tenants")
        self.lint(page.body)
        self.assertLessEqual(len([line for line in page.body.splitlines() if f'"{tenant.id}"' in line]), 12)
        self.assertNotIn(tenant.address, page.body)

    def test_what_was_served_is_counted(self):
        tenant = sign_up(unique("Servie"))
        tenant.login()
        for _ in range(5):
            self.assertEqual(tenant.get("/v1/me").status, 200)
        self.assertEqual(tenant.get("/v1/clients/none").status, 404)
        path = f"/v1/admin/tenants/{tenant.id}/availability"
        p.await_true("its requests are counted", lambda: p.admin("GET", path).json["requests"] >= 6, 30)
        mine = p.admin("GET", path).json
        self.assertEqual((mine["failed"], mine["availability"], mine["budget_left"], mine["target"]), (0, 1, 1, 0.9995))
        self.assertEqual(sum(day["requests"] for day in mine["by_day"]), mine["requests"])
        self.assertNotIn(tenant.id, [each["tenant_id"] for each in p.admin("GET", "/v1/admin/availability").json["worst"]])
        stack.superuser(f"UPDATE platform.availability SET failed = requests WHERE tenant_id = '{tenant.id}'")
        try:
            self.assertEqual(p.admin("GET", path).json["availability"], 0)
            whole = p.admin("GET", "/v1/admin/availability").json
            self.assertEqual(whole["worst"][0]["tenant_id"], tenant.id)
            self.assertLess(whole["worst"][0]["budget_left"], -1)
            self.assertGreaterEqual(whole["failed"], 6)
        finally:
            stack.superuser(f"UPDATE platform.availability SET failed = 0 WHERE tenant_id = '{tenant.id}'")
        self.assertEqual(p.admin("GET", "/v1/admin/tenants/nobody-at-all/availability").status, 404)
        self.assertEqual(p.request("GET", path, headers=tenant.token).status, 403)

    def test_tenants_numbers_are_for_super_admins(self):
        tenant = sign_up(unique("Curieuse"))
        for headers in ({}, tenant.token, {"Authorization": "Bearer " + "x" * 40}):
            answer = p.request("GET", "/metrics/tenants", headers=headers)
            self.assertIn(answer.status, (401, 403), answer)
            self.assertNotIn("tenantry_tenant", answer.body)
        self.assertNotIn("tenantry_tenant_", p.request("GET", "/metrics").body)


if __name__ == "__main__":
    unittest.main(verbosity=2)
