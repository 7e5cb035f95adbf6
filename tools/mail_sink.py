#!/usr/bin/python3
"""Development mail server: keeps every message as a file, and sends nothing anywhere.

A file is named after the message's Message-ID, so a message that a sender repeats after a
crash is kept once, as mailboxes that know their Message-IDs do.

  mail_sink.py --port 2525 --dir .dev/mail
"""
import argparse
import email
import hashlib
import os
import signal
import threading

from aiosmtpd.controller import Controller


class Sink:
    def __init__(self, folder):
        self.folder = folder

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content)
        identity = message.get("Message-ID") or hashlib.sha256(envelope.content).hexdigest()
        name = "".join(c if c.isalnum() or c in "-_." else "_" for c in identity.strip("<>"))[:200]
        path = os.path.join(self.folder, name + ".eml")
        with open(path + ".part", "wb") as out:
            out.write(envelope.content)
        os.replace(path + ".part", path)
        return "250 kept"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--dir", required=True)
    arguments = parser.parse_args()
    os.makedirs(arguments.dir, exist_ok=True)
    controller = Controller(Sink(arguments.dir), hostname=arguments.host, port=arguments.port)
    controller.start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    controller.stop()


if __name__ == "__main__":
    main()
