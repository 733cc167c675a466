# SPDX-License-Identifier: Apache-2.0
"""What the tests of engines in containers share."""

import hashlib
import http.client
import io
import json
import subprocess
import tarfile

import support
from support import wait_until

# Without --privileged (docs/administration.md, "Systems in containers").
FLAGS = ("--cap-add", "ALL", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
         "--security-opt", "systempaths=unconfined", "-v", "/sys/fs/cgroup:/sys/fs/cgroup")

COMPOSE = """services:
  web:
    image: alpine
    command: ["sh", "-c", "mkdir /w; echo from compose >/w/index.html; exec httpd -f -h /w"]
  client:
    image: alpine
    depends_on: [web]
    command: ["sh", "-c", "until wget -qO- http://web; do :; done"]
"""
DOCKERFILE = "FROM alpine\nCOPY f /f\nRUN cat /f >/g && echo built >>/g\nRUN ip -o addr show eth0 >>/g\n"


def files(c, folder, **contents):
    """Files in a folder of the container; _ in a name is a dot."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as t:
        for name, text in contents.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size, info.mode = len(text.encode()), 0o755
            t.addfile(info, io.BytesIO(text.encode()))
    c.exec("mkdir", "-p", folder)
    c.exec("tar", "-C", folder, "-x", input=data.getvalue())


def archive(name, *cmd):
    """A docker-archive of our alpine under a name, for `ctr image import` and `docker load`."""
    support.run(support.MAKE_IMAGES, "alpine", timeout=900)
    with open(f"{support.CACHE}/images/alpine.tar", "rb") as f:
        layer = f.read()
    config = {"architecture": "amd64", "os": "linux",
              "config": {"Cmd": cmd or ["sh"], "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
              "history": [{"created_by": "make-images"}]}
    entries = {"layer.tar": layer, "config.json": json.dumps(config).encode(), "manifest.json": json.dumps(
        [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()}
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as t:
        for path, content in entries.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            t.addfile(info, io.BytesIO(content))
    return data.getvalue()


def engine_answers(c):
    wait_until(lambda: c.exec("docker", "version", check=False).rc == 0, 60, f"an engine in {c.id}")


def import_folder(engine, tree, name):
    """An image of a large folder of the host."""
    with subprocess.Popen(["tar", "-C", tree, "--one-file-system", "--numeric-owner", "-c", "."],
                          stdout=subprocess.PIPE) as tar:
        subprocess.run([support.DOCKER, "import", "-", name], stdin=tar.stdout, check=True, stdout=subprocess.DEVNULL,
                       env={**support.os.environ, **engine.environment()})
    assert tar.returncode == 0


def page(port):
    """What the web server on a port of this host says, None while there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except OSError:
        return None
    finally:
        connection.close()
