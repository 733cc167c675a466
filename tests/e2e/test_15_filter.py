# SPDX-License-Identifier: Apache-2.0
"""The program of a container's seccomp filter, which gabion-runc makes and keeps (edit-filter.c), against the one that
crun makes of the same profile."""

import base64
import json
import os
import pathlib
import shutil
import subprocess

import pytest

OWN = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"], "syscalls": [
    {"names": ["swapon", "swapoff"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
    {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]},
    {"names": ["clone"], "action": "SCMP_ACT_LOG",
     "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
    {"names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 3,
     "args": [{"index": 1, "value": 9, "op": "SCMP_CMP_GT"}, {"index": 1, "value": 15, "op": "SCMP_CMP_NE"}]},
    {"names": ["uselib", "no_such_call"], "action": "SCMP_ACT_LOG"},
    {"names": ["reboot"], "action": "SCMP_ACT_KILL_PROCESS"}]}
PROFILES = {"default": [], "unconfined": ["--security-opt", "seccomp=unconfined"], "privileged": ["--privileged"],
            "SYS_ADMIN": ["--cap-add", "SYS_ADMIN"], "own": ["--security-opt", "seccomp=OWN"]}


def state_of(instance, c):
    """The lower runtime's own folder of a container."""
    return pathlib.Path(f"{instance.dir}/run/exec/runtime-runc/moby/{c.id}")


def lower_makes(profile, folder):
    """What crun makes of a profile when nobody has made it before."""
    bundle = folder / "bundle"
    (bundle / "root/bin").mkdir(parents=True)
    for name in ("proc", "dev"):
        (bundle / "root" / name).mkdir()
    shutil.copy(shutil.which("busybox"), bundle / "root/bin/true")
    spec = {"ociVersion": "1.0.2", "root": {"path": "root"}, "process": {"cwd": "/", "args": ["/bin/true"], "user": {"uid": 0, "gid": 0}},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}], "seccomp": profile}}
    (bundle / "config.json").write_text(json.dumps(spec))
    crun = ["unshare", "--mount", "sh", "-c", 'umount -l /sys/fs/cgroup/unified 2>/dev/null; exec crun --root "$@"', "sh",
            str(folder / "crun"), "--cgroup-manager=disabled"]
    subprocess.run([*crun, "create", "--bundle", bundle, "peer"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        return (folder / "crun/peer/seccomp.bpf").read_bytes()
    finally:
        subprocess.run([*crun, "delete", "--force", "peer"], check=True)


@pytest.mark.parametrize("name", PROFILES)
def test_program_is_the_lower_runtimes(instance, name, tmp_path):
    own = tmp_path / "OWN"
    own.write_text(json.dumps(OWN))
    kept = pathlib.Path(f"{instance.dir}/run/filters")
    for _ in range(2):  # made, and found
        c = instance.start(*(word.replace("OWN", str(own)) for word in PROFILES[name]))
        spec = json.loads((state_of(instance, c) / "config.json").read_text())
        program = (state_of(instance, c) / "seccomp.bpf").read_bytes()
        assert program == base64.b64decode(spec["annotations"]["run.oci.seccomp_bpf_data"])
        assert any(file.read_bytes().endswith(program) for file in kept.iterdir())
        assert kept.stat().st_mode & 0o777 == 0o700 and kept.stat().st_uid == 0
    profile = spec["linux"]["seccomp"]
    for key in ("listenerPath", "listenerMetadata"):
        profile.pop(key, None)
    # A question has an answer only where there is a listener; the program is the same but for that number.
    asked = json.loads(json.dumps(profile).replace("SCMP_ACT_NOTIFY", "SCMP_ACT_TRAP"))
    notify, trap = (0x7FC00000).to_bytes(4, "little"), (0x00030000).to_bytes(4, "little")
    assert program.replace(notify, trap) == lower_makes(asked, tmp_path)


def test_kept_ones_that_are_spoilt_are_made_again(instance):
    c = instance.start()
    program = (state_of(instance, c) / "seccomp.bpf").read_bytes()
    kept = pathlib.Path(f"{instance.dir}/run/filters")
    for spoil in (lambda f: f.write_bytes(b""), lambda f: f.write_bytes(f.read_bytes()[:-8]), lambda f: os.truncate(f, 4096),
                  lambda f: f.unlink()):
        for file in list(kept.iterdir()):
            spoil(file)
        assert (state_of(instance, instance.start()) / "seccomp.bpf").read_bytes() == program
    shutil.rmtree(kept)
    assert (state_of(instance, instance.start()) / "seccomp.bpf").read_bytes() == program
