# SPDX-License-Identifier: Apache-2.0
"""Point 2: the root file system without a chown: the same results and owners as with crun."""

import hashlib
import os
import time

import pytest

import support
from support import RANGE, host_folder, map_of, owner, read, status_of, tree, wait_until, write

LIST = ("find / \\( -path /proc -o -path /sys -o -path /dev \\) -prune -o "
        "-exec stat -c '%n %u:%g %a %F' {} + | sort")

# Everything that a container may do to a tree: new files of several owners, links, changed, renamed
# and removed files of lower layers, a folder replaced by another one.
CHANGE = """
set -e
mkdir -p /data/sub
echo hi >/data/file
chmod 640 /data/file
chown 1000:1001 /data/sub
chown 65534:65534 /data/file
ln -s file /data/link
ln /data/file /data/hard
mkfifo /data/fifo
cp /bin/busybox /data/suid
chmod 4755 /data/suid
mkdir -m 2770 /data/setgid
chown 0:1234 /data/setgid
chmod 2770 /data/setgid
adduser -D -u 1000 dev
su dev -c 'touch /tmp/of-dev'
echo '# more' >>/etc/profile
chown 1000 /etc/shells
mv /etc/os-release /etc/os-release.old
mv /home/dev /home/dev2
rm /etc/nsswitch.conf
rm -rf /srv
mkdir /srv
"""


def changed(engine, *options):
    c = engine.start(*options, image="probe")
    c.exec("sh", "-c", CHANGE)
    return c


@pytest.mark.parametrize("image", ["probe", "debian"])
def test_owners_of_the_image(same, image):
    listed = same(lambda e: e.run("--hostname", "h", image=image, cmd=LIST).lines)
    assert len(listed) > 200


def test_owners_of_changes_inside(same):
    same(lambda e: changed(e).exec("sh", "-c", LIST).lines)


def test_owners_on_disk(same):
    """What lies below overlay2 is what crun would have written: root's files are 0:0."""
    found = same(lambda e: tree(changed(e).upper))
    assert found["data/suid"] == (0, 0, 0o4755, "-")
    assert found["data/sub"][:2] == (1000, 1001)
    assert found["tmp/of-dev"][:2] == (1000, 1000)
    assert found["data/file"][:2] == (65534, 65534)


def test_nothing_on_disk_has_ids_of_the_range(instance):
    c = changed(instance)
    base = c.base()
    layers = c.inspect("{{.GraphDriver.Data.LowerDir}}").split(":") + [c.upper]
    for layer in layers:
        for path, (uid, gid, _, _) in tree(layer).items():
            assert not base <= uid < base + RANGE and not base <= gid < base + RANGE, path


def test_setuid_and_file_capabilities_work(same):
    def both_ways(engine):
        c = engine.start("-u", "1000", image="probe")
        return [c.exec("/probe", "open", "/etc/shadow", "r").out,
                c.exec("/setuid-probe", "open", "/etc/shadow", "r").out,
                c.exec("sh", "-c", "touch /tmp/f; busybox chown 5 /tmp/f", check=False).rc,
                c.exec("sh", "-c", "/busybox-capped chown 5 /tmp/f; stat -c %u /tmp/f").out]

    assert same(both_ways) == ["EACCES", "OK", 1, "5"]


def test_setuid_root_of_the_image_is_not_roots_on_the_host(instance):
    """A set-user-id program of the container runs as the container's root, which is nobody here."""
    c = instance.start("-u", "1000", image="probe")
    c.exec(["-d"], "/setuid-probe", "sleep")
    base = c.base()
    pid = wait_until(lambda: [p for p in support.processes() if is_probe(p)])[0]
    assert status_of(pid)["Uid"].split() == [str(base + 1000), str(base), str(base), str(base)]


def is_probe(pid):
    try:
        return "setuid-probe" in read(f"/proc/{pid}/cmdline")
    except OSError:
        return False


