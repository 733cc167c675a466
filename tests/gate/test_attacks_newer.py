# SPDX-License-Identifier: Apache-2.0
"""The attacks of test_attacks.py that test_sockets_newer.py does not ask of all newer engines, on one of each kind."""

import pytest

import newer
from test_attacks import (door, folder, forky, nodes, user, test_a_source_swapped_after_the_creation,  # noqa: F401
                          test_a_source_swapped_under_a_restart_policy, test_the_engine_as_a_deputy,
                          test_the_engine_as_a_containers_deputy, test_copies_where_nothing_is_bound,
                          test_volumes_from_before_there_were_rules, test_where_the_engine_looks, test_devices,
                          test_a_device_swapped_after_the_creation, test_device_rules, test_cdi_devices,
                          test_devices_that_may_be_had, test_the_hosts_network_by_other_names, test_builds_on_the_hosts_network,
                          test_entitlements_of_builds, test_builds_of_what_the_host_has, test_log_drivers, test_forged_names,
                          test_drivers_that_are_somebodys_socket, test_files_that_the_engine_reads, test_processes_of_others,
                          test_other_sockets_of_the_instance, test_the_engine_listens_nowhere_else, test_the_socket_inside,
                          test_a_creation_by_hand, test_binds_of_a_container_with_the_socket, test_use_api_socket)
from test_tunnel import test_a_build_that_reaches_the_host, test_a_frontend, test_a_frontend_that_reaches_the_host, test_a_frontend_that_is_none  # noqa: F401

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=["trixie", "forky-containerd"])
def _cage(request):
    """In the place of conftest.py's."""
    yield from newer.cage(request.param)
