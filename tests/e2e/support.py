# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests stand on: engines, containers, users of the host, facts about the host.

Two kinds of engine answer the same calls: Instance, a `gabion up` of its own (or, with
GABION_E2E_ENGINE=bare, Debian's engine with gabion-runc as its runtime and no gate), and Reference,
the same engine with plain crun. Both live in folders below /var/tmp and are gone afterwards.
"""

import contextlib
import glob
import http.client
import io
import json
import os
import pty
import pwd
import random
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import tarfile
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("GABION_BUILD", os.path.join(ROOT, "build"))
CACHE = os.environ.get("GABION_TEST_CACHE", "/var/cache/gabion-tests")
DOCKER = os.environ.get("GABION_E2E_DOCKER", "/usr/bin/docker")
COMPOSE = os.environ.get("GABION_E2E_COMPOSE", "/usr/bin/docker-compose")
MAKE_IMAGES = os.path.join(ROOT, "tests/images/make-images")
IMAGES = ("alpine", "probe", "debian", "postgres", "redis", "nginx", "node", "java", "python", "mariadb", "gcc", "docker", "dind", "systemd", "machine",
          "frontend")
RANGE = 65536
DEFAULT_RANGE = (1879048192, 2147352575)


def program(name):
    """The path of a program of the build: beside its sources' folder, or anywhere in the build."""
    found = [p for p in glob.glob(f"{BUILD}/**/{name}", recursive=True)
             if os.path.isfile(p) and os.access(p, os.X_OK)]
    assert found, f"{name} is not below {BUILD}: build it first, or set GABION_BUILD"
    return min(found, key=len)


class Result:
    """The outcome of a command, with text that a failing assertion shows."""

    def __init__(self, argv, rc, out, err):
        self.argv, self.rc, self.out, self.err = argv, rc, out, err

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def text(self):
        return self.out + "\n" + self.err

    def __repr__(self):
        shown = " ".join(a if len(a) < 200 else a[:200] + "…" for a in map(str, self.argv))
        return f"<{shown}\n rc {self.rc}\n out {self.out!r}\n err {self.err!r}>"


def run(*argv, check=True, input=None, timeout=120, user=None, env=None, cwd=None):
    """Runs a command; user is a HostUser, None is root. Text in, text out (stripped at the right)."""
    full = dict(os.environ)
    full.update({"LC_ALL": "C.UTF-8", "HOME": user.home if user else "/root"})
    full.update(env or {})
    extra = {}
    if user:
        extra = {"user": user.uid, "group": user.gid, "extra_groups": user.groups()}
    if isinstance(input, str):
        input = input.encode()
    argv = [str(a) for a in argv]
    try:
        done = subprocess.run(argv, input=input, stdin=None if input is not None else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, env=full,
                              cwd=cwd or (user.home if user else "/"), check=False, **extra)
    except subprocess.TimeoutExpired as e:
        raise AssertionError(f"no end within {timeout} s: {argv}\n{e.stdout}\n{e.stderr}") from None
    result = Result(argv, done.returncode, done.stdout.decode(errors="replace").rstrip(),
                    done.stderr.decode(errors="replace").rstrip())
    if check:
        assert result.rc == 0, result
    return result


def wait_until(condition, seconds=20, what="condition"):
    """Waits for an event of another process; answers what the condition answered."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come true within {seconds} s"
        time.sleep(0.05)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def write(path, text, mode=None):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    if mode is not None:
        os.chmod(path, mode)


def id_map(text):
    """[(inside, outside, count)] of the text of a uid_map."""
    return [tuple(map(int, line.split())) for line in text.strip().splitlines()]


def map_of(pid, kind="uid"):
    return id_map(read(f"/proc/{pid}/{kind}_map"))


def status_of(pid):
    return dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines() if ":\t" in line)


def overlaps(a, b):
    """Whether two (start, count) ranges have an id in common."""
    return a[0] < b[0] + b[1] and b[0] < a[0] + a[1]


def sub_ranges():
    """Every (name, start, count) of /etc/subuid and /etc/subgid."""
    found = []
    for path in ("/etc/subuid", "/etc/subgid"):
        if os.path.exists(path):
            for line in read(path).splitlines():
                parts = line.split(":")
                if len(parts) == 3:
                    found.append((parts[0], int(parts[1]), int(parts[2])))
    return found


def owner(path):
    st = os.lstat(path)
    return (st.st_uid, st.st_gid)


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def cgroup_dirs(word):
    """Folders of any cgroup hierarchy whose name contains the word."""
    found = []
    for top, dirs, _ in os.walk("/sys/fs/cgroup"):
        found += [os.path.join(top, d) for d in dirs if word in d]
    return found


def cgroup_of(pid, controller):
    """The host's folder of a process's cgroup, v1 or v2."""
    unified = None
    for line in read(f"/proc/{pid}/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return f"/sys/fs/cgroup/{names}{path}" if os.path.isdir(f"/sys/fs/cgroup/{names}") \
                else f"/sys/fs/cgroup/{controller}{path}"
        if names == "":
            unified = path
    return f"/sys/fs/cgroup{unified}"


def is_v2():
    return os.path.exists("/sys/fs/cgroup/cgroup.controllers")


def processes():
    return [int(p) for p in os.listdir("/proc") if p.isdigit()]


def is_alive(pid):
    """Not gone, and no zombie."""
    try:
        return read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes_of(folder):
    """Processes that have to do with a folder: by arguments, working folder, or mount table."""
    found = {}
    for pid in processes():
        if pid == os.getpid():
            continue
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode(errors="replace")
            if folder in line:
                found[pid] = line
                continue
            if folder in read(f"/proc/{pid}/mountinfo"):
                found[pid] = f"{line} (its mount table)"
        except OSError:
            pass
    return found


def free_port():
    """One that nothing on the host has, outside of those that the kernel gives away."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket(socket.AF_INET6) as s:
            try:
                s.bind(("::", port))
                return port
            except OSError:
                continue


class HostUser:
    """An account of the host made for a test run; in the group docker if there is one."""

    def __init__(self, name, subids=True):
        self.name = name
        # Not 1000, which tests use for users inside: a process with its asker's own number is the asker.
        run("useradd", "-m", "-s", "/bin/sh", "-K", "UID_MIN=4200", "-K", "GID_MIN=4200", name)
        entry = pwd.getpwnam(name)
        self.uid, self.gid, self.home = entry.pw_uid, entry.pw_gid, entry.pw_dir
        os.chmod(self.home, 0o755)
        if not subids:
            run("usermod", *self._del_flags())
        if "docker:" in read("/etc/group"):
            run("usermod", "-aG", "docker", name)

    def _del_flags(self):
        flags = []
        for path, flag in (("/etc/subuid", "-V"), ("/etc/subgid", "-W")):
            for line in read(path).splitlines():
                name, start, count = line.split(":")
                if name == self.name:
                    flags += [flag, f"{start}-{int(start) + int(count) - 1}"]
        return flags + [self.name]

    @property
    def subuid(self):
        for line in read("/etc/subuid").splitlines():
            name, start, count = line.split(":")
            if name == self.name:
                return int(start), int(count)
        return None

    @property
    def subgid(self):
        for line in read("/etc/subgid").splitlines():
            name, start, count = line.split(":")
            if name == self.name:
                return int(start), int(count)
        return None

    def groups(self):
        return os.getgrouplist(self.name, self.gid)

    def folder(self, name, mode=0o755):
        path = f"{self.home}/{name}"
        os.mkdir(path)
        os.chown(path, self.uid, self.gid)
        os.chmod(path, mode)
        return path

    def remove(self):
        for _ in range(20):
            if run("userdel", "-f", "-r", self.name, check=False).rc != 8:
                break
            time.sleep(0.1)
        shutil.rmtree(self.home, ignore_errors=True)


class Container:
    def __init__(self, engine, ident, user):
        self.engine, self.id, self.user = engine, ident, user

    def inspect(self, template=None):
        if template:
            return self.engine.docker("inspect", "--format", template, self.id).out
        return json.loads(self.engine.docker("inspect", self.id).out)[0]

    @property
    def pid(self):
        return int(self.inspect("{{.State.Pid}}"))

    def kill(self):
        """SIGKILL to its first process from the host."""
        pid = wait_until(lambda: self.pid, 10, "a running process")
        os.kill(pid, signal.SIGKILL)
        return pid

    @property
    def running(self):
        return self.inspect("{{.State.Running}}") == "true"

    @property
    def upper(self):
        return self.inspect("{{.GraphDriver.Data.UpperDir}}")

    def exec(self, *args, check=True, user=None, input=None, timeout=60):
        """docker exec; a single argument with a space is a line of shell. Options go first as a list."""
        options = list(args[0]) if args and isinstance(args[0], (list, tuple)) else []
        command = list(args[1:] if options else args)
        if len(command) == 1 and " " in command[0]:
            command = ["sh", "-c", command[0]]
        if input is not None:
            options.append("-i")
        return self.engine.docker("exec", *options, self.id, *command, check=check, input=input,
                                  user=user or self.user, timeout=timeout)

    def base(self):
        found = map_of(self.pid)
        assert len(found) == 1, found
        return found[0][1]

    def remove(self):
        self.engine.docker("rm", "-fv", self.id)


class Engine:
    """An engine of our own; subclasses start and stop it."""

    kind = None

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix=f"gabion-e2e-{self.kind}-", dir="/var/tmp")
        os.chmod(self.dir, 0o755)
        self.socket = f"{self.dir}/run/docker.sock"
        self.loaded = set()
        self.seen = set()

    # ── calls ──────────────────────────────────────────────────────────────────────────────────

    @staticmethod
    def config_of(user):
        """A folder for the docker CLI's own files, so that nobody's real ones are read or written."""
        return f"/tmp/gabion-e2e-docker-{os.getpid()}-{user.uid if user else 0}"

    def environment(self, extra=None, user=None):
        env = {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": self.config_of(user)}
        env.update(extra or {})
        return env

    def docker(self, *args, env=None, **how):
        return run(DOCKER, *args, env=self.environment(env, how.get("user")), **how)

    def compose(self, *args, cwd, env=None, **how):
        how.setdefault("timeout", 300)
        return run(COMPOSE, *args, cwd=cwd, env=self.environment(env, how.get("user")), **how)

    @staticmethod
    def command(cmd):
        return ["sh", "-c", cmd] if isinstance(cmd, str) else list(cmd or [])

    def run(self, *args, image="alpine", cmd="true", **how):
        """docker run --rm: options as arguments; cmd a line of shell or a list."""
        self.need(image)
        return self.docker("run", "--rm", *args, image, *self.command(cmd), **how)

    def start(self, *args, image="alpine", cmd=("sleep", "1000"), user=None, **how):
        """A container in the background; gone at the end of the test."""
        self.need(image)
        out = self.docker("run", "-d", *args, image, *self.command(cmd), user=user, **how).lines[-1]
        return Container(self, out, user)

    def tar(self, *args):
        """{name: (type, mode, uid, gid, size, link)} of the tar stream that a docker command prints."""
        done = subprocess.run([DOCKER, *args], env={**os.environ, **self.environment()}, check=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as t:
            return {m.name.rstrip("/"): (m.type.decode(), m.mode & 0o7777, m.uid, m.gid,
                                         m.size if m.isreg() else 0, m.linkname) for m in t.getmembers()}

    def in_terminal(self, *args, typed=b"", timeout=30):
        """A docker command on a terminal of its own; answers (exit code, what the terminal showed)."""
        master, slave = pty.openpty()
        process = subprocess.Popen([DOCKER, *args], env={**os.environ, **self.environment(), "TERM": "xterm"},
                                   stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        shown = b""
        end = time.monotonic() + timeout
        while True:
            assert time.monotonic() < end, f"no end: {shown!r}"
            if select.select([master], [], [], 0.1)[0]:
                try:
                    data = os.read(master, 4096)
                except OSError:
                    break
                if not data:
                    break
                shown += data
                if typed and b"ready" in shown:
                    os.write(master, typed)
                    typed = b""
            elif process.poll() is not None:
                break
        os.close(master)
        return process.wait(10), shown.decode(errors="replace").replace("\r", "")

    def create(self, *args, image="alpine", cmd=("sleep", "1000"), user=None):
        self.need(image)
        out = self.docker("create", *args, image, *self.command(cmd), user=user).lines[-1]
        return Container(self, out, user)

    def build(self, dockerfile, *args, files=None, buildkit=True, user=None, check=True, tag=None, fresh=True, **how):
        """docker build of a context made of {path: text}; answers the Result. tag: name of the image;
        fresh: without any cache, that of --mount=type=cache included."""
        for name in re.findall(r"^FROM (\S+)|--from=(\S+)|from=([a-z]+)", dockerfile, re.M):
            self.need(*[n for n in name if n])
        context = tempfile.mkdtemp(prefix="gabion-context-")
        try:
            write(f"{context}/Dockerfile", dockerfile)
            for path, content in (files or {}).items():
                os.makedirs(os.path.dirname(f"{context}/{path}"), exist_ok=True)
                write(f"{context}/{path}", content)
            os.chmod(context, 0o755)
            flags = ["--progress=plain"] if buildkit else []
            flags += ["-t", tag] if tag else []
            flags += ["--no-cache"] if fresh else []
            env = {"DOCKER_BUILDKIT": "1" if buildkit else "0", **how.pop("env", {})}
            return self.docker("build", *flags, *args, context, env=env, user=user, check=check,
                               **how)
        finally:
            shutil.rmtree(context)

    def need(self, *names):
        """Brings our own images in by their short name; other names are left alone."""
        for name in names:
            short = name.split(":")[0]
            if short in IMAGES and name not in self.loaded:
                load_image(self, short, name)
                self.loaded.add(name)

    def image_from(self, tree, name, *changes):
        """An image of a folder on the host."""
        tar = subprocess.run(["tar", "-C", tree, "--numeric-owner", "-c", "."], check=True,
                             stdout=subprocess.PIPE).stdout
        flags = [f for c in changes for f in ("--change", c)]
        run(DOCKER, "import", *flags, "-", name, input=tar, env=self.environment())
        return name

    # ── facts ──────────────────────────────────────────────────────────────────────────────────

    @property
    def data(self):
        return f"{self.dir}/lib/engine"

    def dockerd(self):
        """The pid of this engine's dockerd."""
        for pid, line in processes_of(self.dir).items():
            if os.path.basename(line.split(" ")[0]) == "dockerd":
                return pid
        return None

    def kill_dockerd(self):
        pid = self.dockerd()
        assert pid, "no dockerd of this engine"
        os.kill(pid, signal.SIGKILL)

    def beside_ports(self, *argv, **how):
        """Runs a command of the host where the engine's published ports are."""
        return run(*argv, **how)

    def mounts(self):
        """The mount table that the engine sees."""
        return read(f"/proc/{self.dockerd()}/mountinfo").splitlines()

    # ── between tests ──────────────────────────────────────────────────────────────────────────

    def api(self, method, path):
        """One request to the engine, without the time that a docker CLI takes to start."""
        connection = http.client.HTTPConnection("docker", timeout=120)
        connection.sock = socket.socket(socket.AF_UNIX)
        with connection.sock:
            connection.sock.settimeout(120)
            connection.sock.connect(self.socket)
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
        assert answer.status < 400 or (method == "DELETE" and answer.status in (404, 409)), (method, path, answer.status, body)
        return json.loads(body) if body else None

    def sweep(self):
        """Removes what a test left, so that the next one starts clean."""
        for container in self.api("GET", "/containers/json?all=1"):
            self.seen.add(container["Id"])
            self.api("DELETE", f"/containers/{container['Id']}?force=1&v=1")
        wait_until(lambda: not self.api("GET", "/containers/json?all=1"), 30, "an engine without containers")
        for volume in self.api("GET", "/volumes")["Volumes"] or []:
            self.api("DELETE", f"/volumes/{volume['Name']}?force=1")
        for network in self.api("GET", "/networks"):
            if network["Name"] not in ("bridge", "host", "none"):
                self.api("DELETE", f"/networks/{network['Id']}")

    def remove_folder(self):
        for path in glob.glob(f"/tmp/gabion-e2e-docker-{os.getpid()}-*"):
            shutil.rmtree(path, ignore_errors=True)
        for _ in range(20):
            shutil.rmtree(self.dir, ignore_errors=True)
            if not os.path.exists(self.dir):
                return
            time.sleep(0.2)
        raise AssertionError(f"{self.dir} cannot be removed")


def load_image(engine, short, name):
    tar = f"{CACHE}/images/{short}.tar"
    run(MAKE_IMAGES, short, timeout=900)
    flags = [f for line in read(f"{CACHE}/images/{short}.changes").splitlines() for f in ("--change", line)]
    engine.docker("import", *flags, tar, name, timeout=300)


class BareEngine(Engine):
    """containerd and dockerd of the machine, in namespaces of their own, with a given runtime."""

    kind = "bare"

    def __init__(self, runtime):
        super().__init__()
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--propagation", "slave", f"{HERE}/bare-engine", self.dir, runtime],
            start_new_session=True)
        wait_until(lambda: os.path.exists(f"{self.dir}/ready") or self.process.poll() is not None, 60,
                   "a ready engine")
        assert self.process.poll() is None, read(f"{self.dir}/dockerd.log")[-2000:]

    def log(self):
        return read(f"{self.dir}/dockerd.log")

    def beside_ports(self, *argv, **how):
        return run("nsenter", "-n", "-t", self.dockerd(), *argv, **how)

    def restart_dockerd(self):
        """Called after dockerd was killed: brings it back."""
        os.unlink(f"{self.dir}/ready")
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.docker("version", check=False).rc == 0, 30, "the engine's return")
        write(f"{self.dir}/ready", "")

    def down(self):
        self.process.terminate()
        self.process.wait(60)


class GabionInstance(Engine):
    """The real thing: gabion up --detach."""

    kind = "gabion"

    def __init__(self, *engine_args, prepare=None, up_args=()):
        super().__init__()
        self.gabion = program("gabion")
        if prepare:
            prepare(self.dir)
        tail = ["--", *engine_args] if engine_args else []
        self.up_command = [self.gabion, "up", "--state-dir", self.dir, "--detach", *up_args, *tail]
        self.up = run(*self.up_command, timeout=120)
        assert f"DOCKER_HOST=unix://{self.dir}/run/docker.sock" in self.up.text, self.up

    def cli(self, *args, **how):
        how["env"] = {"GABION_STATE_DIR": self.dir, **how.get("env", {})}
        return run(self.gabion, *args, **how)

    def log(self):
        return "\n".join(read(p)[-4000:] for p in glob.glob(f"{self.dir}/**/*.log", recursive=True))

    def pid(self, service):
        """Of gabiond's record: "gate", "engine", …; gabiond itself is "gabiond"."""
        record = json.loads(read(f"{self.dir}/run/instance.json"))
        return record["pid"] if service == "gabiond" else record[service]["pid"]

    def kill(self, *services):
        """kill -9 of them all at once, which is over when they are gone."""
        pids = [self.pid(service) for service in services]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(is_alive(pid) for pid in pids), 20, f"the end of {services}")

    def take_over(self):
        """`gabion up` once more, after gabiond was killed."""
        self.up = run(*self.up_command, timeout=120)

    def restart_dockerd(self):
        """The supervisor does it; we wait."""
        wait_until(lambda: self.docker("version", check=False).rc == 0, 60, "the engine's return")

    def down(self):
        run(self.gabion, "down", "--state-dir", self.dir, timeout=60)


