#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""An FTP server that does what no real one should: each case is a port of its own.

  ftpscript.py list
  ftpscript.py serve --dir DIR [--base PORT] [--third-netns NAME] [--third4 ADDRESS] [--third6 ADDRESS]

serve listens for every case of the table at once, over IPv4 and IPv6, makes DIR when all of them listen,
and runs until it is killed. DIR/port/NAME has a case's port, DIR/count/NAME the number of connections so
far, and DIR/log/NAME tells what came in and what went out, each line after the number of the connection:

  1 from 192.0.2.2 40000 to 192.0.2.1   a control connection, its two addresses
  1 < PASS wonder                       a command as it came
  1 > 230 in                            what was said, a line each
  1 data 192.0.2.2 41000 open           what became of a data connection
  1 third 192.0.2.2 41000 closed        and of one from another host's address
  1 end: the client closed              how the control connection ended

DIR/body/NAME is what a src of NAME has, DIR/store/USER what USER has put there; a test may put something there
itself. DIR/go/KIND-USER is how a test tells a case what to do now: see Session.told().

A case is a table too: a command's verb, and the steps to take when it comes. A step is text to say (a
line end is added), bytes to send as they are, or a function of the session. MOVE stands for RETR, STOR and APPE
where it does not matter which. The cases here are those that need to be told what to do, or that several tests
use; what no server should do is in tests/hostile/cases.py, and served by the same code.
"""

import argparse
import contextlib
import ctypes
import errno
import mmap
import os
import random
import select
import socket
import struct
import sys
import tempfile
import threading
import time

PAYLOAD = b"kftp" * 1024
EVIL = b"evil" * 1024
# Files that are large enough to be resumed, and one of them to be written directly.
BODIES = {name: random.Random(size).randbytes(size) for name, size in (
    ("buffered", 100003), ("medium", (1 << 20) + 3), ("large", (6 << 20) + 5))}
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
# Nothing that a test starts may outlive it: the longest patience of any step.
PATIENCE = 60


class Over(Exception):
    """The control connection has ended; says how."""


def reason(error):
    return errno.errorcode.get(error.errno, str(error))


@contextlib.contextmanager
def network_of(path):
    """The calling thread in another network namespace; a socket belongs to the one it was made in."""
    if not path:
        yield
        return
    with open("/proc/thread-self/ns/net", "rb") as home, open(path, "rb") as away:
        if LIBC.setns(away.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns " + path)
        try:
            yield
        finally:
            if LIBC.setns(home.fileno(), CLONE_NEWNET):
                os._exit(1)


class Session:
    """One control connection: plays a case's steps, and tells the case's log."""

    def __init__(self, server, case, control, number, log):
        self.server = server
        self.case = case
        self.control = control
        self.number = number
        self.log = log
        self.verb = ""
        self.argument = ""
        self.offset = 0
        self.user = ""
        self.password = ""
        self.target = None
        self.data = None
        self.spare = []
        self.received = b""
        self.here = control.getsockname()
        self.there = control.getpeername()

    def note(self, text):
        self.log.write(f"{self.number} {text}\n")

    # The control connection

    def run(self):
        plain = [address[0].removeprefix("::ffff:").partition("%")[0] for address in (self.there, self.here)]
        self.note(f"from {plain[0]} {self.there[1]} to {plain[1]}")
        try:
            self.control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.play("GREETING")
            while True:
                self.obey(self.command())
        except Over as over:
            self.note(f"end: {over}")
        except OSError as error:
            self.note(f"end: {reason(error)}")
        finally:
            for sock in [self.control, self.data, *self.spare]:
                if sock:
                    sock.close()

    def command(self):
        while b"\n" not in self.received:
            self.control.settimeout(PATIENCE)
            chunk = self.control.recv(4096)
            if not chunk:
                raise Over("the client closed")
            self.received += chunk
        line, _, self.received = self.received.partition(b"\n")
        text = line.decode("latin-1")
        if not text.endswith("\r"):
            self.note(f"< without CR: {text}")
        return text.removesuffix("\r")

    def obey(self, line):
        self.note(f"< {line}")
        verb, _, self.argument = line.partition(" ")
        if verb == "USER":
            self.user = self.argument
        if verb == "PASS":
            self.password = self.argument
        if verb in ("PORT", "EPRT"):
            self.target = self.parse_target(verb)
            if not self.target:
                self.say("501 what address?\r\n")
                return
            verb = "PORT"
        self.verb = verb
        self.play(verb)
        if verb in MOVES:
            self.offset = 0

    def play(self, verb):
        steps = self.case.get(verb)
        if steps is None and verb in MOVES:
            steps = self.case.get("MOVE")
        self.take_steps(DEFAULT.get(verb, ["502 not here"]) if steps is None else steps)

    def take_steps(self, steps):
        for step in steps:
            if callable(step):
                step(self)
            elif isinstance(step, bytes):
                self.say(step)
            else:
                self.say(step.replace("{size}", str(len(PAYLOAD))) + "\r\n")

    def say(self, what):
        if isinstance(what, str):
            what = what.encode("latin-1")
        shown = what.decode("latin-1").replace("\r\n", "\n").rstrip("\n")
        for line in shown.split("\n")[:3]:
            self.note(f"> {line[:80]}")
        self.control.settimeout(PATIENCE)
        pace = self.case.get("PACE")
        if not pace:
            self.control.sendall(what)
            return
        piece = self.case.get("PIECE", 1)
        for at in range(0, len(what), piece):
            self.control.sendall(what[at:at + piece])
            time.sleep(pace)

    # What the test wants, and has

    def told(self, kind):
        """Has the test made the file DIR/go/KIND-USER?"""
        return os.path.exists(self.told_path(kind))

    def told_path(self, kind):
        return os.path.join(self.server.directory, "go", f"{kind}-{self.user}")

    def count_down(self, kind):
        """As told(), as many times as the number in that file says."""
        try:
            with open(self.told_path(kind), encoding="ascii") as file:
                left = int(file.read() or "1") - 1
        except FileNotFoundError:
            return False
        if left:
            with open(self.told_path(kind), "w", encoding="ascii") as file:
                file.write(str(left))
        else:
            os.unlink(self.told_path(kind))
        return True

    def body(self):
        """The file that the client names; another of the same size when told so."""
        body = BODIES.get(os.path.basename(self.argument), PAYLOAD)
        return body[::-1] if self.told("new") else body

    def store(self):
        return os.path.join(self.server.directory, "store", self.user)

    # The data connection

    def parse_target(self, verb):
        try:
            if verb == "PORT":
                numbers = [int(part) for part in self.argument.split(",")]
                if len(numbers) != 6 or not all(0 <= number <= 255 for number in numbers):
                    return None
                return ".".join(map(str, numbers[:4])), numbers[4] * 256 + numbers[5]
            mark = self.argument[0]
            empty, family, address, port, end = self.argument.split(mark)
            socket.inet_pton({"1": socket.AF_INET, "2": socket.AF_INET6}[family], address)
            return (address, int(port)) if not empty and not end else None
        except (ValueError, KeyError, IndexError, OSError):
            return None

    def own(self):
        """The address that the client knows the server by."""
        return self.here[0].removeprefix("::ffff:").partition("%")[0]

    def dial(self, source, port=0, window=0):
        """A connection to the address that the client announced; from a port, with a small window."""
        address, there = self.target
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        scope = (0, self.there[3]) if family == socket.AF_INET6 else ()
        sock.settimeout(5)
        if window:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        if port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if source:
            sock.bind((source, port, *scope))
        try:
            sock.connect((address, there, *scope))
        except OSError:
            sock.close()
            raise
        return sock

    def note_data(self, who, what):
        self.note(f"{who} {self.target[0]} {self.target[1]} {what}")


# Steps

def pause(seconds):
    return lambda session: time.sleep(seconds)


def grace(seconds):
    """In which the client, however slow its machine is, does what it can do at once."""
    return pause(seconds * float(os.environ.get("KFTP_SLOW", "1")))


def stall(session):
    """Says nothing more; ends when the client has had enough."""
    while True:
        session.note(f"< {session.command()}")


def gate(session):
    """Waits until the test makes the file DIR/go/USER, and takes it away."""
    path = os.path.join(session.server.directory, "go", session.user)
    for _ in range(PATIENCE * 50):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
            return
        # Whatever the client says now is its farewell. Who waited on would take away the next client's file.
        session.control.settimeout(0.02)
        with contextlib.suppress(TimeoutError):
            session.control.recv(1, socket.MSG_PEEK)
            return
    raise Over("the gate stayed closed")


def hang_up(session):
    """Ends in good order: the client sees all that was said, then the end."""
    session.control.shutdown(socket.SHUT_RDWR)
    raise Over("hung up")


def reset(session):
    session.control.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    session.control.close()
    session.control = None
    raise Over("reset")


def drip(first, then, interval):
    """Begins, and goes on for ever, a little at a time."""
    def step(session):
        session.say(first)
        while True:
            time.sleep(interval)
            session.control.sendall(then)
    return step


def flood(first, then):
    """As drip, as fast as the client takes it."""
    def step(session):
        session.say(first)
        while True:
            session.control.sendall(then * 64)
    return step


def echo_password(before, after):
    return lambda session: session.say(f"{before}{session.password}{after}\r\n")


def connect_from(port=0, window=0):
    def step(session):
        try:
            session.data = session.dial(session.own(), port, window)
            session.note_data("data", "open")
        except OSError as error:
            session.note_data("data", reason(error))
    return step


connect = connect_from()


def connect_later(seconds):
    """Connects beside the dialogue, not in it."""
    def step(session):
        def later():
            time.sleep(seconds)
            connect(session)
            send(PAYLOAD)(session)
            finish(session)
        threading.Thread(target=later, daemon=True).start()
    return step


def send(payload):
    def step(session):
        try:
            session.data.sendall(payload)
        except (OSError, AttributeError) as error:
            session.note(f"data not sent: {error}")
    return step


def move(session):
    """The whole file, whichever way it goes."""
    if session.verb == "RETR":
        serve()(session)
    else:
        take(append=session.verb == "APPE")(session)


def send_changing(session):
    """The file's pages themselves, as sendfile(2) sends them, and they go on changing."""
    body = session.body()
    over = threading.Event()
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.flush()
        pages = mmap.mmap(file.fileno(), len(body))

        def change():
            while not over.is_set():
                for page in range(0, len(body), mmap.PAGESIZE):
                    pages[page] ^= 1

        changing = threading.Thread(target=change)
        changing.start()
        with contextlib.suppress(OSError):
            session.data.sendfile(file)
        time.sleep(0.3)
        over.set()
        changing.join()
        pages.close()


