# SPDX-License-Identifier: Apache-2.0
"""Point 3: volumes with root's mapping, host paths with the rights of the asker, read-only locked."""

import contextlib
import json
import os
import socket
import stat

import pytest

import bundle
import support
from support import host_folder, mode_of, mount_where, overlaps, owner, read, tree, wait_until, write

ADMIN = ["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]


def volume_path(engine, name):
    return engine.docker("volume", "inspect", "-f", "{{.Mountpoint}}", name).out


# ── volumes ────────────────────────────────────────────────────────────────────────────────────────

FILL = ("touch /data/of-root; mkdir /data/d; chown 1000:1001 /data/d; su -s /bin/sh nobody -c true; "
        "cp /bin/busybox /data/suid; chmod 4755 /data/suid; touch /data/f; chown 65534:65534 /data/f; "
        "ln -s f /data/l; ln /data/f /data/h; mkfifo /data/p; chmod 1777 /data")


def test_volume_owners(same):
    def go(engine):
        c = engine.start("-v", "data:/data", cmd=FILL + "; sleep 1000")
        wait_until(lambda: c.exec("test", "-p", "/data/p", check=False).rc == 0)
        return (c.exec("sh", "-c", "stat -c '%n %u:%g %a' /data /data/*").lines, tree(volume_path(engine, "data")))

    _, on_disk = same(go)
    assert on_disk["of-root"][:2] == (0, 0) and on_disk["d"][:2] == (1000, 1001)


def test_volume_is_filled_from_the_image(same):
    """The first use of a volume copies what the image has there, with its owners."""
    def go(engine):
        out = engine.run("-v", "data:/home/dev", image="probe",
                         cmd="stat -c '%n %u:%g %a' /home/dev /home/dev/file; touch /home/dev/new").lines
        return out, tree(volume_path(engine, "data")), owner(volume_path(engine, "data"))

    out, _, top = same(go)
    assert out == ["/home/dev 1000:1000 750", "/home/dev/file 1000:1001 640"] and top == (1000, 1000)


def test_anonymous_volume(same):
    assert same(lambda e: e.run("-v", "/data", cmd="stat -c %u:%g /data; echo x >/data/f; cat /data/f").lines) == ["0:0", "x"]


def test_entry_point_that_chowns_its_data(same):
    """What every database image does at its first start and at each one after it."""
    script = ("find /data ! -user nobody -exec chown nobody '{}' +; "
              "exec su -s /bin/sh nobody -c 'echo x >>/data/db; chmod 600 /data/db; stat -c %u:%a /data /data/db; cat /data/db'")

    def go(engine):
        return [engine.run("-v", "db:/data", cmd=script).lines for _ in range(2)]

    assert same(go)[1] == ["65534:755", "65534:600", "x", "x"]


def test_several_containers_share_a_volume_at_once(instance):
    """Three containers with three different ranges see the same owners and one another's files."""
    cs = [instance.start("-v", "data:/data", *o) for o in ([], ["--privileged"], ["-u", "1000"])]
    assert len({c.base() for c in cs}) == 3
    cs[0].exec("chmod", "1777", "/data")
    for i, c in enumerate(cs):
        c.exec(f"echo {i} >/data/f{i}")
    for c in cs:
        assert c.exec("sh", "-c", "stat -c %u /data/f0 /data/f1 /data/f2; cat /data/f*").lines == \
            ["0", "0", "1000", "0", "1", "2"]
    cs[0].exec("chown", "1000", "/data/f1")
    assert cs[1].exec("stat", "-c", "%u", "/data/f1").out == "1000"
    cs[2].exec("echo more >>/data/f1")
    assert cs[2].exec("rm", "/data/f0", check=False).rc != 0  # sticky, and root's
    assert tree(volume_path(instance, "data"))["f1"][:2] == (1000, 0)


def test_volumes_from(same):
    def go(engine):
        first = engine.start("-v", "data:/data", "-v", "/anonymous")
        first.exec("echo a >/data/f; echo b >/anonymous/f; chown 7 /data/f")
        return engine.run("--volumes-from", first.id, cmd="cat /data/f /anonymous/f; stat -c %u /data/f").lines

    assert same(go) == ["a", "b", "7"]


def test_files_of_the_engine(same):
    """hosts, hostname, resolv.conf: root's, and root may change them."""
    def go(engine):
        c = engine.start("--hostname", "h", "--add-host", "somewhere:10.1.2.3")
        out = c.exec("sh", "-c", "cd /etc; stat -c '%n %u:%g %a' hosts hostname resolv.conf; cat hostname; "
                     "grep -c somewhere hosts; echo '# x' >>hosts && tail -1 hosts").lines
        engine.docker("restart", "-t", "0", c.id)
        return out, c.exec("grep", "-c", "somewhere", "/etc/hosts").out

    assert same(go)[0][0] == "hosts 0:0 644"


def test_shm(same):
    def go(engine):
        c = engine.start("--shm-size", "8m", "-u", "1000", "--ipc", "shareable")
        out = c.exec("sh", "-c", "stat -c '%u:%g %a' /dev/shm; df -m /dev/shm | tail -1; echo x >/dev/shm/f; "
                     "stat -c %u /dev/shm/f").lines
        out[1] = out[1].split()[1]
        joined = engine.run("--ipc", f"container:{c.id}", cmd="cat /dev/shm/f; stat -c %u /dev/shm/f").lines
        return out, joined

    assert same(go) == (["0:0 1777", "8", "1000"], ["x", "1000"])


@pytest.mark.parametrize("options", ["", ":size=1m,mode=0700", ":uid=1000,gid=1001,mode=0770", ":ro"])
def test_tmpfs(same, options):
    def go(engine):
        return engine.run("--tmpfs", f"/t{options}", cmd="stat -c '%u:%g %a' /t; df -m /t | tail -1 | awk '{print $1}'; "
                          "touch /t/f && stat -c %u:%g /t/f", check=False).lines

    same(go)


def test_mqueue(same):
    same(lambda e: e.run(cmd="stat -c '%u:%g %a' /dev/mqueue; touch /dev/mqueue/q; stat -c '%u %a' /dev/mqueue/q").lines)


# ── read-only is locked by the kernel ──────────────────────────────────────────────────────────────


def locked_probes(path):
    """Every way known to write below a read-only mount; `part` is a folder in it. umount comes last."""
    tries = [["remount", path], ["remount-sb", path], ["setattr", path], ["bind", path, "/mnt"],
             ["bind", f"{path}/part", "/mnt"], ["clone", path, "/mnt"], ["clone-rec", path, "/mnt"],
             ["clone", f"{path}/part", "/mnt"], ["move", path, "/mnt"]]
    nested = [["unshare-mnt", *t] for t in tries] + [["unshare", *t] for t in tries]
    return tries + nested + [["unshare-mnt", "umount", path], ["umount", path]]


def run_probes(c, probes):
    argv = []
    for probe in probes:
        argv += ["--", *probe]
    out = c.exec("/probe", *argv[1:]).lines
    assert len(out) == len(probes)
    return list(zip([" ".join(p) for p in probes], out))


@pytest.mark.parametrize("rights", [["--privileged"], ADMIN], ids=["privileged", "SYS_ADMIN"])
@pytest.mark.parametrize("kind", ["volume", "bind", "bind by --mount", "volume by --mount"])
def test_read_only_mount_is_locked(instance, folder, kind, rights):
    instance.run("-v", "data:/data", cmd="mkdir /data/part; touch /data/file")
    os.mkdir(f"{folder}/part")
    write(f"{folder}/file", "")
    option, host = {
        "volume": (["-v", "data:/ro:ro"], volume_path(instance, "data")),
        "bind": (["-v", f"{folder}:/ro:ro"], folder),
        "bind by --mount": (["--mount", f"type=bind,src={folder},dst=/ro,readonly"], folder),
        "volume by --mount": (["--mount", "type=volume,src=data,dst=/ro,readonly"], volume_path(instance, "data")),
    }[kind]
    c = instance.start(*option, *rights, image="probe")
    assert c.exec("/probe", "write", "/ro").out == "EROFS"
    found = run_probes(c, locked_probes("/ro"))
    assert [f for f in found if f[1] == "OK"] == []
    assert sorted(tree(host)) == ["file", "part"]
    assert c.exec("/probe", "write", "/ro", "--", "write", "/ro/part").lines == ["EROFS", "EROFS"]
    exec_found = run_probes_privileged(c, [["remount", "/ro"], ["setattr", "/ro"], ["umount", "/ro"]])
    assert [f for f in exec_found if f[1] == "OK"] == []


def run_probes_privileged(c, probes):
    argv = []
    for probe in probes:
        argv += ["--", *probe]
    return list(zip([" ".join(p) for p in probes], c.exec(["--privileged"], "/probe", *argv[1:]).lines))


def test_read_only_file_is_locked(instance, folder):
    write(f"{folder}/file", "as it was")
    c = instance.start("-v", f"{folder}/file:/ro:ro", "--privileged", image="probe")
    c.exec("touch", "/target")
    found = run_probes(c, [["write", "/ro"], ["remount", "/ro"], ["setattr", "/ro"], ["bind", "/ro", "/target"],
                           ["clone", "/ro", "/target"], ["move", "/ro", "/target"], ["umount", "/ro"]])
    assert [f for f in found if f[1] == "OK"] == []
    assert read(f"{folder}/file") == "as it was"


def test_these_probes_do_bite(reference, folder):
    """The control: with plain crun the same probes do write through a read-only mount."""
    os.mkdir(f"{folder}/part")
    c = reference.start("-v", f"{folder}:/ro:ro", *ADMIN, image="probe")
    found = run_probes(c, locked_probes("/ro"))
    assert len([f for f in found if f[1] == "OK"]) >= 10, found
    assert os.path.exists(f"{folder}/probe-was-here")


def test_writable_mounts_stay_writable(instance, folder):
    c = instance.start("-v", f"{folder}:/rw", "-v", "data:/data", "--privileged", image="probe")
    assert c.exec("/probe", "write", "/rw", "--", "write", "/data").lines == ["OK", "OK"]


def test_read_only_and_writable_views_of_one_volume(instance):
    """A writable mount of the volume elsewhere does not open the read-only one."""
    c = instance.start("-v", "data:/rw", "-v", "data:/ro:ro", "--privileged", image="probe")
    assert c.exec("/probe", "write", "/rw", "--", "write", "/ro", "--", "remount", "/ro").lines[:2] == ["OK", "EROFS"]
    assert c.exec("/probe", "remount", "/ro").out != "OK"


# Where only the lower runtime can put a bind, because it makes what the place lies on: a tmpfs, /dev, /proc, /sys.
# Such a bind can be moved and unmounted (what it covers is the container's own), but never written through.
COVERED = {
    "tmpfs": (["--tmpfs", "/data"], "/data/sub"),
    "a tmpfs on a tmpfs": (["--tmpfs", "/data", "--tmpfs", "/data/sub"], "/data/sub/deep/er"),
    "/run": (["--tmpfs", "/run"], "/run/secrets/x"),
    "/run by its other name": (["--tmpfs", "/run"], "/var/run/secrets/x"),
    "/dev": ([], "/dev/foo"),
    "/dev/shm": ([], "/dev/shm/x"),
    "a shared /dev/shm": (["--ipc", "shareable"], "/dev/shm/x"),
    "/sys": ([], "/sys/module"),
}


def covered_probes(path):
    """Every way known to write through a read-only mount, also where it was moved to."""
    def tries(where):
        return [p for p in locked_probes(where) if "umount" not in p and "move" not in p]

    return [*tries(path), ["move", path, "/mnt"], ["write", "/mnt"], *tries("/mnt")]


@pytest.fixture
def with_var_run(instance):
    """The image probe with /var/run as distributions have it."""
    c = instance.create(image="probe", cmd="ln -s /run /var/run")
    instance.docker("start", "-a", c.id)
    instance.docker("commit", c.id, "probe-with-run")
    c.remove()
    yield "probe-with-run"
    instance.docker("rmi", "-f", "probe-with-run")


@pytest.mark.parametrize("rights", [["--privileged"], ADMIN], ids=["privileged", "SYS_ADMIN"])
@pytest.mark.parametrize("place", COVERED)
def test_read_only_mount_on_what_the_container_gets_is_locked(instance, folder, with_var_run, place, rights):
    options, path = COVERED[place]
    os.mkdir(f"{folder}/part")
    write(f"{folder}/file", "")
    c = instance.start(*options, "-v", f"{folder}:{path}:ro", *rights, image=with_var_run)
    assert sorted(c.exec("ls", path).lines) == ["file", "part"]
    found = run_probes(c, covered_probes(path))
    assert [f for f in found if f[1] == "OK" and not f[0].startswith("move")] == []
    assert sorted(tree(folder)) == ["file", "part"]


def test_read_only_file_on_proc_is_locked(instance, folder):
    write(f"{folder}/file", "as it was")
    c = instance.start("-v", f"{folder}/file:/proc/uptime:ro", "--privileged", image="probe")
    assert c.exec("cat", "/proc/uptime").out == "as it was"
    c.exec("touch", "/target")
    found = run_probes(c, [["write", "/proc/uptime"], ["remount", "/proc/uptime"], ["setattr", "/proc/uptime"],
                           ["bind", "/proc/uptime", "/target"], ["clone", "/proc/uptime", "/target"]])
    assert [f for f in found if f[1] == "OK"] == []
    assert read(f"{folder}/file") == "as it was"


def test_a_tmpfs_with_a_bind_on_it_is_the_containers_own(same, folder):
    """Its root writes to it and remounts it as it could before."""
    write(f"{folder}/f", "x\n")

    def go(engine):
        c = engine.start("--tmpfs", "/t:size=4m,exec", "-v", f"{folder}:/t/b:ro", "-v", "data:/t/w", *ADMIN)
        return c.exec("sh", "-c", "cp /bin/busybox /t/busybox && /t/busybox true && cat /t/b/f && touch /t/w/f && "
                      "mount -o remount,size=8m t /t && df -m /t | tail -1 | awk '{print $2}' && "
                      "mount -o remount,ro t /t && ! touch /t/x 2>/dev/null && mount -o remount,rw t /t && touch /t/x && "
                      "mount -o remount,noexec t /t && ! /t/busybox true 2>/dev/null && ls /t").lines

    assert same(go) == ["x", "8", "b", "busybox", "w", "x"]


def test_nested_mounts_of_a_source_on_a_tmpfs(instance, folder):
    """The whole tree of a source comes with it, and read-only means all of it."""
    os.mkdir(f"{folder}/below")
    with mount_where([instance.dockerd()], "-t", "tmpfs", "-o", "mode=777", "tmpfs", f"{folder}/below"):
        write(f"/proc/{instance.dockerd()}/root{folder}/below/f", "deep")
        c = instance.start("--tmpfs", "/t", "-v", f"{folder}:/t/b:ro", "--privileged", image="probe")
        assert c.exec("cat", "/t/b/below/f").out == "deep"


# ── binds of root ──────────────────────────────────────────────────────────────────────────────────


def test_roots_bind_keeps_owners(same):
    def go(engine):
        with host_folder() as path:
            write(f"{path}/of-1234", "x")
            os.chown(f"{path}/of-1234", 1234, 1235)
            inside = engine.run("-v", f"{path}:/b", cmd="touch /b/new; mkdir /b/d; chown 1000:1001 /b/d; "
                                "stat -c '%n %u:%g' /b /b/*").lines
            return inside, tree(path)

    inside, on_disk = same(go)
    assert on_disk["new"][:2] == (0, 0) and on_disk["d"][:2] == (1000, 1001)
    assert "/b/of-1234 1234:1235" in inside


def test_bind_of_a_file(same, folder):
    def go(engine):
        write(f"{folder}/file", "from the host\n")
        out = engine.run("-v", f"{folder}/file:/etc/some/config", cmd="cat /etc/some/config; echo more >>/etc/some/config").out
        return out, read(f"{folder}/file")

    assert same(go) == ("from the host", "from the host\nmore\n")


def test_bind_of_a_link_is_of_its_target(same, folder):
    os.mkdir(f"{folder}/real")
    write(f"{folder}/real/f", "x")
    os.symlink("real", f"{folder}/link")
    assert same(lambda e: e.run("-v", f"{folder}/link:/b", cmd="ls /b").lines) == ["f"]


def test_bind_of_a_missing_source(same, folder):
    def go(engine):
        gone = engine.run("--mount", f"type=bind,src={folder}/none,dst=/b", check=False)
        made = engine.run("-v", f"{folder}/{engine.kind}-made:/b", cmd="touch /b/f; stat -c %u:%g /b")
        return gone.rc != 0, "bind source path does not exist" in gone.err, made.out

    assert same(go) == (True, True, "0:0")


def test_bind_over_a_path_of_the_image(same, folder):
    write(f"{folder}/f", "x")
    same(lambda e: e.run("-v", f"{folder}:/etc/new/deep/folder", "-v", f"{folder}/f:/home/dev/file", image="probe",
                         cmd="ls /etc/new/deep/folder; cat /home/dev/file").lines)


@pytest.mark.parametrize("options", [[], ["--tmpfs", "/run"], ["--read-only"]], ids=" ".join)
def test_bind_over_links_of_the_image(same, folder, options):
    """/var/run is a link in most images; some lead nowhere before the container runs."""
    os.mkdir(f"{folder}/image")
    support.run("tar", "-C", f"{folder}/image", "-xf", f"{support.CACHE}/images/probe.tar")
    os.rmdir(f"{folder}/image/run")
    os.symlink("../run/deep/er/config", f"{folder}/image/etc/config")
    os.symlink("/run", f"{folder}/image/var/run")
    os.mkdir(f"{folder}/b")
    write(f"{folder}/b/f", "x\n")

    def go(engine):
        engine.image_from(f"{folder}/image", "links", "CMD sh")
        return engine.run(*options, "-v", f"{folder}/b:/var/run/x/y:ro", "-v", f"{folder}/b/f:/etc/config", image="links",
                          cmd="cat /run/x/y/f /etc/config; readlink /etc/config; find /run | sort; ! touch /run/x/y/f 2>&1").lines

    assert same(go)[:3] == ["x", "x", "../run/deep/er/config"]


def test_binds_inside_binds(same, folder):
    os.mkdir(f"{folder}/a")
    os.mkdir(f"{folder}/a/sub")
    os.mkdir(f"{folder}/b")
    write(f"{folder}/b/f", "b")
    same(lambda e: e.run("-v", f"{folder}/a:/x", "-v", f"{folder}/b:/x/sub", "-v", "data:/x/sub2", "--tmpfs", "/x/sub3",
                         cmd="find /x | sort; cat /x/sub/f").lines)


def test_nested_mounts_of_the_source(same, folder):
    """A bind brings what is mounted below its source."""
    os.mkdir(f"{folder}/below")

    def go(engine):
        with mount_where([engine.dockerd()], "-t", "tmpfs", "-o", "mode=755", "tmpfs", f"{folder}/below"):
            there = f"/proc/{engine.dockerd()}/root{folder}/below"
            write(f"{there}/f", "deep")
            out = engine.run("-v", f"{folder}:/b", cmd="cat /b/below/f; echo; stat -c %u:%g /b/below/f; "
                             "echo x >/b/below/g && stat -c %u /b/below/g").lines
            return out, owner(f"{there}/g")

    assert same(go) == (["deep", "0:0", "0"], (0, 0))
    assert os.listdir(f"{folder}/below") == []


def test_propagation_options(instance, folder):
    for option in ("rprivate", "rslave", "rshared", "slave", "shared", "private"):
        done = instance.run("-v", f"{folder}:/b:{option}", cmd="ls /b >/dev/null && cat /proc/self/uid_map", check=False)
        if done.rc != 0:
            # dockerd itself refuses shared and slave where the source is not on such a mount
            assert "is not a shared" in done.err, done
        else:
            assert done.out.split()[2] == "65536"


def test_mounts_inside_do_not_come_out(instance, folder):
    c = instance.start("-v", f"{folder}:/b", "--privileged", image="probe")
    assert c.exec("/probe", "mount", "tmpfs", "/b", "").out == "OK"
    c.exec("touch", "/b/inside-only")
    assert os.listdir(folder) == []


def test_bind_of_a_socket(instance, folder):
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{folder}/s")
    server.listen()
    os.chmod(f"{folder}/s", 0o600)
    c = instance.start("-v", f"{folder}:/b", "-v", f"{folder}/s:/s", image="probe")
    assert c.exec("/probe", "connect", "/b/s", "--", "connect", "/s").lines == ["OK", "OK"]
    assert c.exec(["-u", "1000"], "/probe", "connect", "/s").out == "EACCES"
    server.close()


def test_socket_of_a_container_is_reached_from_the_host(instance, folder):
    c = instance.start("-v", f"{folder}:/b", image="probe")
    c.exec(["-d"], "/probe", "listen", "/b/s")
    wait_until(lambda: os.path.exists(f"{folder}/s"))
    client = socket.socket(socket.AF_UNIX)
    wait_until(lambda: client.connect_ex(f"{folder}/s") == 0)
    client.close()


def test_consistency_and_label_options(same, folder):
    for option in ("cached", "delegated", "z", "Z", "ro,z", "nocopy"):
        if option == "nocopy":
            same(lambda e: e.run("-v", "data:/b:nocopy", cmd="ls /b").rc)
        else:
            same(lambda e, o=option: e.run("-v", f"{folder}:/b:{o}", cmd="ls /b").rc)


# ── binds of a user ────────────────────────────────────────────────────────────────────────────────

@pytest.mark.gate
def test_users_bind_makes_files_of_the_user(instance, user):
    src = user.folder("src")
    out = instance.run("-v", f"{src}:/b", cmd="touch /b/f; mkdir /b/d; cp /bin/busybox /b/x; stat -c %u:%g /b /b/f",
                       user=user)
    assert out.lines == ["0:0", "0:0"]
    assert {v[:2] for v in tree(src).values()} == {(user.uid, user.gid)}


@pytest.mark.gate
def test_users_bind_other_ids_are_subordinate(instance, user):
    """Files of uid 1000 inside belong to the asker's subordinate ids outside, and are 1000's again."""
    src = user.folder("src")
    instance.run("-v", f"{src}:/b", cmd="touch /b/f /b/g; chown 1000:1001 /b/f; chown 65534:65534 /b/g; mkdir -m 777 /b/d",
                 user=user)
    start, count = user.subuid
    gstart, gcount = user.subgid
    for name in ("f", "g"):
        uid, gid = owner(f"{src}/{name}")
        assert start <= uid < start + count and gstart <= gid < gstart + gcount
    assert owner(f"{src}/f") != owner(f"{src}/g")
    again = instance.run("-v", f"{src}:/b", "-u", "1000:1001", cmd="stat -c %u:%g /b/f /b/g; echo x >>/b/f; touch /b/d/h",
                         user=user)
    assert again.lines == ["1000:1001", "65534:65534"]
    assert owner(f"{src}/d/h") == owner(f"{src}/f")


@pytest.mark.gate
@pytest.mark.parametrize("options", (["-e", "PUID={uid}"], ["-l", "gabion.bind-owner=user"]), ids=("told", "label"))
def test_users_bind_keeps_the_users_number(instance, user, options):
    """Root starts it and somebody with the user's number works in it: the files are the user's in there and outside."""
    src = user.folder("src")
    write(f"{src}/f", "mine", 0o600)
    os.chown(f"{src}/f", user.uid, user.gid)
    options = [o.format(uid=user.uid) for o in options]
    same = f"{user.uid}:{user.gid}"
    out = instance.run("-v", f"{src}:/b", *options, cmd=f"stat -c %u:%g /b /b/f; cat /b/f; touch /b/g; chown {same} /b/g; echo more >>/b/f",
                       user=user)
    assert out.lines == [same, same, "mine"] and read(f"{src}/f") == "minemore\n"
    assert {v[:2] for v in tree(src).values()} == {(user.uid, user.gid)}
    # Root's own are a subordinate id's, which that user inside may not touch, as ever.
    instance.run("-v", f"{src}:/b", *options, cmd="touch /b/r", user=user)
    start, count = user.subuid
    assert start <= owner(f"{src}/r")[0] < start + count
    # Who does not say so has them as root's.
    assert instance.run("-v", f"{src}:/b", *options, "-l", "gabion.bind-owner=root", cmd="stat -c %u:%g /b/f",
                        user=user).out == "0:0"


@pytest.mark.gate
def test_user_without_subordinate_ids(instance, user_without_subids):
    user = user_without_subids
    src = user.folder("src")
    for _ in range(2):
        out = instance.run("-v", f"{src}:/b", cmd="touch /b/f; chown 1000 /b/f; stat -c %u /b/f; touch /b/mine", user=user)
        assert out.out == "1000"
    uid = owner(f"{src}/f")[0]
    assert uid >= 100000
    assert owner(f"{src}/mine")[0] == user.uid
    assert not any(start <= uid < start + count for name, start, count in support.sub_ranges()
                   if name not in (user.name, str(user.uid), "gabion")), uid


@pytest.mark.gate
def test_ranges_set_aside_differ_from_containers(instance, user_without_subids):
    user = user_without_subids
    src = user.folder("src")
    c = instance.start("-v", f"{src}:/b", user=user)
    c.exec("touch /b/f; chown 1000 /b/f")
    assert not overlaps((owner(f"{src}/f")[0], 1), (c.base(), support.RANGE))


@pytest.mark.gate
def test_no_setuid_root_file_is_left(instance, user):
    src = user.folder("src")
    instance.run("-v", f"{src}:/b", "--privileged", user=user, cmd=(
        "cp /bin/busybox /b/a; chmod 4755 /b/a; cp /bin/busybox /b/b; chown 0:0 /b/b; chmod 6755 /b/b; "
        "mkdir /b/d; chmod 2777 /b/d; touch /b/d/g; chmod 2755 /b/d/g; mknod /b/null c 1 3; mknod /b/vda b 254 0; true"))
    for path, (uid, gid, mode, kind) in tree(src).items():
        assert uid != 0, path
        assert gid != 0 or not mode & stat.S_ISGID, path
        assert kind not in "bc", path


@contextlib.contextmanager
def layout(user, other, strangers_group):
    """A tree with every kind of owner and mode that a developer meets."""
    top = user.folder("tree")
    spec = [  # path, owner, mode; a trailing slash is a folder
        ("mine", user, 0o644), ("mine-private", user, 0o600), ("mine-d/", user, 0o755), ("mine-d/of-root", None, 0o644),
        ("mine-d/of-other", other, 0o600), ("root-secret", None, 0o600), ("root-public", None, 0o644),
        ("root-open", None, 0o666), ("root-d/", None, 0o755), ("root-d/f", None, 0o644), ("root-closed/", None, 0o700),
        ("root-closed/f", None, 0o644), ("sticky/", None, 0o1777), ("sticky/of-other", other, 0o644),
        ("sticky/mine", user, 0o644), ("open-d/", None, 0o777), ("open-d/of-other", other, 0o644),
        ("other-secret", other, 0o600), ("other-public", other, 0o644), ("other-open", other, 0o666),
        ("other-program", other, 0o755),
    ]
    for path, who, mode in spec:
        full = f"{top}/{path}"
        if path.endswith("/"):
            os.mkdir(full)
        else:
            write(full, "content\n")
        os.chown(full, who.uid if who else 0, who.gid if who else strangers_group)
        os.chmod(full, mode)
    yield top
    support.run("rm", "-rf", top)


OPERATIONS = [
    "cat mine", "echo x >>mine", "rm mine", "chmod 600 mine", "mv mine moved", "cat mine-private", "ln mine hard",
    "rm -r mine-d", "rm mine-d/of-root", "rm mine-d/of-other", "cat mine-d/of-other",
    "cat root-secret", "echo x >>root-secret", "chmod 666 root-secret", "rm root-secret", "chown 0 root-secret",
    "cat root-public", "echo x >>root-public", "chmod 666 root-public", "touch -d 2001-01-01 root-public",
    "cat root-open", "echo x >>root-open", "chmod 600 root-open", "chown 0:0 root-open", "truncate -s 0 root-open",
    "touch root-d/new", "rm root-d/f", "mv root-d/f root-d/g", "mkdir root-d/new", "rmdir root-d", "chmod 777 root-d",
    "ls root-closed", "cat root-closed/f", "touch root-closed/new", "chmod 777 root-closed",
    "touch sticky/new", "rm sticky/of-other", "mv sticky/of-other sticky/x", "rm sticky/mine", "mkdir sticky/d",
    "touch open-d/new", "rm open-d/of-other", "mv open-d/of-other open-d/x", "mkdir -p open-d/a/b",
    "cat other-secret", "echo x >>other-secret", "chmod 644 other-secret", "rm other-secret",
    "cat other-public", "echo x >>other-public", "echo x >>other-open", "chmod 777 other-open", "chmod 4755 other-program",
    "touch new", "mkdir new", "ln -s mine new", "mkfifo new",
]


class Stranger:
    """A process of an id without an account, on the host."""

    def __init__(self, uid, gid, home):
        self.uid, self.gid, self.home = uid, gid, home

    def groups(self):
        return [self.gid]


@pytest.mark.gate
@pytest.mark.parametrize("inside", ["root", "uid 1000", "privileged root"])
def test_users_bind_has_the_users_rights(instance, user, other_user, inside):
    """Each operation has the outcome in the container that it has for the asker on the host; for
    another id inside, the outcome that one of the asker's subordinate ids has there."""
    strangers = 54321  # a group that nobody is in
    who = Stranger(user.subuid[0] + 7, user.subgid[0] + 7, "/") if inside == "uid 1000" else user
    options = {"uid 1000": ["-u", "1000:1000"], "privileged root": ["--privileged"], "root": []}[inside]
    with layout(user, other_user, strangers) as top:
        keep = f"{user.home}/keep"
        support.run("cp", "-a", top, keep)
    user.folder("tree")
    c = instance.start("-v", f"{user.home}/tree:/tree", "-w", "/tree", *options, user=user)

    def fresh():
        support.run("sh", "-c", f"rm -rf {user.home}/tree/* && cp -a {keep}/. {user.home}/tree/")

    wrong = []
    for operation in OPERATIONS:
        fresh()
        on_host = support.run("sh", "-c", operation, user=who, cwd=f"{user.home}/tree", check=False).rc == 0
        fresh()
        in_container = c.exec("sh", "-c", operation, check=False).rc == 0
        if on_host != in_container:
            wrong.append((operation, f"host {on_host}, container {in_container}"))
    support.run("rm", "-rf", keep)
    assert wrong == []


@pytest.mark.gate
@pytest.mark.parametrize("mode,listed,made", [(0o755, True, False), (0o777, True, True), (0o1777, True, True), (0o711, False, False)],
                         ids=["755", "777", "1777", "711"])
def test_users_bind_of_roots_folders(instance, user, folder, mode, listed, made):
    """A folder of root's is for a container of the user what it is for the user."""
    write(f"{folder}/f", "x")
    os.chmod(folder, mode)
    c = instance.start("-v", f"{folder}:/b", user=user)
    assert (c.exec("ls", "/b", check=False).rc == 0) == listed
    assert (c.exec("touch", "/b/new", check=False).rc == 0) == made
    assert c.exec("cat", "/b/f").out == "x"
    assert c.exec("sh", "-c", "echo y >>/b/f", check=False).rc != 0
    if made:
        assert owner(f"{folder}/new") == (user.uid, user.gid)


@pytest.mark.gate
def test_users_bind_of_what_the_user_cannot_reach(instance, user, folder):
    """A path behind a folder that the asker may not enter is not given out, whatever leads there."""
    os.mkdir(f"{folder}/closed", 0o700)
    os.mkdir(f"{folder}/closed/inner", 0o755)
    write(f"{folder}/closed/inner/secret", "secret")
    os.symlink(f"{folder}/closed/inner", f"{user.home}/link")
    for source in (f"{folder}/closed/inner", f"{user.home}/link", f"{folder}/closed", f"{user.home}/../../{folder}/closed/inner"):
        done = instance.run("-v", f"{source}:/b", cmd="cat /b/secret /b/inner/secret; touch /b/new", user=user, check=False)
        assert "secret" not in done.out, done
    assert os.listdir(f"{folder}/closed/inner") == ["secret"]


@pytest.mark.gate
def test_missing_source_of_a_user_is_made_as_the_user(instance, user):
    """-v of a folder that is not there yet: the engine makes it; the container's root can use it."""
    path = f"{user.home}/made/by/docker"
    instance.run("-v", f"{path}:/b", cmd="touch /b/f", user=user)
    assert owner(f"{path}/f") == (user.uid, user.gid)
    assert owner(path)[0] == user.uid


@pytest.mark.gate
def test_missing_source_is_not_made_where_the_user_may_not(instance, user, folder):
    done = instance.run("-v", f"{folder}/new:/b", cmd="touch /b/f", user=user, check=False)
    assert done.rc != 0
    assert os.listdir(folder) == []


@pytest.mark.gate
def test_users_bind_of_a_group_folder(instance, user, other_user, folder):
    """A project folder of a group: its members work in it as root of a container, others do not."""
    group = f"gbtg{os.getpid() % 100000}"
    support.run("groupadd", group)
    try:
        support.run("usermod", "-aG", group, user.name)
        gid = int(read("/etc/group").split(f"{group}:x:")[1].split(":")[0])
        os.mkdir(f"{folder}/project")
        write(f"{folder}/project/f", "x", 0o660)
        for path in (f"{folder}/project", f"{folder}/project/f"):
            os.chown(path, 0, gid)
        os.chmod(f"{folder}/project", 0o2770)
        out = instance.run("-v", f"{folder}/project:/b", cmd="cat /b/f; echo y >>/b/f; touch /b/new; mkdir /b/d", user=user)
        assert out.out == "x"
        assert owner(f"{folder}/project/new") == (user.uid, gid)
        assert owner(f"{folder}/project/d") == (user.uid, gid)
        denied = instance.run("-v", f"{folder}/project:/b", cmd="cat /b/f; touch /b/of-other", user=other_user, check=False)
        assert denied.rc != 0 and "x" not in denied.lines
        assert "of-other" not in os.listdir(f"{folder}/project")
    finally:
        support.run("groupdel", "-f", group, check=False)


@pytest.mark.gate
def test_users_read_only_bind(instance, user):
    src = user.folder("src")
    write(f"{src}/f", "x", 0o644)
    c = instance.start("-v", f"{src}:/ro:ro", "--privileged", image="probe", user=user)
    found = run_probes(c, [["write", "/ro"], ["remount", "/ro"], ["setattr", "/ro"], ["bind", "/ro", "/mnt"],
                           ["clone", "/ro", "/mnt"], ["umount", "/ro"]])
    assert [f for f in found if f[1] == "OK"] == []
    assert os.listdir(src) == ["f"]


@pytest.mark.gate
def test_users_bind_of_a_file_and_a_socket(instance, user):
    src = user.folder("src")
    write(f"{src}/file", "content", 0o600)
    os.chown(f"{src}/file", user.uid, user.gid)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{src}/s")
    listener.listen()
    os.chown(f"{src}/s", user.uid, user.gid)
    os.chmod(f"{src}/s", 0o600)
    out = instance.run("-v", f"{src}/file:/file", "-v", f"{src}/s:/s", image="probe", user=user,
                       cmd="cat /file; echo; echo more >>/file; /probe connect /s")
    listener.close()
    assert out.lines == ["content", "OK"]
    assert owner(f"{src}/file") == (user.uid, user.gid) and mode_of(f"{src}/file") == 0o600


@pytest.mark.gate
def test_bind_in_the_guise_of_a_volume(instance, user):
    """A local volume with o=bind is a host path; it must not get root's mapping for a user."""
    src = user.folder("src")
    made = instance.docker("volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", f"device={src}",
                           "disguised", user=user, check=False)
    if made.rc == 0:
        instance.run("-v", "disguised:/b", cmd="cp /bin/busybox /b/su; chmod 4755 /b/su", user=user, check=False)
    for path, (uid, _, mode, _) in tree(src).items():
        assert uid != 0 or not mode & stat.S_ISUID, path


@pytest.mark.gate
def test_bind_of_the_folder_of_another_user(instance, user, other_user):
    theirs = other_user.folder("private", 0o700)
    write(f"{theirs}/secret", "secret", 0o600)
    os.chown(f"{theirs}/secret", other_user.uid, other_user.gid)
    done = instance.run("-v", f"{theirs}:/b", "--privileged", cmd="ls /b; cat /b/secret; touch /b/new", user=user, check=False)
    assert done.rc != 0 and "secret" not in done.out
    assert os.listdir(theirs) == ["secret"]


@pytest.mark.gate
def test_who_asked_is_recorded(instance, user):
    c = instance.create("-v", f"{user.folder('src')}:/b", user=user)
    record = json.loads(read(f"{instance.dir}/lib/askers/{c.id}"))
    assert record["uid"] == user.uid
    c.remove()
    wait_until(lambda: not os.path.exists(f"{instance.dir}/lib/askers/{c.id}"))


@pytest.fixture
def theirs(instance, user):
    """A container of a user with a bind that acts for that user."""
    src = user.folder("src")
    c = instance.start("-v", f"{src}:/b", "--init", user=user)
    c.src = src
    return c


@pytest.mark.gate
def test_others_may_not_act_on_a_users_container(instance, user, other_user, theirs):
    write(f"{other_user.home}/f", "x", 0o644)
    denied = {
        "exec": ["exec", theirs.id, "touch", "/b/f"],
        "exec --privileged": ["exec", "--privileged", "-u", "0", theirs.id, "touch", "/b/f"],
        "cp in": ["cp", f"{other_user.home}/f", f"{theirs.id}:/b/f"],
        "cp out": ["cp", f"{theirs.id}:/b", "-"],
        "commit": ["commit", theirs.id, "stolen"],
        "volumes-from": ["run", "--rm", "--volumes-from", theirs.id, "alpine", "touch", "/b/f"],
    }
    for name, argv in denied.items():
        done = instance.docker(*argv, user=other_user, check=False)
        assert done.rc != 0, name
        assert os.listdir(theirs.src) == [], name
    instance.docker("stop", "-t", "1", theirs.id)
    assert instance.docker("start", theirs.id, user=other_user, check=False).rc != 0
    for who in (user, None):
        instance.docker("start", theirs.id, user=who)
        instance.docker("exec", theirs.id, "touch", "/b/f", user=who)
        instance.docker("cp", f"{theirs.id}:/b/f", "-", user=who)
        instance.docker("stop", "-t", "1", theirs.id, user=who)


@pytest.mark.gate
def test_roots_bind_is_not_for_users(instance, user, folder):
    """A container of root with a host path of root: a user may not act through it."""
    c = instance.start("-v", f"{folder}:/b")
    done = instance.docker("exec", c.id, "touch", "/b/f", user=user, check=False)
    assert done.rc != 0
    assert os.listdir(folder) == []


@pytest.mark.gate
def test_without_host_paths_a_container_is_everybodys(instance, user, other_user):
    c = instance.start("-v", "data:/data", user=user)
    instance.docker("exec", c.id, "touch", "/data/f", user=other_user)
    instance.docker("exec", c.id, "touch", "/data/g")


@pytest.mark.gate
def test_unshare_removes_left_overs(instance, user):
    src = user.folder("src")
    instance.run("-v", f"{src}:/b", cmd="mkdir /b/d; touch /b/d/f; chown -R 1000:1000 /b/d; chmod 700 /b/d", user=user)
    assert support.run("rm", "-rf", f"{src}/d", user=user, check=False).rc != 0
    instance.cli("unshare", "rm", "-rf", f"{src}/d", user=user)
    assert os.listdir(src) == []


@pytest.mark.gate
def test_unshare_gives_no_more_than_the_users_own(instance, user, folder):
    write(f"{folder}/f", "root's", 0o600)
    done = instance.cli("unshare", "cat", f"{folder}/f", user=user, check=False)
    assert done.rc != 0 and "root's" not in done.text
    assert instance.cli("unshare", "chown", "0", f"{folder}/f", user=user, check=False).rc != 0


# ── what cannot be mapped, and what has no record ──────────────────────────────────────────────────


@contextlib.contextmanager
def overlay_on_the_host(folder, pid):
    for name in ("l", "u", "w", "m"):
        os.mkdir(f"{folder}/{name}")
    write(f"{folder}/l/f", "x")
    with mount_where([pid], "-t", "overlay", "overlay", "-o",
                     f"lowerdir={folder}/l,upperdir={folder}/u,workdir={folder}/w", f"{folder}/m") as target:
        yield target


def test_file_system_that_cannot_be_mapped(instance, folder):
    with overlay_on_the_host(folder, instance.dockerd()) as source:
        done = instance.run("-v", f"{source}:/b", cmd="cat /b/f", check=False)
        assert done.rc != 0, done
        assert "overlay" in done.err and source in done.err, done


def add_bind(source, target="/b", options=("rbind",)):
    def edit(spec):
        spec["mounts"].append({"destination": target, "type": "bind", "source": source, "options": list(options)})
    return edit


@pytest.fixture
def box_of(folder):
    """Boxes with a given etc/gabion.json."""
    del folder
    with contextlib.ExitStack() as stack:
        def make(config):
            made = bundle.Box(os.environ.get("GABION_E2E_RUNTIME") or support.program("gabion-runc"), config=config)
            stack.callback(made.close)
            return made
        yield make


def test_nobody_by_setting(box_of, folder):
    box = box_of({"bindsWithoutRecord": "root", "unmappableFilesystem": "nobody"})
    with overlay_on_the_host(folder, box.holder.pid) as source:
        made = box.bundle("stat -c %u /b/f; touch /b/new", edit=add_bind(source))
        done = box.run(made, check=False)
        assert done.lines[:1] == ["65534"], done
        assert done.rc != 0 and os.listdir(f"{folder}/u") == []


def test_no_record_no_bind(box_of, folder):
    box = box_of({})
    write(f"{folder}/f", "content")
    done = box.run(box.bundle("cat /b/f", edit=add_bind(folder)), check=False)
    assert done.rc != 0 and "content" not in done.out
    assert folder in done.err, done
    allowed = box_of({"bindsWithoutRecord": "root"})
    assert allowed.run(allowed.bundle("cat /b/f", edit=add_bind(folder))).out == "content"


@pytest.mark.parametrize("options", [["rbind", "ro"], ["bind", "ro"], ["rbind", "rprivate", "ro"], ["bind", "ro", "idmap"]])
def test_read_only_of_a_bundle_is_locked(box_of, folder, options):
    box = box_of({"bindsWithoutRecord": "root"})

    def edit(spec):
        add_bind(folder, options=options)(spec)
        caps = spec["process"]["capabilities"]
        for kind in caps:
            caps[kind] = caps[kind] + ["CAP_SYS_ADMIN"]

    done = box.run(box.bundle("/probe write /b -- remount /b -- setattr /b -- bind /b /mnt -- umount /b", edit=edit), check=False)
    assert "OK" not in done.lines, done
    assert os.listdir(folder) == []


LOWERS = ["/usr/bin/crun", "/usr/sbin/runc"]


def with_admin(*edits):
    def edit(spec):
        for e in edits:
            e(spec)
        caps = spec["process"]["capabilities"]
        for kind in caps:
            caps[kind] = caps[kind] + ["CAP_SYS_ADMIN"]
    return edit


def add_tmpfs(target):
    def edit(spec):
        spec["mounts"].append({"destination": target, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]})
    return edit


