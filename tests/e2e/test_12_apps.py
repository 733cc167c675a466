# SPDX-License-Identifier: Apache-2.0
"""Everyday compose files and Dockerfiles, unmodified, from root's home and from a user's.

An app is a folder below apps/ with `images` (those that it needs) and `steps` (a shell script that
brings it up, uses it and prints what it sees). What it prints must be the same under gabion, as root
and as a user, as with plain crun.
"""

import os
import re
import shutil

import pytest

import support
from support import HERE, run

APPS = sorted(d for d in os.listdir(f"{HERE}/apps") if os.path.isdir(f"{HERE}/apps/{d}"))
QUICK = {"extracted-tree", "nginx-static", "shared-volume", "sidecars"}


def steps_of(engine, app, user):
    """What the steps print, run in a copy of the app in the home of the user (None: of root)."""
    engine.need(*support.read(f"{HERE}/apps/{app}/images").split())
    home = user.home if user else "/root"
    copy = f"{home}/gabion-e2e-{app}"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(f"{HERE}/apps/{app}", copy)
    shutil.copy(f"{HERE}/apps/lib.sh", copy)
    if user:
        run("chown", "-R", f"{user.uid}:{user.gid}", copy)
    env = engine.environment(user=user, extra={"PATH": f"/usr/bin:{os.environ['PATH']}", "COMPOSE_PROJECT_NAME": re.sub("[^a-z]", "", app)})
    try:
        done = run("sh", "./steps", cwd=copy, user=user, env=env, check=False, timeout=300)
        if os.path.exists(f"{copy}/docker-compose.yml"):
            run("docker-compose", "down", "-v", "-t", "2", "--remove-orphans", cwd=copy, env=env, check=False, timeout=120)
    finally:
        engine.sweep()
        run("rm", "-rf", copy)
    return done


@pytest.mark.parametrize("app", [a if a in QUICK else pytest.param(a, marks=pytest.mark.long) for a in APPS])
def test_app(instance, reference, user, app):
    expected = steps_of(reference, app, None)
    assert expected.rc == 0 and len(expected.lines) > 1, expected
    as_root = steps_of(instance, app, None)
    assert (as_root.rc, as_root.lines) == (0, expected.lines), as_root
    if getattr(instance, "kind", "") == "gabion":
        as_user = steps_of(instance, app, user)
        assert (as_user.rc, as_user.lines) == (0, expected.lines), as_user


def test_there_are_twenty():
    assert len(APPS) >= 20
