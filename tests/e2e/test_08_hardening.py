# SPDX-License-Identifier: Apache-2.0
"""Point 8: what the engine asked for to harden a container is kept, never loosened."""

import json
import os

import pytest

import support
from support import read


def mount_table(c):
    """{mount point: (file system type, read-only)} as the container sees it; the last mount of a point counts."""
    found = {}
    for line in c.exec("cat", "/proc/self/mountinfo").lines:
        left, right = line.split(" - ")
        fields = left.split()
        found[fields[4]] = (right.split()[0], "ro" in fields[5].split(",") or "ro" in right.split()[2].split(","))
    return found


def test_masked_and_read_only_paths(both):
    ours, theirs = (mount_table(e.start()) for e in both)
    missing = {p for p in theirs if p.startswith(("/proc/", "/sys/")) and not p.startswith("/sys/fs/cgroup")} - set(ours)
    assert missing == set()
    for path, (_, read_only) in theirs.items():
        if path in ours and read_only:
            assert ours[path][1], path


def test_masked_paths_show_nothing(same):
    def go(engine):
        c = engine.start(image="probe")
        return [(p, c.exec("sh", "-c", f"if [ -d {p} ]; then ls -A {p} | wc -l; elif [ -e {p} ]; then wc -c <{p}; fi",
                           check=False).out.strip()) for p in
                ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/latency_stats", "/proc/acpi", "/proc/scsi",
                 "/sys/firmware", "/proc/asound", "/proc/sched_debug")]

    same(go)


def test_read_only_paths_are_read_only(instance):
    c = instance.start(image="probe")
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/sys/kernel/profiling",
                 "/proc/sys/net/ipv4/ip_forward"):
        assert c.exec("/probe", "write", path).out in ("EROFS", "EACCES", "EPERM", "ENOENT"), path


def test_unmasked_when_the_engine_says_so(same):
    """Then its paths are writable; what tells of the host stays masked, and what is emulated is."""
    def go(engine):
        table = mount_table(engine.start("--security-opt", "systempaths=unconfined"))
        return [p for p in ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger") if p in table]

    assert same(go) == []


def test_seccomp_filter_is_kept(same):
    assert same(lambda e: e.run(cmd="grep ^Seccomp: /proc/self/status").out.split()[1]) == "2"


def test_seccomp_filter_is_kept_by_exec(instance):
    c = instance.start()
    assert c.exec(["-i"], "grep", "^Seccomp:", "/proc/self/status").out.split()[1] == "2"
    assert c.exec("unshare", "-m", "true", check=False).rc != 0


PROFILE = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 42},
                 {"names": ["personality"], "action": "SCMP_ACT_ERRNO",
                  "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}],
}


def test_profile_of_the_user(same, folder):
    write_profile = f"{folder}/profile.json"
    support.write(write_profile, json.dumps(PROFILE))

    def go(engine):
        done = engine.run("--security-opt", f"seccomp={write_profile}", cmd="mkdir /x; echo $?; grep ^Seccomp: /proc/self/status | cut -f2",
                          check=False)
        return done.lines

    assert same(go)[-1] == "2"


def test_default_profile_denies(same):
    """System calls of the default list without its capability: the same answers as with crun."""
    def go(engine):
        c = engine.start(image="probe")
        argv = []
        for probe in (["mount", "tmpfs", "/mnt", ""], ["unshare-mnt", "write", "/"], ["key", "k"], ["settime"], ["sethostname", "x"],
                      ["handle", "/", "2"], ["modload"], ["fsopen", "tmpfs"], ["setns", "1", "net"]):
            argv += ["--", *probe]
        return c.exec("/probe", *argv[1:]).lines

    assert "OK" not in [line for line in same(go)]


def test_no_new_privileges(same):
    assert same(lambda e: e.run("--security-opt", "no-new-privileges", cmd="grep NoNewPrivs /proc/self/status").out.split()[1]) == "1"


