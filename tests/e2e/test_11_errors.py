# SPDX-License-Identifier: Apache-2.0
"""Point 11: a failure at any step undoes what was before it and says what failed, on what, and why."""

import json
import os
import stat

import pytest

import bundle
import support
from support import host_folder, read, wait_until, write


def state_of(box):
    """What a failed start could leave: mounts, cgroups, the runtime's state, records, processes."""
    return {
        "mounts": sorted(line.split()[4] for line in box.mounts()),
        "cgroups": support.cgroup_dirs(box.name),
        "state": sorted(os.listdir(f"{box.dir}/state")),
        "run": sorted(os.path.join(t, f) for t, d, fs in os.walk(f"{box.dir}/run") for f in fs + d),
        "processes": sorted(p for p in support.processes_of(box.dir) if p != box.holder.pid),
    }


def left_since(box, before):
    """What is there now and was not before. (Others on the machine may take away what is theirs.)"""
    now = state_of(box)
    return {k: sorted(set(now[k]) - set(before[k])) for k in now if set(now[k]) - set(before[k])}


def assert_as_before(box, before):
    try:
        wait_until(lambda: not left_since(box, before), 5)
    except AssertionError:
        raise AssertionError(f"left: {left_since(box, before)}") from None


@pytest.fixture
def clean_box():
    made = bundle.Box(os.environ.get("GABION_E2E_RUNTIME") or support.program("gabion-runc"), config={"bindsWithoutRecord": "root"})
    made.run(made.bundle("true", shared=True))  # what the first start makes once and for all
    yield made
    made.close()


def mount(destination="/b", kind="bind", source="/var/tmp", options=("rbind",)):
    def edit(spec):
        spec["mounts"].append({"destination": destination, "type": kind, "source": source, "options": list(options)})
    return edit


def setting(*path, value):
    def edit(spec):
        at = spec
        for key in path[:-1]:
            at = at.setdefault(key, {})
        at[path[-1]] = value
    return edit


# Failures that only the lower runtime finds. It has taken gabion-runc's place by then; who called puts
# its record away with `delete --force`, as every engine does.
LATE = {"bad options of a tmpfs", "missing program", "user beyond the range", "bad sysctl", "sysctl of the host", "bad rlimit"}

FAILURES = {  # name → (edit, words of the message: the object and the reason)
    "missing source": (mount(source="/var/tmp/gabion-e2e-none"), ["/var/tmp/gabion-e2e-none", "No such file or directory"]),
    "restricted source": (mount(source="/etc"), ["/etc", "restricted host mount"]),
    "unknown file system": (mount(kind="nonesuch", source="x", options=()), ["nonesuch"]),
    "bad options of a tmpfs": (mount(kind="tmpfs", source="t", options=("size=nonsense",)), ["b", "Invalid argument"]),
    "missing program": (setting("process", "args", value=["/no/such/program"]), ["/no/such/program"]),
    "missing root": (setting("root", "path", value="/var/tmp/gabion-e2e-no-root"), ["/var/tmp/gabion-e2e-no-root", "No such file or directory"]),
    "root is a file": (setting("root", "path", value="/etc/passwd"), ["/etc/passwd"]),
    "user beyond the range": (setting("process", "user", value={"uid": 70000, "gid": 0}), ["70000"]),
    "namespace of nobody": (setting("linux", "namespaces", value=[{"type": t} for t in ("mount", "pid", "ipc", "uts")] +
                                    [{"type": "network", "path": "/proc/999999999/ns/net"}]), ["/proc/999999999/ns/net"]),
    "host namespace": (setting("linux", "namespaces", value=[{"type": t} for t in ("mount", "pid", "ipc", "uts")]), ["network namespace"]),
    "bad sysctl": (setting("linux", "sysctl", value={"net.nonesuch": "1"}), ["nonesuch"]),
    "sysctl of the host": (setting("linux", "sysctl", value={"kernel.core_pattern": "|/x"}), ["kernel.core_pattern"]),
    "bad rlimit": (setting("process", "rlimits", value=[{"type": "RLIMIT_NONESUCH", "hard": 1, "soft": 1}]), ["RLIMIT_NONESUCH"]),
}


