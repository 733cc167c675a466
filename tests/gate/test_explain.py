# SPDX-License-Identifier: Apache-2.0
"""`gabion explain` and `gabion images`: what they say is what happens, and nothing happens."""

import json

import pytest

import cages
from cages import BLOCKED, DENIED, SOCKET, run, support


def ask(cage, command, *args, check=False, **how):
    done = cage.cli(command, "--json", *args, check=check, **how)
    return done.rc, json.loads(done.out) if done.out.startswith("{") else done


def explain(cage, *args, **how):
    return ask(cage, "explain", *args, **how)


@pytest.mark.parametrize("args,rule,text", [
    (("--pid=host",), "host-namespaces", "sysbox containers can't share namespaces [pid] with the host"),
    (("--net=host",), "host-network", "sysbox containers can't share a network namespace with the host"),
    (("-v", SOCKET), "socket-image-local-only", DENIED % "alpine"),
], ids=["pid", "network", "socket"])
def test_a_denied_creation(cage, policy, args, rule, text):
    """The words are those of the thing itself, and it leaves no line in the audit log."""
    before = len(cage.cli("events", "--json").lines)
    rc, said = explain(cage, "--", "run", "--rm", *args, "alpine", "true")
    assert (rc, said["verdict"], said["rule"]) == (1, "deny", rule) and text in said["message"]
    assert said["method"] == "POST" and said["target"].endswith("/containers/create")
    assert len(cage.cli("events", "--json").lines) == before
    real = run(cage, "true", image="alpine", args=args, check=False)
    assert real.rc == 125 and said["message"] in real.err
    rc, last = explain(cage, "--last")
    assert (rc, last["rule"], last["message"]) == (1, rule, said["message"])
    assert last.get("hint") == said.get("hint")


def test_an_allowed_creation(cage, policy):
    for args in ((), ("--privileged",), ("-v", SOCKET)):
        rc, said = explain(cage, "--", "run", *args, "docker:cli", "true")
        assert (rc, said["verdict"]) == (0, "allow"), args
    assert not cage.docker("ps", "-aq").out


@pytest.mark.parametrize("command", [
    ("pull", "alpine"), ("build", "-"), ("network", "create", "x"), ("volume", "create", "x"), ("system", "prune", "-f"),
    ("rmi", "alpine"), ("save", "alpine"), ("tag", "alpine", "y:1"), ("import", "-")], ids=lambda c: c[0])
def test_nothing_is_done(cage, policy, command):
    def state():
        return [sorted(cage.docker(*c).lines) for c in (("images", "-q"), ("network", "ls", "-q"), ("volume", "ls", "-q"), ("ps", "-aq"))]

    before = state()
    done = cage.cli("explain", "--", *command, check=False)
    assert done.rc in (0, 3) and "Traceback" not in done.err, done
    assert state() == before


def test_files_are_not_copied(cage, policy, tmp_path):
    container = cage.start()
    rc, said = explain(cage, "--", "cp", f"{container.id}:/etc/passwd", str(tmp_path / "copy"))
    assert (rc, said["verdict"]) == (0, "allow") and not (tmp_path / "copy").exists()
    rc, said = explain(cage, "--", "exec", container.id, "touch", "/touched")
    assert (rc, said["verdict"]) == (0, "allow")
    assert container.exec("test", "-e", "/touched", check=False).rc == 1


def test_folders_are_not_made(cage, policy, tmp_path):
    explain(cage, "--", "run", "-v", f"{tmp_path}/not/there:/x", "alpine", "true")
    assert not (tmp_path / "not").exists()


