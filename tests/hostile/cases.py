# SPDX-License-Identifier: GPL-2.0
"""What no good server does, and what has to come of it: a table of cases.

A case has a name, a behaviour (what ftpscript.py calls a case: the steps for each command, those for MOVE being
RETR's, STOR's and APPE's), and an outcome for each direction that it is for. The outcomes follow from what users
are promised, and from RFC 959, 1123, 2428, 2577 and 3659, not from what the module happens to do.
"""

import contextlib
import dataclasses
import functools
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server"))
from ftpscript import (
    BODIES, CASES, EVIL, PAYLOAD, RESUMABLE, STORING, Over, break_data, connect, connect_from, connect_later, drip,
    drop, echo_password, fate, finish, flood, grace, half_close, hang_up, move, pause, refusal, reset, second, send,
    send_urgent, serve, serve_until, stall, take, tell_store_size, third, third_reset, trickle, when_offset)

# What is at a destination before, and on the server before a put or an append.
OLD = b"old\n"
DIRECTIONS = ("get", "put", "append")
FAMILIES = (4, 6)
# What a file is called on the server.
REMOTE = "some/file"
# Milliseconds in which something that waits for nothing is over, and that a wait may take longer than it should.
AT_ONCE = 15000
LATE = 6000
# A file's time, when the server says none.
NOW = None
# And less: the kernel counts ticks, which come late where the machine is busy, and are made up for at once.
EARLY = 250


@dataclasses.dataclass
class Outcome:
    """What has to come of a job; None is: never mind."""
    # The errno's name, or several of which one has to be, or "0".
    error: object
    # reply_code, and a pattern for reply.
    code: int = None
    reply: str = None
    # The last command but QUIT that the client sent.
    last: str = None
    # Whether it said QUIT.
    quits: bool = None
    # Milliseconds; after them the job has to be over, and not before.
    least: int = 0
    most: int = AT_ONCE
    # A pattern of the server's log, and how many lines of it have to match: a number, or a range from, to.
    saw: tuple = ()
    # More files of the job's state.
    state: dict = dataclasses.field(default_factory=dict)
    # What is at the destination afterwards; the store's, of a put. What was sent, unless it is said.
    content: bytes = None
    # The commands follow another order, or come more than once.
    free: bool = False
    # The file's time of change, in seconds; now, unless it is said.
    mtime: int = None


def done(**more):
    more.setdefault("code", 226)
    return Outcome("0", **more)


def fails(error, **more):
    return Outcome(error, **more)


def times_out(seconds=3, **more):
    return Outcome("ETIMEDOUT", least=seconds * 1000, most=seconds * 1000 + LATE, **more)


@dataclasses.dataclass
class Case:
    name: str
    behaviour: dict
    outcomes: dict
    families: tuple
    attributes: dict
    # Which of the server's files a get fetches, or of the local ones a put sends.
    file: str
    # What it is called on the server.
    remote: str


TABLE = []
NAMES = set()
NEVER = Outcome(None)


