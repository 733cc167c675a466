#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dockerd 28 towards its userland proxy: binds the host's address itself, here, and hands the socket on as
descriptor 4. `engine28.py PROGRAM PROTO IP PORT CONTAINER-IP CONTAINER-PORT [KIND]`; prints what the proxy
says on descriptor 3, then waits to be killed. KIND: another kind of socket than that protocol's."""

import os
import signal
import socket
import sys

program, proto, ip, port, to, to_port = sys.argv[1:7]
family = socket.AF_INET6 if ":" in ip else socket.AF_INET
kind = socket.SOCK_STREAM if (sys.argv[7:] or [proto])[0] == "tcp" else socket.SOCK_DGRAM
s = socket.socket(family, kind)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if family == socket.AF_INET6:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.bind((ip, int(port)))
if kind == socket.SOCK_STREAM:
    s.listen()
told, tell = os.pipe()
if os.fork() == 0:
    for fd, at in ((tell, 20), (s.fileno(), 21), (20, 3), (21, 4)):
        os.dup2(fd, at)
    os.execv(program, [program, "-proto", proto, "-host-ip", ip, "-host-port", port, "-container-ip", to,
                       "-container-port", to_port, "-use-listen-fd"])
os.close(tell)
s.close()
with os.fdopen(told, encoding="utf-8") as f:
    print(repr(f.read()), flush=True)
signal.pause()
