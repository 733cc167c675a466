# SPDX-License-Identifier: Apache-2.0
"""`gabion doctor` on hosts with something wrong: each is this host with one thing changed in a mount
namespace of its own. Needs root."""
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("GABION_BUILD", ROOT / "build"))
GABION = BUILD / "src" / "cli" / "gabion"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: changes the host in mount namespaces")


@pytest.fixture(name="folder")
def state_dir(tmp_path):
    path = tmp_path / "instance"
    (path / "etc").mkdir(parents=True)
    return path


def doctor(folder, change="true", args=()):
    """Runs the change, a line of shell, and then doctor in a new mount namespace."""
    script = f"{change} && exec \"$@\""
    done = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", GABION,
                           "doctor", "--json", "--state-dir", folder, *args],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done
    document = json.loads(done.stdout)
    assert document["ok"] == (done.returncode == 0)
    assert document["ok"] == all(c["state"] != "problem" for c in document["checks"])
    return {c["id"]: c for c in document["checks"]}


def program(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(f"#!/bin/sh\nprintf '%s\\n' '{text}'\n")
    path.chmod(0o755)
    return path


def test_this_host_can_run_containers(folder):
    found = doctor(folder)
    for name in ("kernel", "openat2", "user-namespaces", "idmapped-mounts", "idmapped-overlay", "settings",
                 "id-ranges"):
        assert found[name]["state"] == "ok", found[name]


def test_nothing_is_left_behind(folder):
    def mounts():
        return {line.split()[4] for line in open("/proc/self/mountinfo", encoding="utf-8")}

    before = mounts(), os.listdir(folder)
    doctor(folder)
    assert (mounts(), os.listdir(folder)) == before
    assert not any(os.path.exists(f"/tmp/{name}") for name in ("layer", "empty", "merged"))


@pytest.mark.parametrize("name,path,output,state,words", [
    ("crun", "/usr/bin/crun", "crun version 1.7.2", "problem", "older than 1.8"),
    ("crun", "/usr/bin/crun", "crun version 1.14.1", "ok", "1.14.1"),
    ("crun", "/usr/bin/crun", "what?", "warning", "no version"),
    ("runc", "/usr/sbin/runc", "runc version 1.0.3", "warning", "older than 1.1"),
    ("runc", "/usr/sbin/runc", "runc version 1.1.12", "warning", "CVE-2025-31133"),
    ("runc", "/usr/sbin/runc", "runc version 1.2.8", "ok", "1.2.8"),
    ("runc", "/usr/sbin/runc", "runc version 1.3.2", "warning", "CVE-2025-52565"),
    ("runc", "/usr/sbin/runc", "runc version 1.4.0", "ok", "1.4.0"),
    ("dockerd", "/usr/sbin/dockerd", "Docker version 19.03.15, build 99e3ed8919", "problem", "older than 20.10"),
    ("dockerd", "/usr/sbin/dockerd", "Docker version 28.5.2, build ecc6942", "ok", "28.5.2"),
])
def test_versions(folder, tmp_path, name, path, output, state, words):
    if not os.path.exists(path):
        pytest.skip(f"{path} is not installed: its place cannot be taken")
    fake = program(tmp_path, name, output)
    found = doctor(folder, f"mount --bind {fake} {path}")[name]
    assert found["state"] == state and words in found["finding"], found


def test_a_program_that_hangs(folder, tmp_path):
    fake = tmp_path / "crun"
    fake.write_text("#!/bin/sh\nexec sleep 1000\n")
    fake.chmod(0o755)
    found = doctor(folder, f"mount --bind {fake} /usr/bin/crun")["crun"]
    assert found["state"] == "warning" and "timed out" in found["finding"], found


def test_a_missing_engine(folder):
    found = doctor(folder, "mount --bind /dev/null /usr/sbin/dockerd && mount --bind /dev/null /usr/sbin/iptables")
    assert found["dockerd"]["state"] == "problem" and "not installed" in found["dockerd"]["finding"]
    assert found["iptables"]["state"] == "problem"


def test_data_on_a_file_system_that_cannot_be_mapped(folder):
    layers = "mkdir /mnt/l /mnt/u /mnt/w && mount -t overlay -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w o"
    found = doctor(folder, f"mount -t tmpfs t /mnt && {layers} {folder}")
    for name in ("idmapped-mounts", "idmapped-overlay"):
        assert found[name]["state"] == "problem", found[name]
    assert "overlay" in found["idmapped-mounts"]["finding"]


def test_no_fuse(folder):
    found = doctor(folder, "mount --bind /dev/full /dev/fuse && rm -f /dev/no && "
                   "mount -t tmpfs -o nodev t /dev && touch /dev/null")["fuse"]
    assert found["state"] == "problem" and "gabion up" in found["consequence"], found


def test_settings_that_do_not_read(folder):
    (folder / "etc" / "gabion.json").write_text('{"lowerRuntme": "/usr/bin/crun"}')
    found = doctor(folder)
    assert found["settings"]["state"] == "problem" and "lowerRuntme" in found["settings"]["finding"]
    assert found["id-ranges"]["state"] == "problem"


def files(folder, **texts):
    """A change that puts texts in the place of files of /etc."""
    lines = []
    for name, text in texts.items():
        path = folder.parent / name
        path.write_text(text)
        lines.append(f"touch /etc/{name} && mount --bind {path} /etc/{name}")
    return " && ".join(lines)


def test_ranges_of_others(folder):
    found = doctor(folder, files(folder, subuid="alice:1879048192:65536\nbob:100000:65536\n"))["id-ranges"]
    assert found["state"] == "warning" and "alice 1879048192+65536" in found["finding"], found
    assert "bob" not in found["finding"]


def test_accounts_in_the_range(folder):
    passwd = pathlib.Path("/etc/passwd").read_text() + "ldap1:x:1900000000:1::/:/bin/sh\n"
    found = doctor(folder, files(folder, passwd=passwd))["id-ranges"]
    assert found["state"] == "warning" and "ldap1 1900000000" in found["finding"], found


def test_own_range(folder):
    line = "gabion:1000000000:655360\n"
    found = doctor(folder, files(folder, subuid=line, subgid=line))["id-ranges"]
    assert found["state"] == "warning" and "10 containers" in found["finding"], found
    found = doctor(folder, files(folder, subuid="gabion:1000000000:65536000\n", subgid=line))["id-ranges"]
    assert found["state"] == "problem" and "differ" in found["finding"], found


def test_cgroups(folder):
    found = doctor(folder, "umount -R /sys/fs/cgroup")["cgroup"]
    assert found["state"] == "problem", found
