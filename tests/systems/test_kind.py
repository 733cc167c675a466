# SPDX-License-Identifier: Apache-2.0
"""What `kind create cluster` asks of an engine, asked with the docker CLI and the same flags. The node is Debian's
systemd, containerd and CNI plugins: kubelet and kubeadm are in no Debian package, so pods are made as kubelet makes
them, by containerd's CRI."""

import json
import os
import re

import pytest

import inside
import support
from support import wait_until
from test_systemd import booted

pytestmark = pytest.mark.long

ADDRESS = "/run/containerd/containerd.sock"
PAUSE = "docker.io/library/pause:1"
CONTAINERD = f"""version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true  # no user namespace may lower it
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
"""
CNI = json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": [
    {"type": "bridge", "bridge": "pods0", "isGateway": True, "ipMasq": True,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": True}}]})
# What /usr/local/bin/entrypoint of kind's node does before it becomes its arguments, as far as it asks the engine or
# the kernel for something.
ENTRYPOINT = """#!/bin/sh
set -e
[ -w /run ] && [ -w /tmp ] && [ -d /sys/fs/cgroup ]
mount -o remount,bind,ro /sys  # without "bind" no user namespace may: all of sysfs is one
mount --make-rshared /
echo kind >/kind/name
for f in /sys/class/dmi/id/product_name /sys/class/dmi/id/product_uuid; do
	[ ! -f $f ] || mount -o ro,bind /kind/name $f
done
[ -e /dev/kmsg ] || ln -s /dev/console /dev/kmsg
iptables-save | iptables-restore
rm -f /etc/machine-id
systemd-machine-id-setup
echo 'entrypoint ran as expected'
exec "$@"
"""


class Node:
    def __init__(self, c):
        self.c = c

    def cri(self, method, message):
        return json.loads(self.c.exec("/kind/cri.py", ADDRESS, method, json.dumps(message)).out)

    def pod(self, name, *ports):
        """A pod; ports: (container's, node's)."""
        config = [[1, [[1, name], [2, f"uid-{name}"], [3, "default"], [4, 0]]], [2, name], [3, "/var/log/pods"],
                  *[[5, [[1, 0], [2, inner], [3, outer]]] for inner, outer in ports],
                  [8, [[1, f"/kubelet/pod-{name}"], [2, [[3, []]]]]]]
        (_, ident), = self.cri("RunPodSandbox", [[1, config]])
        return ident, config

    def container(self, pod, name, *command):
        ident, config = pod
        (_, made), = self.cri("CreateContainer", [[1, ident], [3, config], [2, [
            [1, [[1, name]]], [2, [[1, PAUSE]]], *[[3, word] for word in command],
            [15, [[1, [[4, 64 << 20]]], [2, []]]]]]])
        self.cri("StartContainer", [[1, made]])
        return made

    def exec(self, container, *command):
        answer = dict(self.cri("ExecSync", [[1, container], *[[2, word] for word in command], [3, 20]]))
        assert answer.get(3, 0) == 0, answer
        return answer.get(1, "")

    def address(self, pod):
        return re.search(r"10\.244\.0\.\d+", str(self.cri("PodSandboxStatus", [[1, pod[0]]])))[0]


def node_image(engine):
    """The node's image, built as kind's is: an engine's own build."""
    files = {"entrypoint": ENTRYPOINT, "config.toml": CONTAINERD, "pods.conflist": CNI,
             "cri.py": support.read(f"{support.HERE}/../systems/cri.py")}
    engine.build("FROM machine\nCOPY entrypoint /usr/local/bin/entrypoint\nCOPY cri.py /kind/cri.py\n"
                 "COPY config.toml /etc/containerd/config.toml\nCOPY pods.conflist /etc/cni/net.d/10-pods.conflist\n"
                 "RUN chmod 755 /usr/local/bin/entrypoint /kind/cri.py && systemctl enable containerd && \\\n"
                 "systemctl mask sys-kernel-debug.mount sys-kernel-tracing.mount\n"
                 'ENV container=docker\nSTOPSIGNAL SIGRTMIN+3\nENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]\n',
                 files=files, tag="kind-node", fresh=False)


@pytest.fixture
def modules():
    """A host without a folder of modules gets one by the bind, as without gabion; not by these tests for good."""
    was_there = os.path.exists("/lib/modules")
    yield
    if not was_there:
        assert os.listdir("/lib/modules") == []
        os.rmdir("/lib/modules")


def test_kind_node(instance, modules):
    """One control-plane node: the engine's side of `kind create cluster`, and pods in it."""
    del modules
    node_image(instance)
    instance.docker("network", "create", "-d=bridge", "-o", "com.docker.network.bridge.enable_ip_masquerade=true",
                    "-o", "com.docker.network.driver.mtu=1500", "kind")
    port = support.free_port()
    c = instance.start(
        "--name", "kind-control-plane", "--hostname", "kind-control-plane", "--label", "io.x-k8s.kind.role=control-plane",
        "--privileged", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
        "--tmpfs", "/tmp", "--tmpfs", "/run", "--volume", "/var", "--volume", "/lib/modules:/lib/modules:ro",
        "--detach", "--tty", "--label", "io.x-k8s.kind.cluster=kind", "--net", "kind", "--restart=on-failure:1", "--init=false",
        "--cgroupns=private", f"--publish=127.0.0.1:{port}:6443/TCP", image="kind-node", cmd=())
    # kind waits for this line of the node's log
    wait_until(lambda: "Multi-User System" in c.engine.docker("logs", c.id).out, 60, "the node's boot in its log")
    booted(c)
    assert "entrypoint ran as expected" in c.engine.docker("logs", c.id).out
    assert c.exec("findmnt", "-no", "OPTIONS", "/lib/modules").out.split(",")[0] == "ro"
    assert c.exec(["--privileged"], "cat", "/etc/hostname").out == "kind-control-plane"
    assert c.exec(["--privileged"], "cp", "/dev/stdin", "/kind/kubeadm.conf", input=b"made by kind\n").rc == 0
    assert c.exec("cat", "/kind/kubeadm.conf").out == "made by kind"

    node = Node(c)
    wait_until(lambda: c.exec("ctr", "version", check=False).rc == 0, 30, "containerd in the node")
    c.exec(["--privileged"], "ctr", "--namespace=k8s.io", "images", "import", "-",
           input=inside.archive(PAUSE, "sh", "-c", "trap exit TERM; while :; do sleep 1000 & wait; done"))
    web = node.pod("web", (80, 6443))
    node.container(web, "server", "sh", "-c", "mkdir /w; echo from a pod >/w/index.html; exec httpd -f -h /w")
    client = node.container(node.pod("client"), "client", "sleep", "1000")
    address = node.address(web)
    wait_until(lambda: node.exec(client, "sh", "-c", f"wget -qO- http://{address} || true") == "from a pod\n", 20, "a pod's page")
    assert inside.page(port) == "from a pod\n", "the port of a pod, of its node, of this host"
    assert node.exec(client, "cat", "/proc/self/uid_map").split()[2] == str(support.RANGE)
    groups = c.exec("find", "/sys/fs/cgroup", "-type", "d", "-path", "*/kubelet/pod-web/*").lines
    assert groups, "pods are in no group of their own"

    # a node is stopped and started (docker restart kind-control-plane)
    instance.docker("restart", "-t", "60", c.id)
    booted(c)
    wait_until(lambda: c.exec("ctr", "version", check=False).rc == 0, 30, "containerd in the node")
    assert PAUSE in c.exec("ctr", "-n", "k8s.io", "image", "ls", "-q").lines
    node.container(node.pod("after"), "after", "sleep", "1000")
