# SPDX-License-Identifier: Apache-2.0
"""What emulated nodes say, and what can be written to them."""

import os
import re
import stat
import subprocess
import threading

import pytest

from readers import Readers
from vfs import boottime, program, read, wait_until

SYSCTL = "proc/sys"


def meminfo(text):
    return {key: int(value.split()[0]) for key, value in (line.split(":") for line in text.splitlines())}


def sh(command, *names):
    return subprocess.run(["sh", "-c", command, "sh", *names], capture_output=True, text=True, check=False, timeout=30)


def walk(box):
    for folder, _, names in os.walk(box):
        for name in names:
            yield f"{folder}/{name}"


def test_modes_and_owners(files):
    """All that is there belongs to the container's root, and nothing can be made, removed, or given away."""
    box = files.put("box", base=300000)
    nodes = list(walk(box))
    assert len(nodes) > 30
    for path in [box, *nodes]:
        st = os.stat(path)
        assert (st.st_uid, st.st_gid) == (300000, 300000)
        assert not st.st_mode & 0o7022
    for change in (lambda: os.unlink(nodes[0]), lambda: os.mkdir(f"{box}/x"), lambda: os.symlink("a", f"{box}/proc/l"),
                   lambda: os.rename(nodes[0], nodes[1]), lambda: os.link(nodes[0], f"{box}/proc/l"),
                   lambda: os.mknod(f"{box}/proc/n"), lambda: os.chmod(nodes[0], 0o777), lambda: os.chown(nodes[0], 0, 0),
                   lambda: os.setxattr(nodes[0], "user.x", b"y")):
        with pytest.raises(PermissionError if change.__code__.co_names[-1] != "setxattr" else OSError):
            change()
    for name in ("proc/meminfo", "proc/uptime", "sys/devices/system/cpu/online", "sys/devices/virtual/dmi/id/product_uuid"):
        with pytest.raises(PermissionError):
            open(f"{box}/{name}", "w", encoding="ascii")


def test_only_the_table(files):
    box = files.put("box")
    assert sorted(os.listdir(box)) == ["proc", "sys"]
    assert os.listdir(files.root) == []
    for name in ("box/proc/kcore", "box/proc/sys/kernel/hostname", "box/..box", "nobody", "box.json", "../views", "a" * 300):
        assert not os.path.exists(f"{files.root}/{name}") or name == "../views"
    for bad in ("", "{", "[]", '{"base":1}', '{"base":-1,"start":1}', '{"base":4294967295,"start":1}', '{"base":1,"start":1,"cgroup":{"memory":"x"}}'):
        with open(f"{files.views}/bad.json", "w", encoding="ascii") as f:
            f.write(bad)
        assert not os.path.exists(f"{files.root}/bad")


def test_all_in_one_folder(files):
    """What a runtime binds from, with one request for all; it is not listed beside them."""
    box = files.put("box")
    nodes = {path[len(box) + 1:].replace("/", ":"): os.stat(path).st_ino for path in walk(box)}
    assert {e.name: e.inode() for e in os.scandir(f"{box}/all")} == nodes
    assert {name: os.stat(f"{box}/all/{name}").st_ino for name in nodes} == nodes
    assert read(f"{box}/all/proc:meminfo").startswith("MemTotal:")
    assert os.stat(f"{box}/all/proc:cpuinfo").st_size >= len(read(f"{box}/proc/cpuinfo"))
    for name in ("all/proc", "all/all", "all/proc:sys", "proc/all", "all/proc:"):
        assert not os.path.exists(f"{box}/{name}")


def test_every_node_can_be_read(files, cgroup):
    """In one piece, byte by byte, and by the programs that people use."""
    box = files.put("box", cgroup=cgroup.view())
    for path in walk(box):
        text = read(path)
        assert text.endswith("\n") or path.endswith("diskstats"), path
        assert os.stat(path).st_size % 4096 == 0 and len(text) <= os.stat(path).st_size
        for command in ("cat", "busybox cat", "dd status=none bs=7 if=", "head -c 1000000"):
            done = sh(f"{command}{'' if command.endswith('=') else ' '}{path}")
            if not path.endswith(("uptime", "loadavg", "stat", "cpuinfo", "meminfo")):
                assert done.stdout == text, (command, path, done)
            assert done.returncode == 0 and len(done.stdout.splitlines()) == len(text.splitlines()), (command, path)
        assert sh(f"tail -n 1 {path}").stdout.count("\n") == (1 if text else 0), path
        assert sh(f"wc -l < {path}").stdout.strip() == str(text.count("\n")), path
        with open(path, "rb") as f:  # what procps does
            f.read()
            f.seek(0)
            assert len(f.read().splitlines()) == len(text.splitlines())


