#!/usr/bin/python3
"""What ./dev says while it works: in colour to a terminal that wants it, and of a long build now and then where nobody sees Ninja."""
import os
import pty
import subprocess
import unittest

COMMON = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools", "dev", "common.sh")
PATH = {"PATH": os.environ["PATH"]}


def script(text, **environment):
    return ["bash", "-c", f". {COMMON}; {text}"], {**PATH, **environment}


def on_terminal(text, **environment):
    ours, theirs = pty.openpty()
    command, variables = script(text, **environment)
    subprocess.run(command, env=variables, stderr=theirs, stdout=theirs, timeout=60, check=True)
    os.close(theirs)
    told = os.read(ours, 4096).decode()
    os.close(ours)
    return told


class Dev(unittest.TestCase):
    def test_colour_is_for_terminals_that_want_it(self):
        self.assertIn("\033[1m", on_terminal("say hello"))
        self.assertNotIn("\033", on_terminal("say hello", NO_COLOR="1"))
        command, variables = script("say hello")
        self.assertEqual(subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60).stderr, "==> hello\n")

    def test_a_build_without_a_terminal_says_how_far_it_is(self):
        # A build that ends once it has been told of: a step is said before `told` is there.
        build = ("preset=p; build_told_every=0.2; cmake() { echo '[1/2] Building'; read -r < \"$build_dir/told\"; echo '[2/2] Linking'; return $end; }; "
                 "build_dir=$(mktemp -d); mkfifo \"$build_dir/told\"; "
                 "say() { printf '%s\\n' \"$*\" >&2; [ -n \"${once:-}\" ] || { once=1; echo go > \"$build_dir/told\"; }; }; "
                 "done=0; build_quietly || done=$?; rm -r \"$build_dir\"; exit $done")
        for end in (0, 3):
            command, variables = script(build, end=str(end))
            done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr.splitlines()[0]), (end, "building: [1/2]"), done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
