# SPDX-License-Identifier: Apache-2.0
"""What `gabion status` and `gabion settings` make of what gabiond says of the policy: its side of run/control.sock
(docs/protocol-control.md) is played here."""

import json
import os
import pathlib
import socket
import struct
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("GABION_BUILD", ROOT / "build"))
GABION = BUILD / "src" / "cli" / "gabion"
HEAD = "=IHHQII"
MAGIC, STATUS = 0x43424147, 2
ERROR = {"file": "/x/etc/admin-settings.json", "line": 4, "column": 7, "key": "a.b", "text": "it is wrong"}


class Daemon:
    def __init__(self, cage):
        self.cage = cage
        self.policy = None
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(cage / "run/control.sock"))
        self.listener.listen(8)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def answer(self):
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        doc = {"boot": boot, "pid": os.getpid(), "birth": 1, "started": "2026-11-28T09:00:00Z"}
        if self.policy:
            doc["policy"] = self.policy
        return json.dumps(doc).encode()

    def serve(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            with conn:
                magic, version, op, serial, _, _ = struct.unpack(HEAD, conn.recv(1 << 16))
                assert (magic, op) == (MAGIC, STATUS)
                text = self.answer()
                conn.sendall(struct.pack("=IHHQiI", magic, version, op, serial, 0, len(text)) + text)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


@pytest.fixture(name="daemon")
def played_daemon(tmp_path):
    for name in ("etc", "run", "lib"):
        (tmp_path / name).mkdir(mode=0o755)
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.stop()


def gabion(daemon, *args, expect):
    done = subprocess.run([GABION, *args, "--state-dir", str(daemon.cage)], capture_output=True, text=True, timeout=30,
                          check=False)
    assert done.returncode == expect, done
    return done


def policy(**more):
    return {"generation": 3, "files": ["/x/etc/admin-settings.json"], "isolation": True, "stale": False, "errors": [],
            **more}


def test_policy_of_a_file(daemon):
    daemon.policy = policy()
    assert "\npolicy      generation 3, from /x/etc/admin-settings.json\n" in gabion(daemon, "status", expect=0).stdout
    doc = json.loads(gabion(daemon, "status", "--json", expect=0).stdout)
    assert doc["ok"] and doc["isolation"]
    assert doc["policy"] == {"generation": 3, "source": "files", "files": ["/x/etc/admin-settings.json"],
                             "stale": False, "errors": [], "warnings": []}


def test_warnings_about_the_policy(daemon):
    """Something in it has no effect. That is no reason for an exit code."""
    daemon.policy = policy(warnings=[ERROR, {**ERROR, "key": "c", "text": "there is no command \"pusch\"; did you mean push?"}])
    text = " ".join(gabion(daemon, "status", expect=0).stdout.split())
    assert "warning: /x/etc/admin-settings.json:4:7: a.b: it is wrong" in text and "did you mean push?" in text
    doc = json.loads(gabion(daemon, "status", "--json", expect=0).stdout)
    assert doc["ok"] and [w["kind"] for w in doc["policy"]["warnings"]] == ["warning"] * 2
    assert doc["policy"]["warnings"][0] == {"kind": "warning", **ERROR}


def test_policy_of_defaults(daemon):
    daemon.policy = policy(files=[], generation=1)
    text = gabion(daemon, "status", expect=0).stdout
    assert "policy      generation 1, the defaults: there is no settings file\n" in text
    assert "isolation   on\n" in text
    doc = json.loads(gabion(daemon, "status", "--json", expect=0).stdout)
    assert doc["policy"]["source"] == "defaults" and doc["policy"]["files"] == []


def test_isolation_is_off(daemon):
    daemon.policy = policy(isolation=False)
    assert "isolation   off: the settings say so\n" in gabion(daemon, "status", expect=0).stdout
    assert json.loads(gabion(daemon, "status", "--json", expect=0).stdout)["isolation"] is False


def test_an_older_policy_is_in_force(daemon):
    daemon.policy = policy(stale=True, errors=[ERROR, {**ERROR, "line": 5}])
    text = " ".join(gabion(daemon, "status", expect=1).stdout.split())
    assert "generation 3, from /x/etc/admin-settings.json, as it was before the last change" in text
    assert "the policy of generation 3 stays in force: /x/etc/admin-settings.json:4:7: a.b: it is wrong" in text
    assert f"`gabion settings validate --state-dir {daemon.cage}`" in text
    doc = json.loads(gabion(daemon, "status", "--json", expect=1).stdout)
    assert not doc["ok"] and len(doc["problems"]) == 1
    assert doc["policy"]["stale"] and doc["policy"]["errors"] == [{"kind": "error", **ERROR},
                                                                 {"kind": "error", **ERROR, "line": 5}]


def snapshot(cage):
    doc = json.loads(subprocess.run([GABION, "settings", "list", "--json", "--state-dir", str(cage)], timeout=30,
                                    capture_output=True, check=True).stdout)
    path = cage / "run/policy.json"
    path.write_text(json.dumps({
        "version": 1, "generation": 9, "profile": "docker", "files": [],
        "settings": [{k: v for k, v in row.items() if k != "state"} for row in doc["settings"]]}))
    path.chmod(0o644)


def test_settings_say_that_an_older_policy_is_in_force(daemon):
    daemon.policy = policy(stale=True, errors=[ERROR])
    snapshot(daemon.cage)
    done = gabion(daemon, "settings", "list", expect=0)
    assert "an older policy is in force" in done.stderr
    assert json.loads(gabion(daemon, "settings", "list", "--json", expect=0).stdout)["stale"] is True
    daemon.policy = policy()
    assert gabion(daemon, "settings", "list", expect=0).stderr == ""


def test_gabiond_was_killed(daemon):
    """What it left behind is what gabion-runc goes by."""
    snapshot(daemon.cage)
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (daemon.cage / "run/instance.json").write_text(json.dumps({"boot": boot, "pid": 1, "birth": 1}))
    os.unlink(daemon.cage / "run/control.sock")
    doc = json.loads(gabion(daemon, "status", "--json", expect=1).stdout)
    assert doc["policy"]["generation"] == 9 and doc["policy"]["source"] == "defaults"
    os.unlink(daemon.cage / "run/policy.json")
    doc = json.loads(gabion(daemon, "status", "--json", expect=1).stdout)
    assert doc["policy"] is None
    assert any("there is no policy" in p["problem"] for p in doc["problems"])


def test_no_instance(tmp_path):
    done = subprocess.run([GABION, "status", "--json", "--state-dir", str(tmp_path)], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 1 and json.loads(done.stdout)["policy"] is None
