# SPDX-License-Identifier: Apache-2.0
"""What docs/administration.md says may not be, looked for in what an engine made of a request; and which
bodies can be read in more than one way. Nothing here shares code with the gate."""

import json
import os
import re
import stat

PROTECTED = ("/ /etc /usr /bin /sbin /lib /lib32 /lib64 /libx32 /boot /proc /sys /dev /run /var/run /var/lib/docker /var/lib/containerd "
             "/var/lib/containers /var/lib/gabion /var/lib/gabion-ids /var/lib/kubelet /opt/containerd").split()
READABLE = ("/etc/localtime /etc/timezone /etc/ssl/certs /etc/ca-certificates /etc/passwd /etc/group /etc/hosts /etc/resolv.conf "
            "/usr/share/zoneinfo /usr/share/ca-certificates /usr/local/share/ca-certificates /usr/share/fonts /usr/share/icons "
            "/usr/share/themes /lib/modules /usr/src /dev/null /dev/zero /dev/full /dev/random /dev/urandom /run/user/0").split()
SOCKETS = "docker.sock engine.sock containerd.sock docker.raw.sock podman.sock buildkitd.sock crio.sock".split()
CHARACTERS = {(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (10, 229), (10, 200)}
RULE = re.compile(r"([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})")  # as engines want it, when the container starts
NAMESPACES = ("PidMode", "IpcMode", "UTSMode", "CgroupnsMode", "NetworkMode")


def within(path, above):
    return path == above or path.startswith(above.rstrip("/") + "/")


def path_forbidden(path, instance):
    real = os.path.realpath(path)
    if os.path.basename(real) in SOCKETS and (not os.path.exists(real) or stat.S_ISSOCK(os.stat(real).st_mode)):
        return f"{path} is an engine's socket"
    protected = {os.path.realpath(p) for p in PROTECTED[1:]} | {f"{instance}/{p}" for p in ("run", "etc", "lib")}
    if any(within(p, real) and p != real for p in protected):
        return f"{path} holds something protected"
    if os.path.exists(real) and any(within(real, os.path.realpath(p)) for p in READABLE):
        return None
    return f"{path} is protected" if any(within(real, p) for p in protected) else None


def node_forbidden(path):
    st = os.stat(path)
    if stat.S_ISDIR(st.st_mode):
        return next((why for top, _, names in os.walk(path) for n in names if not os.path.islink(f"{top}/{n}")
                     and (why := node_forbidden(f"{top}/{n}"))), None)
    number = (os.major(st.st_rdev), os.minor(st.st_rdev))
    if stat.S_ISBLK(st.st_mode) or (stat.S_ISCHR(st.st_mode) and number not in CHARACTERS and number[0] != 136):
        return f"{path} is a device of the host"
    return None


def rule_forbidden(rule):
    found = RULE.fullmatch(rule)
    if not found or set(found[4]) == {"m"}:
        return None
    fine = found[1] == "c" and (found[2] == "136" or f"{found[2]}:{found[3]}" in {f"{a}:{b}" for a, b in CHARACTERS})
    return None if fine else f"{rule!r} opens devices"


def socket_address(value):
    return re.match(r"[\0- ]*unix[a-z0-9+.-]*:/", value, re.I)


def listener(option):
    found = re.match(r"seccomp[=:](.*\{.*)", option, re.S)
    try:
        profile = json.loads(found[1]) if found else {}
    except ValueError:
        return False
    return any(folded(k) == "listenerpath" and v for k, v in profile.items()) if isinstance(profile, dict) else False


def forbidden(seen, volumes, instance):
    """Reasons why this container may not be. seen: the engine's inspect of it; volumes: options of its volumes."""
    host = seen["HostConfig"]
    reasons = [f"{k} is host" for k in NAMESPACES if host.get(k) == "host"]
    for m in seen["Mounts"]:
        if m["Type"] == "bind":
            reasons.append(path_forbidden(m["Source"], instance))
    for options in [*volumes, *(((m.get("VolumeOptions") or {}).get("DriverConfig") or {}).get("Options") for m in host.get("Mounts") or []
                                if ((m.get("VolumeOptions") or {}).get("DriverConfig") or {}).get("Name") in (None, "", "local"))]:
        options = options or {}
        words = {w.split("=")[0] for w in options.get("o", "").split(",")}
        if any(options.get(k) for k in ("type", "o", "device")) and (options.get("type") != "tmpfs" or {"bind", "rbind"} & words):
            reasons.append(f"a volume mounts {options}")
    if not host.get("Privileged"):
        for d in host.get("Devices") or []:
            if d["PathOnHost"].startswith("/") and os.path.exists(d["PathOnHost"]):
                reasons.append(node_forbidden(d["PathOnHost"]))
        reasons += map(rule_forbidden, host.get("DeviceCgroupRules") or [])
    if host.get("DeviceRequests"):
        reasons.append("device requests")
    reasons += [f"logs go to {v}" for v in (host["LogConfig"].get("Config") or {}).values() if socket_address(v)]
    parent = [part for part in (host.get("CgroupParent") or "").split("/") if part not in ("", ".")]
    if ".." in parent or parent[:1] == ["engine"] or any(re.fullmatch("[0-9a-f]{64}", part) for part in parent):
        reasons.append("a cgroup that is not the user's")
    for option in host.get("SecurityOpt") or []:
        found = re.fullmatch(r"writable-cgroups(?:[=:](.*))?", option)
        if found and (found[1] or "1") not in ("0", "f", "F", "false", "FALSE", "False"):
            reasons.append(option)
        if listener(option):
            reasons.append("a seccomp listener")
    return [r for r in reasons if r]


# ── forms ──────────────────────────────────────────────────────────────────────────────────────

MAPS = {"labels", "tmpfs", "sysctls", "annotations", "storageopt", "config", "options", "volumes", "exposedports", "portbindings",
        "endpointsconfig"}
HOST_ONLY = {k.lower() for k in (
    "Binds Mounts VolumesFrom Runtime UsernsMode PidMode IpcMode UTSMode NetworkMode CgroupnsMode Privileged Devices CapAdd SecurityOpt "
    "Links DeviceCgroupRules DeviceRequests LogConfig CgroupParent VolumeDriver BlkioWeightDevice BlkioDeviceReadBps "
    "BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps").split()}


def folded(key):
    """ASCII letters and the two others that Go takes for some of them."""
    key = key.replace("\u017f", "s").replace("\u212a", "k")
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in key)


