# SPDX-License-Identifier: Apache-2.0
"""allowDerivedImages on an engine with so many images that a real one would take minutes to get them."""

import fnmatch
import json
import socket
import time
import urllib.parse

import pytest

from cages import DENIED
from fakes import wait_until
from test_doors import SOCKET, Doors, policy

NOT_BASE, BASE = "sha256:" + "e" * 64, "sha256:" + "d" * 64


def image(number, *layers, name=None):
    ident = f"sha256:{number:064x}"
    return {"Id": ident, "RepoTags": [name or f"many:{number}"], "RepoDigests": [] if name else [f"many@{ident}"],
            "RootFS": {"Type": "layers", "Layers": list(layers)}}


class Images(dict):
    """What the engine says, with a record of what it was asked."""

    def __init__(self, ours, others):
        super().__init__({"/info": {"Driver": "overlay2"}, "/images/ours/json": ours})
        self.locals = [ours]
        self.log = []
        for other in others:
            self.add(other)

    def add(self, local):
        self.locals.append(local)
        self[f"/images/{local['Id']}/json"] = local

    def remove(self, local):
        self.locals.remove(local)
        del self[f"/images/{local['Id']}/json"]

    @property
    def asked(self):
        """About how many single images by their ids."""
        return sum(target.startswith("/images/sha256:") for target in self.log)

    @property
    def listed(self):
        return any(self.is_list(target) for target in self.log)

    @staticmethod
    def is_list(target):
        return target.split("?")[0] == "/images/json"

    def list(self, target):
        """With a filter: only the names that match, and only images that have one."""
        listed = [{k: v for k, v in i.items() if k != "RootFS"} for i in self.locals]
        if "?" not in target:
            return listed
        filters = json.loads(urllib.parse.parse_qs(target.split("?")[1])["filters"][0])
        assert list(filters) == ["reference"] and filters["reference"]
        for one in listed:
            one["RepoTags"] = [t for t in one["RepoTags"] if any(fnmatch.fnmatchcase(t.rsplit(":", 1)[0], f)
                                                                 for f in filters["reference"])]
        return [one for one in listed if one["RepoTags"]]

    def __contains__(self, target):
        return self.is_list(target) or super().__contains__(target)

    def __getitem__(self, target):
        self.log.append(target)
        return self.list(target) if self.is_list(target) else super().__getitem__(target)


def derived(**how):
    """A policy that allows derived images."""
    made = policy(**how)
    for row in made["settings"]:
        if row["key"] == f"{SOCKET}.imageList.allowDerivedImages":
            row["value"] = True
    return made


@pytest.fixture
def check(make_gate, tmp_path):
    """Of an image of this machine, among so many that have a name of the list."""
    def begin(others, ours_on=BASE, base=None):
        gabiond = Doors(str(tmp_path), {})
        gabiond.policy = derived(images=["docker:cli", "many:*", *([f"sha256:{base:064x}"] if base else [])])
        gate = make_gate(gabiond=gabiond)
        ours = image(2 ** 40, ours_on, "sha256:" + "f" * 64, name="ours:latest")
        gate.engine.told = Images(ours, [image(n, BASE if n == base else NOT_BASE) for n in range(1, others + 1)])

        def ask():
            gate.engine.told.log.clear()
            return judge(gate), gate.engine.told.asked
        return ask
    return begin


def judge(gate, name="ours"):
    answer = gate.get(f"/gabion/images/check?image={name}")
    assert answer.status == 200, answer
    return json.loads(answer.body)


def test_layers_are_asked_for_once(check):
    ask = check(540, base=400)
    said, asked = ask()
    assert said["verdict"] == "allow" and said["rule"] == "socket-image-derived" and 0 < asked <= 540, said
    said, asked = ask()  # the base may be looked at once more
    assert said["verdict"] == "allow" and asked <= 1, asked


def test_no_base_among_many(check):
    ask = check(540)
    for wanted in (540, 0):
        said, asked = ask()
        assert said["rule"] == "socket-image-no-parent" and asked == wanted, (said, asked)


def test_more_than_can_be_asked_about(check):
    """A denial in the usual words that says what happened; what was found out is kept, so that trying again helps."""
    ask = check(1500, base=1400)
    said, asked = ask()
    assert (said["verdict"], said["rule"], said["message"]) == ("deny", "socket-image-too-much", DENIED % "ours"), said
    assert "so many local images" in said["reason"] and "try again" in said["hint"] and asked == 1024
    said, asked = ask()
    assert said["verdict"] == "allow" and 0 < asked <= 500, (said, asked)


def test_more_than_are_looked_at(check):
    said, _ = check(4097)()
    assert (said["verdict"], said["rule"], said["message"]) == ("deny", "socket-image-too-much", DENIED % "ours"), said
    assert "image prune" in said["hint"] and said["id"] in said["hint"]


# ── The base of the last time is looked at first. What allows is found out anew each time. ──

