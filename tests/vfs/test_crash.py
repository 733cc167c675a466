# SPDX-License-Identifier: Apache-2.0
"""gabion-vfs may be killed at any instruction: nobody who reads or writes gets an error, or waits for long."""

import os
import random
import struct
import subprocess
import threading
import time

from readers import Readers
from vfs import read, signal, unmount, wait_until

NODES = ("proc/meminfo", "proc/stat", "proc/uptime", "proc/cpuinfo", "proc/sys/kernel/panic")


def test_kill_under_load(files, cgroup):
    box = files.put("box", cgroup=cgroup.view())
    with Readers(8, [f"{box}/{n}" for n in NODES]) as readers:
        for _ in range(40):
            # At any instruction: the pause is short of, in, and after what a start and an answer take.
            time.sleep(random.uniform(0, 0.02))
            files.kill()
            files.start()
    readers.assert_fine()


def test_what_was_taken_is_answered(files):
    """A request that a killed gabion-vfs had read waits in its slot, and the next one answers it."""
    box = files.put("box")
    got = []
    os.stat(f"{box}/proc/uptime")
    files.kill()
    reader = threading.Thread(target=lambda: got.append(read(f"{box}/proc/uptime")))
    reader.start()
    request = os.read(files.fuse, 8192)  # what one does that dies then
    os.pwrite(files.slots, request, 64 + 24)
    files.start()
    reader.join(20)
    assert got and float(got[0].split()[0]) >= 0


def test_answered_twice(files):
    """One that was answered, and whose slot was not emptied any more, hurts nobody."""
    box = files.put("box")
    files.kill()
    head = struct.pack("=IIQQIIIHH", 40 + 8, 14, 12345678, 1, 0, 0, 0, 0, 0) + struct.pack("=II", 0, 0)
    os.pwrite(files.slots, head, 64 + 24)
    files.start()
    assert read(f"{box}/proc/uptime")
    wait_until(lambda: os.pread(files.slots, 4, 64 + 24) == b"\0\0\0\0", 10, "an empty slot")


def test_written_once(files):
    """What was written and not answered yet is not written again over what came after it."""
    box = files.put("box")
    node = f"{box}/proc/sys/kernel/panic"
    with open(node, "w", encoding="ascii") as f:
        f.write("5\n")
    inode = os.stat(node).st_ino
    files.kill()
    data = b"7\n"
    write = struct.pack("=QQIIQII", 0, 0, len(data), 0, 0, 1, 0) + data
    head = struct.pack("=IIQQIIIHH", 40 + len(write), 16, 987654321, inode, 0, 0, 0, 0, 0)
    os.pwrite(files.slots, struct.pack("=QQiI", 0, 987654321, 0, 0) + head + write, 64)
    files.start()
    assert read(node) == "5\n"
    files.kill()
    os.pwrite(files.slots, struct.pack("=QQiI", 0, 0, 0, 0) + head + write, 64)
    files.start()
    wait_until(lambda: read(node) == "7\n", 10, "what was not done yet")


def test_garbage_in_slots(files):
    box = files.put("box")
    files.kill()
    for slot in range(4):
        os.pwrite(files.slots, os.urandom(8192), 64 + slot * 8256 + 24)
    files.start()
    assert read(f"{box}/proc/uptime")


def test_one_at_a_time(files):
    """Two of them would take each other's slots."""
    done = subprocess.run(files.process.args, pass_fds=[files.fuse, files.slots], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "another gabion-vfs has the slots" in done.stderr


def test_inodes_stay(files):
    """Numbers, open files and working directories go on in the next process."""
    box = files.put("box")
    nodes = [f"{box}/{n}" for n in NODES]
    before = [os.stat(n).st_ino for n in nodes]
    with open(nodes[0], encoding="ascii") as f:
        first = f.readline()
        folder = os.open(f"{box}/proc", os.O_PATH)
        files.kill()
        files.start()
        f.seek(0)
        assert f.readline() == first
    assert "meminfo" in os.listdir(f"/proc/self/fd/{folder}")
    os.close(folder)
    assert [os.stat(n).st_ino for n in nodes] == before
    assert len(set(before)) == len(before)


def test_unmounted(files):
    """With its file system gone, gabion-vfs ends."""
    unmount(files.root)
    assert files.process.wait(20) == 0


def test_stopped(files):
    """Who waits for one that was stopped can be killed before it took the request."""
    box = files.put("box")
    files.signal(signal.SIGSTOP)
    wait_until(lambda: " T " in read(f"/proc/{files.process.pid}/stat"), 10, "the stop")
    got = []
    reader = threading.Thread(target=lambda: got.append(read(f"{box}/proc/uptime")))
    reader.start()
    files.signal(signal.SIGCONT)
    reader.join(20)
    assert got
