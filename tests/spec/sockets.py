# SPDX-License-Identifier: Apache-2.0
"""Engines on which the rows about the engine's socket are run: one as Docker's documents have it
(capability `socket`), one with the engine profile `iechor` (capability `profile`).

Each is a `gabion up` of its own with a real registry on its loopback. That registry is the mirror of
docker.io, and it is your-registry.com and iechor.io too: the instance's /etc/hosts says that these are
127.0.0.1, where the registry has port 80. So an image is pulled under the name that a row has, and the
gate asks for digests under that name; what is not real is who answers there, and that it is HTTP.

The content of NAME:cli is Debian with curl and this machine's docker CLI, and of alpine busybox. All
other images are one file, no two alike; nobody runs them.

`iechor` is the docker CLI under that name, with iechor's socket as its default: on the PATH of a row's
command and in iechor:cli. Behind its gate is a dockerd, which reads `iechor:cli` as
docker.io/library/iechor:cli; to gabion that image is iechor.io/library/iechor:cli.
"""
import json
import os
import pathlib
import sys
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "gate"), str(HERE.parent / "e2e")]

import cages  # noqa: E402
import registry as registries  # noqa: E402
import support  # noqa: E402

PORT = 80
HOSTS = "127.0.0.1 localhost your-registry.com iechor.io\n::1 localhost\n"
BASE = "gabion-base"  # NAME:cli is this and a file: pulling it again takes no time
IECHOR = '#!/bin/sh\nexport DOCKER_HOST="${DOCKER_HOST:-unix:///var/run/iechor.sock}"\nexec docker "$@"\n'
LOCAL = "gabion-local"
NAMES = {"docker": "dockerSocketMount", "iechor": "iechorSocketMount"}


def path_at_registry(image):
    """repository:tag of a name there: without the host, whichever it is."""
    host, slash, path = image.partition("/")
    if not slash:
        path = f"library/{image}"
    elif "." not in host:
        path = image
    return path if ":" in path else f"{path}:latest"


