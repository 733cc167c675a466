# SPDX-License-Identifier: Apache-2.0
"""/proc and /sys in containers that may mount: what is over them stays, and mounting works all the same."""

import contextlib
import json
import os
import time

import pytest

import support
from support import run

ADMIN = ["--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined", "--security-opt", "seccomp=unconfined"]
RIGHTS = pytest.mark.parametrize("rights", [["--privileged"], ADMIN], ids=["privileged", "SYS_ADMIN"])
MASK = "/proc/timer_list"  # every kernel has it


def sh(c, script, check=True):
    return c.exec("sh", "-c", script, check=check)


@pytest.fixture
def root(instance):
    yield instance.start("--privileged")


# ── locked ─────────────────────────────────────────────────────────────────────────────────────


ATTEMPTS = (
    f"umount {MASK}", f"umount -l {MASK}", "umount /sys/firmware", "umount -l /proc/acpi",
    f"mount -o bind,remount,rw {MASK}", f"mount --move {MASK} /tmp/x",
    f"mount --bind /proc /mnt && umount -l /mnt/{MASK[6:]}",
    f"mount --rbind /proc /mnt && umount /mnt/{MASK[6:]}",
    f"mount -t proc p /mnt && umount -l /mnt/{MASK[6:]}",
    f"mount --move /proc /mnt && umount /mnt/{MASK[6:]}",
    f"umount -l /proc; umount -l /proc; mount -t proc p /mnt; umount /mnt/{MASK[6:]}",
    f"unshare -Urm umount {MASK}",
    f"unshare -mpf sh -c 'mount -t proc p /proc && umount {MASK}'",
)


@RIGHTS
@pytest.mark.parametrize("own", [False, True], ids=["its", "copy"])
def test_masks_stay(instance, rights, own):
    """In the container's mount namespace, and in a copy of it that it makes itself."""
    c = instance.start(*rights)
    for attempt in ATTEMPTS:
        if not own and ("mount --move /proc" in attempt or "umount -l /proc;" in attempt):
            continue  # it would be without /proc, as anywhere
        script = f"touch /tmp/x; {attempt}; rc=$?; cat {MASK} /mnt/{MASK[6:]}; umount -l /mnt; exit $rc"
        done = c.exec(*(["unshare", "-m"] if own else []), "sh", "-c", script, check=False)
        assert done.rc != 0 and ("Invalid argument" in done.err or "permission denied" in done.err), done
        assert not done.out, done


def test_read_only_paths_stay(instance):
    c = instance.start(*ADMIN)
    for attempt in ("mount -o bind,remount,rw /proc/sys", "mount -o remount,rw /sys", "umount -l /proc/sys",
                    "mount --bind /proc/sys /mnt && mount -o bind,remount,rw /mnt",
                    "mount -t proc p /mnt && mount -o bind,remount,rw /mnt/sys",
                    "mount -t sysfs s /mnt && mount -o bind,remount,rw /mnt"):
        assert sh(c, attempt, check=False).rc != 0, attempt
        assert "Read-only" in sh(c, "echo 1 >/proc/sys/net/ipv4/ip_forward", check=False).err
    assert "Read-only" in sh(c, "umount /mnt; echo 1 >/mnt/sys/net/ipv4/ip_forward", check=False).err


# ── works all the same ───────────────────────────────────────────────────────────────────────────


@RIGHTS
def test_new_proc(instance, rights):
    c = instance.start(*rights)
    assert sh(c, "mount -t proc -o nosuid,noexec p /mnt && cat /mnt/1/comm").out == "sleep"
    assert sh(c, "grep ' /mnt ' /proc/self/mountinfo | tail -1").out.split()[5] == "rw,nosuid,noexec,relatime"
    assert sh(c, f"wc -c </mnt/{MASK[6:]}").out == "0"
    sh(c, "umount /mnt")
    assert sh(c, "grep -c ' /mnt' /proc/self/mountinfo", check=False).out == "0"


@RIGHTS
def test_new_sysfs(instance, rights):
    c = instance.start(*rights)
    sh(c, "cd /mnt && mount -t sysfs s .")
    assert sh(c, "ls /mnt/class/net").out == sh(c, "ls /sys/class/net").out
    assert sh(c, "ls /mnt/firmware 2>/dev/null").out == ""
    sh(c, "umount /mnt")


