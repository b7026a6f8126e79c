#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Serves what vsftpd does as well, to the same users, by pyftpdlib.

usage: pyftpd.py PORT ROOT USER PASSWORD HOME
"""

import logging
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer


def main():
    port, root, user, password, home = sys.argv[1:]
    logging.basicConfig(level=logging.INFO)
    authorizer = DummyAuthorizer()
    authorizer.add_anonymous(root)
    authorizer.add_user(user, password, home, perm="elradfmwMT")
    FTPHandler.authorizer = authorizer
    # The listening side of active mode may be on no reserved port.
    FTPHandler.permit_privileged_ports = False
    FTPHandler.auth_failed_timeout = 0
    server = FTPServer(("::", int(port)), FTPHandler, backlog=512)
    server.max_cons = 0
    server.max_cons_per_ip = 0
    server.serve_forever()


main()
