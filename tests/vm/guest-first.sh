# SPDX-License-Identifier: Apache-2.0
# The first boot: the machine itself, plain docker, then gabion.

make_image() { # DOCKER-ARGS…: imports a busybox image as test:latest
	dir=/var/tmp/gabion-test.image
	rm -rf "$dir"
	mkdir -p "$dir/bin" "$dir/etc" "$dir/tmp" "$dir/root"
	chmod 1777 "$dir/tmp"
	cp /bin/busybox "$dir/bin/busybox"
	for applet in awk cat chown cmp echo head id ls mkdir mount sh sleep stat touch true; do
		ln -s busybox "$dir/bin/$applet"
	done
	printf 'root:x:0:0::/root:/bin/sh\nwww:x:33:33::/tmp:/bin/sh\n' >"$dir/etc/passwd"
	printf 'root:x:0:\nwww:x:33:\n' >"$dir/etc/group"
	tar -C "$dir" -c . | docker "$@" import - test:latest
}

t "cgroup v2 alone" test -e /sys/fs/cgroup/cgroup.controllers
t "AppArmor is on" grep -qx Y /sys/module/apparmor/parameters/enabled
t "docker answers" wait_for 180 docker version
t_is "docker uses the systemd driver" systemd docker info --format '{{.CgroupDriver}}'
t "docker-default is enforced" grep -q '^docker-default (enforce)' /sys/kernel/security/apparmor/profiles
t "image is imported" make_image
t_is "stock docker runs a container" hello docker run --rm test echo hello

# What the design expects of the kernel, on this stock one.
kernel_contract() {
	"./$1"
	status=$?
	grep -h SKIPPED "$OUT" >&3
	return $status
}
exec 3>"$OUT.skipped"
for test in test-*; do
	[ -x "$test" ] && t "kernel contract: $test" kernel_contract "$test"
done
exec 3>&-
sed -e 's/^/# /' "$OUT.skipped"

[ -e plain ] || . ./guest-first-gabion.sh
