# SPDX-License-Identifier: Apache-2.0
"""Up, down, and what is left: nothing, whatever was killed."""

import contextlib
import os
import random
import shutil
import signal
import socketserver
import subprocess
import tempfile
import threading
import time

import pytest

from instance import DOCKER, SERVICES, Instance, free_port, image, processes, program, read, wait_until


def test_up_down(box):
    """Detached: the line for the shell, an engine behind it, and everything gone after down."""
    assert box.docker("run", "--rm", "box", "echo", "hello").stdout == "hello"
    pid = box.start("one")
    assert f"/{box.cgroup}/" in read(f"/proc/{pid}/cgroup")
    assert "one" in box.docker("ps", "--format", "{{.Names}}").stdout
    box.down()
    box.assert_clean()
    assert not os.path.exists(f"/proc/{pid}")


def test_prints_docker_host(fresh):
    done = fresh.up()
    assert done.stdout == f"DOCKER_HOST=unix://{fresh.dir}/run/docker.sock\n"
    for what in ("containerd", "engine", "gate"):
        assert what in done.stderr
    assert fresh.docker("version", "-f", "{{.Server.Version}}").stdout in done.stderr


def test_pid_is_the_hosts(box):
    """No pid namespace in between: inspect names a process of the host."""
    pid = box.start("one", "sleep", "4321")
    assert read(f"/proc/{pid}/cmdline") == "sleep\x004321\x00"


def test_state_dir_by_environment(fresh):
    env = dict(fresh.env(), GABION_STATE_DIR=fresh.dir)
    for command in (["up", "--detach"], ["down"]):
        subprocess.run([program("gabion"), *command], env=env, check=True, capture_output=True)
    fresh.assert_clean()


