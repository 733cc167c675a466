# SPDX-License-Identifier: Apache-2.0
"""Rows about vetted system calls: the same program in the same container, once as a process of the container and once
as one that entered its namespaces and has no seccomp filter. bench/README.md says what each row is."""

import statistics
import time

import gate

CALLS = 400  # of which the median is one measurement
CONTAINERS = 20  # among which memory is divided


def memory(engine):
    """KiB that our programs of an instance have for themselves: private pages, and their part of shared ones."""
    total = 0
    for pid in engine.run("pgrep", "-f", f"gabion.*{engine.dir}").split():
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                ours = f.read().startswith("gabion")
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                total += next(int(line.split()[1]) for line in f if line.startswith("Pss:")) if ours else 0
        except (FileNotFoundError, ProcessLookupError, StopIteration):
            pass
    return total


def measure(bench, table, args):
    program = bench.compile("calls")
    with gate.Gate(bench, args.build) as engine:
        engine.image(1)
        name = engine.docker("gate", "run", "-d", "--privileged", "--name", "vetted", "-w", "/tmp", "--tmpfs", "/tmp",
                             "-v", f"{program}:/calls:ro", "bench", "/bin/busybox", "sleep", "3600")
        pid = engine.docker("direct", "inspect", "--format", "{{.State.Pid}}", name)

        def vetted(kind):
            return int(engine.docker("direct", "exec", name, "/calls", kind, str(CALLS)))

        def free(kind):
            return int(engine.run("nsenter", "-t", pid, "-U", "-m", "-S", "0", "-G", "0", "/bin/busybox", "sh", "-c",
                                  f"cd /tmp && exec /calls {kind} {CALLS}"))

        ours, theirs = bench.pairs(args.rounds, lambda: vetted("mount"), lambda: free("mount"))
        asked = bench.pairs(args.rounds, lambda: vetted("ask"), lambda: free("ask"))
        least = 2 * statistics.median(a - b for a, b in zip(*asked)) / 1e3
        table.add(f"vetted mount and umount, µs added (two questions: {least:.0f})",
                  statistics.median(a - b for a, b in zip(ours, theirs)) / 1e3, 25, "µs",
                  statistics.median(ours) / 1e6, statistics.median(theirs) / 1e6)
        before = memory(engine)
        for i in range(CONTAINERS):
            engine.docker("gate", "run", "-d", "--privileged", "--name", f"one{i}", "bench", "/bin/busybox", "sh", "-c",
                          "mkdir -p /mnt; while :; do mount -t proc p /mnt && umount /mnt; cat /proc/meminfo; sleep 5; done")
        time.sleep(3)
        table.add("memory of ours per running container, KiB", (memory(engine) - before) / CONTAINERS, 256.0, "KiB")
        engine.docker("direct", "rm", "-f", *(f"one{i}" for i in range(CONTAINERS)))
        boxes = {cap: engine.docker("gate", "run", "-d", *cap, "-v", f"{program}:/calls:ro", "bench", "/bin/busybox", "sleep", "3600")
                 for cap in ((), ("--cap-add", "SYS_ADMIN"))}

        def filtered(cap, kind):
            return int(engine.docker("direct", "exec", boxes[cap], "/calls", kind, str(CALLS)))

        for kind in ("getppid", "open"):
            table.ratio(f"{kind}, the engine's filter with vetting, over without", bench.pairs(
                args.rounds, lambda k=kind: filtered(("--cap-add", "SYS_ADMIN"), k), lambda k=kind: filtered((), k)), 1.05)
        for kind in ("getppid", "open"):
            table.ratio(f"{kind}, in a `--privileged` container, over no filter at all", bench.pairs(
                args.rounds, lambda k=kind: vetted(k), lambda k=kind: free(k)), 1.15)
