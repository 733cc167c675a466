# SPDX-License-Identifier: Apache-2.0
"""Published ports of an instance are reached on the host, as with the stock engine."""

import contextlib
import hashlib
import json
import os
import random
import re
import selectors
import signal
import socket
import subprocess
import sys
import threading

import pytest

from instance import HERE, Instance, family, free_port, is_free, processes, program, read, wait_until

ANY = ("127.0.0.1", "::1")
SIZE = 50 << 20
PEERS = 400


def run(*argv, check=True, **more):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=check, timeout=60, **more)


def addresses():
    """The host's own beside its loopback's."""
    listed = json.loads(run("ip", "-j", "addr", "show", "scope", "global").stdout)
    return [a["local"] for link in listed for a in link.get("addr_info", []) if "local" in a and link["operstate"] == "UP"]


def dial(ip, port, timeout=20):
    return socket.create_connection((ip, port), timeout)


def exchange(ip, port, data=b"x"):
    """What comes back for these bytes and the end of them; None when nobody answers."""
    with contextlib.suppress(OSError), dial(ip, port) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        got = b""
        while True:
            more = s.recv(1 << 16)
            if not more:
                return got
            got += more
    return None


def datagram(ip, port, data=b"x", timeout=2):
    """The answer to a datagram, which has to come from where it was sent to; None without one."""
    with socket.socket(family(ip), socket.SOCK_DGRAM) as s:
        s.connect((ip, port))
        s.settimeout(timeout)
        with contextlib.suppress(OSError):
            s.send(data)
            return s.recv(65536)
    return None


@contextlib.contextmanager
def serving(box, name, deed="echo", proto="tcp", port=80):
    """A server in the network of a container."""
    argv = ["nsenter", "-n", "-t", str(box.pid_of(name)), sys.executable, f"{HERE}/peer.py", proto, str(port), deed]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.kill()
        process.wait()


def proxies(box):
    """The gabion-port processes of an instance."""
    return [p for p, (line, _) in processes().items() if os.path.basename(line.split(" ")[0]) == "gabion-port"
            and box.is_member(p)]


def gateway(box, name="one"):
    return box.docker("inspect", "-f", "{{.NetworkSettings.Gateway}}", name).stdout


@pytest.fixture(name="port")
def a_port():
    return free_port()


@pytest.fixture(name="one_for_all", scope="module")
def an_instance_for_all():
    with Instance("ports") as instance:
        instance.up()
        yield instance.load()


@pytest.fixture(name="cage")
def a_clean_instance(one_for_all):
    """For tests that do it no harm: the instance of all of them, without containers."""
    yield one_for_all
    names = one_for_all.docker("ps", "-aq").stdout.split()
    if names:
        one_for_all.docker("rm", "-f", *names)
    one_for_all.docker("network", "prune", "-f")


# ── where it is reached ────────────────────────────────────────────────────────────────────────────

def test_everywhere_on_the_host(cage, port):
    cage.start("one", options=("-p", f"{port}:80"))
    with serving(cage, "one"):
        for ip in (*ANY, *addresses()):
            assert exchange(ip, port, b"hello") == b"hello", ip
    assert f"0.0.0.0:{port}->80/tcp" in cage.docker("ps", "--format", "{{.Ports}}").stdout
    cage.docker("stop", "-t", "0", "one")
    assert is_free(port)


def test_clients(cage, port):
    """A server of the image, clients as people have them."""
    cage.start("one", "sh", "-c", "echo page > /tmp/index.html; exec httpd -f -p 80 -h /tmp", options=("-p", f"{port}:80"))
    url = f"http://localhost:{port}/"
    wait_until(lambda: run("curl", "-s", url, check=False).stdout == "page\n", 10, "the page")
    assert run("/usr/bin/busybox", "wget", "-qO-", url).stdout == "page\n"


