# SPDX-License-Identifier: Apache-2.0
"""Point 7: limits hold outside, the subtree is the container's root's inside."""

import json
import os

import pytest

import support
from support import cgroup_of, is_v2, read, wait_until

LIMITS = {  # option → (controller, file of v1, file of v2, value of v1, value of v2)
    "memory": (["-m", "64m", "--memory-swap", "64m"], "memory", "memory.limit_in_bytes", "memory.max", "67108864", "67108864"),
    "pids": (["--pids-limit", "33"], "pids", "pids.max", "pids.max", "33", "33"),
    "cpus": (["--cpus", "0.5"], "cpu", "cpu.cfs_quota_us", "cpu.max", "50000", "50000 100000"),
    "shares": (["--cpu-shares", "512"], "cpu", "cpu.shares", "cpu.weight", "512", "20"),
    "cpuset": (["--cpuset-cpus", "0"], "cpuset", "cpuset.cpus", "cpuset.cpus", "0", "0"),
}


def limit_of(pid, name):
    _, controller, v1, v2, _, _ = LIMITS[name]
    return read(f"{cgroup_of(pid, controller)}/{v2 if is_v2() else v1}").strip()


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("extra", [[], ["--privileged"]], ids=["plain", "privileged"])
def test_limits_are_set(instance, name, extra):
    c = instance.start(*LIMITS[name][0], *extra)
    assert limit_of(c.pid, name) == LIMITS[name][5 if is_v2() else 4]


def test_memory_limit_kills(same):
    def go(engine):
        c = engine.start("-m", "16m", "--memory-swap", "16m", cmd="dd if=/dev/zero of=/dev/null bs=64M count=1")
        return engine.docker("wait", c.id).out, c.inspect("{{.State.OOMKilled}}")

    assert same(go) == ("137", "true")


def test_pids_limit_holds(instance):
    c = instance.start("--pids-limit", "20", "--privileged")
    c.exec(["-d"], "sh", "-c", "i=0; while [ $i -lt 60 ]; do sleep 100 & i=$((i+1)); done; wait")
    wait_until(lambda: len(instance.docker("top", c.id).lines) > 10)
    assert len(instance.docker("top", c.id).lines) <= 21


RAISE = """
for f in /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us \
	/sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max; do
	mount -o remount,rw "$(dirname $f)" 2>/dev/null
	echo -1 >$f 2>/dev/null; echo max >$f 2>/dev/null
done
mkdir -p /cg && for t in memory pids cpu; do
	mkdir -p /cg/$t
	mount -t cgroup -o $t c /cg/$t 2>/dev/null && for f in memory.limit_in_bytes pids.max cpu.cfs_quota_us; do
		if [ -e /cg/$t/$f ]; then echo -1 >/cg/$t/$f; echo max >/cg/$t/$f; fi
	done
done 2>/dev/null
mkdir -p /cg/2; mount -t cgroup2 c /cg/2 2>/dev/null && for f in memory.max pids.max cpu.max; do echo max >/cg/2/$f; done 2>/dev/null
true
"""


def test_limits_cannot_be_raised_from_inside(instance):
    """Root with every capability writes to all it finds; the values on the host stay."""
    options = [o for n in ("memory", "pids", "cpus") for o in LIMITS[n][0]]
    c = instance.start(*options, "--privileged")
    before = [limit_of(c.pid, n) for n in ("memory", "pids", "cpus")]
    c.exec("sh", "-c", RAISE)
    assert [limit_of(c.pid, n) for n in ("memory", "pids", "cpus")] == before


def test_leaving_the_cgroup_is_impossible(instance):
    """No path of a cgroup mount leads above the container's own."""
    c = instance.start("--privileged", "--pids-limit", "50")
    c.exec("sh", "-c", RAISE)
    c.exec("sh", "-c", "for d in $(find / -name cgroup.procs -not -path '/proc/*' 2>/dev/null); do echo 0 >$d; done 2>/dev/null; "
           "for up in .. ../.. ../../..; do echo $$ >/sys/fs/cgroup/pids/$up/cgroup.procs; done 2>/dev/null; true")
    own = cgroup_of(c.pid, "pids")
    assert c.id in own
    for pid in [line.split()[0] for line in instance.docker("top", c.id, "-eo", "pid").lines[1:]]:
        assert cgroup_of(pid, "pids").startswith(own)


def test_release_agent_is_out_of_reach(instance):
    """The classic escape: no release_agent file that can be written."""
    c = instance.start("--privileged", image="probe")
    c.exec("sh", "-c", RAISE)
    agents = c.exec("sh", "-c", "find / -name release_agent -not -path '/proc/*' 2>/dev/null; true").lines
    for path in agents:
        assert c.exec("/probe", "write", path).out != "OK", path
    c.exec("sh", "-c", "mkdir -p /cg/r; mount -t cgroup -o none,name=mine c /cg/r 2>/dev/null; true")
    assert c.exec("test", "-e", "/cg/r/release_agent", check=False).rc != 0


