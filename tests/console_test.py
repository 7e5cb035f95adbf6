#!/usr/bin/python3
"""The web console without a browser: its bundle is what its sources give, its types hold, its pure parts do what they say.

The bundle is committed, so that the product builds without Node (ADR 27); what keeps it honest is the comparison here.
"""
import gzip
import os
import re
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONSOLE = os.path.join(ROOT, "workers", "gateway", "console")
GZIP_MAX = 120 * 1024  # of all that the first view needs


def node(*arguments):
    done = subprocess.run(["node", *arguments], cwd=CONSOLE, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(done.stdout[-4000:] + done.stderr[-4000:])
    return done.stdout


def read(*path):
    with open(os.path.join(CONSOLE, *path), encoding="utf-8") as file:
        return file.read()


class Console(unittest.TestCase):
    def test_the_bundle_is_what_the_sources_give_to_the_byte(self):
        self.assertIn("index.html", node("build.mjs", "--check"))

    def test_types_hold_and_no_language_lacks_a_word(self):
        node("node_modules/typescript/bin/tsc", "-p", ".")

    def test_pure_parts(self):
        sys.stderr.write(node(os.path.join("test", "run.mjs"))[-400:])

    def test_the_bundle_is_small_and_asks_nobody_else(self):
        whole = [read("dist", name).encode() for name in sorted(os.listdir(os.path.join(CONSOLE, "dist")))]
        self.assertLess(sum(len(gzip.compress(each)) for each in whole), GZIP_MAX)
        text = b"\n".join(whole).decode()
        # Namespaces of SVG and MathML are names, which nobody asks for anything.
        addresses = {found for found in re.findall(r"https?://[\w.-]+", text) if "www.w3.org" not in found}
        self.assertFalse(addresses - {"http://localhost"})
        self.assertFalse(re.search(r"\beval\(|new Function\(|dangerouslySetInnerHTML=", text))

    def test_the_lockfile_holds_no_addresses_and_every_package_is_pinned(self):
        self.assertNotIn("://", re.sub(r'"url": "[^"]*"', "", read("package-lock.json")))
        self.assertFalse(re.findall(r'": "[\^~*]', read("package.json")))

    def test_views_write_no_markup(self):
        for folder, _, names in os.walk(os.path.join(CONSOLE, "src")):
            for name in names:
                text = read(os.path.relpath(os.path.join(folder, name), CONSOLE))
                self.assertFalse(re.search(r"dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|style=\"", text), name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
