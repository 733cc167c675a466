// SPDX-License-Identifier: Apache-2.0
// What programs do with dockerode, printed so that two runs can be compared: argv[2] is the socket, argv[3] an
// image that a registry has.
"use strict";
const { once } = require("node:events");
const { PassThrough } = require("node:stream");
const Docker = require("dockerode");
const tar = require("tar-stream");

const [, , socketPath, remote] = process.argv;
const docker = new Docker({ socketPath });

const say = (what, ...values) => console.log(what, JSON.stringify(values));

async function all(stream) {
	const parts = [];
	for await (const part of stream) parts.push(part);
	return Buffer.concat(parts);
}

// Both halves of a stream of a container without a terminal, after its end.
async function halves(stream) {
	const out = new PassThrough(), err = new PassThrough();
	docker.modem.demuxStream(stream, out, err);
	await new Promise((done) => stream.once("end", done).once("close", done));
	out.end(), err.end();
	return [String(await all(out)), String(await all(err))];
}

const follow = (stream) => new Promise((done, fail) =>
	docker.modem.followProgress(stream, (e, lines) => (e ? fail(e) : done(lines))));

function archive(files) {
	const pack = tar.pack();
	for (const [name, text] of Object.entries(files)) pack.entry({ name, uid: 7, gid: 8, mode: 0o640 }, text);
	pack.finalize();
	return all(pack);
}

async function listing(stream) {
	const extract = tar.extract(), found = [];
	extract.on("entry", (h, body, next) => { found.push([h.name, h.uid, h.gid, h.mode & 0o7777, h.size]); body.resume(); body.on("end", next); });
	stream.pipe(extract);
	await once(extract, "finish");
	return found;
}

async function exec(box, Cmd) {
	const e = await box.exec({ Cmd, AttachStdout: true, AttachStderr: true });
	const got = await halves(await e.start({}));
	let state = await e.inspect();
	for (let i = 0; state.Running && i < 600; i++) { // the output ends before the engine knows the exit code
		await new Promise((r) => setTimeout(r, 50));
		state = await e.inspect();
	}
	return [...got, state.ExitCode];
}

async function main() {
	say("ping", String(await docker.ping()), (await docker.version()).ApiVersion, (await docker.info()).Driver);

	const box = await docker.createContainer({
		Image: "alpine", name: "node-box", Hostname: "box", Labels: { node: "1" }, OpenStdin: true, StdinOnce: true,
		Cmd: ["sh", "-c", "echo started; read line; echo got $line; echo ended >&2; exit 5"],
	});
	const hijacked = await box.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true });
	const both = halves(hijacked);
	await box.start();
	say("exec", await exec(box, ["sh", "-c", "echo out; echo err >&2; exit 4"]));
	say("put", String(await all(await box.putArchive(await archive({ one: "1", two: "22" }), { path: "/tmp" }))));
	say("put stat", await exec(box, ["stat", "-c", "%n %u %g %a %s", "/tmp/one", "/tmp/two"]));
	say("get", await listing(await box.getArchive({ path: "/tmp/two" })));
	const stats = await box.stats({ stream: true });
	const [first] = await once(stats, "data");
	say("stats", Object.keys(JSON.parse(String(first).split("\n")[0])).length > 5);
	stats.destroy();
	hijacked.write("typed\n");
	hijacked.end();
	say("attach", await both);
	say("wait", await box.wait());
	say("logs", await halves(PassThrough.from(await box.logs({ stdout: true, stderr: true }))));
	say("followed", await halves(await box.logs({ stdout: true, stderr: true, follow: true })));
	say("tail", String(await box.logs({ stdout: true, stderr: false, tail: 2 })).slice(8));

	// since: the engine answers before it listens.
	const events = await docker.getEvents({ since: Math.floor(Date.now() / 1000) - 1,
		filters: { type: ["container"], event: ["create", "die"], label: ["node=2"] } });
	const [, gone] = await docker.run("alpine", ["true"], new PassThrough().resume(), { Labels: { node: "2" } });
	const seen = [];
	for await (const part of events) {
		seen.push(...String(part).trim().split("\n").map((line) => JSON.parse(line).Action));
		if (seen.length >= 2) break;
	}
	say("events", seen);
	await gone.remove();

	const context = await archive({ Dockerfile: "FROM alpine\nRUN echo built >/built\nCOPY f /f\n", f: "data" });
	const built = await follow(await docker.buildImage(PassThrough.from([context]), { t: "node-built", rm: true }));
	say("build", built.some((l) => /^Successfully built/.test(l.stream ?? "")), built.find((l) => l.error));
	const user = await docker.createContainer({ Image: "node-built", Cmd: ["cat", "/built", "/f"] });
	await user.start();
	say("built", await user.wait(), String(await user.logs({ stdout: true })).replace(/[^\x20-\x7e]/g, "."));
	await user.remove();
	await docker.getImage("node-built").remove({ force: true });

	const pulled = await follow(await docker.pull(remote));
	say("pull", pulled.at(-1).status.split(": ")[0], (await docker.getImage(remote).inspect()).RepoTags.includes(remote));
	say("distribution", (await docker.getImage(remote).distribution()).Descriptor.digest.length);
	await docker.getImage(remote).remove({ force: true });
	try {
		await follow(await docker.pull("nosuch.invalid/image:1"));
	} catch (e) {
		say("no pull", e.statusCode);
	}
	const saved = await docker.getImage("alpine").get();
	say("load", (await follow(await docker.loadImage(saved))).map((l) => l.stream));

	const net = await docker.createNetwork({ Name: "node-net", Labels: { n: "1" } });
	const vol = await docker.createVolume({ Name: "node-vol" });
	const two = await docker.createContainer({ Image: "alpine", Cmd: ["sleep", "1000"], name: "node-two",
		HostConfig: { NetworkMode: "node-net", Binds: ["node-vol:/v"], Memory: 64 << 20, Init: true } });
	await two.start();
	say("volume", await exec(two, ["sh", "-c", "echo x >/v/x && stat -c %u:%g /v/x"]));
	say("network", Object.values((await net.inspect()).Containers).map((c) => c.Name));
	const shell = await (await two.exec({ Cmd: ["sh"], AttachStdin: true, AttachStdout: true, Tty: true })).start({ hijack: true, stdin: true });
	shell.write("stty -echo; echo tty-$((6*7))\nexit\n");
	say("tty", String(await all(shell)).includes("tty-42"));
	await two.pause();
	say("paused", (await two.inspect()).State.Paused);
	await two.unpause();
	await two.remove({ force: true });
	await net.remove();
	await vol.remove();
	await box.remove();
	say("gone", (await docker.listContainers({ all: true })).length);
}

main().catch((e) => { console.error(e); process.exit(1); });
