# SPDX-License-Identifier: Apache-2.0
"""allowDerivedImages on an engine with so many images that a real one would take minutes to get them."""

import json

import pytest

from cages import DENIED
from test_doors import SOCKET, Doors, policy

NOT_BASE, BASE = "sha256:" + "e" * 64, "sha256:" + "d" * 64


def image(number, *layers, name=None):
    ident = f"sha256:{number:064x}"
    return {"Id": ident, "RepoTags": [name or f"many:{number}"], "RepoDigests": [] if name else [f"many@{ident}"],
            "RootFS": {"Type": "layers", "Layers": list(layers)}}


class Images(dict):
    """What the engine says, with a count of what it was asked about single images."""

    def __init__(self, ours, others):
        super().__init__({"/info": {"Driver": "overlay2"}})
        self.asked = 0
        self["/images/json"] = [{k: v for k, v in i.items() if k != "RootFS"} for i in [ours, *others]]
        self.update({f"/images/{i['Id']}/json": i for i in others})
        self["/images/ours/json"] = ours

    def __getitem__(self, target):
        self.asked += target.startswith("/images/sha256:")
        return super().__getitem__(target)


@pytest.fixture
def check(make_gate, tmp_path):
    """Of an image of this machine, among so many that have a name of the list."""
    def begin(others, ours_on=BASE, base=None):
        gabiond = Doors(str(tmp_path), {})
        gabiond.policy = policy(images=["docker:cli", "many:*", *([f"sha256:{base:064x}"] if base else [])])
        for row in gabiond.policy["settings"]:
            if row["key"] == f"{SOCKET}.imageList.allowDerivedImages":
                row["value"] = True
        gate = make_gate(gabiond=gabiond)
        ours = image(2 ** 40, ours_on, "sha256:" + "f" * 64, name="ours:latest")
        gate.engine.told = Images(ours, [image(n, BASE if n == base else NOT_BASE) for n in range(1, others + 1)])

        def ask():
            gate.engine.told.asked = 0
            answer = gate.get("/gabion/images/check?image=ours")
            assert answer.status == 200, answer
            return json.loads(answer.body), gate.engine.told.asked
        return ask
    return begin


def test_layers_are_asked_for_once(check):
    ask = check(540, base=400)
    said, asked = ask()
    assert said["verdict"] == "allow" and said["rule"] == "socket-image-derived" and 0 < asked <= 540, said
    said, asked = ask()
    assert said["verdict"] == "allow" and asked == 0, asked


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