def test_in_namespaces_of_its_own(root):
    """What an engine inside does for its containers; as their root, and in a user namespace further down."""
    for options in ("-mpf", "-mnpf", "-Urmpf", "-Urmnpf"):
        done = sh(root, f"unshare {options} sh -c 'mount -t proc p /proc && cat /proc/1/comm {MASK}; true'")
        assert done.out == "sh", (options, done)
    assert sh(root, "unshare -Urmn mount -t sysfs s /mnt", check=False).rc == 0


def test_places_that_depend_on_who_asks(root):
    """systemd mounts on /proc/self/fd/N."""
    for place in ("/proc/self/cwd", "/proc/self/root/mnt", "/proc/thread-self/cwd", "/dev/fd/7", "/proc/self/fd/7"):
        done = sh(root, f"mkdir -p /mnt/m; cd /mnt/m; exec 7</mnt/m; mount -t proc p {place} && cat /mnt/m/1/comm /mnt/1/comm 2>/dev/null; "
                        "cd /; umount /mnt/m /mnt 2>/dev/null; true")
        assert done.out == "sleep", (place, done)
    assert sh(root, "mount -t proc p /proc/self/fd/99", check=False).rc != 0


def test_new_proc_over_the_old(root):
    sh(root, "umount /proc && mount -t proc p /proc")
    assert sh(root, "cat /proc/1/comm").out == "sleep"
    assert sh(root, f"wc -c <{MASK}").out == "0"


def test_binds_of_the_whole(root):
    """As chroot's users write it, without -r."""
    sh(root, "mkdir -p /c/proc /c/sys && mount --bind /proc /c/proc && mount -o bind /sys /c/sys")
    assert sh(root, f"cat /c/proc/1/comm; wc -c </c{MASK}").lines == ["sleep", "0"]
    sh(root, "umount /c/proc /c/sys")


def test_remount(instance, root):
    """As the entry points of node images do it; and what was read-only before stays so."""
    sh(root, "mount -o remount,ro /sys")
    assert "Read-only" in sh(root, "echo 1 >/sys/class/net/eth0/tx_queue_len", check=False).err
    sh(root, "mount -o remount,rw /sys")
    sh(root, "echo 1000 >/sys/class/net/eth0/tx_queue_len; mount -o remount,hidepid=2 /proc")
    assert sh(instance.start(*ADMIN), "mount -o remount,rw /sys", check=False).rc != 0


def test_options(root):
    sh(root, "mount -t proc -o hidepid=2 p /mnt")
    assert "hidepid=" in sh(root, "grep ' /mnt proc' /proc/mounts || grep ' /mnt ' /proc/mounts").out
    sh(root, "umount /mnt")
    assert sh(root, "mount -t proc -o nonsense=1 p /mnt", check=False).rc != 0
    sh(root, "mount -t proc -o ro p /mnt")
    assert "Read-only" in sh(root, "echo 1 >/mnt/sys/net/ipv4/ip_forward", check=False).err


def test_options_that_name_files(root):
    """gabion-vet makes the mount, and is root of the host: since Linux 6.17 procfs opens a file by an option's name."""
    for options in ("pidns=/proc/1/ns/pid", "hidepid=2,pidns=/proc/1/ns/pid", "subset=pid,pidns=/proc/self/ns/pid", "source=/etc/passwd"):
        done = sh(root, f"mount -t proc -o {options} p /mnt && cat /mnt/1/comm", check=False)
        assert done.rc != 0 and "Invalid argument" in done.err and not done.out, done
    assert sh(root, "grep -c ' /mnt ' /proc/self/mountinfo", check=False).out == "0"


def test_a_part_that_becomes_the_whole(instance):
    """Of a procfs of subset=pid there is nothing to mask; its owner can ask for the rest later, by fspick(2)."""
    c = instance.start("--privileged", "-m", "256m", image="python")
    script = """if 1:
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        def call(*args):
            assert libc.syscall(*args) >= 0, (args, os.strerror(ctypes.get_errno()))
        assert libc.mount(b"p", b"/mnt", b"proc", 0, b"hidepid=1,subset=pid") == 0
        assert "subset=pid" in open("/proc/self/mountinfo").read()
        assert not os.path.exists("/mnt/filesystems") and os.path.exists("/mnt/1") and "filesystems" not in os.listdir("/mnt")
        fs = libc.syscall(433, -100, b"/mnt", 0)
        call(431, fs, 1, b"subset", b",", 0)
        call(431, fs, 7, None, None, 0)
        assert os.path.exists("/mnt/filesystems")
        for name in ("interrupts", "timer_list", "keys"):
            assert not open("/mnt/" + name).read(), name
        assert open("/mnt/meminfo").readline().split() == ["MemTotal:", "262144", "kB"]
    """
    c.exec("python3", "-c", script)


