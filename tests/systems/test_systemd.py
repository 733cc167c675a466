# SPDX-License-Identifier: Apache-2.0
"""Debian with systemd as the first process of a container."""

import pytest

import support
from support import cgroup_of, read, wait_until

pytestmark = pytest.mark.long

# systemd takes SIGTERM for "execute yourself anew"; an image for it has STOPSIGNAL.
STOP = ("--stop-signal", "SIGRTMIN+3")
SERVICE = """[Unit]
Description=says when it starts and stops
[Service]
ExecStart=/bin/sh -c 'echo started >>/data/log; exec sleep 1000'
ExecStopPost=/bin/sh -c 'echo stopped >>/data/log'
TasksMax=17
[Install]
WantedBy=multi-user.target
"""
BOOTED = ("running", "degraded")


def state(c):
    return c.exec("systemctl", "is-system-running", check=False).out


def booted(c):
    """Waits for the end of the boot; every unit that was wanted must be up."""
    wait_until(lambda: state(c) in BOOTED, 60, "a booted system")
    failed = c.exec("systemctl", "--failed", "--no-legend", "--plain").out
    assert state(c) == "running", failed
    return c


def boot(engine, *args, image="systemd", cmd=("/sbin/init",)):
    return booted(engine.start(*STOP, *args, image=image, cmd=cmd))


def install(c, name="talks.service", text=SERVICE):
    c.exec("sh", "-c", f"mkdir -p /data; cat >/etc/systemd/system/{name}", input=text.encode())
    c.exec("systemctl", "enable", "--now", name)


def active(c, unit):
    return c.exec("systemctl", "is-active", unit, check=False).out


@pytest.mark.parametrize("flags", [(), ("--privileged",)], ids=["plain", "privileged"])
def test_system(instance, flags):
    """A day in the life of one: boot, services, log, sessions, timers, shutdown, and once more."""
    c = boot(instance, *flags, "-v", "data:/data")
    assert read(f"/proc/{c.pid}/comm").strip() == "systemd"
    assert c.exec("systemd-detect-virt").out == "docker"
    assert "container=" in c.exec("sh", "-c", "tr '\\0' '\\n' </proc/1/environ").out

    install(c)
    assert active(c, "talks.service") == "active"
    in_group = c.exec("systemctl", "show", "-p", "MainPID", "--value", "talks.service").out
    assert "/system.slice/talks.service" in c.exec("cat", f"/proc/{in_group}/cgroup").out
    c.exec("systemctl", "stop", "talks.service")
    assert active(c, "talks.service") == "inactive"
    assert c.exec("cat", "/data/log").lines == ["started", "stopped"]
    c.exec("systemctl", "start", "talks.service")

    c.exec("sh", "-c", "echo a line for the journal | systemd-cat -t mine")
    wait_until(lambda: "a line for the journal" in c.exec("journalctl", "-t", "mine", "--no-pager").out)
    assert "Started talks.service" in c.exec("journalctl", "-u", "talks", "--no-pager").out
    c.exec("systemd-run", "--on-active=100ms", "--timer-property=AccuracySec=10ms", "touch", "/timer-ran")
    wait_until(lambda: c.exec("test", "-e", "/timer-ran", check=False).rc == 0, 20, "the timer")
    assert c.exec("systemctl", "list-timers", "--no-legend").lines

    c.exec("sh", "-c", ": >/data/log")
    instance.docker("stop", "-t", "60", c.id)
    assert c.inspect("{{.State.ExitCode}}") != "137", "it had to be killed"
    assert state_of_volume(c) == ["stopped"]
    if flags:
        return
    instance.docker("start", c.id)
    booted(c)
    assert active(c, "talks.service") == "active"
    instance.docker("restart", "-t", "60", c.id)
    booted(c)
    assert c.exec("cat", "/data/log").lines == ["stopped", "started", "stopped", "started"]
    assert c.exec(["-u", "www-data"], "id", "-un").out == "www-data"
    c.exec("systemctl", "poweroff", check=False)
    wait_until(lambda: not c.running, 30, "the end of a system that was told to power off")


