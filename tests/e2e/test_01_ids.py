# SPDX-License-Identifier: Apache-2.0
"""Point 1: every container has 65,536 ids that nothing else on the host has."""

import concurrent.futures
import os
import pwd
import random
import signal
import time

import pytest

import bundle
import support
from support import DEFAULT_RANGE, RANGE, id_map, map_of, overlaps, status_of, wait_until

MAPS = "cat /proc/self/uid_map /proc/self/gid_map"


def assert_caged(text):
    """The text of uid_map and gid_map: `0 BASE 65536`, both the same, BASE above ordinary ids."""
    maps = id_map(text)
    assert len(maps) == 2, text
    assert maps[0] == maps[1], text
    inside, base, count = maps[0]
    assert (inside, count) == (0, RANGE), text
    assert base >= 100000
    return base


OPTIONS = {
    "plain": [],
    "privileged": ["--privileged"],
    "as a user": ["-u", "1000:1000"],
    "capabilities": ["--cap-add", "ALL"],
    "unconfined": ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"],
    "unmasked": ["--security-opt", "systempaths=unconfined"],
    "read-only": ["--read-only"],
    "init": ["--init"],
    "no network": ["--network", "none"],
    "userns=host": ["--userns=host"],
    "privileged, userns=host": ["--privileged", "--userns=host"],
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_map_of_run(instance, options):
    base = assert_caged(instance.run(*options, cmd=MAPS).out)
    assert DEFAULT_RANGE[0] <= base <= DEFAULT_RANGE[1] - RANGE + 1 or \
        any(n == "gabion" for n, _, _ in support.sub_ranges())


EXECS = {
    "plain": [],
    "privileged": ["--privileged"],
    "as a user": ["-u", "1000"],
    "as root of a user's container": ["-u", "0"],
}


@pytest.mark.parametrize("options", EXECS.values(), ids=EXECS.keys())
def test_map_of_exec(instance, options):
    c = instance.start(*(["-u", "1000"] if "-u" in options else []))
    assert assert_caged(c.exec(["-i", *options], "sh", "-c", MAPS).out) == c.base()


@pytest.mark.parametrize("buildkit", [True, False], ids=["BuildKit", "classic"])
def test_map_of_build(instance, buildkit):
    done = instance.build(f"FROM alpine\nRUN {MAPS} | sed 's/^/map: /'\n", buildkit=buildkit)
    lines = [line.split("map: ")[1] for line in done.text.splitlines() if "map:  " in line]
    assert_caged("\n".join(lines))


def test_form_of_the_map(instance):
    """The line that the documents show: blanks as the kernel prints them, one line."""
    out = instance.run(cmd="cat /proc/self/uid_map").out
    assert len(out.splitlines()) == 1
    assert out.split()[0] == "0" and out.split()[2] == "65536"


def test_running_containers_differ(instance):
    containers = [instance.start(*o) for o in ([], ["--privileged"], ["-u", "1000"], [], [])]
    ranges = [(c.base(), RANGE) for c in containers]
    for i, a in enumerate(ranges):
        for b in ranges[i + 1:]:
            assert not overlaps(a, b)


def test_root_inside_is_nobody_outside(instance):
    for options, inside in (([], 0), (["--privileged"], 0), (["-u", "1000:1001"], 1000)):
        c = instance.start(*options)
        base = c.base()
        status = status_of(c.pid)
        assert status["Uid"].split() == [str(base + inside)] * 4
        assert status["Gid"].split()[0] == str(base + (1001 if inside else 0))
        with pytest.raises(KeyError):
            pwd.getpwuid(base + inside)
        c.exec(["-d"], "sleep", "77")
        child = wait_until(lambda c=c: [line.split() for line in instance.docker(
            "top", c.id, "-eo", "pid,uid,args").lines if "sleep 77" in line])[0]
        assert int(child[1]) == base + inside


def test_apart_from_accounts_and_subordinate_ids(instance, user, other_user):
    del user, other_user  # their being there adds entries to /etc/subuid
    entries = [(n, s, c) for n, s, c in support.sub_ranges() if n != "gabion"]
    assert entries
    for _ in range(5):
        mine = (instance.start().base(), RANGE)
        for name, start, count in entries:
            assert not overlaps(mine, (start, count)), name
        for account in pwd.getpwall():
            assert not overlaps(mine, (account.pw_uid, 1)), account


def test_supplementary_groups_are_mapped(instance):
    assert instance.run("--group-add", "1234", cmd="id -G").out.split()[-1] == "1234"


def test_ids_outside_the_range_are_refused(instance):
    """65536 and above do not exist inside: an error, never another id."""
    words = "a container has the ids 0 to 65535; \"idsPerContainer\" in"
    for who, what in ((("-u", "65536"), "user 65536"), (("-u", "1:70000"), "group 70000"), (("--group-add", "70001"), "group 70001")):
        done = instance.run(*who, cmd="id -u", check=False)
        assert done.rc == 125 and f"{what}: {words}" in done.err, done
    c = instance.start()
    done = instance.docker("exec", "-u", "65536", c.id, "true", check=False)
    assert done.rc != 0 and f"user 65536: {words}" in done.out + done.err, done
    inside = instance.run("-u", "65535", cmd="id -u")
    assert inside.out == "65535"


def test_twenty_at_once(instance):
    instance.need("alpine")
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        containers = list(pool.map(lambda _: instance.start(), range(20)))
        bases = sorted(pool.map(lambda c: c.base(), containers))
    assert all(b - a >= RANGE for a, b in zip(bases, bases[1:]))


def test_range_is_kept_while_somebody_lives_in_it(instance):
    """Y joined X's user namespace; X goes; nobody gets the range while Y lives."""
    x = instance.start()
    base = x.base()
    y = instance.start("--network", f"container:{x.id}")
    assert y.base() == base
    x.remove()
    assert map_of(y.pid)[0][1] == base
    others = [instance.start().base() for _ in range(8)]
    assert not any(overlaps((base, RANGE), (b, RANGE)) for b in others)


def test_inotify_is_the_containers_own(instance):
    """The kernel allows 128 instances an account: three containers have 100 each, at once."""
    limit = int(support.read("/proc/sys/fs/inotify/max_user_instances"))
    count = max(1, limit * 3 // 4)
    containers = [instance.start(image="probe") for _ in range(3)]
    for c in containers:
        c.exec(["-d"], "sh", "-c", f"sleep 100 | /probe inotify {count} wait >/tmp/out 2>&1")
        wait_until(lambda c=c: c.exec("cat /tmp/out", check=False).out)
        assert c.exec("cat /tmp/out").out == "OK"


def test_inotify_quota_still_holds_inside(instance):
    limit = int(support.read("/proc/sys/fs/inotify/max_user_instances"))
    out = instance.run(image="probe", cmd=f"/probe inotify {limit + 5}",
                       check=False).out
    assert "EMFILE" in out and int(out.split()[1].rstrip(":")) <= limit, out


def test_keys_are_the_containers_own(instance):
    """Keys are charged to the container's ids."""
    c = instance.start("--security-opt", "seccomp=unconfined", image="probe")
    c.exec(["-d"], "sh", "-c", "/probe key gabion-e2e -- sleep >/tmp/out")
    wait_until(lambda: c.exec("cat", "/tmp/out", check=False).out == "OK")
    counts = {line.split(":")[0].strip(): int(line.split()[1]) for line in support.read("/proc/key-users").splitlines()}
    assert counts.get(str(c.base()), 0) > 0


# ── the runtime alone ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def small_box():
    """A box whose host has an entry `gabion` of two ranges."""
    start = 1300000000 + os.getpid() % 1000 * 4 * RANGE  # nobody else's on this machine
    made = bundle.Box(os.environ.get("GABION_E2E_RUNTIME") or support.program("gabion-runc"),
                      subuid=f"somebody:100000:65536\ngabion:{start}:{2 * RANGE}\n")
    made.first = start
    yield made
    made.close()


def test_entry_of_etc_subuid_is_used(small_box):
    bases = [map_of(small_box.start(small_box.bundle("sleep 100", shared=True)))[0][1] for _ in range(2)]
    assert sorted(bases) == [small_box.first, small_box.first + RANGE]


def test_used_up_is_a_clear_error_and_ranges_come_back(small_box):
    first = small_box.bundle("sleep 100", shared=True)
    small_box.start(first)
    small_box.start(small_box.bundle("sleep 100", shared=True))
    third = small_box.bundle("true", shared=True)
    refused = small_box.run(third, check=False)
    assert refused.rc != 0
    assert "range" in refused.text.lower(), refused
    small_box.rt("delete", "--force", first.id)
    wait_until(lambda: small_box.run(small_box.bundle("true", shared=True), check=False).rc == 0, 10,
               "the return of a range")


def test_ranges_come_back_after_kill_9(small_box):
    """Whoever is killed at whatever instant, two ranges are enough for thirty starts."""
    rng = random.Random(1)
    for _ in range(30):
        made = small_box.bundle("true", shared=True)
        p = small_box.popen("run", "--bundle", made.path, made.id)
        time.sleep(rng.random() * 0.08)
        kill_tree(p.pid)
        p.wait()
        small_box.rt("delete", "--force", made.id, check=False)
    made = small_box.bundle("cat /proc/self/uid_map", shared=True)
    # the killed ones' user namespaces end when the kernel has put their processes away
    wait_until(lambda: small_box.run(small_box.bundle("true", shared=True), check=False).rc == 0, 10)
    assert id_map(small_box.run(made).out)[0][2] == RANGE


def kill_tree(pid):
    """SIGKILL to a process and its offspring."""
    for line in support.run("ps", "-e", "-o", "pid=,ppid=").lines:
        child, parent = map(int, line.split())
        if parent == pid:
            kill_tree(child)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


@pytest.mark.long
def test_two_hundred_at_once(box):
    count = 200
    bundles = [box.bundle("sleep 1000", shared=True) for _ in range(count)]
    running = [box.popen("run", "--bundle", b.path, "--detach", b.id) for b in bundles]
    codes = [p.wait(300) for p in running]
    assert codes == [0] * count
    bases = sorted(map_of(box.state(b)["pid"])[0][1] for b in bundles)
    assert all(b - a >= RANGE for a, b in zip(bases, bases[1:]))


@pytest.mark.long
def test_kill_9_among_parallel_starts(box):
    """Starts in parallel, a third of them killed at a random instant: no two living containers ever
    share an id, and nothing but the living holds a range afterwards."""
    rng = random.Random(2)
    for _ in range(5):
        bundles = [box.bundle("sleep 1000", shared=True) for _ in range(30)]
        running = [(b, box.popen("run", "--bundle", b.path, "--detach", b.id)) for b in bundles]
        for _, p in rng.sample(running, 10):
            time.sleep(rng.random() * 0.05)
            kill_tree(p.pid)
        for _, p in running:
            p.wait(120)
        bases = []
        for b in bundles:
            state = box.rt("state", b.id, check=False)
            if state.rc != 0:
                continue
            pid = box.state(b).get("pid", 0)
            if pid and os.path.exists(f"/proc/{pid}/uid_map"):
                found = map_of(pid)
                if found:
                    bases.append(found[0][1])
        assert len(bases) >= 20
        assert len(set(bases)) == len(bases)
        bases.sort()
        assert all(b - a >= RANGE for a, b in zip(bases, bases[1:]))
        box.sweep()
