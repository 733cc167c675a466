# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests.

    instance    an engine whose containers gabion cages, shared by all tests
    reference   the same engine with plain crun, to compare with
    both        the two of them
    user, other_user, user_without_subids    accounts of the host
    folder      a folder of root on the host
    box         gabion-runc with a bundle of our own, without an engine

Settings: GABION_BUILD (build folder), GABION_E2E_ENGINE=gabion|bare, GABION_E2E_RUNTIME (program in
the place of gabion-runc with `bare`: with /usr/bin/crun one sees which tests bite),
GABION_E2E_ROOTFS (folder made by tests/engines/engine-rootfs, whose newer engine is used).
"""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import bundle  # noqa: E402
import support  # noqa: E402

ENGINE = os.environ.get("GABION_E2E_ENGINE", "gabion")


def pytest_configure(config):
    del config
    if os.geteuid() != 0:
        pytest.exit("the end-to-end tests need root: they run container engines", 3)
    os.makedirs("/run/user", exist_ok=True)  # as on every host with systemd; an instance sees what was there before it
    rootfs = os.environ.get("GABION_E2E_ROOTFS")
    if rootfs:
        bindir = f"{rootfs}/gabion-bin"
        if not os.path.isdir(bindir):
            pytest.exit(f"{bindir} is missing: run tests/engines/engine-rootfs SUITE", 3)
        os.environ["PATH"] = f"{bindir}:{os.environ['PATH']}"


def pytest_collection_modifyitems(items):
    if ENGINE != "bare":
        return
    for item in items:
        if item.get_closest_marker("gate"):
            item.add_marker(pytest.mark.skip(reason="needs the gate; GABION_E2E_ENGINE=bare has none"))


def links():
    return {line.split(":")[1].split("@")[0].strip() for line in support.run("ip", "-o", "link").lines}


def what_is_there():
    """What an engine must not leave behind on the host."""
    return {
        "mounts": {line.split()[4] for line in support.read("/proc/self/mountinfo").splitlines()},
        "links": links(),
        "nft": set(support.run("nft", "list", "tables", check=False).lines),
        "device owners": {(p, *support.owner(p), support.mode_of(p)) for p in (
            "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")},
        "shim sockets": set(os.listdir("/run/containerd/s")) if os.path.isdir("/run/containerd/s") else set(),
    }


def assert_nothing_left(engine, before):
    def left():
        now = what_is_there()
        found = {k: v - before[k] for k, v in now.items() if v - before[k]}
        found["processes"] = support.processes_of(engine.dir)
        found["cgroups"] = [d for i in engine.seen for d in support.cgroup_dirs(i)]
        found["cgroups"] += support.cgroup_dirs(os.path.basename(engine.dir))
        return {k: v for k, v in found.items() if v}

    try:
        support.wait_until(lambda: not left(), 10)
    except AssertionError:
        pytest.fail(f"left behind by {engine.kind}: {left()}")


def engine_session(make):
    before = what_is_there()
    engine = make()
    try:
        yield engine
        engine.sweep()
    finally:
        engine.down()
        try:
            assert_nothing_left(engine, before)
        finally:
            engine.remove_folder()


def make_instance():
    if ENGINE == "bare":
        return support.BareEngine(os.environ.get("GABION_E2E_RUNTIME") or support.program("gabion-runc"))
    return support.GabionInstance()


def make_reference():
    engine = support.BareEngine("/usr/bin/crun")
    engine.kind = "reference"
    return engine


@pytest.fixture(scope="session")
def _instance():
    yield from engine_session(make_instance)


@pytest.fixture(scope="session")
def _reference():
    yield from engine_session(make_reference)


@pytest.fixture
def instance(_instance):
    yield _instance
    _instance.sweep()


@pytest.fixture
def reference(_reference):
    yield _reference
    _reference.sweep()


@pytest.fixture
def both(instance, reference):
    return (instance, reference)


@pytest.fixture
def same(both):
    """Calls a function with each engine; the results must be equal. Answers the result."""

    def compare(function):
        ours, theirs = (function(engine) for engine in both)
        assert ours == theirs
        return ours

    return compare


def account(suffix, **how):
    made = support.HostUser(f"gbt{os.getpid() % 100000}{suffix}", **how)
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="session")
def _user():
    yield from account("a")


@pytest.fixture
def user(_user):
    """A user of the host; its home is emptied after the test."""
    yield _user
    empty_home(_user)


@pytest.fixture(scope="session")
def _other_user():
    yield from account("b")


@pytest.fixture
def other_user(_other_user):
    yield _other_user
    empty_home(_other_user)


@pytest.fixture(scope="session")
def _user_without_subids():
    yield from account("c", subids=False)


@pytest.fixture
def user_without_subids(_user_without_subids):
    assert _user_without_subids.subuid is None
    yield _user_without_subids
    empty_home(_user_without_subids)


def empty_home(user):
    for name in os.listdir(user.home):
        support.run("rm", "-rf", "--one-file-system", f"{user.home}/{name}")


@pytest.fixture
def folder():
    with support.host_folder() as path:
        yield path


@pytest.fixture(scope="session")
def _box():
    runtime = os.environ.get("GABION_E2E_RUNTIME") or support.program("gabion-runc")
    made = bundle.Box(runtime)
    yield made
    made.close()


@pytest.fixture
def box(_box):
    yield _box
    _box.sweep()
