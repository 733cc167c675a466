# SPDX-License-Identifier: Apache-2.0
"""The tests of test_guard.py on newer engines, one of which has its images in containerd."""

import tarfile

import pytest

import newer
from test_guard import (archive, host, node, test_a_cache_that_becomes_a_link, test_a_commit_while_a_folder_becomes_a_link,  # noqa: F401
                        test_a_device_in_a_context, test_a_file_behind_a_link_in_a_layer, test_a_step_that_leaves_a_link, test_links_of_containers_are_links,
                        test_a_pipe_in_a_context, test_pipes_in_the_place_of_accounts, test_pipes_in_the_place_of_accounts_of_a_build,
                        test_volumes_below_a_volume, test_what_an_image_has_for_a_volume, test_what_is_guarded, user)

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=["trixie", "forky-containerd"])
def _cage(request):
    """In the place of conftest.py's."""
    yield from newer.cage(request.param)


@pytest.mark.parametrize("name", ["manifest.json", "index.json", "oci-layout", "repositories"])
def test_a_device_in_an_archive(cage, user, name):
    done = cage.docker("load", input=archive(node(name, tarfile.CHRTYPE, 1, 11)), user=user, check=False)
    assert done.rc != 0 and "kernel" not in done.text, done
