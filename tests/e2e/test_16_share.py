# SPDX-License-Identifier: Apache-2.0
"""What people's own programs take for the size and the age of the machine: the container's share of it."""

import json
import os
import re
import time

import pytest

import support

MEMORY = 512 << 20
# One processor of several: by name, or as much time as one has. sched_getaffinity(2) knows of the former only.
SHARES = {"cpuset": ["--cpuset-cpus", "0"], "quota": ["--cpus", "1"]}


@pytest.fixture(params=SHARES)
def options(request):
    return ["-m", str(MEMORY), *SHARES[request.param]]


def words(c, command, label):
    """What stands behind this label."""
    return re.search(rf"^{re.escape(label)}\s*(.*?)\s*$", c.exec("env", "LC_ALL=C", *command).out, re.M)[1].split()


def test_tools(instance, options):
    c = instance.start(*options, image="debian", cmd=("sleep", "1000"))
    assert words(c, ["free", "-b"], "Mem:")[0] == str(MEMORY)
    assert words(c, ["top", "-bn1"], "MiB Mem :")[0] == "512.0"
    assert words(c, ["lscpu"], "CPU(s):") == ["1"] and words(c, ["lscpu"], "On-line CPU(s) list:") == ["0"]
    assert c.exec("lscpu", "-p=cpu").lines[-1] == "0"
    assert c.exec("grep", "-c", "^processor", "/proc/cpuinfo").out.strip() == "1"
    assert re.fullmatch(rf"\s*{MEMORY >> 10} K total memory", c.exec("vmstat", "-s").out.splitlines()[0])
    assert "up 0 min" in c.exec("uptime").out or "up 1 min" in c.exec("uptime").out
    load = [float(word) for word in c.exec("cat", "/proc/loadavg").out.split()[:3]]
    assert all(each < 2 for each in load), load
    if "--cpuset-cpus" in options:
        assert c.exec("nproc").out.strip() == "1"


def started(c, pid):
    """Seconds ago, by ps; and by the clock time that it shows."""
    ago = int(c.exec("ps", "-o", "etimes=", pid).out)
    shown = time.mktime(time.strptime(c.exec("env", "TZ=UTC", "LC_ALL=C", "ps", "-o", "lstart=", pid).out.strip())) - time.timezone
    return ago, time.time() - shown


def test_time_begins_with_the_container(instance):
    """For files, system calls and what the kernel says of processes alike; also for exec, and beside another container."""
    c = instance.start(image="debian", cmd=("sleep", "1000"))
    time.sleep(2)
    for each in started(c, "1"):
        assert 1 <= each < 60
    assert c.exec("readlink", "/proc/1/ns/time").out == c.exec("readlink", "/proc/self/ns/time").out
    assert c.exec("readlink", "/proc/1/ns/time").out.strip() != os.readlink("/proc/self/ns/time")
    beside = instance.start("--pid", f"container:{c.id}", image="debian", cmd=("sleep", "1001"))
    for each in started(beside, "1"):
        assert 1 <= each < 60
    uptimes = [float(support.read(f"/proc/{x.pid}/root/proc/uptime").split()[0]) for x in (c, beside)]
    assert abs(uptimes[0] - uptimes[1]) < 5
    busybox = instance.start("--privileged")
    assert re.search(r" up 0 min,| up 1 min,", busybox.exec("busybox", "uptime").out), "sysinfo(2)"
    time.sleep(1)
    instance.docker("restart", "-t", "0", c.id)
    assert started(c, "1")[0] < 30


def test_node(instance, options):
    c = instance.start(*options, image="node", cmd=("sleep", "1000"))
    script = "const os = require('os'); console.log(JSON.stringify([os.totalmem(), os.cpus().length, os.uptime(), os.freemem()]))"
    total, cpus, uptime, free = json.loads(c.exec("node", "-e", script).out)
    assert (total, cpus) == (MEMORY, 1) and uptime < 120 and 0 < free < total


@pytest.mark.long
def test_java(instance, options):
    c = instance.start(*options, image="java", cmd=("sleep", "1000"))
    shown = c.exec("java", "-XshowSettings:system", "-version").text
    assert re.search(r"Effective CPU Count: 1$", shown, re.M), shown
    assert re.search(r"Memory Limit: 512\.00M$", shown, re.M), shown
    flags = c.exec("java", "-XX:+PrintFlagsFinal", "-version").text
    assert int(re.search(r"MaxHeapSize\s*=\s*(\d+)", flags)[1]) == MEMORY // 4
