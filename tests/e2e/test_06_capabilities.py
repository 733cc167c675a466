# SPDX-License-Identifier: Apache-2.0
"""Point 6: capabilities count inside and mean nothing outside; no host device comes in."""

import os
import re

import pytest

import support
from support import owner, read

# The capabilities that the oldest engine knows; SYS_RESOURCE (24), which the root of some hosts lacks, is one.
ALL = (1 << 38) - 1
DEFAULT = 0xa80425fb


def caps(c, *options):
    lines = c.exec(["-i", *options], "grep", "Cap", "/proc/self/status").lines
    return {line.split(":")[0]: int(line.split()[1], 16) for line in lines}


def test_default_capabilities(same):
    found = same(lambda e: caps(e.start()))
    assert found["CapEff"] == found["CapBnd"] == found["CapPrm"] == DEFAULT


@pytest.mark.parametrize("options", [["--cap-drop", "ALL"], ["--cap-drop", "ALL", "--cap-add", "CHOWN"],
                                     ["--cap-add", "NET_ADMIN"], ["--cap-add", "SYS_ADMIN", "--cap-drop", "CHOWN"],
                                     ["-u", "1000"], ["-u", "1000", "--cap-add", "NET_ADMIN"],
                                     ["--security-opt", "no-new-privileges"]], ids=" ".join)
def test_asked_capabilities(same, options):
    same(lambda e: caps(e.start(*options)))


def test_privileged_has_all(instance):
    """Also where the host's own root lacks some."""
    found = caps(instance.start("--privileged"))
    assert found["CapEff"] == found["CapPrm"] == found["CapBnd"]
    assert found["CapEff"] & ALL == ALL


def test_cap_add_all(instance):
    assert caps(instance.start("--cap-add", "ALL"))["CapEff"] & ALL == ALL


def test_exec_privileged(instance):
    c = instance.start()
    assert caps(c, "--privileged")["CapEff"] & ALL == ALL
    assert caps(c)["CapEff"] == DEFAULT


def test_privileged_as_a_user(instance):
    found = caps(instance.start("--privileged", "-u", "1000"))
    assert found["CapEff"] == 0 and found["CapBnd"] & ALL == ALL


# ── what they are good for inside ──────────────────────────────────────────────────────────────────


def test_capabilities_work_inside(instance):
    c = instance.start("--privileged", image="probe")
    works = [["mount", "tmpfs", "/mnt", ""], ["sethostname", "other"], ["unshare", "mount", "tmpfs", "/srv", ""],
             ["unshare-mnt", "mount", "tmpfs", "/srv", ""]]
    for probe in works:
        assert c.exec("/probe", *probe).out == "OK", probe
    c.exec("ip link add name dummy0 type bridge && ip addr add 10.9.9.9/24 dev dummy0 && ip link set dummy0 up")
    c.exec("mkdir /mnt/l /mnt/u /mnt/w /mnt/m && mount -t overlay -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w o /mnt/m "
           "&& touch /mnt/m/f && umount /mnt/m")
    c.exec("mkdir -p /newproc && mount -t proc proc /newproc && umount /newproc")
    c.exec("echo 1 >/proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward")
    c.exec("chroot / true && mknod /fifo p && chown 1000:1000 /fifo")


def test_net_admin_only_where_granted(same):
    def go(engine):
        with_it, without = engine.start("--cap-add", "NET_ADMIN"), engine.start()
        return [c.exec("ip", "addr", "add", "10.9.9.9/32", "dev", "lo", check=False).rc for c in (with_it, without)]

    assert same(go)[0] == 0


def test_ping(same):
    """By raw socket, and by the group range of ping sockets, also as a user."""
    def go(engine):
        return [engine.run(*o, cmd="ping -c 1 -W 2 127.0.0.1 >/dev/null", check=False).rc
                for o in ([], ["-u", "1000:1000"], ["--cap-drop", "NET_RAW", "-u", "1000"])]

    assert same(go)[0] == 0


def test_low_ports_as_a_user(same):
    assert same(lambda e: e.run("-u", "1000", cmd="timeout 1 nc -l -p 80; test $? = 143 -o $? = 124", check=False).rc) in (0, 1)


def test_no_new_privileges_holds(same):
    def go(engine):
        c = engine.start("-u", "1000", "--security-opt", "no-new-privileges", image="probe")
        return c.exec("/setuid-probe", "open", "/etc/shadow", "r").out

    assert same(go) == "EACCES"


# ── what they are not good for ─────────────────────────────────────────────────────────────────────