def test_other_mounts_are_the_kernels(same):
    """What the agent lets go on ends as without it."""
    script = """mkdir -p /a /b; mount -t tmpfs t /a; echo $?; mount --bind /a /b; echo $?; umount /b; echo $?
        mount -t nosuchfs x /b; echo $?; mount -t proc p /nowhere; echo $?; mount -t proc p /etc/passwd; echo $?
        umount /a; echo $?; umount /a; echo $?"""
    same(lambda e: sh(e.start(*ADMIN), script).lines)


def test_without_the_right(instance):
    """The bounding set has CAP_SYS_ADMIN, the process does not."""
    c = instance.start("--privileged", "-u", "1000")
    for attempt in ("mount -t proc p /mnt", "mount -t sysfs s /mnt", "umount /proc", "mount --bind /proc /mnt"):
        done = sh(c, attempt, check=False)
        assert done.rc != 0 and ("permitted" in done.err or "denied" in done.err or "root" in done.err), done


def test_in_exec(root):
    assert root.exec("sh", "-c", "mount -t proc p /mnt && cat /mnt/1/comm").out == "sleep"


def test_own_profile(instance, folder):
    """It goes on forbidding what it forbids."""
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}]}
    support.write(f"{folder}/profile", json.dumps(profile))
    c = instance.start("--cap-add", "SYS_ADMIN", "--security-opt", f"seccomp={folder}/profile")
    for what in ("-t proc p", "-t tmpfs t"):
        assert sh(c, f"mount {what} /mnt", check=False).rc != 0
    assert sh(c, "grep -c ' /mnt ' /proc/self/mountinfo", check=False).out == "0"


def test_others_make_nothing_busy(instance):
    """What gabion-vet has open of one container's mounts while it looks at them, no process that it has for another one keeps."""
    noise = [instance.start("--privileged") for _ in range(3)]
    for other in noise:
        sh(other, "(while :; do mount -t proc p /mnt; umount /mnt; done) >/dev/null 2>&1 &")
    box = instance.start("--privileged")
    sh(box, "mkdir /q; mount -t proc p /q && umount /q")  # from now on every unmount is looked at
    assert sh(box, "i=0; while [ $((i += 1)) -le 2000 ]; do mount -t tmpfs t /q && umount /q || echo bad $i; done", check=False).out == ""
    for other in noise:
        run("kill", "-9", str(other.pid))


# ── the agent dies ───────────────────────────────────────────────────────────────────────────────


def test_agent_killed(instance):
    if getattr(instance, "kind", "") != "gabion":
        pytest.skip("needs gabiond; GABION_E2E_ENGINE=bare has none")
    boxes = [instance.start("--privileged") for _ in range(3)]
    for box in boxes:
        sh(box, "(while :; do mount -t tmpfs t /mnt && umount /mnt && mount -t proc p /mnt && umount /mnt || echo bad >>/bad; done) "
                ">/dev/null 2>&1 &")
    for _ in range(5):
        pid = instance.pid("vetting")
        instance.kill("vetting")
        late = instance.start("--privileged")  # its listener waits for the next agent
        sh(late, "mount -t proc p /mnt && umount /mnt")
        support.wait_until(lambda: instance.pid("vetting") not in (0, None, pid), what="another gabion-vet")
    for box in boxes:
        assert sh(box, "cat /bad 2>/dev/null | wc -l").out == "0"
        run("kill", "-9", str(box.pid))


def test_calls_in_the_hands_of_the_killed(instance):
    """What it had taken and not answered is answered by the next one: the kernel gives it to nobody else."""
    if getattr(instance, "kind", "") != "gabion":
        pytest.skip("needs gabiond; GABION_E2E_ENGINE=bare has none")
    box = instance.start("--privileged")
    sh(box, "mkdir /a; for i in 1 2 3 4; do mkdir /a/$i; (while :; do mount -t proc p /a/$i && umount /a/$i && echo >>/turns$i || echo bad >>/bad; done)"
            " >/dev/null 2>&1 & done")

    def turns():
        return [os.path.exists(f) and os.path.getsize(f) for f in (f"/proc/{box.pid}/root/turns{i}" for i in (1, 2, 3, 4))]

    for _ in range(8):
        old, pid = turns(), instance.pid("vetting")
        instance.kill("vetting")
        support.wait_until(lambda p=pid: instance.pid("vetting") not in (0, None, p), what="another gabion-vet")
        support.wait_until(lambda o=old: all(now > was for now, was in zip(turns(), o)), 20, "all four going on")
    assert not os.path.exists(f"/proc/{box.pid}/root/bad")