def test_capabilities_acls_and_xattrs(same):
    """Written inside, read inside, and again in a container of the committed image."""
    script = ("cp /bin/true /x; setcap cap_net_raw+ep /x; getcap /x; setfattr -n user.a -v b /x; "
              "touch /y; setfacl -m u:1000:rw,g:1001:r /y; getfacl -pn /y; getfattr -d /x")

    def go(engine):
        c = engine.start("--name", "acl", image="debian")
        first = c.exec("sh", "-c", script).lines
        engine.docker("commit", "acl", "acl-image")
        again = engine.run(image="acl-image", cmd="getcap /x; getfacl -pn /y; getfattr -d --absolute-names /x").lines
        return first, again

    first, again = same(go)
    assert any("cap_net_raw" in line for line in first) and any("cap_net_raw" in line for line in again)
    assert "user:1000:rw-" in first


def test_owner_beyond_the_range_is_nobodys(instance):
    """A file of an image with an id that the container does not have shows as nobody's and stays as
    it is on disk."""
    with host_folder() as tmp:
        support.run("tar", "-C", tmp, "-xf", f"{support.CACHE}/images/alpine.tar")
        write(f"{tmp}/far", "x")
        os.chown(f"{tmp}/far", 200000, 200000)
        instance.image_from(tmp, "far", 'CMD ["sh"]')
    assert instance.run(image="far", cmd="stat -c %u:%g /far").out == "65534:65534"
    assert instance.run(image="far", cmd="chown 0 /far", check=False).rc != 0


# ── read-only ──────────────────────────────────────────────────────────────────────────────────────


def test_read_only(same):
    def go(engine):
        c = engine.start("--read-only", "--tmpfs", "/tmp", image="probe")
        return [c.exec("/probe", "write", p).out for p in ("/", "/etc", "/tmp", "/dev/shm", "/home/dev/file")]

    assert same(go) == ["EROFS", "EROFS", "OK", "OK", "EROFS"]


ESCAPES = [["remount", "/"], ["remount-sb", "/"], ["setattr", "/"], ["bind", "/", "/mnt"], ["bind", "/home", "/mnt"],
           ["clone", "/", "/mnt"], ["clone-rec", "/", "/mnt"], ["clone", "/home", "/mnt"],
           ["unshare-mnt", "remount", "/"], ["unshare-mnt", "setattr", "/"], ["unshare", "remount", "/"]]


@pytest.mark.parametrize("probe", ESCAPES, ids=" ".join)
def test_read_only_is_locked(instance, probe):
    """Root with every capability cannot make a read-only root file system writable."""
    c = instance.start("--read-only", "--privileged", image="probe")
    assert c.exec("/probe", *probe).out in ("EPERM", "EROFS", "EACCES", "EINVAL")
    assert not [p for p in tree(c.upper) if "probe-was-here" in p]


# ── copy, commit, diff, export ─────────────────────────────────────────────────────────────────────


def stat_of(c, *paths):
    return c.exec("stat", "-c", "%n %u:%g %a %F %s", *paths).lines


def in_state(engine, state, *options, image="probe"):
    """A container that was only created, runs, is paused, or ran and was stopped."""
    if state == "created":
        return engine.create(*options, image=image)
    c = engine.start(*options, image=image)
    if state == "paused":
        engine.docker("pause", c.id)
    if state == "stopped":
        engine.docker("kill", c.id)
        wait_until(lambda: not c.running)
    return c


def awake(engine, c, state):
    if state == "paused":
        engine.docker("unpause", c.id)
    elif state != "running":
        engine.docker("start", c.id)
    return c


# Copying into a running container is the gate's work.
RUNNING = pytest.param("running", marks=pytest.mark.gate)
STATES = ["created", RUNNING, "stopped"]


@pytest.fixture
def source(folder):
    """Files of several owners on the host."""
    os.mkdir(f"{folder}/d")
    for name, uid, mode in (("d/of-root", 0, 0o600), ("d/of-1234", 1234, 0o640), ("d/suid", 0, 0o4755), ("single", 7, 0o644)):
        write(f"{folder}/{name}", name, mode)
        os.chown(f"{folder}/{name}", uid, uid)
        os.chmod(f"{folder}/{name}", mode)
    os.symlink("of-root", f"{folder}/d/link")
    os.link(f"{folder}/d/of-1234", f"{folder}/d/hard")
    os.chown(f"{folder}/d", 1234, 1234)
    return folder


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("flags", [[], ["-a"]], ids=["plain", "archive"])
def test_cp_in(same, source, state, flags):
    def go(engine):
        c = in_state(engine, state)
        engine.docker("cp", *flags, f"{source}/d", f"{c.id}:/opt/new")
        engine.docker("cp", *flags, f"{source}/single", f"{c.id}:/home/dev/")
        engine.docker("cp", *flags, f"{source}/single", f"{c.id}:/home/dev/file")
        awake(engine, c, state)
        return (stat_of(c, "/opt/new", "/opt/new/of-root", "/opt/new/of-1234", "/opt/new/suid", "/opt/new/link",
                        "/opt/new/hard", "/home/dev/single", "/home/dev/file", "/home/dev"),
                {k: v for k, v in tree(c.upper).items() if k.startswith(("opt", "home"))})

    listed, _ = same(go)
    assert "/opt/new/of-1234 1234:1234 640 regular file 9" in listed or not flags


