# SPDX-License-Identifier: Apache-2.0
"""Races against the start of another container; they need two containers at once, so they are no probes."""

import os
import subprocess

import pytest

import matrix
import support

ROUNDS = 8
AT_ONCE = 4
# Exchanges a folder and a symlink, which is what CVE-2021-30465 takes, without pause.
SWAP = "mkdir -p /v/a; ln -sfn {target} /v/b; touch /v/ready; while :; do mv -T /v/a /v/c; mv -T /v/b /v/a; mv -T /v/a /v/b; mv -T /v/c /v/a; done"


def test_target_swapped_while_another_starts(_instance, tmp_path):
    """A container swaps a folder of a volume for a link that leads out, while others start with a mount on it: the mount
    is in their root file system or nowhere, and nothing is made where the link leads."""
    engine = _instance
    os.chmod(tmp_path, 0o755)
    with support.host_folder() as victim, support.host_folder() as source:
        support.write(f"{source}/mark", "")
        swapper = engine.start("-v", "raced:/v", cmd=SWAP.format(target=f"../../../../../../../../../..{victim}"))
        support.wait_until(lambda: swapper.exec("test", "-e", "/v/ready", check=False).rc == 0)
        before = [line.split()[4] for line in support.read("/proc/self/mountinfo").splitlines()]
        started = 0
        for _ in range(ROUNDS):  # one may find the link in its place each time
            jobs = [subprocess.Popen([support.DOCKER, "run", "--rm", "-v", "raced:/v", "-v", f"{source}:/v/a", "alpine", "test", "-d", "/v"],
                                     env={**os.environ, **engine.environment()}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    for _ in range(AT_ONCE)]
            started += sum(job.wait(60) == 0 for job in jobs)
            if started:
                break
        mounts = [line.split()[4] for line in engine.mounts()]
        assert os.listdir(victim) == [] and os.listdir(source) == ["mark"]
        assert [m for m in mounts if m.startswith((victim, "/v/"))] == []
        assert [line.split()[4] for line in support.read("/proc/self/mountinfo").splitlines()] == before
        assert started, "no container started: the race was not run"
        engine.sweep()


def seen_of_the_runtime(engine):
    """What a privileged container's root sees of processes that docker exec sends in: SEEN or NONE, and the execs' codes."""
    with support.host_folder() as folder:
        os.mkdir(f"{folder}/escape")
        support.run("cp", support.program("escape-probe"), f"{folder}/escape/escape-probe")
        c = engine.start("--privileged", "-v", f"{folder}/escape:/escape:ro", "-v", f"{folder}:/rw", cmd=[matrix.PROBE, "R27"])
        support.wait_until(lambda: os.path.exists(f"{folder}/watching"))
        codes = [c.exec(options, "true", check=False).rc for options in (["-i"], ["--privileged"], ["-u", "1000"], ["-i"])]
        support.write(f"{folder}/stop", "")
        support.wait_until(lambda: not c.running)
        found = matrix.parse(engine.docker("logs", c.id).out)["R27"]
        engine.sweep()
        return [word for _, word, _ in found], codes, found


def test_processes_that_come_in(_reference, _instance):
    """The container's root looks at each new process of the container while others are sent in by docker exec: nothing
    of the runtime is seen, neither its program nor what it has open (CVE-2016-9962)."""
    shown = seen_of_the_runtime(_reference)
    words, codes, found = seen_of_the_runtime(_instance)
    assert words == ["NONE"] and codes == [0, 0, 0, 0], found
    if shown[0] != ["SEEN"]:
        pytest.skip("VACUOUS: plain crun shows nothing on this machine either")