def test_one_address(cage, port):
    """127.0.0.1 only, or one of the host's addresses only."""
    others = addresses()
    cage.start("one", options=("-p", f"127.0.0.1:{port}:80"))
    with serving(cage, "one"):
        assert exchange("127.0.0.1", port) == b"x"
        for ip in ("::1", "127.0.0.2", *others):
            assert exchange(ip, port) is None, ip
    cage.docker("rm", "-f", "one")
    for ip in others:
        cage.start("one", options=("-p", f"[{ip}]:{port}:80" if ":" in ip else f"{ip}:{port}:80"))
        with serving(cage, "one"):
            assert exchange(ip, port) == b"x", ip
            for other in {*ANY, *others} - {ip}:
                assert exchange(other, port) is None, (ip, other)
        cage.docker("rm", "-f", "one")


def test_port_of_the_engines_choice(cage):
    """-P and an empty host port: another for each, also with two instances beside each other."""
    with Instance("b") as other:
        other.up()
        other.load()
        ports = []
        for i in (cage, other, cage, other):
            name = f"c{len(ports)}"
            i.start(name, options=("--expose", "80", "-P") if len(ports) % 4 < 2 else ("-p", "127.0.0.1::80"))
            port = int(i.docker("port", name, "80/tcp").stdout.splitlines()[0].rsplit(":", 1)[1])
            with serving(i, name, "echo"):
                assert exchange("127.0.0.1", port, name.encode()) == name.encode()
            ports.append(port)
        assert len(set(ports)) == 4


def test_privileged_port(cage):
    port = free_port(600, 1023)
    cage.start("one", options=("-p", f"{port}:80"))
    with serving(cage, "one"):
        assert exchange("127.0.0.1", port) == b"x"


def test_ipv6_in_the_container(cage, port):
    """Once the kernel has found that nobody else has the bridge's address; it takes a second or two."""
    cage.docker("network", "create", "--ipv6", "--subnet", "fd00:6f::/64", "six")
    cage.start("one", options=("--network", "six", "-p", f"{port}:80"))
    inside = proxies(cage)[0]
    wait_until(lambda: not subprocess.run(["nsenter", "-n", "-t", str(inside), "ip", "-6", "addr", "show", "tentative"],
                                          capture_output=True, text=True, check=True).stdout, 20)
    with serving(cage, "one", proto="tcp6"):
        assert exchange("::1", port) == b"x"
        assert exchange("127.0.0.1", port) == b"x"  # listens on both


def test_inside_nothing_changes(cage, port):
    """Containers reach each other, and the engine itself what is published on its own localhost."""
    cage.docker("network", "create", "net")
    cage.start("one", options=("--network", "net", "-p", f"{port}:80"))
    with serving(cage, "one"):
        for target in ("one 80", f"{gateway_of_network(cage, 'net')} {port}"):
            assert cage.docker("run", "-i", "--rm", "--network", "net", "box", "nc", *target.split(),
                              input=b"hi").stdout == "hi", target
        inside = run("nsenter", "-n", "-t", cage.pid("engine"), sys.executable, "-c",
                     f"import socket; s = socket.create_connection(('127.0.0.1', {port})); s.sendall(b'hi'); print(s.recv(9))")
        assert inside.stdout == "b'hi'\n"


def gateway_of_network(box, name):
    return box.docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", name).stdout


def test_who_it_is_for_the_container(cage, port):
    """The gateway, as in rootless engines; documented."""
    cage.start("one", options=("-p", f"{port}:80", "-p", f"{port}:80/udp"))
    with serving(cage, "one", "who"), serving(cage, "one", "who", "udp"):
        assert exchange("127.0.0.1", port) == gateway(cage).encode()
        assert datagram("127.0.0.1", port) == gateway(cage).encode()


