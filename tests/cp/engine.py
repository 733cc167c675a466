# SPDX-License-Identifier: Apache-2.0
"""Two engines for a docker CLI: one that knows a single container and the archive endpoints, which the copier
serves; and a real dockerd, whose containers are only created, never started."""
import base64
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
import urllib.parse

from cage import Copier

HTTP_STATUS = {"not-found": 404, "not-dir": 400, "read-only": 400}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "unix"

    def answer(self, code, body=b"", kind="application/json", **headers):
        self.send_response(code)
        self.send_header("Api-Version", "1.41")
        self.send_header("Ostype", "linux")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(body)

    def chunks(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            left = int(self.headers.get("Content-Length", 0))
            while left:
                data = self.rfile.read(min(left, 65536))
                left -= len(data)
                yield data
            return
        while True:
            n = int(self.rfile.readline(), 16)
            data = self.rfile.read(n)
            self.rfile.readline()
            if not n:
                return
            yield data

    def serve(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path.endswith("/_ping"):
            return self.answer(200, b"OK", "text/plain")
        if not url.path.endswith("/containers/c/archive"):
            return self.answer(404, b'{"message":"no such thing"}')
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True, errors="surrogateescape"))
        flags = []
        if query.get("noOverwriteDirNonDir") == "true":
            flags.append("--no-overwrite-dir-non-dir")
        if query.get("copyUIDGID") == "true":
            flags += ["--copy-uidgid", "--user", self.server.user]
        mode = {"HEAD": "stat", "GET": "get", "PUT": "put"}[self.command]
        c = Copier(self.server.cage, mode, query["path"], *flags)
        if mode == "put":
            for data in self.chunks():
                try:
                    while data:
                        data = data[os.write(c.data, data):]
                except BrokenPipeError:
                    pass
        r = c.finish()
        if r.error:
            text = r.message
            if r.error == "not-found":
                text = f"Could not find the file {query['path']} in container c"
            return self.answer(HTTP_STATUS.get(r.error, 500), json.dumps({"message": text}).encode())
        extra = {}
        if r.facts:
            extra["X_Docker_Container_Path_Stat"] = base64.b64encode(json.dumps(r.facts).encode()).decode()
        self.answer(200, r.data, "application/x-tar" if mode == "get" else "application/json", **extra)

    do_HEAD = do_GET = do_PUT = serve


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class FakeEngine:
    container = "c"

    def __init__(self, cage, user=""):
        self.dir = tempfile.mkdtemp(prefix="cp-engine-")
        self.socket = os.path.join(self.dir, "sock")
        self.server = Server(self.socket, Handler)
        self.server.cage, self.server.user = cage, user
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.dir)


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def request(engine, method, path, body=None, **query):
    """(status, facts or message, body) of an archive request."""
    c = Connection(engine.socket)
    q = urllib.parse.urlencode(dict(query, path=path), errors="surrogateescape")
    c.request(method, f"/v1.41/containers/{engine.container}/archive?{q}", body)
    r = c.getresponse()
    data = r.read()
    head = r.getheader("X-Docker-Container-Path-Stat")
    c.close()
    if head:
        return r.status, json.loads(base64.b64decode(head)), data
    return r.status, json.loads(data)["message"] if data.startswith(b"{") else None, data


START = """
mount --make-rprivate /
ip link set lo up
if [ "$1" ]; then
    mount --bind "$1" "$1"
    for d in proc sys dev; do mount --rbind /$d "$1/$d"; done
    mount -t tmpfs tmpfs "$1/tmp"
    mkdir -p "$1$0"
    mount --bind "$0" "$1$0"
    pivot_root "$1" "$1/mnt"
    cd /
    umount -l /mnt
fi
mount -t tmpfs tmpfs /run
exec dockerd --data-root "$0/data" --exec-root "$0/exec" -H "unix://$0/sock" -p "$0/pid" --bridge none --iptables=false \
    --ip-forward=false --ip-masq=false --storage-driver vfs --config-file "$0/none" >"$0/log" 2>&1
"""


def installed():
    """Folders with a dockerd: this machine's own, and those that tests/engines/engine-rootfs has made."""
    cache = os.environ.get("GABION_TEST_CACHE", "/var/cache/gabion-tests")
    return [d for d in ("", f"{cache}/engine-trixie", f"{cache}/engine-forky")
            if os.access(f"{d}/usr/sbin/dockerd", os.X_OK)]


class RealEngine:
    """dockerd of the system in `root`, in mount and network namespaces of its own. `user`: Config.User of its
    container, which has the files of `tree`."""

    def __init__(self, root, tree, user=""):
        self.dir = tempfile.mkdtemp(prefix="cp-dockerd-", dir="/tmp")
        self.socket = os.path.join(self.dir, "sock")
        with open(os.path.join(self.dir, "none"), "w") as f:
            f.write("{}")
        self.proc = subprocess.Popen(["unshare", "-mn", "sh", "-c", START, self.dir, root], start_new_session=True)
        try:
            end = time.monotonic() + 60
            while not self.ping():
                assert self.proc.poll() is None and time.monotonic() < end, open(os.path.join(self.dir, "log")).read()
                time.sleep(0.1)
            self.docker("import", "-", "tree", input=tree)
            self.container = self.docker("create", *(["-u", user] if user else []), "tree", "x").decode().strip()
            self.version = int(self.docker("version", "-f", "{{.Server.Version}}").split(b".")[0])
        except BaseException:
            self.__exit__()
            raise

    def ping(self):
        try:
            c = Connection(self.socket)
            c.request("GET", "/_ping")
            return c.getresponse().status == 200
        except OSError:
            return False

    def docker(self, *args, **kw):
        return subprocess.run(["/usr/bin/docker", "-H", f"unix://{self.socket}", *args], check=True,
                              capture_output=True, **kw).stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.proc.poll() is None:
            os.killpg(self.proc.pid, signal.SIGTERM)
            try:
                self.proc.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.proc.pid, signal.SIGKILL)
                self.proc.wait()
        shutil.rmtree(self.dir)
