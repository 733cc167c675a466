# SPDX-License-Identifier: Apache-2.0
"""Point 9: build steps are containers like any other, with both builders of the engine."""

import os
import subprocess

import pytest

import support
from support import RANGE, id_map, read

BUILDERS = pytest.mark.parametrize("buildkit", [True, False], ids=["BuildKit", "classic"])
LIST = "find / \\( -path /proc -o -path /sys -o -path /dev \\) -prune -o -exec stat -c '%n %u:%g %a %F' {} + | sort"


def shown(done, word):
    """What build steps printed in lines that begin with a word."""
    return [line.split(word + " ", 1)[1] for line in done.text.splitlines() if word + " " in line and "RUN" not in line]


@BUILDERS
def test_steps_are_caged(instance, buildkit):
    done = instance.build("FROM probe\nRUN sed 's/^/MAP /' /proc/self/uid_map /proc/self/gid_map\n"
                          "RUN /probe settime -- modload -- loop -- write /proc/sys/kernel/core_pattern | sed 's/^/PROBE /'\n"
                          "RUN grep CapEff /proc/self/status | sed 's/^/CAP /'\n", buildkit=buildkit)
    for line in id_map("\n".join(shown(done, "MAP"))):
        assert line[0] == 0 and line[1] >= 100000 and line[2] == RANGE
    assert len(shown(done, "MAP")) == 2
    assert len(shown(done, "PROBE")) == 4 and "OK" not in shown(done, "PROBE")
    assert len(shown(done, "CAP")) == 1


@BUILDERS
def test_steps_of_one_build_and_a_container_differ(instance, buildkit):
    c = instance.start()
    done = instance.build("FROM alpine\nRUN sed 's/^/MAP /' /proc/self/uid_map\n", buildkit=buildkit)
    base = int(shown(done, "MAP")[0].split()[1])
    assert not support.overlaps((base, RANGE), (c.base(), RANGE))


DOCKERFILE = """
FROM probe AS first
RUN adduser -D -u 1234 builder && mkdir /out && chown builder /out
USER builder
RUN id -u >/out/who; touch /out/of-builder; mkdir -m 750 /out/d; ln -s who /out/link
USER root
RUN chown 1000:1001 /out/d; cp /bin/busybox /out/suid; chmod 4755 /out/suid; cp -a /busybox-capped /out/capped
COPY --chown=77:78 file /out/copied
COPY dir /out/dir
ADD --chown=5 file /out/added
RUN rm -rf /srv && mkdir /srv && mv /home/dev /home/moved && rm /etc/nsswitch.conf && chown 3:4 /etc/shells
FROM alpine
COPY --from=first /out /out
COPY --from=first --chown=9:9 /out/who /nine
ENV A=b
WORKDIR /work/dir
RUN touch here; echo $A >/env
VOLUME /work/dir
CMD ["cat", "/out/who"]
"""
FILES = {"file": "content\n", "dir/a": "a", "dir/b/c": "c"}


@BUILDERS
def test_result_is_the_same_as_with_crun(same, buildkit):
    def go(engine):
        engine.build(DOCKERFILE, files=FILES, buildkit=buildkit, tag="result")
        listed = engine.run("-h", "h", image="result", cmd=LIST).lines
        return listed, engine.run("-u", "1000", image="result", cmd="busybox-capped true 2>/dev/null; cat /out/who /env; pwd").lines, \
            engine.docker("run", "--rm", "result").out

    listed, said, default = same(go)
    assert "/out/copied 77:78 644 regular file" in listed and "/out/suid 0:0 4755 regular file" in listed
    assert "/out/of-builder 1234:1234 644 regular empty file" in listed
    assert said == ["1234", "b", "/work/dir"] and default == "1234"


@BUILDERS
def test_debian_packages_scripts(same, buildkit):
    """What package managers do: chown, setuid, capabilities, groups, in a step of Debian."""
    text = ("FROM debian\nRUN groupadd -g 2000 team && useradd -u 2000 -g team -m worker && setcap cap_net_bind_service+ep /bin/true "
            "&& install -o worker -g team -m 2770 -d /srv/app && passwd -l worker >/dev/null\n"
            "USER worker\nRUN touch /srv/app/f && id >/srv/app/id\n")

    def go(engine):
        engine.build(text, buildkit=buildkit, tag="packages")
        return engine.run("-u", "0", image="packages", cmd="getcap /bin/true; stat -c '%n %U:%G %a' /srv/app /srv/app/f; cat /srv/app/id").lines

    assert "/srv/app/f worker:team 644" in same(go)


@BUILDERS
def test_failing_step(same, buildkit):
    def go(engine):
        done = engine.build("FROM alpine\nRUN echo before; exit 9\n", buildkit=buildkit, check=False)
        return done.rc != 0, "exit code: 9" in done.text or "returned a non-zero code: 9" in done.text

    assert same(go) == (True, True)