@pytest.fixture(name="remote")
def a_remote_peer():
    """A network namespace joined to the host's by a pair of links: (command prefix, the host's addresses)."""
    name = f"gbport{os.getpid() % 10000}"
    try:
        run("ip", "netns", "add", name)
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        for ip, where in (("198.51.100.1/24", ()), ("198.51.100.3/24", ()), ("198.51.100.2/24", ("-n", name)),
                          ("fd00:6e::1/64", ()), ("fd00:6e::2/64", ("-n", name))):
            link = "eth0" if where else name
            run("ip", *where, "addr", "add", ip, "dev", link, *(["nodad"] if ":" in ip else []))
            run("ip", *where, "link", "set", link, "up")
        yield ["ip", "netns", "exec", name], ("198.51.100.1", "198.51.100.3", "fd00:6e::1")
    finally:
        run("ip", "link", "del", name, check=False)
        run("ip", "netns", "del", name, check=False)


ASK = """
import socket, sys
ip, port, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
s = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET,
                  socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
s.settimeout(10)
s.connect((ip, port))  # a datagram from elsewhere is not taken then
s.send(b"from afar")
print(s.recv(99).decode(), end="")
"""


def test_remote_peer(cage, port, remote):
    prefix, ips = remote
    cage.start("one", options=("-p", f"{port}:80", "-p", f"{port}:80/udp"))
    with serving(cage, "one"), serving(cage, "one", "echo", "udp"):
        for ip in ips:
            for kind in ("tcp", "udp"):
                assert run(*prefix, sys.executable, "-c", ASK, ip, port, kind).stdout == "from afar", (ip, kind)
    cage.docker("rm", "-f", "one")
    cage.start("one", options=("-p", f"127.0.0.1:{port}:80"))
    with serving(cage, "one"):
        refused = run(*prefix, sys.executable, "-c", ASK, ips[0], port, "tcp", check=False)
        assert "ConnectionRefusedError" in refused.stderr
        assert exchange("127.0.0.1", port) == b"x"


# ── what gets through ──────────────────────────────────────────────────────────────────────────────

def test_much_in_both_directions(cage, port):
    """50 MiB there and back at the same time, every byte as it was."""
    cage.start("one", options=("-p", f"127.0.0.1:{port}:80"))
    data = random.Random(1).randbytes(1 << 20) * (SIZE >> 20)
    with serving(cage, "one"), dial("127.0.0.1", port) as s:
        def send():
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=send)
        thread.start()
        h, n = hashlib.sha256(), 0
        while True:
            got = s.recv(1 << 20)
            if not got:
                break
            h.update(got)
            n += len(got)
        thread.join()
    assert n == SIZE and h.hexdigest() == hashlib.sha256(data).hexdigest()


def test_half_close(cage, port):
    """An answer that comes only after the end of the question."""
    cage.start("one", options=("-p", f"127.0.0.1:{port}:80"))
    data = random.Random(2).randbytes(SIZE)
    with serving(cage, "one", "digest"):
        assert exchange("127.0.0.1", port, data) == hashlib.sha256(data).hexdigest().encode()


def test_reset_is_a_reset(cage, port):
    """A server that breaks off: not the end of an answer."""
    cage.start("one", options=("-p", f"127.0.0.1:{port}:80"))
    with serving(cage, "one", "reset"), dial("127.0.0.1", port) as s:
        s.sendall(b"x")
        assert s.recv(99) == b"half"
        with pytest.raises(ConnectionResetError):
            s.recv(99)


def test_nobody_listens(cage, port):
    """A container without a server: an error, and neither silence nor an empty answer."""
    cage.start("one", options=("-p", f"127.0.0.1:{port}:80"))
    with pytest.raises(ConnectionResetError), dial("127.0.0.1", port) as s:
        s.recv(1)


