# SPDX-License-Identifier: Apache-2.0
"""CDI devices, with an engine that knows them (Docker 28.5) and files of a vendor that is none.

There is no gate here: what gabion-runc does with what the engine has put into the spec, and that it
refuses what the gate would. The gate's part is in tests/gate/test_attacks.py.
"""

import json
import os
import shutil

import pytest

import space
from support import read, wait_until, write

pytestmark = pytest.mark.long

ALLOWED = ["gabion.test/tun=one", "gabion.test/any=*"]
NODE = {"path": "/dev/gabion-loop", "hostPath": "/dev/loop-control", "type": "c", "major": 10, "minor": 237, "permissions": "rw"}
STAT = "stat -c '%u:%g %a %t:%T'"


@pytest.fixture(scope="module", params=["crun", "runc"])
def _engine(request):
    """Devices of its own: nothing of this machine's, only what a kernel always has by number."""
    made = space.Docker("forky", {"crun": "/usr/bin/crun", "runc": "/usr/sbin/runc"}[request.param], facts={"cdiDevices": ALLOWED})
    yield from space.running(made, "alpine")


@pytest.fixture
def engine(_engine):
    yield _engine
    _engine.sweep()
    for path in (folder(_engine), f"{_engine.dir}/out"):
        shutil.rmtree(path, ignore_errors=True)


def folder(engine):
    """/run/cdi of the engine, as this machine can reach it."""
    return f"/proc/{engine.keeper.pid}/root/run/cdi"


def script(engine, name, text):
    """A program of root's, at the same path for the engine and for us."""
    path = f"{engine.dir}/bin/{name}"
    write(path, f"#!/bin/sh\n{text}\n", 0o755)
    return path


def device(name, **edits):
    return {"name": name, "containerEdits": edits or {"env": ["GABION=1"]}}


def known(engine):
    found = json.loads(engine.docker("info", "--format", "{{json .DiscoveredDevices}}").out) or []
    return {d["ID"] for d in found}


def put(engine, *devices, kind="gabion.test/tun", file="one.json", **edits):
    """Writes the file and waits until the engine has seen it, by a device of another name each time."""
    mark = f"mark-{os.urandom(4).hex()}"
    os.makedirs(folder(engine), mode=0o755, exist_ok=True)
    path = f"{folder(engine)}/{file}"
    write(f"{path}.new", json.dumps({"cdiVersion": "0.7.0", "kind": kind, "devices": [*devices, device(mark)],
                                     "containerEdits": edits}), 0o644)
    os.rename(f"{path}.new", path)
    wait_until(lambda: f"{kind}={mark}" in known(engine), 20, "the engine's look at its CDI files")
    return f"/run/cdi/{file}"


def refused(engine, *args, text):
    done = engine.run(*args, cmd="echo inside", check=False)
    assert done.rc != 0 and not done.out and text in done.err, done
    return done.err


@pytest.mark.parametrize("privileged", [[], ["--privileged"], ["--user", "7:8"]], ids=["", "privileged", "user"])
def test_what_a_device_brings_in(engine, privileged):
    out = f"{engine.dir}/out"
    os.makedirs(out, exist_ok=True)
    os.chmod(out, 0o777)
    data = f"{engine.dir}/etc/data"
    write(data, "of the host\n", 0o644)
    node = (7, 8, 0o600) if "7:8" in privileged else (0, 0, 0o666)
    loop = {**NODE, "uid": 7, "gid": 8, "fileMode": 0o600} if node[0] else NODE
    secret = f"{engine.dir}/etc/secret"
    write(secret, "of root\n", 0o600)
    hook = script(engine, "hook", 'cat >"$1/state-$2"; id -u >"$1/id-$2"; cat /proc/self/uid_map >"$1/map-$2"')
    put(engine, device("one", deviceNodes=[loop], env=["GABION_CDI=one"]),
        mounts=[{"hostPath": data, "containerPath": "/opt/data", "options": ["ro", "nosuid", "nodev", "bind"]},
                {"hostPath": secret, "containerPath": "/opt/secret", "options": ["rw", "rbind"]}],
        hooks=[{"hookName": name, "path": hook, "args": ["hook", out, name]}
               for name in ("createRuntime", "createContainer", "poststop")])
    cmd = (f"{STAT} /dev/gabion-loop; echo $GABION_CDI; cat /opt/data; {STAT} /opt/data /opt/secret; "
           "head -c 1 /dev/gabion-loop 2>&1; mount -o remount,rw /opt/data 2>/dev/null; echo x >/opt/data; "
           "cat /proc/self/uid_map")
    done = engine.run("--device", "gabion.test/tun=one", *privileged, cmd=cmd)
    lines = done.lines
    assert lines[0] == f"{node[0]}:{node[1]} {node[2]:o} a:ed", lines
    assert lines[1:3] == ["one", "of the host"]
    assert lines[3:5] == ["0:0 644 0:0", "0:0 600 0:0"]  # root's are the container's root's
    assert "Permission denied" not in lines[5] and "not permitted" not in lines[5], lines  # opened; it cannot be read
    assert "Read-only" in done.err and read(data) == "of the host\n"
    base = lines[-1].split()[1]
    assert int(base) >= 100000
    wait_until(lambda: os.path.exists(f"{out}/map-poststop") and read(f"{out}/map-poststop"), 10)
    assert read(f"{out}/map-createContainer").split()[1] == base  # in the container's user namespace
    assert read(f"{out}/map-createRuntime").split()[1] == "0"  # as root of the host
    state = json.loads(read(f"{out}/state-createContainer"))
    assert state["bundle"] and state["id"]