@pytest.mark.parametrize("options,file,value", [
    (["--sysctl", "net.ipv4.ip_forward=1"], "net/ipv4/ip_forward", "1"),
    (["--sysctl", "net.core.somaxconn=1024"], "net/core/somaxconn", "1024"),
    (["--sysctl", "net.ipv4.ip_unprivileged_port_start=1024"], "net/ipv4/ip_unprivileged_port_start", "1024"),
    (["--sysctl", "net.ipv4.ip_local_port_range=20000 30000"], "net/ipv4/ip_local_port_range", "20000\t30000"),
    (["--sysctl", "kernel.msgmax=65536"], "kernel/msgmax", "65536"),
    (["--sysctl", "kernel.shmmax=1073741824"], "kernel/shmmax", "1073741824"),
    (["--sysctl", "fs.mqueue.msg_max=20"], "fs/mqueue/msg_max", "20"),
    (["--sysctl", "net.ipv6.conf.all.disable_ipv6=1"], "net/ipv6/conf/all/disable_ipv6", "1"),
    ([], "net/ipv4/ip_unprivileged_port_start", "0"),
], ids=lambda v: str(v) if isinstance(v, str) else "")
def test_sysctls(same, options, file, value):
    host = read(f"/proc/sys/{file}")
    assert same(lambda e: e.run(*options, cmd=f"cat /proc/sys/{file}").out) == value
    assert read(f"/proc/sys/{file}") == host


def test_ping_group_range_is_narrowed_to_the_container(instance):
    """0 to 2147483647, which the engine asks for, is invalid inside: all of the container's groups are there."""
    low, high = map(int, instance.run(cmd="cat /proc/sys/net/ipv4/ping_group_range").out.split())
    assert low == 0 and high >= 65534


def test_sysctls_of_the_host_are_refused(instance):
    for name in ("kernel.core_pattern=x", "vm.swappiness=1", "kernel.panic=1", "fs.file-max=1"):
        before = read("/proc/sys/" + name.split("=")[0].replace(".", "/"))
        assert instance.run("--sysctl", name, check=False).rc != 0
        assert instance.run("--privileged", "--sysctl", name, check=False).rc != 0
        assert read("/proc/sys/" + name.split("=")[0].replace(".", "/")) == before


@pytest.mark.parametrize("options", [["--ulimit", "nofile=1024:2048"], ["--ulimit", "core=0"], ["--ulimit", "nproc=77:88"],
                                     ["--ulimit", "memlock=65536:65536"], ["--ulimit", "stack=8388608"], []],
                         ids=lambda o: " ".join(o) or "default")
def test_rlimits(same, options):
    same(lambda e: e.run(*options, cmd="cat /proc/self/limits").lines)


def test_nproc_counts_per_container(instance):
    """A limit of processes counts the container's own only: two containers do not share the account."""
    cs = [instance.start("--ulimit", "nproc=30:30", "-u", "1000") for _ in range(2)]
    for c in cs:
        c.exec(["-d"], "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 100 & done; wait")
    for c in cs:
        support.wait_until(lambda c=c: len(instance.docker("top", c.id).lines) >= 22)


def test_oom_score(same):
    assert same(lambda e: e.run("--oom-score-adj", "500", cmd="cat /proc/self/oom_score_adj").out) == "500"
    same(lambda e: e.run(cmd="cat /proc/self/oom_score_adj").out)


def test_identity(same):
    same(lambda e: e.run("-h", "name", "--domainname", "example.org", "-e", "A=b", "-w", "/srv", "-u", "nobody", "--group-add", "mail",
                         "--group-add", "4242", cmd="hostname; cat /proc/sys/kernel/domainname; env | sort | grep -v ^PWD; pwd; id -u; "
                         "id -G; umask").lines)


def test_hidden_things_stay_hidden_for_privileged(instance):
    """What the issue of a user namespace alone leaves open: values of the host are not changed by a write that works."""
    watched = {p: read(p) for p in ("/proc/sys/kernel/hostname", "/proc/sys/vm/swappiness", "/proc/sys/kernel/panic",
                                    "/proc/sys/kernel/sysrq", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/domainname")
               if os.path.exists(p)}
    c = instance.start("--privileged")
    for path, value in watched.items():
        c.exec("sh", "-c", f"echo 1 >{path}", check=False)
        c.exec("sh", "-c", f"echo other >{path}", check=False)
        assert read(path) == value, path


def test_apparmor_and_selinux_do_not_hinder(instance):
    """Labels are passed on where the host has them; without them the options are ignored as with crun."""
    for option in ("apparmor=unconfined", "label=disable"):
        assert instance.run("--security-opt", option).rc == 0
    if os.path.isdir("/sys/kernel/security/apparmor"):
        assert "docker-default" in instance.run(cmd="cat /proc/self/attr/current").out


def test_keyring_of_the_session(same):
    """A session keyring of its own (or none visible), never the host's."""
    host = {line.split()[0] for line in read("/proc/keys").splitlines()} if os.path.exists("/proc/keys") else set()
    seen = same(lambda e: e.run("--security-opt", "systempaths=unconfined", cmd="wc -l </proc/keys", check=False).rc)
    del host, seen