def tree(folder):
    """{path: (uid, gid, mode, kind)} of everything below a folder of the host."""
    found = {}
    for top, dirs, files in os.walk(folder):
        for name in dirs + files:
            st = os.lstat(os.path.join(top, name))
            found[os.path.relpath(os.path.join(top, name), folder)] = (
                st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode), stat.filemode(st.st_mode)[0])
    return found


@contextlib.contextmanager
def mount_where(pids, *args):
    """A mount for the time of a block, in the mount namespaces of given processes; the last argument is
    the target. The engines have namespaces of their own, and hosts whose / is not shared do not send
    later mounts there. Binds are read-only: whoever clears away what a killed test left finds the host's own folders there."""
    pids = list(pids)
    for pid in pids:
        run("nsenter", "-m", "-t", pid, "mount", *args)
        if "--bind" in args:
            run("nsenter", "-m", "-t", pid, "mount", "-o", "remount,bind,ro", args[-1])
    try:
        yield args[-1]
    finally:
        for pid in pids:
            run("nsenter", "-m", "-t", pid, "umount", "-l", args[-1], check=False)


@contextlib.contextmanager
def host_folder(mode=0o755, parent="/var/tmp"):
    path = tempfile.mkdtemp(prefix="gabion-e2e-host-", dir=parent)
    os.chmod(path, mode)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
