// SPDX-License-Identifier: Apache-2.0
// What a test suite does with testcontainers. Its containers are left to Ryuk; argv[2] is an image to use.
"use strict";
const { GenericContainer, Network, Wait } = require("testcontainers");

const image = process.argv[2];
const say = (what, ...values) => console.log(what, JSON.stringify(values));

const SERVER = "while :; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\nhello\\n' | nc -l -p 8080; done";

async function main() {
	const network = await new Network().start();
	const server = await new GenericContainer(image)
		.withNetwork(network).withNetworkAliases("server")
		.withCopyContentToContainer([{ content: "copied", target: "/before", mode: 0o640 }])
		.withEnvironment({ KEY: "value" })
		.withCommand(["sh", "-c", `echo now ready; ${SERVER}`])
		.withExposedPorts(8080)
		.withWaitStrategy(Wait.forAll([Wait.forLogMessage("now ready"), Wait.forListeningPorts()]))
		.start();
	const answer = await fetch(`http://${server.getHost()}:${server.getMappedPort(8080)}/`);
	say("port", answer.status, await answer.text());
	say("exec", await server.exec(["sh", "-c", "cat /before; echo $KEY; exit 3"]));
	await server.copyContentToContainer([{ content: "later", target: "/after" }]);
	say("copied", (await server.exec(["cat", "/after"])).output);
	const client = await new GenericContainer(image).withNetwork(network)
		.withCommand(["sh", "-c", "echo one; echo two; sleep 1000"]).withWaitStrategy(Wait.forLogMessage(/^two/)).start();
	say("network", (await client.exec(["wget", "-q", "-O", "-", "http://server:8080/"])).output);
	const stopped = await new GenericContainer(image).withCommand(["sleep", "1000"]).start();
	await stopped.stop();
	say("left", server.getId(), client.getId(), network.getId());
	process.exit(0); // in the middle of things, as test runners do
}

main().catch((e) => { console.error(e); process.exit(1); });