DIGEST, MOVED, NEARER = "sha256:" + "1" * 64, "sha256:" + "2" * 64, "sha256:" + "c" * 64
TAG = "/distribution/tool:1/json"
NEAR = f"sha256:{700:064x}"
LISTS = {"images": ["tool:1", NEAR]}
CONTAINERD = {"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}


def digest(value):
    return {"Descriptor": {"digest": value}}


class Local:
    """`ours`, on `base` (which is tool:1 as its registry has it), and others. It was judged before."""

    def __init__(self, gate, containerd):
        self.base = image(500, BASE, name="tool:1")
        self.ours = image(600, BASE, NEARER, "sha256:" + "f" * 64, name="ours:1")
        self.gate, self.told = gate, Images(self.ours, [self.base, *(image(n, NOT_BASE, name=f"other:{n}") for n in range(20))])
        gate.engine.told = self.told
        if containerd:
            self.told["/info"] = CONTAINERD
            self.told[TAG] = digest(self.base["Id"])
        else:
            self.told[TAG] = digest(DIGEST)
            self.base["RepoDigests"] = [f"tool@{DIGEST}"]
            self.ours["RepoDigests"] = []
        self.place = f"/images/{self.base['Id']}/json"
        self.warm()

    def ask(self):
        self.told.log.clear()
        return judge(self.gate)

    def warm(self):
        """The gate begins to listen to events somewhat later."""
        wait_until(lambda: self.ask()["verdict"] == "allow" and not self.told.listed, what="a known base")

    def refresh(self):
        assert self.gate.get("/gabion/images/refresh", method="POST").status == 200

    def event(self, action="tag", kind="image"):
        line = json.dumps({"Type": kind, "Action": action, "Actor": {"ID": "sha256:" + "7" * 64}}) + "\n"
        wait_until(lambda: self.gate.engine.events)[-1].send(f"{len(line):x}\r\n{line}\r\n".encode())

    def denied(self):
        """By all images, not by one."""
        said = self.ask()
        assert said["verdict"] == "deny" and self.told.listed, said


@pytest.fixture
def make_local(make_gate, tmp_path):
    def make(containerd=False):
        gabiond = Doors(str(tmp_path), {})
        gabiond.policy = derived(**LISTS)
        gate = make_gate(gabiond=gabiond)
        return Local(gate, containerd)
    return make


@pytest.fixture(params=[False, True], ids=["classic", "containerd"])
def local(make_local, request):
    return make_local(request.param)


def test_the_base_is_looked_at_first(local):
    said = local.ask()
    assert (said["verdict"], said["by"]) == ("allow", ["docker.io/library/tool:1"]), said
    assert local.told.log == ["/images/ours/json", local.place]


def test_a_base_that_is_gone(local):
    local.told.remove(local.base)
    local.denied()


def test_a_base_that_is_another_image(local):
    """No engine does that; what it says is looked at all the same."""
    local.told.remove(local.base)
    local.told[local.place] = dict(local.base, Id=NEAR)
    local.denied()


def test_a_base_that_lost_its_digest(make_local):
    """docker rmi tool:1, where the image stays because of another name."""
    local = make_local()
    local.base.update(RepoDigests=[], RepoTags=["mine:1"])
    local.denied()


@pytest.mark.parametrize("answer", [500, "x", {"Id": "x"}, {}])
def test_an_answer_that_is_none(local, answer):
    local.told[local.place] = answer
    assert local.ask()["verdict"] == "allow" and local.told.listed
    local.told.locals.remove(local.base)
    assert local.ask()["verdict"] == ("unknown" if answer == 500 and local.told["/info"] is CONTAINERD else "deny")


def test_the_registry_moves_on(local):
    local.told[TAG] = digest(MOVED)
    local.refresh()
    local.denied()
    local.told[TAG] = digest(local.base["Id"] if local.told["/info"] is CONTAINERD else DIGEST)
    local.refresh()
    local.warm()


def test_another_policy(local):
    def put(made):
        made["generation"] = local.gate.gabiond.policy["generation"] + 1
        local.gate.gabiond.policy = made
        local.gate.gabiond.told()

    put(derived(images=[NEAR]))
    wait_until(lambda: local.ask()["verdict"] == "deny", what="a denial")
    local.denied()
    put(derived(**LISTS))
    wait_until(lambda: local.ask()["verdict"] == "allow", what="a grant")
    local.warm()
    put(policy(**LISTS))
    wait_until(lambda: local.ask()["verdict"] == "deny", what="a denial")
    assert local.ask()["rule"] in ("socket-image-derived-off", "socket-image-local-only")


def test_the_name_means_another_image(local):
    local.told["/images/ours/json"] = image(601, NOT_BASE, name="ours:1")
    local.denied()


def test_other_layers_than_before(local):
    """No engine does that either."""
    local.ours["RootFS"]["Layers"] = [NOT_BASE]
    local.denied()


def test_it_was_pushed(make_local):
    local = make_local()
    local.ours["RepoDigests"] = [f"ours@{MOVED}"]
    assert local.ask()["verdict"] == "deny"


def test_it_got_the_name_of_one_that_a_registry_has(make_local):
    """Where digests are those of images, each name is asked about."""
    local = make_local(True)
    local.ours["RepoTags"].append("there/ours:1")
    local.told[f"/distribution/there/ours@{local.ours['Id']}/json"] = digest(local.ours["Id"])
    local.denied()
    assert local.ask()["rule"] == "socket-image-derived-remote"


def test_a_registry_that_cannot_be_asked(make_local):
    """It has not got the image; and it is not waited for each time, but until digests are refreshed."""
    local = make_local(True)
    place = f"/distribution/nowhere/ours@{local.ours['Id']}/json"
    local.ours["RepoTags"] = ["nowhere/ours:1"]
    local.told[place] = 500
    local.warm()
    said = local.ask()
    assert said["verdict"] == "allow" and place not in local.told.log
    local.told[place] = digest(local.ours["Id"])
    local.refresh()
    time.sleep(5.5)  # a failure counts for so long
    local.denied()


@pytest.mark.parametrize("action", ["pull", "load", "tag", "import", "push", "untag", "delete"])
def test_a_nearer_base_comes(local, action):
    """As far as layers are known, the nearest counts, by its entry. What is not looked up each time, events tell."""
    near = image(700, BASE, NEARER, name="near:1")
    local.told.remove(local.base)
    local.told.add(near)
    assert local.ask()["by"] == [NEAR]
    local.told.remove(near)
    local.told.add(local.base)
    local.warm()
    local.told.add(near)
    assert local.ask()["by"] == ["docker.io/library/tool:1"]
    local.event(action)
    wait_until(lambda: local.ask()["by"] == [NEAR], what="the nearer one")
    local.warm()
    local.told.remove(near)
    assert local.ask()["by"] == ["docker.io/library/tool:1"] and local.told.listed


def test_other_events(local):
    local.event("destroy", "container")
    time.sleep(0.3)
    local.ask()
    assert not local.told.listed


def test_nobody_listens(local):
    """Another engine may come, which has its images elsewhere."""
    local.gate.engine.events[-1].sock.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: local.ask() and local.told.listed and "/info" in local.told.log, what="a list")
    local.warm()