class Cell(support.GabionInstance):
    """name: of the engine profile."""

    def __init__(self, name):
        self.name, self.key = name, NAMES[name]
        self.cli_image = f"{name}:cli"
        self.socket_path = f"/var/run/{name}.sock"
        self.registry = None
        super().__init__("--registry-mirror", f"http://127.0.0.1:{PORT}", prepare=self.prepare)
        self.pulled = set()
        try:
            self.fill()
        except BaseException:
            self.down()
            self.remove_folder()
            raise

    def prepare(self, folder):
        os.makedirs(f"{folder}/etc")
        support.write(f"{folder}/etc/gabion.json", json.dumps({"engineProfile": self.name}))
        support.write(f"{folder}/hosts", HOSTS)
        self.bin = f"{folder}/bin"
        os.mkdir(self.bin)
        support.write(f"{self.bin}/iechor", IECHOR, 0o755)

    def fill(self):
        self.registry = registries.Registry(self.dockerd, PORT)
        support.run("nsenter", "-m", "-t", self.dockerd(), "mount", "--bind", f"{self.dir}/hosts", "/etc/hosts")
        support.load_image(self, "docker", BASE)
        support.load_image(self, "alpine", self.at_registry(path_at_registry("alpine")))
        self.build(f"FROM {BASE}\nCOPY cli /usr/local/bin/iechor\nRUN chmod 755 /usr/local/bin/iechor\n",
                   files={"cli": IECHOR}, buildkit=False, tag=self.at_registry(path_at_registry(self.cli_image)))
        self.publish(self.cli_image)
        self.publish("alpine")
        self.cli_id = self.image_id(self.cli_image)

    def down(self):
        try:
            if self.registry:
                self.registry.close()
        finally:
            super().down()

    def environment(self, extra=None, user=None):
        return super().environment({"PATH": f"{self.bin}:{os.environ['PATH']}", **(extra or {})}, user)

    # ── images ─────────────────────────────────────────────────────────────────────────────────

    def image_id(self, image):
        return self.docker("image", "inspect", "-f", "{{.Id}}", image, check=False).out

    def make_local(self, image):
        """An image that no registry has seen."""
        with support.host_folder() as folder:
            support.write(f"{folder}/content", uuid.uuid4().hex)
            self.image_from(folder, image)

    def at_registry(self, path):
        return f"{self.registry.name}/{path}"

    def publish(self, image):
        """Pulls under the name of a row what the engine has under the registry's own name for it."""
        there = self.at_registry(path_at_registry(image))
        self.docker("push", there)
        self.docker("rmi", there)
        self.docker("pull", image)
        self.pulled.add(image)

    def have(self, image):
        if image not in self.pulled:
            self.make_local(self.at_registry(path_at_registry(image)))
            self.publish(image)

    def restore(self):
        """As before the row: no containers, no images of its own, NAME:cli from the registry."""
        self.sweep()
        for image in self.docker("images", "-q", LOCAL).lines:
            self.docker("rmi", "-f", image)
        if self.image_id(self.cli_image) != self.cli_id:
            self.docker("rmi", self.cli_image, check=False)
            self.docker("pull", self.cli_image)
            assert self.image_id(self.cli_image) == self.cli_id

    # ── settings ───────────────────────────────────────────────────────────────────────────────

    def whole(self, document):
        """A row's document, or the fragment of one, as a file of settings. None: no permissions at all.
        A list of commands alone is for containers of NAME:cli."""
        document = document or {}
        if "enhancedContainerIsolation" in document:
            return document
        if document and self.key not in document:
            document = {self.key: {"imageList": {"images": [self.cli_image]}, **document}}
        return {"configurationFileVersion": 2, "enhancedContainerIsolation": {"locked": True, "value": True, **document}}

    def images_json(self):
        return json.loads(self.cli("images", "--json").out)["lists"][0]

    def put(self, document):
        """Puts settings in force. The gate has them when it lists their images; there are none in between,
        so that it cannot be the list of earlier ones with the same images."""
        for step in (None, document):
            wanted = self.whole(step)
            images = wanted["enhancedContainerIsolation"].get(self.key, {}).get("imageList", {}).get("images", [])
            cages.write_settings(self.dir, wanted)
            support.wait_until(lambda: [e["image"] for e in self.images_json()["images"]] == images, 10, "new settings")

    def setting(self, key):
        """{key: (value, locked)} of a key and those below it."""
        done = self.cli("settings", "get", "--json", key)
        return {s["key"]: (s["value"], s["locked"]) for s in json.loads(done.out)["settings"]}


# ── what a row of settings expects: FACT=VALUE; … ──────────────────────────────────────────────────

REQUESTS = {
    "push": "POST /v1.41/images/myimage/push?tag=latest",
    "build": "POST /v1.41/build?t=myimage",
    "pull": "POST /v1.41/images/create?fromImage=myimage&tag=latest",
    "image ls": "GET /v1.41/images/json",
    "ps": "GET /v1.41/containers/json",
    "exec": "POST /v1.41/containers/none/exec",
    "volume create": "POST /v1.41/volumes/create",
    "volume ls": "GET /v1.41/volumes",
    "info": "GET /v1.41/info",
}


def local_image(cell, base):
    del base
    cell.make_local(f"{LOCAL}:alone")
    return f"{LOCAL}:alone"


def local_under_a_name(cell, base):
    """Any tag of that repository is on the list."""
    name = f"{base.rsplit(':', 1)[0]}:alone"
    cell.docker("tag", local_image(cell, base), name)
    return name


def derived_image(cell, base):
    """Built from the image that the row has named before."""
    cell.build(f"FROM {base}\nCOPY more /more\n", files={"more": uuid.uuid4().hex}, buildkit=False, tag=f"{LOCAL}:built")
    return f"{LOCAL}:built"


def derived_with_digest(cell, base):
    """What is local gets a repository digest when it is pushed."""
    del base
    cell.docker("tag", f"{LOCAL}:built", cell.at_registry("ci-tools/built:1"))
    cell.docker("push", cell.at_registry("ci-tools/built:1"))
    return f"{LOCAL}:built"


IMAGES = {
    "a local image": local_image,
    "a local image with a name of the list": local_under_a_name,
    "local image built from it": derived_image,
    "the same with a repository digest": derived_with_digest,
}
VERDICTS = {"allow": 0, "deny": 1}