def state_of_volume(c):
    path = next(m["Source"] for m in c.inspect()["Mounts"] if m["Destination"] == "/data")
    return read(f"{path}/log").splitlines()


def test_limits(instance):
    """The system divides what the container has, and cannot give itself more."""
    c = boot(instance, "--pids-limit", "100", "-m", "512m", "-v", "data:/data")
    install(c)
    name = c.exec("systemctl", "show", "-p", "ControlGroup", "--value", "talks.service").out
    group = cgroup_of(c.pid, "pids").removesuffix("/init.scope")
    assert read(f"{group}{name}/pids.max").strip() == "17"
    assert read(f"{group}/pids.max").strip() == "100"
    c.exec("sh", "-c", "for f in $(find /sys/fs/cgroup -maxdepth 2 -name pids.max -o -maxdepth 2 -name 'memory*max*' "
           "-o -maxdepth 2 -name 'memory.limit*'); do echo 900000000 >$f; done 2>/dev/null; true")
    assert read(f"{group}/pids.max").strip() == "100"
    memory = cgroup_of(c.pid, "memory").removesuffix("/init.scope")
    assert read(f"{memory}/memory.{'max' if support.is_v2() else 'limit_in_bytes'}").strip() == str(512 << 20)
    assert c.id in instance.docker("stats", "--no-stream", "--no-trunc", c.id).out

    # A user logs in. (Not in a system that is stopped later: on cgroup v1 nobody tells systemd, in any container,
    # that a user's manager has left its group, and it waits for it until its own timeout.)
    c.exec("useradd", "-m", "dev")
    session = c.exec("su", "-l", "dev", "-c", "loginctl show-session $XDG_SESSION_ID -p Name -p State; "
                     "XDG_RUNTIME_DIR=/run/user/$(id -u) systemctl --user is-system-running --wait").lines
    assert session == ["Name=dev", "State=active", "running"]


def test_users_word(instance, folder):
    """What the user said about /run, the variable and the cgroup is what there is."""
    args = ("--tmpfs", "/run:size=1m", "-e", "container=mine", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:ro", "-v", f"{folder}:/data")
    shown = look(instance, *args)
    assert "size=1024k" in shown["/run"] and shown["container"] == "container=mine"
    assert shown["cgroup"] == "no"
    shown = look(instance, "-v", "data:/run", "-v", f"{folder}:/data")
    assert "tmpfs" not in shown["/run"] and shown["container"] == "container=oci"
    assert instance.run("-v", "data:/run", cmd="ls /run").out == "", "something was made in the volume"
    shown = look(instance, "-v", f"{folder}:/data", "-v", f"{folder}:/run/lock/mine")
    assert "size=" in shown["/run"] and shown["cgroup"] == "yes"


def look(engine, *args):
    """What an init that is no systemd finds."""
    tree = support.tempfile.mkdtemp(prefix="gabion-e2e-init-")
    try:
        support.run("sh", "-c", f"mkdir -p {tree}/bin {tree}/sbin {tree}/proc {tree}/sys {tree}/dev {tree}/run; "
                    f"cp /bin/busybox {tree}/bin/; for n in sh grep head env mkdir; do ln -s busybox {tree}/bin/$n; done")
        support.write(f"{tree}/sbin/init", "#!/bin/sh\ngrep ' /run ' /proc/mounts | head -1\nenv | grep ^container=\n"
                      "cd /sys/fs/cgroup/pids 2>/dev/null || cd /sys/fs/cgroup; "
                      "mkdir mine 2>/dev/null && echo yes || echo no\n", 0o755)
        engine.image_from(tree, "looks")
    finally:
        support.shutil.rmtree(tree)
    lines = engine.docker("run", "--rm", *args, "looks", "/sbin/init").lines
    return {"/run": lines[0], "container": lines[1], "cgroup": lines[2]}