class Pairs(list):
    pass


UNSET = (None, False, 0, "", [], Pairs())


def walk(node, key=""):
    if isinstance(node, Pairs):
        keys = [k if folded(key) in MAPS else folded(k) for k, _ in node]
        if len(set(keys)) < len(keys):
            return "a key stands twice"
        return next((why for k, v in node if (why := walk(k) or walk(v, k))), None)
    if isinstance(node, list):
        return next((why for v in node if (why := walk(v))), None)
    if isinstance(node, str) and ("\0" in node or re.search("[\ud800-\udfff]", node)):
        return "a string has NUL or half a character"
    return None


def ambiguous(data):
    """Why the gate may refuse this form although an engine takes it, or None."""
    depth = deepest = 0
    for c in re.sub(rb'"(?:[^"\\]|\\.)*"', b"", data, flags=re.S):
        depth += (c in b"[{") - (c in b"]}")
        deepest = max(deepest, depth)
    if deepest > 64:
        return "deep"
    try:
        doc = json.loads(data.decode(), object_pairs_hook=Pairs)
    except ValueError:
        return "no document"
    why = walk(doc)
    if why or not isinstance(doc, Pairs):
        return why
    if any(folded(k) in HOST_ONLY and v not in UNSET for k, v in doc):
        return "HostConfig's members beside it"
    host = next((v for k, v in doc if folded(k) == "hostconfig"), None)
    for k, v in host if isinstance(host, Pairs) else ():
        if not isinstance(v, list):
            continue
        if folded(k) == "devices" and any(isinstance(d, Pairs) and not any(
                folded(n) == "pathonhost" and isinstance(p, str) and p.startswith("/") for n, p in d) or d is None for d in v):
            return "a device without an absolute path"
        if folded(k) == "devicecgrouprules" and not all(v):
            return "an empty rule"
    return None


def says_nothing(data):
    """Has it a member beside HostConfig that is unset, in whatever type? Engines up to 26 refuse another type than theirs (PidMode []),
    newer ones do not look; the gate leaves all of them out."""
    doc = json.loads(data.decode(), object_pairs_hook=Pairs)
    return isinstance(doc, Pairs) and any(folded(k) in HOST_ONLY and v in UNSET for k, v in doc)