@BUILDERS
def test_build_arguments_and_hosts(same, buildkit):
    def go(engine):
        done = engine.build("FROM alpine\nARG A=none\nRUN echo OUT $A; grep somewhere /etc/hosts | sed 's/^/OUT /'; hostname >/dev/null; "
                            "echo OUT $(stat -c %u:%g /etc/hosts /etc/resolv.conf)\n", "--build-arg", "A=given", "--add-host",
                            "somewhere:10.1.2.3", buildkit=buildkit)
        return [" ".join(line.split()) for line in shown(done, "OUT")]

    assert same(go)[0] == "given"


@BUILDERS
def test_cache_is_used(same, buildkit):
    """The second build of the same context runs no step."""
    def go(engine):
        engine.need("alpine")
        with support.host_folder() as context:
            support.write(f"{context}/Dockerfile", "FROM alpine\nCOPY f /f\nRUN date +%N >/stamp\n")
            support.write(f"{context}/f", "x")
            stamps = []
            for _ in range(2):
                engine.docker("build", "-t", "cached", context, env={"DOCKER_BUILDKIT": "1" if buildkit else "0"})
                stamps.append(engine.run(image="cached", cmd="cat /stamp").out)
        return stamps[0] == stamps[1]

    assert same(go)


# ── BuildKit's mounts ──────────────────────────────────────────────────────────────────────────────


def test_cache_mount(same):
    text = """
FROM alpine
RUN --mount=type=cache,target=/cache,id=ID touch /cache/of-root && mkdir -p /cache/d && chown 1000:1001 /cache/d && stat -c 'ST %u:%g %a' /cache
RUN --mount=type=cache,target=/cache,id=ID stat -c 'ST %n %u:%g' /cache/of-root /cache/d && touch /cache/d/more
RUN ls -A /cache | wc -l | sed 's/^/ST left /'
"""
    other = "FROM alpine\nRUN --mount=type=cache,target=/c,id=ID ls /c/d | sed 's/^/ST /'\n"

    def go(engine):
        return sorted(shown(engine.build(text, fresh=False), "ST")), shown(engine.build(other, fresh=False), "ST")

    assert same(go) == (["/cache/d 1000:1001", "/cache/of-root 0:0", "0:0 755", "left 0"], ["more"])


def test_cache_mount_of_a_user(same):
    text = ("FROM alpine\nRUN adduser -D -u 1000 dev\nUSER dev\n"
            "RUN --mount=type=cache,target=/c,uid=1000,gid=1000,mode=0700 echo x >/c/f && stat -c 'ST %u:%g %a' /c /c/f\n")
    assert same(lambda e: shown(e.build(text), "ST")) == ["1000:1000 700", "1000:1000 644"]


def test_secret_mount(same):
    text = ("FROM alpine\nRUN --mount=type=secret,id=token stat -c 'ST %u:%g %a' /run/secrets/token && sed 's/^/ST /' /run/secrets/token\n"
            "RUN --mount=type=secret,id=token,target=/t,uid=1000,mode=0400 stat -c 'ST %u:%g %a' /t\n"
            "RUN ls /run/secrets 2>/dev/null | wc -l | sed 's/^/ST left /'\n")

    def go(engine):
        with support.host_folder() as folder:
            support.write(f"{folder}/token", "very secret\n")
            done = engine.build(text, "--secret", f"id=token,src={folder}/token", tag="secret")
        left = engine.run(image="secret", cmd="find / -xdev -type f -exec grep -l 'very secret' {} + 2>/dev/null; true").out
        return shown(done, "ST"), left

    lines, left = same(go)
    assert "very secret" in lines and left == ""


def test_bind_mount_of_the_context_and_of_a_stage(same):
    text = """
FROM probe AS tools
RUN mkdir /tools && echo tool >/tools/t && chown 1000:1001 /tools/t && chmod 600 /tools/t
FROM alpine
RUN --mount=type=bind,target=/ctx sed 's/^/ST /' /ctx/file; stat -c 'ST %u:%g' /ctx/file; touch /ctx/new 2>/dev/null || echo ST refused
RUN --mount=type=bind,from=tools,source=/tools,target=/t stat -c 'ST %u:%g %a' /t /t/t; cat /t/t | sed 's/^/ST /'; touch /t/new 2>/dev/null || echo ST refused
RUN --mount=type=bind,from=tools,source=/,target=/t,rw touch /t/new && stat -c 'ST %u:%g' /t/new /t/home/dev/file
RUN --mount=type=bind,from=tools,target=/t ls /t/new 2>/dev/null | wc -l | sed 's/^/ST kept /'
"""
    lines = same(lambda e: shown(e.build(text, files={"file": "content"}), "ST"))
    assert lines.count("refused") == 2 and "1000:1001 600" in lines and "tool" in lines and "kept 0" in lines


def test_tmpfs_mount(same):
    text = ("FROM alpine\nRUN --mount=type=tmpfs,target=/t touch /t/f && stat -c 'ST %u:%g' /t /t/f && grep -c ' /t tmpfs ' /proc/mounts | "
            "sed 's/^/ST /'\nRUN ls -A /t | wc -l | sed 's/^/ST left /'\n")
    assert same(lambda e: shown(e.build(text), "ST")) == ["0:0", "0:0", "1", "left 0"]


