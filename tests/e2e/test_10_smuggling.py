# SPDX-License-Identifier: Apache-2.0
"""Point 10: what a spec, an image or a container can smuggle to the lower runtime."""

import base64
import hashlib
import os
import shutil
import socket
import subprocess

import pytest

import support
from support import host_folder, mode_of, owner, read, wait_until, write

# ── annotations ────────────────────────────────────────────────────────────────────────────────────


def with_annotations(**given):
    def edit(spec):
        spec["annotations"] = {k.replace("__", "."): v for k, v in given.items()}
    return edit


def annotate(name, value):
    def edit(spec):
        spec["annotations"] = {name: value}
    return edit


# Each of these makes crun fail, or do something that shows, when it gets through.
ANNOTATIONS = {
    "run.oci.handler": "no-such-handler",
    "run.oci.seccomp_bpf_data": base64.b64encode(b"not a filter").decode(),
    "run.oci.seccomp_bpf_file": "/no/such/file",
    "run.oci.seccomp.plugins": "/no/such/plugin.so",
    "run.oci.seccomp.receiver": "/no/such/socket",
    "run.oci.hooks.stdout": "/no/such/folder/out",
    "run.oci.pidfd_receiver": "/no/such/socket",
    "run.oci.mount_context_type": "nonsense",
    "run.oci.delegate-cgroup": "/../../..",
    "run.oci.systemd.subgroup": "../../x",
    "run.oci.systemd.force_cgroup_v1": "/sys/fs/cgroup/none",
    "run.oci.timens_offset": "nonsense",
    "run.oci.keep_original_groups": "1",
    "org.criu.config": "/etc/shadow",
    "module.wasm.image/variant": "compat",
    "krun.cpus": "1",
    "RUN.OCI.handler": "no-such-handler",
}


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_annotations_are_stripped_or_refused(box, name):
    """Without effect: the container runs as without it. Or the start is refused, naming it."""
    made = box.bundle("id -G; grep ^Seccomp: /proc/self/status | cut -f2", edit=annotate(name, ANNOTATIONS[name]))
    plain = box.run(box.bundle("id -G; grep ^Seccomp: /proc/self/status | cut -f2"))
    done = box.run(made, check=False)
    if done.rc == 0:
        assert done.out == plain.out
    else:
        assert name.lower() in done.err.lower(), done


def test_harmless_annotations_pass(box):
    made = box.bundle("true", edit=annotate("org.example.note", "kept"))
    assert box.run(made).rc == 0


def test_hook_output_annotation_writes_nothing(box, folder):
    def edit(spec):
        spec["annotations"] = {"run.oci.hooks.stdout": f"{folder}/out", "run.oci.hooks.stderr": f"{folder}/err"}

    box.run(box.bundle("true", edit=edit), check=False)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("value", ["1", "true"])
