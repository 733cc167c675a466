# SPDX-License-Identifier: Apache-2.0
"""The attacks of test_attacks.py that test_sockets_newer.py does not ask of all newer engines, on one of each kind."""

import os
import shutil
import subprocess
import tempfile

import pytest

import newer
from cages import support
from test_attacks import (folder, forky, nodes, user, test_a_source_swapped_after_the_creation,  # noqa: F401
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


def git(folder, *args):
    support.run("git", "-C", folder, "-c", "user.name=x", "-c", "user.email=x@example.org", *args)


def test_a_git_folder_that_is_a_link(cage, policy, user):
    """CVE-2026-33748, which Debian has mended: BuildKit 0.10 to 0.28.0 moves what is in the folder of a git address, also where
    that is a link. tests/daemon/test_updown.py::test_what_the_engine_cannot_move is about engines that are not mended."""
    base = tempfile.mkdtemp(prefix="gabion-git-", dir="/var/tmp")
    os.chmod(base, 0o755)
    try:
        os.makedirs(f"{base}/host")
        support.write(f"{base}/host/secret", "of the host")
        support.write(f"{base}/host/Dockerfile", "FROM scratch\nCOPY . /\n")
        os.makedirs(f"{base}/repository/plain")
        support.write(f"{base}/repository/plain/Dockerfile", "FROM scratch\nCOPY . /\n")
        os.symlink(f"{base}/host", f"{base}/repository/folder")
        git(f"{base}/repository", "init", "-q", "-b", "main")
        git(f"{base}/repository", "add", "-A")
        git(f"{base}/repository", "commit", "-q", "-m", "x")
        server = subprocess.Popen(["nsenter", "-n", "-t", str(cage.dockerd()), "git", "daemon", "--export-all", f"--base-path={base}",
                                   "--listen=127.0.0.1", "--port=9418"], stdin=subprocess.DEVNULL)
        try:
            def build(folder):
                return cage.docker("build", "--no-cache", f"git://127.0.0.1/repository#main:{folder}", check=False, user=user,
                                   env={"DOCKER_BUILDKIT": "1"}, timeout=60)

            support.wait_until(lambda: build("plain").rc == 0, 30, "a git daemon")
            done = build("folder")
            assert sorted(os.listdir(f"{base}/host")) == ["Dockerfile", "secret"], done
            assert done.rc != 0, done
        finally:
            server.terminate()
            server.wait()
    finally:
        shutil.rmtree(base)
