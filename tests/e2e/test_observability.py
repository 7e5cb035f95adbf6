#!/usr/bin/python3
"""A real Prometheus scrapes every process of a running stack, and evaluates our rules on what it finds."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import unittest
import urllib.parse
import urllib.request

import stack
from stack import p, sign_up, unique

RULES = os.path.join(stack.ROOT, "deploy", "observability", "tenantry.rules.yml")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


WORKERS, SIGNER, PROMETHEUS = free_ports(3)


def setUpModule():
    os.environ["TENANTRY_STATUS_PORT"] = str(WORKERS)
    stack.signer_settings["TENANTRY_STATUS_PORT"] = str(SIGNER)
    stack.start()


def tearDownModule():
    stack.stop()
    del os.environ["TENANTRY_STATUS_PORT"]


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
        with open(os.path.join(cls.folder, "prometheus.yml"), "w", encoding="utf-8") as file:
            json.dump(config, file)  # JSON is YAML
        with open(os.path.join(p.env("TENANTRY_TEST_DEV_DIR"), "log", "prometheus.log"), "ab") as log:
            cls.process = subprocess.Popen(
                ["prometheus", "--config.file", os.path.join(cls.folder, "prometheus.yml"), "--storage.tsdb.path", os.path.join(cls.folder, "data"),
                 "--web.listen-address", f"127.0.0.1:{PROMETHEUS}"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.wait(timeout=60)
        shutil.rmtree(cls.folder)

    def test_every_process_is_scraped_and_every_rule_holds(self):
        p.await_true("all are up", lambda: sorted(values("sum by (job) (up)").items()) == [
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