def case(name, behaviour, outcome=None, *, get=None, put=None, append=None, families=FAMILIES, file="",
         remote=None, **attributes):
    """An outcome for all directions, or for each; NEVER where the case makes no sense."""
    if behaviour is None:
        behaviour = CASES[name]
    outcomes = {direction: own or outcome for direction, own in zip(DIRECTIONS, (get, put, append))}
    outcomes = {direction: what for direction, what in outcomes.items() if what and what is not NEVER}
    if not outcomes:
        raise ValueError(f"{name} has no outcome")
    if name in NAMES:
        raise ValueError(f"{name} is there twice")
    NAMES.add(name)
    for what in outcomes.values():
        # What has to wait so long is told to.
        if what.least and not attributes:
            attributes = {"timeout_sec": what.least // 1000}
    TABLE.append(Case(name, behaviour, outcomes, families, attributes, file, remote or file or REMOTE))


def login(name, behaviour, outcome, **more):
    """What an append does as a put does."""
    case(name, behaviour, get=outcome, put=outcome, **more)


def fetch(name, behaviour, outcome, **more):
    case(name, behaviour, get=outcome, **more)


def store(name, behaviour, outcome, **more):
    case(name, behaviour, put=outcome, append=outcome, **more)


# Steps

def size_of(session):
    if session.case["DIRECTION"] == "get":
        return len(session.body())
    try:
        return os.path.getsize(session.store())
    except FileNotFoundError:
        return -1


def size(before=b"", after=b"\r\n"):
    """The right answer to SIZE, with something around it."""
    return lambda session: session.say(before + b"213 %d" % size_of(session) + after)


def begin(session):
    """The first of the data; the rest stays to be moved."""
    if session.verb == "RETR":
        send(PAYLOAD[:1024])(session)
    else:
        take(1024, append=session.verb == "APPE")(session)


def rest(session):
    """What begin leaves."""
    if session.verb == "RETR":
        send(PAYLOAD[1024:])(session)
    else:
        take(append=True)(session)


def receive(session):
    """Takes all, and keeps nothing."""
    session.data.settimeout(5)
    try:
        while session.data.recv(65536):
            pass
    except OSError:
        pass


def together(*parts):
    """Says things in one segment with the end of the connection."""
    def step(session):
        session.control.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        for part in parts:
            session.say(part)
        session.control.shutdown(socket.SHUT_WR)
        session.control.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        raise Over("hung up")
    return step


def half_hang_up(session):
    """Says nothing more, and listens."""
    session.control.shutdown(socket.SHUT_WR)
    stall(session)


def say_and_reset(what):
    """What is said is there before the reset is, if the client looks."""
    def step(session):
        session.say(what)
        reset(session)
    return step


def urgent(byte):
    return lambda session: session.control.send(byte, socket.MSG_OOB)


def half_close_and_reset(session):
    """An end in good order, and right after it one that is none."""
    session.data.shutdown(socket.SHUT_WR)
    break_data(session)


def connect_from_link_local(session):
    """The server too, but by another of its addresses than the client knows it by."""
    with socket.socket(socket.AF_INET6) as sock:
        sock.settimeout(5)
        try:
            sock.bind(("fe80::1", 0, 0, socket.if_nametoindex("eth0")))
            sock.connect((*session.target, 0, 0))
            sock.sendall(EVIL)
            session.note_data("other", fate(sock, 5))
        except OSError as error:
            session.note_data("other", refusal(error))


def mute(session):
    """Not even the end of the connection is said until the client has gone."""
    session.control.settimeout(60)
    while session.control.recv(4096):
        pass
    raise Over("the client closed")


def dribble(payload, piece, interval=0.0):
    def step(session):
        for at in range(0, len(payload), piece):
            send(payload[at:at + piece])(session)
            time.sleep(interval)
    return step


def scatter(payload, piece):
    """In pieces that lie side by side nowhere: what goes elsewhere is between them in the kernel's pages."""
    def step(session):
        with socket.create_server(("127.0.0.1", 0)) as server, \
                socket.create_connection(server.getsockname()) as elsewhere:
            for at in range(0, len(payload), piece):
                send(payload[at:at + piece])(session)
                elsewhere.send(b"-" * piece)
    return step


def some_of(body, size):
    """The first of the file is there."""
    def step(session):
        with open(session.store(), "wb") as file:
            file.write(body[:size])
    return step


def sip(piece, interval):
    """Takes all into the store, slowly."""
    def step(session):
        session.data.settimeout(60)
        with open(session.store(), "ab" if session.verb == "APPE" else "wb") as file:
            while True:
                try:
                    data = session.data.recv(piece, socket.MSG_WAITALL)
                except OSError as error:
                    session.note(f"data not taken: {error}")
                    return
                if not data:
                    return
                file.write(data)
                time.sleep(interval)
    return step


def beside(*steps):
    """Beside the dialogue, not in it."""
    def step(session):
        def run():
            # There is nothing left to do it with once the session is over.
            with contextlib.suppress(AttributeError, OSError, Over):
                session.take_steps(steps)
        threading.Thread(target=run, daemon=True).start()
    return step


def third_all_the_while(*steps):
    """Another host that connects again and again, while the server takes its steps."""
    def step(session):
        over = threading.Event()

        def run():
            while not over.wait(0.005):
                third(0)(session)
                if session.spare:
                    session.spare.pop().close()

        threading.Thread(target=run, daemon=True).start()
        try:
            session.take_steps(steps)
        finally:
            over.set()
    return step


def watch_data(seconds):
    """What the client says on a data connection where it has nothing to say."""
    return lambda session: session.note_data("watched", fate(session.data, seconds))


def first_time(bad, good):
    """Badly to the first connection, well to those that come later."""
    return lambda session: session.take_steps(bad if session.number == 1 else good)


def when_sent(before, after):
    """One before the file was sent, the other after it."""
    return lambda session: session.take_steps(after if session.target else before)


def lines_of(code, count):
    return ["\r\n".join([f"{code}-line"] * (count - 1) + [f"{code} line"])]


def bytes_of(code, total):
    """A reply of so many bytes, with all its line ends."""
    first, last = f"{code}-x\r\n", f"{code} x\r\n"
    left = total - len(first) - len(last)
    lines = []
    while left:
        # No line of less than its end.
        line = min(left, 4000 if left >= 4010 or left == 4000 else left - 10 if left > 4000 else left)
        lines.append("y" * (line - 2) + "\r\n")
        left -= line
    what = first + "".join(lines) + last
    assert len(what) == total
    return [what.encode()]


def line_of(code, length):
    """A line of so many bytes before its end."""
    return f"{code} " + "x" * (length - 4)


ERRNO = {
    421: "EAGAIN", 425: "EAGAIN", 426: "EAGAIN", 450: "EAGAIN", 451: "EAGAIN",
    530: "EACCES", 332: "EACCES", 550: "ENOENT", 452: "ENOSPC", 552: "ENOSPC", 553: "EPERM",
}


def errno_of(code):
    return ERRNO.get(code, "EAGAIN" if code // 100 == 4 else "EPROTO")


GO = ["150 go on", connect, move, finish]
GOOD = [*GO, "226 done"]
BEGUN = ["150 go on", connect, begin]
# The commands of which a reply is needed, and a good one.
NEEDED = {"USER": "331 pw", "PASS": "230 in", "TYPE": "200 so be it", "PORT": "200 noted"}
STAGES = [*NEEDED, "MOVE"]

# Where a reply ends

case("plain", None, done())
case("segments-of-one-byte", None, done())
for piece in (2, 3, 5, 7, 11):
    login(f"segments-of-{piece}-bytes", {"PACE": 0.001, "PIECE": piece}, done())
login("replies-in-one-segment", {
    "GREETING": [b"120 soon\r\n120 sooner\r\n220-now\r\n220 ready\r\n"],
    "RETR": [connect, send(PAYLOAD), finish, b"150 coming\r\n226-sent\r\n226 all\r\n"],
}, done())
case("inner-lines-like-replies", {
    "GREETING": [b"220-hello\r\n421 no\r\n 220 x\r\n220-still\r\n530 no\r\n220 now\r\n"],
    "PASS": [b"230-in\r\n530 no\r\n 230 x\r\n230\r\n2300 y\r\n230-more\r\n231 z\r\n230 now\r\n"],
    "MOVE": [b"150-coming\r\n226 no\r\n 150 x\r\n226-no\r\n150 now\r\n", connect, move, finish,
             b"226-sent\r\n550 no\r\n 226 x\r\n226 now\r\n"],
}, done())
login("another-code-at-the-end", {"TYPE": [b"200-so\r\n226 be\r\n220 it\r\n", pause(1), "200 then"]}, done(least=1000),
      timeout_sec=60)
for stage in ("GREETING", "USER", "PASS", "TYPE", "PORT"):
    good = "220" if stage == "GREETING" else NEEDED[stage][:3]
    login(f"another-code-for-ever-{stage.lower()}", {stage: [
        f"{good}-so\r\n226 be\r\n530 it\r\n 530 no".encode(), stall]},
          times_out(last=None if stage == "GREETING" else stage))
case("150-never-ends", {"MOVE": [b"150-coming\r\n226 no\r\n", connect, stall]}, times_out())
case("226-never-ends", {"MOVE": [*GO, b"226-sent\r\n250 no\r\n", stall]}, times_out())
login("only-codes", {"GREETING": ["220"], "USER": ["331"], "PASS": ["230 "], "TYPE": ["200"], "PORT": ["200"],
                     "MOVE": ["150", connect, move, finish, "226"]}, done(reply=""))
login("empty-lines-inside", {"PASS": [b"230-\r\n\r\n\r\n230 \r\n"]}, done())
login("space-after-code-only-at-the-end", {"PASS": [b"230-x\r\n230\r\n230-\r\n230 \r\n"]}, done())
login("no-line-end-for-ever", {"PASS": [b"230 in", stall]}, times_out(last="PASS"))
login("cr-for-ever", {"PASS": [b"230 in\r", stall]}, times_out(last="PASS"))
login("hang-up-without-line-end", {"PASS": [b"230 in", hang_up]}, fails("ECONNRESET", last="PASS"))
login("hang-up-in-lines", {"PASS": [b"230-in\r\n231 no\r\n", hang_up]}, fails("ECONNRESET", last="PASS"))
login("bare-lf", {
    "GREETING": [b"220-hi\n220 hi\n"], "USER": [b"331 pw\n"], "PASS": [b"230-in\n230 in\n"],
    "TYPE": [b"200 yes\n"], "SIZE": [size(after=b"\n")], "PORT": [b"200 noted\n"],
    "MOVE": [b"150 coming\n", connect, move, finish, b"226 sent\n"],
}, done())
login("mixed-line-ends", {"PASS": [b"230-a\n b\r\n\n\r\n230 c\n"]}, done())
login("two-crs", {"PASS": [b"230 in\r\r\n"]}, done())
login("cr-inside", {"PASS": [b"230-in\r230 no\r\n230 in\rx\r\n"]}, done())
# The CR is the beginning of a reply that nobody asked for.
for stage in ("GREETING", "USER", "TYPE"):
    good = "220 hi" if stage == "GREETING" else NEEDED[stage]
    login(f"lf-cr-{stage.lower()}", {stage: [good.encode() + b"\n\r", stall]},
          fails("EPROTO", last=None if stage == "GREETING" else stage))
login("nul-bytes", {"PASS": [b"230-\0\0in\r\n\0230 no\r\n230 \0in\0\r\n"]}, done())
login("nul-for-a-space", {"TYPE": [b"200\0so\r\n"]}, fails("EPROTO", last="TYPE"))

for length in (4000, 4090, 4094, 4095, 4096):
    login(f"line-of-{length}", {"PASS": [line_of(230, length)]}, done())
login("line-of-4096-inside", {"PASS": ["230-in", "x" * 4096, "230 in"]}, done())
for length in (4097, 4098, 4200, 65536):
    login(f"line-of-{length}", {"PASS": [line_of(230, length)]}, fails("EPROTO", last="PASS"))
login("line-of-4097-inside", {"PASS": ["230-in", "x" * 4097, "230 in"]}, fails("EPROTO", last="PASS"))
login("line-of-4096-and-a-cr", {"PASS": [line_of(230, 4096).encode() + b"\r\r\n"]}, fails("EPROTO", last="PASS"))
login("line-without-end", {"PASS": [b"230 " + b"x" * 5000, stall]}, fails("EPROTO", last="PASS"))
login("line-of-4096-without-end", {"PASS": [line_of(230, 4096).encode(), stall]}, times_out(last="PASS"))
login("line-of-4097-without-end", {"PASS": [line_of(230, 4097).encode(), stall]}, fails("EPROTO", last="PASS"))
login("line-without-end-flood", {"PASS": [flood(b"230 ", b"x" * 1024)]}, fails("EPROTO", last="PASS"))
case("line-too-long-150", {"MOVE": [line_of(150, 5000), stall]}, fails("EPROTO"))
case("line-too-long-226", {"MOVE": [*GO, line_of(226, 5000)]}, fails("EPROTO"))
for count in (100, 250, 255, 256):
    login(f"reply-of-{count}-lines", {"GREETING": lines_of(220, count), "PASS": lines_of(230, count)}, done())
for count in (257, 300):
    login(f"reply-of-{count}-lines", {"PASS": lines_of(230, count)}, fails("EPROTO", last="PASS"))
    login(f"greeting-of-{count}-lines", {"GREETING": lines_of(220, count)}, fails("EPROTO", saw=[("< USER*", 0)]))
login("reply-of-256-lines-and-no-end", {"PASS": [("230-x\r\n" * 256).encode(), stall]}, fails("EPROTO", last="PASS"))
login("reply-of-255-lines-and-no-end", {"PASS": [("230-x\r\n" * 255).encode(), stall]}, times_out(last="PASS"))
for total in (57344, 65535, 65536):
    login(f"reply-of-{total}-bytes", {"PASS": bytes_of(230, total)}, done())
for total in (65537, 65538, 81920):
    login(f"reply-of-{total}-bytes", {"PASS": bytes_of(230, total)}, fails("EPROTO", last="PASS"))
login("reply-without-end-flood", {"TYPE": [flood(b"200-so\r\n", b"and on\r\n")]}, fails("EPROTO", last="TYPE"))
# As much as is received at once, and a little less and more.
for total in (510, 511, 512, 513, 1023, 1024, 1025):
    login(f"reply-of-{total}-bytes", {"PASS": [line_of(230, total - 2)]}, done())
login("reply-without-end-slow", {"TYPE": [drip(b"200-so\r\n", b"and on\r\n", 1)]}, times_out(4, last="TYPE"),
      deadline_sec=4)
login("nul-flood", {"TYPE": [flood(b"", b"\0" * 1024)]}, fails("EPROTO", last="TYPE"))
login("lf-flood", {"TYPE": [flood(b"", b"\n" * 1024)]}, fails("EPROTO", last="TYPE"))
login("cr-flood", {"TYPE": [flood(b"200-", b"\r" * 1024)]}, fails("EPROTO", last="TYPE"))

# What is no reply

for name, what in {
        "text": b"so be it", "empty": b"", "space": b" ", "hyphen": b"-", "2-digits": b"20 x", "1-digit": b"2 x",
        "2-digits-only": b"20", "4-digits": b"2000 x", "negative": b"-200 x", "plus": b"+200 x",
        "space-first": b" 200 x",
        "tab-first": b"\t200 x", "space-inside": b"2 00 x", "dot": b"200.x", "colon": b"200:x", "tab": b"200\tx",
        "no-space": b"200x", "underscore": b"200_x", "letter-o": b"2oo x", "hex": b"0x200 x", "nul-first": b"\0200 x",
        "nul-inside": b"20\0 x", "000": b"000 x", "099": b"099 x", "600": b"600 x", "631": b"631 x", "999": b"999 x",
        "code-0-only": b"0", "superscript": b"\xb2\xb0\xb0 x", "fullwidth": "\uff12\uff10\uff10 x".encode(),
        "iac-first": b"\xff\xf1200 x", "utf-8-mark": b"\xef\xbb\xbf200 x", "cr-first": b"\r200 x",
        "lf-first": b"\n200 x", "iso-status": b"HTTP/1.1 200 OK", "a-command": b"TYPE I"}.items():
    login(f"no-reply-{name}", {"TYPE": [what + b"\r\n"]}, fails("EPROTO", last="TYPE"))
for stage in STAGES:
    case(f"no-reply-to-{stage.lower()}", {stage: ["what?"]},
         fails("EPROTO", last={"MOVE": None}.get(stage, stage)))
case("no-reply-for-226", {"MOVE": [*GO, "thank you"]}, fails("EPROTO"))

# What a reply's text may have

login("odd-bytes", {
    "GREETING": [b"220-\xff\xfb\x01\xff\xfd\x18 \x1b[2J\r\n\xff\xf2\xe9\r\n220 caf\xe9 \xc3\xa9\r\n"],
    "PASS": [b"230 \x1b]0;owned\x07 \x08\x7f\x80 a\rb\r\n"],
}, done())
ESCAPED = {
    "esc": (b"no \x1b[31mred\x1b[0m", r"no \\x1b\[31mred\\x1b\[0m"),
    "cr": (b"a\rb", r"a(\\r|\\x0d)b"),
    "lone-crs": (b"\r\r\rx", r"(\\r|\\x0d){3}x"),
    "nul": (b"a\0b", r"a(\\0|\\x00)b"),
    "del": (b"a\x7fb", r"a\\x7fb"),
    "8-bit": (b"caf\xe9", r"caf\\xe9"),
    "utf-8": (b"caf\xc3\xa9", r"caf\\xc3\\xa9"),
    "overlong-utf-8": (b"\xc0\xaf\xed\xa0\x80", r"\\xc0\\xaf\\xed\\xa0\\x80"),
    "c1": (b"\x9b2J\x90", r"\\x9b2J\\x90"),
    "bell-and-backspace": (b"\x07\x08\x0c\x0b", r"(\\[a-z0-9]+){4}"),
    "telnet": (b"\xff\xfb\x01\xff\xf4", r"\\xff\\xfb\\x01\\xff\\xf4"),
    "format": (b"%s%n%p %d", r"%s%n%p %d"),
    "shell": (b"$(reboot) `id` ; rm -rf / '\"", r"\$\(reboot\) `id` ; rm -rf / '\""),
}
for name, (raw, shown) in ESCAPED.items():
    login(f"shown-{name}", {"PORT": [b"550 " + raw + b"\r\n"]},
          fails("ENOENT", code=550, reply=shown, last="PORT"))
login("odd-bytes-in-a-refusal", {"MOVE": CASES["odd-bytes-in-a-refusal"]["RETR"]},
      fails("ENOENT", code=550, quits=True, reply=r"no .*\[31mred.*caf.*end"))
login("refusal-of-many-lines", {"MOVE": [b"550-no\r\n such thing\r\n550 here\r\n"]},
      fails("ENOENT", code=550, quits=True, reply=r"no(\\n|\\x0a) such thing(\\n|\\x0a)here"))
login("refusal-of-255-lines", {"MOVE": lines_of(550, 255)},
      fails("ENOENT", code=550, quits=True, reply=r"line(\\n550-line){20}.*"))
login("refusal-of-1000", {"MOVE": ["550 " + "x" * 1000]}, fails("ENOENT", code=550, reply="x{1000}"))
login("refusal-of-4096", {"MOVE": ["550 " + "x" * 4092]}, fails("ENOENT", code=550, reply="x{1000}"))
login("refusal-all-escaped", {"MOVE": [b"550 " + b"\xff" * 3000 + b"\r\n"]},
      fails("ENOENT", code=550, reply=r"(\\xff){249,250}"))
login("refusal-of-no-text", {"MOVE": ["550"]}, fails("ENOENT", code=550, reply=""))

# The greeting

login("greeting-120", {"GREETING": ["120 in a second", pause(1), "220 now"]}, done(least=1000), timeout_sec=60)
login("greeting-120-twice", {"GREETING": ["120 soon", "120 sooner", "220 now"]}, done())
login("greeting-120-of-lines", {"GREETING": [b"120-soon\r\n220 no\r\n120 soon\r\n", "220 now"]}, done())
login("greeting-120-then-nothing", {"GREETING": ["120 soon", stall]}, times_out(saw=[("< USER*", 0)]))
login("greeting-120-then-421", {"GREETING": ["120 soon", "421 no", hang_up]}, 
      fails("EAGAIN", code=421, saw=[("< USER*", 0)]))
login("greeting-120-then-hang-up", {"GREETING": ["120 soon", hang_up]}, fails("ECONNRESET"))
login("greeting-120-for-ever", {"GREETING": [flood(b"120 soon\r\n", b"120 soon\r\n")]}, fails("EPROTO"))
login("greeting-120-8-times", {"GREETING": [*["120 soon"] * 8, "220 now"]}, done())
login("greeting-120-9-times", {"GREETING": [*["120 soon"] * 9, "220 now"]}, fails("EPROTO"))
login("greeting-120-20-times", {"GREETING": [*["120 soon"] * 20, "220 now", stall]},
      fails("EPROTO", saw=[("< USER*", 0)]))
login("greeting-150-then-220", {"GREETING": ["150 coming", "220 hi"]}, done())
login("greeting-421", None, fails("EAGAIN", code=421, saw=[("< USER*", 0)]))
login("greeting-421-kept-open", {"GREETING": ["421 too many", stall]}, fails("EAGAIN", code=421))
login("greeting-421-together", {"GREETING": [together("421 too many\r\n")]}, fails("EAGAIN", code=421))
login("greeting-421-of-lines", {"GREETING": [b"421-too\r\n220 many\r\n421 here\r\n", hang_up]},
      fails("EAGAIN", code=421))
login("greeting-230", {"GREETING": ["230 hi"]}, done())
for code in (400, 450, 500, 530, 550, 554):
    login(f"greeting-{code}", {"GREETING": [f"{code} not you"]},
          fails(errno_of(code), code=code, saw=[("< USER*", 0), ("< PASS*", 0)]))
for code in (331, 332, 350):
    login(f"greeting-{code}", {"GREETING": [f"{code} password"]},
          fails(errno_of(code), code=code, saw=[("< USER*", 0), ("< PASS*", 0)]))
for name, what in {
        "of-ssh": b"SSH-2.0-OpenSSH_9.2p1\r\n", "of-http": b"HTTP/1.1 400 Bad Request\r\n\r\n<html>\r\n",
        "of-smtp-junk": b"ESMTP ready\r\n", "of-tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n",
        "empty-line": b"\r\n220 hi\r\n",
        "code-999": b"999 hi\r\n", "code-099": b"099 hi\r\n", "code-22": b"22 hi\r\n", "code-2200": b"2200 hi\r\n",
        "code-22a": b"22a hi\r\n"}.items():
    login(f"greeting-{name}", {"GREETING": [what]}, fails("EPROTO", saw=[("< USER*", 0), ("< PASS*", 0)]))
login("greeting-hang-up", None, fails("ECONNRESET"))
login("greeting-half-then-hang-up", {"GREETING": [b"220 h", hang_up]}, fails("ECONNRESET"))
login("greeting-reset", {"GREETING": [reset]}, fails("ECONNRESET"))
login("greeting-then-hang-up", {"GREETING": [together("220 hi\r\n")]}, fails("ECONNRESET"))
login("greeting-then-half-hang-up", {"GREETING": ["220 hi", half_hang_up]}, fails("ECONNRESET"))
login("greeting-then-reset", {"GREETING": [say_and_reset(b"220 hi\r\n")]}, fails("ECONNRESET"))
login("greeting-mute", {"GREETING": [mute]}, times_out(saw=[("< USER*", 0)]))
login("slow-greeting", {"GREETING": [b"220", pause(1.2), b"-h\r\n", pause(1.2), b"220 h", pause(1.2), b"\r\n"]},
      done(least=3500, most=30000), timeout_sec=3)
login("drip-greeting", {"GREETING": [drip(b"220-", b"x", 0.5)]}, times_out(4), timeout_sec=2, deadline_sec=4)
login("drip-greeting-lines", {"GREETING": [drip(b"220-", b"\r\n", 0.5)]}, times_out(4), timeout_sec=2, deadline_sec=4)
login("nobody-listens", {"GREETING": None}, fails("ECONNREFUSED"))

# The log-in

LOGGED_IN = ("230 no password needed", "232 logged in by your certificate")
for reply in LOGGED_IN:
    login(f"user-{reply[:3]}", {"USER": [reply]}, done(saw=[("< PASS*", 0)]))
login("pass-202", {"PASS": ["202 superfluous"]}, done())
login("pass-200", {"PASS": ["200 whatever"]}, done())
login("user-332", {"USER": ["332 which account?"]}, fails("EACCES", code=332, last="USER", quits=True))
login("pass-332", {"PASS": ["332 which account?"]}, fails("EACCES", code=332, last="PASS", quits=True))
login("pass-530", None, fails("EACCES", code=530, last="PASS", quits=True))
login("pass-530-of-lines", {"PASS": [b"530-no\r\n230 in\r\n530 no\r\n"]}, fails("EACCES", code=530, last="PASS"))
login("pass-331", {"PASS": ["331 again please"]}, fails("EPROTO", code=331, last="PASS"))
login("pass-331-for-ever", {"PASS": [flood(b"331 again\r\n", b"331 again\r\n")]},
      fails("EPROTO", code=331, last="PASS"))
login("user-331-twice", {"USER": [b"331 pw\r\n331 pw\r\n"]}, fails("EPROTO", last="USER"))
login("user-331-then-230", {"USER": [b"331 pw\r\n230 in\r\n"]}, fails("EPROTO", last="USER"))
for code in (300, 334, 336, 350):
    login(f"user-{code}", {"USER": [f"{code} next"]}, fails("EPROTO", code=code, last="USER"))
    login(f"pass-{code}", {"PASS": [f"{code} next"]}, fails("EPROTO", code=code, last="PASS"))

ECHOES = {
    "530": [echo_password("530 not ", " surely")],
    "530-alone": [echo_password("530 ", "")],
    "530-twice": [lambda s: s.say(f"530 {s.password}{s.password}\r\n")],
    "530-in-a-word": [echo_password("530 x", "x")],
    "530-the-command": [echo_password("530 PASS ", "?")],
    "530-lines": CASES["pass-530-echo-lines"]["PASS"],
    "530-line-of-its-own": [echo_password("530-no\r\n", "\r\n530 no")],
    "530-first-in-a-line": [echo_password("530-no\r\n", " is no good\r\n530 no")],
    "530-at-the-code": [echo_password("530-no\r\n530-", "\r\n530 no")],
    "530-at-the-end-of-what-is-shown": [echo_password("530 " + "x" * 990, "x" * 100)],
    "530-at-the-last-byte-shown": [echo_password("530 " + "x" * 999, "x" * 100)],
    "530-after-what-is-shown": [echo_password("530 " + "x" * 1500, "")],
    "530-after-much-text": [echo_password("530-" + ("x" * 100 + "\r\n") * 9 + "x" * 80, "\r\n530 no")],
    "202": [echo_password("202 ", ""), stall],
    "421": [echo_password("421 ", ""), hang_up],
}
for name, steps in ECHOES.items():
    code = int(name[:3])
    if code == 202:
        # Once more, where it is shown.
        login("echo-202", {"PASS": steps[:1], "TYPE": [echo_password("500 still ", "")]},
              fails("EPROTO", code=500, reply=r"still \*"))
        continue
    login(f"echo-{name}", {"PASS": steps}, fails(errno_of(code), code=code, last="PASS"))
login("echo-530-shown", {"PASS": ECHOES["530"]}, fails("EACCES", code=530, reply=r"not \* surely"))
login("echo-530-in-segments", {"PASS": ECHOES["530"], "PACE": 0.001}, fails("EACCES", code=530, reply=r"not \* surely"))
login("echo-in-550", {"MOVE": [echo_password("550 no ", " file")]}, fails("ENOENT", code=550, reply=r"no \* file"))
login("echo-in-port", {"PORT": [echo_password("500 ", ",1,1")]}, fails("EPROTO", code=500, reply=r"\*,1,1"))
case("echo-in-226", {"MOVE": [*GO, echo_password("226 ", "")]}, done(reply=r"\*"))
login("echo-of-1000-bytes", {"PASS": [echo_password("530 ab", "cd")]},
      fails("EACCES", code=530, reply=r"ab\*"), **{"pass": "0123456789" * 100})
login("echo-of-odd-bytes", {"PASS": [echo_password("530 ab", "cd")]},
      fails("EACCES", code=530, reply=r"ab\*cd"), **{"pass": "p\xe4ss \x1b\xff\\w\"rd"})
login("echo-like-a-code", {"PASS": [lambda s: s.say(b"530-x\r\n530-530 y\r\n530 530-530 z\r\n")]},
      fails("EACCES", code=530, reply=r"x\\n\*-\* y\\n\*-\* z"), **{"pass": "530"})
login("echo-of-no-password", {"PASS": [echo_password("530 a", "b")]}, fails("EACCES", code=530, reply="ab"),
      **{"pass": ""})

# Each refusal, at each stage

for stage in NEEDED:
    for code in (421, 430, 450, 452, 500, 502, 504, 522, 530, 532, 550, 552, 553):
        if stage == "PASS" and code == 530:
            continue
        login(f"{stage.lower()}-{code}", {stage: [f"{code} no"]},
              fails(errno_of(code), code=code, last=stage, quits=True, reply="no"))
    for code in (100, 120, 150):
        login(f"{stage.lower()}-{code}", {stage: [f"{code} soon", stall]}, fails("EPROTO", last=stage))
for stage in ("TYPE", "PORT"):
    for code in (331, 332, 350):
        login(f"{stage.lower()}-{code}", {stage: [f"{code} and?"]},
              fails(errno_of(code), code=code, last=stage))
    for code in (202, 220, 250):
        login(f"{stage.lower()}-{code}", {stage: [f"{code} fine"]}, done())
login("type-421-text", {"TYPE": ["500 421 is not my code"]}, fails("EPROTO", code=500, last="TYPE"))
for code in (421, 425, 426, 430, 434, 450, 451, 452, 500, 501, 502, 503, 504, 530, 532, 550, 551, 552, 553, 554, 599):
    case(f"move-{code}", {"MOVE": [f"{code} no"]}, fails(errno_of(code), code=code, quits=True, reply="no"))
for code in (331, 332, 350):
    case(f"move-{code}", {"MOVE": [f"{code} and?"]}, fails(errno_of(code), code=code))
for code in ("000", "600"):
    case(f"move-{code}", {"MOVE": [f"{code} what?"]}, fails("EPROTO"))
for name, what in {
        "500": "500 Illegal PORT command.", "501": "501 that port is reserved", "522": "522 use (1)"}.items():
    login(f"port-{name}-shown", {"PORT": [what]},
          fails("EPROTO", code=int(name), reply=what[4:].replace("(", r"\(").replace(")", r"\)"), last="PORT",
                saw=[("< PASV*", 0), ("< EPSV*", 0)]))

# 421, whenever

for stage in ("USER", "PASS", "TYPE", "PORT", "MOVE"):
    more = {} if stage == "MOVE" else {"last": stage}
    case(f"421-to-{stage.lower()}", {stage: ["421 going down", hang_up]}, fails("EAGAIN", code=421, **more))
    case(f"421-to-{stage.lower()}-kept-open", {stage: ["421 going down", stall]}, fails("EAGAIN", code=421, **more))
    case(f"421-to-{stage.lower()}-together", {stage: [together("421-going\r\n421 down\r\n")]},
         fails("EAGAIN", code=421, **more))
case("421-to-size", {"SIZE": ["421 going down", hang_up]}, fails("EAGAIN", code=421, last="SIZE"))
fetch("421-to-mdtm", {"MDTM": ["421 going down", hang_up]}, fails("EAGAIN", code=421, last="MDTM"))
case("421-for-226", {"MOVE": [*GO, "421 going down", hang_up]}, fails("EAGAIN", code=421))
case("421-in-data", {"MOVE": [*BEGUN, "421 going down", hang_up]}, fails("EAGAIN", code=421))
# A get does not ask for more; a put wants to know the size, and is told that it cannot have it.
case("421-after-226", {"MOVE": [*GOOD, "421 idle", hang_up]}, get=done(), put=fails("EAGAIN"), append=fails("EAGAIN"))

# Replies that nobody asked for come in one segment with one that was

for stage, good in {"USER": "331 pw", "PASS": "230 in", "TYPE": "200 so", "PORT": "200 noted"}.items():
    for name, what in {
            "same": good, "200": "200 x", "150": "150 x", "226": "226 x", "530": "530 x", "junk": "x"}.items():
        login(f"unasked-{name}-after-{stage.lower()}", {stage: [f"{good}\r\n{what}\r\n".encode()]},
              fails("EPROTO", last=stage))
    login(f"unasked-421-after-{stage.lower()}", {stage: [f"{good}\r\n421 going\r\n".encode(), hang_up]},
          fails("EAGAIN", code=421, last=stage))
    login(f"unasked-half-after-{stage.lower()}", {stage: [f"{good}\r\n20".encode(), stall]},
          fails("EPROTO", last=stage))
    login(f"unasked-byte-after-{stage.lower()}", {stage: [f"{good}\r\n\0".encode(), stall]},
          fails("EPROTO", last=stage))
    login(f"unasked-empty-after-{stage.lower()}", {stage: [f"{good}\r\n\r\n".encode(), stall]},
          fails("EPROTO", last=stage))
login("unasked-after-greeting", {"GREETING": [b"220 hi\r\n220 hi\r\n"]}, fails("EPROTO", saw=[("< USER*", 0)]))
login("unasked-later-after-greeting", {"GREETING": ["220 hi", pause(0.3), "220 hi"]}, fails("EPROTO", free=True))
login("unasked-after-120", {"GREETING": [b"120 hi\r\n220 hi\r\n120 hi\r\n"]}, fails("EPROTO", saw=[("< USER*", 0)]))
case("unasked-after-size", {"SIZE": [size(after=b"\r\n200 noted\r\n")]}, get=fails("EPROTO", last="SIZE"),
     put=done(), append=fails("EPROTO", last="SIZE"))
fetch("unasked-after-mdtm", {"MDTM": [b"213 20200101000000\r\n200 noted\r\n"]}, fails("EPROTO", last="MDTM"))
login("unasked-421-beginning", {"PASS": [b"230 in\r\n42", pause(0.5), b"1 going\r\n", stall]},
      fails("EAGAIN", code=421, last="PASS"))
login("unasked-422-beginning", {"PASS": [b"230 in\r\n42", pause(0.5), b"2 going\r\n", stall]},
      fails("EPROTO", last="PASS"))
login("unasked-421-of-lines", {"PASS": [b"230 in\r\n421-going\r\n200 x\r\n421 down\r\n", hang_up]},
      fails("EAGAIN", code=421, last="PASS"))
login("unasked-4-for-ever", {"PASS": [b"230 in\r\n4", stall]}, times_out(last="PASS"))
# What comes after the last byte that was received with the answer is there as well.
for total in (511, 512, 513):
    login(f"unasked-after-{total}-bytes", {"PASS": [(line_of(230, total - 2) + "\r\n200 x\r\n").encode()]},
          fails("EPROTO", last="PASS"))
case("two-226", {"MOVE": [*GO, b"226 sent\r\n226 sent\r\n"]}, get=done(), put=fails("EPROTO"), append=fails("EPROTO"))
# Who has all takes the first word; a put is told whether the server has it.
case("226-then-550", {"MOVE": [*GO, b"226 sent\r\n550 no\r\n"]}, get=done(),
     put=fails("ENOENT", code=550, content=None), append=fails("ENOENT", code=550, content=None))

# Silence, and connections that end

for stage in STAGES:
    more = {} if stage == "MOVE" else {"last": stage}
    case(f"stall-{stage.lower()}", {stage: [stall]}, times_out(**more))
    case(f"hang-up-at-{stage.lower()}", {stage: [hang_up]}, fails("ECONNRESET", **more))
    case(f"reset-at-{stage.lower()}", {stage: [reset]}, fails("ECONNRESET", **more))
    case(f"half-hang-up-at-{stage.lower()}", {stage: [half_hang_up]}, fails("ECONNRESET", **more))
    case(f"half-a-line-at-{stage.lower()}", {stage: [b"2", hang_up]}, fails("ECONNRESET", **more))
for stage, good in NEEDED.items():
    login(f"hang-up-after-{stage.lower()}", {stage: [together(f"{good}\r\n")]}, fails("ECONNRESET"))
    login(f"reset-after-{stage.lower()}", {stage: [say_and_reset(f"{good}\r\n")]}, fails("ECONNRESET"))
case("stall-size", {"SIZE": [stall]}, times_out(last="SIZE"))
fetch("stall-mdtm", {"MDTM": [stall]}, times_out(last="MDTM"))
# What was said to be there is there, whatever the server tells of it afterwards.
case("hang-up-at-size", {"SIZE": [hang_up]}, get=fails("ECONNRESET", last="SIZE"), put=done(),
     append=fails("ECONNRESET", last="SIZE"))
case("reset-at-size", {"SIZE": [reset]}, get=fails("ECONNRESET", last="SIZE"), put=done(),
     append=fails("ECONNRESET", last="SIZE"))
fetch("hang-up-at-mdtm", {"MDTM": [hang_up]}, fails("ECONNRESET", last="MDTM"))
fetch("reset-at-mdtm", {"MDTM": [reset]}, fails("ECONNRESET", last="MDTM"))
login("stall-in-line", {"PASS": [b"230 i", stall]}, times_out(last="PASS"))
case("stall-connected", {"MOVE": [connect, stall]}, times_out())
case("stall-data", {"MOVE": ["150 coming", connect, stall]}, times_out())
fetch("stall-in-data", {"RETR": [*BEGUN, stall]}, times_out())
case("stall-quit", {"QUIT": [stall]}, done(quits=True))
case("stall-quit-of-failure", {"MOVE": ["550 no"], "QUIT": [stall]}, fails("ENOENT", code=550, quits=True))
case("quit-flood", {"QUIT": [flood(b"221 bye\r\n", b"221 bye\r\n")]}, done(quits=True))
case("quit-flood-without-end", {"QUIT": [flood(b"221 bye", b"x")]}, done(quits=True))
case("quit-drip", {"QUIT": [drip(b"221-", b"x", 0.05)]}, done(quits=True))
case("quit-reset", {"QUIT": [reset]}, done(quits=True))
case("quit-500", {"QUIT": ["500 no", stall]}, done(quits=True))
case("quit-kept-open", {"QUIT": ["221 bye", stall]}, done(quits=True))

# When the server connects

case("connect-before-port-reply", {"PORT": [connect, pause(0.5), "200 noted"],
                                   "MOVE": ["125 coming", move, finish, "226 sent"]}, done())
case("connect-before-150", {"MOVE": [connect, pause(0.5), "150 coming", move, finish, "226 sent"]}, done())
case("connect-after-150", {"MOVE": ["150 coming", pause(1), connect, move, finish, "226 sent"]}, done(least=1000),
     timeout_sec=60)
case("connect-from-port-20", {"MOVE": ["150 coming", connect_from(20), move, finish, "226 sent"]},
     done(state={"peer": r".*[\]1]:20"}))
fetch("sent-before-150", {"PORT": [connect, send(PAYLOAD), finish, "200 noted"],
                          "RETR": [pause(0.5), "150 coming", "226 sent"]}, done())
# Nothing is sent to a server that has not asked for it yet.
store("watched-before-150", {"MOVE": [connect, watch_data(1), "150 coming", move, finish, "226 sent"]},
      done(saw=[("watched * still open", 1)]))
fetch("watched-in-data", {"RETR": [*BEGUN, watch_data(1), rest, finish, "226 sent"]},
      done(saw=[("watched * still open", 1)]))
case("never-connects", {"MOVE": ["150 coming", stall]}, times_out())
fetch("never-150", {"RETR": [connect, send(PAYLOAD), finish, stall]}, times_out())
store("never-150-store", {"MOVE": [connect, receive, stall]}, times_out(content=OLD))
case("226-without-150", {"MOVE": [connect, beside(receive), "226 sent"]}, fails("EPROTO"))
fetch("226-without-150-and-data", {"RETR": [connect, send(PAYLOAD), finish, "226 sent"]}, fails("EPROTO"))
case("226-without-anything", {"MOVE": ["226 sent"]}, fails("EPROTO"))
case("250-without-anything", {"MOVE": ["250 sent"]}, fails("EPROTO"))
fetch("226-and-never-connects", {"RETR": ["150 coming", "226 sent", stall]}, times_out())
store("226-before-connecting-store", {"MOVE": ["150 coming", "226 got it", stall]}, fails("EPROTO"))
for code in (421, 425, 426, 450, 451, 452, 530, 550, 552, 553):
    case(f"150-then-{code}", {"MOVE": ["150 coming", f"{code} cannot connect", stall]},
         fails(errno_of(code), code=code, reply="cannot connect"))
case("150-and-425-together", {"MOVE": [b"150 coming\r\n425 cannot\r\n", stall]}, fails("EAGAIN", code=425))
case("connect-then-425", {"MOVE": [connect, "425 cannot connect", stall]}, fails("EAGAIN", code=425))
case("150-then-331", {"MOVE": ["150 coming", "331 and?", stall]}, fails("EPROTO", code=331))
case("150-then-hang-up", {"MOVE": ["150 coming", hang_up]}, fails("ECONNRESET"))
case("150-then-reset", {"MOVE": ["150 coming", reset]}, fails("ECONNRESET"))
case("150-and-hang-up-together", {"MOVE": [together("150 coming\r\n")]}, fails("ECONNRESET"))
case("connect-then-hang-up", {"MOVE": [connect, hang_up]}, fails("ECONNRESET"))
case("150-twice", {"MOVE": ["150 coming", connect, "125 really", move, finish, "226 sent"]}, done())
case("120-then-150", {"MOVE": ["120 soon", "150 coming", connect, move, finish, "226 sent"]}, done())
case("110-in-data", {"MOVE": [*BEGUN, "110 MARK 1024 = 1024", rest, finish, "226 sent"]}, done())
case("150-then-nothing-but-1yz", {"MOVE": [flood(b"150 coming\r\n", b"150 coming\r\n")]}, fails("EPROTO"))
case("1yz-in-data", {"MOVE": [*BEGUN, flood(b"110 x\r\n", b"110 x\r\n")]}, fails("EPROTO"))
case("150-8-times", {"MOVE": [*["150 coming"] * 8, connect, move, finish, "226 sent"]}, done())
case("150-9-times", {"MOVE": [*["150 coming"] * 9, connect, move, finish, "226 sent"]}, fails("EPROTO"))
# A farewell confirms nothing.
case("221-for-226", {"SIZE": ["502 what?"], "MOVE": [*BEGUN, rest, finish, "221 bye", hang_up]},
     fails("EPROTO", code=221, content=None))
login("pass-221", {"PASS": ["221 bye", hang_up]}, fails("EPROTO", code=221, last="PASS"))
# The beginning of another reply is there when it is to be asked how much it has.
case("226-then-half-550-store", {"MOVE": [*GO, b"226 got it\r\n5", pause(1), b"50 no\r\n"]},
     put=fails("EPROTO", saw=[("< SIZE*", 0)]))
case("226-then-half-421-store", {"MOVE": [*GO, b"226 got it\r\n42", pause(1), b"1 going\r\n", hang_up]},
     put=fails("EAGAIN", code=421, saw=[("< SIZE*", 0)]))
# Nor is it an answer when that has been asked already.
for code, error in ((426, "EAGAIN"), (452, "ENOSPC"), (551, "EPROTO"), (552, "ENOSPC"), (553, "EPERM")):
    case(f"226-then-{code}-for-size-store", {"MOVE": [*GO, "226 got it", grace(0.5), f"{code} no, not so"]},
         put=fails(error, code=code, last="SIZE"))
# What may be an answer to it is one only if the next is no answer to it.
for code in (450, 451, 500, 550):
    recant = [*GO, "226 got it", grace(0.5), f"{code} no, not so"]
    case(f"226-then-{code}-for-size-store", {"MOVE": recant}, put=fails("EPROTO", code=226))
    case(f"226-then-{code}-without-size-store", {"SIZE": ["502 what?"], "MOVE": recant}, put=fails("EPROTO", code=226))
    if code != 500:
        case(f"226-then-{code}-and-hangs-up-store", {"MOVE": [*recant, hang_up]}, put=fails("ECONNRESET", code=226))
for name, answer, again, outcome in (
        ("known", "502 what?", ["200 so it is"], done()), ("250", "550 no", ["250 so it is"], done()),
        ("busy", "450 not now", ["200 so it is"], done()), ("500", "502 what?", ["500 what?"], fails("EPROTO")),
        ("421", "502 what?", ["421 idle", hang_up], fails("EAGAIN", code=421)),
        ("hang-up", "502 what?", [hang_up], done()), ("reset", "500 what?", [reset], done()),
        ("hang-up-450", "450 not now", [hang_up], fails("ECONNRESET")), ("stall", "502 what?", [stall], times_out())):
    case(f"size-refused-and-type-{name}", {"SIZE": [answer], "TYPE": [when_sent(["200 so be it"], again)]},
         put=dataclasses.replace(outcome, last="TYPE"))
store("size-refused-store", {"SIZE": ["502 what?"]}, done(last="TYPE"))
store("226-then-552-store", {"MOVE": [*GO, b"226 got it\r\n552 no, it is too much\r\n"]},
      fails("ENOSPC", code=552, content=None))
case("150-20-times", {"MOVE": [*["150 coming"] * 20, connect, stall]}, fails("EPROTO"))
case("1yz-slowly", {"MOVE": [drip(b"150 coming\r\n", b"150 coming\r\n", 0.2)]}, fails("EPROTO"))

# Who connects

third_steps = ["150 coming", third(0), connect, move, finish, "226 sent"]
case("third-first", {"MOVE": third_steps}, done(saw=[("third * spoken to", 0)]))
case("third-watched", {"MOVE": ["150 coming", third(5), connect, move, finish, "226 sent"]},
     done(saw=[("third * closed", 1)]))
case("third-before-port-reply", {"PORT": [third(0), "200 noted"], "MOVE": GOOD}, done())
# More of them than a queue of connections holds, from before the server has one of its own.
case("third-many-before-port-reply", {"PORT": [third(0, 24), connect, "200 noted"],
                                      "MOVE": ["150 coming", move, finish, "226 sent"]},
     done(saw=[("third * spoken to", 0)]))
# Whoever goes away slowly has nobody connect meanwhile.
case("second-while-421-is-said", {"PORT": ["200 noted\r\n421-going", pause(0.5), second, "421 gone", hang_up]},
     fails("EAGAIN", code=421, saw=[("second * ECONNREFUSED", 1)]))
case("other-address-of-the-server", {"MOVE": ["150 coming", connect_from_link_local, connect, move, finish,
                                              "226 sent"]}, done(saw=[("other * closed", 1)]), families=(6,))
case("other-address-only", {"MOVE": ["150 coming", connect_from_link_local, stall]},
     times_out(saw=[("other * closed", 1)], state={"bytes": "0", "peer": ""}), families=(6,))
case("third-before-150", {"MOVE": [third(5), "150 coming", connect, move, finish, "226 sent"]},
     done(saw=[("third * closed", 1)]))
case("third-many", {"MOVE": ["150 coming", third(0, 40), connect, move, finish, "226 sent"]},
     done(saw=[("third * [oc]*", 40)]))
case("third-resets", {"MOVE": ["150 coming", *[third_reset] * 10, connect, move, finish, "226 sent"]}, done())
case("third-only", {"MOVE": ["150 coming", third(1), stall]},
     times_out(4, saw=[("third * closed", 1), ("third * spoken to", 0)], state={"bytes": "0", "peer": ""}))
fetch("third-only-then-226", {"RETR": ["150 coming", third(1), "226 sent", stall]},
      times_out(4, state={"bytes": "0", "peer": ""}))
case("third-all-the-while", {"MOVE": ["150 coming", third_all_the_while(pause(0.5), connect, move, finish),
                                     "226 sent"]},
     done(saw=[("third * spoken to", 0)]))
case("third-for-ever", {"MOVE": ["150 coming", third_all_the_while(stall)]},
     times_out(4, state={"bytes": "0", "peer": ""}))
case("third-later", {"MOVE": ["150 coming", connect, third(2), move, finish, "226 sent"]},
     done(saw=[("third * ECONNREFUSED", (0, 1)), ("third * closed", (0, 1)), ("third * spoken to", 0),
               ("third * still open", 0)]))
case("second-connection", {"MOVE": ["150 coming", connect, second, move, finish, "226 sent"]},
     done(saw=[("second * ECONNREFUSED", (0, 1)), ("second * closed", (0, 1)), ("second * spoken to", 0),
               ("second * still open", 0)]))
case("two-before-150", {"MOVE": [connect, second, "150 coming", move, finish, "226 sent"]},
     done(saw=[("second * spoken to", 0), ("second * still open", 0)]))
case("two-before-port-reply", {"PORT": [connect, beside(second), pause(0.3), "200 noted"],
                               "MOVE": ["150 coming", move, finish, "226 sent"]}, done(saw=[("second * spoken to", 0)]))
# The first wins, even if it has nothing to say.
fetch("empty-then-another", {"RETR": ["150 coming", connect, finish, pause(0.3), second, "226 sent"]},
      fails("EIO", saw=[("second * open", 0)]))
fetch("reset-then-another", {"RETR": ["150 coming", connect, break_data, pause(0.3), second, stall]},
      fails("ECONNRESET", saw=[("second * open", 0)]))
case("reset-before-port-reply", {"PORT": [connect, break_data, "200 noted"], "MOVE": ["150 coming", stall]},
     fails("ECONNRESET"))
case("reset-before-150", {"MOVE": [connect, break_data, "150 coming", stall]}, fails("ECONNRESET"))
fetch("empty-before-150", {"RETR": [connect, finish, "150 coming", "226 sent"]}, fails("EIO"))
store("empty-then-226", {"MOVE": ["150 coming", connect, finish, pause(0.5), "226 sent"]},
      fails(("EIO", "EPROTO", "ECONNRESET")))

# How it ends

fetch("226-before-data", {"RETR": ["150 coming", connect, "226 sent", pause(1), send(PAYLOAD), finish]},
      done(least=1000), timeout_sec=60)
fetch("226-before-connecting", {"RETR": ["150 coming", connect_later(1), "226 sent", stall]}, done(least=1000),
      timeout_sec=60)
fetch("226-with-150", {"RETR": [connect, b"150 coming\r\n226 sent\r\n", pause(0.5), send(PAYLOAD), finish]}, done())
fetch("226-then-hang-up-before-data", {"RETR": ["150 coming", connect, "226 sent", pause(0.5), send(PAYLOAD), finish,
                                                hang_up]}, done())
fetch("226-then-reset-before-data", {"RETR": ["150 coming", connect, "226 sent", pause(0.5),
                                              beside(grace(0.5), send(PAYLOAD), finish), grace(0.1), hang_up]},
      fails(("EIO", "ECONNRESET")))
for code in (426, 451, 552):
    fetch(f"226-then-{code}-in-data", {"SIZE": ["502 what?"], "RETR": [
        "150 coming", connect, "226 sent", send(PAYLOAD[:2000]), f"{code} no", pause(0.3), finish]},
          fails(errno_of(code), code=code))
fetch("226-then-421-in-data", {"SIZE": ["502 what?"], "RETR": [
    "150 coming", connect, "226 sent", send(PAYLOAD[:2000]), "421 idle", pause(0.3), send(PAYLOAD[2000:]), finish]},
      done(state={"size": "-1"}))
fetch("226-then-421-without-size", {"SIZE": ["502 what?"], "RETR": [*GO, b"226 sent\r\n421 idle\r\n", hang_up]},
      done(state={"size": "-1"}))
fetch("226-then-226-in-data", {"SIZE": ["502 what?"], "RETR": [
    "150 coming", connect, "226 sent", pause(0.1), "226 sent", pause(0.1), send(PAYLOAD), finish]},
      done(state={"size": "-1"}))
fetch("226-then-hang-up-without-size", {"SIZE": ["502 what?"], "RETR": [
    "150 coming", connect, "226 sent", pause(0.1), send(PAYLOAD), finish, hang_up]},
      done(state={"size": "-1"}))
fetch("226-then-no-data", {"RETR": ["150 coming", connect, "226 sent", stall]}, times_out())
for code in (200, 225, 250):
    case(f"{code}-for-226", {"MOVE": [*GO, f"{code} done"]}, done(code=code))
case("never-226", {"MOVE": [*GO, stall]}, times_out())
fetch("226-and-data-kept-open", {"RETR": ["150 coming", connect, send(PAYLOAD), "226 sent", stall]}, times_out())
fetch("data-kept-open", {"RETR": ["150 coming", connect, send(PAYLOAD), stall]}, times_out())
store("store-kept-open", {"MOVE": ["150 go", connect, move, "226 got it", pause(1), finish]}, done())
fetch("half-close", {"RETR": ["150 coming", connect, send(PAYLOAD), half_close, "226 sent"]},
      done(saw=[("data * closed", 1)]))
case("hang-up-after-226", {"MOVE": [*GO, "226 sent", hang_up]}, done())
case("hang-up-with-226", {"MOVE": [*GO, together("226 sent\r\n")]}, done())
case("half-hang-up-with-226", {"MOVE": [*GO, "226 sent", half_hang_up]}, done())
case("reset-after-226", {"MOVE": [*GO, "226 sent", pause(0.3), reset]}, done())
case("reset-with-226", {"MOVE": [*GO, say_and_reset("226 sent\r\n")]}, done())
case("hang-up-for-226", {"MOVE": [*GO, hang_up]}, fails("ECONNRESET"))
case("reset-for-226", {"MOVE": [*GO, reset]}, fails("ECONNRESET"))
case("hang-up-in-226", {"MOVE": [*GO, together("226 se")]}, fails("ECONNRESET"))
case("hang-up-in-226-lines", {"MOVE": [*GO, together("226-sent\r\n226")]}, fails("ECONNRESET"))
# With all sent before it happens, and with more to send than the connection takes.
for file, kind in {"": case, "large": store}.items():
    tail = f"-{file}" if file else ""
    kind(f"hang-up-in-data{tail}", {"MOVE": [*BEGUN, hang_up]}, fails("ECONNRESET"), file=file)
    kind(f"reset-in-data{tail}", {"MOVE": [*BEGUN, reset]}, fails("ECONNRESET"), file=file)
    kind(f"hang-up-in-data-kept-open{tail}",
         {"MOVE": [*BEGUN, lambda session: session.control.shutdown(socket.SHUT_RDWR), pause(12)]},
         fails("ECONNRESET", most=11000), file=file)
    kind(f"data-reset{tail}", {"MOVE": [*BEGUN, pause(0.3), break_data, stall]}, fails("ECONNRESET"), file=file)
    kind(f"data-reset-at-once{tail}", {"MOVE": ["150 coming", connect, break_data, stall]}, fails("ECONNRESET"),
         file=file)
    kind(f"426-then-data-reset{tail}", {"MOVE": [*BEGUN, "426 broken", pause(0.5), break_data]},
         fails("EAGAIN", code=426), file=file)
    kind(f"426-in-data{tail}", {"MOVE": [*BEGUN, "426 broken", pause(0.5), finish]},
         fails("EAGAIN", code=426), file=file)
    kind(f"426-in-data-kept-open{tail}", {"MOVE": [*BEGUN, "426 broken", stall]}, fails("EAGAIN", code=426), file=file)
    kind(f"550-in-data{tail}", {"MOVE": [*BEGUN, "550 gone", stall]}, fails("ENOENT", code=550), file=file)
    kind(f"331-in-data{tail}", {"MOVE": [*BEGUN, "331 pw?", stall]}, fails("EPROTO", code=331), file=file)
    kind(f"junk-in-data{tail}", {"MOVE": [*BEGUN, "lalala", stall]}, fails("EPROTO"), file=file)
    store(f"552-in-data{tail}", {"MOVE": [*BEGUN, "552 quota", break_data, stall]},
          fails("ENOSPC", code=552), file=file)
    store(f"data-reset-then-552{tail}", {"MOVE": [*BEGUN, break_data, pause(0.3), "552 quota", stall]},
          fails("ENOSPC", code=552), file=file)
store("226-in-data-large", {"MOVE": [*BEGUN, "226 got it", stall]}, fails("EPROTO"), file="large")
store("closed-in-data-and-226-large", {"MOVE": [*BEGUN, finish, pause(0.3), "226 got it", stall]},
      fails(("EPROTO", "ECONNRESET", "EIO")), file="large")
store("closed-in-data-large", {"MOVE": [*BEGUN, finish, stall]}, fails("ECONNRESET"), file="large")
store("closed-in-data-then-426-large", {"MOVE": [*BEGUN, finish, pause(0.3), "426 broken", stall]},
      fails("EAGAIN", code=426), file="large")
fetch("data-reset-for-end", {"RETR": ["150 coming", connect, send(PAYLOAD), pause(0.3), break_data, "226 sent"]},
      fails("ECONNRESET"))
fetch("150-data-and-226-at-once", {"RETR": [connect, send(PAYLOAD), finish, b"150 coming\r\n226 sent\r\n"]}, done())
# The end of the data is there; what becomes of the connection after it does not matter.
fetch("data-ended-then-reset", {"RETR": ["150 coming", connect, send(PAYLOAD), half_close_and_reset, "226 sent"]},
      done())
fetch("data-ended-early-then-reset", {"RETR": [*BEGUN, half_close_and_reset, "226 sent"]}, fails("EIO"))
# The data are between two halves of a reply.
fetch("data-in-150", {"PORT": [connect, "200 noted"],
                      "RETR": [b"15", send(PAYLOAD), finish, pause(0.3), b"0 coming\r\n226 sent\r\n"]}, done())
case("data-in-226", {"MOVE": ["150 go on", connect, b"22", begin, pause(0.3), b"6-so\r\n2", rest, finish, pause(0.3),
                              b"26 done\r\n"]}, done())
case("data-in-426", {"MOVE": ["150 go on", connect, b"42", begin, pause(0.3), b"6 broken\r\n", stall]},
     fails("EAGAIN", code=426))
store("data-reset-then-226", {"MOVE": [*BEGUN, pause(0.3), break_data, "226 got it", pause(1)]},
      fails(("EPROTO", "ECONNRESET", "EIO")))
for code in (426, 451, 452, 552, 553, 350, 331):
    case(f"{code}-after-data", {"MOVE": [*GO, f"{code} no"]}, fails(errno_of(code), code=code))
fetch("urgent-data", {"RETR": [*BEGUN, send_urgent(b"!"), send(PAYLOAD[1024:]), finish, "226 sent"]},
      fails(("0", "EIO", "EPROTO")))
fetch("urgent-data-first", {"RETR": ["150 coming", connect, send_urgent(b"!"), send(PAYLOAD), finish, "226 sent"]},
      fails(("0", "EIO", "EPROTO")))
fetch("urgent-data-last", {"RETR": ["150 coming", connect, send(PAYLOAD), send_urgent(b"!"), finish, "226 sent"]},
      fails(("0", "EIO", "EPROTO")))
fetch("urgent-data-alone", {"RETR": ["150 coming", connect, send_urgent(b"!"), finish, "226 sent"]},
      fails(("EIO", "EPROTO")))
store("urgent-data-store", {"MOVE": [*BEGUN, send_urgent(b"!"), rest, finish, "226 sent"]}, done())
login("urgent-control", {"PASS": [b"230-in\r\n", urgent(b"\xf2"), b"230 in\r\n"]}, done())
# It is no part of what is said, wherever it comes, and makes nobody busy.
login("urgent-control-first", {"GREETING": [urgent(b"\xf2"), pause(0.3), "220 hi"]}, done())
login("urgent-control-alone", {"PASS": [urgent(b"2"), pause(0.3), "230 in"]}, done())
login("urgent-control-twice", {"PASS": [urgent(b"2"), pause(0.3), urgent(b"2"), pause(0.3), "230 in"]}, done())
login("urgent-control-and-nothing", {"PASS": [urgent(b"2"), stall]}, times_out(last="PASS"))
login("urgent-control-and-hang-up", {"PASS": [urgent(b"2"), hang_up]}, fails("ECONNRESET", last="PASS"))
case("urgent-control-in-data", {"MOVE": [*BEGUN, urgent(b"4"), pause(0.3), rest, finish, urgent(b"5"), pause(0.3),
                                         "226 sent"]}, done())
store("data-from-the-server-store", {"MOVE": ["150 go", connect, send(EVIL), move, finish, "226 got it"]}, done())
store("data-flood-from-the-server-store", {"MOVE": ["150 go", connect, beside(send(bytes(8 << 20))), move, finish,
                                                    "226 got it"]}, done(), file="large")
store("half-closed-store", {"MOVE": ["150 go", connect, lambda session: session.data.shutdown(socket.SHUT_WR), move,
                                     finish, "226 got it"]}, done())

# How fast

fetch("tiny-segments", {"RETR": ["150 coming", connect, dribble(PAYLOAD, 16), finish, "226 sent"]}, done())
fetch("scattered-pieces", {"RETR": ["150 coming", connect, scatter(PAYLOAD, 8), finish, "226 sent"]}, done())
fetch("one-byte-then-all", {"RETR": ["150 coming", connect, send(PAYLOAD[:1]), pause(0.5), send(PAYLOAD[1:]), finish,
                                     "226 sent"]}, done())
fetch("all-but-one-byte", {"RETR": ["150 coming", connect, send(PAYLOAD[:-1]), pause(0.5), send(PAYLOAD[-1:]), finish,
                                    "226 sent"]}, done())
fetch("drip-data", {"RETR": ["150 coming", connect, trickle(b"x", 0.5)]}, times_out(4), timeout_sec=2, deadline_sec=4)
fetch("slow-but-steady", {"RETR": ["150 coming", connect, trickle(PAYLOAD[:512], 0.7, 8), finish, "226 sent"]},
      done(least=5000, most=40000), timeout_sec=3)
store("zero-window", {"MOVE": ["150 go on", connect_from(window=8192), stall]}, times_out(), file="large")
store("zero-window-later", {"MOVE": [*BEGUN, stall]}, times_out(), file="large")
store("slow-reader", {"MOVE": ["150 go on", connect_from(window=8192), sip(8192, 0.1), finish, "226 got it"]},
      done(least=5000, most=60000), file="medium", timeout_sec=3)
store("slow-reader-for-ever", {"MOVE": ["150 go on", connect_from(window=8192), sip(8192, 0.5), finish, "226 got it"]},
      times_out(5), file="large", timeout_sec=3, deadline_sec=5)
store("zero-window-at-the-end", {"MOVE": ["150 go on", connect_from(window=8192), stall]}, times_out(), file="medium")
# What is paced fills a buffer slowly: that is no progress of who takes none of it.
store("zero-window-paced", {"MOVE": ["150 go on", connect_from(window=2304), stall]},
      Outcome("ETIMEDOUT", least=3000, most=13000), file="medium", rate_limit=1000, timeout_sec=3)
store("small-window", {"MOVE": ["150 go on", connect_from(window=4096), move, finish, "226 got it"]}, done())

# The whole file is in the client's buffer, and 226 is said when the server has had some of it.
SIPPED = [connect_from(window=4096), beside(grace(0.3), lambda session: session.say("226 got it\r\n"))]
for name, steps, outcome in (
        ("takes-it", [sip(4096, 0.05), finish], done()),
        ("stalls", [stall], times_out(state={"phase": "transfer"})),
        ("ends", [drop(2000), grace(0.6), finish], fails("ECONNRESET", code=226)),
        ("resets", [drop(2000), grace(0.6), break_data], fails("ECONNRESET", code=226))):
    store(f"226-before-it-{name}", {"SIZE": ["502 what?"], "MOVE": ["150 go on", *SIPPED, *steps]}, outcome,
          file="buffered")
store("resets-before-it-says-226", {"SIZE": ["502 what?"], "MOVE": [
    "150 go on", connect_from(window=4096), drop(2000), break_data, pause(0.3), "226 got it"]},
      fails(("ECONNRESET", "EPROTO"), code=226), file="buffered")
# Who goes away instead of telling how much it has leaves that open.
case("resets-before-it-says-226-and-hangs-up", {"SIZE": [hang_up], "MOVE": [
    "150 go on", connect_from(window=4096), drop(2000), break_data, pause(0.3), "226 got it"]},
     put=fails(("ECONNRESET", "EPROTO")), file="buffered")

# It has all, but its last acknowledgement was the reset: its size tells.
case("226-and-the-last-is-reset", {"MOVE": [
    "150 go on", *SIPPED, drop(2000), grace(0.6), some_of(BODIES["buffered"], None), break_data]},
     put=done(), file="buffered")

# A pace is no reason not to look up.
fetch("paced-hang-up", {"RETR": [*BEGUN, pause(0.5), hang_up]}, fails("ECONNRESET"), rate_limit=20)
fetch("paced-426", {"RETR": [*BEGUN, pause(0.5), "426 broken", stall]}, fails("EAGAIN", code=426), rate_limit=20)
# What has come before the bad news, and was not looked at yet, counts.
fetch("paced-426-and-more", {"MDTM": ["502 what?"], "RETR": [
    "150 coming", connect, send(BODIES["medium"][:16000]), pause(0.5), "426 broken", stall]},
      fails("EAGAIN", code=426, state={"bytes": "16000"}), rate_limit=1000, resume=1, file="medium")
fetch("paced-stall", {"RETR": [*BEGUN, stall]}, times_out(), rate_limit=10240, timeout_sec=3)
store("paced-hang-up-store", {"MOVE": ["150 go on", connect, beside(receive), pause(0.5), hang_up]},
      fails("ECONNRESET"), rate_limit=20)
store("paced-552-store", {"MOVE": ["150 go on", connect, beside(receive), pause(0.5), "552 quota", stall]},
      fails("ENOSPC", code=552), rate_limit=20)
store("paced-reset-store", {"MOVE": ["150 go on", connect, pause(0.5), break_data, stall]}, fails("ECONNRESET"),
      rate_limit=20)

# How much there is

fetch("fewer-bytes", None, fails("EIO"))
fetch("more-bytes", {"RETR": ["150 coming", connect, send(PAYLOAD + b"x"), finish, "226 sent"]}, fails("EIO"))
fetch("more-bytes-after-226", {"RETR": ["150 coming", connect, send(PAYLOAD), "226 sent", pause(0.5), send(b"x"),
                                        finish]}, fails("EIO"))
fetch("no-bytes", {"RETR": ["150 coming", connect, finish, "226 sent"]}, fails("EIO"))
fetch("more-than-0", {"SIZE": ["213 0"]}, fails("EIO"))
fetch("zero-bytes", {"SIZE": ["213 0"], "RETR": ["150 coming", connect, finish, "226 sent"]}, done(content=b""))
fetch("zero-bytes-without-size", {"SIZE": ["500 what?"], "RETR": ["150 coming", connect, finish, "226 sent"]},
      done(content=b""))
fetch("endless", {"RETR": ["150 coming", connect, trickle(b"x" * 65536, 0.05), "426 enough"]}, fails("EIO"))
fetch("endless-without-size", {"SIZE": ["502 what?"],
                               "RETR": ["150 coming", connect, trickle(b"x" * 65536, 0.05), "426 enough"]},
      fails("EFBIG"), max_size=300000)
fetch("endless-until-the-deadline", {"SIZE": ["502 what?"],
                                     "RETR": ["150 coming", connect, trickle(b"x" * 1024, 0.1), "426 enough"]},
      times_out(5), timeout_sec=3, deadline_sec=5)
fetch("size-over-max_size", {}, fails("EFBIG", last="SIZE", quits=True), max_size=4095)
fetch("size-at-max_size", {}, done(), max_size=4096)
fetch("announced-over-max_size", {"SIZE": ["502 what?"], "RETR": ["150 coming (4096 bytes)", stall]}, fails("EFBIG"),
      max_size=4095)
fetch("bytes-over-max_size", {"SIZE": ["502 what?"]}, fails("EFBIG"), max_size=4095)
for code in (450, 500, 501, 502, 504, 530, 550, 599):
    fetch(f"size-{code}", {"SIZE": [f"{code} not in ASCII"]}, done(state={"size": "-1"}))
for code in (150, 200, 226, 331, 350):
    fetch(f"size-{code}", {"SIZE": [f"{code} 4096"]}, fails("EPROTO", last="SIZE"))
for name, what in {
        "negative": "-4096", "minus-1": "-1", "2-63": "9223372036854775808", "2-64": "18446744073709551616",
        "2-64-more": "18446744073709555712", "100-digits": "4" * 100, "junk": "lots", "empty": "", "hex": "0x1000",
        "two": "4096 4096", "unit": "4096 bytes", "plus": "+4096", "space-first": " 4096", "space-last": "4096 ",
        "comma": "4,096", "fraction": "4096.0", "exponent": "4e3", "octal-letters": "0o10000", "tab": "\t4096",
        "in-brackets": "(4096)", "nul": "4096\0", "cr": "4096\r"}.items():
    fetch(f"size-{name}", {"SIZE": [f"213 {what}"]}, done(state={"size": "-1"}))
fetch("size-leading-zeros", {"SIZE": ["213 0004096"]}, done(state={"size": "4096"}))
fetch("size-leading-zeros-100", {"SIZE": ["213 " + "0" * 100 + "4096"]}, done(state={"size": "4096"}))
# More of it than anybody would keep: what is left of it is another number.
for name, what in {"more": "0" * 1992 + "4096" + "1" * 40, "fewer": "0" * 1996 + "4096" + "0" * 40,
                   "none": "0" * 2000 + "4096"}.items():
    fetch(f"size-too-long-{name}", {"SIZE": [f"213 {what}"]}, done(state={"size": "-1"}))
fetch("size-hidden-in-lines", {"SIZE": [b"213-4096\r\n213 4096\r\n"]}, done(state={"size": "-1"}))
fetch("size-smaller", {"SIZE": ["213 4095"]}, fails("EIO"))
fetch("size-larger", {"SIZE": ["213 4097"]}, fails("EIO"))
fetch("size-2-63-less-1", {"SIZE": ["213 9223372036854775807"]}, fails(("EIO", "EFBIG")))
fetch("size-2-40", {"SIZE": ["213 1099511627776"]}, fails("EIO"))
fetch("size-2-32-more", {"SIZE": ["213 4294971392"]}, fails("EIO"))


def announced(name, text, outcome, **more):
    """A number in the 150's text, which counts where SIZE says none."""
    more.setdefault("SIZE", ["500 what?"])
    fetch(f"150-{name}", {**more, "RETR": [f"150 {text}", connect, move, finish, "226 sent"]}, outcome)


announced("says-right", "coming (4096 bytes).", done(state={"size": "-1"}))
announced("says-wrong", "coming (4097 bytes).", fails("EIO", state={"size": "-1"}))
announced("says-fewer", "coming (4095 bytes).", fails("EIO"))
announced("says-other-than-size", "coming (17 bytes).", done(state={"size": "4096"}), SIZE=["213 4096"])
announced("says-junk", "(one) (x bytes) (-1 bytes) (4096 bytes (9 kB).", done())
announced("says-2-64", "x (18446744073709555712 bytes)", done())
announced("name-says-wrong", "a (1 bytes) file (4096 bytes)", done())
fetch("150-name-says-it-alone", {"SIZE": ["500 what?"], "RETR": [
    "150 coming: a (17 bytes)", connect, move, finish, "226 sent"]}, done(state={"size": "-1"}), remote="a (17 bytes)")
fetch("150-name-in-brackets", {"SIZE": ["500 what?"], "RETR": [
    "150 coming (17 bytes)", connect, move, finish, "226 sent"]}, done(state={"size": "-1"}), remote="17 bytes")
fetch("150-second-says-wrong", {"SIZE": ["500 what?"], "RETR": ["150 coming", "125 now (4097 bytes)", connect, move,
                                                                finish, "226 sent"]}, fails("EIO"))
case("size-lies-after", {"SIZE": [tell_store_size(1)]}, put=fails("EIO", state={"phase": "commit"}))
case("size-lies-after-more", {"SIZE": [tell_store_size(-1)]}, put=fails("EIO", state={"phase": "commit"}))
case("size-shrinks-after", {"SIZE": [lambda session: session.say("213 2\r\n" if session.target else "213 4\r\n")]},
     append=fails("EIO", state={"phase": "commit"}))
case("size-lies-after-2-63", {"SIZE": ["213 9223372036854775807"]}, put=fails("EIO", state={"phase": "commit"}),
     append=fails("EIO", state={"phase": "commit"}))
for code in (450, 500, 502, 530, 550):
    case(f"no-size-after-{code}", {"SIZE": [f"{code} what?"]}, put=done(code=226),
         append=fails("EAGAIN") if code == 450 else done(code=226))
for name, what in {
        "junk": "213 lots", "negative": "213 -4096", "empty": "213 ", "lines": "213-4096\r\n213 4096"}.items():
    case(f"no-size-after-{name}", {"SIZE": [what]}, put=done(), append=done())
for code in (150, 200, 331):
    case(f"size-after-{code}", {"SIZE": [f"{code} 4096"]}, put=fails("EPROTO"), append=fails("EPROTO", last="SIZE"))

# When it was changed

for name, (what, when) in {
        "plain": ("20010203040506", 981173106), "fraction": ("20010203040506.789", 981173106),
        "leap": ("20161231235960", 1483228800), "old": ("19700101000000", 0),
        "y2k-bug": ("19100010203040506", None), "month-13": ("20011303040506", None),
        "month-0": ("20010003040506", None),
        "day-0": ("20010200040506", None), "day-32": ("20010132040506", None),
        "february-30": ("20240230040506", None), "february-29": ("20230229040506", None),
        "leap-day": ("20240229040506", 1709179506), "april-31": ("20010431040506", None),
        "hour-24": ("20010203240506", None),
        "minute-60": ("20010203046006", None), "second-61": ("20010203040561", None),
        "year-0": ("00000101000000", None),
        "60-digits": ("2" * 60, None), "short": ("2001020304050", None), "letters": ("2001020304050x", None),
        "empty": ("", None), "dot": ("20010203040506.", None), "two-dots": ("20010203040506.1.1", None),
        "sign": ("-2001020304050", None), "spaces": (" 20010203040506", None), "space-last": ("20010203040506 ", None),
        "two": ("20010203040506 20010203040506", None), "long-fraction": ("20010203040506." + "9" * 40, None)}.items():
    fetch(f"time-{name}", {"MDTM": [f"213 {what}"]}, done(mtime=when))
# Not every file system has room for these.
for name, (what, when) in {
        "year-1": ("00010101000000", -62135596800), "year-1601": ("16010101000000", -11644473600),
        "a-second-before": ("19691231235959", -1), "year-9999": ("99991231235959", 253402300799)}.items():
    fetch(f"time-{name}", {"MDTM": [f"213 {what}"]}, done(mtime=when), families=(4,))
for code in (450, 500, 502, 530, 550):
    fetch(f"time-{code}", {"MDTM": [f"{code} no"]}, done())
for code in (150, 200, 331):
    fetch(f"time-{code}", {"MDTM": [f"{code} 20010203040506"]}, fails("EPROTO", last="MDTM"))

# A second attempt in the same run: what the first left is gone on with, if it is what the server has

MEDIUM = BODIES["medium"]
CUT = 700000
again = {"file": "medium", "retries": 1, "retry_delay_sec": 0}


def cut_short(*later, **more):
    """The data end in the middle, the first time."""
    return {**RESUMABLE, **more,
            "RETR": [first_time(["150 coming", connect, serve_until(CUT), pause(0.5), "426 broken", finish],
                                later or RESUMABLE["RETR"])]}


def lies(*steps, **more):
    return cut_short("150 coming", connect, *steps, finish, "226 sent", **more)


def retried(**more):
    more.setdefault("state", {"attempts": "2"})
    more.setdefault("mtime", 1704164645)
    return done(content=MEDIUM, free=True, most=30000, **more)


fetch("again-good", cut_short(), retried(saw=[("< REST*", 1)]), **again)
for code in (501, 502, 504, 550, 554):
    fetch(f"again-rest-{code}", cut_short(REST=[f"{code} no"]), retried(saw=[("< RETR*", 2)]), **again)
for code in (200, 226, 331):
    fetch(f"again-rest-{code}", cut_short(REST=[f"{code} yes"]), retried(saw=[("< RETR*", 2)]), **again)
fetch("again-rest-421", cut_short(REST=["421 going", hang_up]), fails("EAGAIN", code=421, free=True), **again)
fetch("again-rest-530", cut_short(REST=["530 no"]), fails("EACCES", code=530, free=True), **again)
fetch("again-rest-hang-up", cut_short(REST=[hang_up]), fails("ECONNRESET", free=True), **again)
fetch("again-rest-stall", cut_short(REST=[stall]), fails("ETIMEDOUT", free=True, least=3000, most=12000), timeout_sec=3,
      **again)
fetch("again-rest-junk", cut_short(REST=["what?"]), fails("EPROTO", free=True), **again)
# It says that it goes on there, and begins elsewhere: found out, and all of it is fetched.
# It finds out late that it cannot begin there.
fetch("again-150-then-551", cut_short(when_offset(["150 coming", connect, finish, "551 cannot seek"],
                                                  RESUMABLE["RETR"])), retried(), **again)
# It can, and fails later: what there is stays.
fetch("again-some-then-551", cut_short(when_offset(["150 coming", connect, serve(1000), "551 read error", stall],
                                                   RESUMABLE["RETR"])),
      fails("EPROTO", code=551, free=True, saw=[("< RETR*", 2)]), **again)
fetch("again-from-0", lies(serve(begin=lambda offset: 0)), retried(), **again)
fetch("again-a-byte-before", lies(serve(begin=lambda offset: max(offset - 1, 0))), retried(), **again)
fetch("again-a-byte-after", lies(serve(begin=lambda offset: offset + bool(offset))), retried(), **again)
# What comes after the failure is taken in for the next attempt, but not for ever.
fetch("again-after-a-flood", {**RESUMABLE, "SIZE": ["502 what?"], "RETR": [first_time(
    ["150 coming", connect, "426 broken", trickle(b"x" * 65536, 0)], RESUMABLE["RETR"])]}, retried(), **again)
fetch("again-time-moves", cut_short(MDTM=[first_time(["213 20200101000000"], ["213 20200101000001"])]),
      retried(saw=[("< REST*", 0)], mtime=1577836801), **again)
fetch("again-size-moves", cut_short(SIZE=[first_time([f"213 {len(MEDIUM) + 1}"], [f"213 {len(MEDIUM)}"])]),
      retried(saw=[("< REST*", 0)]), **again)
fetch("again-size-shrinks-to-less", cut_short(SIZE=[first_time([f"213 {len(MEDIUM)}"], ["213 10"])]),
      fails("EIO", free=True), **again)
fetch("again-size-lost", cut_short(SIZE=[first_time([f"213 {len(MEDIUM)}"], ["502 what?"])]), retried(), **again)
fetch("again-time-lost", cut_short(MDTM=[first_time(["213 20200101000000"], ["502 what?"])]),
      retried(mtime=NOW), **again)
fetch("again-refused-at-login", {**RESUMABLE, "PASS": [first_time(["421 too many", hang_up], ["230 in"])]}, retried(),
      **again)
fetch("again-and-again", {**RESUMABLE, "RETR": ["426 no"]}, fails("EAGAIN", code=426, free=True, saw=[("< RETR*", 2)]),
      **again)
fetch("again-not-after-550", {"RETR": ["550 no"]}, fails("ENOENT", code=550, saw=[("< RETR*", 1)]), retries=1,
      retry_delay_sec=0)
fetch("again-not-after-530", {"PASS": ["530 no"]}, fails("EACCES", code=530, saw=[("< PASS*", 1)]), retries=1,
      retry_delay_sec=0)


def size_before(code):
    """The size, as long as nothing was to move in this session."""
    def step(session):
        if not session.target:
            tell_store_size()(session)
        elif code:
            session.say(f"{code} no\r\n")
        else:
            hang_up(session)
    return step


def put_cut_short(*later, **more):
    """The store keeps the first of it, the first time."""
    early = ["150 go on", connect, take(CUT), "426 broken", break_data]
    early_append = ["150 go on", connect, take(CUT, append=True), "426 broken", break_data]
    return {**STORING, "STOR": [first_time(early, later or STORING["STOR"])],
            "APPE": [first_time(early_append, later or STORING["APPE"])], **more}


large = {"file": "large", "retries": 1, "retry_delay_sec": 0}
whole = done(free=True, most=30000, state={"attempts": "2"})
whole_and = functools.partial(dataclasses.replace, whole)
store("again-store", put_cut_short(), whole, **large)
store("again-store-without-rest", put_cut_short(REST=["502 what?"]), whole, **large)
# It takes files and does not give them: nothing can be compared, and nothing is gone on with.
case("again-store-unreadable", put_cut_short(RETR=["550 not yours"]), put=whole_and(saw=[("< REST 0", 1)]), **large)
# What was compared before went over another data connection.
case("again-store-watched", put_cut_short(connect, watch_data(1), "150 go on", move, finish, "226 got it"),
     put=whole_and(saw=[("watched * still open", 1)]), **large)
case("again-store-without-size", put_cut_short(SIZE=["502 what?"]), put=whole,
     append=fails("EAGAIN", free=True, state={"attempts": "1"}), **large)
# It begins anew when it is to add, and then does not tell how much it has: it did before.
for code, attempts in ((0, 3), (450, 3), (500, 2), (550, 2)):
    case(f"again-store-size-{code}-after", put_cut_short(
        "150 go on", connect, take(begin=lambda offset: 0), finish, "226 got it",
        SIZE=[size_before(code)]),
         put=whole_and(state={"attempts": str(attempts)}), **{**large, "retries": 2})
# That it cannot add just now is no reason never to go on again.
case("again-store-451-passing", {
    **STORING, "STOR": ["150 go on", connect, take(CUT), "426 broken", break_data],
    "APPE": [lambda session: session.take_steps(["451 not now"] if session.number == 2 else STORING["APPE"])]},
     put=whole_and(saw=[("< STOR*", 2), ("< APPE*", 2)], state={"attempts": "3"}), **{**large, "retries": 2})
ENDS_SAME = bytes(100000) + BODIES["large"][100000:]
# Nobody knows what was there before, which is still there after the first attempt, and ends as the file does there.
for code in (450, 500):
    case(f"again-store-size-{code}-first", {
        **STORING, "PASS": [first_time([some_of(ENDS_SAME, 300000), "230 in"], ["230 in"])],
        "SIZE": [first_time([f"{code} no"], [tell_store_size()])],
        "STOR": [first_time(["150 go on", connect, receive, "426 broken", finish], STORING["STOR"])]},
         put=whole_and(saw=[("< APPE*", 0)]), **large)
# Nor does it count that its time is written otherwise, or has become another.
for name, what in {"fraction": "20010101000000.000", "zone": "20010101010000"}.items():
    case(f"again-store-time-{name}", {
        **STORING, "PASS": [first_time([some_of(ENDS_SAME, 300000), "230 in"], ["230 in"])],
        "MDTM": [first_time(["213 20010101000000"], [f"213 {what}"])],
        "STOR": [first_time(["150 go on", connect, receive, "426 broken", finish], STORING["STOR"])]},
         put=whole_and(saw=[("< APPE*", 0)]), **large)
case("again-append-size-550-after", put_cut_short(SIZE=[size_before(550)]),
     append=fails("EIO", free=True, code=226, content=None), **large)
case("again-store-size-lies", put_cut_short(SIZE=["213 9223372036854775807"]), put=fails("EIO", free=True), **large)
case("again-append-shrunk", put_cut_short(SIZE=[first_time(["213 100"], ["213 4"])]),
     append=fails("EIO", free=True, content=None), **large)
# Somebody else has added to it meanwhile.
case("again-append-grown", put_cut_short(SIZE=[first_time(["213 4"], ["213 99999999"])]),
     append=fails("EIO", free=True, saw=[("< APPE *", 1)]), **large)

# A put that may be gone on with looks at what the server has, before it sends anything


def look(name, retrieval, outcome, *, body=PAYLOAD, size=2000, **more):
    behaviour = {"PASS": [some_of(body, size), "230 in"], "MDTM": ["213 20371231235959"], **more}
    if retrieval:
        behaviour["RETR"] = retrieval
    outcome.free = True
    # A shorter one would be read whole, and nothing asked for by its place.
    case(f"look-{name}", behaviour, put=outcome, resume=1, retry_delay_sec=0, file="" if body is PAYLOAD else "large",
         **({"timeout_sec": outcome.least // 1000} if outcome.least else {}))


def fetched(*steps):
    return ["150 coming", connect, *steps]


ANEW = [("< STOR*", 1), ("< APPE*", 0), ("data taken: 4096", 1)]
look("same", None, done(saw=[("< APPE*", 1), ("< STOR*", 0), ("data taken: 2096", 1)]))
for code in (450, 500, 530, 550):
    look(f"{code}", [f"{code} no"], fails("EAGAIN", code=code) if code == 450 else done(saw=ANEW))
look("150-then-550", ["150 coming", "550 no"], done(saw=ANEW))
look("other-bytes", fetched(send(EVIL[:2000]), finish, "226 sent"), done(saw=ANEW))
look("last-byte", fetched(send(PAYLOAD[:1999] + b"?"), finish, "226 sent"), done(saw=ANEW))
look("fewer-bytes", fetched(send(PAYLOAD[:1999]), finish, "226 sent"), done(saw=ANEW))
look("no-bytes", fetched(finish, "226 sent"), done(saw=ANEW))
look("more-bytes", fetched(send(PAYLOAD[:2001]), finish, "226 sent"), done(saw=ANEW))
look("endless", fetched(beside(trickle(bytes(65536), 0.01, 1000)), stall), done(saw=ANEW))
# It has said that it is done, so that the put goes on in this very session, and only in this.
look("more-bytes-after-226", fetched("226 sent", pause(0.3), send(PAYLOAD), finish), done(saw=ANEW))
look("226-first", fetched("226 sent", pause(0.3), send(PAYLOAD[:2000]), finish),
     done(saw=[("data taken: 2096", 1)]))
# proftpd lingers like this.
look("half-close", fetched(send(PAYLOAD[:2000]), half_close, "226 sent"),
     done(saw=[("data * closed", 1), ("data taken: 2096", 1)]))
look("never-connects", ["150 coming", stall], times_out(saw=[("< STOR*", 0)]))
# That it is complete does not make it endless.
look("226-never-connects", ["150 coming", "226 sent"], times_out(last="RETR"))
look("226-then-stall", fetched("226 sent", send(PAYLOAD[:100])), times_out(last="RETR"))
look("never-ends", fetched(send(PAYLOAD[:2000]), stall), times_out(saw=[("< STOR*", 0)]))
look("never-226", fetched(send(PAYLOAD[:2000]), finish, stall), times_out(saw=[("< STOR*", 0)]))
look("421", ["421 going", hang_up], fails("EAGAIN", code=421))
look("junk", ["what?"], fails("EPROTO", saw=[("< STOR*", 0)]))
look("226-only", ["226 sent"], fails("EPROTO", saw=[("< STOR*", 0)]))
look("hang-up", fetched(hang_up), fails("ECONNRESET"))
look("data-reset", fetched(break_data, stall), fails("ECONNRESET"))
look("third", ["150 coming", third(5), connect, send(PAYLOAD[:2000]), finish, "226 sent"],
     done(saw=[("third * closed", 1), ("third * spoken to", 0), ("data taken: 2096", 1)]))
look("third-before-port-reply", None, done(saw=[("third * spoken to", 0), ("data taken: 2096", 1)]),
     PORT=[third(0), "200 noted"])
look("size-grows", None, done(saw=[("< STOR*", 1)]), SIZE=[lambda session: session.say(
    f"213 {size_of(session) if session.offset or session.target else len(PAYLOAD) + 1}\r\n")])
LARGE = {"body": BODIES["large"], "size": 200000}
WHOLE = [("< STOR*", 1), (f"data taken: {len(BODIES['large'])}", 1)]
look("large", None, done(saw=[("< REST 134464", 1), ("< REST*", 1), ("< APPE*", 1)]), **LARGE)
for code in (200, 501, 502, 550):
    look(f"rest-{code}", None, done(saw=[("< RETR*", 0), *WHOLE]), REST=[f"{code} no"], **LARGE)
look("rest-450", None, fails("EAGAIN", code=450), REST=["450 no"], **LARGE)
look("rest-hang-up", None, fails("ECONNRESET"), REST=[hang_up], **LARGE)
# Whoever connects for a transfer that does not take place is not taken for who connects for the next.
look("rest-501-and-connects", None, done(saw=WHOLE),
     REST=[connect, send(EVIL), pause(0.3), "501 no"], **LARGE)
# Of no room it says nothing against where to begin, and what is there is not cut.
look("store-552", None, fails("ENOSPC", code=552, saw=[("< APPE*", 1), ("< STOR*", 0)]), APPE=["552 no"])
# Who may not add to it may yet replace it; who may do neither has not cut it.
for code, error in ((550, "ENOENT"), (553, "EPERM")):
    look(f"store-{code}-whatever", None, fails(error, code=code, saw=[("< APPE*", 1), ("< STOR*", 1)]),
         APPE=[f"{code} no"], STOR=[f"{code} no"])
# Whoever does not add to a file gets all of it.
AFTER_ALL = [("< APPE*", 1), ("< STOR*", 1), ("data taken: 4096", 1)]
for code in (500, 501, 502, 504, 550, 553):
    look(f"store-{code}", None, done(saw=AFTER_ALL), APPE=[f"{code} not there"])
look("store-replaces", None, done(saw=AFTER_ALL), APPE=["150 go on", connect, take(), finish, "226 got it"])
# proftpd says so unless it is told to let files be gone on with, and means: from the beginning.
look("store-451", None, done(saw=AFTER_ALL), APPE=["451 not there, try again"])
look("store-451-whatever", None, fails("EAGAIN", code=451, saw=[("< APPE*", 1), ("< STOR*", 1)]), APPE=["451 no"],
     STOR=["451 no"])
# What was said for what was compared is not said for what is sent.
look("store-without-150", None, times_out(saw=[("data taken: 0", 1)]),
     APPE=[connect, take(append=True), finish, "226 got it"])
# It gives files, but not from there.
look("retr-451", ["451 not there, try again"], done(saw=[("< REST 0", 1), *WHOLE]), **LARGE)
look("retr-451-from-0", ["451 no"], fails("EAGAIN", code=451, saw=[("< STOR*", 0)]))
look("retr-551", ["551 no"], done(saw=[("< REST 0", 1), *WHOLE]), **LARGE)

# What is asked of the file

for name, path in {"of-4000": "d/" + "x" * 3998, "odd": " a  b\xff\xe9'\"%s\\\t; QUIT ", "dots": "../../../etc/passwd",
                   "a-command": "x RETR y", "glob": "*?[a]{b,c}~"}.items():
    case(f"path-{name}", {}, done(), remote=path)

fetch("sha256-wrong", {}, fails("EBADMSG", code=226), sha256="0" * 64)
fetch("sha256-right", {}, done(), sha256="PAYLOAD")
fetch("sha256-of-other-bytes", {"RETR": ["150 coming", connect, send(PAYLOAD[::-1]), finish, "226 sent"]},
      fails("EBADMSG"), sha256="PAYLOAD")
store("sha256-wrong-store", {}, fails("EBADMSG", saw=[("from *", 0)]), sha256="0" * 64)
store("sha256-right-store", {}, done(), sha256="PAYLOAD")
