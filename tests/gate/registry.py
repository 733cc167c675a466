# SPDX-License-Identifier: Apache-2.0
"""Debian's docker-registry on the loopback of an instance's network: what the engine there pulls from,
as a registry of its own and as the mirror of docker.io."""

import contextlib
import ctypes
import shutil
import signal
import subprocess
import tempfile

import support

PORT = 5000
CONFIG = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: false}}}}
storage: {{filesystem: {{rootdirectory: {dir}/data}}, delete: {{enabled: true}}}}
http: {{addr: 127.0.0.1:{port}}}
{auth}"""


def hashed(word):
    """As htpasswd -B prints it; the registry takes bcrypt alone."""
    libcrypt = ctypes.CDLL("libcrypt.so.1")
    libcrypt.crypt.restype = ctypes.c_char_p
    return libcrypt.crypt(word.encode(), b"$2b$04$gabiontestsgabiontests").decode()


class Registry:
    """inside: answers a process in whose network namespace it runs; the engine may have another one by the next start."""

    def __init__(self, inside, port=PORT, users=None):
        self.inside, self.port = inside, port
        self.dir = tempfile.mkdtemp(prefix="gabion-registry-", dir="/var/tmp")
        auth = ""
        if users:
            lines = [f"{name}:{hashed(word)}" for name, word in users.items()]
            support.write(f"{self.dir}/users", "\n".join(lines) + "\n")
            auth = f"auth: {{htpasswd: {{realm: test, path: {self.dir}/users}}}}\n"
        support.write(f"{self.dir}/config.yml", CONFIG.format(dir=self.dir, port=port, auth=auth))
        self.process = None
        self.start()

    @property
    def name(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.log = open(f"{self.dir}/log", "ab")
        self.process = subprocess.Popen(["nsenter", "-n", "-t", str(self.inside()), "docker-registry", "serve",
                                         f"{self.dir}/config.yml"], stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL)
        support.wait_until(self.answers, 30, "a registry")

    def answers(self):
        return self.ask("GET", "/v2/").rc == 0

    def ask(self, method, path):
        """curl from inside."""
        return support.run("nsenter", "-n", "-t", self.inside(), "curl", "-s", "-i", *(["-I"] if method == "HEAD" else ["-X", method]),
                           "-H", "Accept: application/vnd.docker.distribution.manifest.v2+json, "
                           "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json",
                           f"http://{self.name}{path}", check=False)

    def digest(self, repository, tag):
        for line in self.ask("HEAD", f"/v2/{repository}/manifests/{tag}").lines:
            if line.lower().startswith("docker-content-digest:"):
                return line.split(": ", 1)[1].strip()
        return None

    def delete(self, repository, tag):
        assert self.digest(repository, tag)
        self.ask("DELETE", f"/v2/{repository}/manifests/{self.digest(repository, tag)}")

    def requests(self):
        """How many requests it has seen."""
        return support.read(f"{self.dir}/log").count("HTTP/1.")

    def stop(self):
        """Down: connections are refused."""
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

    def freeze(self):
        """Stuck: connections are made and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            self.thaw()
        self.stop()
        shutil.rmtree(self.dir)


def push(engine, registry, image, repository, tag="latest", keep=False):
    """Puts an image of the engine into the registry; as docker.io's when the repository has no folder.
    Returns its digest there."""
    path = repository if "/" in repository else f"library/{repository}"
    name = f"{registry.name}/{path}:{tag}"
    engine.docker("tag", image, name)
    engine.docker("push", name)
    if not keep:
        engine.docker("rmi", name)
    return registry.digest(path, tag)
