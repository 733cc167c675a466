# SPDX-License-Identifier: Apache-2.0
"""Point 5: protected host paths are refused by what they are, not by what they are called."""

import contextlib
import http.client
import json
import multiprocessing
import os
import socket
import threading

import pytest

import bundle
import support
from support import host_folder, mount_where, read, write

WORDS = "because it's configured as a restricted host mount"


def refused(done, path=None):
    assert done.rc != 0, done
    assert WORDS in done.err, done
    if path:
        assert f"can't mount {path} {WORDS}" in done.err, done


RESTRICTED = ["/", "/etc", "/etc/docker", "/etc/shadow", "/etc/ssl", "/usr", "/usr/bin", "/usr/bin/env", "/boot", "/proc",
              "/proc/1", "/proc/sys", "/proc/sys/kernel/core_pattern", "/sys", "/sys/kernel", "/sys/fs", "/dev",
              "/dev/tty", "/dev/shm", "/run", "/run/lock", "/var/run", "/var", "/var/lib", "/bin", "/sbin", "/lib"]


@pytest.mark.parametrize("path", RESTRICTED)
def test_restricted_path(instance, path):
    if not os.path.exists(path):
        pytest.skip(f"{path} does not exist on this host")
    refused(instance.run("-v", f"{path}:/mnt", cmd="ls /mnt", check=False))
    assert instance.docker("ps", "-q").out == ""


@pytest.mark.parametrize("options", [["-v", "/etc:/mnt:ro"], ["--mount", "type=bind,src=/etc,dst=/mnt"],
                                     ["--mount", "type=bind,src=/etc,dst=/mnt,readonly"], ["-v", "/etc:/mnt:rprivate"],
                                     ["--privileged", "-v", "/etc:/mnt"], ["-v", "/etc/:/mnt"],
                                     ["--userns=host", "--runtime=runc", "-v", "/etc:/mnt"]],
                         ids=lambda o: " ".join(o))
def test_every_form_of_asking(instance, options):
    refused(instance.run(*options, cmd="ls /mnt", check=False), "/etc")


@pytest.mark.gate
def test_the_text_of_the_document(instance):
    """The path of the example, which need not exist; nothing is made on the host."""
    existed = os.path.exists("/etc/docker")
    for option in (["-v", "/etc/docker/daemon.json:/mnt/daemon.json:ro"],
                   ["--mount", "type=bind,src=/etc/docker/daemon.json,dst=/mnt/daemon.json"]):
        done = instance.run(*option, cmd="true", check=False)
        assert done.rc != 0
        if option[0] == "-v" or os.path.exists("/etc/docker/daemon.json"):
            refused(done, "/etc/docker/daemon.json")
    assert os.path.exists("/etc/docker") == existed


@pytest.mark.gate
def test_missing_restricted_sources_are_not_made(instance):
    for path in ("/etc/gabion-e2e-none", "/usr/gabion-e2e-none", "/run/gabion-e2e-none", "/var/lib/docker"):
        if os.path.exists(path):
            continue
        refused(instance.run("-v", f"{path}:/mnt", cmd="true", check=False))
        assert not os.path.exists(path)


@pytest.mark.parametrize("path", ["", "/lib", "/lib/engine", "/lib/engine/overlay2", "/run", "/run/engine.sock", "/etc",
                                  "/lib/engine/containers"])
def test_folders_of_this_instance(instance, path):
    refused(instance.run("-v", f"{instance.dir}{path}:/mnt", cmd="ls /mnt", check=False))


def test_socket_of_this_instance(instance):
    """By whatever name: the image list decides, and it is empty."""
    with support.host_folder() as folder:
        os.symlink(f"{instance.dir}/run/docker.sock", f"{folder}/link")
        os.link(f"{instance.dir}/run/docker.sock", f"{os.path.dirname(instance.dir)}/.gabion-hard-link")
        try:
            for path in (f"{instance.dir}/run/docker.sock", f"{folder}/link",
                         f"{os.path.dirname(instance.dir)}/.gabion-hard-link", "/var/run/docker.sock"):
                done = instance.run("-v", f"{path}:/mnt", cmd="true", check=False)
                assert done.rc != 0 and "docker socket mount denied" in done.err, (path, done)
        finally:
            os.unlink(f"{os.path.dirname(instance.dir)}/.gabion-hard-link")