def facts(row):
    """[(fact, value)] in the row's order."""
    return [tuple(f.rsplit("=", 1)) if f.rsplit("=", 1)[1] in VERDICTS else tuple(f.split("=", 1))
            for f in row.expected.split("; ")]


def is_image(fact, value):
    return value in VERDICTS and fact not in REQUESTS


def asked(cell, *command):
    """The verdict that a command of gabion prints; its exit code says the same."""
    done = cell.cli(*command, "--json", check=False)
    said = json.loads(done.out)
    assert done.rc == VERDICTS.get(said["verdict"]), (command, done)
    return said


def check_images(cell, row):
    base = None
    for fact, value in facts(row):
        if is_image(fact, value):
            image = IMAGES[fact](cell, base) if fact in IMAGES else fact
            said = asked(cell, "images", "check", image)
            assert said["verdict"] == value, (fact, said)
            base = base or image


def check_explained(cell, image, wanted):
    """What a container of the image may do, without doing it."""
    for command, value in wanted.items():
        said = asked(cell, "explain", "--image", image, "--request", REQUESTS[command])
        assert said["verdict"] == value, (command, said)
        assert value == "allow" or "is blocked" in said["message"], (command, said)


def check_requests(cell, wanted):
    """What a container of NAME:cli may do, by doing it. Engines answer what is allowed, with an error too."""
    script = "\n".join(
        f"curl -s -X {method} {'-H Content-Type:application/json -d {}' if method == 'POST' else ''} "
        f"-w '\\t%{{http_code}}' --unix-socket {cell.socket_path} 'http://engine{target}' | tr -d '\\r\\n'; echo"
        for method, target in (REQUESTS[command].split(" ") for command in wanted))
    done = cell.docker("run", "--rm", "-v", f"{cell.socket_path}:{cell.socket_path}", cell.cli_image, "sh", "-c", script)
    answers = dict(zip(wanted, done.lines, strict=True))
    for command, value in wanted.items():
        denied = answers[command].endswith("\t403") and "is blocked; if you wish" in answers[command]
        assert denied == (value == "deny") and not answers[command].endswith("\t000"), (command, answers[command])


def wanted_commands(row):
    """{command: verdict}, also of a fact `commands=TYPE NAME,…`: ps stands for all that it does not name."""
    found = {fact: value for fact, value in facts(row) if fact in REQUESTS}
    for fact, value in facts(row):
        if fact == "commands":
            kind, names = value.split(" ")
            listed, others = ("deny", "allow") if kind == "deny" else ("allow", "deny")
            found.update({"ps": others, **dict.fromkeys(names.split(","), listed)})
    return found


def check_commands(cell, row):
    images = [e["image"] for e in cell.images_json()["images"]]
    allowed = [fact for fact, value in facts(row) if value == "allow" and is_image(fact, value)]
    wanted = wanted_commands(row)
    if not wanted:
        return
    check_explained(cell, cell.cli_image if cell.cli_image in images else allowed[0], wanted)
    if cell.cli_image in images:
        check_requests(cell, wanted)


def check_settings(cell, row):
    """Facts about the settings themselves, as gabion understood them."""
    isolation = "enhancedContainerIsolation"
    for fact, value in facts(row):
        if fact == f"{isolation}.value":
            on, locked = cell.setting(fact)[fact]
            assert f"{json.dumps(on)}{' locked' if locked else ''}" == value, fact
        elif fact == "images":
            assert ",".join(e["reference"] for e in cell.images_json()["images"]) == value
        elif fact == "derived":
            assert json.dumps(cell.images_json()["allowDerivedImages"]) == value
        elif fact == "commands":
            got = cell.setting(f"{isolation}.{cell.key}.commandList")
            kind, names = (got[f"{isolation}.{cell.key}.commandList.{k}"][0] for k in ("type", "commands"))
            assert f"{kind} {','.join(names)}" == value
        else:
            assert value in VERDICTS, f"{row.document}:{row.line}: nobody checks {fact}={value}"


def check_document(cell, row):
    """A row of settings: they are put in force, and then each of its facts has to be true."""
    for fact, value in facts(row):
        if is_image(fact, value) and fact not in IMAGES:
            cell.have(fact)
    cell.put(json.loads(row.input))
    check_settings(cell, row)
    check_images(cell, row)
    check_commands(cell, row)
