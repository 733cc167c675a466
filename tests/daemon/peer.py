#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The server behind a published port, played by a process of the host in the container's network
namespace: prints "ready", then serves until it is killed. `peer.py PROTO PORT DEED`, PROTO tcp, tcp6, udp, udp6."""

import hashlib
import socket
import struct
import sys
import threading


def receive_all(c):
    while True:
        data = c.recv(1 << 16)
        if not data:
            return
        yield data


def echo(c):
    for data in receive_all(c):
        c.sendall(data)


def digest(c):
    """Speaks only after the other side has said its last: a half-closed connection."""
    h = hashlib.sha256()
    for data in receive_all(c):
        h.update(data)
    c.sendall(h.hexdigest().encode())


def who(c):
    for _ in receive_all(c):
        pass
    c.sendall(c.getpeername()[0].encode())


def reset(c):
    """Half an answer and a reset."""
    c.recv(1)
    c.sendall(b"half")
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def serve(c, deed):
    with c:
        try:
            deed(c)
        except OSError:
            pass


def main():
    proto, port, deed = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    family = socket.AF_INET6 if proto.endswith("6") else socket.AF_INET
    kind = socket.SOCK_DGRAM if proto.startswith("udp") else socket.SOCK_STREAM
    s = socket.socket(family, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::" if proto.endswith("6") else "0.0.0.0", port))
    if kind == socket.SOCK_STREAM:
        s.listen(4096)
    print("ready", flush=True)
    while True:
        if kind == socket.SOCK_DGRAM:
            data, sender = s.recvfrom(65536)
            s.sendto(data if deed == "echo" else sender[0].encode(), sender)
        else:
            threading.Thread(target=serve, args=(s.accept()[0], globals()[deed]), daemon=True).start()


if __name__ == "__main__":
    main()
