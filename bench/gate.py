# SPDX-License-Identifier: Apache-2.0
"""Rows about the gate: an engine of its own, asked directly, through the gate, and through haproxy with a
list of endpoints, all on the same engine's socket. bench/README.md says what each row is."""

import contextlib
import hashlib
import io
import json
import os
import shutil
import socket
import statistics
import subprocess
import tarfile
import tempfile
import time

SETTLE = 0.3  # between starts of containers, for what the kernel does afterwards


class Gate:
    def __init__(self, bench, build):
        self.bench = bench
        self.dir = tempfile.mkdtemp(prefix="engine-", dir=bench.work)
        os.chmod(self.dir, 0o755)
        self.request = bench.compile("request")
        self.cli = f"{build}/src/cli/gabion"
        self.env = dict(os.environ)
        for name in ("DOCKER_CONTEXT", "DOCKER_HOST", "GABION_STATE_DIR"):
            self.env.pop(name, None)
        self.others = []

    def other(self, name, *argv):
        """A peer that makes its socket."""
        process = subprocess.Popen(argv, stdout=self.bench.errors, stderr=self.bench.errors)
        self.others.append(process)
        while not os.path.exists(self.sockets[name]):
            if process.poll() is not None:
                raise SystemExit(f"bench: {name} does not start")
            time.sleep(0.05)

    def __enter__(self):
        self.gabion("up", "--state-dir", self.dir, "--detach")
        self.sockets = {"gate": f"{self.dir}/run/docker.sock", "direct": f"{self.dir}/run/engine.sock",
                        "haproxy": f"{self.dir}/haproxy.sock", "relay": f"{self.dir}/relay.sock"}
        config = f"{self.dir}/haproxy.cfg"
        with open(os.path.join(os.path.dirname(__file__), "haproxy.cfg"), encoding="ascii") as f:
            text = f.read().replace("@IN@", self.sockets["haproxy"]).replace("@OUT@", self.sockets["direct"])
        with open(config, "w", encoding="ascii") as f:
            f.write(text)
        self.other("haproxy", self.bench.need("haproxy"), "-f", config)
        self.other("relay", self.bench.compile("relay"), self.sockets["relay"], self.sockets["direct"])
        return self

    def __exit__(self, *_):
        for process in self.others:
            process.terminate()
            process.wait()
        self.gabion("down", "--state-dir", self.dir)
        shutil.rmtree(self.dir)

    def run(self, *argv, **how):
        done = subprocess.run(argv, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False, **how)
        if done.returncode:
            raise SystemExit(f"bench: {' '.join(argv)}: {done.stderr}")
        return done.stdout.strip()

    def gabion(self, *args):
        outside = int(os.environ["GABION_BENCH_OUTSIDE"])
        self.run("nsenter", f"--mount=/proc/self/fd/{outside}", self.cli, *args, pass_fds=[outside])

    def docker(self, way, *args):
        return self.run("docker", "-H", f"unix://{self.sockets[way]}", *args)

    def ask(self, way, count, method, target, *more):
        """Median and 99th percentile in microseconds."""
        p50, p99, _ = map(int, self.run(self.request, self.sockets[way], str(count), method, target, *more).split())
        return p50 / 1e3, p99 / 1e3

    def allow(self, image_list):
        """Puts a policy in force."""
        def generation():
            with open(f"{self.dir}/run/policy.json", encoding="utf-8") as f:
                return json.load(f)["generation"]

        before = generation()
        path = f"{self.dir}/etc/admin-settings.json"
        with open(f"{path}.new", "w", encoding="utf-8") as f:
            json.dump({"configurationFileVersion": 2, "enhancedContainerIsolation": {
                "value": True, "dockerSocketMount": {"imageList": image_list}}}, f)
        os.rename(f"{path}.new", path)
        while generation() == before:
            time.sleep(0.05)
        time.sleep(SETTLE)  # the gate is told next

    def image(self, size):
        """busybox, and a file of that many bytes."""
        path = f"{self.dir}/image.tar"
        with tarfile.open(path, "w") as tar:
            tar.add(shutil.which("busybox"), "bin/busybox")
            info = tarfile.TarInfo("data")
            info.size = size
            with open("/dev/zero", "rb") as zero:
                tar.addfile(info, zero)
        self.docker("direct", "import", path, "bench")
        os.unlink(path)

    def resident(self):
        """MiB of the gate."""
        with open(f"{self.dir}/run/instance.json", encoding="utf-8") as f:
            pid = json.load(f)["gate"]["pid"]
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            return int(next(line for line in f if line.startswith("VmRSS:")).split()[1]) / 1024