def trickle(chunk, interval, times=None):
    def step(session):
        count = 0
        while times is None or count < times:
            time.sleep(interval)
            try:
                session.data.sendall(chunk)
            except (OSError, AttributeError) as error:
                session.note(f"data ended after {count * len(chunk)} bytes: {error}")
                return
            count += 1
    return step


def finish(session):
    if session.data:
        session.data.close()
    session.data = None


def babble(session):
    """Single bytes on the control connection, none of which waits for another."""
    session.control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError):
        for _ in range(30000):
            session.control.send(b"x")


def half_close(session):
    """Says that it has sent everything, and waits for the client to close first."""
    session.data.shutdown(socket.SHUT_WR)
    session.note_data("data", fate(session.data, 5))
    finish(session)


def break_data(session):
    session.data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    finish(session)


def fate(sock, seconds):
    """What the other end does with a connection."""
    sock.settimeout(seconds)
    try:
        return "closed" if not sock.recv(1) else "spoken to"
    except socket.timeout:
        return "still open"
    except OSError as error:
        return refusal(error)


def refusal(error):
    """A connection may be reset before connect() has returned."""
    return "closed" if error.errno in (errno.ECONNRESET, errno.EPIPE) else reason(error)


def third(watch, times=1):
    """Connects from another host's address, with data of its own, and perhaps watches what becomes of it."""
    def once(session):
        try:
            sock = session.dial(session.server.third6 if ":" in session.target[0] else session.server.third4)
        except OSError as error:
            session.note_data("third", refusal(error))
            return
        session.spare.append(sock)
        with contextlib.suppress(OSError):
            sock.sendall(EVIL)
        session.note_data("third", fate(sock, watch) if watch else "open")

    def step(session):
        with network_of(session.server.third_netns):
            for _ in range(times):
                once(session)
    return step