def test_the_engine_has_no_keys_of_roots():
    """Git addresses of builds it fetches as root, for whoever may use it."""
    with tempfile.TemporaryDirectory(prefix="gabion-ssh-", dir="/var/tmp") as folder:
        with open(f"{folder}/ssh", "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\necho "$SSH_AUTH_SOCK$GIT_SSH_COMMAND" "$@" >>{folder}/said\nexit 1\n')
        os.chmod(f"{folder}/ssh", 0o755)
        with Instance(wrap=("env", f"PATH={folder}:{os.environ['PATH']}", "SSH_AUTH_SOCK=/an/agent", "GIT_SSH_COMMAND=ssh -i /a/key")) as box:
            box.up()
            subprocess.run(["curl", "-s", "--unix-socket", f"{box.dir}/run/docker.sock", "-X", "POST",
                            "http://x/v1.41/build?remote=git@localhost:x/y"], check=True, capture_output=True)
            assert read(f"{folder}/said").startswith(" -F none -o IdentityFile=none ")
            said = subprocess.run([f"{box.dir}/run/bin/ssh", "-G", "localhost"], capture_output=True, text=True, check=False)
            assert said.returncode == 1 and read(f"{folder}/said").endswith("-o IdentityFile=none -G localhost\n")
            box.down()
        said = subprocess.run(["ssh", "-F", "none", "-o", "IdentityFile=none", "-G", "localhost"], capture_output=True, text=True, check=True)
        assert [line for line in said.stdout.splitlines() if line.startswith("identityfile")] == ["identityfile none"]


def test_data_survives(fresh):
    """Images, volumes and containers stay in DIR; restart policies hold across down and up."""
    fresh.up()
    fresh.load()
    fresh.start("always", options=("--restart", "always"))
    fresh.start("never", options=("-v", "vol:/vol"))
    fresh.docker("exec", "never", "touch", "/vol/file")
    fresh.down()
    fresh.assert_clean()
    fresh.up()
    assert fresh.docker("ps", "--format", "{{.Names}}").stdout == "always"
    assert fresh.docker("run", "--rm", "-v", "vol:/vol", "box", "ls", "/vol").stdout == "file"
    state = fresh.docker("inspect", "-f", "{{.State.Status}}", "never").stdout
    assert state == "exited"


def test_down_without_instance(fresh):
    assert "no instance" in fresh.gabion("down", "--state-dir", f"{fresh.dir}/none").stderr
    fresh.down()
    assert not os.path.exists(f"{fresh.dir}/none")


def test_ctrl_c(fresh):
    """In the foreground: one Ctrl-C lets containers finish, and then nothing is left."""
    process = fresh.up_foreground()
    fresh.load()
    fresh.start("polite", "sh", "-c", "trap 'echo bye > /vol/said; exit 0' TERM; while :; do sleep 0.1; done",
                options=("-v", "vol:/vol"))
    fresh.start("deaf")
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert time.monotonic() - begin < 8, "a container that hears no signal was waited for"
    assert read(f"{fresh.dir}/lib/engine/volumes/vol/_data/said") == "bye\n"
    fresh.assert_clean()


def expect(stream, words):
    """Reads lines until one has these words."""
    seen = []
    for line in stream:
        seen.append(line)
        if words in line:
            return
    raise AssertionError(f"no line with {words!r}: {seen}")


def test_ctrl_c_twice(fresh):
    """The second one kills at once."""
    process = fresh.up_foreground()
    fresh.load()
    fresh.start("stubborn", "sh", "-c", "trap '' HUP; trap : TERM; while :; do sleep 0.1; done")
    process.send_signal(signal.SIGINT)
    expect(process.stderr, "waiting for containers")
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait(30)
    assert time.monotonic() - begin < 5
    fresh.assert_clean()


def test_ctrl_c_while_starting(fresh):
    for _ in range(5):
        process = subprocess.Popen([program("gabion"), "up", "--state-dir", fresh.dir], stderr=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, env=fresh.env())
        expect(process.stderr, "containerd is up")
        fresh.cgroup = fresh.record()["cgroup"]
        process.send_signal(signal.SIGINT)
        code = process.wait(30)
        fresh.assert_clean()
        if process.stdout.read() == "":
            assert code == 1
            return  # else this test was slower than the engine, and it was up already
    raise AssertionError("the engine was always up before it could be interrupted")


def test_hang_up(fresh):
    """The terminal goes away: as Ctrl-C."""
    process = fresh.up_foreground()
    process.send_signal(signal.SIGHUP)
    assert process.wait(30) == 0
    fresh.assert_clean()


@pytest.mark.parametrize("victim", [*SERVICES, "gabiond", "shim", "everything"])
def test_down_after_kill(box, victim):
    """kill -9 of any part, then down: nothing is left."""
    box.start("one")
    box.start("paused")
    box.docker("pause", "paused")
    for part in ("gabiond", *SERVICES, "shim") if victim == "everything" else (victim,):
        box.kill(part)
    box.down()
    box.assert_clean()


def exec_works(box, name):
    """Soon: dockerd looks for a new containerd every few seconds, in a stock engine too."""
    wait_until(lambda: box.docker("exec", name, "echo", "here", check=False).stdout == "here", 15, "exec")


@pytest.mark.parametrize("victim", SERVICES)
def test_restart(box, victim):
    """kill -9 of a service: it comes back, and containers have not noticed."""
    pid = box.start("one")
    socket = os.stat(f"{box.dir}/run/docker.sock").st_ino
    old = box.pid(victim)
    box.kill(victim)
    box.wait_restarted(victim, old)
    assert box.pid_of("one") == pid
    exec_works(box, "one")
    assert box.docker("run", "--rm", "box", "echo", "new").stdout == "new"
    assert os.stat(f"{box.dir}/run/docker.sock").st_ino == socket
    box.docker("stop", "-t", "0", "one")


def test_no_client_is_refused_while_the_gate_restarts(box):
    """The listening socket is gabiond's: a client that comes in between just waits."""
    for _ in range(5):
        old = box.pid("gate")
        os.kill(old, signal.SIGKILL)
        assert box.docker("version", "-f", "{{.Server.Version}}").stdout
        box.wait_restarted("gate", old)


@pytest.mark.parametrize("also", [(), ("engine",), ("containerd",), SERVICES])
def test_take_over(box, also):
    """gabiond is killed: containers and what is left of the engine go on, and a new up adopts them."""
    pid = box.start("one")
    box.start("gone", "sh", "-c", "exit 3")
    engine = box.pid("engine")
    box.kill("gabiond")
    for victim in also:
        box.kill(victim)
    assert os.path.exists(f"/proc/{pid}")
    done = box.up()
    assert "taking over" in done.stderr
    assert box.pid_of("one") == pid
    assert (box.pid("engine") == engine) == ("engine" not in also)
    exec_works(box, "one")
    assert box.docker("run", "--rm", "box", "echo", "new").stdout == "new"
    # And it is supervised as before.
    old = box.pid("engine")
    box.kill("engine")
    box.wait_restarted("engine", old)
    assert box.pid_of("one") == pid
    box.down()
    box.assert_clean()


def test_take_over_with_other_arguments(box):
    """Other arguments for the engine: it is started afresh, containers stay."""
    pid = box.start("one")
    engine = box.pid("engine")
    box.kill("gabiond")
    box.up("--label=other=yes")
    assert box.pid("engine") != engine
    assert box.pid_of("one") == pid
    assert "other=yes" in box.docker("info", "-f", "{{.Labels}}").stdout


def test_binds_after_take_over(box):
    """The files that are mounted in the instance are still those, and paths of the host can be judged."""
    box.kill("gabiond")
    box.up()
    assert "//deleted" not in read(f"/proc/{box.pid('engine')}/mountinfo")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        assert box.docker("run", "--rm", "-v", f"{folder}:/x", "box", "echo", "bound").stdout == "bound"


def put_profile(box, name):
    os.makedirs(f"{box.dir}/etc", exist_ok=True)
    with open(f"{box.dir}/etc/gabion.json", "w", encoding="utf-8") as f:
        f.write(f'{{"engineProfile": "{name}"}}')


def seen_inside(box, path):
    """Inode numbers of a path in the instance and of the socket for clients."""
    try:
        inside = os.stat(f"/proc/{box.pid('engine')}/root{path}").st_ino
    except FileNotFoundError:
        inside = None
    return inside, os.stat(f"{box.dir}/run/docker.sock").st_ino


def test_the_socket_has_the_name_of_the_profile(fresh):
    """In the instance, not on the host; and again after gabiond was killed."""
    put_profile(fresh, "iechor")
    on_host = os.path.exists("/run/iechor.sock")
    for again in (False, True):
        if again:
            fresh.kill("gabiond")
        fresh.up()
        for name in ("/run/iechor.sock", "/run/docker.sock"):
            inside, clients = seen_inside(fresh, name)
            assert inside == clients, name
        assert os.path.exists("/run/iechor.sock") == on_host


def test_take_over_with_another_profile(fresh):
    """There is no place for its name then: said, and nothing is lost."""
    fresh.up()
    engine = fresh.pid("engine")
    fresh.kill("gabiond")
    put_profile(fresh, "iechor")
    done = fresh.up()
    if not os.path.exists("/run/iechor.sock"):
        assert "/run/iechor.sock is not there in this instance" in done.stderr
    assert fresh.pid("engine") == engine
    inside, clients = seen_inside(fresh, "/run/docker.sock")
    assert inside == clients


def test_start_after_everything_was_killed(box):
    """Nothing is left to adopt: a clean start, and containers with a restart policy come back."""
    box.start("one", options=("--restart", "always"))
    for part in ("gabiond", *SERVICES, "shim"):
        box.kill(part)
    done = box.up()
    assert "taking over" not in done.stderr
    wait_until(lambda: box.docker("ps", "--format", "{{.Names}}").stdout == "one", 20, "the container")


def test_second_up(box):
    pid = box.pid("engine")
    done = box.up(check=False)
    assert done.returncode == 1
    assert "an instance is running in" in done.stderr and "gabion down" in done.stderr
    assert box.pid("engine") == pid
    assert box.docker("ps").returncode == 0


def test_two_instances():
    """Beside each other, with the same networks."""
    with Instance("a") as a, Instance("b") as b:
        for i in (a, b):
            i.up()
            i.load()
            i.docker("network", "create", "--subnet", "172.30.5.0/24", "mine")
            i.start("web", "sh", "-c", f"echo {i.dir} > /tmp/index.html; httpd -f -p 80 -h /tmp",
                    options=("-p", f"{free_port()}:80", "--network", "mine"))
        for i in (a, b):
            wait_until(lambda i=i: i.docker("run", "--rm", "--network", "mine", "box", "wget", "-qO-", "http://web/",
                                            check=False).stdout == i.dir, 10, "the answer of web")
        assert a.cgroup != b.cgroup
        a.down()
        a.assert_clean()
        assert b.docker("exec", "web", "echo", "still").stdout == "still"
        b.down()
        b.assert_clean()


def test_engine_error(fresh):
    """The engine's own words, and everything cleaned up."""
    for bad, words in (("--no-such-flag", "unknown flag: --no-such-flag"),
                       ("--storage-driver=nonsense", "driver not supported"),
                       ("--bip=300.1.1.1/24", "300.1.1.1/24")):
        done = fresh.up(bad, check=False)
        assert done.returncode == 1
        assert done.stdout == ""
        said = [l for l in done.stderr.splitlines() if "did not start" in l]
        assert len(said) == 1 and words in said[0], done.stderr
        assert not os.path.exists(f"{fresh.dir}/run")
        fresh.assert_clean()


def test_engine_args_reach_the_engine(fresh):
    fresh.up("--label", "colour=blue", "--bip=10.77.0.1/24")
    assert "colour=blue" in fresh.docker("info", "-f", "{{.Labels}}").stdout
    fresh.load()
    assert "10.77.0." in fresh.docker("run", "--rm", "box", "ip", "addr").stdout


def test_not_root(fresh):
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program("gabion"), "up",
                           "--state-dir", fresh.dir], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 3
    assert "root" in done.stderr and "sudo gabion up" in done.stderr


