# SPDX-License-Identifier: Apache-2.0
"""gabion-hold by itself: what it keeps, and what peers that are not gabiond get from it."""

import array
import os
import socket
import struct
import subprocess
import tempfile

import pytest

from instance import program, read, wait_until

KEEP, DROP, LIST, ENTRY, END = range(1, 6)
MESSAGE = struct.Struct("=II96s")
MOST = 4352


class Holder:
    def __init__(self, folder, *before):
        self.path = f"{folder}/hold.sock"
        self.process = subprocess.Popen([*before, program("gabion-hold"), f"--socket={self.path}"], stderr=subprocess.PIPE)
        wait_until(lambda: os.path.exists(self.path), 10, "the socket")

    def connect(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(20)
        s.connect(self.path)
        return s

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def say(s, op, name=b"", fds=(), version=1):
    more = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    return s.sendmsg([MESSAGE.pack(version, op, name)], more)


def kept(s, version=1):
    """{name: descriptor}; the descriptors are the caller's."""
    say(s, LIST, version=version)
    found = {}
    while True:
        data, more, _, _ = s.recvmsg(MESSAGE.size + 1, socket.CMSG_SPACE(16))
        assert len(data) == MESSAGE.size
        said, op, name = MESSAGE.unpack(data)
        assert said == 1
        if op == END:
            return found
        assert op == ENTRY
        found[name.rstrip(b"\0").decode()] = array.array("i", more[0][2])[0]


def names(s):
    found = kept(s)
    for fd in found.values():
        os.close(fd)
    return sorted(found)


def hung_up(s):
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.fixture
def holder(request):
    with tempfile.TemporaryDirectory() as folder:
        h = Holder(folder, *getattr(request, "param", []))
        yield h
        alive = h.process.poll() is None
        h.process.kill()
        text = h.process.communicate()[1]
        assert alive, text


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_keeps(holder, pipe):
    """What one connection gave, another one gets; the same name takes the place of the earlier one."""
    before = holder.fds()
    with holder.connect() as s:
        say(s, KEEP, b"sock/a", [pipe[1]])
        say(s, KEEP, b"sock/b", [pipe[0]])
        say(s, KEEP, b"sock/a", [pipe[1]])
        assert names(s) == ["sock/a", "sock/b"]
    with holder.connect() as s:
        found = kept(s)
        os.write(found["sock/a"], b"through")
        assert os.read(found["sock/b"], 10) == b"through"
        for fd in found.values():
            os.close(fd)
        say(s, DROP, b"sock/b")
        say(s, DROP, b"never-there")
        assert names(s) == ["sock/a"]
        say(s, DROP, b"sock/a")
        assert names(s) == []
    wait_until(lambda: holder.fds() == before, 10, "the end of descriptors")


def test_what_is_no_message(holder, pipe):
    """Costs the connection, not what is kept, and no descriptor stays behind."""
    before = holder.fds() + 1
    with holder.connect() as s:
        say(s, KEEP, b"mine", [pipe[0]])
        names(s)
    for bad in [lambda s: s.send(b"x"), lambda s: s.send(b"\0" * 200), lambda s: say(s, KEEP, b"no-descriptor"),
                lambda s: say(s, KEEP, b"", [pipe[0]]), lambda s: say(s, DROP, b"x", [pipe[0]]), lambda s: say(s, DROP),
                lambda s: say(s, LIST, b"x"), lambda s: say(s, LIST, b"", [pipe[0]]), lambda s: say(s, ENTRY, b"x", [pipe[0]]),
                lambda s: say(s, 99, b"x"), lambda s: say(s, KEEP, b"x" * 96, [pipe[0]]),
                lambda s: say(s, KEEP, b"two", [pipe[0], pipe[1]]), lambda s: say(s, KEEP, b"later", [pipe[0]], version=2)]:
        with holder.connect() as s:
            bad(s)
            assert hung_up(s)
    with holder.connect() as s:
        assert names(s) == ["mine"]
    wait_until(lambda: holder.fds() == before, 10, "the end of descriptors")


def test_another_version(holder, pipe):
    """A gabiond of another version gets what there is, and can change nothing."""
    with holder.connect() as s:
        say(s, KEEP, b"mine", [pipe[1]])
        for version in (0, 2, 2**32 - 1):
            found = kept(s, version)
            assert list(found) == ["mine"]
            os.close(found["mine"])
        say(s, DROP, b"mine", version=2)
        assert hung_up(s)
    with holder.connect() as s:
        assert names(s) == ["mine"]


@pytest.mark.parametrize("holder", [["prlimit", "--nofile=64:64"]], indirect=True)
def test_low_limit(holder, pipe):
    """Where the host allows few descriptors, few are kept; and there is always one left to be asked over."""
    peers = [holder.connect() for _ in range(8)]
    assert all(names(s) == [] for s in peers)
    for i in range(100):
        say(peers[0], KEEP, f"n{i}".encode(), [pipe[0]])
    assert 0 < len(names(peers[0])) < 64
    assert names(peers[7]) == names(peers[0])
    with holder.connect() as one_more:
        assert hung_up(one_more)
    for s in peers:
        s.close()


def test_nobody_else(holder):
    """Its socket is root's, and so is who may talk to it."""
    assert os.stat(holder.path).st_mode & 0o777 == 0o600
    os.chmod(holder.path, 0o666)
    os.chmod(os.path.dirname(holder.path), 0o755)
    code = ("import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect(sys.argv[1]); "
            "s.settimeout(20); sys.exit(0 if s.recv(1) == b'' else 1)")
    assert subprocess.run(["/usr/bin/python3", "-c", code, holder.path], user=54321, group=54321, extra_groups=[],
                          check=False).returncode == 0


def test_more_than_there_is_room_for(holder, pipe):
    """Names beyond the last place are not kept; connections beyond the last one are closed."""
    with holder.connect() as s:
        for i in range(MOST + 10):
            say(s, KEEP, f"n{i}".encode(), [pipe[0]])
        assert len(names(s)) == MOST
        say(s, DROP, b"n7")
        say(s, KEEP, b"new", [pipe[0]])
        found = names(s)
        assert len(found) == MOST and "new" in found and "n7" not in found
        others = [holder.connect() for _ in range(7)]
        with holder.connect() as one_more:
            assert hung_up(one_more)
        assert all(len(names(other)) == MOST for other in others[:2])
        for other in others:
            other.close()


def test_is_nobody(holder):
    """Its own user, no capability, none to be had, a list of system calls."""
    status = dict(line.split(":\t", 1) for line in read(f"/proc/{holder.process.pid}/status").splitlines() if ":\t" in line)
    assert status["Uid"].split()[0] == "1610612733" and status["Groups"].strip() == ""
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"


def test_command_line():
    assert subprocess.run([program("gabion-hold")], stderr=subprocess.DEVNULL, check=False).returncode == 2
    done = subprocess.run([program("gabion-hold"), "--socket=/nowhere/x"], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and "listening on /nowhere/x" in done.stderr
    assert "usage" in subprocess.run([program("gabion-hold"), "--help"], stdout=subprocess.PIPE, text=True, check=False).stdout