def third_reset(session):
    """Another host connects and resets, perhaps before it was accepted."""
    third(0)(session)
    if session.spare:
        session.spare[-1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        session.spare.pop().close()


def send_urgent(payload):
    return lambda session: session.data.send(payload, socket.MSG_OOB)


def second(session):
    """Another connection from the server's own address."""
    try:
        sock = session.dial(session.own())
    except OSError as error:
        session.note_data("second", refusal(error))
        return
    session.spare.append(sock)
    with contextlib.suppress(OSError):
        sock.sendall(EVIL)
    session.note_data("second", fate(sock, 3))


def spoilt(bad, good):
    """The bad steps as many times as DIR/go/spoil-USER says, or the good ones."""
    return lambda session: session.take_steps(bad if session.count_down("spoil") else good)


def when_offset(steps, otherwise):
    """The first steps for who asks for what comes after an offset."""
    return lambda session: session.take_steps(steps if session.offset else otherwise)


def begin_there(session):
    session.offset = int(session.argument)
    session.say("350 from there\r\n")


def tell_size(session):
    session.say(f"213 {len(session.body())}\r\n")


def connected(session):
    """The data connection; without one there is nothing more to do."""
    if not session.data:
        raise Over("no data connection")
    return session.data


def serve(most=None, begin=lambda offset: offset, change=lambda data: data):
    """The file, from the offset on; or something else."""
    def step(session):
        connected(session).settimeout(PATIENCE)
        data = change(session.body()[begin(session.offset):])
        send(data[:most])(session)
    return step


def serve_until(end):
    return lambda session: serve(max(end - session.offset, 0))(session)


def take(most=None, append=False, begin=lambda offset: offset, cut=True):
    """What the client sends goes into the store; what is there from there on, not without a cut."""
    def step(session):
        connected(session).settimeout(PATIENCE)
        path = session.store()
        count = 0
        with open(path, "ab" if append else "r+b" if os.path.exists(path) else "wb", buffering=0) as file:
            if not append:
                if cut:
                    file.truncate(begin(session.offset))
                file.seek(begin(session.offset))
            while most is None or count < most:
                try:
                    data = session.data.recv(min(65536, most - count if most else 65536))
                except OSError as error:
                    session.note(f"data not taken: {reason(error)}")
                    break
                if not data:
                    break
                file.write(data)
                count += len(data)
        session.note(f"data taken: {count}")
    return step


def drop(count):
    """So much of what the client sends goes nowhere."""
    def step(session):
        left = count
        while left:
            left -= len(session.data.recv(left)) or left
    return step


def tell_store_size(less=0):
    def step(session):
        try:
            session.say(f"213 {os.path.getsize(session.store()) - less}\r\n")
        except FileNotFoundError:
            session.say("550 no such file\r\n")
    return step


def tell_store_time(session):
    try:
        when = time.gmtime(os.path.getmtime(session.store()))
        session.say(time.strftime("213 %Y%m%d%H%M%S\r\n", when))
    except FileNotFoundError:
        session.say("550 no such file\r\n")


def give_store(session):
    with open(session.store(), "rb") as file:
        file.seek(session.offset)
        send(file.read())(session)


# The table

MOVES = ("RETR", "STOR", "APPE")

DEFAULT = {
    "GREETING": ["220 scripted"],
    "USER": ["331 and the password?"],
    "PASS": ["230 in"],
    "TYPE": ["200 so be it"],
    "SIZE": ["213 {size}"],
    "PORT": ["200 noted"],
    "RETR": ["150 coming", connect, send(PAYLOAD), finish, "226 all sent"],
    "QUIT": ["221 bye", hang_up],
}

BEGUN = ["150 coming", connect, send(PAYLOAD[:1024])]
SENT = ["150 coming", connect, send(PAYLOAD), finish]

CASES = {
    "plain": {},
    "segments-of-one-byte": {"PACE": 0.001},
    "odd-bytes-in-a-refusal": {"RETR": [b"550 no \x1b[31mred\x1b[0m \xff\xfb\x01 caf\xe9 a\rb \x00 end\r\n"]},
    "greeting-421": {"GREETING": ["421 too many", hang_up]},
    "greeting-of-ssh": {"GREETING": ["SSH-2.0-OpenSSH_9.2p1"]},
    "greeting-hang-up": {"GREETING": [hang_up]},
    "pass-530": {"PASS": ["530 wrong"]},
    "user-550-tls": {"USER": ["550 SSL/TLS required on the control channel"]},
    "pass-530-echo": {"PASS": [echo_password("530 not ", " surely")]},
    "pass-530-echo-lines": {"PASS": [echo_password("530-not ", ""), echo_password(" nor ", ""),
                                     echo_password("530 also ", "")]},
    "retr-550-echo": {"RETR": [echo_password("550 no ", " file")]},
    "stall-greeting": {"GREETING": [stall]},
    "stall-in-data": {"RETR": [*BEGUN, stall]},
    "stall-quit": {"QUIT": [stall]},
    "stall-quit-of-failure": {"RETR": ["550 no"], "QUIT": [stall]},
    "stall-quit-of-450": {"RETR": ["450 busy"], "QUIT": [stall]},
    "never-connects": {"RETR": ["150 coming", stall]},
    "reset-in-data": {"RETR": [*BEGUN, reset]},
    "552-after-data": {"RETR": [*SENT, "552 quota"]},
    "junk-after-data": {"RETR": [*SENT, "thank you"]},
    "fewer-bytes": {"RETR": ["150 coming", connect, send(PAYLOAD[:-1]), finish, "226 sent"]},
    "babble": {"RETR": [*BEGUN, "226 sent", babble, stall]},
    "size-500": {"SIZE": ["500 what?"]},
    "late-greeting": {"GREETING": [pause(3), "220 scripted"]},
    "third": {"RETR": ["150 coming", third(0), connect, send(PAYLOAD), finish, "226 all sent"]},
}
for code in (451, 550, 552, 553):
    CASES[f"retr-{code}"] = {"RETR": [f"{code} no"]}

# For clients that go on where they ended.
RESUMABLE = {
    "SIZE": [tell_size],
    "MDTM": ["213 20240102030405"],
    "REST": [begin_there],
    "RETR": ["150 coming", connect, serve(), finish, "226 all sent"],
}
SERVED = RESUMABLE["RETR"]
MIDDLE = 700000


def ended_early(*steps):
    return {**RESUMABLE, "RETR": [spoilt(["150 coming", connect, serve_until(MIDDLE), pause(0.5), *steps],
                                           SERVED)]}


CASES.update({
    "rest-good": RESUMABLE,
    "rest-good-too": RESUMABLE,
    "send-changing": {**RESUMABLE, "RETR": ["150 coming", connect, send_changing, finish, "226 all sent"]},
    # It takes REST, and sends all of it.
    "rest-ignored": {**RESUMABLE, "RETR": ["150 coming", connect, serve(begin=lambda offset: 0), finish, "226 sent"]},
    "rest-a-byte-before": {**RESUMABLE, "RETR": ["150 coming", connect, serve(begin=lambda offset: max(offset - 1, 0)),
                                                 finish, "226 sent"]},
    "rest-a-byte-after": {**RESUMABLE, "RETR": ["150 coming", connect,
                                                serve(begin=lambda offset: offset + bool(offset)), finish, "226 sent"]},
    "rest-wrong-bytes": {**RESUMABLE, "RETR": [when_offset(
        ["150 coming", connect, serve(change=lambda data: data[:1000] + b"?" + data[1001:]), finish, "226 sent"],
        SERVED)]},
    "rest-zeros": {**RESUMABLE, "RETR": [when_offset(
        ["150 coming", connect, serve(change=lambda data: bytes(len(data))), finish, "226 sent"], SERVED)]},
    # What was there before is compared to its last byte.
    "rest-wrong-last-byte": {**RESUMABLE, "RETR": [when_offset(
        ["150 coming", connect, serve(change=lambda data: data[:65535] + bytes([data[65535] ^ 1]) + data[65536:]),
         finish, "226 sent"], SERVED)]},
    # Right where it is compared, and wrong after it: only a digest could tell.
    "rest-wrong-after": {**RESUMABLE, "RETR": [when_offset(
        ["150 coming", connect, serve(change=lambda data: data[:65536] + bytes(len(data) - 65536)), finish, "226 sent"],
        SERVED)]},
    "rest-fewer": {**RESUMABLE, "RETR": [when_offset(
        ["150 coming", connect, serve(change=lambda data: data[:-1]), finish, "226 sent"], SERVED)]},
    "rest-more": {**RESUMABLE, "RETR": [when_offset(
        ["150 coming", connect, serve(change=lambda data: data + b"x"), finish, "226 sent"], SERVED)]},
    "rest-nothing": {**RESUMABLE, "RETR": [when_offset(["150 coming", connect, finish, "226 sent"], SERVED)]},
    "rest-421": {**RESUMABLE, "REST": ["421 going down"]},
    "rest-time-moves": {**RESUMABLE, "MDTM": [lambda session: session.say(
        f"213 2024010203040{6 if session.told('new') else 5}\r\n")]},
    "rest-size-moves": {**RESUMABLE, "SIZE": [lambda session: session.say(
        f"213 {len(session.body()) - 7 * session.told('new')}\r\n")],
                        "RETR": ["150 coming", connect,
                                 lambda session: serve(-7 if session.told("new") else None)(session),
                                 finish, "226 sent"]},
    "rest-size-450": {**RESUMABLE, "SIZE": [spoilt(["450 busy"], [tell_size])]},
    "rest-time-450": {**RESUMABLE, "MDTM": [spoilt(["450 busy"], RESUMABLE["MDTM"])]},
    "rest-no-time": {**RESUMABLE, "MDTM": ["502 what?"]},
    "rest-no-time-550": {**RESUMABLE, "MDTM": ["550 no"]},
    "rest-junk-time": {**RESUMABLE, "MDTM": ["213 yesterday"]},
    "rest-no-size": {**RESUMABLE, "SIZE": ["500 what?"]},

    # Data that end in the middle, as often as the test says.
    "early-426": ended_early("426 broken", finish),
    "early-451": ended_early("451 disk error", finish),
    "early-421": ended_early("421 going down", finish),
    "early-reset": ended_early(break_data, stall),
    "early-hang-up": ended_early(hang_up),
    "early-stall": ended_early(stall),
    "early-hang-up-without-time": {**ended_early(hang_up), "MDTM": ["502 what?"]},
    "early-451-without-rest": {**ended_early("451 disk error", finish), "REST": ["502 what?"]},
    "spoilt-login": {"PASS": [spoilt(["421 too many users", hang_up], ["230 in"])]},
    "spoilt-greeting": {"GREETING": ["421 too many users", hang_up]},
    "spoilt-450": {"RETR": [spoilt(["450 busy"], ["150 coming", connect, send(PAYLOAD), finish, "226 all sent"])]},
})
for code in (501, 502, 504, 550, 554):
    CASES[f"rest-{code}"] = {**RESUMABLE, "REST": [f"{code} no"]}
for code in (450, 451, 501, 550, 551, 554):
    CASES[f"rest-then-{code}"] = {**RESUMABLE, "RETR": [when_offset([f"{code} cannot begin there"], SERVED)]}

CASES["rest-gated"] = {**RESUMABLE, "RETR": [when_offset(
    ["150 coming", connect, serve(1000), gate, serve(begin=lambda offset: offset + 1000), finish, "226 all sent"],
    SERVED)]}
CASES["rest-held"] = {**RESUMABLE, "RETR": [when_offset(["150 coming", connect, stall], SERVED)]}
CASES["spoilt-rest"] = {**RESUMABLE, "REST": [spoilt(["421 going down", hang_up], RESUMABLE["REST"])]}
CASES["gated-large"] = {**RESUMABLE, "RETR": ["150 coming", connect, serve(1 << 20), gate,
                                              serve(begin=lambda offset: offset + (1 << 20)), finish, "226 all sent"]}
# What fills a client's buffers for direct I/O, and no more for a while.
CASES["gated-buffers"] = {**RESUMABLE, "RETR": ["150 coming", connect, serve(3 * 896 * 1024), gate, hang_up]}
CASES["gated-226-large"] = {**RESUMABLE, "RETR": [*SERVED[:-1], gate, "226 all sent"]}

# What is put there.
STORING = {
    "SIZE": [tell_store_size()],
    "MDTM": [tell_store_time],
    "REST": [begin_there],
    "STOR": ["150 go on", connect, take(), finish, "226 got it"],
    "APPE": ["150 go on", connect, take(append=True), finish, "226 got it"],
    "RETR": ["150 coming", connect, give_store, finish, "226 all sent"],
}


def taken_early(*steps):
    return {**STORING,
            "STOR": [spoilt(["150 go on", connect, take(MIDDLE), *steps], STORING["STOR"])],
            "APPE": [spoilt(["150 go on", connect, take(MIDDLE, append=True), *steps], STORING["APPE"])]}


CASES.update({
    "store": STORING,
    "store-552-then-reset": {**STORING, "STOR": ["150 go on", connect, take(MIDDLE), "552 quota", break_data, stall]},
    "store-reset-then-552": {**STORING, "STOR": ["150 go on", connect, take(MIDDLE), break_data, pause(0.3),
                                                 "552 quota"]},
    "store-reset": {**STORING, "STOR": ["150 go on", connect, take(MIDDLE), break_data, stall]},
    "store-closed-in-middle": {**STORING, "STOR": ["150 go on", connect, take(MIDDLE), finish, "226 got it"]},
    "store-zero-window": {**STORING, "STOR": ["150 go on", connect, stall]},
    "store-226-early": {**STORING, "STOR": ["150 go on", connect, take(MIDDLE), "226 got it", take(), finish]},
    "store-never-226": {**STORING, "STOR": ["150 go on", connect, take(), finish, stall]},
    "store-size-less": {**STORING, "SIZE": [tell_store_size(1)]},
    "store-size-more": {**STORING, "SIZE": [tell_store_size(-1)]},
    "store-no-size": {**STORING, "SIZE": ["502 what?"]},
    "store-451-after": {**STORING, "STOR": ["150 go on", connect, take(), finish, "451 disk error"]},
    "store-hold": {**STORING, "STOR": ["150 go on", connect, take(MIDDLE), stall],
                   "APPE": ["150 go on", connect, take(MIDDLE, append=True), stall]},
    # Late enough for a sender that means to fill a long way.
    "store-hold-late": {**STORING, "STOR": ["150 go on", connect, take(12 << 20), stall]},
    "store-gated": {**STORING, "STOR": [gate, "150 go on", connect, take(), finish, "226 got it"]},
    "store-hold-accept": {**STORING, "STOR": ["150 go on", stall]},
    "store-early-426": taken_early("426 broken", break_data),
    "store-early-hang-up": taken_early(hang_up),
    "store-early-reset": taken_early(break_data, reset),
    # All is there, and the client does not learn it.
    "store-226-lost": {**STORING, "STOR": [spoilt(["150 go on", connect, take(), reset], STORING["STOR"])],
                       "APPE": [spoilt(["150 go on", connect, take(append=True), reset], STORING["APPE"])]},
    "store-nothing-kept": {**STORING, "STOR": [spoilt(
        ["150 go on", connect, drop(MIDDLE), "426 broken", break_data],
        STORING["STOR"])]},
    "store-in-place": {**STORING, "STOR": [spoilt(["150 go on", connect, take(MIDDLE, cut=False), hang_up],
                                                  STORING["STOR"])]},
    "store-gated-226": {**STORING, "STOR": ["150 go on", connect, take(), gate, finish, "226 got it"]},
    "store-lost-without-size": {**taken_early(hang_up), "SIZE": ["502 what?"]},
    "store-without-rest": {**taken_early("426 broken", break_data), "REST": ["502 what?"]},
    "store-replaces": {**taken_early("426 broken", break_data)},
    "store-spoilt-login": {**STORING, "PASS": [spoilt(["421 too many users", hang_up], ["230 in"])]},
    "store-spoilt-450": {**STORING, "STOR": [spoilt(["450 busy"], STORING["STOR"])]},
})
CASES["store-replaces"]["APPE"] = STORING["STOR"]
for code in (450, 452, 532, 550, 552, 553):
    CASES[f"store-{code}"] = {**STORING, "STOR": [f"{code} no"], "APPE": [f"{code} no"]}

# Times that are good, and some that are none.
for case, when in {
        "plain": "20010203040506", "fraction": "20010203040506.789", "leap": "20161231235960", "old": "19700101000000",
        "y2k-bug": "19100010203040506", "month-13": "20011303040506", "year-0": "00000101000000", "60-digits": "2" * 60,
        "short": "2001020304050", "letters": "2001020304050x", "empty": "", "dot": "20010203040506.",
        "sign": "-2001020304050", "spaces": " 20010203040506", "two": "20010203040506 20010203040506"}.items():
    CASES[f"time-{case}"] = {"MDTM": [f"213 {when}"]}
CASES["time-550"] = {"MDTM": ["550 no"]}
CASES["time-421"] = {"MDTM": ["421 going down"]}

# Held until the client goes: for cancelling in a known phase. "hold-*" are not judged by how they end.
CASES.update({
    "hold-login": {"PASS": [stall]},
    "hold-negotiate": {"TYPE": [stall]},
    "hold-accept": {"RETR": ["150 coming", stall]},
    "hold-transfer": {"RETR": [*BEGUN, stall]},
    "hold-226": {"RETR": [*SENT, stall]},
    "steady": {"SIZE": ["213 65536000"],
               "RETR": ["150 coming", connect, trickle(b"x" * 65536, 0.1, 1000), finish, "226 sent"]},
    "gated-226": {"RETR": [*SENT, gate, "226 sent"]},
    "gated": {"RETR": [*BEGUN, gate, send(PAYLOAD[1024:]), finish, "226 sent"]},
    "flood": {"SIZE": ["502 what?"], "RETR": ["150 coming", connect, trickle(b"x" * 1048576, 0), "426 enough"]},
    # Its bytes come together by no round number.
    "odd-flood": {"SIZE": ["502 what?"], "RETR": ["150 coming", connect, send(b"x" * 1001), pause(0.2),
                                                  trickle(b"x" * 1048576, 0), "426 enough"]},
})


class Server:
    """Listens for every case; a thread for each connection, since steps block."""

    def __init__(self, directory, third):
        self.directory = directory
        self.third_netns, self.third4, self.third6 = third
        self.listeners = {}
        self.counts = {}
        self.stopped = False

    def listen(self, name, case, port, log):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", port))
        sock.listen(128)
        self.listeners[sock.fileno()] = sock, name, case, log
        self.counts[name] = 0

    def came(self, name):
        """Another connection."""
        self.counts[name] += 1

    def serve(self, session):
        threading.Thread(target=session.run, daemon=True).start()

    def run(self):
        poller = select.epoll()
        for number in self.listeners:
            poller.register(number, select.EPOLLIN)
        while not self.stopped:
            for number, _ in poller.poll(0.5):
                listener, name, case, log = self.listeners[number]
                try:
                    control, _ = listener.accept()
                    self.came(name)
                    session = Session(self, case, control, self.counts[name], log)
                except OSError:
                    continue
                self.serve(session)


class Told(Server):
    """Serves the table, and tells of it in a directory."""

    def begin(self, base):
        final = self.directory
        # Whoever waits for the directory finds it whole.
        self.directory += ".new"
        for part in ("port", "count", "log", "go", "body", "store"):
            os.makedirs(os.path.join(self.directory, part))
        for name, body in BODIES.items():
            with open(os.path.join(self.directory, "body", name), "wb") as file:
                file.write(body)
        for port, (name, case) in enumerate(CASES.items(), base):
            log = open(os.path.join(self.directory, "log", name), "w", buffering=1, encoding="latin-1")
            self.listen(name, case, port, log)
            self.tell("port", name, port)
            self.tell("count", name, 0)
        os.rename(self.directory, final)
        self.directory = final

    def came(self, name):
        super().came(name)
        self.tell("count", name, self.counts[name])

    def tell(self, part, name, number):
        path = os.path.join(self.directory, part, name)
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(f"{number}\n")
        os.rename(path + ".new", path)


def main():
    parser = argparse.ArgumentParser()
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list")
    serve = actions.add_parser("serve")
    serve.add_argument("--dir", required=True)
    serve.add_argument("--base", type=int, default=3000)
    serve.add_argument("--third-netns")
    serve.add_argument("--third4")
    serve.add_argument("--third6")
    options = parser.parse_args()
    if options.action == "list":
        print("\n".join(CASES))
        return
    threading.stack_size(256 * 1024)
    server = Told(options.dir, (options.third_netns and "/run/netns/" + options.third_netns, options.third4,
                                options.third6))
    server.begin(options.base)
    try:
        server.run()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