def test_as_a_container(cage, policy):
    push = "POST /v1.43/images/myimage/push?tag=latest"
    rc, said = explain(cage, "--request", push)
    assert (rc, said["verdict"]) == (0, "allow")  # users of the host have no command list
    rc, said = explain(cage, "--image", "docker:cli", "--request", push)
    assert (rc, said["message"]) == (1, BLOCKED % "/v1.43/images/myimage/push?tag=latest")
    assert "push" in said["hint"]
    rc, said = explain(cage, "--image", "alpine", "--request", push)
    assert (rc, said["message"]) == (1, DENIED % "alpine")
    rc, said = explain(cage, "--image", "docker:cli", "--", "push", "myimage")
    assert rc == 1 and "is blocked" in said["message"]
    rc, said = explain(cage, "--image", "docker:cli", "--", "run", "--rm", "alpine", "true")
    assert (rc, said["verdict"]) == (0, "allow")
    rc, said = explain(cage, "--image", "nosuch", "--request", push)
    assert (rc, said["verdict"], said["status"]) == (3, "error", 404)


@pytest.fixture
def isolation_off(cage, policy):
    document = cages.settings(["docker:cli"], ["push", "ps"])
    document["enhancedContainerIsolation"]["value"] = False
    before = dict(cage.settings)
    cages.put(cage, document)
    yield
    cages.put(cage, before)


OFF = "isolation is off"


def test_images_with_isolation_off(cage, isolation_off):
    """What holds, and beside it what would."""
    rc, said = ask(cage, "images", "check", "alpine")
    assert (rc, said["verdict"], said["isolation"]) == (0, "allow", False) and said["reason"].startswith(OFF)
    assert not {"message", "hint", "rule", "by"} & set(said)
    would = said["withIsolation"]
    assert (would["verdict"], would["message"], would["rule"]) == ("deny", DENIED % "alpine", "socket-image-local-only")
    rc, said = ask(cage, "images", "check", "docker:cli")
    assert (rc, said["verdict"]) == (0, "allow") and "by" not in said
    assert (said["withIsolation"]["verdict"], said["withIsolation"]["by"]) == ("allow", ["docker.io/library/docker:cli"])
    text = cage.cli("images", "check", "alpine").out
    assert text.index(OFF) < text.index("were isolation on:\nverdict   deny\n") < text.index("denied for container")
    assert ask(cage, "images", "check", "nosuch")[0] == 3
    # And so it is: an image that no list has gets the socket, and no command is denied.
    assert run(cage, "ls", "/var/run/docker.sock", image="alpine").rc == 0
    assert "is blocked" not in run(cage, "docker", "push", "myimage", check=False).err


def test_explain_with_isolation_off(cage, isolation_off):
    push = "POST /v1.43/images/myimage/push?tag=latest"
    for args in (["--request", push], ["--image", "docker:cli", "--request", push], ["--image", "alpine", "--request", push],
                 ["--image", "docker:cli", "--", "push", "myimage"], ["--", "run", "--pid=host", "-v", SOCKET, "alpine", "true"]):
        rc, said = explain(cage, *args)
        assert (rc, said["verdict"], said["isolation"]) == (0, "allow", False) and said["reason"].startswith(OFF), args
    rc, said = explain(cage, "--image", "docker:cli", "--", "ps")
    assert (rc, said["isolation"]) == (0, False) and OFF in said["reason"]
    assert "isolation" not in explain(cage, "--", "run", "--help")[1]
    rc, said = explain(cage, "--request", "GET /debug/vars")
    assert (rc, said["rule"], said["isolation"]) == (1, "unsupported", False) and "reason" not in said
    assert explain(cage, "--image", "nosuch", "--request", push)[0] == 3
    assert OFF in cage.cli("explain", "--request", push).out