@pytest.mark.parametrize("state", STATES)
def test_cp_of_a_tar_stream_in(same, source, state):
    """Owners in the stream are those of the container."""
    tar = support.subprocess.run(["tar", "-C", source, "--numeric-owner", "-c", "d"], check=True,
                                 stdout=support.subprocess.PIPE).stdout

    def go(engine):
        c = in_state(engine, state)
        engine.docker("cp", "-a", "-", f"{c.id}:/opt", input=tar)
        awake(engine, c, state)
        return stat_of(c, "/opt/d", "/opt/d/of-root", "/opt/d/of-1234", "/opt/d/suid")

    assert "/opt/d/of-1234 1234:1234 640 regular file 9" in same(go)


@pytest.mark.parametrize("state", [*STATES, "paused"])
def test_cp_out(same, state, folder):
    def go(engine):
        c = in_state(engine, state)
        as_tar = engine.tar("cp", f"{c.id}:/home", "-")
        target = f"{folder}/{engine.kind}"
        os.mkdir(target)
        engine.docker("cp", "-a", f"{c.id}:/home/dev", target)
        engine.docker("cp", f"{c.id}:/setuid-probe", target)
        found = tree(target)
        if state == "paused":
            engine.docker("unpause", c.id)
        return as_tar, found

    as_tar, found = same(go)
    assert as_tar["home/dev/file"][1:4] == (0o640, 1000, 1001)
    assert found["dev/file"][2] == 0o640


@pytest.mark.gate
def test_cp_sees_what_was_just_written(same):
    def go(engine):
        c = engine.start()
        seen = []
        for i in range(4):
            c.exec(f"echo {i} >/tmp/file; mkdir /tmp/d{i}")
            seen.append(sorted(engine.tar("cp", f"{c.id}:/tmp", "-")))
            seen.append(engine.docker("cp", f"{c.id}:/tmp/file", "-").out.count(str(i)) > 0)
        return seen

    assert same(go)[6][-1] == "tmp/file"


@pytest.mark.gate
def test_cp_in_is_seen_at_once_by_a_running_process(same, source):
    def go(engine):
        c = engine.start()
        c.exec("ls /tmp")
        engine.docker("cp", f"{source}/single", f"{c.id}:/tmp/single")
        first = c.exec("cat", "/tmp/single").out
        engine.docker("cp", f"{source}/d/of-root", f"{c.id}:/tmp/single")
        return first, c.exec("cat", "/tmp/single").out

    assert same(go) == ("single", "d/of-root")


@pytest.mark.gate
def test_cp_to_and_from_a_volume(same, source):
    def go(engine):
        c = engine.start("-v", "data:/data", image="probe")
        engine.docker("cp", "-a", f"{source}/d", f"{c.id}:/data/")
        path = engine.docker("volume", "inspect", "-f", "{{.Mountpoint}}", "data").out
        return stat_of(c, "/data/d", "/data/d/of-1234"), tree(path), engine.tar("cp", f"{c.id}:/data", "-")

    _, on_disk, _ = same(go)
    assert on_disk["d/of-1234"][:2] == (1234, 1234)


@pytest.mark.gate
def test_cp_respects_read_only(both, source):
    for engine in both:
        rootfs = engine.start("--read-only", "-v", "data:/data")
        assert engine.docker("cp", f"{source}/single", f"{rootfs.id}:/tmp/", check=False).rc != 0
        engine.docker("cp", f"{source}/single", f"{rootfs.id}:/data/")
        volume = engine.start("-v", "data:/data:ro")
        assert engine.docker("cp", f"{source}/d/of-root", f"{volume.id}:/data/", check=False).rc != 0
        assert rootfs.exec("ls", "/data").out == "single"


