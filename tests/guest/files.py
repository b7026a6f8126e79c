#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Makes the files that the FTP servers serve, where they are not there.

usage: files.py DIRECTORY LONG-NAME
       files.py --huge DIRECTORY
"""

import os
import random
import sys

MIB = 1 << 20
HUGE = (1 << 32) + 4097


def marked(number, block):
    """The block, but different from every other."""
    mark = b"block %d\n" % number
    return mark + block[len(mark):]


def big(file):
    block = random.Random(0).randbytes(MIB)
    for number in range(100):
        file.write(marked(number, block))


def huge(file):
    # Mostly holes, and marks where a 31 or 32-bit offset would go wrong.
    for place in 0, 1 << 31, 1 << 32, HUGE:
        for offset in place - 4096, place - 16, place, place + 4000:
            mark = b"at %d\n" % offset
            if 0 <= offset and offset + len(mark) <= HUGE:
                file.seek(offset)
                file.write(mark)
    file.truncate(HUGE)


def make(path, fill):
    if os.path.exists(path):
        return
    with open(path + ".new", "wb") as file:
        fill(file)
    os.rename(path + ".new", path)


def main():
    if sys.argv[1] == "--huge":
        make(os.path.join(sys.argv[2], "huge"), huge)
        return
    directory, long_name = sys.argv[1:]
    os.makedirs(directory, exist_ok=True)
    small = random.Random(1).randbytes(4096)
    for name, fill in (
        ("empty", lambda file: None),
        ("one", lambda file: file.write(b"1")),
        ("small", lambda file: file.write(small)),
        ("with space", lambda file: file.write(small[::-1])),
        (long_name, lambda file: file.write(small[1:])),
        ("big", big),
    ):
        make(os.path.join(directory, name), fill)


main()