def test_what_lies_above_a_state_folder(instance):
    refused(instance.run("-v", f"{os.path.dirname(instance.dir)}:/mnt", cmd="ls /mnt", check=False))


def test_folder_of_the_leases(instance):
    for path in ("/var/lib/gabion-ids", "/var/lib/gabion"):
        if os.path.exists(path):
            refused(instance.run("-v", f"{path}:/mnt", cmd="ls /mnt", check=False))


def test_state_of_another_instance(instance, reference):
    """The reference engine's data folder is an engine's all the same: its socket at least is refused."""
    for name in ("run/docker.sock", "run/containerd/containerd.sock"):
        done = instance.run("-v", f"{reference.dir}/{name}:/mnt/s", cmd="ls -l /mnt", check=False)
        assert done.rc != 0, done


@pytest.mark.gate
def test_restricted_for_users_too(instance, user):
    for path in ("/etc", "/", "/usr", "/proc", instance.dir):
        refused(instance.run("-v", f"{path}:/mnt", cmd="ls /mnt", user=user, check=False))


# ── names that lead there ──────────────────────────────────────────────────────────────────────────


def disguises(folder):
    """name → path of something under /etc, through links, dots and /proc."""
    os.symlink("/etc", f"{folder}/link")
    os.symlink("link", f"{folder}/link-to-link")
    os.symlink("/", f"{folder}/to-root")
    os.symlink("/proc/self/root/etc", f"{folder}/to-proc")
    os.mkdir(f"{folder}/real")
    return {
        "link": f"{folder}/link",
        "link to a link": f"{folder}/link-to-link",
        "through a link": f"{folder}/to-root/etc",
        "a file through a link": f"{folder}/link/shadow",
        "link to /proc/self/root": f"{folder}/to-proc",
        "dots": f"{folder}/real/../../../../etc",
        "dots through a link": f"{folder}/to-root/usr/../etc",
        "/proc/self/root": "/proc/self/root/etc",
        "/proc/PID/root": f"/proc/{os.getpid()}/root/etc",
        "/proc/PID/cwd": f"/proc/{os.getpid()}/root/proc/{os.getpid()}/root/etc",
        "double slash": "//etc",
    }


@pytest.mark.parametrize("name", ["link", "link to a link", "through a link", "a file through a link",
                                  "link to /proc/self/root", "dots", "dots through a link", "/proc/self/root",
                                  "/proc/PID/root", "/proc/PID/cwd", "double slash"])
@pytest.mark.parametrize("form", ["-v", "--mount"])
def test_other_names(instance, folder, name, form):
    path = disguises(folder)[name]
    option = ["-v", f"{path}:/mnt/x"] if form == "-v" else ["--mount", f"type=bind,src={path},dst=/mnt/x"]
    done = instance.run(*option, cmd="cat /mnt/x/passwd /mnt/x", check=False)
    assert "root:" not in done.out
    refused(done)


def test_open_descriptor_of_the_engine(instance):
    """A folder that a process of the host has open, by /proc/PID/fd."""
    fd = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        done = instance.run("-v", f"/proc/{os.getpid()}/fd/{fd}:/mnt", cmd="cat /mnt/passwd", check=False)
        refused(done)
    finally:
        os.close(fd)


def test_bind_mount_under_another_name(instance, folder):
    os.mkdir(f"{folder}/m")
    os.mkdir(f"{folder}/r")
    pid = instance.dockerd()
    with mount_where([os.getpid(), pid], "--bind", "/etc", f"{folder}/m"):
        refused(instance.run("-v", f"{folder}/m:/mnt", cmd="cat /mnt/passwd", check=False))
        # and as a part of an innocent folder
        done = instance.run("-v", f"{folder}:/mnt", cmd="cat /mnt/m/passwd", check=False)
        assert "root:x:0:0:root:/root" not in done.out, done
    with mount_where([os.getpid(), pid], "--bind", "/", f"{folder}/r"):
        refused(instance.run("-v", f"{folder}/r:/mnt", cmd="cat /mnt/etc/passwd", check=False))
        refused(instance.run("-v", f"{folder}/r/etc:/mnt", cmd="cat /mnt/passwd", check=False))


