"""Found first on PYTHONPATH by every Python that a watched command starts: a socket to the network is told and refused.

Where STAPES_TEST_LOOPBACK is set, sockets may be opened that stay on the loopback address: each address is looked at.
"""

import os
import socket
import sys

LOCAL = (socket.AF_UNIX,) if hasattr(socket, "AF_UNIX") else ()
LOOPBACK = ("127.0.0.1", b"127.0.0.1")


def _watch(event, arguments):
    if event == "socket.getaddrinfo":
        asks = not _may_loop() or arguments[0] not in LOOPBACK
    elif event == "socket.__new__":
        asks = not _may_loop() and arguments[1] not in LOCAL
    elif event in ("socket.bind", "socket.connect", "socket.sendto"):
        address = arguments[1]
        asks = arguments[0].family not in LOCAL and not (_may_loop() and address[0] in LOOPBACK)
    else:
        return
    if asks:
        with open(os.environ["STAPES_TEST_SOCKETS"], "a") as told:
            told.write(f"{event} {arguments[1:]!r} by {sys.argv}\n")
        raise OSError("the test refuses every socket to the network")


def _may_loop():
    return bool(os.environ.get("STAPES_TEST_LOOPBACK"))


sys.addaudithook(_watch)