def test_cp_through_links_stays_inside(instance, folder):
    """A link of the container leads to the container's file, never to the host's of that name."""
    write(f"{folder}/secret", "of the host")
    write(f"{folder}/victim", "untouched")
    for target in (folder, f"../../../../../../..{folder}", f"/proc/1/root{folder}", f"/proc/self/root{folder}"):
        c = instance.start()
        c.exec("ln", "-s", target, "/tmp/link")
        c.exec("ln", "-s", f"{target}/secret", "/tmp/secret")
        out = instance.docker("cp", "-L", f"{c.id}:/tmp/secret", "-", check=False)
        assert "of the host" not in out.text
        out = instance.docker("cp", f"{c.id}:/tmp/link/secret", "-", check=False)
        assert "of the host" not in out.text
        instance.docker("cp", "/etc/hostname", f"{c.id}:/tmp/link/victim", check=False)
        instance.docker("cp", "/etc/hostname", f"{c.id}:/tmp/link/new", check=False)
        assert read(f"{folder}/victim") == "untouched"
        assert sorted(os.listdir(folder)) == ["secret", "victim"]


def test_cp_by_a_user_makes_files_of_the_user(instance, user):
    """The docker CLI writes what it copied out as who runs it."""
    c = instance.start(image="probe")
    instance.docker("cp", f"{c.id}:/home/dev/file", f"{user.home}/file", user=user)
    assert owner(f"{user.home}/file") == (user.uid, user.gid)


def test_commit(same):
    def go(engine):
        c = changed(engine)
        engine.docker("commit", c.id, "committed")
        return engine.run("--hostname", "h", image="committed", cmd=LIST).lines

    assert "/data/sub 1000:1001 755 directory" in same(go)


def test_commit_of_a_container_of_a_committed_image(same):
    def go(engine):
        engine.need("alpine")
        image = "alpine"
        for i in range(3):
            c = engine.start("--name", f"c{i}", image=image)
            c.exec(f"touch /f{i}; chown {i} /f{i}; rm -f /f{i - 1}; rm -rf /d; mkdir /d; touch /d/f{i}")
            image = f"level{i}"
            engine.docker("commit", c.id, image)
        return engine.run("--hostname", "h", image=image, cmd=LIST).lines

    assert "/d/f2 0:0 644 regular empty file" in same(go)


def test_diff(same):
    diff = same(lambda e: sorted(e.docker("diff", changed(e).id).lines))
    assert "A /data/suid" in diff and "D /etc/nsswitch.conf" in diff and "C /etc/profile" in diff


def test_diff_of_an_untouched_container_is_empty(same):
    def go(engine):
        c = engine.start()
        return engine.docker("diff", c.id).lines

    assert same(go) == []


@pytest.mark.gate
def test_diff_is_never_stale(same):
    def go(engine):
        c = engine.start()
        seen = []
        for i in range(4):
            c.exec(f"touch /tmp/f{i}; rm -f /tmp/f{i - 1}; echo >>/etc/profile")
            seen.append(sorted(engine.docker("diff", c.id).lines))
        return seen

    assert same(go)[3] == ["A /tmp/f3", "C /etc", "C /etc/profile", "C /tmp"]


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_export(same, state):
    def go(engine):
        c = changed(engine)
        if state == "stopped":
            engine.docker("kill", c.id)
        return engine.tar("export", c.id)

    found = same(go)
    assert found["data/suid"][1:4] == (0o4755, 0, 0)
    assert found["home/dev2/file"][1:4] == (0o640, 1000, 1001)


def test_save_and_load(same, folder):
    def go(engine):
        c = changed(engine)
        engine.docker("commit", c.id, "saved")
        engine.docker("save", "-o", f"{folder}/{engine.kind}.tar", "saved")
        engine.docker("rm", "-f", c.id)
        engine.docker("rmi", "saved")
        engine.docker("load", "-i", f"{folder}/{engine.kind}.tar")
        return engine.run("--hostname", "h", image="saved", cmd=LIST).lines

    same(go)


# ── life of a container ────────────────────────────────────────────────────────────────────────────


