#!/usr/bin/python3
"""What the completions offer, asked of the shells themselves; the manual page, formatted by man's own formatter; examples, understood."""
import os
import re
import shlex
import subprocess
import tempfile
import unittest

BINARY = os.environ["TENANTRY_TEST_BINARY"]


def printed(*arguments):
    done = subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=0"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def shell(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": "dumb"})
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.split("\n")


class Completion(unittest.TestCase):
    # What is typed, what is offered among other things, and what is not.
    CASES = ((["ten"], {"tenants"}, {"usage"}),
             (["tenants", ""], {"list", "show", "set-plan"}, {"tenants", "redrive"}),
             (["tenants", "list", "--"], {"--status", "--search"}, {"--reason"}),
             (["--json", "tenants", "li"], {"list"}, {"show"}),
             (["dead-letters", "re"], {"redrive"}, {"drop"}))

    def check(self, name):
        with tempfile.NamedTemporaryFile("w", suffix="." + name, encoding="utf-8") as file:
            file.write(printed("completion", name))
            file.flush()
            for words, some, none in self.CASES:
                found = set(getattr(self, name)(file.name, words))
                self.assertLessEqual(some, found, (name, words))
                self.assertFalse(none & found, (name, words, found))

    @staticmethod
    def bash(file, words):
        typed = " ".join(f"'{word}'" for word in ["tenantry", *words])
        return shell("bash", "--norc", "-c", f"set -u; source {file}; COMP_WORDS=({typed}); COMP_CWORD={len(words)}; "
                                             "_tenantry; printf '%s\\n' \"${COMPREPLY[@]}\"")

    @staticmethod
    def zsh(file, words):
        # The completion system works only while somebody types: what it would be told is printed instead, and sifted as it would.
        typed = " ".join(f"'{word}'" for word in ["tenantry", *words])
        told = shell("zsh", "-f", "-c", f"compdef() {{ :; }}; _describe() {{ print -l -- ${{(P)2}}; }}; source {file}; "
                                        f"words=({typed}); CURRENT={len(words) + 1}; _tenantry")
        return [line.split(":", 1)[0] for line in told if line.startswith(words[-1])]

    @staticmethod
    def fish(file, words):
        told = shell("fish", "--no-config", "-c", f"source {file}; complete -C 'tenantry {' '.join(words)}'")
        return [line.split("\t", 1)[0] for line in told]

    def test_bash(self):
        self.check("bash")

    def test_zsh(self):
        self.check("zsh")

    def test_fish(self):
        self.check("fish")


class Manual(unittest.TestCase):
    def test_names_every_command_with_its_examples_and_formats_without_a_warning(self):
        page = printed("man")
        done = subprocess.run(["groff", "-Kutf8", "-man", "-Tutf8", "-ww", "-P", "-cbou"], input=page, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for part in ("tenantry tenants list", "tenantry tenants suspend acme --reason abuse", "--status value", "EXIT STATUS"):
            self.assertIn(part, done.stdout)


def commands():
    """Paths of all commands and the examples that are in their help, from the manual page."""
    paths, examples = set(), []
    for section in re.split(r"^\.SH ", printed("man"), flags=re.MULTILINE):
        text = section.replace("\\-", "-").replace("\\e", "\\").replace("\\&", "")
        named = re.match(r'"tenantry ([^"]*)"', text)
        if named:
            paths.add(named.group(1))
        if re.search("Examples?:", text):
            shown = re.split("Examples?:", text, maxsplit=1)[1].split("\n.fi", 1)[0]
            examples += [line.strip() for line in shown.splitlines() if line.startswith("  ")]
    return paths, examples


def calls(example):
    """What an example asks of tenantry, as arguments; a shell does the rest of it."""
    for part in example.split("&&"):
        words = re.search(r"(?:^|\s|<\()tenantry (.*)", part)
        if words:
            yield shlex.split(re.split(r" \| | > | # |\)$", words.group(1))[0])


class Examples(unittest.TestCase):
    def test_each_command_has_one(self):
        paths, examples = commands()
        self.assertGreater(len(paths), 60)
        shown = [" ".join(arguments) for example in examples for arguments in calls(example)]
        shown = [text.removeprefix("--json ") + " " for text in shown]
        leaves = {path for path in paths if not any(other.startswith(path + " ") for other in paths)}
        self.assertEqual({leaf for leaf in leaves if not any(text.startswith(leaf + " ") for text in shown)}, set())

    def test_help_of_each_command_shows_its_own(self):
        paths, _ = commands()
        for leaf in sorted(path for path in paths if not any(other.startswith(path + " ") for other in paths)):
            help_ = printed(*leaf.split(), "--help")
            shown = [" ".join(arguments).removeprefix("--json ") + " " for line in help_.splitlines() if line.startswith("  ") for arguments in calls(line)]
            self.assertIn("Example", help_, leaf)
            self.assertTrue(any(text.startswith(leaf + " ") for text in shown), (leaf, shown))

    def test_those_that_need_no_server_run(self):
        alone = ("completion", "man", "config", "settings", "openapi", "asyncapi", "events types", "topology show", "stripe types")
        run = set()
        for example in commands()[1]:
            for arguments in calls(example):
                text = " ".join(arguments).removeprefix("--json ") + " "
                named = [command for command in alone if text.startswith(command + " ")]
                if named:
                    self.assertNotEqual(printed(*arguments), "", example)
                    run.add(named[0])
        self.assertEqual(run, set(alone))

    def test_each_is_understood(self):
        # Without any setting a command does nothing but say which one it misses; what it does not understand is told before.
        with tempfile.TemporaryDirectory() as folder:
            for example in commands()[1]:
                for arguments in calls(example):
                    done = subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60, cwd=folder, stdin=subprocess.DEVNULL,
                                          env={"PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=0"})
                    self.assertNotIn("Run with --help", done.stderr, example)  # what it says of words that it does not know


if __name__ == "__main__":
    unittest.main(verbosity=2)