def test_many_at_once(cage, port):
    cage.start("one", options=("-p", f"127.0.0.1:{port}:80"))
    with serving(cage, "one"), contextlib.ExitStack() as stack, selectors.DefaultSelector() as ready:
        left = {}
        for i in range(PEERS):
            s = stack.enter_context(dial("127.0.0.1", port))
            left[s] = (b"%d " % i) * 2000
            s.sendall(left[s])
            ready.register(s, selectors.EVENT_READ)
        while left:
            events = ready.select(20)
            assert events, f"{len(left)} got no answer"
            for key, _ in events:
                s = key.fileobj
                got = s.recv(1 << 16)
                assert got and left[s].startswith(got)
                left[s] = left[s][len(got):]
                if not left[s]:
                    del left[s]
                    ready.unregister(s)
        pid = proxies(cage)[0]
        sockets = [fd for fd in os.listdir(f"/proc/{pid}/fd") if os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket")]
        assert len(sockets) >= 2 * PEERS
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) < 50, 20, "the end of all connections")


def test_datagrams(cage, port):
    cage.start("one", options=("-p", f"{port}:80/udp",))
    with serving(cage, "one", "echo", "udp"):
        for ip in (*ANY, *addresses()):
            assert datagram(ip, port, b"hello") == b"hello", ip
        for size in (0, 1, 1472, 9000, 60000):
            data = random.Random(size).randbytes(size)
            assert datagram("127.0.0.1", port, data) == data, size
        with contextlib.ExitStack() as stack:
            clients = []
            for i in range(50):
                s = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                s.settimeout(5)
                s.connect(("127.0.0.1", port))
                s.send(b"%d" % i)
                clients.append(s)
            for i, s in enumerate(clients):
                assert s.recv(99) == b"%d" % i
    cage.docker("rm", "-f", "one")
    assert is_free(port, socket.SOCK_DGRAM)


def test_datagrams_of_one_address(cage, port):
    cage.start("one", options=("-p", f"127.0.0.1:{port}:80/udp",))
    with serving(cage, "one", "echo", "udp"):
        assert datagram("127.0.0.1", port) == b"x"
        for ip in ("::1", *addresses()):
            assert datagram(ip, port, timeout=0.3) is None, ip


# ── errors ─────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("kind, word", [(socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")])
def test_port_in_use_on_the_host(cage, port, kind, word):
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        done = cage.docker("run", "-d", "--name", "one", "-p", f"{port}:80/{word}", "box", "sleep", "1000", check=False)
        assert done.returncode == 125
        assert f"listen {word}4 0.0.0.0:{port}: bind: address already in use" in done.stderr
    assert not proxies(cage)
    cage.docker("start", "one")
    with serving(cage, "one", "echo", word):
        assert (exchange if word == "tcp" else datagram)("127.0.0.1", port) == b"x"


def test_address_that_is_not_the_hosts(cage, port):
    for ip, text in (("203.0.113.7", f"tcp4 203.0.113.7:{port}"), ("[2001:db8::7]", f"tcp6 [2001:db8::7]:{port}")):
        done = cage.docker("run", "--rm", "-p", f"{ip}:{port}:80", "box", "true", check=False)
        assert done.returncode == 125
        assert f"listen {text}: bind: cannot assign requested address" in done.stderr


def test_same_port_in_two_instances(cage, port):
    cage.start("one", options=("-p", f"{port}:80"))
    with Instance("b") as other, serving(cage, "one"):
        other.up()
        other.load()
        done = other.docker("run", "-d", "--name", "two", "-p", f"{port}:80", "box", "sleep", "1000", check=False)
        assert done.returncode == 125
        assert f"listen tcp4 0.0.0.0:{port}: bind: address already in use" in done.stderr
        assert exchange("127.0.0.1", port) == b"x"
        cage.docker("stop", "-t", "0", "one")
        other.docker("start", "two")
        with serving(other, "two"):
            assert exchange("127.0.0.1", port) == b"x"


def test_same_port_twice_in_one_instance(cage, port):
    """The engine's own answer, which comes before ours."""
    cage.start("one", options=("-p", f"{port}:80"))
    done = cage.docker("run", "--rm", "-p", f"{port}:80", "box", "true", check=False)
    assert f"Bind for 0.0.0.0:{port} failed: port is already allocated" in done.stderr


