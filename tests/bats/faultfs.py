#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A file system that fails as its files' names say, with errnos that no disk has.

  faultfs.py DIR [OPTIONS]

Mounts itself on DIR by the kernel's FUSE, with more options of the kernel's, and serves until it is unmounted. What
is done to a file called OPERATION-ERRNO, or to its temporary file, fails so: write-11, fsync-125, read-5; and
renamed-110 has been renamed then. Whoever looks for late-MILLISECONDS is answered so late, and so is whoever reads
slow-MILLISECONDS. Whoever reads aged-SECONDS makes it so much younger, and may have believed for a minute that it is
not. All other files are in memory, and files that are read have 4096 zeros. All are root's.
"""

import ctypes
import errno
import os
import stat
import struct
import sys
import time

ROOT = 1
READ_SIZE = 4096
# Those operations of linux/fuse.h that are answered; the others the kernel does without.
NAMES = {1: "lookup", 2: "forget", 3: "getattr", 4: "setattr", 10: "unlink", 12: "rename", 14: "open", 15: "read",
         16: "write", 17: "statfs", 18: "release", 20: "fsync", 25: "flush", 26: "init", 27: "opendir", 29: "releasedir",
         30: "fsyncdir", 35: "create", 42: "batch_forget"}


class Failed(Exception):
    """The answer is an errno."""


def told(name):
    """What a file's name says, or its temporary file's."""
    return name.removeprefix(".").removesuffix(".kftp-part").partition("-")


class File:
    def __init__(self, name, mode, size=0):
        self.name = name
        self.mode = mode
        self.size = size
        self.time = 0

    def fails(self, operation):
        wanted, _, number = told(self.name)
        if wanted == operation:
            raise Failed(int(number))


class FaultFS:
    """A directory of files, each with its node's number."""

    def __init__(self, device):
        self.device = device
        self.files = {ROOT: File("", stat.S_IFDIR | 0o777)}
        self.names = {}

    def run(self):
        while True:
            try:
                request = os.read(self.device, 1 << 18)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                    continue
                return
            length, operation, unique, node = struct.unpack_from("<IIQQ", request)
            name = NAMES.get(operation)
            if name in ("forget", "batch_forget"):
                continue
            code, answer = 0, b""
            try:
                if not name:
                    raise Failed(errno.ENOSYS)
                if node in self.files:
                    self.files[node].fails(name)
                answer = getattr(self, "do_" + name, lambda *_: b"")(node, request[40:length])
            except Failed as failed:
                code = -failed.args[0]
            try:
                os.write(self.device, struct.pack("<IiQ", 16 + len(answer), code, unique) + answer)
            except OSError as error:
                # Whoever asked does not want to know any more.
                if error.errno != errno.ENOENT:
                    return

    def attributes(self, node):
        file = self.files[node]
        return struct.pack("<6Q10I", node, file.size, 0, 0, file.time, 0, 0, 0, 0, file.mode, 1, 0, 0, 0, 4096, 0)

    def believed(self, node):
        """For how many seconds its attributes may be."""
        return 60 if told(self.files[node].name)[0] == "aged" else 0

    def entry(self, node):
        return struct.pack("<4QII", node, 0, 0, self.believed(node), 0, 0) + self.attributes(node)

    def find(self, name):
        if name not in self.names:
            # What is to be read is there, what is to be written is not.
            if not name.startswith(("read-", "slow-", "aged-")):
                raise Failed(errno.ENOENT)
            self.add(name, stat.S_IFREG | 0o644, READ_SIZE)
        return self.names[name]

    def add(self, name, mode, size=0):
        node = max(self.files) + 1
        self.files[node] = File(name, mode, size)
        self.names[name] = node
        return node

    @staticmethod
    def do_init(_node, _body):
        return struct.pack("<IIIIHHIIHH8I", 7, 31, 0, 0, 0, 0, 1 << 16, 1, 0, 0, *[0] * 8)

    @staticmethod
    def do_statfs(_node, _body):
        return struct.pack("<5Q4I24x", 0, 0, 0, 0, 0, 4096, 255, 4096, 0)

    def do_lookup(self, _node, body):
        name = body.rstrip(b"\0").decode("latin-1")
        wanted, _, number = told(name)
        if wanted == "late":
            time.sleep(int(number) / 1000)
        return self.entry(self.find(name))

    def do_getattr(self, node, _body):
        return struct.pack("<QII", self.believed(node), 0, 0) + self.attributes(node)

    def do_setattr(self, node, body):
        valid, _, _, size = struct.unpack_from("<IIQQ", body)
        if valid & 1:
            self.files[node].mode, = struct.unpack_from("<I", body, 68)
        if valid & 8:
            self.files[node].size = size
        return self.do_getattr(node, b"")

    @staticmethod
    def do_open(_node, _body):
        return struct.pack("<QII", 0, 0, 0)

    do_opendir = do_open

    def do_create(self, _node, body):
        mode = struct.unpack_from("<4I", body)[1]
        node = self.add(body[16:].rstrip(b"\0").decode("latin-1"), mode)
        return self.entry(node) + self.do_open(node, b"")

    def do_read(self, node, body):
        wanted, _, number = told(self.files[node].name)
        if wanted == "slow":
            time.sleep(int(number) / 1000)
        if wanted == "aged":
            self.files[node].time += int(number)
        _, offset, size = struct.unpack_from("<QQI", body)
        return bytes(max(min(size, READ_SIZE - offset), 0))

    def do_write(self, node, body):
        _, offset, size = struct.unpack_from("<QQI", body)
        file = self.files[node]
        file.size = max(file.size, offset + size)
        return struct.pack("<II", size, 0)

    def do_rename(self, _node, body):
        old, new = body[8:].decode("latin-1").split("\0")[:2]
        node = self.find(old)
        self.files[node].fails("rename")
        self.names[new] = self.names.pop(old)
        self.files[node].name = new
        self.files[node].fails("renamed")
        return b""

    def do_unlink(self, _node, body):
        self.names.pop(body.rstrip(b"\0").decode("latin-1"), None)
        return b""


def main():
    device = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = ",".join([f"fd={device},rootmode=40000,user_id=0,group_id=0", *sys.argv[2:]])
    if libc.mount(b"faultfs", os.fsencode(sys.argv[1]), b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), "mount")
    FaultFS(device).run()


if __name__ == "__main__":
    main()