def test_only_the_own_subtree_is_seen(instance):
    other = instance.start()
    for options in ([], ["--privileged"]):
        c = instance.start(*options)
        listed = c.exec("find", "/sys/fs/cgroup", "-maxdepth", "5").out
        assert other.id not in listed and c.id not in listed
        assert all(line.split(":", 2)[2] in ("/", "/init.scope") for line in c.exec("cat", "/proc/self/cgroup").lines)


def test_subtree_is_delegated(instance):
    """Root of a privileged container makes groups below its own, in every hierarchy that it has."""
    c = instance.start("--privileged")
    script = """
	set -e
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		mkdir /sys/fs/cgroup/leaf
		echo 1 >/sys/fs/cgroup/leaf/cgroup.procs
		echo $$ >/sys/fs/cgroup/leaf/cgroup.procs
		echo +pids >/sys/fs/cgroup/cgroup.subtree_control
		mkdir /sys/fs/cgroup/other
		echo 5 >/sys/fs/cgroup/other/pids.max
	else
		for t in pids memory freezer cpu; do
			mkdir /sys/fs/cgroup/$t/below
			echo $$ >/sys/fs/cgroup/$t/below/cgroup.procs
			echo $$ >/sys/fs/cgroup/$t/cgroup.procs
			rmdir /sys/fs/cgroup/$t/below
		done
		mkdir /sys/fs/cgroup/pids/limited
		echo 5 >/sys/fs/cgroup/pids/limited/pids.max
	fi
	echo done"""
    assert c.exec("sh", "-c", script).out == "done"


def test_subtree_is_read_only_without_privileges(same):
    same(lambda e: e.run(cmd="mkdir /sys/fs/cgroup/pids/x /sys/fs/cgroup/x", check=False).rc)


def test_owner_of_the_cgroup_is_the_containers_root(instance):
    c = instance.start("--privileged")
    folder = cgroup_of(c.pid, "pids")
    assert os.stat(folder).st_uid == c.base()
    assert os.stat(os.path.dirname(folder)).st_uid == 0


def test_cgroup_is_gone_after_the_container(instance):
    c = instance.start("--privileged")
    c.exec("sh", "-c", "mkdir /sys/fs/cgroup/pids/below /sys/fs/cgroup/below; true")
    assert support.cgroup_dirs(c.id)
    c.remove()
    wait_until(lambda: support.cgroup_dirs(c.id) == [])


def test_stats_and_top(same):
    def go(engine):
        c = engine.start("-m", "64m")
        stats = engine.docker("stats", "--no-stream", "--format", "{{.PIDs}} {{.MemUsage}}", c.id).out
        return stats.split()[0], stats.split("/")[1].strip()

    assert same(go) == ("1", "64MiB")


def test_the_groups_of_others(instance):
    """Another container's, the services', and what leads up: neither by the gate nor past it."""
    other = instance.start()
    own = json.loads(read(f"{instance.dir}/run/instance.json"))["cgroup"]
    for parent in (f"/{own}/{other.id}", other.id, f"/{own}/engine", "/engine/x", f"/x/../{own}/{other.id}"):
        done = instance.docker("run", "--rm", "--cgroup-parent", parent, "alpine", "true", check=False)
        assert done.rc == 125 and "cgroup parent" in done.err and "is refused" in done.err, done
        past = {"DOCKER_HOST": f"unix://{instance.dir}/run/engine.sock"}
        done = instance.docker("run", "--rm", "--cgroup-parent", parent, "alpine", "true", check=False, env=past)
        assert done.rc == 125 and "cgroup parent" in done.err and "is refused" in done.err, done
    assert cgroup_of(other.pid, "pids").endswith(f"/{own}/{other.id}")


def test_cgroup_parent(same):
    def go(engine):
        parent = f"/gabion-e2e-{os.path.basename(engine.dir)}"
        c = engine.start("--cgroup-parent", parent)
        inside = parent in cgroup_of(c.pid, "pids")
        if engine.kind == "gabion":  # what belongs to the instance is known by its group
            own = json.loads(support.read(f"{engine.dir}/run/instance.json"))["cgroup"]
            assert f"/{own}{parent}/{c.id}" in cgroup_of(c.pid, "pids")
        c.remove()
        for path in support.cgroup_dirs(parent[1:]):
            if os.path.isdir(path):
                os.rmdir(path)
        return inside

    same(go)
