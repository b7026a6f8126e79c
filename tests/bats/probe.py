#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What the shell cannot do by itself, for tests that cannot afford a process a question.

  probe.py ASK ANSWER

Reads a request a line from the FIFO ASK and writes an answer a line to the FIFO ANSWER, until it is killed.
An answer that is an errno is its name, and success is 0.

  write FILE HEX          write the bytes in one write(2): the shell's printf ends a write at each line end
  place FILE HEX AT       as write, at another place of the file than its beginning
  race FILE HEX COUNT     as write, by so many threads at the same moment; answers "ANSWER COUNT, ..." of them all
  places FILE             read it at places of which most are none; answers 0, or where more was than there is
  arm FILE                open FILE and read it; answers what was read
  poll SECONDS            wait until poll(2) shows an exceptional condition on the armed file; read it again
  select SECONDS          the same by select(2). Both answer "woken VALUE", "woken ERRNO" or "quiet VALUE"
  drop                    close the armed file
  listen                  begin to gather the kernel's uevents of the subsystem kftp
  heard SECONDS JOB COUNT what was heard of JOB: "ACTION STATUS ERROR BYTES RUN; ..." when COUNT were heard, or the
                          time is up
  deaf                    stop gathering; answers every byte that was heard, as hex
  chroot DIR FILE HEX     as write, by a process that opened FILE and then made DIR its root
  occupy ADDRESS PORT COUNT
                          listen there, at so many ports, until vacate
  vacate
  socket FILE             make a socket file
  offload NETNS DEVICE FEATURE VALUE
                          what a network card, of a namespace's file, does by itself: gro, tso or sg, 1 or 0
  gate DIR                let nobody open a file of the directory's until admit
  gated SECONDS COUNT     wait until so many wait to open one; answers how many do
  admit [NUMBER]          let the one go who came as that; or all, and from now on everybody
