# SPDX-License-Identifier: Apache-2.0
"""`gabion events` on logs made by hand."""

import glob
import json
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
GABION = min(glob.glob(f"{os.environ.get('GABION_BUILD', ROOT + '/build')}/**/gabion", recursive=True), key=len)


def line(n, **more):
    return json.dumps({"time": f"2026-11-2{n}T09:00:00.000Z", "verdict": "deny", "rule": "r", "uid": 7, "pid": 1,
                       "method": "GET", "target": f"/x{n}", "message": f"no {n}", **more}) + "\n"


@pytest.fixture
def instance(tmp_path):
    for name in ("etc", "run", "lib"):
        (tmp_path / name).mkdir()
    return tmp_path


def events(instance, *args):
    return subprocess.run([GABION, "events", "--state-dir", str(instance), *args], capture_output=True, text=True,
                          timeout=30, check=False)


def test_nothing_yet(instance):
    done = events(instance)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_instance(tmp_path):
    done = events(tmp_path / "none")
    assert done.returncode == 3 and "no instance" in done.stderr


def test_oldest_first(instance):
    (instance / "lib/audit.log").write_text(line(3))
    (instance / "lib/audit.log.1").write_text(line(2))
    (instance / "lib/audit.log.2").write_text(line(1))
    done = events(instance, "--json")
    assert done.returncode == 0
    assert [json.loads(row)["target"] for row in done.stdout.splitlines()] == ["/x1", "/x2", "/x3"]
    done = events(instance)
    assert done.stdout.splitlines()[0] == "2026-11-21T09:00:00.000Z deny r uid=7 GET /x1: no 1"


def test_since(instance):
    (instance / "lib/audit.log").write_text(line(1) + line(2) + line(3))
    for since in ("2026-11-22", "2026-11-22T09:00:00Z"):
        assert len(events(instance, "--since", since).stdout.splitlines()) == 2
    assert len(events(instance, "--since", "2026-11-22T09:00:01Z").stdout.splitlines()) == 1
    assert len(events(instance, "--since", "36500d").stdout.splitlines()) == 3
    for bad in ("yesterday", "10", "m", "-5m", "2026-11-22T09:00:00+01:00", ""):
        done = events(instance, "--since", bad)
        assert done.returncode == 2 and "--since" in done.stderr, bad


def test_executables(instance):
    """Whose names are their owners' choice."""
    bad = "/tmp/a\" uid=0 \u001b[2J\u009b2J\u202ex\ud800\u007f"
    (instance / "lib/audit.log").write_text(line(1, exe="/usr/bin/docker (deleted)") + line(2, exe="/b\u00e4r", exeElsewhere=True)
                                            + line(3, exe=bad))
    assert [row.split(" GET ")[0].split(" uid=7")[1:] for row in events(instance).stdout.splitlines()] == [
        [' exe="/usr/bin/docker (deleted)"'], [' exe="/b\u00e4r" (elsewhere)'], [' exe="/tmp/a? uid=0 ?[2J?2J?x\ufffd?"']]
    done = subprocess.run([GABION, "explain", "--state-dir", str(instance), "--last"], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 1
    assert not set("\x1b\x9b\u202e\x7f") & set(done.stdout)
    assert "by        /tmp/a\" uid=0 ?[2J?2J?x\ufffd?" in done.stdout.splitlines()


def test_what_clients_wrote_stays_harmless(instance):
    (instance / "lib/audit.log").write_text(line(1, target="/x\u001b[31m", container="c" * 64, lost=3, hint="a way")
                                            + "not json\n" + line(2) + '{"cut":')
    done = events(instance)
    assert done.returncode == 0 and "damaged" in done.stderr
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines() == [
        "(3 lines were lost here)",
        "2026-11-21T09:00:00.000Z deny r container=cccccccccccc for uid=7 GET /x?[31m: no 1 (a way)",
        "2026-11-22T09:00:00.000Z deny r uid=7 GET /x2: no 2"]


def test_follow(instance):
    log = instance / "lib/audit.log"
    process = subprocess.Popen([GABION, "events", "--state-dir", str(instance), "-f"], stdout=subprocess.PIPE, text=True)
    try:
        log.write_text(line(1))
        assert "/x1" in process.stdout.readline()
        with open(log, "a", encoding="ascii") as f:
            half = line(2)
            f.write(half[:20])
            f.flush()
            f.write(half[20:])
        assert "/x2" in process.stdout.readline()
        log.rename(instance / "lib/audit.log.1")
        log.write_text(line(3))
        assert "/x3" in process.stdout.readline()
    finally:
        process.kill()
        process.wait()
