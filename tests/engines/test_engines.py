# SPDX-License-Identifier: Apache-2.0
"""The same short list on every engine, lower runtime and image store.

The end-to-end tests ask everything of Debian 12's engine; here is what engines do differently: how
they name, mount and copy root file systems, volumes and image mounts, how they make networks, what
they put into the spec.
"""

import io
import json
import os
import tarfile

import pytest

import space
import support
from support import RANGE, id_map, map_of, owner, read, run, wait_until

pytestmark = pytest.mark.long

MAPS = "cat /proc/self/uid_map /proc/self/gid_map"
SHARED = "sysbox containers can't share namespaces [{}] with the host (because they use the linux user-namespace for isolation)"
NETWORK = "sysbox containers can't share a network namespace with the host"


def caged(text):
    maps = id_map(text)
    assert len(maps) == 2 and maps[0] == maps[1], text
    inside, base, count = maps[0]
    assert (inside, count) == (0, RANGE) and base >= 100000, text
    return base


def need_version(engine, *least):
    if engine.version < least:
        pytest.skip(f"Docker {'.'.join(map(str, engine.version))} has no such option")


# ── the cage ───────────────────────────────────────────────────────────────────────────────────────

def test_maps(engine):
    bases = {caged(engine.run(*o, cmd=MAPS).out) for o in ([], ["--privileged"], ["-u", "1000"])}
    assert len(bases) == 3
    c = engine.start()
    for options in ([], ["--privileged"], ["-u", "7"]):
        assert caged(c.exec(options or ["-i"], "sh", "-c", MAPS).out) == c.base()


def test_processes_are_nobody_outside(engine):
    c = engine.start("--privileged", "-u", "1000:1001")
    status = support.status_of(c.pid)
    assert status["Uid"].split() == [str(c.base() + 1000)] * 4
    assert status["Gid"].split() == [str(c.base() + 1001)] * 4


