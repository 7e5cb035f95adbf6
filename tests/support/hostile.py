"""Hostile events: what nobody in earnest would send, over HTTP and AMQP in every form, and what must have become of it.

Deterministic: the k-th sending of a way in for a tenant is a function of (seed, tenant, way, k), and so is what is expected of it
(docs/publishing-events.md). So a journal needs only those and the outcome, and the checker (hostile_check.py) makes the rest
again. Nothing of the product's own code is used.

  send = make(seed, tenant, "amqp", k)      a Sending: bytes to be sent, and the events that it holds

An event bears a mark in its type, source or data, by which it is found again in records, dead letters and exports.
"""
import base64
import dataclasses
import datetime
import hashlib
import json
import random
import re
import struct

import pika
import pika.data

MARK = re.compile(rb"hx[0-9a-f]{14}")
EVENT_MAX = 256 * 1024
DEPTH_MAX = 32
ATTRIBUTES_MAX, VALUE_MAX, ATTRIBUTES_BYTES_MAX = 64, 2048, 16 * 1024
BATCH_MAX, BATCH_BYTES_MAX = 100, 1024 * 1024
PRIVILEGED = ("payment.succeeded", "tenant.suspended", "signup.requested", "trial.ended")
KNOWN = {"id", "source", "type", "time", "subject", "tenantid", "actor", "actorip", "actoragent", "causationid", "correlationid", "traceparent"}  # of the envelope
METRICS = {"orders": "sum", "emails_sent": "sum", "active_users": "unique"}  # open to applications, monthly, from the start


# ---- what an event is ----------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Event:
    """What one event means, and must be recorded as."""
    mark: str
    tenant: str
    attributes: dict = dataclasses.field(default_factory=dict)  # as sent: name -> text, or ("real", number)
    data: bytes = b"{}"
    content_type: str = "application/json"
    told_type: bool = False      # whether it states its content type, where it need not
    depth: int = 1               # of the data
    is_text: bool = True         # whether the data is well-formed JSON
    of_schema: bool = True       # whether the data is what its type says
    pad: str = ""                # "at" or "over": made as large as an event may be, or a byte larger
    good: bool | None = True     # whether the intake must take it; None: either
    metered: bool | None = None  # of usage that is recorded: whether it must be counted
    encoded: bool = False        # in data_base64
    older: bool = False

    def judge(self, verdict):
        """The worst that was said of it: no, then perhaps, then yes."""
        if verdict is False or self.good is False:
            self.good = False
        elif verdict is None:
            self.good = None

    @property
    def type(self):
        return self.attributes.get("type", "")

    def __str__(self):
        shown = {name: value if len(str(value)) < 60 else f"{str(value)[:40]}… of {len(value)}" for name, value in list(self.attributes.items())[:8]}
        return f"{self.mark} {shown} of {len(self.attributes)}, {self.content_type[:60]}, data {self.data[:100]!r} of {len(self.data)}, good {self.good}, metered {self.metered}"

    @property
    def is_usage(self):
        return self.type == "usage.recorded"


@dataclasses.dataclass
class Sending:
    """A request, or a message: all of its events are taken, or none."""
    way: str
    mode: str
    tenant: str
    events: list
    body: bytes = b""
    fields: list = dataclasses.field(default_factory=list)      # of HTTP: (name, bytes)
    key: str = ""
    properties: dict = dataclasses.field(default_factory=dict)  # of AMQP
    repeatable: bool = True                                     # sent twice, it is one event

    @property
    def good(self):
        verdicts = [each.good for each in self.events]
        if self.way == "http":  # which refuses at once what metering would set aside
            verdicts += [False for each in self.events if each.metered is False]
            verdicts += [None for each in self.events if each.is_usage and each.metered is None]
        return False if False in verdicts else None if None in verdicts else True


# ---- texts, numbers, times -----------------------------------------------------------------------------------------


GOOD_NUMBERS = ("0", "-0", "0.0", "1", "-1", "1e0", "1E+2", "0.1e1", "-0.0e-0", "98765432109876.543210", "123456789012345678901234567890",
                "9007199254740993", "18446744073709551616", "-9223372036854775809", "1.7976931348623157e308", "5e-324", "1e-400",
                "1e-20000", "0." + "3" * 400, "0." + "3" * 20000, "1" + "0" * 300, "0.30000000000000004", "1.10", "1.1000", "2e-16383", "2e-16384")
