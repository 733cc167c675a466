# SPDX-License-Identifier: Apache-2.0
"""Processes that read files again and again, and say how that went: one line each, when they are told to end."""

import json
import os
import subprocess
import sys
import time


def loop(paths):
    result = {"reads": 0, "longest": 0.0, "failures": []}
    print("ready", flush=True)
    os.set_blocking(0, False)
    while True:
        for path in paths:
            began = time.monotonic()
            try:
                fd = os.open(path, os.O_RDONLY)
                data = b""
                while piece := os.read(fd, 512):
                    data += piece
                os.close(fd)
                if not data.endswith(b"\n"):
                    result["failures"].append(f"{path}: {data!r}")
            except OSError as e:
                result["failures"].append(f"{path}: {e}")
            result["longest"] = max(result["longest"], time.monotonic() - began)
            result["reads"] += 1
        try:
            if os.read(0, 1) == b"":
                break
        except BlockingIOError:
            pass
    result["failures"] = result["failures"][:5]
    print(json.dumps(result))


class Readers:
    """Use it in a `with`; `results` are there afterwards."""

    def __init__(self, n, paths, wrap=()):
        self.command = [*wrap, sys.executable, os.path.realpath(__file__), *paths]
        self.n = n
        self.processes = []
        self.results = []

    def __enter__(self):
        for _ in range(self.n):
            self.processes.append(subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        for p in self.processes:
            assert p.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *failure):
        for p in self.processes:
            p.stdin.close()
        for p in self.processes:
            text = p.stdout.read()
            p.stdout.close()
            p.wait(20)
            if text:
                self.results.append(json.loads(text))

    def assert_fine(self, longest=1.0):
        assert len(self.results) == self.n
        for r in self.results:
            assert not r["failures"] and r["longest"] < longest and r["reads"] > 0, self.results


if __name__ == "__main__":
    loop(sys.argv[1:])