@pytest.mark.parametrize("options,text", [
    (["--pid=host"], SHARED.format("pid")), (["--ipc=host"], SHARED.format("ipc")),
    (["--uts=host"], SHARED.format("uts")), (["--network=host"], NETWORK),
    (["--privileged", "--pid=host"], SHARED.format("pid"))], ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_hosts_namespaces_are_refused(engine, options, text):
    done = engine.run(*options, cmd="echo inside", check=False)
    assert done.rc != 0 and done.out == "" and text in done.err, done
    assert engine.docker("ps", "-aq").out == ""


def test_runtime_and_userns_are_ignored(engine):
    for options in (["--userns=host"], ["--runtime=io.containerd.runc.v2"], ["--runtime=runc"]):
        caged(engine.run(*options, cmd=MAPS).out)


def test_annotations_are_no_orders(engine):
    """crun would look for a handler of that name, and fail."""
    need_version(engine, 24)
    assert engine.run("--annotation", "run.oci.handler=nonesuch", "--annotation",
                      "run.oci.seccomp.receiver=/nonesuch", cmd="echo inside").out == "inside"


# ── files ──────────────────────────────────────────────────────────────────────────────────────────

def test_owners(engine):
    c = engine.start()
    c.exec("touch /gbt-root; touch /gbt-user; chown 1000:1001 /gbt-user; chown 5:6 /etc/passwd; mkdir -m 700 /gbt-dir")
    assert c.exec("stat -c %u:%g /gbt-root /gbt-user /etc/passwd / /bin").lines == ["0:0", "1000:1001", "5:6", "0:0", "0:0"]
    assert {owner(p) for p in engine.on_disk("gbt-root") + engine.on_disk("gbt-dir")} == {(0, 0)}
    assert {owner(p) for p in engine.on_disk("gbt-user")} == {(1000, 1001)}
    assert (5, 6) in {owner(p) for p in engine.on_disk("passwd")}


def test_restart_and_write(engine):
    c = engine.start()
    for n in range(2):
        c.exec(f"echo {n} >/round-{n}; echo {n} >>/etc/hostname-{n}")
        engine.docker("restart", "-t", "0", c.id)
        assert c.exec("cat /round-* /etc/hostname-*").lines == [str(i) for i in range(n + 1)] * 2
    engine.docker("stop", "-t", "0", c.id)
    engine.docker("start", c.id)
    c.exec("rm /round-0; echo new >/round-1")
    assert c.exec("ls -d /round*; cat /round-1; stat -c %u:%g /round-1").text.split() == ["/round-1", "new", "0:0"]
    engine.docker("pause", c.id)
    engine.docker("unpause", c.id)
    engine.docker("update", "--memory", "64m", "--memory-swap", "64m", c.id)
    assert c.exec("echo still").out == "still"


def test_commit_and_diff(engine):
    c = engine.start()
    c.exec("touch /a; adduser -D -u 1234 joe; touch /home/joe/f; chown joe /home/joe/f; rm /etc/group")
    assert {"A /a", "A /home/joe", "C /etc", "C /etc/passwd", "D /etc/group"} <= set(engine.docker("diff", c.id).lines)
    engine.docker("commit", c.id, "gbt-committed")
    try:
        out = engine.docker("run", "--rm", "-u", "joe", "gbt-committed", "sh", "-c",
                            "stat -c %u:%g /a /home/joe/f; id -u; test -e /etc/group || echo gone").lines
        assert out == ["0:0", "1234:0", "1234", "gone"], out
    finally:
        engine.docker("rmi", "-f", "gbt-committed")


def tree_of(done):
    with tarfile.open(fileobj=io.BytesIO(done)) as t:
        return {m.name.strip("/"): (m.uid, m.gid, m.mode & 0o7777) for m in t.getmembers()}


def export(engine, c):
    """docker export; the bytes do not pass through text."""
    path = f"{engine.dir}/export.tar"
    engine.docker("export", "-o", path, c.id)
    with open(path, "rb") as f:
        found = tree_of(f.read())
    os.unlink(path)
    return found


def test_export(engine):
    c = engine.start()
    c.exec("mkdir /d; touch /d/f; chown 1000:1001 /d/f; chmod 4755 /d/f")
    if engine.version < (23,) or engine.store == "vfs":
        running = export(engine, c)
        assert running["d/f"] == (1000, 1001, 0o4755) and running["d"][:2] == (0, 0)
    engine.docker("stop", "-t", "0", c.id)
    stopped = export(engine, c)
    assert stopped["d/f"] == (1000, 1001, 0o4755) and stopped["etc/passwd"][:2] == (0, 0)


def test_copy_of_a_stopped_container(engine, folder):
    """Copying with a running one is the gate's; without it: an error, and nothing changed."""
    c = engine.start()
    support.write(f"{folder}/f", "content")
    os.chown(f"{folder}/f", 1000, 1001)
    if engine.store != "vfs":
        assert engine.docker("cp", "-a", f"{folder}/f", f"{c.id}:/", check=False).rc != 0
        assert c.exec("ls", "/f", check=False).rc != 0
    engine.docker("stop", "-t", "0", c.id)
    engine.docker("cp", "-a", f"{folder}/f", f"{c.id}:/g")
    engine.docker("cp", f"{c.id}:/g", f"{folder}/h")
    assert read(f"{folder}/h") == "content"
    engine.docker("start", c.id)
    assert c.exec("stat -c %u:%g /g; cat /g").lines == ["1000:1001", "content"]


def load_layers(engine, count, name):
    """An image of alpine and `count` layers more, without building it."""
    path = f"{engine.dir}/layers.tar"
    space.write_image(path, f"{name}:latest", count)
    engine.docker("load", "-i", path, timeout=300)
    os.unlink(path)


def test_many_layers(engine):
    """As many as the store allows: graph drivers 125, containerd's 130 of ours."""
    engine.need("alpine")
    count = {"overlay2": 123, "containerd": 130, "vfs": 12}[engine.store]
    load_layers(engine, count, "gbt-layers")
    try:
        c = engine.start(image="gbt-layers")
        assert c.exec("ls -d /layer-* | wc -l; cat /last; stat -c %u:%g /last /layer-7").lines == \
            [str(count), str(count - 1), f"{count - 1}:{count - 1}", "7:7"]
        c.exec("echo x >/last; rm /layer-3")
        engine.docker("restart", "-t", "0", c.id)
        assert c.exec("cat /last; ls -d /layer-* | wc -l").lines == ["x", str(count - 1)]
        assert {"C /last", "D /layer-3"} <= set(engine.docker("diff", c.id).lines)
        c.remove()
    finally:
        engine.docker("rmi", "-f", "gbt-layers")


# ── mounts ─────────────────────────────────────────────────────────────────────────────────────────

def test_volume(engine):
    a = engine.start("-v", "gbtvol:/v")
    b = engine.start("-v", "gbtvol:/v", "--privileged")
    assert a.base() != b.base()
    a.exec("touch /v/gbt-volume; chown 33:34 /v/gbt-volume")
    assert b.exec("stat -c %u:%g /v /v/gbt-volume").lines == ["0:0", "33:34"]
    assert {owner(p) for p in engine.on_disk("gbt-volume")} == {(33, 34)}
    reader = engine.start("-v", "gbtvol:/v:ro", "--privileged")
    assert reader.exec("touch /v/x; mount -o remount,rw,bind /v; umount /v; touch /v/x", check=False).rc != 0
    assert b.exec("ls", "/v").out == "gbt-volume"


def test_volume_subpath(engine):
    need_version(engine, 26)
    mount = "type=volume,src=gbtsub,dst=/s,volume-subpath=a/b"
    engine.run("-v", "gbtsub:/v", cmd="mkdir -p /v/a/b; touch /v/a/b/f /v/secret; chown 9:9 /v/a/b/f; echo 1 >/v/a/file")
    c = engine.start("--mount", mount)
    assert c.exec("ls /s; stat -c %u:%g /s/f; touch /s/g; stat -c %u:%g /s/g").lines == ["f", "9:9", "0:0"]
    read_only = engine.start("--privileged", "--mount", mount + ",readonly")
    assert read_only.exec("mount -o remount,rw,bind /s; touch /s/h", check=False).rc != 0
    assert engine.run("--mount", mount.replace("a/b", "a/file"), cmd="cat /s; echo 2 >/s; cat /s").lines == ["1", "2"]
    engine.docker("restart", "-t", "0", c.id)
    assert c.exec("ls", "/s").lines == ["f", "g"]


def test_image_mount(engine):
    need_version(engine, 28)
    engine.need("probe")
    c = engine.start("--privileged", "--mount", "type=image,src=probe,dst=/img")
    assert c.exec("stat -c %u:%g /img /img/bin/busybox").lines == ["0:0", "0:0"]
    for attempt in ("touch /img/x", "mount -o remount,rw /img && touch /img/x", "mount -o remount,rw,bind /img; touch /img/x"):
        assert c.exec("sh", "-c", attempt, check=False).rc != 0, attempt
    engine.docker("restart", "-t", "0", c.id)
    assert c.exec("test -x /img/bin/busybox && echo yes").out == "yes"
    sub = engine.run("--mount", "type=image,src=probe,dst=/img,image-subpath=etc", cmd="stat -c %u:%g /img; cat /img/passwd | head -n1")
    assert sub.lines[0] == "0:0" and sub.lines[1].startswith("root:"), sub


def test_data_of_others_is_no_mount(engine):
    """What the engine mounts for one container is not to be had by naming its path."""
    c = engine.start("-v", "gbtvol:/v", cmd="sleep 1000; true")
    paths = [f"{engine.dir}/lib/engine/containers/{c.id}/mounts", f"{engine.dir}/lib/engine/containers/{c.id}",
             f"{engine.dir}/lib/engine/containers/{c.id}/hosts", f"{engine.dir}/lib/engine/containers/{c.id}/resolv.conf",
             f"{engine.dir}/lib/engine", f"{engine.dir}/lib/containerd", f"{engine.dir}/lib/engine/tmp"]
    view = json.loads(read(f"{engine.dir}/run/containers/{c.id}.json")).get("view")
    if view:
        paths += [view, f"{view}/etc", os.path.dirname(view)]
    for path in paths:
        done = engine.run("-v", f"{path}:/x", cmd="echo inside", check=False)
        assert done.rc != 0 and "restricted host mount" in done.err, (path, done)


def test_binds(engine, folder):
    support.write(f"{folder}/f", "content\n", 0o600)
    assert engine.run("-v", f"{folder}:/b", cmd="cat /b/f; touch /b/g; stat -c %u:%g /b/g").lines == ["content", "0:0"]
    assert owner(f"{folder}/g") == (0, 0)
    for path in ("/etc", "/proc", "/", f"{engine.dir}/etc"):
        done = engine.run("-v", f"{path}:/b", cmd="ls /b", check=False)
        assert done.rc != 0 and "restricted host mount" in done.err, done
    done = engine.run("-v", f"{engine.socket}:/b", cmd="ls /b", check=False)
    assert done.rc != 0 and "docker socket mount denied" in done.err, done
    with engine.facts(bindsWithoutRecord=None):
        done = engine.run("-v", f"{folder}:/b", cmd="cat /b/f", check=False)
        assert done.rc != 0 and "nobody is on record" in done.err, done
        assert engine.run("-v", "gbtvol:/v", cmd="echo volumes need none").rc == 0


def test_small_mounts(engine):
    assert engine.run("--init", cmd="ps -o args").lines[1].startswith("/sbin/docker-init")
    done = engine.run("--read-only", "--tmpfs", "/t", "--tmpfs", "/u:size=1m,mode=700", cmd="touch /x || touch /t/x /u/x && "
                      "stat -c %u:%g /t/x /u; mount | grep ' on / '")
    assert done.lines[:2] == ["0:0", "0:0"] and "(ro," in done.out
    done = engine.run("--shm-size", "8m", "-u", "1000", cmd="touch /dev/shm/f; stat -c %u:%g /dev/shm/f; df -k /dev/shm | tail -n1")
    assert done.lines[0] == "1000:0" and done.lines[1].split()[1] == "8192"
    assert engine.run("--mount", "type=tmpfs,dst=/t,tmpfs-size=1m", cmd="touch /t/f; stat -c %u:%g /t/f").out == "0:0"
    done = engine.run("--hostname", "gbt", "--add-host", "me:1.2.3.4", "--dns", "9.9.9.9",
                      cmd="hostname; cat /etc/hostname; grep 1.2.3.4 /etc/hosts; grep ^nameserver /etc/resolv.conf; "
                      "echo 5.6.7.8 x >>/etc/hosts; stat -c %u:%g /etc/hosts /etc/resolv.conf")
    assert done.out.split() == ["gbt", "gbt", "1.2.3.4", "me", "nameserver", "9.9.9.9", "0:0", "0:0"], done


# ── networks and other containers ──────────────────────────────────────────────────────────────────

def test_network_belongs_to_the_container(engine):
    c = engine.start("--privileged", "--sysctl", "net.ipv4.ip_forward=0")
    assert c.exec("ls", "/sys/class/net").lines == ["eth0", "lo"]
    assert c.exec("cat /proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ip_forward; "
                  "ip addr add 10.77.0.1/24 dev eth0; ip addr | grep -c 10.77").lines == ["0", "1", "1"]
    assert engine.run("--network", "none", cmd="ls /sys/class/net").out == "lo"
    assert engine.run(cmd="cat /proc/sys/net/ipv4/ping_group_range").out.split()[1] == str(RANGE - 1)


def test_published_port_and_network_of_our_own(engine):
    engine.docker("network", "create", "gbtnet")
    server = engine.start("--network", "gbtnet", "--name", "gbtserver", "-p", "127.0.0.1::8000",
                          cmd="mkdir /w; echo hello >/w/index.html; httpd -p 8000 -h /w -f")
    port = engine.docker("port", server.id, "8000").lines[0].rsplit(":", 1)[1]
    wait_until(lambda: run("nsenter", f"--net=/proc/{engine.keeper.pid}/ns/net", "/usr/bin/python3", "-c",
                           f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:{port}').read())", check=False).out ==
               "b'hello\\n'")
    assert engine.run("--network", "gbtnet", cmd="wget -qO- http://gbtserver:8000/").out == "hello"


def test_joined_namespaces(engine):
    x = engine.start("--ipc", "shareable", "--name", "gbtx")
    y = engine.start("--network", "container:gbtx", "--pid", "container:gbtx", "--ipc", "container:gbtx", "--privileged")
    assert x.base() == y.base() and map_of(x.pid) == map_of(y.pid)
    assert y.exec("ps -o args | grep -c 'sleep 1000'; echo x >/dev/shm/f; ip addr add 10.78.0.1/32 dev eth0; ls /sys/class/net").lines[-2:] == \
        ["eth0", "lo"]
    assert x.exec("cat /dev/shm/f; ip addr | grep -c 10.78").lines == ["x", "1"]
    assert y.exec("cat /etc/hosts").out == x.exec("cat /etc/hosts").out


def test_healthcheck(engine):
    c = engine.start("--health-cmd", f"test -e /tmp/ok && {MAPS}", "--health-interval", "300ms", "--health-retries", "1",
                     "--health-timeout", "5s")
    wait_until(lambda: c.inspect("{{.State.Health.Status}}") == "unhealthy")
    c.exec("touch", "/tmp/ok")
    wait_until(lambda: c.inspect("{{.State.Health.Status}}") == "healthy")
    assert caged(json.loads(c.inspect("{{json .State.Health}}"))["Log"][-1]["Output"]) == c.base()


def test_terminal(engine):
    """-t: the console is the container's own."""
    out = engine.docker("run", "-t", "--rm", "alpine", "sh", "-c", "tty; stat -c %u:%g /dev/console /dev/pts/0; echo x >/dev/tty").out.split()
    assert out[0] == "/dev/pts/0" and out[1].startswith("0:") and out[-1] == "x", out


# ── build ──────────────────────────────────────────────────────────────────────────────────────────

DOCKERFILE = f"""FROM alpine AS first
RUN {MAPS} | sed 's/^/map: /'
RUN adduser -D -u 1234 joe && touch /home/joe/f && chown joe /home/joe/f
COPY --chown=7:8 data /data
USER joe
RUN id -u >/home/joe/id
FROM alpine
COPY --from=first /home/joe /joe
COPY --from=first /data /data
"""
MOUNTS = """FROM alpine
RUN --mount=type=cache,target=/c echo one >>/c/gbt-cache; stat -c %u:%g /c/gbt-cache >/cache
RUN --mount=type=cache,target=/c echo two >>/c/gbt-cache; cat /c/gbt-cache >>/cache
RUN --mount=type=cache,target=/c,uid=5,gid=6,id=other stat -c %u:%g /c >>/cache
RUN --mount=type=secret,id=s stat -c %u:%g /run/secrets/s >/secret; cat /run/secrets/s >>/secret
RUN --mount=type=bind,target=/ctx cat /ctx/data >/bound; touch /ctx/x 2>/dev/null || echo locked >>/bound
RUN --mount=type=bind,from=probe,target=/p test -x /p/bin/busybox; stat -c %u:%g /p/bin/busybox >/from; touch /p/x 2>/dev/null || echo locked >>/from
RUN --mount=type=bind,from=probe,source=etc,target=/p,rw head -n1 /p/passwd >>/from; echo x >/p/new; stat -c %u:%g /p/new >>/from
RUN --mount=type=tmpfs,target=/t touch /t/f; stat -c %u:%g /t/f >/tmpfs
"""


def files_of(engine, image, command):
    try:
        return engine.docker("run", "--rm", image, "sh", "-c", command).lines
    finally:
        engine.docker("rmi", "-f", image)


@pytest.mark.parametrize("buildkit", [True, False], ids=["BuildKit", "classic"])
def test_build(engine, buildkit):
    if not buildkit and engine.store == "containerd":
        pytest.skip("the containerd image store has BuildKit only (or a classic builder without stages)")
    done = engine.build(DOCKERFILE, files={"data": "content\n"}, buildkit=buildkit, tag="gbt-built")
    lines = [line.split("map: ")[1] for line in done.text.splitlines() if "map:  " in line]
    caged("\n".join(lines))
    assert files_of(engine, "gbt-built", "stat -c %u:%g /joe /joe/f /joe/id /data; cat /joe/id /data") == \
        ["0:0", "1234:0", "1234:1234", "7:8", "1234", "content"]


def test_build_mounts(engine, folder):
    support.write(f"{folder}/secret", "hidden\n", 0o600)
    engine.need("probe")
    engine.build(MOUNTS, "--secret", f"id=s,src={folder}/secret", files={"data": "content\n"}, tag="gbt-mounts")
    # Docker 20.10 mounts `from` on a layer to throw away, with every runtime.
    locked = ["locked"] if engine.version >= (23,) else []
    assert files_of(engine, "gbt-mounts", "cat /cache /secret /bound /from /tmpfs") == [
        "0:0", "one", "two", "5:6", "0:0", "hidden", "content", "locked", "0:0", *locked,
        "root:x:0:0:root:/root:/bin/sh", "0:0", "0:0"]


# ── the end of the engine ──────────────────────────────────────────────────────────────────────────

def test_engine_killed(engine):
    """--live-restore: containers run on; afterwards everything works with them."""
    c = engine.start("-v", "gbtvol:/v", "--restart", "always")
    c.exec("echo before >/f")
    pid = c.pid
    for victims in (["dockerd"], ["dockerd", "containerd"]):
        engine.revive(*victims)
        assert c.pid == pid and os.path.exists(f"/proc/{pid}")
        assert c.exec("cat /f; echo after >/f; echo new >/n; cat /f; touch /v/x; stat -c %u:%g /n /f").lines == \
            ["before", "after", "0:0", "0:0"]
        c.exec("echo before >/f")
    assert {"A /f", "A /n"} <= set(engine.docker("diff", c.id).lines)
    engine.docker("restart", "-t", "0", c.id)
    assert c.exec("cat /f /n; echo x >/g; cat /g").lines == ["before", "new", "x"]
    caged(engine.run(cmd=MAPS).out)


def test_first_process_killed(engine):
    c = engine.start("--restart", "always")
    c.exec("touch /f")
    pid = c.kill()
    wait_until(lambda: c.running and c.pid not in (0, pid), 30)
    assert wait_until(lambda: c.exec("touch /g && ls /f /g", check=False).lines == ["/f", "/g"])