BAD_NUMBERS = ("1e309", "-1e400", "1" + "0" * 400, "01", "+1", ".5", "1.", "0x10", "NaN", "Infinity", "-", "1e", "--1", "1_000", "١")
GOOD_TEXTS = ("", " ", "a", "é", "e\u0301", "\U0001f600", "\U0010ffff", "\uffff", "\ufeff", "\u2028", "\u202e", "\u0085", "\\", "\"", "/", "'; DROP TABLE x",
              "<script>", "${jndi:ldap://x}", "%s%n%00", "=1+1", "ﬀ", "\u00a0", "a" * 255, "ß" * 100, "null", "-1", "{}", "urn:x", "../../etc/passwd")
CONTROLS = ("\0", "\x01", "\t", "\n", "\r\n", "\x1b[31m", "\x7f", "\x1f")
BAD_JSON = (b"", b"{", b"}", b"{'a':1}", b'{"a":1,}', b'{"a":1}{"b":2}', b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'"\\ud800"', b'"\\udc00\\ud800"',
            b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'\xef\xbb\xbf{}', b'{"a":"\t"}', b'{"a":"\0"}', b'"\\x41"', b"nul", b"True",
            b'{"a" 1}', b"[1 2]", b"[,]", b"\xfe\xff\0{\0}", b"/**/{}", b'{"a":"\\u12"}')
TIMES = ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.9999999999Z", "1970-01-01T00:59:59+01:00",
         "1970-01-01T01:00:00+01:00", "1969-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59-00:01", "2016-12-31T23:59:60Z",
         "2024-02-29T12:00:00.1+23:59", "2023-02-29T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01t00:00:00z", "2024-01-01 00:00:00Z",
         "2024-01-01T00:00:00", "2024-01-01", "0000-01-01T00:00:00Z", "2024-13-01T00:00:00Z", "2024-06-30T12:34:56.123456789-00:00", "yesterday",
         "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+24:00", "10000-01-01T00:00:00Z", "-2024-01-01T00:00:00Z", "1700000000",
         "2024-01-01T00:00:00.000001Z", "2025-03-30T02:30:00+01:00", "2024-01-01T00:00:00Z ", "٢٠٢٤-01-01T00:00:00Z")
STAMP = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))")


def instant(text):
    """RFC 3339, from 1970 to 9999, in the one spelling of records; None where it is no such time."""
    found = STAMP.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(each) for each in found.groups()[:6])
    fraction, sign, offset_hour, offset_minute = found.groups()[6:]
    if second > 60 or int(offset_hour or 0) > 23 or int(offset_minute or 0) > 59:
        return None
    try:
        at = datetime.datetime(year, month, day, hour, minute, min(second, 59), int((fraction or "")[:6].ljust(6, "0") or 0))
        if second == 60:
            at += datetime.timedelta(seconds=1)
        if sign:
            offset = datetime.timedelta(hours=int(offset_hour), minutes=int(offset_minute))
            at = at - offset if sign == "+" else at + offset
    except (ValueError, OverflowError):
        return None
    return at.isoformat(timespec="microseconds") + "Z" if at.year >= 1970 else None


def quoted(r, text):
    """A JSON string in one of its many spellings; a mark stays to be read, since it is all that is known of what is set aside."""
    how = r.randrange(3) if MARK.search(text.encode()) is None else 0
    if how == 0:
        return json.dumps(text).encode()
    if how == 1:
        return json.dumps(text, ensure_ascii=False).encode()
    units = text.encode("utf-16-be")
    return b'"' + b"".join(b"\\u%02x%02x" % (units[i], units[i + 1]) for i in range(0, len(units), 2)) + b'"'


def white(r):
    return r.choice((b"", b"", b"", b" ", b"\n", b"\t ", b"\r\n  "))


# ---- what is done to an event --------------------------------------------------------------------------------------


def seldom(r, often=0.15):
    return r.random() < often


def numbers(r, event):
    bad = seldom(r)
    texts = [r.choice(GOOD_NUMBERS) for _ in range(r.randrange(1, 6))] + ([r.choice(BAD_NUMBERS)] if bad else [])
    event.data = b'{"mark":"%s","n":[' % event.mark.encode() + (white(r) + b"," + white(r)).join(text.encode() for text in texts) + b"]}"
    event.depth = 2
    event.is_text = not bad