OUTSIDE = [["settime"], ["modload"], ["handle", "/etc/hosts", "2"], ["handle", "/", "2"],
           ["loop"], ["mount", "debugfs", "/mnt"], ["mount", "tracefs", "/mnt"], ["mount", "securityfs", "/mnt"],
           ["mount", "devtmpfs", "/mnt"], ["fsopen", "ext4", "source", "/dev/vda"], ["fsopen", "devtmpfs"],
           ["write", "/proc/sys/kernel/core_pattern"], ["write", "/proc/sys/kernel/modprobe"],
           ["write", "/proc/sysrq-trigger"], ["write", "/proc/sys/vm/drop_caches"], ["write", "/proc/sys/kernel/panic"],
           ["write", "/proc/sys/fs/binfmt_misc/register"], ["write", "/sys/kernel/uevent_helper"],
           ["write", "/sys/power/state"], ["write", "/proc/sys/kernel/core_uses_pid"], ["open", "/proc/kcore", "r"],
           ["open", "/dev/mem", "r"], ["open", "/dev/kmsg", "w"], ["open", "/proc/kallsyms", "w"]]


@pytest.mark.parametrize("options", [["--privileged"], ["--cap-add", "ALL", "--security-opt", "seccomp=unconfined",
                                                        "--security-opt", "apparmor=unconfined",
                                                        "--security-opt", "systempaths=unconfined"]],
                         ids=["privileged", "everything unconfined"])
def test_nothing_of_the_host_is_reached(instance, options):
    watched = ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/panic"]
    before = [read(p) if os.path.exists(p) else None for p in watched]
    c = instance.start(*options, image="probe")
    argv = []
    for probe in OUTSIDE:
        argv += ["--", *probe]
    outcomes = list(zip([" ".join(p) for p in OUTSIDE], c.exec("/probe", *argv[1:]).lines))
    assert len(outcomes) == len(OUTSIDE)
    # That one is emulated: it is the container's, and the host's stays.
    assert [o for o in outcomes if o[1] == "OK"] == [("write /proc/sys/kernel/panic", "OK")]
    assert [read(p) if os.path.exists(p) else None for p in watched] == before


@pytest.mark.parametrize("device", [("1", "1", "c"), ("1", "5", "c"), ("254", "0", "b"), ("7", "0", "b"), ("10", "237", "c"),
                                    ("10", "232", "c"), ("5", "1", "c"), ("8", "0", "b")], ids=":".join)
def test_made_device_nodes_are_closed(instance, device):
    major, minor, kind = device
    c = instance.start("--privileged", "--device-cgroup-rule", "a *:* rwm", "-v", "data:/data", image="probe")
    for folder in ("/", "/dev", "/data", "/dev/shm"):
        assert c.exec("/probe", "mknod", f"{folder}/node", major, minor, kind).out in ("EPERM", "EACCES")


def test_device_nodes_on_the_hosts_disk_are_closed(instance, folder):
    """A node that lies in a bound folder does not open."""
    os.mknod(f"{folder}/disk", 0o060666, os.makedev(7, 0))
    os.mknod(f"{folder}/kmsg", 0o020666, os.makedev(1, 11))
    os.chmod(f"{folder}/disk", 0o666)
    c = instance.start("--privileged", "--device-cgroup-rule", "a *:* rwm", "-v", f"{folder}:/b", image="probe")
    for outcome in c.exec("/probe", "open", "/b/disk", "r", "--", "open", "/b/kmsg", "r").lines:
        assert outcome in ("EPERM", "EACCES")


HARMLESS = {"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "pts", "shm", "mqueue", "fd", "stdin", "stdout",
            "stderr", "core", "fuse", "net"}


@pytest.mark.parametrize("options", [[], ["--privileged"]], ids=["plain", "privileged"])
def test_only_harmless_devices(instance, options):
    c = instance.start(*options)
    assert set(c.exec("ls", "/dev").lines) <= HARMLESS
    found = c.exec("find /dev -type b -o -type c -print").out
    assert not re.search(r"loop|vda|sda|kvm|mem|kmsg|vhost|hwrng|tty[0-9]", found)


def test_default_devices_work(same):
    def go(engine):
        c = engine.start("-u", "1000")
        return c.exec("sh", "-c", "echo x >/dev/null && head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; "
                      "head -c 4 /dev/random | wc -c; echo x 2>/dev/null >/dev/full || echo full; ls -l /dev/fd /dev/stdin | wc -l; "
                      "ls -l /dev/pts/ptmx | cut -c1-10").lines

    assert same(go)[:4] == ["4", "4", "4", "full"]


def test_standard_streams_by_name(same):
    """Pipes can be opened again by their names: `docker exec -i … cp /dev/stdin FILE`, logs that are links to
    /dev/stdout."""
    script = "cat /dev/stdin; echo out >/dev/stdout; echo err >/dev/stderr; echo by number >/proc/self/fd/1; stat -L -c %u:%g /dev/stdin"

    def go(engine):
        c = engine.start()
        first = engine.run("-i", cmd=script, input=b"in\n")
        found = [(first.out, first.err)]
        for user in ("0", "1000", "1000:1001"):
            done = c.exec(["-u", user], "sh", "-c", script, input=b"in\n")
            found.append((done.out, done.err))
        return found

    found = same(go)
    assert found[1] == ("in\nout\nby number\n0:0", "err") and found[3][0].endswith("1000:1001")


