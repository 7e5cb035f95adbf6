#!/usr/bin/python3
"""README's five minutes, pasted as they stand into a shell, against the stack that the tests have started.

Only `./dev up`, `./dev down` and `.dev/env` are left out: the servers and settings are this run's.
"""
import os
import re
import subprocess
import unittest

import stack

TENANT = "boulangerie-martin"


def setUpModule():
    stack.start()


def tearDownModule():
    stack.stop()


def pasted():
    with open(os.path.join(stack.ROOT, "README.md"), encoding="utf-8") as readme:
        section = readme.read().split("## Five minutes of use", 1)[1].split("## ", 1)[0]
    code = re.search(r"```sh\n(.*?)```", section, re.DOTALL).group(1)
    lines = [line for line in code.splitlines() if not re.match(r"\./dev |\. \.dev/env|export PATH=", line)]
    # The bakery's name may be taken by an earlier run on this database: its own, everywhere, is this run's.
    return "\n".join(lines).replace(TENANT, TENANT + "-" + stack.RUN).replace(
        '"Boulangerie Martin"', f'"Boulangerie Martin {stack.RUN}"').replace("@martin.example", f"@martin-{stack.RUN}.example")


class Readme(unittest.TestCase):
    def test_five_minutes_of_use(self):
        environment = {**stack.settings(), "PATH": os.path.dirname(stack.BINARY) + ":" + os.environ["PATH"]}
        script = "set -eo pipefail\n" + pasted()
        done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for said in (f'"tenant_id": "{TENANT}-{stack.RUN}"', "Café de la Gare", "Paiement requis", "payment.succeeded"):
            self.assertIn(said, done.stdout)
        self.assertNotIn("null", done.stdout.split("Café de la Gare")[0].split("wait")[-1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
