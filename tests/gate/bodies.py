# SPDX-License-Identifier: Apache-2.0
"""Random bodies of POST /containers/create, and ways to write them.

A body is a tree of Members, lists and texts of JSON as they are sent, so that a key may stand twice, and
in any spelling; whatever fails is made smaller by taking its parts away."""

import json

DEEP = (60, 63, 64, 65, 200, 12000)


class Members(list):
    """An object: pairs of a key's text and a value."""


def text_of(node):
    if isinstance(node, Members):
        return "{" + ",".join(f"{k}:{text_of(v)}" for k, v in node) + "}"
    if isinstance(node, list):
        return "[" + ",".join(map(text_of, node)) + "]"
    return node


class Body:
    def __init__(self, tree, before="", after=""):
        self.tree, self.before, self.after = tree, before, after

    @property
    def data(self):
        return (self.before + text_of(self.tree) + self.after).encode("utf-8", "surrogateescape")

    def __repr__(self):
        return repr(self.data if len(self.data) < 3000 else self.data[:3000] + b"...")


def smaller(node):
    """Every tree with one part less."""
    if not isinstance(node, list):
        return
    for i, item in enumerate(node):
        yield type(node)(node[:i] + node[i + 1:])
    for i, item in enumerate(node):
        for less in smaller(item[1] if isinstance(node, Members) else item):
            yield type(node)([*node[:i], (item[0], less) if isinstance(node, Members) else less, *node[i + 1:]])


def shrink(body, fails, tries=150):
    """The smallest that still fails, of those that are tried."""
    again = True
    while again and tries > 0:
        again = False
        candidates = [Body(body.tree, "", body.after), Body(body.tree, body.before, "")]
        candidates = [c for c in candidates if c.data != body.data] + [Body(t, body.before, body.after) for t in smaller(body.tree)]
        for less in candidates:
            tries -= 1
            if tries <= 0:
                break
            if fails(less):
                body, again = less, True
                break
    return body


# ── what is asked for ──────────────────────────────────────────────────────────────────────────


PATHS = ["F/a", "F/b", "F//a/.", "F/a/../b", "F/to-a", "F/to-etc", "F/to-etc/passwd", "F/to-etc/shadow", "F/missing/deep", "F/dangling",
         "F", "F/b/x", "F/docker.sock", "F/null", "F/long", "/etc", "/etc/passwd", "/etc/shadow", "/etc/../etc", "//etc", "/etc/", "/ETC", "/",
         "/var", "/var/tmp", "/var/tmp/..", "/opt", "/usr/share/zoneinfo", "/usr/src", "/usr/bin", "/run", "/var/run/docker.sock", "/proc",
         "/proc/self/root/etc", "/sys/fs", "/dev", "/dev/null", "/dev/mem", "/etc/none", "S/run/docker.sock", "S/run/engine.sock", "S/lib",
         "S", "S/etc", "/lib/modules", "/home", "/srv", " /etc", "etc", "../etc", "~", "", "v1", "v2", "/etc/ssl/certs", "/lib64"]
TARGETS = ["/x", "/y", "/x/y", "/etc", "/", "x", "", "/x:y", "/var/run/docker.sock"]
MODES = ["", "", ":ro", ":rw", ":z", ":rshared", ":ro,rslave", ":volume-nocopy", ":nocopy", ":x", ":ro:rw", ":"]
OPTIONS = [{}, {"type": "tmpfs", "device": "tmpfs"}, {"type": "tmpfs", "o": "size=1m,uid=5"}, {"type": "none", "o": "bind", "device": "F/a"},
           {"o": "bind", "device": "F/a"}, {"type": "tmpfs", "o": "bind", "device": "F/a"}, {"TYPE": "none", "O": "bind"},
           {"type": "overlay", "o": "lowerdir=F/a:F/b"}, {"type": "tmpfs", "o": "size=1m,rbind", "device": "F/a"}, {"type": ""},
           {"size": "1m"}, {"type": "none", "o": "rw,rbind", "device": "F/a"}, {"device": "F/a"}]
ADDRESSES = ["unix://F/s", "unixgram://F/s", "UNIX://F/s", "unix:/F/s", "tcp://127.0.0.1:1", "udp://127.0.0.1:1", "http://unix", "unix",
             " unix://F/s", "127.0.0.1:1", "unix+x://F/s", "unix:F/s", "file:///etc"]
