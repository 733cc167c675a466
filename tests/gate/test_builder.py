# SPDX-License-Identifier: Apache-2.0
"""buildx with a builder of its own (driver docker-container) on a caged engine. No registry here has moby/buildkit; the
builder's image is a whole engine, whose BuildKit answers what `buildctl` of that image passes on (POST /grpc)."""

import os
import re
import shutil
import sys

import pytest

from cages import HERE, support

sys.path.append(os.path.join(os.path.dirname(HERE), "engines"))
import space  # noqa: E402

BUILDKITD = """#!/bin/sh
test "$1" = --version && echo "buildkitd github.com/moby/buildkit v0.8.0 0" && exit
exec dockerd --iptables=false --bridge=none --data-root=/var/lib/buildkit
"""
BUILDCTL = r"""#!/usr/bin/perl
use strict; use IO::Socket::UNIX; use IO::Select;
my $s = IO::Socket::UNIX->new(Peer => "/var/run/docker.sock") or die "buildctl: $!\n";
exit 0 if $ARGV[0] eq "debug";
syswrite $s, "POST /grpc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
my $head = "";
while ($head !~ /\r\n\r\n$/) { sysread($s, $head, 1, length $head) or die "buildctl: no answer\n"; }
die "buildctl: $head" if $head !~ /^HTTP\/1.1 101 /;
my $both = IO::Select->new($s, \*STDIN);
while (1) {
	for my $from ($both->can_read) {
		my $n = sysread $from, my $data, 65536;
		exit 0 if !$n;
		my $to = $from == $s ? \*STDOUT : $s;
		for (my $at = 0; $at < $n; ) { $at += syswrite($to, $data, $n - $at, $at) // die "buildctl: $!\n"; }
	}
}
"""


@pytest.fixture(scope="module")
def forky():
    return space.root_of("forky")


@pytest.fixture
def shell(cage, policy, forky):
    """Runs a line of shell where docker and buildx are those of Debian forky; with a folder for builders and files."""
    home = f"{cage.dir}/builder"
    os.makedirs(home)
    script = ('mount --bind /var/tmp "$0/var/tmp"; mount -t proc proc "$0/proc"; exec chroot "$0" env -i PATH=/usr/bin '
              f'HOME={home} DOCKER_HOST=unix://{cage.dir}/run/docker.sock sh -c "cd {home}; $1"')

    def call(line, **how):
        return support.run("unshare", "-m", "sh", "-c", script, forky, line, **how)

    call.home = home
    return call


@pytest.fixture
def image(cage):
    cage.need("dind")
    folder = f"{cage.dir}/builder-image"
    os.makedirs(folder)
    for name, text in (("buildkitd", BUILDKITD), ("buildctl", BUILDCTL)):
        support.write(f"{folder}/{name}", text, 0o755)
    support.write(f"{folder}/Dockerfile", 'FROM dind\nCOPY buildkitd buildctl /usr/bin/\nENTRYPOINT ["buildkitd"]\n')
    cage.docker("build", "-t", "moby/buildkit:buildx-stable-1", folder)
    yield
    cage.docker("rmi", "-f", "moby/buildkit:buildx-stable-1")


DOCKERFILE = """FROM scratch AS one
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox cat /proc/self/uid_map >/map; /bin/busybox ls /sys/class/net >/links"]
FROM scratch
COPY --from=one /map /links /
"""


def example(document, line):
    """The input of a row of tests/spec/examples.tsv."""
    with open(f"{os.path.dirname(HERE)}/spec/examples.tsv", encoding="utf-8") as f:
        return next(row.split("\t")[4] for row in f if row.startswith(f"{document}\t{line}\t"))


@pytest.mark.long
def test_a_builder_of_its_own(cage, shell, image):
    """It is a privileged container like any other, its builds have that container's isolation, and the host's network,
    which the engine's own builder refuses, is that container's."""
    out = f"{shell.home}/out"
    shutil.copy("/bin/busybox", f"{shell.home}/busybox")
    support.write(f"{shell.home}/Dockerfile", DOCKERFILE)
    refused = shell("docker buildx build --progress=plain --no-cache --network=host --allow network.host .", check=False)
    assert refused.rc != 0 and "can't share a network namespace with the host" in refused.err, refused
    shell(example("001", 1194))
    found = re.search(r"^(\S+)\*\s+docker-container", shell("docker buildx ls").out, re.M)
    assert found and re.search(r"Status:\s+running", shell("docker buildx inspect").out)
    builder = f"buildx_buildkit_{found[1]}0"
    base = cage.docker("exec", builder, "cat", "/proc/self/uid_map").out.split()[1]
    links = cage.docker("exec", builder, "ls", "/sys/class/net").lines
    assert int(base) >= 100000 and "eth0" in links
    for network, seen in (("none", ["lo"]), ("host", links)):
        shell(f"docker buildx build --no-cache --network={network} -o type=local,dest={out} .")
        assert support.read(f"{out}/map").split()[1] == base
        assert support.read(f"{out}/links").split() == seen
    # What else a build may do in there its own BuildKit says, which was not started with that entitlement.
    done = shell(f"docker buildx build --no-cache --allow security.insecure -o type=local,dest={out} .", check=False)
    assert done.rc != 0 and "security.insecure is not allowed" in done.err, done
    shell(f"docker buildx rm {found[1]}")
    assert builder not in cage.docker("ps", "-a", "--format", "{{.Names}}").lines
    assert not cage.docker("volume", "ls", "-q", "-f", "name=buildx").lines
