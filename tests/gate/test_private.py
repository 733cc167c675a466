# SPDX-License-Identifier: Apache-2.0
"""A registry that wants credentials: real engine, Debian's docker-registry with htpasswd, real docker CLI."""

import base64
import json
import os

import pytest

import cages
import registry as registries
from cages import DENIED, run, support

PORT = 5001  # that of the mirror is another
NAME = f"127.0.0.1:{PORT}/team/docker:cli"
OTHER = f"127.0.0.1:{PORT}/team/member:1"
SECRET = "swordfish-93c1"
WRONG = "mackerel-7b2e"


@pytest.fixture(scope="module")
def private(_cage):
    """The image is there twice: on the private registry, and pulled from it; nobody is logged in."""
    made = registries.Registry(_cage.dockerd, PORT, {"bot": SECRET})
    try:
        login(_cage, SECRET)
        _cage.need("alpine")
        for image, name in (("docker:cli", NAME), ("alpine", OTHER)):
            _cage.docker("tag", image, name)
            _cage.docker("push", name)
        _cage.docker("rmi", NAME, OTHER)
        _cage.docker("pull", NAME)
        _cage.docker("logout", made.name)
        yield made
    finally:
        _cage.docker("rmi", "-f", NAME, OTHER, check=False)
        made.close()


def login(cage, word, check=True):
    return cage.docker("login", "-u", "bot", "--password-stdin", f"127.0.0.1:{PORT}", input=word, check=check)


def auth_file(cage, document, mode=0o600):
    path = f"{cage.dir}/etc/registry-auth.json"
    if document is None:
        if os.path.exists(path):
            os.unlink(path)
        return
    support.write(f"{path}.new", document if isinstance(document, str) else json.dumps(document), mode)
    os.rename(f"{path}.new", path)


def entry(cage):
    lists = json.loads(cage.cli("images", "--json").out)
    return next(e for e in lists["lists"][-1]["images"] if e["image"] == NAME), lists


def shown(cage):
    """`gabion images` as a person sees it, without its line breaks."""
    return " ".join(cage.cli("images").out.split())


@pytest.fixture
def nobody(cage, policy, private):
    """The policy has the private image, and nobody's credentials are known: the gate forgets those of
    registries that are on no list."""
    auth_file(cage, None)
    policy([], [])
    policy([NAME], [])
    support.wait_until(lambda: entry(cage)[0].get("refused"), 15, "an answer of the registry")
    yield
    cage.docker("logout", private.name, check=False)
    auth_file(cage, None)


def test_without_credentials(cage, nobody):
    done = run(cage, "true", image=NAME, check=False)
    assert done.rc == 125 and (DENIED % "x").split('"')[0] in done.err
    last = [json.loads(line) for line in cage.cli("events", "--json").lines][-1]
    assert last["rule"] == "socket-image-not-known" and "its registry wants (other) credentials" in last["reason"], last
    found, _ = entry(cage)
    assert found["refused"] == {"registry": f"127.0.0.1:{PORT}", "credentials": "none"} and not found["digests"]
    assert f"127.0.0.1:{PORT} wants credentials: put those of an account that may pull into {cage.dir}/etc/registry-auth.json" in shown(cage)


def test_a_pull_teaches(cage, nobody):
    """A pull of another image of that registry; a wrong password is not taken for better than none."""
    assert login(cage, WRONG, check=False).rc != 0
    login(cage, SECRET)
    cage.docker("pull", OTHER)
    assert run(cage, "true", image=NAME).rc == 0
    found, _ = entry(cage)
    assert "refused" not in found and found["digests"][0]["current"]
    cage.docker("logout", f"127.0.0.1:{PORT}")
    cage.cli("images", "refresh")
    assert "failed" not in entry(cage)[0]


def test_the_file(cage, nobody):
    auth_file(cage, {"auths": {f"127.0.0.1:{PORT}": {"username": "bot", "password": SECRET}}})
    support.wait_until(lambda: entry(cage)[0]["digests"], 10, "digests by the file")
    assert run(cage, "true", image=NAME).rc == 0
    auth_file(cage, {"auths": {f"http://127.0.0.1:{PORT}": {"username": "bot", "password": WRONG}}})
    support.wait_until(lambda: entry(cage)[0].get("refused"), 10, "a refusal")
    assert entry(cage)[0]["refused"]["credentials"] == "file"
    assert "does not take the credentials of registry-auth.json" in shown(cage)
    assert run(cage, "true", image=NAME).rc == 0  # the last good digests


def test_a_file_that_is_not_used(cage, nobody):
    good = {"auths": {f"127.0.0.1:{PORT}": {"username": "bot", "password": SECRET}}}
    for document, mode, says in ((good, 0o644, "can be used by others (its mode is 0644): `chmod 600` it"),
                                 ('{"auths":{"x":{"passwd":"' + SECRET + '"}}}', 0o600, 'unknown key "passwd"'),
                                 ("{", 0o600, "registry-auth.json: ")):
        auth_file(cage, document, mode)
        support.wait_until(lambda says=says: says in (entry(cage)[1].get("registryAuth") or ""), 10, says)
        assert says in shown(cage)
        assert entry(cage)[0]["refused"]["credentials"] == "none"
    os.chmod(f"{cage.dir}/etc/registry-auth.json", 0o600)
    auth_file(cage, good, 0o600)
    support.wait_until(lambda: entry(cage)[0]["digests"], 10, "digests by the file")
    assert "registryAuth" not in entry(cage)[1]


def test_what_a_container_sends(cage, nobody, policy):
    """Containers teach nothing: whoever may have the socket need not be who may say what is good."""
    policy([NAME, "docker:cli"], [])
    script = (f"echo {SECRET} | docker login -u bot --password-stdin 127.0.0.1:{PORT} 2>/dev/null; docker pull -q {OTHER}")
    assert OTHER in run(cage, "sh", "-c", script).out
    cage.cli("images", "refresh")
    assert entry(cage)[0]["refused"]["credentials"] == "none"


def test_nothing_is_written_down(cage, private):
    """After all of the above: neither the passwords nor what stands for them in a request."""
    words = [SECRET, WRONG]
    for word in (SECRET, WRONG):
        for before in range(3):  # wherever it stands in what is encoded
            coded = base64.urlsafe_b64encode(b"x" * before + word.encode()).decode()
            words.append(coded[4 if before else 0:len(coded) // 4 * 4 - 4])
    found = support.run("grep", "-rlaF", "--exclude-dir=engine", "--exclude-dir=containerd", *[a for w in words for a in ("-e", w)],
                        f"{cage.dir}/lib", f"{cage.dir}/run", check=False)
    assert found.out == "", found
    for word in words:
        assert word not in cage.log()