def words(r, event):
    """Texts that are hard to keep; in JSON, a control character may be escaped."""
    members = [quoted(r, r.choice(GOOD_TEXTS)) for _ in range(r.randrange(1, 5))] + [json.dumps(r.choice(CONTROLS)).encode() for _ in range(r.randrange(2))]
    event.data = b'{"mark":"%s"' % event.mark.encode() + b"".join(b",%s%s:%s%s" % (white(r), json.dumps(f"{n}{r.choice(GOOD_TEXTS)}").encode(), white(r), each)
                                                                  for n, each in enumerate(members)) + white(r) + b"}"


def scalars(r, event):
    event.data = r.choice((b"null", b"true", b"0", b"-0.0e0", b'""', b"[]", b"{}", b"1e-20000", b'"\\u0000"', b'"\\ud83d\\ude00"', b"[[],{}]", b'{"":{"":""}}', b'{"\\u0000":1}'))
    event.depth = 3


def broken(r, event):
    event.data = r.choice(BAD_JSON)
    event.is_text = False


def deep(r, event):
    event.depth = r.choice((2, 16, 31, 32, 32, 33, 40, 1000) if seldom(r, 0.4) else (31, 32))
    opened = [r.choice((b"[", b'{"d":')) for _ in range(event.depth)]
    event.data = b"".join(opened) + b"7" + b"".join(b"]" if each == b"[" else b"}" for each in reversed(opened))


def large(r, event):
    event.pad = "over" if seldom(r, 0.3) else "at"
    event.data = b'{"mark":"%s","pad":"@PAD@"}' % event.mark.encode()
    event.depth = 1


def times(r, event):
    event.attributes["time"] = r.choice(TIMES)


def identities(r, event):
    event.attributes["id"] = r.choice(("i" * 256, "ü" * 128) if seldom(r) else (
        "i" * 255, "0", " ", "a/b?c#d", "\U0001f600" * 60, "0190a000-0000-7000-8000-000000000001", "null", "%00", "A" * 36, "ﬀ"))


