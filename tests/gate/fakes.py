# SPDX-License-Identifier: Apache-2.0
"""Both neighbours of gabion-gate, played by the test: an engine that says what the test wants, and
gabiond by docs/protocol-control.md. Nothing here shares code with the gate."""

import array
import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("GABION_BUILD", os.path.join(ROOT, "build"))
GATE = os.path.join(BUILD, "src/gate/gabion-gate")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NOW = 10  # seconds that anything may take on a busy machine


def wait_until(condition, seconds=NOW, what="condition"):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come true within {seconds} s"
        time.sleep(0.01)


# ── HTTP, as far as the tests need it ──────────────────────────────────────────────────────────


class Stream:
    """A socket with a memory: reads up to something, keeps the rest."""

    def __init__(self, sock):
        self.sock = sock
        self.rest = bytearray()
        sock.settimeout(NOW)

    def fill(self):
        data = self.sock.recv(65536)
        self.rest += data
        return bool(data)

    def take(self, n):
        data = bytes(self.rest[:n])
        del self.rest[:n]
        return data

    def until(self, mark):
        while mark not in self.rest:
            if not self.fill():
                raise EOFError(self.rest)
        return self.take(self.rest.index(mark) + len(mark))

    def exactly(self, n):
        while len(self.rest) < n:
            if not self.fill():
                raise EOFError(self.rest)
        return self.take(n)

    def all(self):
        while self.fill():
            pass
        return self.take(len(self.rest))

    def send(self, data):
        self.sock.sendall(data)

    def shut(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()


class Message:
    """A request or an answer."""

    def __init__(self, raw):
        lines = raw.decode("latin-1").split("\r\n")
        self.raw = raw
        self.first = lines[0]
        self.fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if line]
        self.body = b""
        self.chunks = []

    def get(self, name, default=None):
        found = [v for k, v in self.fields if k.lower() == name.lower()]
        assert len(found) < 2, f"{name} twice: {self.fields}"
        return found[0] if found else default

    @property
    def method(self):
        return self.first.split(" ")[0]

    @property
    def target(self):
        return self.first.split(" ")[1]

    @property
    def status(self):
        return int(self.first.split(" ")[1])

    def __repr__(self):
        return f"<{self.first} {self.fields} {self.body[:200]!r}>"


def read_chunks(stream, into):
    while True:
        size = int(stream.until(b"\r\n"), 16)
        data = stream.exactly(size)
        assert stream.exactly(2) == b"\r\n"
        if size == 0:
            return
        into.chunks.append(data)
        into.body += data


def read_body(stream, message, until_close):
    if message.get("Transfer-Encoding") == "chunked":
        read_chunks(stream, message)
    elif message.get("Content-Length") is not None:
        message.body = stream.exactly(int(message.get("Content-Length")))
    elif until_close:
        message.body = stream.all()


def read_request(stream, body=True):
    message = Message(stream.until(b"\r\n\r\n"))
    if body:
        read_body(stream, message, False)
    return message


def read_answer(stream, head=False):
    message = Message(stream.until(b"\r\n\r\n"))
    if not head and message.status >= 200 and message.status not in (204, 304):
        read_body(stream, message, True)
    return message


def answer(status, body=b"", *fields, reason="X"):
    lines = [f"HTTP/1.1 {status} {reason}", *fields, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# ── the engine ─────────────────────────────────────────────────────────────────────────────────


class Engine:
    """Listens; every connection gets a thread that reads requests and lets `script` answer.

    script(stream, request) sends what it likes; answering None goes on with the next request,
    anything else ends the connection. `bodies` = False leaves bodies unread for the script."""

    def __init__(self, path):
        self.path = path
        self.requests = []
        self.conns = []  # those of clients' requests
        self.bodies = True
        self.containers = []  # ids, for the gate's janitor
        self.told = {}  # target: document, or a status, for further questions of the gate's own
        self.events = []  # its streams
        self.script = lambda stream, request: stream.send(OK)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(Stream(sock),), daemon=True).start()

    def janitor(self, stream, request):
        """The gate's own questions, which no client asked."""
        if request.target.startswith("/events?"):
            self.events.append(stream)
            stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            stream.all()
        elif request.target in self.told:
            said = self.told[request.target]
            status, body = (said, {"message": "x"}) if isinstance(said, int) else (200, said)
            stream.send(answer(status, json.dumps(body).encode(), "Content-Type: application/json"))
        elif request.target.startswith(("/distribution/", "/images/")):
            stream.send(answer(404, b'{"message":"no such image"}'))
        else:
            assert request.target == "/containers/json?all=1"
            stream.send(answer(200, b"[" + b",".join(b'{"Id":"%s"}' % i.encode() for i in self.containers) + b"]"))

    def serve(self, stream):
        stream.sock.settimeout(60)
        try:
            while True:
                request = read_request(stream, self.bodies)
                if request.get("User-Agent") == "gabion":
                    self.janitor(stream, request)
                    continue
                if stream.sock not in self.conns:
                    self.conns.append(stream.sock)
                self.requests.append(request)
                if self.script(stream, request) is not None:
                    break
        except (EOFError, OSError):
            pass
        finally:
            with contextlib.suppress(OSError):
                stream.close()

    def close(self):
        self.listener.close()
        for sock in self.conns + [s.sock for s in self.events]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    @property
    def seen(self):
        return [r.first.rsplit(" ", 1)[0] for r in self.requests]


