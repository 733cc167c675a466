# SPDX-License-Identifier: Apache-2.0
"""What programs do with the Python SDK, printed so that two runs can be compared: argv[1] is the socket."""
import io
import sys
import tarfile
import time

import docker

client = docker.DockerClient(base_url=f"unix://{sys.argv[1]}", timeout=60)
api = client.api


def say(what, *values):
    print(what, *values, flush=True)


def tar(**files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.uid, info.gid, info.mode = len(data), 7, 8, 0o640
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def output(image, command):
    """containers.run() reads the log by following it, and the follower of 20.10 may end before the last
    piece is there; once the engine says that a container has ended, its log is complete."""
    done = client.containers.run(image, command, detach=True)
    code = done.wait(timeout=60)["StatusCode"]
    logs = done.logs()
    done.remove()
    return code, logs


def execute(container, command):
    """exec_run() asks for the exit code when the output has ended, which the engine may still not know."""
    ident = api.exec_create(container.id, command)["Id"]
    out = api.exec_start(ident, demux=True)
    for _ in range(600):
        state = api.exec_inspect(ident)
        if not state["Running"]:
            break
        time.sleep(0.05)
    return state["ExitCode"], out


say("ping", client.ping(), client.version()["ApiVersion"], client.info()["Driver"])
say("run", output("alpine", ["echo", "hello"]))
try:
    # Nothing can get lost here: after a failure run() reads the whole log.
    client.containers.run("alpine", ["sh", "-c", "echo bad >&2; exit 3"], remove=True)
except docker.errors.ContainerError as e:
    say("exit", e.exit_status, e.stderr)
try:
    client.containers.run("nosuch.invalid/image", "true")
except docker.errors.APIError as e:
    say("missing", type(e).__name__, e.status_code)

box = client.containers.run("alpine", ["sh", "-c", "echo started; read line; echo got $line; echo ended >&2; exit 5"], detach=True, stdin_open=True,
                            labels={"sdk": "1", "a": "ä"}, environment={"X": "y"}, hostname="box")
say("state", box.status, box.labels, box.attrs["Config"]["Hostname"])
say("exec", *execute(box, ["sh", "-c", "echo out; echo err >&2; exit 4"]))
say("exec user", box.exec_run(["id", "-u"], user="65534").output)
say("put", box.put_archive("/tmp", tar(one=b"1", two=b"22")), box.exec_run("stat -c '%n %u %g %a %s' /tmp/one /tmp/two").output)
# Engines up to 20.10 put bits of the type into modes.
chunks, stat = box.get_archive("/tmp/two")
with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as t:
    say("get", stat["name"], stat["size"], [(m.name, m.uid, m.gid, oct(m.mode & 0o7777)) for m in t], t.extractfile("two").read())
say("diff", sorted(c["Path"] for c in box.diff()))
say("top", len(box.top()["Processes"]))
sock = box.attach_socket(params={"stdin": 1, "stream": 1})
sock._sock.sendall(b"typed\n")
sock._sock.shutdown(1)
sock.close()
say("wait", box.wait(timeout=30)["StatusCode"])
say("logs", box.logs(stdout=True, stderr=False), box.logs(stdout=False, stderr=True))
say("commit", box.commit("sdk-made", "1", changes="LABEL made=yes").labels["made"])
say("rename", box.rename("sdk-renamed"), client.containers.get("sdk-renamed").name)
say("list", [c.name for c in client.containers.list(all=True, filters={"label": "sdk=1"})])

# since: the engine answers before it listens; what happens in between would be missing.
stream = client.events(decode=True, since=int(time.time()) - 1,
                       filters={"type": "container", "event": ["create", "die"], "label": "sdk=2"})
client.containers.run("alpine", "true", labels={"sdk": "2"}, remove=True)
say("events", [next(stream)["Action"] for _ in range(2)])
stream.close()

image, lines = client.images.build(fileobj=io.BytesIO(tar(Dockerfile=b"FROM alpine\nRUN echo built >/built\nCOPY f /f\n", f=b"data")),
                                   custom_context=True, tag="sdk-built", rm=True)
say("build", image.tags, any("Successfully built" in line.get("stream", "") for line in lines))
say("built", output("sdk-built", ["cat", "/built", "/f"]))
with tarfile.open(fileobj=io.BytesIO(b"".join(image.save()))) as t:
    say("save", any(m.name == "manifest.json" for m in t))
say("load", [i.tags for i in client.images.load(b"".join(client.images.get("alpine").save(named=True)))])
say("history", len(image.history()) > 1)

net = client.networks.create("sdk-net", labels={"n": "1"})
vol = client.volumes.create("sdk-vol", labels={"v": "1"})
two = client.containers.run("alpine", ["sleep", "1000"], detach=True, network="sdk-net", name="sdk-two", mem_limit="64m",
                            volumes={"sdk-vol": {"bind": "/v", "mode": "rw"}}, pids_limit=50, init=True)
say("volume", two.exec_run(["sh", "-c", "echo x >/v/x && stat -c %u:%g /v/x"]).output, vol.attrs["Labels"])
net.reload()
say("network", [c.name for c in net.containers])
say("update", two.update(mem_limit="96m", memswap_limit="128m")["Warnings"])
say("stats", sorted(two.stats(stream=False))[:3])
say("pause", two.pause(), two.unpause(), two.restart(timeout=0))
two.reload()
say("restarted", two.status, two.attrs["HostConfig"]["Memory"])
sock = api.exec_start(api.exec_create(two.id, ["sh"], stdin=True, tty=True)["Id"], socket=True, tty=True)
sock._sock.sendall(b"stty -echo; echo tty-$((6*7))\nexit\n")
say("tty", b"tty-42" in b"".join(iter(lambda: sock._sock.recv(4096), b"")))
two.remove(force=True)
net.remove()
vol.remove()
box.remove()
for name in ("sdk-built", "sdk-made:1"):
    client.images.remove(name, force=True)
say("gone", [c.name for c in client.containers.list(all=True)], [v.name for v in client.volumes.list()])