@pytest.mark.parametrize("how", ["run", "create"])
@pytest.mark.parametrize("name", FAILURES)
def test_failure_is_named_and_undone(clean_box, name, how):
    box = clean_box
    edit, words = FAILURES[name]
    made = box.bundle("true", edit=edit)
    before = state_of(box)
    if how == "run" or name == "missing program":
        done = box.run(made, check=False)
    else:
        done = box.create(made)
    assert done.rc != 0, done
    for word in words:
        assert word.lower() in done.text.lower(), done
    if name in LATE:
        box.rt("delete", "--force", made.id, check=False)
    assert_as_before(box, before)


def test_failures_do_not_use_ranges_up():
    """Two ranges, twenty failures of each kind, and both ranges are still there."""
    start = 1300000000 + os.getpid() % 1000 * 4 * support.RANGE + 2 * support.RANGE
    box = bundle.Box(os.environ.get("GABION_E2E_RUNTIME") or support.program("gabion-runc"), subuid=f"gabion:{start}:{2 * support.RANGE}\n",
                     config={"bindsWithoutRecord": "root"})
    try:
        for edit, _ in FAILURES.values():
            for _ in range(2):
                box.run(box.bundle("true", edit=edit, shared=edit is not FAILURES["missing root"][0]), check=False)
        pids = []
        for _ in range(2):
            made = box.bundle("sleep 100", shared=True)
            pids.append(wait_until(lambda made=made: start_or_none(box, made)))
        assert len({support.map_of(p)[0][1] for p in pids}) == 2
    finally:
        box.close()


def start_or_none(box, made):
    if box.create(made).rc != 0:
        box.rt("delete", "--force", made.id, check=False)
        return None
    return box.state(made)["pid"]


def test_missing_bundle(clean_box):
    box = clean_box
    before = state_of(box)
    done = box.rt("run", "--bundle", f"{box.dir}/none", "some-id", check=False)
    assert done.rc != 0 and f"{box.dir}/none" in done.text and "No such file" in done.text, done
    assert_as_before(box, before)


@pytest.mark.parametrize("args", [["run"], ["create", "--bundle"], ["no-such-command"], ["--no-such-flag", "list"], ["state", "none"], ["delete", "none"],
                                  ["kill", "none", "9"], ["start", "none"], ["exec", "none", "true"]], ids=" ".join)
def test_wrong_calls(clean_box, args):
    done = clean_box.rt(*args, check=False)
    assert done.rc != 0 and done.err, done


def test_no_lower_runtime(clean_box, folder):
    for lower, words in ((f"{folder}/none", [f"{folder}/none", "no program"]), ("/etc/passwd", ["/etc/passwd"])):
        box = bundle.Box(clean_box.runtime, config={"lowerRuntime": lower})
        try:
            made = box.bundle("true", shared=True)
            before = state_of(box)
            done = box.run(made, check=False)
            assert done.rc != 0
            for word in words:
                assert word.lower() in done.text.lower(), done
            assert_as_before(box, before)
        finally:
            box.close()


@pytest.mark.parametrize("exit_code", [1, 137])
def test_lower_runtime_that_fails(clean_box, folder, exit_code):
    write(f"{folder}/lower", f"#!/bin/sh\necho 'lower runtime says no' >&2\nexit {exit_code}\n", 0o755)
    box = bundle.Box(clean_box.runtime, config={"lowerRuntime": f"{folder}/lower"})
    try:
        made = box.bundle("true", shared=True)
        before = state_of(box)
        done = box.run(made, check=False)
        assert done.rc == exit_code and "lower runtime says no" in done.err, done
        write(f"{folder}/lower", "#!/bin/sh\nexit 0\n", 0o755)
        box.rt("delete", "--force", made.id)
        found = left_since(box, before)
        found["run"] = [p for p in found.get("run", []) if made.id in p]
        assert not any(found.values()), found
    finally:
        box.close()