@pytest.mark.gate
def test_exec_as_a_user_added_at_run_time(same):
    def go(engine):
        c = engine.start()
        before = c.exec(["-u", "late"], "id", check=False)
        c.exec("addgroup -g 2345 team; adduser -D -u 2222 late; addgroup late team")
        return (before.rc != 0, c.exec(["-u", "late"], "id").out, c.exec(["-u", "late:team"], "id", "-g").out,
                c.exec(["-u", "late"], "sh", "-c", "touch /tmp/f; stat -c %u:%g /tmp/f; echo $HOME").lines)

    assert same(go)[3] == ["2222:2222", "/home/late"]


def test_exec_user_lookup_does_not_read_the_hosts_accounts(instance, folder):
    write(f"{folder}/passwd", "hostonly:x:4242:4242::/:/bin/sh\n")
    for target in (f"{folder}/passwd", f"../../../../../..{folder}/passwd", f"/proc/self/root{folder}/passwd"):
        c = instance.start()
        c.exec("ln", "-sf", target, "/etc/passwd")
        assert c.exec(["-u", "hostonly"], "id", check=False).rc != 0


def test_stop_start_restart(same):
    def go(engine):
        c = engine.start("--init", image="probe")
        c.exec("sh", "-c", CHANGE)
        seen = []
        for verb in (["stop", "-t", "5"], ["start"], ["restart", "-t", "5"], ["kill"], ["start"]):
            engine.docker(verb[0], *verb[1:], c.id)
            if verb[0] in ("stop", "kill"):
                wait_until(lambda: not c.running)
                seen.append(sorted(engine.docker("diff", c.id).lines))
            else:
                seen.append(c.exec("stat", "-c", "%n %u:%g %a", "/data/file", "/data/sub", "/home/dev2/file").lines)
                c.exec(f"echo {len(seen)} >>/data/log")
        return seen, c.exec("cat", "/data/log").lines

    assert same(go)[1] == ["2", "3", "5"]


def test_restarted_container_is_caged_again(instance):
    c = instance.start("--init", "--privileged")
    for _ in range(3):
        instance.docker("restart", "-t", "5", c.id)
        assert map_of(c.pid)[0][2] == RANGE
        assert c.exec("cat", "/proc/self/uid_map").out.split()[2] == str(RANGE)


def test_pause(same):
    def go(engine):
        c = engine.start(cmd="while true; do date +%s%N >/tmp/t; sleep 0.05; done")
        wait_until(lambda: c.exec("cat", "/tmp/t", check=False).out)
        engine.docker("pause", c.id)
        states = [c.inspect("{{.State.Status}}")]
        stamp = os.stat(f"{c.upper}/tmp/t").st_mtime_ns
        time.sleep(0.3)
        states.append(os.stat(f"{c.upper}/tmp/t").st_mtime_ns == stamp)
        engine.docker("unpause", c.id)
        wait_until(lambda: os.stat(f"{c.upper}/tmp/t").st_mtime_ns != stamp)
        return states

    assert same(go) == ["paused", True]


def test_healthcheck(same):
    def go(engine):
        c = engine.start("--health-cmd", "test -e /tmp/ok && id -u", "--health-interval", "300ms",
                         "--health-retries", "1", "--health-timeout", "5s")
        wait_until(lambda: c.inspect("{{.State.Health.Status}}") == "unhealthy")
        c.exec("touch", "/tmp/ok")
        wait_until(lambda: c.inspect("{{.State.Health.Status}}") == "healthy")
        return c.inspect("{{(index .State.Health.Log 0).ExitCode}}")

    same(go)


def test_terminal(same):
    def go(engine):
        engine.need("alpine")
        rc, shown = engine.in_terminal(
            "run", "--rm", "-it", "alpine", "sh", "-c",
            "tty; stat -c '%u:%g %t:%F' /dev/console; echo hi >/dev/tty; stty size >/dev/null && echo ready; "
            "read line; echo got $line; exit 7", typed=b"typed\n")
        return rc, [line for line in shown.splitlines() if line]

    rc, shown = same(go)
    assert rc == 7 and "got typed" in shown and "/dev/pts/0" in shown


def test_terminal_of_exec(same):
    def go(engine):
        c = engine.start("-u", "1000")
        rc, shown = engine.in_terminal("exec", "-it", c.id, "sh", "-c",
                                       "tty; stat -c %u $(tty); echo hi >/dev/tty; exit 3")
        return rc, shown

    assert same(go)[0] == 3


