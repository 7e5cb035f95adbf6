#!/usr/bin/python3
"""What the pages name is there: commands with their options, files, other pages and their headings.

Whether commands do what a page says of them is tests/e2e/test_docs.py's to see, on a stack.
"""
import functools
import glob
import json
import os
import re
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ["TENANTRY_TEST_BINARY"]
PAGES = sorted(os.path.relpath(path, ROOT) for pattern in ("README.md", "docs/*.md", "docs/runbooks/*.md", "docs/adr/*.md", "workers/*/*/README.md")
               for path in glob.glob(os.path.join(ROOT, pattern)))
# An ADR tells what was so when it was decided.
LIVING = [page for page in PAGES if not page.startswith("docs/adr/") and page != "docs/CHANGELOG.md"]


def text_of(page):
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        return file.read()


def code_of(text):
    """Fenced blocks of shell, line by line, and what stands between backticks."""
    for block in re.findall(r"^ *```(?:sh|bash|console)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        yield from re.sub(r"\\\n", " ", block).splitlines()
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    yield from (re.sub(r"\s+", " ", code) for code in re.findall(r"`([^`]+)`", prose))


def commands_of(page):
    """Each `tenantry …` as a list of words, without what a shell adds."""
    for code in code_of(text_of(page)):
        for found in re.finditer(r"(?:^|[|;&(] *|\$ )(?:build/(?:\w+/)?bin/)?tenantry((?: +[^|;&#>)]+)?)", code):
            words = found.group(1).replace("'", " ' ").split()
            if words:
                yield words


@functools.cache
def help_of(*path):
    done = subprocess.run([BINARY, *path, "--help"], capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=0"})
    return done.stdout if done.returncode == 0 else None


def subcommands_of(*path):
    below = help_of(*path).partition("\nSubcommands:\n")[2]
    return set(re.findall(r"^  ([a-z][a-z-]*)\b", below, re.MULTILINE))


class Docs(unittest.TestCase):
    def test_commands_and_their_options_are_there(self):
        seen = 0
        for page in LIVING:
            for words in commands_of(page):
                with self.subTest(page=page, command=" ".join(words)):
                    path = []
                    while words and words[0] in subcommands_of(*path):
                        path.append(words.pop(0))
                    if subcommands_of(*path) and words and re.fullmatch(r"[a-z][a-z-]+", words[0]):
                        self.fail(f"tenantry {' '.join(path)} has no {words[0]}")
                    known = help_of(*path) + help_of()
                    for option in (re.match(r"--[a-z-]+", word).group() for word in words if re.match(r"--[a-z]", word)):
                        self.assertRegex(known, rf"(?<![\w-]){option}(?![\w-])")
                    seen += 1
        self.assertGreater(seen, 60)

    def test_links_lead_somewhere(self):
        for page in PAGES:
            for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
                if re.match(r"[a-z]+:", target):
                    continue
                with self.subTest(page=page, target=target):
                    path, _, heading = target.partition("#")
                    file = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
                    self.assertTrue(os.path.exists(os.path.join(ROOT, file)), file)
                    if heading:
                        headings = {re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
                                    for line in re.findall(r"^#+ (.*)$", text_of(file), re.MULTILINE)}
                        self.assertIn(heading, headings)

    def test_files_that_are_named_are_there(self):
        tops = tuple(os.listdir(ROOT))
        for page in LIVING:
            prose = re.sub(r"^ *```.*?^ *```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
            for name in re.findall(r"`([\w./-]+/[\w./-]*\w(?:\.\w+)?/?)`", prose):
                top = name.split("/")[0]
                # What the pages about adding something add.
                if top not in tops or top in ("build", ".dev") or "notes" in name or "greeting" in name:
                    continue
                with self.subTest(page=page, file=name):
                    stem = os.path.join(ROOT, name)
                    # "shared/messaging/lane" is lane.h and lane.cpp; a number, "migrations/0025", is the migration of that number.
                    self.assertTrue(os.path.exists(stem) or glob.glob(stem + ".*") or glob.glob(stem + "_*.sql"), name)


class Compose(unittest.TestCase):
    """The registry of workers and their settings is the only list: the stack in containers is held to it."""

    def test_names_settings_that_are_there_and_every_workers_addresses(self):
        done = subprocess.run([BINARY, "settings", "--json"], capture_output=True, text=True, timeout=60, check=True,
                              env={"PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=0"})
        settings = {json.loads(line)["name"] for line in done.stdout.splitlines()}
        named = set(re.findall(r"^ +(TENANTRY_[A-Z_]+):", text_of("docker-compose.yml"), re.MULTILINE))
        self.assertGreater(len(named), 20)
        self.assertEqual({name.removesuffix("_FILE") for name in named} - settings, set(), "no such setting")
        addresses = {name for name in settings if name.endswith(("_AMQP_URL", "_DATABASE_URL"))}
        self.assertGreater(len(addresses), 15)
        self.assertEqual(addresses - named, set(), "a worker without its address")


if __name__ == "__main__":
    unittest.main(verbosity=2)