def test_ssh_mount(same):
    """A socket of an agent forwarded to a step."""
    text = ("FROM alpine\nRUN --mount=type=ssh test -S \"$SSH_AUTH_SOCK\" && stat -c 'ST %u:%g %a' \"$SSH_AUTH_SOCK\"\n"
            "RUN --mount=type=ssh,uid=1000 stat -c 'ST %u' \"$SSH_AUTH_SOCK\"\n")
    if not support.shutil.which("ssh-agent"):
        pytest.skip("no ssh-agent on this host")

    def go(engine):
        with support.host_folder() as folder:
            agent = subprocess.Popen(["ssh-agent", "-D", "-a", f"{folder}/a"], stdout=subprocess.DEVNULL)
            try:
                support.wait_until(lambda: os.path.exists(f"{folder}/a"))
                return shown(engine.build(text, "--ssh", f"default={folder}/a"), "ST")
            finally:
                agent.terminate()
                agent.wait()

    assert same(go) == ["0:0 600", "1000"]


def test_read_only_bind_of_a_step_is_locked(instance):
    """A step of a build may not write through its read-only mounts."""
    text = ("FROM probe\nRUN --mount=type=bind,target=/ctx /probe write /ctx -- remount /ctx -- setattr /ctx -- umount /ctx | "
            "sed 's/^/ST /'\n")
    lines = shown(instance.build(text, files={"file": "content"}), "ST")
    assert len(lines) == 4 and "OK" not in lines


def test_privileged_steps_are_not_given(instance):
    """--security=insecure needs an entitlement; without it the step fails, with it the step is caged."""
    done = instance.build("FROM alpine\nRUN --security=insecure cat /proc/self/uid_map\n", check=False)
    assert "4294967295" not in done.text


@BUILDERS
def test_step_cannot_reach_a_host_path(instance, buildkit):
    """There is no -v in a build; links of the context and of the image stay inside."""
    text = ("FROM alpine\nRUN ln -s /etc /link && ln -s /proc/self/root/etc /proc-link\n"
            "RUN head -1 /link/passwd | sed 's/^/ST /'; head -1 /proc-link/passwd | sed 's/^/ST /'\nCOPY file /link/gabion-e2e-build\n")
    done = instance.build(text, files={"file": "x"}, buildkit=buildkit)
    assert shown(done, "ST") == ["root:x:0:0:root:/root:/bin/sh"] * 2
    assert not os.path.exists("/etc/gabion-e2e-build")


@pytest.mark.gate
@BUILDERS
def test_build_of_a_user(instance, user, buildkit):
    done = instance.build("FROM alpine\nRUN sed 's/^/MAP /' /proc/self/uid_map\n", user=user, buildkit=buildkit)
    assert shown(done, "MAP")[0].split()[2] == str(RANGE)


@pytest.mark.long
def test_builder_in_a_container(instance):
    """A whole engine in a privileged container, which builds and runs. buildx's docker-container driver is the same
    with moby/buildkit as the image, which no registry is here for; dockerd has that BuildKit in it."""
    instance.need("alpine", "dind")
    c = instance.start("--privileged", "-v", "dind:/var/lib/docker", image="dind",
                       cmd=("dockerd", "--iptables=false", "--bridge=none"))
    support.wait_until(lambda: c.exec("docker", "version", check=False).rc == 0, 60, "an engine in a container")
    assert c.exec("docker", "info", "-f", "{{.Driver}}").out == "overlay2"
    with open(f"{support.CACHE}/images/alpine.tar", "rb") as f:
        c.exec("docker", "import", "-", "alpine", input=f.read())
    c.exec("sh", "-c", "mkdir /ctx && echo data >/ctx/f")
    c.exec("sh", "-c", "cat >/ctx/Dockerfile", input=b"FROM alpine\nCOPY f /f\nRUN --mount=type=cache,target=/c cat /f "
           b"/proc/self/uid_map >/map; touch /c/x; cat /proc/net/dev | wc -l >/links\n")
    for network in ("none", "host"):  # host: the builder's own
        done = c.exec("env", "DOCKER_BUILDKIT=1", "docker", "build", "--network", network, "--no-cache", "-t", "x", "/ctx", check=False, timeout=120)
        assert done.rc == 0, done
    data, ids = c.exec("docker", "run", "--rm", "--network", "none", "--privileged", "x", "cat", "/map").lines
    assert data == "data" and ids.split()[1] == str(c.base())
    c.remove()


def test_nothing_is_left_of_builds(instance):
    before = {line.split()[4] for line in instance.mounts()}
    for buildkit in (True, False):
        instance.build("FROM alpine\nRUN true\n", buildkit=buildkit)
        instance.build("FROM alpine\nRUN false\n", buildkit=buildkit, check=False)
    support.wait_until(lambda: {line.split()[4] for line in instance.mounts()} <= before)
    assert read(f"/proc/{instance.dockerd()}/status")