def test_control_c(same):
    def go(engine):
        engine.need("alpine")
        return engine.in_terminal("run", "--rm", "-it", "alpine", "sh", "-c",
                                  "trap 'echo caught; exit 5' INT; echo ready; while true; do sleep 0.1; done",
                                  typed=b"\x03")[0]

    assert same(go) == 5


def test_streams_and_exit_code(same):
    def go(engine):
        done = engine.run("-i", cmd="cat; echo err >&2; exit 42", input="through\n", check=False)
        return done.rc, done.out, done.err

    assert same(go) == (42, "through", "err")


def test_init_reaps(same):
    def go(engine):
        c = engine.start("--init")
        first = c.exec("sh", "-c", "tr '\\0' ' ' </proc/1/cmdline").out.split()[0]
        c.exec("sh", "-c", "(sleep 0.1 & exec true) & wait")
        wait_until(lambda: " Z " not in c.exec("ps", "-o", "pid,stat,args").out)
        begin = time.monotonic()
        engine.docker("stop", c.id)
        return first, time.monotonic() - begin < 5

    assert same(go)[1]


def test_init_program_cannot_be_replaced(instance):
    """The engine's init lies on the host: root inside reads it, and changes nothing of it."""
    path = os.path.realpath(support.shutil.which("docker-init") or "/usr/bin/docker-init")
    with open(path, "rb") as f:
        before = hashlib.sha256(f.read()).hexdigest()
    c = instance.start("--init", "--privileged", image="probe")
    inside = c.exec("readlink", "/proc/1/exe").out
    for probe in (["write", inside], ["remount", inside], ["setattr", inside], ["open", "/proc/1/exe", "w"]):
        assert c.exec("/probe", *probe).out != "OK"
    with open(path, "rb") as f:
        assert hashlib.sha256(f.read()).hexdigest() == before


def test_restart_policy(same):
    def go(engine):
        c = engine.start("--restart", "always", "-v", "data:/data", cmd="echo start >>/data/log; exec sleep 1000")
        wait_until(lambda: c.exec("cat", "/data/log", check=False).out)
        for count in (1, 2):
            c.kill()
            wait_until(lambda count=count: len(c.exec("cat", "/data/log", check=False).lines) == count + 1)
        assert c.inspect("{{.RestartCount}}") == "2"
        return c.exec("stat", "-c", "%u:%g", "/data/log").out

    assert same(go) == "0:0"


def test_restarted_by_policy_is_caged(instance):
    c = instance.start("--restart", "on-failure:3", "--privileged")
    old = c.kill()
    wait_until(lambda: c.running and c.pid not in (0, old))
    assert map_of(c.pid)[0][2] == RANGE


def test_update(same):
    def go(engine):
        c = engine.start("-m", "64m", "--memory-swap", "64m")
        engine.docker("update", "-m", "48m", "--memory-swap", "48m", "--cpus", "0.5", "--restart", "no", c.id)
        folder = support.cgroup_of(c.pid, "memory")
        name = "memory.max" if support.is_v2() else "memory.limit_in_bytes"
        return read(f"{folder}/{name}").strip(), c.exec("true").rc

    assert same(go)[0] == str(48 << 20)


def test_everyday_verbs(same):
    def go(engine):
        c = engine.start("--name", "first", cmd="echo out; echo err >&2; exec sleep 1000")
        engine.docker("rename", "first", "second")
        wait_until(lambda: "out" in engine.docker("logs", "second").out)
        logs = engine.docker("logs", "second")
        top = engine.docker("top", "second", "-o", "pid,args").lines[1:]
        stats = engine.docker("stats", "--no-stream", "--format", "{{.Name}}", "second").out
        engine.docker("kill", "-s", "TERM", "second", check=False)
        engine.docker("kill", "second")
        waited = engine.docker("wait", "second").out
        del c
        return logs.out, logs.err, [line.split(None, 1)[1] for line in top], stats, waited

    assert same(go) == ("out", "err", ["sleep 1000"], "second", "137")


