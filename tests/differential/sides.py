# SPDX-License-Identifier: Apache-2.0
"""The two sides of a comparison: building the Go program, asking either one. README.md has the protocol."""
import os
import pathlib
import struct
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHOWN = 5  # failures that are printed


def build_go(folder, target, **env):
    env = dict(os.environ, GO111MODULE="off", GOFLAGS="", **env)
    env.setdefault("GOCACHE", str(target.parent / "gocache"))
    subprocess.run(["go", "build", "-o", str(target), "."], cwd=HERE / folder, env=env, check=True)
    return target


def version(program):
    return subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def ask(program, requests, scratch):
    """All answers of one process to all requests, which it reads one after the other."""
    questions = scratch / "questions"
    with open(questions, "wb") as f:
        for mode, text in requests:
            f.write(struct.pack(">I", len(text) + 1) + mode + text)
    with open(questions, "rb") as f:
        out = subprocess.run([str(program)], stdin=f, stdout=subprocess.PIPE, check=True).stdout
    answers, at = [], 0
    while at < len(out):
        (n,) = struct.unpack_from(">I", out, at)
        answers.append(out[at + 4:at + 4 + n])
        at += 4 + n
    assert len(answers) == len(requests), f"{program}: {len(answers)} answers to {len(requests)} requests"
    return answers