# ── containerd's image store: not all images are listed, which takes long there ──


def test_only_those_that_matter(make_local):
    """By names, whatever the tag; by digests that are good, whatever the name."""
    local = make_local(True)
    local.event()
    for tags in (["tool:1"], ["tool:2"], ["mine:1"], ["mine:1", "tool:9"]):
        local.base["RepoTags"] = tags
        local.event()
        wait_until(lambda: local.ask()["verdict"] == "allow" and local.told.listed, what="a list")
        assert "/images/json" not in local.told.log and local.told.asked <= 3, local.told.log
        local.warm()
    local.told.remove(local.base)
    local.denied()
    assert "/images/json" not in local.told.log and local.told.asked <= 3, local.told.log


def test_a_digest_that_is_known_later(make_local):
    """The registry says within the check what is good; the base has another name."""
    local = make_local(True)
    local.base["RepoTags"] = ["mine:1"]
    local.told[TAG] = 500
    policy_of = local.gate.gabiond.policy
    policy_of["settings"][2]["value"] = ["tool:2", NEAR]
    assert policy_of["settings"][2]["key"].endswith("images")
    local.told["/distribution/tool:2/json"] = 500
    policy_of["generation"] += 1
    local.gate.gabiond.told()
    wait_until(lambda: local.ask()["verdict"] == "deny", what="a denial")
    local.told["/distribution/tool:2/json"] = digest(local.base["Id"])
    wait_until(lambda: local.ask()["verdict"] == "allow", what="an answer")  # a failure counts for 5 s


def test_all_names_of_the_base_are_kept(make_local):
    """Of a filtered list only some come: the grant has them all."""
    local = make_local(True)
    local.base["RepoTags"] = ["tool:1", "mine:1"]
    local.event()
    wait_until(lambda: local.ask() and local.told.listed, what="a list")
    assert local.told.log[-1] == local.place


def test_a_name_that_no_filter_has(make_local):
    local = make_local(True)
    made = derived(images=["[::1]:5000/x:1", "tool:1"])
    made["generation"] = 2
    local.gate.gabiond.policy = made
    local.gate.gabiond.told()
    wait_until(lambda: local.ask() and "/images/json" in local.told.log, what="a list of all")
    assert local.ask()["verdict"] == "allow"


def test_an_engine_without_that_filter(make_local):
    local = make_local(True)
    local.told.list = lambda target: 400 if "?" in target else Images.list(local.told, target)
    local.event()
    wait_until(lambda: local.ask()["verdict"] == "allow" and "/images/json" in local.told.log, what="a list of all")


def test_too_many_digests(make_local):
    """Then all images are listed."""
    local = make_local(True)
    made = derived(images=["tool:1", *(f"sha256:{n:064x}" for n in range(1000, 1064))])
    made["generation"] = 2
    local.gate.gabiond.policy = made
    local.gate.gabiond.told()
    wait_until(lambda: local.ask() and "/images/json" in local.told.log, what="a list of all")
    assert local.ask()["verdict"] == "allow"