def small(g, table, rounds, count):
    """A request and its answer over a connection that is there."""
    ways = ("direct", "gate", "haproxy", "relay")
    seen = {way: [] for way in ways}
    for i in range(rounds + 1):
        for way in ways if i % 2 else reversed(ways):
            seen[way].append(g.ask(way, count, "GET", "/_ping"))
    p50 = {way: [x[0] for x in seen[way][1:]] for way in ways}
    p99 = {way: statistics.median(x[1] for x in seen[way][1:]) for way in ways}
    added = [statistics.median(a - b for a, b in zip(p50[way], p50["direct"])) for way in ("gate", "haproxy", "relay")]
    table.add(f"gate: small request, added p50, µs (a bare relay: {added[2]:.0f})", added[0], 60.0, "µs")
    table.add(f"gate: the same over haproxy's ({added[1]:.1f} µs)", added[0] / added[1], 1.0, "ratio", strict=True)
    table.add(f"gate: small request, p99 over haproxy's ({p99['haproxy']:.0f} µs)", p99["gate"] / p99["haproxy"], 1.0, "ratio")


def idle_seconds():
    """Of all cores together."""
    with open("/proc/stat", encoding="ascii") as f:
        return int(f.readline().split()[4]) / os.sysconf("SC_CLK_TCK")


def stream(g, table, rounds, name, *request):
    """Many bytes one way. A row says how much longer it takes: 0.97 of the speed is 1.03. Over the direct way only where
    that leaves a core free: the relay would take the engine's time away."""
    times = {way: [] for way in ("direct", "gate", "haproxy")}
    free = []
    for _ in range(rounds + 1):
        for way, seen in times.items():
            idle_before, start = idle_seconds(), time.monotonic()
            seen.append(g.ask(way, 1, *request)[0])
            if way == "direct":
                free.append((idle_seconds() - idle_before) / (time.monotonic() - start))
    ratio = {way: statistics.median(a / b for a, b in zip(times["gate"][1:], times[way][1:])) for way in ("direct", "haproxy")}
    if statistics.median(free) >= 1:
        table.add(f"gate: {name}, time over direct", ratio["direct"], 1 / 0.97, "ratio")
    table.add(f"gate: {name}, time over haproxy", ratio["haproxy"], 1.0, "ratio")


def streams(g, table, rounds, size):
    """An image's bytes on their way out and in, a container's files, and what one has said."""
    amount = f"{size >> 20} MiB"
    g.image(size)
    stream(g, table, rounds, f"save of {amount}", "GET", "/images/bench/get")
    saved = f"{g.dir}/saved.tar"
    g.docker("direct", "save", "-o", saved, "bench")
    stream(g, table, rounds, f"load of {amount}", "POST", "/images/load?quiet=1", saved)
    os.unlink(saved)
    g.docker("direct", "create", "--name", "files", "bench", "busybox", "true")
    stream(g, table, rounds, f"export of {amount}", "GET", "/containers/files/export")
    # Written once. The engine reads its usual file, JSON, at a seventh of this one's speed.
    g.docker("direct", "run", "--name", "said", "--network", "none", "--log-driver", "local", "--log-opt", f"max-size={2 * size}",
             "--log-opt", "max-file=1", "--log-opt", "compress=false", "bench", "busybox", "sh", "-c",
             f"busybox yes {'x' * 8000} | busybox head -c {size}")
    stream(g, table, rounds, f"log of {amount}", "GET", "/containers/said/logs?stdout=1")
    g.docker("direct", "rm", "said")


