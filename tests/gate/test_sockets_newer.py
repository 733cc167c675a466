# SPDX-License-Identifier: Apache-2.0
"""What test_sockets.py, test_private.py, test_compose.py and test_clients.py ask of Debian 12's engine, and those attacks of
test_attacks.py that depend on the engine, asked of newer ones, with all of gabion before them; one has its images
in containerd."""

import pytest

import newer
import test_differential
from cages import HERE, support
from test_attacks import (folder, test_a_volume_from_before_there_were_rules, test_a_volume_that_is_a_path,  # noqa: F401
                          test_an_update_brings_nothing_in,
                          test_binds_that_come_with_the_start, test_device_requests, test_kinds_of_mounts,
                          test_names_of_images, test_security_options, user)
from test_compose import compose, test_for_a_container  # noqa: F401
from test_differential import place  # noqa: F401
from test_private import (nobody, private, test_a_pull_teaches, test_the_file,  # noqa: F401
                          test_without_credentials)
from test_sockets import (test_a_base_that_goes_and_comes, test_a_denied_command, test_a_derived_image, test_a_listed_image,  # noqa: F401
                          test_a_retagged_image, test_a_tag_that_moves, test_an_allow_list,
                          test_an_image_of_a_moment, test_an_image_outside_of_the_list,
                          test_runs_again_after_the_engine, test_the_registry_is_down, test_what_it_makes_is_isolated)
from test_tunnel import forky  # noqa: F401

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=newer.ENGINES)
def _cage(request):
    """In the place of conftest.py's."""
    yield from newer.cage(request.param)


def test_python(cage, policy):
    """The program ends as it should; what it prints differs from engine to engine."""
    lines = support.run("/usr/bin/python3", f"{HERE}/clients/sdk.py", cage.socket, timeout=240).lines
    assert len(lines) > 25 and lines[-1].startswith("gone")


def test_random_bodies(place):  # noqa: F811
    """Each engine reads bodies in its own way, where it does."""
    test_differential.test_found_before(place)
    test_differential.check(place, *test_differential.budget(6))