PROFILES = ["unconfined", "{}", '{"defaultAction":"SCMP_ACT_ALLOW"}', '{"listenerPath":"F/s"}', '{"LISTENERPATH":"F/s"}',
            '{"li\u017ftenerPath":"F/s"}', '{"listenerPath":""}', "nothing", '{"listenerPath":"F/s","listenerPath":""}', "["]


def mount(r):
    kind = r.choice(["bind"] * 5 + ["volume", "volume", "tmpfs", "Bind", "npipe", "image", "cluster", "", "bind "])
    found = {"Type": kind, "Source": r.choice(PATHS), "Target": r.choice(TARGETS[:4])}
    if kind == "tmpfs" or r.random() < 0.1:
        found.pop("Source")
    if r.random() < 0.3:
        found["ReadOnly"] = r.choice([True, False])
    if r.random() < 0.3:
        found["BindOptions"] = {k: v for k, v in (("Propagation", r.choice(["rprivate", "shared", "x"])), ("NonRecursive", True),
                                                  ("CreateMountpoint", r.choice([True, False])), ("ReadOnlyNonRecursive", True))
                                if r.random() < 0.4}
    if kind == "volume" and r.random() < 0.7:
        found["Source"] = r.choice(["v1", "v2", "", "/etc"])
        found["VolumeOptions"] = {"NoCopy": r.choice([True, False]), "DriverConfig": {
            "Name": r.choice(["local", ""]), "Options": r.choice(OPTIONS)}}
    if kind == "tmpfs" and r.random() < 0.5:
        found["TmpfsOptions"] = {"SizeBytes": 1 << 20, "Mode": 0o700}
    return found


def some(r, make, most=2):
    return [make(r) for _ in range(r.choice([0, *range(1, most + 1), 1]))]


def device(r):
    return {"PathOnHost": r.choice(["/dev/null", "/dev/fuse", "F/null", "F/mem", "/dev/mem", "/dev", "F", "F/a", "F/to-mem", "dev/null", "",
                                    "/dev/none", "/dev/../dev/null", "/dev/kmsg"]),
            "PathInContainer": "/dev/x", "CgroupPermissions": r.choice(["rwm", "r", "", "x"])}


def log(r):
    kind = r.choice(["json-file", "none", "local", "syslog", "fluentd", "gelf", "splunk", ""])
    key = {"syslog": "syslog-address", "fluentd": "fluentd-address", "gelf": "gelf-address", "splunk": "splunk-url"}.get(kind, "max-size")
    return {"Type": kind, "Config": r.choice([{}, {key: r.choice(ADDRESSES)}, {key: r.choice(ADDRESSES)}, {"max-size": "1m"}, {"tag": "x"}])}


def mode(*names):
    return lambda r: r.choice(["", "host", "private", "none", "Host", "host ", "container:other", "container:binds", "container:gone",
                               "container:", "default", "host:", *names])