def test_live_restore(same):
    """dockerd is killed; containers go on and are the same afterwards."""

    def go(engine):
        c = engine.start("-v", "data:/data", image="probe", cmd="while true; do date >>/data/log; sleep 0.1; done")
        c.exec("touch", "/before")
        pid = c.pid
        engine.kill_dockerd()
        engine.restart_dockerd()
        seen = [c.running, c.pid == pid]
        size = os.stat(f"{engine.data}/volumes/data/_data/log").st_size
        wait_until(lambda: os.stat(f"{engine.data}/volumes/data/_data/log").st_size > size)
        c.exec("touch /after; echo >>/etc/profile; chown 1000 /etc/shells; mkdir /d; mv /d /e; rm /before")
        seen.append(sorted(engine.docker("diff", c.id).lines))
        seen.append(c.exec("stat", "-c", "%n %u:%g", "/after", "/etc/shells", "/home/dev/file").lines)
        seen.append(engine.tar("cp", f"{c.id}:/home", "-"))
        engine.docker("commit", c.id, "after-restore")
        seen.append(engine.run(image="after-restore", cmd="stat -c %u /etc/shells").out)
        engine.docker("restart", "-t", "0", c.id)
        seen.append(c.exec("ls", "/after").out)
        return seen

    assert same(go)[:2] == [True, True]


# ── layers ─────────────────────────────────────────────────────────────────────────────────────────


def layered(engine, count):
    text = "FROM alpine\n" + "".join(f"COPY f{i} /layers/f{i}\n" for i in range(count))
    engine.build(text, files={f"f{i}": str(i) for i in range(count)}, tag=f"layers{count}", timeout=600)
    c = engine.start(image=f"layers{count}")
    c.exec("rm /layers/f0; echo new >/layers/f1; mv /layers/f2 /layers/g2")
    return (c.exec("sh", "-c", "cat /layers/f* | sort | uniq -c | sort | head; ls /layers | wc -l").lines,
            sorted(engine.docker("diff", c.id).lines))


def test_a_dozen_layers(same):
    same(lambda e: layered(e, 12))


@pytest.mark.long
def test_more_than_a_hundred_layers(same):
    assert same(lambda e: layered(e, 115))[0][-1] == "114"


def test_plain_folder_without_chown(box):
    """A bundle on a plain folder: nothing of it is touched at the start, root's files are root's."""
    made = box.bundle("touch /new; su -s /bin/sh nobody -c 'touch /tmp/nobodys'; stat -c '%u:%g' /etc/passwd "
                      "/home/dev/file")
    before = {p: os.lstat(os.path.join(made.rootfs, p)).st_ctime_ns for p in tree(made.rootfs)}
    assert box.run(made).lines == ["0:0", "1000:1001"]
    after = {p: os.lstat(os.path.join(made.rootfs, p)).st_ctime_ns for p in before}
    assert [p for p in before if before[p] != after[p] and p not in ("tmp", ".", "dev", "proc", "sys")] == []
    assert owner(f"{made.rootfs}/new") == (0, 0)
    assert owner(f"{made.rootfs}/tmp/nobodys") == (65534, 65534)


def test_start_does_not_depend_on_the_number_of_files(instance):
    """Constant cost, coarsely: the benchmark measures it, this catches a scan."""
    c = instance.start()
    c.exec("sh", "-c", "mkdir /many; cd /many; i=0; while [ $i -lt 20000 ]; do echo >$i; i=$((i+1)); done")
    instance.docker("kill", c.id)
    begin = time.monotonic()
    instance.docker("start", c.id)
    full = time.monotonic() - begin
    d = instance.create()
    begin = time.monotonic()
    instance.docker("start", d.id)
    empty = time.monotonic() - begin
    assert full < empty * 3 + 0.5


@pytest.mark.long
@pytest.mark.gate
def test_vfs_storage_driver():
    engine = support.GabionInstance("--storage-driver", "vfs")
    try:
        c = changed(engine)
        assert map_of(c.pid)[0][2] == RANGE
        assert "/data/sub 1000:1001 755 directory" in c.exec("sh", "-c", LIST).lines
        assert "A /data/suid" in engine.docker("diff", c.id).lines
        engine.docker("commit", c.id, "committed")
        assert "/data/sub 1000:1001 755 directory" in engine.run(image="committed", cmd=LIST).lines
    finally:
        engine.sweep()
        engine.down()
        engine.remove_folder()