@pytest.mark.parametrize("lower", LOWERS, ids=os.path.basename)
def test_read_only_is_locked_whatever_the_lower_runtime(box_of, folder, lower):
    box = box_of({"bindsWithoutRecord": "root", "lowerRuntime": lower})
    os.mkdir(f"{folder}/part")
    for path, *edits in (["/b"], ["/dev/foo"], ["/dev/shm/foo"], ["/t/b", add_tmpfs("/t")],
                         ["/t/b", add_tmpfs("/t"), lambda spec: spec["linux"].update(rootfsPropagation="rprivate")]):
        for options in (["rbind", "ro"], ["bind", "ro"]):
            probes = [" ".join(p) for p in locked_probes(path) if "umount" not in p and "move" not in p]
            made = box.bundle(f"ls {path}; /probe " + " -- ".join(probes), edit=with_admin(*edits, add_bind(folder, path, options)))
            done = box.run(made, check=False)
            assert done.lines[0] == "part" and len(done.lines) == len(probes) + 1 and "OK" not in done.lines, (path, options, done)
            assert os.listdir(folder) == ["part"]


@pytest.mark.parametrize("options,propagation", [(["rbind", "ro", "rslave"], None), (["rbind", "ro"], "rslave"), (["rbind"], "rslave")],
                         ids=["follows", "another follows", "a read-only mount in it"])
def test_read_only_that_cannot_be_locked_is_refused(box_of, folder, options, propagation):
    """What is to follow mounts of the host, or is beside something that is, cannot be locked on a tmpfs."""
    box = box_of({"bindsWithoutRecord": "root"})
    os.mkdir(f"{folder}/below")

    def propagate(spec):
        if propagation:
            spec["linux"]["rootfsPropagation"] = propagation

    edits = [add_tmpfs("/t"), propagate]
    with mount_where([box.holder.pid], "-t", "tmpfs", "-o", "ro" if options == ["rbind"] else "rw", "tmpfs", f"{folder}/below"):
        done = box.run(box.bundle("ls /t/b", edit=with_admin(*edits, add_bind(folder, "/t/b", options))), check=False)
        assert done.rc != 0 and "below" not in done.out, done
        assert folder in done.err and "/t/b" in done.err and "read-only" in done.err, done
    writable = [o for o in options if o != "ro"]
    assert box.run(box.bundle("ls /t/b", edit=with_admin(*edits, add_bind(folder, "/t/b", writable)))).out == "below"
    assert box.run(box.bundle("ls /b", edit=with_admin(*edits, add_bind(folder, "/b", options)))).out == "below"