# ── gabiond ────────────────────────────────────────────────────────────────────────────────────

MAGIC = 0x43424147
VERSION = 3
OPS = ("PING", "STATUS", "DOWN", "RECORD", "FORGET", "ASKER", "REFRESH", "COPY", "LIST", "PATH",
       "GRANT", "GRANTS", "SOCKET", "OPEN", "KEEP", "AUDIT", "POLICY", "CHILD", "KIN")
SIZES = {"RECORD": 4176, "FORGET": 64, "ASKER": 64, "REFRESH": 64, "COPY": 4424, "LIST": 64,
         "GRANTS": 64, "SOCKET": 64, "OPEN": 68, "KEEP": 68, "KIN": 64}
TEXTS = {"GRANT": 64, "AUDIT": 64, "PATH": 4180}
DONE, NONE, MORE, FAILED, DENIED, PLAIN, IS_SOCKET = range(7)
MAKE, RECURSIVE, DEVICE = 1, 2, 4


class Request:
    def __init__(self, op, serial, body, fd):
        self.op, self.serial, self.body, self.fd = op, serial, body, fd
        self.id = body[:64].decode()

    def asker(self):
        uid, gid, flags, n = struct.unpack_from("=4I", self.body, 64)
        groups = struct.unpack_from("=1024I", self.body, 80)
        assert not any(groups[n:])
        return uid, gid, flags, list(groups[:n])

    def line(self):
        """Who made it, of a CHILD."""
        ids = self.body[4180:].decode()
        return [ids[i:i + 64] for i in range(0, len(ids), 64)]

    def paths(self):
        """[(path, flags)]"""
        n, size = struct.unpack_from("=2I", self.body, 4176)
        items = self.body[4184:]
        assert len(items) == size and items.endswith(b"\0")
        found = [(item[1:].decode(), item[0]) for item in self.split(items)]
        assert len(found) == n
        return found

    @staticmethod
    def split(items):
        """The byte of flags may be a NUL itself."""
        at = 0
        while at < len(items):
            end = items.index(b"\0", at + 1)
            yield items[at:end]
            at = end + 1

    def copy(self):
        mode, flags = struct.unpack_from("=2I", self.body, 64)
        return mode, flags, self.body[72:4168].rstrip(b"\0"), self.body[4168:].rstrip(b"\0")


TRUNCATED, BINDS = 1, 2


def pack_asker(ident, uid, gid=100, groups=(), flags=BINDS):
    padded = list(groups) + [0] * (1024 - len(groups))
    return ident.encode() + struct.pack("=4I1024I", uid, gid, flags, len(groups), *padded)


class Gabiond:
    """The other end of the gate's control channel. replies: {op: function of a request that answers
    (result, body), with a descriptor as the third, or a list of them, or None for "answered by the test itself"}."""

    def __init__(self):
        self.sock, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.asked = []
        self.askers = {}
        self.subuid = None  # a descriptor of what is in /etc/subuid
        self.replies = {
            "RECORD": lambda q: (DONE, b""),
            "CHILD": lambda q: (DONE, b""),
            "KIN": lambda q: (DONE, b""),
            "FORGET": lambda q: (DONE, b""),
            "LIST": lambda q: (DONE, b""),
            "GRANT": lambda q: (DONE, b""),
            "GRANTS": lambda q: (DONE, b""),
            "SOCKET": lambda q: (NONE, b""),
            "OPEN": self.open,
            "KEEP": lambda q: (DONE, b""),
            "AUDIT": lambda q: (DONE, b""),
            "REFRESH": lambda q: (DONE, b""),
            "ASKER": self.asker,
            "PATH": lambda q: (DONE, b""),
        }
        threading.Thread(target=self.serve, daemon=True).start()

    def asker(self, q):
        if q.id not in self.askers:
            return NONE, b""
        uid = self.askers[q.id]  # or (uid, False): a container without paths of the host
        return DONE, pack_asker(q.id, *([uid] if isinstance(uid, int) else [uid[0], 100, (), 0]))

    def open(self, q):
        if struct.unpack_from("=I", q.body, 64)[0] != 4 or self.subuid is None:
            return NONE, b""
        os.lseek(self.subuid, 0, os.SEEK_SET)
        return DONE, b"", self.subuid

    def answer(self, q, result, body=b"", fd=None):
        head = struct.pack("=IHHQiI", MAGIC, VERSION, 1 + OPS.index(q.op), q.serial, result, len(body))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # a gate that has gone asks nothing
            socket.send_fds(self.sock, [head + body], [] if fd is None else [fd])

    def tell_policy(self, generation):
        """gabiond's own word: an answer to nobody."""
        self.answer(Request("POLICY", 0, b"0" * 64, None), DONE, struct.pack("=Q", generation))

    def serve(self):
        while True:
            try:
                data, control, flags, _ = self.sock.recvmsg(70000, socket.CMSG_SPACE(16))
            except OSError:
                return
            if not data:
                return
            assert not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC)
            magic, version, op, serial, size, zero = struct.unpack_from("=IHHQII", data)
            assert (magic, version, zero) == (MAGIC, VERSION, 0)
            name = OPS[op - 1]
            wanted = SIZES.get(name, 0)
            if name in TEXTS:  # a size, and so many bytes at the end
                wanted = TEXTS[name] + 4 + struct.unpack_from("=I", data, 24 + TEXTS[name])[0]
            if name == "CHILD":
                wanted = 4180 + 64 * struct.unpack_from("=I", data, 24 + 4176)[0]
            assert size == len(data) - 24 == wanted, (name, size, len(data))
            fds = array.array("i")
            for level, kind, payload in control:
                assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
                fds.frombytes(payload[:len(payload) - len(payload) % fds.itemsize])
            q = Request(name, serial, data[24:], fds[0] if fds else None)
            if name not in ("LIST", "FORGET", "GRANTS", "OPEN", "KEEP", "KIN"):
                self.asked.append(q)
            reply = self.replies.get(name)
            if reply:
                result = reply(q)
                for one in result if isinstance(result, list) else [result] if result else []:
                    self.answer(q, *one)
            if name == "KEEP":
                os.close(q.fd)

    def close(self):
        self.sock.close()