def test_bodies(cage, policy, tmp_path):
    body = tmp_path / "body"
    body.write_text(json.dumps({"Image": "alpine", "HostConfig": {"PidMode": "host"}}))
    rc, said = explain(cage, "--create", str(body))
    assert (rc, said["rule"]) == (1, "host-namespaces")
    rc, said = explain(cage, "--request", "POST /v1.41/containers/create", "--body", str(body))
    assert (rc, said["rule"]) == (1, "host-namespaces")
    body.write_text("{")
    rc, said = explain(cage, "--create", str(body))
    assert (rc, said["verdict"], said["status"]) == (3, "error", 400)
    assert cage.cli("explain", "--create", str(tmp_path / "none"), check=False).rc == 3
    assert cage.cli("explain", "--request", "nothing", check=False).rc == 2
    smuggled = "GET /info HTTP/1.1\r\nHost: x\r\n\r\nPOST /containers/prune"
    assert cage.cli("explain", "--request", smuggled, check=False).rc == 2
    assert cage.cli("explain", "--image", "a\r\nb", "--request", "GET /info", check=False).rc == 2
    assert cage.cli("explain", check=False).rc == 2


def test_only_looking(cage, policy):
    for words in (("ps",), ("version",)):
        assert explain(cage, "--", *words) == (0, {"verdict": "allow", "reason": "it only looks, and was passed on"})
    for words in (("--help",), ("run", "--help"), ("context", "ls")):
        assert explain(cage, "--", *words) == (0, {"verdict": "allow", "reason": "it asks nothing of the engine"})
    done = cage.cli("explain", "--", "inspect", "nosuch", check=False)
    assert done.rc == 3 and "No such object" in done.err


def test_a_list(cage, policy):
    policy(["docker:cli", "alpine:*"], ["push"])
    run(cage, "true")
    done = cage.cli("images", "refresh", "--json", check=False)
    listed = json.loads(done.out)["lists"][0]["images"]
    assert [e["image"] for e in listed] == ["docker:cli", "alpine:*"]
    assert [e["reference"] for e in listed] == ["docker.io/library/docker:cli", "docker.io/library/alpine:*"]
    assert [d["digest"] for d in listed[0]["digests"] if d["current"]] == [cage.digest]
    assert listed[0]["used"] > 0 and listed[0]["asked"] > 0 and "used" not in listed[1]
    text = cage.cli("images").out
    assert cage.digest in text and "used       never" in text


def test_the_registry_is_asked_when_told(cage, policy):
    def listed():
        return json.loads(cage.cli("images", "refresh", "--json").out)["lists"][0]["images"][0]

    assert listed()["digests"]
    cage.registry.stop()
    try:
        away = listed()
        assert away["failed"] and away["digests"]
        assert "could not be asked" in cage.cli("images").out
    finally:
        cage.registry.start()
    assert "failed" not in listed()


def test_one_image(cage, policy):
    rc, said = ask(cage, "images", "check", "docker:cli")
    assert (rc, said["verdict"], said["by"]) == (0, "allow", ["docker.io/library/docker:cli"])
    rc, said = ask(cage, "images", "check", "alpine")
    assert (rc, said["verdict"], said["message"]) == (1, "deny", DENIED % "alpine")
    assert said["reason"] and said["hint"]
    assert cage.cli("images", "check", "nosuch", check=False).rc == 3
    assert cage.cli("images", "nonsense", check=False).rc == 2
    assert cage.cli("images", "check", check=False).rc == 2


def test_not_over_a_containers_socket(cage, policy):
    """The gate's own endpoints, and the field, are for users of the host."""
    done = run(cage, "curl", "-s", "--unix-socket", "/var/run/docker.sock", "http://x/gabion/images")
    assert json.loads(done.out)["message"] == BLOCKED % "/gabion/images"
    done = run(cage, "curl", "-s", "--unix-socket", "/var/run/docker.sock", "-XPOST", "-H", "Gabion-Explain: yes",
               "http://x/v1.41/images/myimage/push?tag=latest")
    assert json.loads(done.out)["message"] == BLOCKED % "/v1.41/images/myimage/push?tag=latest"


def test_without_an_instance(tmp_path):
    for command in ("images", "explain"):
        more = ["--request", "GET /info"] if command == "explain" else []
        done = support.run(support.program("gabion"), command, "--state-dir", str(tmp_path), *more, check=False)
        assert done.rc == 3 and "is the instance up?" in done.err