@pytest.mark.parametrize("text", ["{", '{"idsPerContainer": "many"}', '{"nonesuch": 1}', "[]"], ids=["cut", "wrong type", "unknown key", "array"])
def test_broken_settings_start_nothing(clean_box, text):
    """Fail closed: with settings that do not parse no container starts, and the file is named."""
    box = bundle.Box(clean_box.runtime)
    try:
        write(f"{box.dir}/etc/gabion.json", text)
        done = box.run(box.bundle("echo inside", shared=True), check=False)
        assert done.rc != 0 and done.out == "" and "gabion.json" in done.err, done
    finally:
        box.close()


def test_log_for_the_engine(clean_box, folder):
    """With --log-format json the last error is a line of JSON in the file of --log, where shims look for it."""
    box = clean_box
    made = box.bundle("true", edit=mount(source="/etc"))
    box.rt("--log", f"{folder}/log.json", "--log-format", "json", "run", "--bundle", made.path, made.id, check=False)
    last = json.loads(read(f"{folder}/log.json").splitlines()[-1])
    assert last["level"] == "error" and "can't mount /etc because it's configured as a restricted host mount" in last["msg"], last


# ── through the engine ─────────────────────────────────────────────────────────────────────────────


def test_exit_codes_of_docker_run(instance):
    """126 and 127 as everybody's scripts expect them: those that runc's words give, also where crun is below."""
    instance.need("alpine")
    for cmd, code in (("/no/such/program", 127), ("no-such-program", 127), ("/etc", 126), ("/etc/passwd", 126)):
        done = instance.docker("run", "--rm", "alpine", cmd, check=False)
        assert done.rc == code and (cmd in done.err or "permission denied" in done.err), (code, done)


def test_exit_codes_of_docker_exec(same):
    def go(engine):
        c = engine.start()
        return [c.exec(*a, check=False).rc for a in (["/no/such"], ["/etc"], ["false"], ["sh", "-c", "exit 3"])] + \
            [c.exec(["-u", "nobody-at-all"], "true", check=False).rc, c.exec(["-w", "/none"], "true", check=False).rc]

    same(go)


ENGINE_FAILURES = {
    "restricted": (["-v", "/etc:/x"], ["/etc", "restricted host mount"]),
    "host pid": (["--pid=host"], ["[pid]"]),
    "user beyond the range": (["-u", "70000"], ["70000"]),
    "target below a file": (["-v", "data:/etc/passwd/x"], ["/etc/passwd"]),
}


@pytest.mark.parametrize("name", ENGINE_FAILURES)
def test_docker_run_prints_it_and_nothing_is_left(instance, name):
    options, words = ENGINE_FAILURES[name]
    instance.need("alpine")
    before = sorted(line.split()[4] for line in instance.mounts())
    done = instance.docker("run", *options, "alpine", "true", check=False)
    assert done.rc != 0, done
    for word in words:
        assert word in done.err, done
    for ident in instance.docker("ps", "-aq", "--no-trunc").lines:
        wait_until(lambda i=ident: support.cgroup_dirs(i) == [], 5)
    instance.sweep()
    wait_until(lambda: sorted(line.split()[4] for line in instance.mounts()) == before, 5)
    assert instance.docker("ps", "-aq").out == ""


def test_failed_container_can_be_removed_and_another_started(instance):
    for _ in range(3):
        instance.docker("create", "--name", "same-name", "-v", "/etc:/x", "alpine", "true", check=False)
        instance.docker("start", "same-name", check=False)
        instance.docker("rm", "-f", "same-name", check=False)
    assert instance.run("--name", "same-name", cmd="echo fine").out == "fine"