def sources(r, event):
    source, room = event.attributes["source"], VALUE_MAX - len(event.attributes["source"].encode()) - 1
    event.attributes["source"] = source + (r.choice(("/" + "s" * (room + 1), "/" + r.choice(CONTROLS))) if seldom(r) else "/" + r.choice(
        ("s" * room, "é" * (room // 2), *GOOD_TEXTS)))


def subjects(r, event):
    event.attributes["subject"] = r.choice(("x" * (VALUE_MAX + 1), "a" + r.choice(CONTROLS))) if seldom(r) else r.choice(("x" * VALUE_MAX, *GOOD_TEXTS))


def types(r, event):
    if seldom(r, 0.3):
        event.attributes["type"] = r.choice(("", " ", "hostile " + event.mark, "h" * 129, "hostile.é", "a\0b", "a/b", *PRIVILEGED))
    else:
        event.attributes["type"] = r.choice((f"Hostile-1.{event.mark}", f"..{event.mark}..", f"{event.mark}", (event.mark + ".").ljust(128, "x"), f"_.{event.mark}.#".rstrip("#")))


def extensions(r, event):
    count = r.randrange(1, 6)
    for n in range(count):
        name = r.choice(("region", "partitionkey", "sampledrate", "dataschema", "a", "x" * 64, "dot.ted", "dash-ed", "under_score", "0", "severity")) if n == 0 else f"ext{n}"
        event.attributes[name] = r.choice(GOOD_TEXTS)
    if seldom(r):
        event.attributes.update(r.choice(({"x" * 65: "1"}, {"ext": "c" + r.choice(CONTROLS)}, {"ext": "l" * (VALUE_MAX + 1)}, {"sp ace": "1"}, {"é": "1"})))


def many(r, event):
    """As many attributes as there may be, or one more; or as large as all may be."""
    if r.random() < 0.5:
        wanted = ATTRIBUTES_MAX if not seldom(r, 0.3) else ATTRIBUTES_MAX + 1
        for n in range(wanted - len(counted(event))):
            event.attributes[f"many{n}"] = str(n)
        return
    room = ATTRIBUTES_BYTES_MAX - attributes_size(event)
    n = 0
    while room > 8:
        name = f"wide{n}"
        value = "w" * min(VALUE_MAX, room - len(name))
        event.attributes[name] = value
        room -= len(name) + len(value)
        n += 1
    if seldom(r, 0.3):
        event.attributes["onemore"] = "w" * 9


def own_attributes(event):
    """Those of its publisher's own: what we have no use for and keep."""
    return {name: value for name, value in event.attributes.items() if name not in KNOWN}


def counted(event):
    """What the limits count; a schema is named by the platform, too."""
    return {name: value for name, value in own_attributes(event).items() if name != "dataschema"}


def attributes_size(event):
    return sum(len(name.encode()) + len(str(value).encode()) for name, value in counted(event).items())


def claims(r, event):
    """Whose it is, and on whose behalf: only the vhost and the token count."""
    name, value = r.choice((("tenantid", event.tenant), ("tenantid", "platform"), ("tenantid", "somebody-else"), ("actor", "user:root"), ("actorip", "::1"),
                            ("causationid", "c" * 300), ("correlationid", "r" * 300), ("traceparent", "00-junk")))
    event.attributes[name] = value


def others_content(r, event):
    """Data that is no JSON, under types that are spelled in many ways."""
    event.content_type = r.choice(("text/plain", "Text/Plain; Charset=\"utf-8\"", "application/xml", "application/octet-stream", "image/png;a=\"b;c\"", "x/y;z=1"))
    event.told_type = True
    event.data = r.choice((b"", b"plain " + event.mark.encode(), b"<a/>", "caf\u00e9 \U0001f600".encode(), b"{not json", b"\0\xff\xfe\x80" * 3, b"\r\n\r\n", b"\0"))
    event.encoded, event.is_text, event.depth = True, False, 0


def json_content(r, event):
    event.content_type = r.choice(("application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=\"UTF-8\"", "application/vnd.shop.v1+json",
                                   "text/json", "application/ld+JSON;profile=\"a\\\"b\""))
    event.told_type = True
    event.encoded = r.random() < 0.3


def odd_content(r, event):
    event.content_type = r.choice(("json", "application/", "/", "a/b;", "application/json;charset", "t" * 256 + "/x", "text/\u00e9", "application/json, text/plain", ";", "*/*"))
    event.told_type = True


ASPECTS = (numbers, numbers, words, words, scalars, broken, deep, times, times, identities, identities, sources, subjects, types, extensions, extensions, many, claims,
           others_content, json_content, json_content, odd_content)
OF_DATA = (numbers, words, scalars, broken, deep, large, others_content)  # one of them at most
OF_CONTENT = (others_content, json_content, odd_content)


def plain(mark, tenant):
    return Event(mark, tenant, {"id": "id-" + mark, "source": "/hostile/" + mark, "type": "hostile." + mark, "time": "2026-01-15T10:30:00Z"},
                 b'{"mark":"%s"}' % mark.encode())


def usage(r, event):
    event.attributes["type"] = "usage.recorded"
    event.attributes.pop("time")
    metric = r.choice(tuple(METRICS))
    data = {"metric": metric, "quantity": r.choice((0, 1, 1, 2, 0.5, 0.1, 1e15, 300, 12.25)), "dimensions": {"note": event.mark}}
    if metric == "active_users":
        data["dimensions"]["member"] = r.choice(("m1", "m2", "é" * 127, "m" * 255, event.mark))
    event.metered = True
    if r.random() < 0.3:
        data["at"] = r.choice([each for each in TIMES if instant(each) and each < "2026"])
    if r.random() < 0.2:
        data["idempotency_key"] = r.choice((event.mark, "k" * (255 - len(event.mark)) + event.mark))
    if seldom(r, 0.35):
        for name, value, intake in r.sample((("metric", "no_such_metric", True), ("metric", "api_calls", True), ("metric", "users", True), ("quantity", -1, True),
                                             ("quantity", 1.1e15, True), ("quantity", "NaN", True), ("at", "2999-01-01T00:00:00Z", True), ("idempotency_key", "k" * 256, True),
                                             ("idempotency_key", "a\0b", True), ("quantity", "much", False), ("quantity", None, False), ("surprise", 1, False), ("metric", "", False),
                                             ("at", "yesterday", False), ("dimensions", [1], False), ("quantity", [], False), ("at", 7, False)), 1):
            data[name] = value
            if intake:
                event.metered = False
            else:
                event.of_schema = False
    if event.of_schema and metric == "active_users" and data["metric"] == "active_users" and seldom(r):  # else what was wrong is mended
        data["dimensions"] = {"note": event.mark, **r.choice(({}, {"member": ""}, {"member": "m" * 256}, {"member": "a\0b"}))}
        event.metered = False
    event.data = json.dumps(data, ensure_ascii=r.random() < 0.5).encode()
    event.depth = 2


def draw(r, mark, tenant, single=True):
    event = plain(mark, tenant)
    if r.random() < 0.2:
        usage(r, event)
        if r.random() < 0.3:
            r.choice((identities, sources, subjects, claims, json_content))(r, event)
        return event
    if single and r.random() < 0.004:
        large(r, event)
        return event
    drawn = r.sample(ASPECTS, r.choice((0, 1, 1, 1, 2, 2, 3)))
    if many in drawn:  # counts what is there, so it comes last
        drawn = [each for each in drawn if each is not many] + [many]
    for n, aspect in enumerate(drawn):
        if not any(aspect in kind and any(each in kind for each in drawn[:n]) for kind in (OF_DATA, OF_CONTENT)):
            aspect(r, event)
    return event


# ---- forms ---------------------------------------------------------------------------------------------------------


def judge_all(event):
    """By what is sent of it in the end."""
    said = {"id": "", "time": "", "tenantid": "", **event.attributes}
    event.judge(re.fullmatch(r"[A-Za-z0-9._-]{1,128}", said["type"]) is not None and said["type"] not in PRIVILEGED)
    event.judge(len(said["id"].encode()) <= 255)
    event.judge(not said["time"] or instant(said["time"]) is not None)
    event.judge(said["tenantid"] in ("", event.tenant))
    for name, value in event.attributes.items():
        event.judge(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name) is not None and len(str(value).encode()) <= VALUE_MAX and not re.search(r"[\0-\x1f\x7f]", str(value)))
    event.judge(len(counted(event)) <= ATTRIBUTES_MAX and attributes_size(event) <= ATTRIBUTES_BYTES_MAX)
    json_told = is_json(event.content_type)
    if json_told is None or len(event.content_type.encode()) > 255:
        event.judge(None)
    elif json_told:
        event.judge(event.is_text and event.of_schema and event.depth <= DEPTH_MAX)
    elif event.is_usage:
        event.judge(False)


def is_json(content_type):
    """None where it is no media type: then nothing is expected."""
    token = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
    found = re.fullmatch(rf"""({token})/({token})(?:\s*;\s*(?:{token}=(?:{token}|"(?:[^"\\]|\\.)*"))?)*\s*""", content_type)
    if found is None:
        return None
    major, minor = found.group(1).lower(), found.group(2).lower()
    return (major, minor) in (("application", "json"), ("text", "json")) or minor.endswith("+json")


def padded(event, body, limit):
    """The body with its padding: as large as it may be, or a byte more."""
    if not event.pad:
        return body
    padding = b"p" * (limit - len(body) + len(b"@PAD@") + (event.pad == "over"))
    event.data = event.data.replace(b"@PAD@", padding)
    event.judge(event.pad == "at")
    return body.replace(b"@PAD@", padding)


def structured(r, event, quirks=True):
    members = [(b'"specversion"', b'"1.0"')]
    for name, value in event.attributes.items():
        spelled = name.upper() if r.random() < 0.05 and name not in ("specversion",) and name.isascii() else name
        if isinstance(value, str) and value in ("true", "false", "-1") and r.random() < 0.5:
            members.append((quoted(r, spelled), value.encode()))
        else:
            members.append((quoted(r, spelled), quoted(r, value)))
    if event.told_type or event.encoded:
        members.append((b'"datacontenttype"', quoted(r, event.content_type)))
    if is_json(event.content_type) and not event.encoded:
        members.append((b'"data"', event.data))
    else:
        # A text can stand as a JSON string.
        as_text = not event.encoded or r.random() < 0.5
        try:
            text = event.data.decode() if as_text and not is_json(event.content_type) else None
        except UnicodeDecodeError:
            text = None
        members.append((b'"data_base64"', b'"' + base64.b64encode(event.data) + b'"') if text is None else (b'"data"', quoted(r, text)))
    if r.random() < 0.05:
        members.append((b'"nothing"', b"null"))
    if quirks and r.random() < 0.04:
        members.append(r.choice(((b'"nested"', b"[1]"), (b'"SOURCE"', b'"/twice"'))))
        event.judge(False)
    r.shuffle(members)
    return b"{" + b",".join(white(r) + name + white(r) + b":" + white(r) + value + white(r) for name, value in members) + b"}"


def older(r, event):
    """It knows few attributes, and its payload is an object."""
    event.older = True
    kept = {name: event.attributes[name] for name in ("id", "type", "time", "tenantid") if name in event.attributes}
    kept["tenantid"] = kept.get("tenantid", event.tenant)
    if r.random() < 0.5 and not event.is_usage:
        kept.pop("id", None)
    elif event.mark not in kept["id"]:
        kept["id"] = kept["id"][:200] + event.mark  # no source tells it from others
    event.attributes = kept
    event.content_type, event.told_type, event.encoded = "application/json", False, False
    # The id may be gone: the bytes alone must tell it from others. What JSON cannot hold is its payload all the same.
    if not event.data.startswith(b"{") and event.depth:
        event.data, event.depth = b'{"mark":"%s","wrapped":' % event.mark.encode() + event.data + b"}", event.depth + 1
    elif not event.depth:
        event.data, event.is_text, event.depth = b'{"mark":"%s"}' % event.mark.encode(), True, 1
    members = [(b'"event"', quoted(r, kept["type"])), (b'"tenant_id"', quoted(r, kept["tenantid"])), (b'"payload"', event.data)]
    if "id" in kept:
        members.append((b'"id"', quoted(r, kept["id"])))
    if "time" in kept:
        members.append((b'"timestamp"', quoted(r, kept["time"])))
    if r.random() < 0.5:
        site = r.choice(("123", "123456789012345678901234567890", '"\\u00e9"', "-0", '"x"', "1.5", "[]", "true") if seldom(r) else ("7", '"x"'))
        members.append((b'"website_id"', site.encode()))
        if site in ("1.5", "[]", "true"):
            event.judge(False)
        event.attributes["subject"] = "website/" + (json.loads(site) if site.startswith('"') else site)
    r.shuffle(members)
    return b"{" + b",".join(white(r) + name + b":" + white(r) + value for name, value in members) + white(r) + b"}"


def wire_data(r, event):
    """The data of binary mode: all of the body. White space around a JSON text is of it."""
    if is_json(event.content_type) and not event.pad and r.random() < 0.2:
        event.data = white(r) + event.data + white(r)
    return padded(event, event.data, EVENT_MAX)


def percent(r, text):
    plain_ones = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-._~:+"
    out = b"".join(bytes([c]) if c in plain_ones else (b"%%%02X" if r.random() < 0.5 else b"%%%02x") % c for c in text.encode())
    return b'"' + out + b'"' if r.random() < 0.2 else out


def http(r, mode, events, tenant):
    sending = Sending("http", mode, tenant, events)
    event = events[0]
    if mode == "batch":
        sending.body = b"[" + b",".join(white(r) + structured(r, each, False) + white(r) for each in events) + b"]"
        sending.fields.append(("Content-Type", r.choice((b"application/cloudevents-batch+json", b"Application/CloudEvents-Batch+JSON; charset=utf-8"))))
    elif mode == "structured":
        sending.body = padded(event, structured(r, event), EVENT_MAX)
        sending.fields.append(("Content-Type", r.choice((b"application/cloudevents+json", b"application/json", b"application/CloudEvents+json; charset=UTF-8"))))
    elif mode == "older":
        sending.body = padded(event, older(r, event), EVENT_MAX)
        sending.fields.append(("Content-Type", b"application/json"))
    else:
        sending.body = wire_data(r, event)
        event.attributes = {name: value for name, value in event.attributes.items() if re.fullmatch(r"[A-Za-z0-9._-]+", name)}  # others are no field's name
        if sum(len(percent(random.Random(0), value)) for value in event.attributes.values()) > 8192:
            event.judge(None)  # a request's head has its own limits
        sending.fields = [(f"ce-{name}" if r.random() < 0.8 else f"CE-{name.upper()}", percent(r, value)) for name, value in {"specversion": "1.0", **event.attributes}.items()]
        if not event.content_type.isascii():
            event.judge(None)
        sending.fields.append(("Content-Type", event.content_type.encode()))
    sending.repeatable = all("id" in each.attributes and each.attributes["id"] for each in events) or mode == "older"
    return sending


class Field:
    """A header value of a type that pika does not send by itself."""

    def __init__(self, code, data):
        self.encoded = code + data


def encode_value(pieces, value, usual=pika.data.encode_value):
    if isinstance(value, Field):
        pieces.append(value.encoded)
        return len(value.encoded)
    return usual(pieces, value)


pika.data.encode_value = encode_value


def typed(r):
    """A header's value in a type of AMQP's, and the text it must become; None where it is no attribute's."""
    real = r.choice((0.0, 1.5, -0.1, 1e300, 5e-324))
    single = struct.unpack(">f", struct.pack(">f", r.choice((0.1, -2.5, 1e30))))[0]
    return r.choice((
        (Field(b"t", b"\1"), "true"), (Field(b"t", b"\0"), "false"), (Field(b"b", struct.pack(">b", -128)), "-128"), (Field(b"B", b"\xff"), "255"),
        (Field(b"s", struct.pack(">h", -32768)), "-32768"), (Field(b"u", b"\xff\xff"), "65535"), (Field(b"I", struct.pack(">i", -2**31)), "-2147483648"),
        (Field(b"i", b"\xff" * 4), "4294967295"), (Field(b"l", struct.pack(">q", -2**63)), str(-2**63)), (Field(b"l", struct.pack(">q", 2**63 - 1)), str(2**63 - 1)),
        (Field(b"d", struct.pack(">d", real)), ("real", real)), (Field(b"f", struct.pack(">f", single)), ("real", single)),
        (Field(b"S", struct.pack(">I", 2) + "é".encode()), "é"), (Field(b"x", struct.pack(">I", 3) + b"abc"), "abc"), (Field(b"T", struct.pack(">Q", 0)), "1970-01-01T00:00:00Z"),
        (Field(b"T", struct.pack(">Q", 253402300799)), "9999-12-31T23:59:59Z"), (Field(b"D", b"\2" + struct.pack(">i", 12345)), ("real", 123.45)),
        (Field(b"V", b""), ""),
        (Field(b"x", struct.pack(">I", 2) + b"\xff\xfe"), None), (Field(b"S", struct.pack(">I", 3) + b"a\0b"), None), (["a"], None), ({"a": 1}, None), ([], None), ({}, None)))


def amqp(r, mode, events, tenant):
    event, = events
    sending = Sending("amqp", mode, tenant, events)
    properties = sending.properties = {"delivery_mode": 2, "headers": {}}
    headers = properties["headers"]
    if mode == "binary":
        prefix = r.choice(("cloudEvents_", "cloudEvents:"))
        for name, value in {"specversion": "1.0", **event.attributes}.items():
            headers[prefix + name] = value
        if seldom(r, 0.4) and len(event.attributes) < 40:
            value, text = typed(r)
            headers[prefix + "typed"] = value
            event.attributes["typed"] = text
            event.judge(text is not None)
        sending.body = wire_data(r, event)
        properties["content_type"] = event.content_type
        if len(event.content_type) > 255:
            event.content_type = properties["content_type"] = "application/json"
    elif mode == "structured":
        sending.body = padded(event, structured(r, event), EVENT_MAX)
        properties["content_type"] = r.choice(("application/cloudevents+json", "application/json", "application/cloudevents; charset=\"utf-8\""))
    else:
        sending.body = padded(event, older(r, event), EVENT_MAX)
        properties["content_type"] = r.choice(("application/json", "text/json", ""))
    sending.key = event.type if event.is_usage else r.choice((event.mark, f"hostile.{event.mark}", f"a.b.c.{event.mark}", (event.mark + ".").ljust(255, "k"), f"\u00e9.{event.mark}"))
    around(r, sending, headers, event)
    return sending


def around(r, sending, headers, event):
    """What stands beside an event in a message: kept out of it, or refused."""
    properties = sending.properties
    if r.random() < 0.5:
        properties["user_id"] = "tenant-" + sending.tenant
    if r.random() < 0.2 and not event.attributes.get("id"):
        properties["message_id"] = "message-" + event.mark
    elif r.random() < 0.1:
        properties["message_id"] = r.choice(("", "m" * 255, "é", "0190a000-0000-7000-8000-000000000001")) if event.attributes.get("id") else "m-" + event.mark
    if r.random() < 0.15:
        properties["expiration"] = r.choice(("0", "1", "5", "60000", "4294967295"))
    if r.random() < 0.1:
        headers[r.choice(("CC", "BCC"))] = r.choice((["other.key"], ["a", "b", "usage.recorded"], [], ["hostile"]))
    if r.random() < 0.1:
        headers["x-" + r.choice(("table", "list", "text", "odd"))] = r.choice(({"a": {"b": [1, {"c": None}]}}, [[[]]], "\u00e9", Field(b"x", struct.pack(">I", 2) + b"\xff\0")))
    if seldom(r, 0.03) and not event.is_usage:
        table = 1
        for _ in range(r.choice((17, 40, 100))):
            table = {"t": table}
        headers["nested"] = table
        event.judge(False)
    if seldom(r, 0.04):
        name, value, verdict = r.choice((("tenantry-event-id", "0190a000-0000-7000-8000-000000000001", True), ("tenantry-attempts", "999999999999", True), ("tenantry-redrives", "-1", True),
                                         ("tenantry-exchange", sending.tenant + ".events", True), ("tenantry-original", "{", True), ("x-first-death-reason", "expired", True),
                                         ("x-death", [{"reason": "expired"}], None), ("CC", ["payment.succeeded"], False)))
        if not (name == "CC" and name in headers):
            headers[name] = value
            event.judge(verdict)
    if "nested" in headers:
        properties.pop("expiration", None)  # what has expired bears no routing key, and all else that tells it cannot be read
    if event.is_usage and seldom(r, 0.05):
        sending.key = "another." + event.mark
        event.judge("usage.recorded" in headers.get("CC", ()))
    if "x-death" in headers:
        event.judge(False if "expiration" in properties else None)
    if seldom(r, 0.05):
        properties["content_encoding"], verdict = r.choice((("gzip", False), ("deflate", False), ("utf-8", True), ("identity", True), ("\u00e9", False), ("UTF-8", True)))
        event.judge(verdict)
    if r.random() < 0.1:
        properties.update(r.choice(({"priority": 255}, {"timestamp": 2**63}, {"type": "payment.succeeded"}, {"app_id": "tenantry"}, {"reply_to": "amq.rabbitmq.reply-to"}, {"correlation_id": "\u00e9" * 100})))
        if properties.get("reply_to"):
            properties.pop("reply_to")


# ---- the k-th sending ----------------------------------------------------------------------------------------------


def mark_of(*parts):
    return "hx" + hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:14]


MODES = {"http": ("structured", "structured", "binary", "binary", "older", "batch"), "amqp": ("structured", "structured", "binary", "binary", "binary", "older")}


def make(seed, tenant, way, k):
    """The k-th sending of a way in. Some are of an event that was sent before, by any way, in another form."""
    r = random.Random(f"{seed}/{tenant}/{way}/{k}")
    sending = first(r, seed, tenant, way, k)
    if sending is not None:
        return sending
    again = original(seed, tenant, r.choice(("http", "amqp")), r.randrange(k))
    if again is None:
        return dress(r, way, "structured", [draw(r, mark_of(seed, tenant, way, k, 0), tenant)], tenant)
    if not again.is_usage:  # copies of a usage say the same
        again.attributes["time"] = "2026-01-15T10:30:00Z"
        r.choice((numbers, words, times, json_content))(r, again)
    return dress(r, way, r.choice(("structured", "binary")), [again], tenant)


def first(r, seed, tenant, way, k):
    """A sending of events of its own; None where the k-th is of an earlier event."""
    mode = r.choice(MODES[way])
    if k > 10 and r.random() < 0.1:
        return None
    if mode != "batch":
        return dress(r, way, mode, [draw(r, mark_of(seed, tenant, way, k, 0), tenant)], tenant)
    events = [draw(r, mark_of(seed, tenant, way, k, n), tenant, False) for n in range(r.choice((1, 2, 5, 30, 100)))]
    if r.random() < 0.85:  # most are taken: what is bad is left out before it is sent
        for each in events:
            judge_all(each)
        events = [each for each in events if each.good and each.metered is not False and attributes_size(each) < 2000]
    return dress(r, way, mode, events or [plain(mark_of(seed, tenant, way, k, 0), tenant)], tenant)


def original(seed, tenant, way, k):
    """An event of the k-th sending that can be sent again; None where it is no such."""
    sending = first(random.Random(f"{seed}/{tenant}/{way}/{k}"), seed, tenant, way, k)
    if sending is None or sending.mode not in ("structured", "binary") or not sending.good:
        return None
    r = random.Random(f"{seed}/{tenant}/{way}/{k}")
    r.choice(MODES[way])
    if k > 10:
        r.random()
    event = draw(r, mark_of(seed, tenant, way, k, 0), tenant)
    simple = event.attributes.get("id") and not event.pad and event.content_type == "application/json" and len(event.attributes) <= 6
    return event if simple and event.metered is not False else None


def dress(r, way, mode, events, tenant):
    sending = http(r, mode, events, tenant) if way == "http" else amqp(r, mode, events, tenant)
    for each in events:
        judge_all(each)
        if mode == "batch":
            each.judge(len(sending.body) <= BATCH_BYTES_MAX)
    return sending