def test_sctp(cage, port):
    """Where the kernel has it, it works; else the user hears why."""
    done = cage.docker("run", "-d", "--name", "one", "-p", f"127.0.0.1:{port}:80/sctp", "box", "sleep", "1000", check=False)
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError:
        assert done.returncode == 125
        assert f"listen sctp4 127.0.0.1:{port}: socket: protocol not supported" in done.stderr
        return
    assert done.returncode == 0, done
    assert len(proxies(cage)) == 1


def test_without_the_way_to_the_host(box, port):
    """An instance that an older gabiond made: the error says so; the next gabiond heals it."""
    run("nsenter", "-m", "-t", box.pid("engine"), "umount", f"{box.dir}/run/host-net")
    done = box.docker("run", "--rm", "-p", f"{port}:80", "box", "true", check=False)
    assert done.returncode == 125
    assert f"{box.dir}/run/host-net is not the host's network" in done.stderr and "gabion down" in done.stderr
    assert box.docker("run", "--rm", "box", "echo", "unpublished").stdout == "unpublished"
    box.kill("gabiond")
    box.up()
    box.start("one", options=("-p", f"127.0.0.1:{port}:80"))
    with serving(box, "one"):
        assert exchange("127.0.0.1", port) == b"x"


# ── what is left, and what comes back ──────────────────────────────────────────────────────────────

@pytest.mark.parametrize("victim", ["nothing", "port", "engine", "containerd", "gabiond", "shim", "everything"])
def test_down_leaves_no_listener(box, port, victim):
    box.start("one", options=("-p", f"{port}:80", "-p", f"{port}:80/udp"))
    assert not is_free(port) and not is_free(port, socket.SOCK_DGRAM)
    if victim == "port":
        for pid in proxies(box):
            os.kill(pid, signal.SIGKILL)
    elif victim == "everything":
        for part in ("gabiond", "containerd", "engine", "gate", "shim"):
            box.kill(part)
    elif victim != "nothing":
        box.kill(victim)
    box.down()
    assert is_free(port) and is_free(port, socket.SOCK_DGRAM)
    box.assert_clean()


def test_ends_with_the_engine(box, port):
    """gabiond is dead, then dockerd is killed: nobody is left to ask, and the ports go with dockerd."""
    box.start("one", options=("-p", f"{port}:80", "-p", f"{port}:80/udp"))
    assert len(proxies(box)) == 4
    box.kill("gabiond")
    assert not is_free(port)
    box.kill("engine")
    wait_until(lambda: not proxies(box), 10, "the end of gabion-port")
    assert is_free(port) and is_free(port, socket.SOCK_DGRAM)


@pytest.mark.parametrize("victim", ["engine", "gabiond", "gate", "containerd"])
def test_live_restore(box, port, victim):
    """kill -9: containers go on, and so do their ports."""
    box.start("one", options=("-p", f"{port}:80", "-p", f"{port}:80/udp"))
    pid = box.pid_of("one")
    with serving(box, "one"), serving(box, "one", "echo", "udp"):
        old = box.pid(victim)
        box.kill(victim)
        if victim == "gabiond":
            assert exchange("127.0.0.1", port) == b"x"
            box.up()
        else:
            box.wait_restarted(victim, old)
        wait_until(lambda: exchange("127.0.0.1", port) == b"x", 20, "the port's return")
        wait_until(lambda: datagram("127.0.0.1", port, timeout=0.5) == b"x", 20, "the port's return")
        assert exchange("::1", port) == b"x"
    assert box.pid_of("one") == pid


def test_restart_of_the_container(cage, port):
    """Also after its gabion-port was killed."""
    cage.start("one", options=("-p", f"{port}:80"))
    for killed in (False, True):
        old = proxies(cage)
        if killed:
            for pid in old:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: is_free(port), 5, "a free port")
        cage.docker("restart", "-t", "0", "one")
        with serving(cage, "one"):
            for ip in ANY:
                assert exchange(ip, port) == b"x"
        assert not set(old) & set(proxies(cage))