"""

import array
import collections
import ctypes
import errno
import fcntl
import os
import resource
import select
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server"))
from ftpscript import LIBC, network_of

NETLINK_KOBJECT_UEVENT = 15
SIOCETHTOOL = 0x8946
# linux/fanotify.h
FAN_CLASS_CONTENT = 4
FAN_MARK_ADD = 1
FAN_OPEN_PERM = 0x10000
FAN_EVENT_ON_CHILD = 0x08000000
FAN_ALLOW = 1
AT_FDCWD = -100
# ETHTOOL_SGRO and its like
OFFLOADS = {"gro": 0x2c, "tso": 0x1f, "sg": 0x19}


class Probe:
    """The answers, a method for each request; holds what outlives one request."""

    def __init__(self):
        self.armed = None
        self.uevents = None
        self.heard_bytes = b""
        self.heard_events = []
        self.occupied = []
        self.gate = None
        self.waiting = []

    @staticmethod
    def do_write(path, text):
        fd = os.open(path, os.O_WRONLY)
        try:
            data = bytes.fromhex(text)
            count = os.write(fd, data)
            return "0" if count == len(data) else f"short {count}"
        finally:
            os.close(fd)

    @staticmethod
    def do_place(path, text, place):
        fd = os.open(path, os.O_WRONLY)
        try:
            data = bytes.fromhex(text)
            count = os.pwrite(fd, data, int(place))
            return "0" if count == len(data) else f"short {count}"
        finally:
            os.close(fd)

    @staticmethod
    def do_race(path, text, count):
        # Who appends need not hold a lock.
        answers = []
        start = threading.Barrier(int(count))

        def run():
            fd = os.open(path, os.O_WRONLY)
            start.wait()
            try:
                os.write(fd, bytes.fromhex(text))
                answers.append("0")
            except OSError as error:
                answers.append(errno.errorcode[error.errno])
            finally:
                os.close(fd)

        threads = [threading.Thread(target=run) for _ in range(int(count))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return ", ".join(f"{answer} {times}" for answer, times in sorted(collections.Counter(answers).items()))

    @staticmethod
    def do_places(path):
        fd = os.open(path, os.O_RDONLY)
        try:
            value = os.pread(fd, 8192, 0)
            powers = (1 << bit for bit in range(12, 63))
            for place in [*range(len(value) + 2), 4095, 8191, *powers, (1 << 63) - 1]:
                try:
                    seen = os.pread(fd, 8192, place)
                except OSError as error:
                    if error.errno not in (errno.EINVAL, errno.EOVERFLOW):
                        return f"{errno.errorcode[error.errno]} at {place}"
                    continue
                if seen != value[place:]:
                    return f"{seen} at {place}"
            return "0"
        finally:
            os.close(fd)

    def look(self):
        try:
            os.lseek(self.armed, 0, os.SEEK_SET)
            return os.read(self.armed, 4096).decode().rstrip("\n")
        except OSError as error:
            return errno.errorcode[error.errno]

    def do_arm(self, path):
        self.armed = os.open(path, os.O_RDONLY)
        return self.look()

    def do_poll(self, seconds):
        poller = select.poll()
        poller.register(self.armed, select.POLLPRI)
        woken = poller.poll(float(seconds) * 1000)
        return f"{'woken' if woken else 'quiet'} {self.look()}"

    def do_select(self, seconds):
        woken = select.select([], [], [self.armed], float(seconds))[2]
        return f"{'woken' if woken else 'quiet'} {self.look()}"

    def do_drop(self):
        os.close(self.armed)
        self.armed = None
        return "0"

    def do_listen(self):
        self.uevents = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT)
        self.uevents.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.uevents.bind((0, 1))
        self.heard_bytes = b""
        self.heard_events = []
        return "0"

    def gather(self, seconds):
        if not select.select([self.uevents], [], [], seconds)[0]:
            return
        message = self.uevents.recv(65536)
        fields = dict(field.split("=", 1) for field in message.decode("latin-1").split("\0") if "=" in field)
        if fields.get("SUBSYSTEM") != "kftp":
            return
        self.heard_bytes += message
        self.heard_events.append((fields["DEVPATH"].rsplit("/", 1)[1],
                                  " ".join(fields.get(key, "-") for key in (
                                      "ACTION", "KFTP_STATUS", "KFTP_ERROR", "KFTP_BYTES", "KFTP_RUN"))))

    def do_heard(self, seconds, job, count):
        until = time.monotonic() + float(seconds)
        while True:
            of_job = [text for name, text in self.heard_events if name == job]
            left = until - time.monotonic()
            if len(of_job) >= int(count) or left <= 0:
                return "; ".join(of_job)
            self.gather(left)

    def do_deaf(self):
        self.uevents.close()
        return self.heard_bytes.hex()

    @staticmethod
    def do_chroot(root, path, text):
        child = os.fork()
        if not child:
            try:
                fd = os.open(path, os.O_WRONLY)
                os.chroot(root)
                os.chdir("/")
                os.write(fd, bytes.fromhex(text))
                os._exit(0)
            except OSError as error:
                os._exit(error.errno)
            finally:
                os._exit(255)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return errno.errorcode.get(code, "0" if not code else "unknown")

    def do_occupy(self, address, first, count=1):
        for port in range(int(first), int(first) + int(count)):
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            self.occupied.append(sock)
            sock.bind((address, port))
            sock.listen()
        return "0"

    def do_vacate(self):
        for sock in self.occupied:
            sock.close()
        self.occupied = []
        return "0"

    @staticmethod
    def do_socket(path):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
        return "0"

    @staticmethod
    def do_offload(path, device, feature, value):
        request = array.array("I", [OFFLOADS[feature], int(value)])
        with network_of(path), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            fcntl.ioctl(sock, SIOCETHTOOL, struct.pack("16sP16x", device.encode(), request.buffer_info()[0]))
        return "0"

    def do_gate(self, path):
        self.gate = LIBC.fanotify_init(FAN_CLASS_CONTENT, os.O_RDONLY)
        if self.gate < 0 or LIBC.fanotify_mark(self.gate, FAN_MARK_ADD,
                                               ctypes.c_uint64(FAN_OPEN_PERM | FAN_EVENT_ON_CHILD), AT_FDCWD,
                                               os.fsencode(path)):
            raise OSError(ctypes.get_errno(), "fanotify")
        return "0"

    def do_gated(self, seconds, count):
        until = time.monotonic() + float(seconds)
        while len(self.waiting) < int(count) and (left := until - time.monotonic()) > 0:
            if select.select([self.gate], [], [], left)[0]:
                events = os.read(self.gate, 4096)
                self.waiting += [fd for *_, fd, _ in struct.iter_unpack("<IBBHQii", events)]
        return str(len(self.waiting))

    def do_admit(self, number=None):
        for index, fd in enumerate(self.waiting):
            if fd is not None and number in (None, str(index + 1)):
                os.write(self.gate, struct.pack("<iI", fd, FAN_ALLOW))
                os.close(fd)
                self.waiting[index] = None
        if number is None and self.gate is not None:
            os.close(self.gate)
            self.gate, self.waiting = None, []
        return "0"


def main():
    # For a port that is occupied.
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
    # Opened for both, so that neither end ever finds the other gone.
    ask, answer = (os.open(path, os.O_RDWR) for path in sys.argv[1:])
    probe = Probe()
    with open(ask, encoding="ascii") as requests:
        for request in requests:
            verb, *arguments = request.split()
            try:
                reply = getattr(probe, "do_" + verb)(*arguments)
            except OSError as error:
                reply = errno.errorcode.get(error.errno, str(error))
            except Exception as error:
                reply = f"probe: {error!r}"
            os.write(answer, (reply + "\n").encode())


if __name__ == "__main__":
    main()