def test_hard_link(instance):
    """A hard link of a protected file is that file."""
    original = f"/etc/gabion-e2e-{os.getpid()}"
    with host_folder() as folder:
        write(original, "protected\n")
        try:
            try:
                os.link(original, f"{folder}/h")
            except OSError as e:
                pytest.skip(f"/etc and {folder} are not on one file system: {e}")
            done = instance.run("-v", f"{folder}/h:/mnt/h", cmd="echo changed >/mnt/h", check=False)
            assert read(original) == "protected\n"
            refused(done)
        finally:
            os.unlink(original)


@pytest.mark.parametrize("options", [{"type": "none", "o": "bind", "device": "/etc"},
                                     {"type": "none", "o": "rbind,ro", "device": "/etc"},
                                     {"type": "bind", "o": "bind", "device": "/"},
                                     {"type": "proc", "device": "proc"}, {"type": "sysfs", "device": "sysfs"},
                                     {"type": "devtmpfs", "device": "devtmpfs"},
                                     {"type": "overlay", "device": "overlay", "o": "lowerdir=/etc:/usr"},
                                     {"type": "cgroup", "device": "cgroup", "o": "devices"}],
                         ids=lambda o: f"{o['type']} {o['device']} {o.get('o', '')}")
def test_disguised_as_a_volume(instance, options):
    """The local driver mounts whatever it is told to: a host path by another door."""
    flags = [f for k, v in options.items() for f in ("--opt", f"{k}={v}")]
    made = instance.docker("volume", "create", *flags, "disguised", check=False)
    if made.rc != 0:
        return
    done = instance.run("-v", "disguised:/mnt", cmd="cat /mnt/passwd /mnt/etc/passwd; ls /mnt | head -3; "
                        "cat /mnt/1/environ /mnt/kernel/uevent_seqnum; false", check=False)
    assert done.rc != 0 and done.out == "", done


def test_socket_of_an_engine(instance, folder):
    """Any engine's or containerd's socket, wherever it lies and whatever it is called there."""
    socks = {"docker.sock": f"{instance.dir}/run/docker.sock", "innocent": f"{instance.dir}/run/docker.sock"}
    for name, target in socks.items():
        os.symlink(target, f"{folder}/{name}")
        done = instance.run("-v", f"{folder}/{name}:/var/run/docker.sock", cmd="ls -l /var/run/docker.sock", check=False)
        assert done.rc != 0, done


def test_folder_with_an_engines_socket_as_a_hard_link(instance, folder):
    try:
        os.link(f"{instance.dir}/run/docker.sock", f"{folder}/s")
    except OSError as e:
        pytest.skip(f"no hard link of the socket: {e}")
    done = instance.run("-v", f"{folder}/s:/s", cmd="ls -l /s", check=False)
    assert done.rc != 0, done


def test_default_socket_paths(instance):
    for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"):
        done = instance.run("-v", f"{path}:{path}", cmd=f"ls -l {path}", check=False)
        assert done.rc != 0, done


@pytest.mark.long
def test_rename_race(instance, folder):
    """The source flips between an innocent folder and /etc while containers start."""
    os.mkdir(f"{folder}/good")
    write(f"{folder}/good/passwd", "innocent")
    os.symlink("good", f"{folder}/a")
    os.symlink("/etc", f"{folder}/b")
    stop = threading.Event()

    def flip():
        while not stop.is_set():
            os.symlink("/etc", f"{folder}/new")
            os.rename(f"{folder}/new", f"{folder}/a")
            os.symlink("good", f"{folder}/new")
            os.rename(f"{folder}/new", f"{folder}/a")

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        outcomes = [instance.run("-v", f"{folder}/a:/mnt", cmd="cat /mnt/passwd", check=False) for _ in range(60)]
    finally:
        stop.set()
        thread.join()
    assert not any("root:x:0:0" in o.out for o in outcomes)
    assert any(o.out == "innocent" for o in outcomes) and any(WORDS in o.err for o in outcomes)