def in_mount_namespace(instance, script):
    """Makes every gabion command of this instance run after `script` in a mount namespace of its own."""
    instance.wrap = ["unshare", "-m", "sh", "-ec", f'{script}\nexec "$@"', "sh"]
    return instance


@pytest.mark.parametrize("name, package", [("dockerd", "docker.io"), ("containerd", "containerd"),
                                           ("containerd-shim-runc-v2", "containerd"), ("iptables", "iptables")])
def test_missing_program(fresh, name, package):
    """Names what is missing and what brings it, before anything is made."""
    path = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
    path = os.path.realpath(path)
    in_mount_namespace(fresh, f"mount --bind /dev/null {path}")
    done = fresh.up(check=False)
    assert done.returncode == 1
    assert f"{name} is not installed: `apt install {package}` brings it" in done.stderr
    assert not os.path.exists(f"{fresh.dir}/run")


def test_folders_that_cannot_be(fresh):
    cases = [
        (f"mount -t tmpfs -o ro none {fresh.dir}", fresh.dir, "Read-only file system"),
        (f"mount -t tmpfs -o size=4k,nr_inodes=6 none {fresh.dir}", fresh.dir, "No space left on device"),
        (":", fresh.dir + "/" + "x" * 100, "too long a path"),
        (":", fresh.dir + "/a:b", "colon"),
        (":", fresh.dir + "/none/below", "parent"),
        (f"touch {fresh.dir}/file", fresh.dir + "/file", "is no folder"),
    ]
    for script, folder, words in cases:
        in_mount_namespace(fresh, script)
        done = fresh.gabion("up", "--state-dir", folder, "--detach", check=False)
        assert done.returncode == 1, (folder, done)
        assert words in done.stderr, (folder, done)
    fresh.wrap = []