# ── the gate between them ──────────────────────────────────────────────────────────────────────


class Gate:
    """engine: the socket of one that is there already, instead of a fake; nofile: RLIMIT_NOFILE."""

    def __init__(self, *args, control=True, engine=None, gabiond=None, nofile=None):
        self.dir = tempfile.mkdtemp(prefix="gabion-gate-", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.path = f"{self.dir}/docker.sock"
        self.engine = None if engine else Engine(f"{self.dir}/engine.sock")
        self.gabiond = gabiond or (Gabiond() if control else None)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        os.chmod(self.path, 0o666)
        listener.listen(512)
        fds = [listener.fileno()]
        argv = [GATE, "--engine", engine or self.engine.path, "--listen-fd", str(fds[0]), *args]
        if control:
            fds.append(self.gabiond.theirs.fileno())
            argv += ["--control-fd", str(fds[1])]
        self.errors = open(f"{self.dir}/log", "w+b")
        self.process = subprocess.Popen(argv, pass_fds=fds, stdin=subprocess.DEVNULL, stderr=self.errors,
                                        preexec_fn=nofile and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))))
        listener.close()
        if control:
            self.gabiond.theirs.close()

    def connect(self, uid=None, groups=()):
        """A client's connection; uid: whose (needs root)."""
        return self.connect_all(1, uid, groups)[0]

    def plain_socket(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.path)
        return sock

    def connect_all(self, n, uid=None, groups=()):
        """The kernel notes who connects, so somebody else's connections are made by a child."""
        if uid is None:
            return [Stream(self.plain_socket()) for _ in range(n)]
        ours, theirs = socket.socketpair(socket.AF_UNIX)
        pid = os.fork()
        if pid == 0:
            os.setgroups(list(groups))
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            socks = [self.plain_socket() for _ in range(n)]
            socket.send_fds(theirs, [b"x"], [sock.fileno() for sock in socks])
            os._exit(0)
        os.waitpid(pid, 0)
        _, fds, _, _ = socket.recv_fds(ours, 1, n)
        ours.close()
        theirs.close()
        return [Stream(socket.socket(fileno=fd)) for fd in fds]

    def ask(self, raw, uid=None, head=False, **how):
        """One request, one answer."""
        stream = self.connect(uid, **how)
        stream.send(raw)
        try:
            return read_answer(stream, head)
        finally:
            stream.close()

    def get(self, target, method="GET", uid=None, fields="", **how):
        raw = f"{method} {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode()
        return self.ask(raw, uid, head=method == "HEAD", **how)

    def post(self, target, body=b"", uid=None, kind="application/json", method="POST", **how):
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        return self.ask(head.encode() + body, uid, **how)

    def log(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def sanitized(self):
        """A sanitizer's own memory is no measure."""
        with open(GATE, "rb") as f:
            return b"__asan_init" in f.read()

    def rss(self):
        """KiB of memory in use."""
        if self.sanitized():
            return 0
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(next(line for line in f if line.startswith("VmRSS")).split()[1])

    def close(self):
        code = self.process.poll()
        if code is None:
            self.process.send_signal(signal.SIGTERM)
            code = self.process.wait(NOW)
        log = self.log()
        if self.engine:
            self.engine.close()
        if self.gabiond:
            self.gabiond.close()
        self.errors.close()
        shutil.rmtree(self.dir)
        assert code == 0, f"the gate ended with {code}:\n{log}"
        assert "Sanitizer" not in log and "runtime error" not in log, log
