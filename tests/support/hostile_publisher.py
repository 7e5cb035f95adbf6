"""An application's connection that publishes hostile events (hostile.py) with confirms."""
import asyncio
import collections

import pika
from pika.adapters.asyncio_connection import AsyncioConnection


class Publisher:
    """An application's connection with confirms, on the running loop. What was not confirmed when it was lost goes again."""
    UNCONFIRMED_MAX = 200

    def __init__(self, parameters, exchange, settled):
        self.parameters, self.exchange, self.settled = parameters, exchange, settled
        self.waiting = collections.deque()       # (token, Sending)
        self.flying = collections.OrderedDict()  # delivery tag -> the same
        self.channel, self.tag, self.over, self.refused = None, 0, False, None
        self.connect()

    def connect(self):
        if not self.over:
            self.connection = AsyncioConnection(self.parameters, lambda connection: connection.channel(on_open_callback=self.on_channel), self.on_lost, self.on_lost)

    def on_channel(self, channel):
        channel.add_on_close_callback(self.on_channel_lost)
        channel.confirm_delivery(self.on_confirm, callback=lambda _: self.on_ready(channel))

    def on_ready(self, channel):
        self.channel, self.tag = channel, 0
        self.pump()

    def on_channel_lost(self, channel, reason):
        if getattr(reason, "reply_code", 0) == 406:  # the broker takes no such message, however often it is sent
            self.refused = f"{reason} at one of {[(token, sending.properties) for token, sending in list(self.flying.values())[:5]]}"
        if channel.connection.is_open:
            channel.connection.close()

    def on_lost(self, connection, reason):
        self.channel = None
        self.waiting.extendleft(reversed(self.flying.values()))
        self.flying.clear()
        asyncio.get_event_loop().call_later(0.3, self.connect)

    def on_confirm(self, frame):
        method, first = frame.method, next(iter(self.flying), None)
        if first is None:
            return
        for tag in range(first, method.delivery_tag + 1) if method.multiple else (method.delivery_tag,):
            entry = self.flying.pop(tag, None)
            if entry is not None and isinstance(method, pika.spec.Basic.Nack):
                self.waiting.append(entry)
            elif entry is not None:
                self.settled(entry[0])
        self.pump()

    def send(self, token, sending):
        self.waiting.append((token, sending))
        self.pump()

    def pump(self):
        while self.waiting and self.channel is not None and self.channel.is_open and len(self.flying) < self.UNCONFIRMED_MAX:
            token, sending = entry = self.waiting.popleft()
            self.tag += 1
            self.flying[self.tag] = entry
            self.channel.basic_publish(self.exchange, sending.key, sending.body, pika.BasicProperties(**sending.properties))

    @property
    def busy(self):
        return len(self.waiting) + len(self.flying)

    def close(self):
        self.over = True
        if self.connection.is_open:
            self.connection.close()