def test_restart_policy_across_down(fresh, port):
    fresh.up()
    fresh.load()
    fresh.start("one", options=("--restart", "always", "-p", f"{port}:80"))
    fresh.down()
    assert is_free(port)
    fresh.up()
    with serving(fresh, "one"):
        assert exchange("127.0.0.1", port) == b"x"


@contextlib.contextmanager
def engine28(box, *args):
    """What a newer engine does, played by a process inside; gives what gabion-port told it."""
    argv = ["nsenter", "-n", "-m", "-t", str(box.pid("engine")), sys.executable, f"{HERE}/engine28.py",
            program("gabion-port"), *map(str, args)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=dict(os.environ, GABION_STATE_DIR=box.dir))
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("proto", ["tcp", "udp"])
@pytest.mark.parametrize("host, ip", [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.1", "127.0.0.1")])
def test_socket_of_the_engine(cage, port, proto, host, ip):
    """-use-listen-fd: the engine's socket is served beside the host's, and both end with the engine."""
    cage.start("one")
    to = cage.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "one").stdout
    kind = socket.SOCK_DGRAM if proto == "udp" else socket.SOCK_STREAM
    ask = datagram if proto == "udp" else exchange
    with serving(cage, "one", "echo", proto), engine28(cage, proto, host, port, to, 80) as said:
        assert said == r"'0\n'"
        assert ask(ip, port) == b"x"
        inside = run("nsenter", "-n", "-t", cage.pid("engine"), sys.executable, "-c", ASK, ip, port, proto)
        assert inside.stdout == "from afar"
    wait_until(lambda: is_free(port, kind), 10, "the end of gabion-port")


def test_wrong_socket_of_the_engine(cage, port):
    with engine28(cage, "udp", "127.0.0.1", port, "127.0.0.1", 80, "tcp") as said:
        assert said == r"'1\ndescriptor 4 is no udp socket that listens'"
        assert is_free(port, socket.SOCK_DGRAM)


# ── what the process is ────────────────────────────────────────────────────────────────────────────

def test_it_has_no_rights(cage, port):
    cage.start("one", options=("-p", f"127.0.0.1:{port}:80"))
    (pid,) = proxies(cage)
    status = dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["1610612734"] * 4 and status["Gid"].split() == ["1610612734"] * 4
    assert status["Groups"].strip() == ""
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat(f"/proc/{cage.pid('engine')}/ns/net").st_ino
    held = {fd: os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    for fd, target in held.items():
        assert re.match(r"socket:|anon_inode:\[(eventpoll|signalfd|pidfd)\]", target) or \
            (int(fd) < 3 and target == "/dev/null"), held


def test_the_way_is_not_seen_on_the_host(cage):
    """The mount of the host's network namespace is in the instance's mount namespace only, and not in
    containers."""
    point = f"{cage.dir}/run/host-net"
    assert point in read(f"/proc/{cage.pid('engine')}/mountinfo")
    assert point not in read("/proc/self/mountinfo")
    cage.start("one", options=("--privileged",))
    assert "host-net" not in read(f"/proc/{cage.pid_of('one')}/mountinfo")
    refused = cage.docker("run", "--rm", "-v", f"{point}:/net", "box", "true", check=False)
    assert "restricted host mount" in refused.stderr


def test_by_hand(cage):
    """Without dockerd it says what it is for."""
    done = run(program("gabion-port"), "-proto", "tcp", "-host-ip", "127.0.0.1", "-host-port", "1", "-container-ip",
               "127.0.0.1", "-container-port", "1", check=False, env={})
    assert done.returncode == 1 and "GABION_STATE_DIR names no instance" in done.stderr
    done = run(program("gabion-port"), "-host", "x", check=False)
    assert done.returncode == 2 and 'does not know "-host"' in done.stderr
    assert run(program("gabion-port"), "--version").stdout.startswith("gabion-port ")
    assert "usage: gabion-port" in run(program("gabion-port"), "--help").stdout