def test_memory(files, cgroup):
    """The smallest limit on the way up counts, and never more than the host has."""
    box = files.put("box", cgroup=cgroup.view())
    host = meminfo(read("/proc/meminfo"))
    assert meminfo(files.text("box", "proc/meminfo"))["MemTotal"] == host["MemTotal"]
    cgroup.memory(256 << 20)
    now = meminfo(files.text("box", "proc/meminfo"))
    assert now["MemTotal"] == 256 << 10
    assert now["MemFree"] <= now["MemAvailable"] <= now["MemTotal"]
    cgroup.memory(128 << 20, level="")
    assert meminfo(files.text("box", "proc/meminfo"))["MemTotal"] == 128 << 10
    cgroup.memory(1 << 50, level="")
    cgroup.memory(1 << 50)
    assert meminfo(files.text("box", "proc/meminfo"))["MemTotal"] == host["MemTotal"]
    assert set(now) <= set(host) | {"KReclaimable", "Percpu", "NFS_Unstable", "Bounce", "WritebackTmp"}
    assert box


def test_memory_used(files, cgroup):
    """What a process of the container takes is missing."""
    cgroup.memory(512 << 20)
    files.put("box", cgroup=cgroup.view())
    before = meminfo(files.text("box", "proc/meminfo"))
    child = subprocess.Popen(["/usr/bin/python3", "-c", "x = b'x' * (100 << 20); print(flush=True); input()"], preexec_fn=cgroup.join,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    after = meminfo(files.text("box", "proc/meminfo"))
    load = files.text("box", "proc/loadavg")
    child.communicate(b"\n")
    assert 90 << 10 < before["MemFree"] - after["MemFree"] < 200 << 10
    assert after["AnonPages"] > 90 << 10
    assert re.fullmatch(r"\d+\.\d\d \d+\.\d\d \d+\.\d\d 1/\d+ \d+\n", load)


def cpu_count(files):
    """Every node says the same number of CPUs; which it is."""
    stat_text = files.text("box", "proc/stat")
    cpus = re.findall(r"^cpu(\d+) ", stat_text, re.M)
    assert re.findall(r"^processor\s*:\s*(\d+)$", files.text("box", "proc/cpuinfo"), re.M) == cpus
    listed = []
    for part in files.text("box", "sys/devices/system/cpu/online").strip().split(","):
        first, _, last = part.partition("-")
        listed += [str(i) for i in range(int(first), int(last or first) + 1)]
    assert listed == cpus
    for name in ("possible", "present"):
        assert files.text("box", f"sys/devices/system/cpu/{name}") == files.text("box", "sys/devices/system/cpu/online")
    return len(cpus)


def test_cpus(files, cgroup):
    """Quota, rounded up, of whoever has the smallest; and cpuset."""
    files.put("box", cgroup=cgroup.view())
    host = len(os.sched_getaffinity(0))
    assert cpu_count(files) == host
    cgroup.quota(150)
    assert cpu_count(files) == min(2, host)
    cgroup.quota(100)
    assert cpu_count(files) == 1
    cgroup.quota(20)
    assert cpu_count(files) == 1
    cgroup.quota(host * 100)
    assert cpu_count(files) == host
    if host > 1:
        cgroup.cpus("1")
        assert cpu_count(files) == 1
        assert files.text("box", "sys/devices/system/cpu/online") == "1\n"


def test_cpu_time(files, cgroup):
    """What the container uses is in /proc/stat, and what it could have used too."""
    files.put("box", cgroup=cgroup.view())
    child = subprocess.Popen(["sh", "-c", "while :; do :; done"], preexec_fn=cgroup.join)
    wait_until(lambda: int(files.text("box", "proc/stat").split()[1]) >= 30, 60, "CPU time")
    wait_until(lambda: float(files.text("box", "proc/loadavg").split()[0]) > 0, 60, "load")
    child.kill()
    child.wait()
    before = [int(n) for n in files.text("box", "proc/stat").splitlines()[0].split()[1:]]
    uptime, idle = (float(n) for n in files.text("box", "proc/uptime").split())
    assert abs(sum(before) / 100 - uptime * cpu_count(files)) < 2
    assert 0 < idle <= uptime * cpu_count(files)


def test_uptime(files):
    """Since the container was started, in every node."""
    files.put("box", start=boottime() - 5000 * 10**9)
    up = float(files.text("box", "proc/uptime").split()[0])
    assert 5000 <= up < 5100
    btime = int(re.search(r"btime (\d+)", files.text("box", "proc/stat"))[1])
    host = int(re.search(r"btime (\d+)", read("/proc/stat"))[1])
    assert abs(btime - host - (boottime() / 10**9 - up)) <= 3


def test_values_are_each_containers_own(files):
    """What is written stays the container's, across gabion-vfs; the host's is as it was."""
    host = {n: read(f"/{SYSCTL}/{n}") for n in ("kernel/panic", "kernel/printk", "vm/overcommit_memory", "fs/file-max")}
    one, two = files.put("one"), files.put("two")
    assert files.text("one", f"{SYSCTL}/kernel/panic") == host["kernel/panic"]
    for name, value in (("kernel/panic", "11"), ("kernel/printk", "1 2 3 4"), ("vm/overcommit_memory", "0x1"), ("fs/file-max", "12345678")):
        assert sh(f'echo "{value}" > {one}/{SYSCTL}/{name}').returncode == 0
    for _ in range(2):
        assert files.text("one", f"{SYSCTL}/kernel/panic") == "11\n"
        assert files.text("one", f"{SYSCTL}/kernel/printk") == "1\t2\t3\t4\n"
        assert files.text("one", f"{SYSCTL}/vm/overcommit_memory") == "1\n"
        assert files.text("one", f"{SYSCTL}/fs/file-max") == "12345678\n"
        assert {n: files.text("two", f"{SYSCTL}/{n}") for n in host} == host
        assert {n: read(f"/{SYSCTL}/{n}") for n in host} == host
        files.kill()
        files.start()
    files.put("one")  # started again
    assert files.text("one", f"{SYSCTL}/kernel/panic") == host["kernel/panic"]
    assert two


@pytest.mark.parametrize("name, good, bad", [
    ("kernel/panic", ["-1", "0", "2147483647", " 5 \n\n", "010"], ["", "x", "1 2", "2147483648", "1x", "+1", "9" * 30]),
    ("kernel/panic_on_oops", ["0", "1"], ["2", "-1"]),
    ("kernel/sysrq", ["0", "511"], ["512", "-1"]),
    ("kernel/printk", ["1 2 3 4", "1\t2\t3\t4"], ["1", "1 2 3", "1 2 3 4 5"]),
    ("kernel/kptr_restrict", ["0", "3"], ["4"]),
    ("kernel/pid_max", ["1", "4194304"], ["0", "4194305"]),
    ("kernel/yama/ptrace_scope", ["0", "3"], ["4"]),
    ("fs/nr_open", ["1048576"], ["7", "2147483585"]),
    ("fs/file-max", ["0", "9223372036854775807"], ["-1", "9223372036854775808"]),
    ("fs/protected_hardlinks", ["0", "1"], ["2"]),
    ("vm/overcommit_memory", ["0", "2"], ["3"]),
    ("net/core/default_qdisc", ["fq", "fq_codel", "sfq", "pfifo_fast\n"], ["", "noqueue", "fqx", "fq sfq"]),
])
def test_ranges(files, name, good, bad):
    """As the kernel's own: what does not fit is EINVAL and changes nothing."""
    node = f"{files.put('box')}/{SYSCTL}/{name}"
    for value in good:
        with open(node, "w", encoding="ascii") as f:
            f.write(value)
    kept = read(node)
    for value in [v for v in bad if v] + ["y" * 3000]:
        with pytest.raises(OSError, match="Invalid argument"), open(node, "wb", buffering=0) as f:
            f.write(value.encode())
        assert read(node) == kept
    if name == "kernel/panic":
        assert kept == "8\n"  # octal
        with open(node, "ab", buffering=0) as f:
            assert f.write(b"9\n") == 2
        with open(node, "r+b", buffering=0) as f:
            f.seek(1)
            assert f.write(b"4") == 1
        assert read(node) == "9\n"


def test_uuid(files):
    for name in ("one", "two"):
        files.put(name)
    uuids = {files.text(n, "sys/devices/virtual/dmi/id/product_uuid") for n in ("one", "two", "one")}
    assert len(uuids) == 2
    for u in uuids:
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n", u)


def test_started_again(files):
    """Nodes of the container that was are not those of the one that is."""
    box = files.put("box", base=200000)
    old = os.open(f"{box}/proc/uptime", os.O_PATH)
    inode = os.stat(f"{box}/proc/uptime").st_ino
    files.put("box", base=300000)
    assert os.stat(f"{box}/proc/uptime").st_uid == 300000
    assert os.stat(f"{box}/proc/uptime").st_ino != inode
    files.remove("box")
    assert not os.path.exists(box)
    files.kill()
    files.start()
    with pytest.raises(OSError, match="Stale file handle"):
        open(f"/proc/self/fd/{old}", "rb").read()
    os.close(old)


def test_cgroup_made_again(files, cgroup):
    """Descriptors of a cgroup that has gone are no reason to fail."""
    files.put("box", cgroup=cgroup.view())
    cgroup.memory(64 << 20)
    assert meminfo(files.text("box", "proc/meminfo"))["MemTotal"] == 64 << 10
    for path in cgroup.dirs:
        if path.endswith("/box"):
            os.rmdir(path)
            os.mkdir(path)
            cgroup.inherit(path)
    cgroup.memory(32 << 20)
    assert meminfo(files.text("box", "proc/meminfo"))["MemTotal"] == 32 << 10


def test_many(files):
    """Thousands of containers, each with its own answers, and found again by a new gabion-vfs."""
    boxes = [files.put(f"{i:064x}", base=65536 * (i + 2)) for i in range(3000)]
    inodes = {os.stat(f"{box}/proc/uptime").st_ino for box in boxes}
    assert len(inodes) == len(boxes)
    held = [os.open(f"{box}/{SYSCTL}/kernel/panic", os.O_RDONLY) for box in boxes[::100]]
    files.kill()
    files.start()
    for i, box in list(enumerate(boxes))[::50]:
        assert os.stat(f"{box}/proc").st_uid == 65536 * (i + 2)
    for fd in held:
        assert os.read(fd, 100).endswith(b"\n")
        os.close(fd)
    resident = int(re.search(r"VmRSS:\s*(\d+)", read(f"/proc/{files.process.pid}/status"))[1])
    assert resident < 20 << 10


def test_descriptors_run_out(files, cgroup):
    """More cgroup files than descriptors: containers that are not read lose theirs, and nobody notices."""
    boxes = [files.put(f"box{i}", cgroup=cgroup.view()) for i in range(60)]
    files.kill()
    files.wrap = ["prlimit", "--nofile=200:200"]
    files.start()
    cgroup.memory(64 << 20)
    for _ in range(2):
        for box in boxes:
            assert meminfo(read(f"{box}/proc/meminfo"))["MemTotal"] == 64 << 10
            assert read(f"{box}/proc/stat").startswith("cpu ")


def test_parallel(files, cgroup):
    boxes = [files.put(f"box{i}", cgroup=cgroup.view()) for i in range(4)]
    with Readers(8, [f"{b}/proc/{n}" for b in boxes for n in ("meminfo", "stat", "uptime", "cpuinfo")]) as readers:
        writers = [threading.Thread(target=sh, args=(f"for i in $(seq 50); do echo $i > {b}/{SYSCTL}/kernel/panic; done",)) for b in boxes]
        for w in writers:
            w.start()
        for w in writers:
            w.join()
    readers.assert_fine()
    assert {read(f"{b}/{SYSCTL}/kernel/panic") for b in boxes} == {"50\n"}


def test_privileges(files):
    status = dict(line.split(":\t", 1) for line in read(f"/proc/{files.process.pid}/status").splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["1610612732"] * 4 and status["Gid"].split() == ["1610612732"] * 4
    assert {status[c] for c in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    tasks = f"/proc/{files.process.pid}/task"
    wait_until(lambda: all("Seccomp:\t2" in read(f"{tasks}/{t}/status") for t in os.listdir(tasks)), 10, "filters of all threads")
    assert stat.S_IMODE(os.stat(files.views).st_mode) == 0o2750


def test_command_line():
    for arguments, code in ((["--help"], 0), (["--version"], 0), ([], 2), (["--run=/nowhere", "--fuse-fd=x", "--slots-fd=4"], 2),
                            (["--run=/nowhere", "--fuse-fd=0", "--slots-fd=0"], 1)):
        done = subprocess.run([program("gabion-vfs"), *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == code, done
