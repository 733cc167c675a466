# SPDX-License-Identifier: Apache-2.0
"""`gabion ps` and `gabion status` on an instance with containers."""
import json
import os
import signal
import time

import pytest


@pytest.fixture(name="cage")
def gabion_instance(instance):
    if instance.kind != "gabion":
        pytest.skip("GABION_E2E_ENGINE=bare: there is no gabion instance to look at")
    return instance


def ps(cage, *args):
    return {c["id"]: c for c in json.loads(cage.cli("ps", "--json", *args).out)["containers"]}


def status(cage, check=True):
    done = cage.cli("status", "--json", check=check)
    document = json.loads(done.out)
    assert document["ok"] == (done.rc == 0)
    return document


def test_ps_lists_what_runs(cage):
    one = cage.start()
    two = cage.start("--privileged")
    listed = ps(cage)
    for container in (one, two):
        row = listed[container.id]
        assert row["state"] == "running"
        assert row["pid"] == container.pid
        assert row["ids"] == {"start": container.base(), "count": 65536}
    text = cage.cli("ps").out
    assert f"{one.id[:12]}  {one.base()}-{one.base() + 65535}" in text
    assert text.splitlines()[0].split() == ["CONTAINER", "IDS", "STATE", "PID"]


def test_ps_after_stop_and_removal(cage):
    container = cage.start()
    cage.docker("stop", "-t", "0", container.id)
    assert container.id not in ps(cage)
    assert ps(cage, "--all").get(container.id, {"state": "stopped"})["state"] == "stopped"
    cage.docker("start", container.id)
    assert ps(cage)[container.id]["pid"] == container.pid
    container.remove()
    assert container.id not in ps(cage)


def test_ps_shares_a_range(cage):
    one = cage.start()
    two = cage.start("--network", f"container:{one.id}")
    listed = ps(cage)
    assert listed[one.id]["ids"] == listed[two.id]["ids"]
    assert listed[one.id]["pid"] != listed[two.id]["pid"]


def test_status_is_well(cage):
    before = status(cage)["containers"]
    cage.start()
    document = status(cage)
    assert document["running"] and document["isolation"] and document["problems"] == []
    assert document["instance"] == cage.dir
    assert document["dockerHost"] == f"unix://{cage.socket}"
    assert document["containers"] == before + 1
    for name in ("containerd", "engine", "gate"):
        assert document["services"][name]["state"] == "up"
        assert os.path.isdir(f"/proc/{document['services'][name]['pid']}")
    text = cage.cli("status").out
    assert f"DOCKER_HOST=unix://{cage.socket}" in text and "problem" not in text


def test_status_sees_a_service_come_back(cage):
    pid = status(cage)["services"]["gate"]["pid"]
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        gate = status(cage, check=False)["services"]["gate"]
        if gate["state"] == "up" and gate["pid"] not in (0, pid):
            break
        time.sleep(0.05)
    assert gate["state"] == "up" and gate["pid"] != pid
    cage.docker("version")


def test_who_may_know(cage, ordinary_user):
    done = cage.cli("ps", check=False, user=ordinary_user)
    assert done.rc == 3 and done.err, done
    document = json.loads(cage.cli("status", "--json", user=ordinary_user).out)
    assert document["ok"] and document["running"] and document["containers"] is None


def test_doctor_on_the_instance(cage):
    document = json.loads(cage.cli("doctor", "--json", check=False).out)
    assert [c for c in document["checks"] if c["state"] == "problem"] == []


def test_a_killed_supervisor(cage):
    """gabiond is killed: status says so, ps still knows what runs, `gabion up` takes over."""
    container = cage.start()
    pid = container.pid
    before = status(cage)
    os.kill(before["pid"], signal.SIGKILL)
    try:
        end = time.monotonic() + 10
        while time.monotonic() < end and status(cage, check=False)["running"]:
            time.sleep(0.05)
        document = status(cage, check=False)
        listed = ps(cage)
    finally:
        cage.cli("up", "--detach")
    assert not document["running"] and not document["ok"]
    assert "killed" in document["problems"][0]["problem"]
    assert cage.dir in document["problems"][0]["cure"]
    assert document["services"]["engine"] == before["services"]["engine"]
    assert listed[container.id]["pid"] == pid
    after = status(cage)
    assert after["running"] and after["pid"] != before["pid"]
    assert ps(cage)[container.id]["pid"] == pid