def test_left_of_another_boot(fresh):
    """What is in run/ of an earlier boot means nothing."""
    os.makedirs(f"{fresh.dir}/run/containers")
    os.makedirs(f"{fresh.dir}/run/log")
    for name, text in (("instance.json", '{"boot":"another","pid":1,"birth":1,"engine":{"pid":1,"birth":1}}'),
                       ("containers/abc.json", "{}"), ("dockerd.pid", "1")):
        with open(f"{fresh.dir}/run/{name}", "w", encoding="utf-8") as f:
            f.write(text)
    done = fresh.up()
    assert "taking over" not in done.stderr
    assert os.listdir(f"{fresh.dir}/run/containers") == []


def test_asker_records_are_collected(box):
    """Records of containers that the engine has no more go; those of containers that are there stay."""
    box.start("one")
    one = box.docker("inspect", "-f", "{{.Id}}", "one").stdout
    for name in (one, "0" * 64):
        with open(f"{box.dir}/lib/askers/{name}", "a", encoding="utf-8"):
            pass
    box.down()
    box.up()
    assert os.listdir(f"{box.dir}/lib/askers") == [one]


def test_host_is_not_touched(fresh):
    """A host without any folder of an engine has none afterwards, and none while it runs."""
    folders = ("/run", "/opt", "/etc/docker", "/var/lib")
    script = "\n".join(f"mkdir -p {d}; mount -t tmpfs -o mode=755 none {d}" for d in folders)
    script += "\nmkdir /run/kept; echo text > /run/kept/file; ln -s kept /run/link"
    inner = f"""
        {script}
        export DOCKER_HOST=unix://{fresh.dir}/run/docker.sock
        find {' '.join(folders)} | sort > {fresh.dir}/before
        "$@" up --state-dir {fresh.dir} --detach
        docker import /dev/stdin box < {fresh.dir}/box.tar
        docker run --rm box true
        docker run -d --name one box sleep 1000
        nsenter -m -t $(docker inspect -f '{{{{.State.Pid}}}}' one) true
        find {' '.join(folders)} | sort > {fresh.dir}/while
        engine=$(sed -n 's/.*"engine":{{"pid":\\([0-9]*\\).*/\\1/p' {fresh.dir}/run/instance.json)
        nsenter -m -t $engine cat /run/link/file > {fresh.dir}/seen
        "$@" down --state-dir {fresh.dir}
        find {' '.join(folders)} | sort > {fresh.dir}/after"""
    with open(f"{fresh.dir}/box.tar", "wb") as f:
        f.write(image())
    env = fresh.env()
    env["GABION_IDS_DIR"] = f"{fresh.dir}/ids"
    done = subprocess.run(["unshare", "-m", "sh", "-ec", inner, "sh", program("gabion")], env=env,
                          capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert read(f"{fresh.dir}/while") == read(f"{fresh.dir}/before")
    assert read(f"{fresh.dir}/after") == read(f"{fresh.dir}/before")
    assert read(f"{fresh.dir}/seen") == "text\n"
    fresh.assert_clean()


def test_way_out(box):
    """Containers reach what the host reaches, but not the host's loopback."""
    if box.record()["subnet"] == "":
        pytest.skip("slirp4netns is not installed: nothing to test")
    assert "nameserver 10." in box.docker("run", "--rm", "box", "cat", "/etc/resolv.conf").stdout
    address = subprocess.run("ip -4 -o addr show scope global | awk '{split($4,a,\"/\"); print a[1]; exit}'",
                             shell=True, capture_output=True, text=True, check=True).stdout.strip()
    if not address:
        pytest.skip("this host has no address but its loopback's")
    with socketserver.TCPServer((address, 0), Greeter) as server, \
            socketserver.TCPServer(("127.0.0.1", 0), Greeter) as hidden:
        for one in (server, hidden):
            threading.Thread(target=one.serve_forever, daemon=True).start()
        port, hidden_port = server.server_address[1], hidden.server_address[1]
        said = box.docker("run", "--rm", "box", "nc", "-w", "5", address, str(port)).stdout
        assert said == "hello"
        gateway = box.record()["subnet"].replace(".0/24", ".2")
        said = box.docker("run", "--rm", "box", "nc", "-w", "2", gateway, str(hidden_port), check=False).stdout
        assert said == ""
        server.shutdown()
        hidden.shutdown()


class Greeter(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"hello")


def test_closed_home():
    """Below a home that nobody else may enter, as root's: the gate's user gets to the engine all the same."""
    home = tempfile.mkdtemp(prefix="gabion-updown-home", dir="/var/tmp")  # mode 0700
    try:
        with Instance(below=home) as instance:
            instance.up()
            assert instance.docker("version", "-f", "{{.Server.Version}}").stdout
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.parametrize("service", ["engine", "containerd"])
def test_what_the_engine_cannot_move(box, service):
    """Nothing of the host goes into what it keeps by rename(2), nor the other way: CVE-2026-33748, whatever the engine."""
    move = "import os, sys; os.rename(*sys.argv[1:])"
    for a, b in ((f"{box.dir}/mine", f"{box.dir}/lib/{service}/mine"), (f"{box.dir}/lib/{service}/mine", f"{box.dir}/mine")):
        os.mkdir(a)
        done = subprocess.run(["nsenter", "-m", "-t", str(box.pid(service)), "/usr/bin/python3", "-c", move, a, b],
                              capture_output=True, text=True, check=False)
        assert "Invalid cross-device link" in done.stderr and os.path.isdir(a), done
        os.rename(a, b)  # for others these are one file system
        os.rmdir(b)


def test_it_is_guarded_again(box):
    """An engine that is asked to end, while no container runs, unmounts what is below its layers' folder, and that. No link
    in layers is followed by the next one either."""
    def guarded():
        lines = [line.split(" ") for line in read(f"/proc/{box.pid('engine')}/mountinfo").splitlines()]
        return any(f[4] == f"{box.dir}/lib/engine/overlay2" and "nosymfollow" in f[5] for f in lines)

    assert guarded()
    old = box.pid("engine")
    os.kill(old, signal.SIGTERM)
    box.wait_restarted("engine", old)
    assert guarded()
    assert box.docker("run", "--rm", "box", "echo", "hello").stdout == "hello"


def test_a_folder_in_the_sockets_place(fresh):
    """As an engine leaves it on a host where somebody asked for -v /var/run/docker.sock:… too early."""
    fresh.wrap = ["unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount -t tmpfs t /run && mkdir /run/docker.sock && exec "$@"', "x"]
    done = fresh.up(check=False)
    assert done.returncode != 0 and "rmdir /run/docker.sock" in done.stderr, done


def test_links_of_its_own_come_back(box):
    """Where the mount on which the engine follows its own links has gone, it would find no layers."""
    old = box.pid("engine")
    subprocess.run(["nsenter", f"--mount=/proc/{old}/ns/mnt", "umount", f"{box.dir}/lib/engine/overlay2/l"], check=True)
    assert box.docker("run", "--rm", "box", "echo", "hello", check=False).returncode != 0
    os.kill(old, signal.SIGKILL)
    box.wait_restarted("engine", old)
    assert box.docker("run", "--rm", "box", "echo", "hello").stdout == "hello"


def test_build_steps_are_members(box):
    """Build steps are in the instance's cgroup too, with both builders, and go down with it."""
    folder = f"{box.dir}/context"
    os.mkdir(folder)
    for kit in ("0", "1"):
        with open(f"{folder}/Dockerfile", "w", encoding="utf-8") as f:
            f.write(f"FROM box\nRUN sleep 43{kit}1\n")
        env = dict(box.env(), DOCKER_BUILDKIT=kit)
        build = subprocess.Popen([DOCKER, "build", "-q", folder], env=env, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        step = wait_until(lambda kit=kit: [p for p, (line, _) in processes().items() if line == f"sleep 43{kit}1 "],
                          60, "the build step")
        assert f"/{box.cgroup}/" in read(f"/proc/{step[0]}/cgroup")
        build.kill()
        build.wait()
    box.down()
    box.assert_clean()
    assert not [p for p, (line, _) in processes().items() if line.startswith(("sleep 4301", "sleep 4311"))]


def test_no_descriptor_leaks(fresh):
    """What the shell has open does not get to the engine, nor to containers."""
    secret = os.open(f"{fresh.dir}/secret", os.O_RDWR | os.O_CREAT)
    fresh.up(pass_fds=(secret,))
    os.close(secret)
    fresh.load()
    one = fresh.start("one")
    for pid in (*[fresh.pid(s) for s in ("gabiond", *SERVICES)], *fresh.shims(), one):
        held = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        if pid != fresh.pid("gabiond"):
            assert f"{fresh.dir}/secret" not in held, read(f"/proc/{pid}/cmdline")
        assert f"{fresh.dir}/run/gabiond.lock" not in held or pid == fresh.pid("gabiond")


def test_terminal_is_let_go(fresh):
    """Detached: nobody holds the pipes of the shell that asked, so $(gabion up --detach) returns."""
    done = subprocess.run(f"out=$({program('gabion')} up --state-dir {fresh.dir} --detach 2>&1); echo \"$out\"",
                          shell=True, capture_output=True, text=True, timeout=60, env=fresh.env(), check=False)
    assert "DOCKER_HOST=" in done.stdout


@pytest.mark.parametrize("turn", range(int(os.environ.get("GABION_KILL_TURNS", "6"))))
def test_kill_at_any_instant(fresh, turn):
    """gabiond is killed at a random instant of its start, with whatever it had started: down cleans,
    and the next start is as the first."""
    delay = random.Random(turn).uniform(0, 0.7)
    process = subprocess.Popen([program("gabion"), "up", "--state-dir", fresh.dir], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=fresh.env())
    time.sleep(delay)  # the instant is the test
    process.kill()
    process.wait()
    with contextlib.suppress(OSError):
        fresh.cgroup = fresh.record()["cgroup"]
    if turn % 2:
        fresh.up()
        fresh.load()
        assert fresh.docker("run", "--rm", "box", "echo", "up").stdout == "up"
    fresh.down()
    fresh.assert_clean()
