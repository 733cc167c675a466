# SPDX-License-Identifier: Apache-2.0
"""Random requests near the routes of the Engine API: what a list of commands lets through reaches no handler of
another kind, what the gate passes on is answered as the engine answers it alone, and what it says is no endpoint is
none. Only names that nothing has, and nothing that prunes, pulls or goes to a network."""

import csv
import os
import re
import time
from urllib.parse import quote, unquote

import pytest

from cages import HERE
import test_differential as difference
from test_differential import budget, place  # noqa: F401

# What the engine's own words say of the handler that it came to.
WORDS = [("exec", r"no such exec"), ("container", r"no such container|No command specified|Bad parameters: you must choose at least one stream"),
         ("image", r"no such image|image does not exist|invalid reference format|repository name must"), ("volume", r"no such volume"),
         ("network", r"network .*not found"), ("plugin", r"plugin .*not found|plugin name"), ("swarm", r"not a swarm manager|part of a swarm")]
KINDS = {"container": ["container*", "exec", "cp", "commit"], "image": ["image*"], "network": ["network*"], "volume": ["volume*"]}
WITH = {"container": {"container", "exec"}}  # what a list of that kind may reach beside itself
UNSENT = re.compile(r"prune|/images/create|/images/search|/distribution/|/swarm/(init|join|leave)|/plugins/(pull|create|privileges)|"
                    r"/build|/session|/grpc|/auth|/events|/create$|/load$|/debug|/images/get")
# What the gate takes for no query or target, and engines do: a half escape, ";", "#", a host; and versions
# before 1.24, or written otherwise.
ODD = re.compile(r"^http:|^/v(?!1\.(2[4-9]|[3-9][0-9])/)[0-9.]|^/v1%|^/v1\.4%|%(?![0-9a-fA-F]{2})|;|#")
OLD = re.compile(r"^/v(1|1\.23|\.\.)/")
NAMES = ["gone", "create", "json", "gone/json", "a/b", "x:y", "push", "gone%2fpush", "exec", "start", "", ".", "..", "a%0ab", "%00", "\u017f",
         "a b", "+", "%", "%2e%2e", "gone/", "/gone", "attach/ws", "containers", "v1.41", "*", "gone;x", "gone?x", "gone#x", "host%20"]


def routes():
    with open(os.path.join(HERE, "api-routes.tsv"), encoding="utf-8") as f:
        return [(row[0], row[1]) for row in csv.reader((line for line in f if not line.startswith("#")), delimiter="\t")]


ROUTES = routes()


def request(r):
    method, pattern = r.choice(ROUTES)
    if r.random() < 0.15 or method == "*":
        method = r.choice(["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "get", "PATCH", "TRACE", "GET\u017f", "post"])
    path = re.sub(r"\{[^}]*\}", lambda _: r.choice(NAMES if r.random() < 0.7 else ["gone"]), pattern)
    for _ in range(r.choice([0, 0, 0, 1, 2])):
        at = r.randrange(len(path) + 1)
        path = r.choice([path[:at] + "/" + path[at:], path[:at] + path[at + 1:], path + "/", path + "/json", path.upper(), path[:at] + "%2F" + path[at:],
                         path[:at] + f"%{ord(path[at]):02{r.choice('xX')}}" + path[at + 1:] if at < len(path) else path, path[:at] + "/." + path[at:],
                         path[:at] + "%0a" + path[at:], path + "\\", path[:at] + "/../" + path[at:], path.replace("s", "\u017f", 1)])
    path = r.choice(["", "", "", "/v1.41", "/v1.24", "/v1.41.", "/v", "/v1", "/v1.41/v1.41", "/V1.41", "/v1.4%31", "//v1.41", "/v1.99", "/v..",
                     "http://x", "/v1.23"]) + path
    query = r.choice(["", "", "", "?all=1", "?x=1;y=2", "?filters=%7B", "?path=/x&path=/y", "?t=1&t=2", "?container=gone", "?a=%zz", "?%", "?&&", "??"])
    return method, quote(path, safe="/%:?#;+*\\~!$&'(),=@[]", errors="surrogatepass") + query


def kind_of(status, said):
    """The handler that the engine came to, as far as it tells."""
    text = said.get("message", "") if isinstance(said, dict) else str(said)
    return next((kind for kind, words in WORDS if status >= 400 and re.search(words, text, re.I)), None)


def harmless(method, target):
    path = target.split("?")[0]
    for _ in range(2):
        if UNSENT.search(path):
            return False
        path = unquote(path)
    return not UNSENT.search(re.sub(r"/+", "/", path)) and "attach" not in path and method.upper() != "CONNECT"


def blocked(status, said):
    return status == 403 and "is blocked" in str(said)


def wrong_with(place, kind, method, target):
    past = place.ask(place.direct, method, target, fields="")
    listed = place.ask(place.gate, method, target, fields="", extra="Gabion-Explain: docker:cli\r\n")
    through = place.ask(place.gate, method, target, fields="")
    reached = kind_of(*past)
    refused = isinstance(listed[1], dict) and "explain" in listed[1] and listed[1]["explain"]["verdict"] != "allow"
    if reached and not blocked(*listed) and not refused and listed[0] != 400 and reached not in WITH.get(kind, {kind}):
        return f"a list of {kind} lets it reach {reached}: {listed} {past}"
    if through[0] == 403 and OLD.match(target):
        return None
    if "gabion" in str(through[1]):  # the gate's words
        if through[0] == 404 and reached:
            return f"it is an endpoint: {past}"
        if through[0] == 403 and reached not in (None, "swarm", "plugin", "container"):
            return f"it is not refused by its kind: {past}"
        return None
    # Which of two things that are wrong is named first may differ: the gate looks for the container before the engine does.
    if through[0] != past[0] and min(through[0], past[0]) < 400 and not (through[0] == 400 and (past[0] >= 300 or ODD.search(target))):
        return f"answered otherwise: {through} {past}"
    return None


def test_requests(place, policy):  # noqa: F811
    r, end = budget(3, 5)
    share = (end - time.monotonic()) / len(KINDS)
    n, found = 0, {}
    for kind, commands in KINDS.items():
        policy(["docker:cli"], commands, "allow")
        start, least = time.monotonic(), n + 10  # however slow the machine
        while n < least or time.monotonic() < start + share:
            method, target = request(r)
            if not harmless(method, target):
                continue
            wrong = wrong_with(place, kind, method, target)
            if wrong:
                found.setdefault(difference.kind_of(wrong), f"{method} {target}: {wrong}")
            n += 1
    print(f"{n} requests")
    if found:
        pytest.fail("\n".join(found.values()), pytrace=False)