def idle(g, table, count):
    before = g.resident()
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            s = stack.enter_context(socket.socket(socket.AF_UNIX))
            s.connect(g.sockets["gate"])
            s.sendall(b"GET /events HTTP/1.1\r\nHost: bench\r\n\r\n")
            assert s.recv(4096).startswith(b"HTTP/1.1 200 ")
        table.add(f"gate: memory of {count} idle streams, MiB", g.resident() - before, 12.0, "MiB")


def runs(g, table, rounds):
    def one(way):
        time.sleep(SETTLE)
        start = time.monotonic_ns()
        g.docker(way, "run", "--rm", "--network", "none", "bench", "busybox", "true")
        return time.monotonic_ns() - start

    table.ratio("gate: docker run --rm, over direct", g.bench.pairs(rounds, lambda: one("gate"), lambda: one("direct")), 1.05)


def creation(g, table, count):
    """The verdict about a large creation, without the engine's part of it."""
    path = f"{g.dir}/create.json"
    body = {"Image": "bench", "Labels": {f"org.example.label-{i}": f"value {i}" for i in range(5000)},
            "HostConfig": {"Mounts": [{"Type": "volume", "Source": f"volume-{i}", "Target": f"/volumes/{i}"} for i in range(200)]}}
    with open(path, "w", encoding="ascii") as f:
        json.dump(body, f)
    none = f"{g.dir}/none.json"
    with open(none, "w", encoding="ascii") as f:
        f.write("x" * os.path.getsize(path))

    def ask(body):
        return g.ask("gate", count, "POST", "/containers/create", body, "Gabion-Explain: yes")[0]

    ours, theirs = g.bench.pairs(2, lambda: ask(path), lambda: ask(none))
    table.add("gate: create with 200 mounts and 5,000 labels, ms", statistics.median(a - b for a, b in zip(ours, theirs)) / 1e3, 1.0, "ms")


class Images:
    """Local images, of one archive: `base`, `derived` of it, and others."""

    def __init__(self, others):
        self.files = {}
        shared = [self.layer("base"), self.layer("more")]
        self.base = self.image("base:1", shared[:1])
        self.image("derived:1", shared)
        for i in range(others):
            self.image(f"other:{i}", [shared[1]])

    def layer(self, name):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(name))
        self.files[f"{name}.tar"] = out.getvalue()
        return f"{name}.tar"

    def image(self, name, layers):
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": {"name": name}}, "rootfs": {
            "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(self.files[one]).hexdigest() for one in layers]}}).encode()
        ident = hashlib.sha256(config).hexdigest()
        self.files[f"{ident}.json"] = config
        self.files.setdefault("manifest.json", []).append({"Config": f"{ident}.json", "RepoTags": [name], "Layers": layers})
        return f"sha256:{ident}"

    def write(self, path):
        self.files["manifest.json"] = json.dumps(self.files["manifest.json"]).encode()
        with tarfile.open(path, "w") as tar:
            for name, data in self.files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def derived(g, table, others, count):
    """The verdict about an image that is derived from an allowed one, the first time and again."""
    images = Images(others)
    images.write(f"{g.dir}/images.tar")
    g.docker("direct", "load", "-i", f"{g.dir}/images.tar")
    g.allow({"images": [images.base], "allowDerivedImages": True})
    first = g.ask("gate", 1, "GET", "/gabion/images/check?image=derived:1")[0] / 1e3
    again = g.ask("gate", count, "GET", "/gabion/images/check?image=derived:1")[0] / 1e3
    g.gabion("images", "check", "derived:1", "--state-dir", g.dir)  # fails where it is denied
    table.add(f"gate: derived image, {others} local ones, ms (first: {first:.0f})", again, 5.0, "ms")


def measure(bench, table, args):
    with Gate(bench, args.build) as g:
        small(g, table, args.rounds, 200 if args.smoke else 2000)
        creation(g, table, 20 if args.smoke else 200)
        idle(g, table, 50 if args.smoke else 1000)
        streams(g, table, max(1, args.rounds // 8), args.stream << 20)
        runs(g, table, max(1, args.rounds // 2))
        derived(g, table, 20 if args.smoke else 500, 5 if args.smoke else 100)
