# SPDX-License-Identifier: Apache-2.0
"""A real engine whose containers may have its socket, by a policy that tests change, with a real registry
(also docker.io's mirror) beside it. The fixtures `cage` and `policy` of conftest.py are made of this."""

import json
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import registry as registries  # noqa: E402
import support  # noqa: E402

SOCKET = "/var/run/docker.sock:/var/run/docker.sock"
DENIED = ('enhanced container isolation: docker socket mount denied for container with image "docker.io/library/%s"; image '
          'is not in the allowed list; if you wish to allow it, configure the docker socket image list in the Docker '
          'Desktop settings.')
BLOCKED = ('enhanced container isolation: docker command "%s" is blocked; if you wish to allow it, configure the docker '
           'socket command list in the Docker Desktop settings or admin-settings.')


def settings(images=(), commands=(), kind="deny", **more):
    return {"configurationFileVersion": 2, "enhancedContainerIsolation": {
        "locked": True, "value": True, "dockerSocketMount": {
            "imageList": {"images": list(images), **more},
            "commandList": {"type": kind, "commands": list(commands)}}}}


def write_settings(folder, document):
    os.makedirs(f"{folder}/etc", exist_ok=True)
    support.write(f"{folder}/etc/.new", json.dumps(document))
    os.rename(f"{folder}/etc/.new", f"{folder}/etc/admin-settings.json")


def generation(cage):
    return json.loads(support.read(f"{cage.dir}/run/policy.json"))["generation"]


def put(cage, document):
    """Puts settings in force."""
    if document == cage.settings:
        return
    before = generation(cage)
    write_settings(cage.dir, document)
    support.wait_until(lambda: generation(cage) != before, 10, "a new policy")
    cage.settings = document


def run(cage, *cmd, image="docker:cli", args=("-v", SOCKET), **how):
    return cage.docker("run", "--rm", *args, image, *cmd, **how)


def make(*engine_args, facts=None):
    """The registry has docker:cli, and the engine's image of that name is pulled from there. facts: gabion.json."""
    document = settings(["docker:cli"], ["push"])

    def prepare(folder):
        write_settings(folder, document)
        if facts:
            support.write(f"{folder}/etc/gabion.json", json.dumps(facts))

    engine = support.GabionInstance("--registry-mirror", f"http://127.0.0.1:{registries.PORT}", *engine_args,
                                    prepare=prepare)
    engine.settings = document
    engine.registry = None
    try:
        engine.registry = registries.Registry(engine.dockerd)
        engine.need("alpine", "docker")
        engine.docker("tag", "docker", "docker:cli")
        engine.digest = registries.push(engine, engine.registry, "docker", "docker", "cli")
        engine.docker("rmi", "docker:cli", "docker:latest")
        engine.docker("pull", "docker:cli")
        engine.loaded.add("docker:cli")  # it is there, and from the registry
    except BaseException:
        end(engine)
        raise
    return engine


def end(engine):
    if engine.registry:
        engine.registry.close()
    engine.down()
    engine.remove_folder()