class Client(http.client.HTTPConnection):
    """Requests to an engine without the time that a docker CLI takes to start."""

    def __init__(self, path):
        super().__init__("x", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def ask(self, method, target, body=None):
        self.request(method, target, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        answer = self.getresponse()
        return answer.status, answer.read().decode(errors="replace")


def create_and_start(listener, who, source, count, results):
    """Runs as a process: each container's outcome, and what it printed."""
    if who:
        os.setgroups(who.groups())
        os.setresgid(who.gid, who.gid, who.gid)
        os.setresuid(who.uid, who.uid, who.uid)
    client = Client(listener)
    for n in range(count):
        config = {"Mounts": [{"Type": "bind", "Source": source, "Target": "/x"}]} if n % 2 else {"Binds": [f"{source}:/x"]}
        status, text = client.ask("POST", "/containers/create", {
            "Image": "alpine", "Cmd": ["sh", "-c", "cat /x/passwd; ls /x"], "HostConfig": {**config, "NetworkMode": "none"}})
        if status != 201:
            results.put(("create", status, text))
            continue
        ident = json.loads(text)["Id"]
        status, text = client.ask("POST", f"/containers/{ident}/start")
        printed = ""
        if status == 204:
            client.ask("POST", f"/containers/{ident}/wait")
            printed = client.ask("GET", f"/containers/{ident}/logs?stdout=1&stderr=1")[1]
        results.put(("start", status, text or printed))
        client.ask("DELETE", f"/containers/{ident}?force=1")


def swap_for_ever(folder, targets):
    """Runs as a process: the name `a` is another link all the time."""
    while True:
        for target in targets:
            os.symlink(target, f"{folder}/new")
            os.rename(f"{folder}/new", f"{folder}/a")


@pytest.mark.long
@pytest.mark.gate
def test_sources_that_never_stand_still(instance, user, folder):
    """Another process swaps the source without pause while 500 containers are created and started."""
    instance.need("alpine")
    os.mkdir(f"{folder}/good")
    write(f"{folder}/good/passwd", "innocent\n")
    os.symlink("good", f"{folder}/a")
    etc = sorted(os.listdir("/etc"))
    targets = ["good", "/etc", "good", f"{instance.dir}/run", "good", "/", "good", f"{instance.dir}/run/docker.sock"]
    fork = multiprocessing.get_context("fork")
    results = fork.Queue()
    swapper = fork.Process(target=swap_for_ever, args=(folder, targets), daemon=True)
    workers = [fork.Process(target=create_and_start, args=(instance.socket, who, f"{folder}/a", 250, results), daemon=True)
               for who in (None, user)]
    for process in (swapper, *workers):
        process.start()
    try:
        outcomes = [results.get(timeout=120) for _ in range(500)]
    finally:
        for process in (swapper, *workers):
            process.kill()
            process.join()
    printed = {text[8:] if text[:1] in "\1\2" else text for what, status, text in outcomes if (what, status) == ("start", 204)}
    assert len(outcomes) == 500 and all("innocent" in text and "root:" not in text and "docker.sock" not in text for text in printed), printed
    refused = [text for what, status, text in outcomes if (what, status) != ("start", 204)]
    known = (WORDS, "docker socket mount denied", "no such file or directory", "not a directory", "does not exist", "No such file")
    assert [text for text in refused if not any(k in text for k in known)] == []
    stages = {(what, status == 204) for what, status, _ in outcomes}
    assert {("start", True), ("create", False), ("start", False)} <= stages, stages  # each was met
    assert sorted(os.listdir("/etc")) == etc


# ── everyday exceptions ────────────────────────────────────────────────────────────────────────────

EXCEPTIONS = ["/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/etc/ssl/certs", "/lib/modules", "/etc/passwd", "/etc/group"]


@pytest.mark.parametrize("path", EXCEPTIONS)
@pytest.mark.parametrize("suffix", ["", ":ro"], ids=["as asked", "ro"])
def test_exception_is_readable_and_never_writable(instance, path, suffix):
    if not os.path.exists(path):
        pytest.skip(f"{path} does not exist on this host")
    c = instance.start("-v", f"{path}:{path}{suffix}", "--privileged", image="probe")
    if os.path.isdir(path):
        assert c.exec("sh", "-c", f"ls -A {path} | wc -l").out == str(len(os.listdir(path)))
    else:
        with open(path, "rb") as f:
            size = len(f.read())
        assert c.exec("sh", "-c", f"wc -c <{path}").out.strip() == str(size)
    try:
        for probe in (["write", path], ["remount", path], ["setattr", path], ["bind", path, "/mnt"], ["umount", path]):
            if probe[0] != "bind" or os.path.isdir(path):
                assert c.exec("/probe", *probe).out != "OK", probe
    finally:
        if os.path.isdir(path) and os.path.exists(f"{path}/probe-was-here"):
            os.unlink(f"{path}/probe-was-here")


def test_masking_a_file_with_dev_null(same):
    """-v /dev/null:FILE is how people hide a file; the device stays the host's own."""
    before = (support.owner("/dev/null"), support.mode_of("/dev/null"))
    assert same(lambda e: e.run("-v", "/dev/null:/etc/profile", cmd="wc -c </etc/profile; echo x >/etc/profile; "
                                "wc -c </etc/profile").lines) == ["0", "0"]
    assert (support.owner("/dev/null"), support.mode_of("/dev/null")) == before


def test_dev_null_cannot_be_changed_through_a_bind(instance):
    before = (support.owner("/dev/null"), support.mode_of("/dev/null"))
    try:
        instance.run("--privileged", "-v", "/dev/null:/etc/profile", cmd="chmod 000 /etc/profile; chown 1000 /etc/profile; true")
        assert (support.owner("/dev/null"), support.mode_of("/dev/null")) == before
    finally:
        os.chown("/dev/null", *before[0])
        os.chmod("/dev/null", before[1])


@pytest.mark.gate
def test_runtime_folder_of_the_asker(instance, user, other_user):
    """/run/user/N of who asks (Wayland, PulseAudio, ssh-agent), of nobody else, and without engine sockets."""
    path = f"/run/user/{user.uid}"
    os.makedirs(path, 0o700)
    try:
        os.chown(path, user.uid, user.gid)
        write(f"{path}/f", "mine", 0o600)
        os.chown(f"{path}/f", user.uid, user.gid)
        assert instance.run("-v", f"{path}:/x", cmd="cat /x/f", user=user).out == "mine"
        done = instance.run("-v", f"{path}:/x", cmd="cat /x/f", user=other_user, check=False)
        assert done.rc != 0 and "mine" not in done.out
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(f"{path}/docker.sock")
            s.listen()
            os.chown(f"{path}/docker.sock", user.uid, user.gid)
            done = instance.run("-v", f"{path}:/x", image="probe", cmd="/probe connect /x/docker.sock", user=user, check=False)
            assert "OK" not in done.lines, done
    finally:
        support.run("rm", "-rf", path)


def test_cgroup_folder_becomes_the_containers_own(instance):
    """-v /sys/fs/cgroup:/sys/fs/cgroup:ro, which system containers ask for, shows only the container's."""
    other = instance.start()
    for suffix in ("", ":ro"):
        c = instance.start("-v", f"/sys/fs/cgroup:/sys/fs/cgroup{suffix}")
        listed = c.exec("find", "/sys/fs/cgroup", "-maxdepth", "4").out
        assert other.id not in listed and "docker" not in listed, listed
        assert "cgroup.procs" in listed


def test_ordinary_paths_are_open(instance):
    for parent in ("/home", "/srv", "/opt", "/mnt", "/tmp", "/var/tmp", "/root", "/var/log", "/media"):
        if not os.path.isdir(parent):
            continue
        with host_folder(parent=parent) as path:
            instance.run("-v", f"{path}:/b", cmd="touch /b/f")
            assert os.listdir(path) == ["f"]


def test_home_and_tmp_themselves_are_open(instance):
    for path in ("/home", "/srv", "/mnt", "/tmp"):
        if os.path.isdir(path):
            assert instance.run("-v", f"{path}:/b", cmd="ls /b >/dev/null").rc == 0


# ── by the runtime alone, and by an administrator ──────────────────────────────────────────────────


def binding(source, options=("rbind",), target="/b"):
    def edit(spec):
        spec["mounts"].append({"destination": target, "type": "bind", "source": source, "options": list(options)})
    return edit


@contextlib.contextmanager
def box_with(config):
    made = bundle.Box(os.environ.get("GABION_E2E_RUNTIME") or support.program("gabion-runc"),
                      config={"bindsWithoutRecord": "root", **config})
    try:
        yield made
    finally:
        made.close()


def test_runtime_refuses_too():
    with box_with({}) as box:
        for path in ("/etc", "/", "/usr", "/proc", "/etc/shadow", "/run", box.dir, f"/proc/{os.getpid()}/root/etc"):
            done = box.run(box.bundle("ls /b", edit=binding(path)), check=False)
            assert done.rc != 0 and WORDS in done.err, (path, done)


def test_runtime_knows_binds_by_any_type():
    """Some write `"type": "none"` or nothing with the option bind, or a relative source."""
    with box_with({}) as box:
        for kind in ("none", "", "bind", "ext4", "tmpfs"):
            def edit(spec, kind=kind):
                spec["mounts"].append({"destination": "/b", "type": kind, "source": "/etc", "options": ["bind"]})
            done = box.run(box.bundle("cat /b/passwd", edit=edit), check=False)
            assert "/bin/bash" not in done.out, (kind, done)
            assert done.rc != 0, (kind, done)
        made = box.bundle("cat /b/passwd", edit=binding("../../../../../etc"))
        done = box.run(made, check=False, cwd=made.path)
        assert done.rc != 0 and "/bin/bash" not in done.out


def test_other_file_systems_of_a_bundle():
    """Types that reach host-wide things are not mounted for a container."""
    with box_with({}) as box:
        for kind in ("debugfs", "tracefs", "securityfs", "devtmpfs", "configfs", "pstore", "efivarfs", "bpf", "ext4"):
            def edit(spec, kind=kind):
                source = "/dev/vda" if kind == "ext4" else kind
                spec["mounts"].append({"destination": "/b", "type": kind, "source": source, "options": []})
            done = box.run(box.bundle("ls /b", edit=edit), check=False)
            if kind == "bpf":
                continue  # the kernel makes that one per user namespace
            assert done.rc != 0 or done.out == "", (kind, done)


def test_further_restricted_paths(folder):
    with box_with({"restrictedMounts": [folder]}) as box:
        os.mkdir(f"{folder}/below")
        for path in (folder, f"{folder}/below"):
            done = box.run(box.bundle("ls /b", edit=binding(path)), check=False)
            assert done.rc != 0 and f"can't mount {path} {WORDS}" in done.err, done


def test_allow_list_narrows(folder):
    for name in ("allowed", "allowed/deep", "other"):
        os.mkdir(f"{folder}/{name}")
    os.symlink("../other", f"{folder}/allowed/link")
    with box_with({"filesharingAllowedDirectories": [f"{folder}/allowed"]}) as box:
        for path in (f"{folder}/allowed", f"{folder}/allowed/deep"):
            assert box.run(box.bundle("ls /b", edit=binding(path))).rc == 0
        for path in (f"{folder}/other", folder, "/srv", f"{folder}/allowed/link", f"{folder}/allowed/../other"):
            done = box.run(box.bundle("echo inside", edit=binding(path)), check=False)
            assert done.rc != 0 and done.out == "", (path, done)
    with box_with({"filesharingAllowedDirectories": ["/"]}) as box:
        done = box.run(box.bundle("ls /b", edit=binding("/etc")), check=False)
        assert done.rc != 0 and WORDS in done.err, done


def test_settings_file_of_the_host_is_not_ours_to_see(instance):
    """gabion's own settings are among the protected paths."""
    path = f"{instance.dir}/etc/gabion.json"
    if not os.path.exists(path):
        write(path, json.dumps({}))
    refused(instance.run("-v", f"{path}:/mnt/c", cmd="cat /mnt/c", check=False))
    assert read(path)