def test_annotation_of_seccomp_plugin_is_not_loaded(box, folder, value):
    """The plugin would run as root on the host: its constructor makes a file."""
    del value
    source = f"{folder}/plugin.c"
    write(source, '#include <fcntl.h>\n__attribute__((constructor)) void f(void) { open("%s/loaded", O_CREAT, 0600); }\n' % folder)
    support.run("gcc", "-shared", "-fPIC", "-w", "-o", f"{folder}/plugin.so", source)

    def edit(spec):
        spec["annotations"] = {"run.oci.seccomp.plugins": f"{folder}/plugin.so"}
        spec["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW",
                                    "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}

    box.run(box.bundle("true", edit=edit), check=False)
    assert not os.path.exists(f"{folder}/loaded")


# ── hooks ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"])
def test_foreign_hooks_are_not_run(box, folder, kind):
    def edit(spec):
        spec["hooks"] = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", f"touch {folder}/ran"]}]}

    box.run(box.bundle("true", edit=edit), check=False)
    assert os.listdir(folder) == []


def test_hook_that_looks_like_the_engines(box, folder):
    """The name and arguments of the engine's network hook do not make another program the engine."""
    shutil.copy("/bin/sh", f"{folder}/dockerd")

    def edit(spec):
        spec["hooks"] = {"prestart": [{"path": f"{folder}/dockerd", "args": ["libnetwork-setkey", "-c", f"touch {folder}/ran"],
                                       "env": []}]}

    box.run(box.bundle("true", edit=edit), check=False)
    assert not os.path.exists(f"{folder}/ran")


def test_hook_by_setting(box, folder):
    """An administrator's own hook (a GPU's) is let through by its path."""
    import bundle
    write(f"{folder}/hook", f"#!/bin/sh\ntouch {folder}/ran\n", 0o755)
    made = bundle.Box(box.runtime, config={"hooks": [f"{folder}/hook"]})
    try:
        def edit(spec):
            spec["hooks"] = {"createRuntime": [{"path": f"{folder}/hook"}]}

        made.run(made.bundle("true", edit=edit))
        assert os.path.exists(f"{folder}/ran")
    finally:
        made.close()


def test_the_engines_own_hook_works(instance):
    """Docker's network is set up by such a hook."""
    assert "eth0" in instance.run(cmd="ip addr").out


# ── images ─────────────────────────────────────────────────────────────────────────────────────────


def evil_image(engine, name, change):
    with host_folder() as top:
        support.run(support.MAKE_IMAGES, "alpine", timeout=300)
        support.run("tar", "-C", top, "-xf", f"{support.CACHE}/images/alpine.tar")
        change(top)
        engine.image_from(top, name, 'CMD ["sh"]')
    return name


FORMS = {"absolute": "{}", "climbing": "../../../../../../../../../../..{}", "through /proc": "/proc/self/root{}"}


@pytest.mark.parametrize("name", ["dev", "proc", "sys"])
@pytest.mark.parametrize("form", FORMS)
def test_special_folder_of_the_image_is_a_link(instance, folder, name, form):
    """The runtime would mount or make nodes where the link leads: on the host. (This engine's own layer may
    put a folder in its place; then the container starts and the host is as safe.)"""
    os.mkdir(f"{folder}/victim")

    def change(top):
        os.rmdir(f"{top}/{name}")
        os.symlink(FORMS[form].format(f"{folder}/victim"), f"{top}/{name}")

    evil_image(instance, "evil", change)
    before = os.stat(f"{folder}/victim")
    for mode in ([], ["--privileged"], ["--read-only"]):
        done = instance.docker("run", "--rm", *mode, "evil", "sh", "-c", f"[ -d /{name} ] && [ ! -L /{name} ]", check=False)
        assert done.rc == 0 or f"/{name}" in done.err, done
    after = os.stat(f"{folder}/victim")
    assert os.listdir(f"{folder}/victim") == []
    assert (before.st_uid, before.st_mode, before.st_mtime_ns) == (after.st_uid, after.st_mode, after.st_mtime_ns)


@pytest.mark.parametrize("devices", [True, False], ids=["tmpfs on /dev", "no tmpfs on /dev"])
@pytest.mark.parametrize("name", ["dev", "proc", "sys"])
@pytest.mark.parametrize("form", [*FORMS, "/run", "etc", ".", "..", "real"])
def test_special_folder_of_a_bundle_is_a_link(box, folder, name, form, devices):
    """Refused, also where the link stays inside: nobody needs it, and it shadows what the engine mounts."""
    os.mkdir(f"{folder}/victim")

    def edit(spec):
        if not devices:
            spec["mounts"] = [m for m in spec["mounts"] if not m["destination"].startswith("/dev")]

    made = box.bundle("echo inside", edit=edit)
    os.rmdir(f"{made.rootfs}/{name}")
    os.mkdir(f"{made.rootfs}/real")
    os.symlink(FORMS.get(form, form).format(f"{folder}/victim"), f"{made.rootfs}/{name}")
    done = box.run(made, check=False)
    assert done.rc != 0 and done.out == "" and f"/{name}" in done.err, done
    assert os.listdir(f"{folder}/victim") == []


def test_special_folder_made_a_link_at_run_time(instance, folder):
    """Root inside replaces what the next start mounts on."""
    c = instance.start("--privileged", image="probe")
    c.exec("sh", "-c", "umount -l /sys/fs/cgroup/* /sys/fs/cgroup /sys/firmware /sys 2>/dev/null; rmdir /sys 2>/dev/null && "
           f"ln -s {folder} /sys; true", check=False)
    instance.docker("kill", c.id)
    upper = c.upper
    if not os.path.islink(f"{upper}/sys"):
        os.symlink(folder, f"{upper}/sys")  # what a copy in, or a build, can bring about
    done = instance.docker("start", c.id, check=False)
    assert done.rc != 0
    assert os.listdir(folder) == []


@pytest.mark.parametrize("name", ["dev/pts", "dev/shm", "dev/mqueue", "sys/fs", "proc/self"])
def test_deeper_links_do_no_harm(instance, folder, name):
    """Below /dev, /proc, /sys the engine's mounts hide what the image has."""
    def change(top):
        os.makedirs(os.path.dirname(f"{top}/{name}"), exist_ok=True)
        os.symlink(folder, f"{top}/{name}")

    evil_image(instance, "evil", change)
    instance.docker("run", "--rm", "evil", "sh", "-c", "touch /dev/shm/x /dev/mqueue/x; true", check=False)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("path", ["etc/hosts", "etc/hostname", "etc/resolv.conf"])
def test_targets_of_the_engines_binds_that_are_links(instance, folder, path):
    write(f"{folder}/victim", "as it was")

    def change(top):
        if os.path.lexists(f"{top}/{path}"):
            os.unlink(f"{top}/{path}")
        os.symlink(f"../../../../../../../..{folder}/victim", f"{top}/{path}")

    evil_image(instance, "evil", change)
    instance.docker("run", "--rm", "evil", "sh", "-c", f"echo changed >/{path}", check=False)
    assert read(f"{folder}/victim") == "as it was" and os.listdir(folder) == ["victim"]


def test_target_of_a_volume_is_a_link(instance, folder):
    """The target is resolved inside the container's root."""
    os.mkdir(f"{folder}/victim")

    def change(top):
        os.symlink(f"../../../../../../../../../..{folder}/victim", f"{top}/data")

    evil_image(instance, "evil", change)
    instance.docker("run", "--rm", "-v", "data:/data", "-v", f"{folder}:/data/below", "evil", "sh", "-c", "touch /data/x", check=False)
    assert os.listdir(f"{folder}/victim") == []


@pytest.mark.parametrize("where", ["/", "/etc", "/data/..", "/data/../..", "/proc", "/proc/self", "/sys", "/proc/1/root"])
def test_targets_over_special_places(instance, where):
    """Whatever is mounted over /proc and the like: never a container that is not caged."""
    done = instance.run("-v", f"data:{where}", cmd="cat /proc/self/uid_map", check=False)
    if done.rc == 0:
        assert done.out.split()[2] == "65536"


# ── working directory and descriptors ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", range(3, 16))
def test_working_directory_is_no_descriptor(instance, folder, number):
    """CVE-2024-21626: a leaked descriptor of a host folder as working directory."""
    write("/tmp/gabion-e2e-marker", "of-the-host")
    try:
        done = instance.run("-w", f"/proc/self/fd/{number}", cmd="cat ../../../../../../../tmp/gabion-e2e-marker; ls ../../../../..",
                            check=False)
        assert "of-the-host" not in done.out and "lost+found" not in done.out, done
        c = instance.start()
        done = c.exec(["-w", f"/proc/self/fd/{number}"], "cat", "../../../../../../../tmp/gabion-e2e-marker", check=False)
        assert "of-the-host" not in done.out, done
    finally:
        os.unlink("/tmp/gabion-e2e-marker")
    del folder


def test_working_directory_through_a_link(instance):
    def change(top):
        for i in range(3, 16):
            os.symlink(f"/proc/self/fd/{i}", f"{top}/fd{i}")

    evil_image(instance, "evil", change)
    for i in range(3, 16):
        done = instance.docker("run", "--rm", "-w", f"/fd{i}", "evil", "sh", "-c", "cat ../../../../../../etc/passwd", check=False)
        assert "/bin/bash" not in done.out, done


@pytest.mark.parametrize("options", [[], ["--privileged"], ["-u", "1000"], ["--init"]], ids=lambda o: " ".join(o) or "plain")
def test_no_descriptors_leak(instance, options):
    pid = instance.start(*options).pid
    found = {int(n): os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}
    assert {0, 1, 2} <= set(found)
    for number, target in found.items():
        assert number <= 2 or target.startswith(("anon_inode:[signalfd]", "anon_inode:[eventpoll]")), found


@pytest.mark.parametrize("options", [[], ["--privileged"]], ids=["plain", "privileged"])
def test_no_descriptors_leak_into_exec(instance, options):
    c = instance.start()
    listed = c.exec([*options, "-i"], "sh", "-c", "ls -l /proc/self/fd /proc/$$/fd", input="").out
    for line in listed.splitlines():
        if " -> " in line:
            target = line.split(" -> ")[1]
            assert target.startswith(("pipe:", "/dev/null", "socket:", "/proc/", "/dev/pts")), listed


def test_no_descriptors_leak_from_a_bundle(box):
    done = box.run(box.bundle("ls -l /proc/self/fd"))
    numbers = [line.split(" -> ")[0].split()[-1] for line in done.lines if " -> " in line]
    assert set(numbers) <= {"0", "1", "2", "3"}, done  # 3 is the folder that ls reads


def test_descriptors_of_the_caller_do_not_reach_the_container(box, folder):
    """Whoever calls the runtime with open descriptors (--preserve-fds was not asked for)."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    made = box.bundle("ls -l /proc/self/fd; ls /proc/self/fd/")
    env = {**os.environ, **box.env()}
    os.set_inheritable(fd, True)
    done = subprocess.run(box.argv("run", "--bundle", made.path, made.id), pass_fds=[fd], env=env, capture_output=True, check=False,
                          stdin=subprocess.DEVNULL)
    os.close(fd)
    assert folder not in done.stdout.decode() and done.returncode == 0, done


# ── the lower runtime itself ───────────────────────────────────────────────────────────────────────


def runtime_files():
    names = {"/usr/bin/crun", "/usr/sbin/runc", "/usr/bin/runc", "/usr/bin/containerd-shim-runc-v2"}
    for name in ("gabion-runc", "gabion-cp", "gabiond", "gabion-gate", "gabion-port"):
        try:
            names.add(support.program(name))
        except AssertionError:
            pass
    found = {}
    for name in names:
        if os.path.exists(name):
            with open(name, "rb") as f:
                found[name] = (hashlib.sha256(f.read()).hexdigest(), owner(name), mode_of(name))
    return found


@pytest.mark.parametrize("options", [[], ["--privileged"]], ids=["plain", "privileged"])
def test_runtime_cannot_be_overwritten(instance, options):
    """CVE-2019-5736: a program of the image that is a script for /proc/self/exe, and a loop inside that
    opens for writing whatever runs as it enters."""
    before = runtime_files()

    def change(top):
        write(f"{top}/bin/entered", "#!/proc/self/exe\n", 0o755)
        write(f"{top}/catch", "#!/bin/busybox sh\nwhile :; do for p in /proc/[0-9]*; do if [ \"$(readlink $p/exe)\" != /bin/busybox ]; "
              "then readlink $p/exe >>/seen; (: >>$p/exe) && echo overwritten >>/won; fi; done; done 2>/dev/null\n", 0o755)

    evil_image(instance, "evil", change)
    c = instance.start(*options, image="evil", cmd=["/catch"])
    for _ in range(6):
        c.exec("/bin/entered", check=False)
        c.exec("true", check=False)
    instance.docker("run", "--rm", *options, "evil", "/proc/self/exe", check=False)
    instance.docker("run", "--rm", *options, "--entrypoint", "/bin/entered", "evil", check=False)
    instance.docker("kill", c.id)
    assert not os.path.exists(f"{c.upper}/won")
    assert runtime_files() == before


def test_library_of_the_image_is_not_loaded_by_the_runtime(instance, folder):
    """LD_PRELOAD and LD_LIBRARY_PATH of the image are for the image's programs only."""
    write(f"{folder}/p.c", f'#include <fcntl.h>\n__attribute__((constructor)) void f(void) {{ open("{folder}/loaded", O_CREAT, 0600); }}\n')
    support.run("gcc", "-shared", "-fPIC", "-w", "-o", f"{folder}/p.so", f"{folder}/p.c")
    instance.run("-e", f"LD_PRELOAD={folder}/p.so", "-e", f"LD_LIBRARY_PATH={folder}", "-e", "GABION_STATE_DIR=/tmp",
                 "-e", "GABION_IDS_DIR=/tmp/ids", cmd="true")
    assert not os.path.exists(f"{folder}/loaded") and not os.path.exists("/tmp/ids")


def test_dev_null_of_the_host_is_left_alone(instance, box):
    """crun hands descriptors 0 to 2 to the container's user; the host's /dev/null is none of them."""
    before = (owner("/dev/null"), mode_of("/dev/null"))
    try:
        c = instance.start("-u", "1000")
        c.exec("true")
        c.exec(["-d"], "true")
        box.run(box.bundle("true"))
        assert (owner("/dev/null"), mode_of("/dev/null")) == before
        c = instance.start("--privileged")
        c.exec("sh", "-c", "chmod 0 /proc/1/fd/0 /proc/self/fd/0; chown 1000 /proc/1/fd/0", check=False)
        assert (owner("/dev/null"), mode_of("/dev/null")) == before
    finally:
        os.chown("/dev/null", *before[0])
        os.chmod("/dev/null", before[1])


# ── broken and foreign specs ───────────────────────────────────────────────────────────────────────


def test_spec_for_windows_is_refused(box):
    def edit(spec):
        spec["windows"] = {"layerFolders": ["C:\\"]}

    done = box.run(box.bundle("echo inside", edit=edit), check=False)
    assert done.rc != 0 and done.out == "" and "windows" in done.err.lower(), done


@pytest.mark.parametrize("part", ["vm", "solaris", "zos"])
def test_spec_for_others_is_refused(box, part):
    def edit(spec):
        spec[part] = {}

    done = box.run(box.bundle("echo inside", edit=edit), check=False)
    assert done.rc != 0 or done.out == "inside"


def test_mapping_of_the_spec_is_not_believed(box):
    """Somebody asks for the identity mapping."""
    def edit(spec):
        spec["linux"]["namespaces"].append({"type": "user"})
        spec["linux"]["uidMappings"] = spec["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 0, "size": 4294967295}]

    done = box.run(box.bundle("cat /proc/self/uid_map", edit=edit), check=False)
    assert done.rc != 0 or int(done.out.split()[1]) >= 100000, done


def test_devices_of_the_spec_are_dropped(box):
    def edit(spec):
        spec["linux"]["devices"] = [{"path": "/dev/disk", "type": "b", "major": 7, "minor": 0, "fileMode": 0o666, "uid": 0, "gid": 0},
                                    {"path": "/dev/mem", "type": "c", "major": 1, "minor": 1, "fileMode": 0o666, "uid": 0, "gid": 0}]
        spec["linux"]["resources"]["devices"] = [{"allow": True, "access": "rwm"}]

    done = box.run(box.bundle("/probe open /dev/disk r -- open /dev/mem r -- loop", edit=edit), check=False)
    assert "OK" not in done.lines, done


def test_case_folded_keys_are_seen(box, folder):
    """The engine's decoder takes `Hooks` for `hooks`; so must whoever edits the spec."""
    made = box.bundle("cat /proc/self/uid_map")
    text = read(f"{made.path}/config.json")
    hook = '{"Hooks": {"PreStart": [{"path": "/bin/touch", "args": ["touch", "%s/ran"]}]}, ' % folder
    write(f"{made.path}/config.json", hook + text[1:])
    done = box.run(made, check=False)
    assert not os.path.exists(f"{folder}/ran")
    assert done.rc != 0 or done.out.split()[2] == "65536"


def test_duplicate_keys_are_seen(box):
    made = box.bundle("cat /proc/self/uid_map")
    text = read(f"{made.path}/config.json")
    write(f"{made.path}/config.json", text[:-1] + ', "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]}}')
    done = box.run(made, check=False)
    assert done.rc != 0 or done.out.split()[2] == "65536", done


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"ociVersion": 1}', '{"process": []}', "\x00", '{"a":' * 100000],
                         ids=["empty", "cut", "array", "null", "number", "wrong type", "NUL", "deep"])
def test_broken_specs_are_refused(box, text):
    made = box.bundle("true")
    write(f"{made.path}/config.json", text)
    done = box.run(made, check=False)
    assert done.rc not in (0, -11, -6, 139, 134), done
    assert done.err, done


def test_root_path_of_the_spec_is_resolved_safely(box, folder):
    """root.path with a link and dots."""
    os.symlink("/", f"{folder}/r")
    for path in (f"{folder}/r", "/", f"{folder}/../../.."):
        def edit(spec, path=path):
            spec["root"] = {"path": path, "readonly": True}

        done = box.run(box.bundle("cat /etc/shadow", edit=edit), check=False)
        assert done.rc != 0 and "root:" not in done.out, (path, done)


def test_console_socket_and_pid_file_are_passed_on(box, folder):
    """Global and sub-command flags of the lower runtime keep working."""
    made = box.bundle(["sleep", "100"])
    spec = made.spec
    spec["process"]["terminal"] = True
    made.spec = spec
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{folder}/console")
    server.listen()
    box.rt("--log", f"{folder}/log", "--log-format", "json", "create", "--bundle", made.path, "--console-socket", f"{folder}/console",
           "--pid-file", f"{folder}/pid", made.id)
    connection, _ = server.accept()
    _, fds, _, _ = socket.recv_fds(connection, 4096, 1)
    assert len(fds) == 1 and os.isatty(fds[0])
    assert int(read(f"{folder}/pid")) == box.state(made)["pid"]
    os.close(fds[0])
    box.rt("start", made.id)
    assert box.state(made)["status"] == "running"
    for verb in (["pause"], ["resume"], ["ps"], ["list"], ["events", "--stats"]):
        args = verb if verb[0] == "list" else [*verb, made.id]
        box.rt(*args, check=verb[0] != "events")
    box.rt("kill", made.id, "KILL")
    wait_until(lambda: box.state(made)["status"] == "stopped")
    box.rt("delete", made.id)