def test_killed_in_the_middle(clean_box):
    """kill -9 of the runtime at any instant: delete --force puts everything away."""
    box = clean_box
    import random
    import time
    from test_01_ids import kill_tree
    rng = random.Random(3)
    before = state_of(box)
    for _ in range(20):
        made = box.bundle("sleep 100", shared=True, edit=mount(source="/var/log"))
        p = box.popen("run", "--bundle", made.path, "--detach", made.id)
        time.sleep(rng.random() * 0.05)
        kill_tree(p.pid)
        p.wait()
        box.rt("delete", "--force", made.id, check=False)

    def left():
        return {k: v for k, v in left_since(box, before).items() if k in ("mounts", "state", "processes")}

    try:
        wait_until(lambda: not left(), 10)
    except AssertionError:
        raise AssertionError(f"left: {left()}") from None


def test_files_of_the_runtime_are_roots_alone(instance):
    """Records and leases are not for other accounts to write."""
    instance.start()
    for top in (f"{instance.dir}/lib/askers", f"{instance.dir}/run/containers", "/var/lib/gabion-ids"):
        if not os.path.isdir(top):
            continue
        for path in [top] + [os.path.join(t, f) for t, _, fs in os.walk(top) for f in fs]:
            st = os.stat(path)
            assert st.st_uid == 0 and not st.st_mode & (stat.S_IWGRP | stat.S_IWOTH), path


def test_full_disk(clean_box):
    """No room for gabion's own records: an error, and nothing left."""
    box = clean_box
    with support.mount_where([box.holder.pid], "-t", "tmpfs", "-o", "size=4k,nr_inodes=2,mode=755", "tmpfs", f"{box.dir}/run"):
        made = box.bundle("echo inside", shared=True)
        before = state_of(box)
        done = box.run(made, check=False)
        if done.rc != 0:
            assert "No space left" in done.text or f"{box.dir}/run" in done.text, done
            assert "mounts" not in left_since(box, before)


def test_host_folder_helper_is_clean():
    """The suite's own temporary folders go away."""
    with host_folder() as path:
        assert os.path.isdir(path)
    assert not os.path.exists(path)


def test_what_images_know_from_runc(instance):
    """HOME of a user whom the image does not know, the mode of a tmpfs over a folder, supplementary groups: src/runtime/habits.h."""
    instance.need("alpine")
    run = ["run", "--rm"]
    assert instance.docker(*run, "-u", "4321:1", "alpine", "sh", "-c", "echo $HOME; cd && pwd").lines == ["/", "/"]
    assert instance.docker(*run, "alpine", "sh", "-c", "echo $HOME").out == "/root"
    assert instance.docker(*run, "-u", "4321", "-e", "HOME=/tmp", "alpine", "sh", "-c", "echo $HOME").out == "/tmp"
    shown = instance.docker(*run, "--tmpfs", "/root", "--tmpfs", "/srv:size=1m", "--tmpfs", "/new", "--tmpfs", "/opt:mode=711",
                            "--mount", "type=tmpfs,dst=/var", "--tmpfs", "/var/empty", "alpine", "stat", "-c", "%a %n",
                            "/root", "/srv", "/new", "/opt", "/var", "/var/empty")
    assert shown.lines == ["700 /root", "755 /srv", "1777 /new", "711 /opt", "755 /var", "1777 /var/empty"]
    box = instance.start()
    for how, home in ((["-u", "4321"], "/"), ([], "/root"), (["-u", "4321", "-e", "HOME=/tmp"], "/tmp")):
        assert instance.docker("exec", *how, box.id, "sh", "-c", "echo $HOME").out == home
    for groups in (instance.docker(*run, "alpine", "grep", "Groups", "/proc/self/status"),
                   instance.docker("exec", box.id, "grep", "Groups", "/proc/self/status")):
        assert groups.out.split()[1] == "0" and len(groups.out.split()) == len(set(groups.out.split())), groups