def test_flood(instance):
    """A container that calls without end, and one whose calls hang, keep nobody waiting."""
    flood = instance.start("--privileged")
    sh(flood, "for i in 1 2 3 4 5 6 7 8; do mkdir -p /m/$i; (while :; do mount -t proc p /m/$i; umount /m/$i; done) >/dev/null 2>&1 & done")
    hangs = instance.start("--privileged")
    hang = "exec 3<>/dev/fuse; mkdir /h; mount -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 f /h && for i in 1 2 3 4; do mount -t proc p /h/$i & done; sleep 1000"
    if sh(hangs, "test -c /dev/fuse", check=False).rc == 0:
        sh(hangs, f"({hang}) >/dev/null 2>&1 &")
    other = instance.start("--privileged")
    for _ in range(5):
        sh(other, "timeout 5 mount -t proc p /mnt && timeout 5 umount /mnt")


STUCK_MAX = 4  # src/vet/stuck.h


# A file system that never answers: what it is asked it takes, or (LEAVE) does not even look at.
SILENT = """
import ctypes, os, struct, sys, time
fd = os.open('/dev/fuse', os.O_RDWR)
os.mkdir('/h')
assert ctypes.CDLL(None).mount(b'f', b'/h', b'fuse', 0, b'fd=%d,rootmode=40000,user_id=0,group_id=0' % fd) == 0
unique = struct.unpack('IIQ', os.read(fd, 1 << 20)[:16])[2]
os.write(fd, struct.pack('IiQ4IHHIIHH8I', 80, 0, unique, 7, 31, *[0] * 4, 65536, 1, *[0] * 10))
open('/ready', 'w').close()
while sys.argv[1] == 'TAKE':
    os.read(fd, 1 << 20)
time.sleep(1000)
"""


# The system call itself: mount(8) looks at the place first, and hangs there.
ASK = """
import ctypes, os
for i in range(8):
    if os.fork() == 0:
        ctypes.CDLL(None).mount(b'p', b'/h/%d' % i, b'proc', 0, None)
        print('asked', file=open('/asked', 'a'))
        os._exit(0)
os.wait()
"""


@pytest.mark.parametrize("kind", ["TAKE", "LEAVE"])
def test_lookups_that_hang_are_few(instance, kind):
    """A process for each stayed with gabion-vet as long as the file system did not answer."""
    if getattr(instance, "kind", "") != "gabion":
        pytest.skip("needs gabiond; GABION_E2E_ENGINE=bare has none")

    box = instance.start("--privileged", "--device", "/dev/fuse", image="python")
    exe = os.readlink(f"/proc/{instance.pid('vetting')}/exe")

    def agents():
        found = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                found += os.readlink(f"/proc/{pid}/exe") == exe and instance.dir in support.read(f"/proc/{pid}/cmdline")
        return found

    def answers():
        return sh(box, "cat /asked", check=False).out.count("asked")

    box.exec(["-d"], "python3", "-c", SILENT, kind)
    support.wait_until(lambda: sh(box, "test -e /ready", check=False).rc == 0, what="the file system")
    box.exec(["-d"], "python3", "-c", ASK)
    most, end = 0, time.monotonic() + 90
    while answers() < 8 and time.monotonic() < end:
        most = max(most, agents())
        time.sleep(0.2)
    assert answers() == 8 and most <= 1 + STUCK_MAX + 2  # itself, those that are stuck, what is being done
    assert kind == "TAKE" or support.wait_until(lambda: agents() == 1, 10, "the end of those that hang")
    sh(instance.start("--privileged"), "timeout 5 mount -t proc p /mnt")
    box.remove()
    support.wait_until(lambda: agents() == 1, 20, "the end of those that hang")


def test_listeners_go_with_their_containers(instance):
    """Nothing stays behind with the agent or with the holder."""
    if getattr(instance, "kind", "") != "gabion":
        pytest.skip("needs gabiond; GABION_E2E_ENGINE=bare has none")

    def fds():
        return {who: len(run("ls", f"/proc/{instance.pid(who)}/fd").lines) for who in ("vetting", "holder")}

    first = instance.start("--privileged")
    before = fds()
    for _ in range(5):
        c = instance.start("--privileged")
        sh(c, "mount -t proc p /mnt")
        c.remove()
    support.wait_until(lambda: all(now <= before[who] for who, now in fds().items()), what="descriptors are closed")
    assert first.running