def test_a_hook_finds_the_root_file_system(engine):
    """Those of GPU vendors write links and caches into the container's root, which they find by the bundle's config.json."""
    out = f"{engine.dir}/out"
    os.makedirs(out, exist_ok=True)
    os.chmod(out, 0o777)
    hook = script(engine, "find-root", (
        'b=$(tr -d "\\n\\\\" | sed "s/.*\\"bundle\\": *\\"\\([^\\"]*\\)\\".*/\\1/"); '
        'r=$(tr -d "\\n" <"$b/config.json" | sed "s/.*\\"root\\": *{[^}]*\\"path\\": *\\"\\([^\\"]*\\)\\".*/\\1/") 2>"$1/err"; '
        'case $r in /*) ;; *) r=$b/$r;; esac; echo hooked >"$r/from-hook" 2>>"$1/err"; true'))
    put(engine, device("one", hooks=[{"hookName": "createContainer", "path": hook, "args": ["find-root", out]}]))
    done = engine.run("--device", "gabion.test/tun=one", cmd="cat /from-hook; stat -c %u:%g /from-hook", check=False)
    assert done.lines == ["hooked", "0:0"], (done, read(f"{out}/err"))


def test_wildcards(engine):
    put(engine, device("a"), device("b"), kind="gabion.test/any")
    put(engine, device("one"), device("two"), file="two.json")
    assert engine.run("--device", "gabion.test/any=a", "--device", "gabion.test/any=b", "--device", "gabion.test/tun=one",
                      cmd="echo $GABION").out == "1"
    refused(engine, "--device", "gabion.test/any=a", "--device", "gabion.test/tun=two",
            text="CDI device gabion.test/tun=two is not for containers")


@pytest.mark.parametrize("privileged", [[], ["--privileged"]], ids=["", "privileged"])
def test_what_the_gate_refuses_is_refused(engine, privileged):
    put(engine, device("two"))
    text = refused(engine, *privileged, "--device", "gabion.test/tun=two", text="CDI device gabion.test/tun=two is not for containers")
    assert f'"cdiDevices" of {engine.dir}/etc/gabion.json' in text
    with engine.facts(cdiDevices=None):
        put(engine, device("one"))
        refused(engine, *privileged, "--device", "gabion.test/tun=one", text="gabion.test/tun=one is not for containers")


def test_the_setting_is_taken_back(engine):
    put(engine, device("one"))
    box = engine.create("--device", "gabion.test/tun=one", cmd="echo inside")
    with engine.facts(cdiDevices=["gabion.test/tun=two"]):
        done = engine.docker("start", "-a", box.id, check=False)
        assert done.rc != 0 and "gabion.test/tun=one is not for containers" in done.err
    assert engine.docker("start", "-a", box.id).out == "inside"


def test_what_no_device_names_is_refused(engine):
    """The nodes of a device that is not asked for, and host paths, as ever."""
    data = f"{engine.dir}/etc/data"
    write(data, "of the host\n", 0o600)
    put(engine, device("one"), device("loop", deviceNodes=[NODE]))
    refused(engine, "--device", "gabion.test/tun=one", "--device", "/dev/loop-control:/dev/gabion-loop", text="/dev/gabion-loop (c 10:237)")
    with engine.facts(bindsWithoutRecord="refuse"):
        put(engine, device("one", mounts=[{"hostPath": data, "containerPath": "/x", "options": ["rbind", "ro"]}]))
        args = ["--device", "gabion.test/tun=one"]
        assert engine.run(*args, cmd="cat /x").out == "of the host"
        refused(engine, *args, "-v", f"{data}:/y:ro", text=f"can't mount {data}")


def test_files_of_others(engine):
    path = put(engine, device("one"))
    outside = f"{folder(engine)}/one.json"
    for mode, uid in ((0o666, 0), (0o664, 0), (0o644, 1000)):
        os.chmod(outside, mode)
        os.chown(outside, uid, 0)
        text = refused(engine, "--device", "gabion.test/tun=one", text="can be written by others than root")
        assert path in text, text
    os.chown(outside, 0, 0)
    os.chmod(folder(engine), 0o777)
    refused(engine, "--device", "gabion.test/tun=one", text="CDI: /var/run/cdi can be written by others than root")
    os.chmod(folder(engine), 0o755)
    assert engine.run("--device", "gabion.test/tun=one", cmd="echo $GABION").out == "1"


def test_a_file_that_changes_between_creation_and_start(engine):
    data = f"{engine.dir}/etc/data"
    write(data, "of the host\n", 0o644)
    put(engine, device("one"))
    box = engine.create("--device", "gabion.test/tun=one", cmd="cat /x; echo $GABION")
    put(engine, device("one", mounts=[{"hostPath": data, "containerPath": "/x", "options": ["bind", "ro"]}]))
    assert engine.docker("start", "-a", box.id).lines[0] == "of the host"
    put(engine, device("two"))
    done = engine.docker("start", "-a", box.id, check=False)
    assert done.rc != 0 and "unresolvable CDI devices gabion.test/tun=one" in done.err  # the engine's own words


def test_yaml(engine):
    """The engine reads it. We say what to do."""
    put(engine, device("other"), file="other.json")
    write(f"{folder(engine)}/one.yaml", "cdiVersion: 0.6.0\nkind: gabion.test/tun\ndevices:\n- name: one\n"
          "  containerEdits:\n    env: [GABION=1]\n", 0o644)
    wait_until(lambda: "gabion.test/tun=one" in known(engine), 20)
    refused(engine, "--device", "gabion.test/tun=one", text="nvidia-ctk cdi generate --format=json")
