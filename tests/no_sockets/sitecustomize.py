"""Found first on PYTHONPATH by every Python that a watched command starts: a socket to the network is told and refused."""

import os
import socket
import sys

LOCAL = (socket.AF_UNIX,) if hasattr(socket, "AF_UNIX") else ()


def _watch(event, arguments):
    asks = event == "socket.getaddrinfo" or (event == "socket.__new__" and arguments[1] not in LOCAL)
    if asks:
        with open(os.environ["STAPES_TEST_SOCKETS"], "a") as told:
            told.write(f"{event} {arguments[1:]!r} by {sys.argv}\n")
        raise OSError("the test refuses every socket to the network")


sys.addaudithook(_watch)