HOST = {
    "Binds": lambda r: some(r, lambda r: r.choice([f"{r.choice(PATHS)}:{r.choice(TARGETS)}{r.choice(MODES)}"] * 6 + [r.choice(PATHS)])),
    "Mounts": lambda r: some(r, mount),
    "VolumesFrom": lambda r: some(r, lambda r: r.choice(["other", "binds", "binds:ro", "other:x", "gone", "", "/binds"])),
    "Tmpfs": lambda r: {r.choice(TARGETS): r.choice(["", "size=1m", "bind", "rw,exec"])},
    "Devices": lambda r: some(r, device),
    "DeviceRequests": lambda r: r.choice([[], [], [{"Count": -1, "Capabilities": [["gpu"]]}], [{}],
                                          [{"Driver": "cdi", "DeviceIDs": ["v.com/c=x"]}], [None]]),
    "DeviceCgroupRules": lambda r: some(r, lambda r: r.choice(["c 1:3 rwm", "a *:* rwm", "b *:* m", "c 10:229 r", "b 7:0 r", "", "c 1:1 rwmx",
                                                               "c 1:1  r", "x", "c 136:* rw", "c *:* m", "c 1:3 rw\n"])),
    "Privileged": lambda r: r.choice([True, False]),
    "CapAdd": lambda r: r.choice([["ALL"], "ALL", ["SYS_ADMIN", "cap_net_raw"], [], "", ["NONE"]]),
    "CapDrop": lambda r: r.choice([["ALL"], []]),
    "SecurityOpt": lambda r: some(r, lambda r: r.choice([f"seccomp={r.choice(PROFILES)}", f"seccomp:{r.choice(PROFILES)}", "writable-cgroups",
                                                         "writable-cgroups=true", "writable-cgroups=0", "apparmor=unconfined",
                                                         "label=disable", "no-new-privileges", "seccomp", "x", "systempaths=unconfined",
                                                         "writable-cgroups:T", "Seccomp={\"listenerPath\":\"F/s\"}"])),
    "PidMode": mode("host\t", "private"), "IpcMode": mode("shareable"), "UTSMode": mode(), "CgroupnsMode": mode(),
    "NetworkMode": mode("bridge", "host\u212a", "HOST", "nosuch"),
    "UsernsMode": mode(), "Runtime": lambda r: r.choice(["runc", "sysbox-runc", "", "crun", "io.containerd.runc.v2", "/bin/sh"]),
    "CgroupParent": lambda r: r.choice(["", "/x", "/../../x", "x.slice", "/engine", "a/engine", "/a/" + "0123456789abcdef" * 4]),
    "LogConfig": log,
    "StorageOpt": lambda r: r.choice([{}, {"size": "1G"}]),
    "Sysctls": lambda r: r.choice([{}, {"net.ipv4.ip_forward": "1"}, {"kernel.core_pattern": "x"}]),
    "PortBindings": lambda r: r.choice([{}, {"80/tcp": [{"HostPort": ""}]}, {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8"}]}, {"x": []},
                                        {"80": None}]),
    "VolumeDriver": lambda r: r.choice(["", "local"]),  # for another one engines wait 15 s
    "Links": lambda r: some(r, lambda r: r.choice(["other", "other:a", "/other:/x/a", "gone", "", ":"])),
    "RestartPolicy": lambda r: r.choice([{"Name": "always"}, {"Name": "on-failure", "MaximumRetryCount": 3}, {"Name": "x"}, {}]),
    "MaskedPaths": lambda r: r.choice([[], None, ["/x"]]), "ReadonlyPaths": lambda r: r.choice([[], None]),
    "Memory": lambda r: r.choice([0, 64 << 20, -1, 5]), "PidsLimit": lambda r: r.choice([0, 100, -1, None]),
    "OomScoreAdj": lambda r: r.choice([0, -1000, 1001]), "AutoRemove": lambda r: r.choice([True, False]),
    "Init": lambda r: r.choice([True, False, None]), "ReadonlyRootfs": lambda r: r.choice([True, False]),
    "Ulimits": lambda r: r.choice([[], [{"Name": "nofile", "Soft": 9, "Hard": 9}], [{"Name": "x"}]]),
    "Annotations": lambda r: r.choice([{}, {"a": "b"}]), "ShmSize": lambda r: r.choice([0, 1 << 20, -1]),
    "ExtraHosts": lambda r: r.choice([[], ["a:127.0.0.1"], ["a"]]), "GroupAdd": lambda r: r.choice([[], ["0"]]),
}
CONFIG = {
    "Cmd": lambda r: r.choice([["true"], "true", [], None]), "Entrypoint": lambda r: r.choice(["", ["x"], None]),
    "Env": lambda r: r.choice([[], ["A=b"], ["A"], ["=x"], [""]]), "User": lambda r: r.choice(["", "0", "nobody", "0:0"]),
    "Labels": lambda r: r.choice([{}, {"a": "b"}, {"a": "1", "A": "2"}]), "Volumes": lambda r: r.choice([{}, {"/v": {}}, {"/etc": {}}, {"v1:/x": {}}]),
    "ExposedPorts": lambda r: r.choice([{}, {"80/tcp": {}}]), "WorkingDir": lambda r: r.choice(["", "/x", "x"]),
    "Hostname": lambda r: r.choice(["", "h", "h.d", "-"]), "Tty": lambda r: r.choice([True, False]), "StopSignal": lambda r: r.choice(["", "TERM", "x"]),
    "NetworkingConfig": lambda r: r.choice([{}, None, {"EndpointsConfig": {}}, {"EndpointsConfig": {"bridge": {}}},
                                            {"EndpointsConfig": {"host": {}}}, {"EndpointsConfig": {"bridge": None}}]),
    "Healthcheck": lambda r: r.choice([None, {"Test": ["CMD", "x"]}, {"Test": ["NONE"], "Interval": 5}]),
    "ArgsEscaped": lambda r: r.choice([True, False]),
}


def document(r):
    hosts = {k: HOST[k](r) for k in r.sample(sorted(HOST), r.choice([0, 1, 1, 1, 2, 2, 3, 5]))}
    found = {"Image": r.choice(["alpine"] * 30 + ["gone", "", "alpine:latest"])}
    found.update({k: CONFIG[k](r) for k in r.sample(sorted(CONFIG), r.choice([0, 0, 0, 1, 2, 3]))})
    if hosts or r.random() < 0.3:
        found["HostConfig"] = hosts
    if r.random() < 0.02:
        found["HostConfig"] = r.choice([None, [], "x"])
    if r.random() < 0.06:  # where engines up to 26 take it, too
        key = r.choice(sorted(HOST))
        found[key] = HOST[key](r)
        if r.random() < 0.5:
            found.pop("HostConfig", None)
    return found


# ── ways to write it ───────────────────────────────────────────────────────────────────────────


def write_string(r, s, noise):
    if r.random() < noise and s:
        i = r.randrange(len(s))
        return '"' + json.dumps(s[:i])[1:-1] + f"\\u{ord(s[i]):04{r.choice('xX')}}" + json.dumps(s[i + 1:])[1:-1] + '"'
    if r.random() < noise / 6:
        return r.choice(['"x\\u0000"', '"\\ud800"', '"\udcff"', '"\\x41"', "'x'", '"\t"', f'"{s}\\u0000"' if s.isalnum() else '""'])
    return json.dumps(s, ensure_ascii=r.random() < 0.5)


def write_key(r, k, noise):
    if r.random() < noise:
        k = r.choice([k.lower(), k.upper(), k.swapcase(), k[:1].lower() + k[1:], k.replace("s", "\u017f", 1), k.replace("k", "\u212a", 1),
                      k.replace("K", "\u212a", 1), k + " ", k.replace("i", "\u0131", 1), k.replace("S", "\u017f")])
    return write_string(r, k, noise)


def write(r, v, noise):
    if noise and r.random() < noise / 2:
        return r.choice(["null", "null", "true", "0", "1e0", "-0", "1.0", '"x"', "[]", "{}", "[null]", "01", "NaN", '""', '"true"'])
    if isinstance(v, dict):
        found = Members()
        for k, sub in v.items():
            found.append((write_key(r, k, noise), write(r, sub, noise)))
            if r.random() < noise / 2:
                twin = (write_key(r, k, 0.5), write(r, sub, 0.3))
                found.insert(r.randrange(len(found) + 1), twin)
        if r.random() < noise / 2:
            found.append((json.dumps(r.choice(["x", "Hostconfi", "\u017f", "Binds ", "a.b", ""])), r.choice(["1", "{}", '{"a":1,"A":2}', "[[]]"])))
        return found
    if isinstance(v, list):
        return [write(r, x, noise) for x in v]
    if isinstance(v, str):
        return write_string(r, v, noise)
    return json.dumps(v)


def body(r, places):
    """places: what stands for F and S in paths."""
    text = json.dumps(document(r)).replace("F/", places["F"] + "/").replace('"F"', json.dumps(places["F"]))
    text = text.replace('"S/', f'"{places["S"]}/').replace('"S"', json.dumps(places["S"])).replace('"S:', f'"{places["S"]}:')
    noise = r.choice([0, 0, 0.02, 0.05, 0.12])
    tree = write(r, json.loads(text.replace('"F:', f'"{places["F"]}:')), noise)
    found = Body(tree)
    if r.random() < noise and isinstance(tree, Members):
        n = r.choice(DEEP)
        tree.append(('"Deep"', "[" * n + "]" * n))
    if r.random() < noise:
        found.after = r.choice([" ", "\n", "{}", "x", "\x00", ",", "}", '{"HostConfig":{"PidMode":"host"}}', "\ufeff", "//", "null"])
    if r.random() < noise / 2:
        found.before = r.choice([" ", "\n\t", "\ufeff", "\x00", "{}", "[", "/**/"])
    return found