def test_owners_of_default_devices(same):
    names = "/dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty"
    assert "/dev/null 0:0 666 1:3" in same(lambda e: e.run(cmd=f"stat -c '%n %u:%g %a %t:%T' {names}").lines)


def test_devices_of_the_host_keep_their_owners(instance):
    names = ("null", "zero", "full", "random", "urandom", "tty", "console", "ptmx")
    before = {n: (owner(f"/dev/{n}"), support.mode_of(f"/dev/{n}")) for n in names}
    instance.run("--privileged", "-i", cmd="chmod 600 /dev/*; chown 1000 /dev/*; chmod 600 /proc/self/fd/0", input="", check=False)
    instance.run("--privileged", cmd="chmod 600 /dev/*; chown 1000 /dev/*; chmod 600 /proc/self/fd/0 /proc/1/fd/0", check=False)
    after = {n: (owner(f"/dev/{n}"), support.mode_of(f"/dev/{n}")) for n in names}
    for n in names:  # first put right what the test may have broken
        os.chown(f"/dev/{n}", *before[n][0])
        os.chmod(f"/dev/{n}", before[n][1])
    assert after == before


DEVICES = [("/dev/fuse", "rw"), ("/dev/net/tun", "rw")]


@pytest.mark.parametrize("device,access", DEVICES)
def test_harmless_device_by_option(instance, device, access):
    if not os.path.exists(device):
        pytest.skip(f"{device} does not exist on this host")
    before = owner(device)
    c = instance.start("--device", device, "--cap-add", "NET_ADMIN", image="probe")
    assert c.exec("/probe", "open", device, access).out == "OK"
    assert c.exec("stat", "-c", "%u:%g", device).out == "0:0"
    assert owner(device) == before
    if device == "/dev/net/tun":
        c.exec("tunctl -t tun7 && ip link show tun7")


def test_device_under_another_name(instance):
    if not os.path.exists("/dev/fuse"):
        pytest.skip("/dev/fuse does not exist on this host")
    c = instance.start("--device", "/dev/fuse:/dev/other:rw", image="probe")
    assert c.exec("/probe", "open", "/dev/other", "rw").out == "OK"


@pytest.mark.parametrize("device", ["/dev/loop0", "/dev/loop-control", "/dev/vda", "/dev/sda", "/dev/mem", "/dev/kmsg", "/dev/port",
                                    "/dev/tty1", "/dev/vhost-net", "/dev/autofs", "/dev/btrfs-control"])
@pytest.mark.parametrize("options", [[], ["--privileged"]], ids=["plain", "privileged"])
def test_other_devices_are_not_given(instance, device, options):
    if not os.path.exists(device):
        pytest.skip(f"{device} does not exist on this host")
    done = instance.run("--device", device, *options, image="probe", cmd=f"/probe open {device} r -- open {device} rw", check=False)
    assert "OK" not in done.lines, done
    if done.rc != 0:
        assert device in done.err, done


def test_device_through_a_link(instance, folder):
    os.symlink("/dev/loop0", f"{folder}/fuse")
    done = instance.run("--device", f"{folder}/fuse:/dev/fuse", image="probe", cmd="/probe open /dev/fuse r", check=False)
    assert done.rc != 0 or done.out in ("ENOENT", "EACCES", "EPERM"), done


def test_device_as_a_volume(instance):
    """-v /dev/loop0 is no way round --device."""
    for device in ("/dev/loop0", "/dev/vda", "/dev/kvm"):
        if os.path.exists(device):
            done = instance.run("--privileged", "-v", f"{device}:/x", image="probe", cmd="/probe open /x r", check=False)
            assert done.rc != 0 and "OK" not in done.lines, done


def test_device_rules_are_the_default_list(instance):
    """The cgroup's rules do not allow what the nodes do not give (v1; v2 has no file to read)."""
    if support.is_v2():
        pytest.skip("cgroup v2: device rules are a program")
    c = instance.start("--privileged")
    listed = read(f"{support.cgroup_of(c.pid, 'devices')}/devices.list")
    assert "a *:* rwm" not in listed
    assert not re.search(r"^[bc] (\*|7|254|8):\S+ r?w?m?$", "\n".join(
        line for line in listed.splitlines() if not line.endswith(" m")), re.M), listed


def test_device_by_setting(box):
    """What an administrator allows by name works; checked on the runtime alone."""
    import bundle
    made = bundle.Box(box.runtime, config={"devices": ["/dev/loop-control"]})
    try:
        def edit(spec):
            spec["linux"]["devices"] = [{"path": "/dev/loop-control", "type": "c", "major": 10, "minor": 237, "fileMode": 432,
                                         "uid": 0, "gid": 6}]
            spec["linux"]["resources"]["devices"].append({"allow": True, "type": "c", "major": 10, "minor": 237, "access": "rwm"})

        assert made.run(made.bundle("/probe open /dev/loop-control rw", edit=edit)).out == "OK"
        done = box.run(box.bundle("/probe open /dev/loop-control rw", edit=edit), check=False)
        assert "OK" not in done.lines, done
    finally:
        made.close()
