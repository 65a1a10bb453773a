// The client in k6, against a server with one of everything.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { startFeatures } from "../../../crates/gateway/tests/clients/support/fanfare.js";
import { K6 } from "../../report/runner.js";

const SCRIPT = fileURLToPath(new URL("client.js", import.meta.url));

const features = await startFeatures(["--ping-interval", "50"]);
const silent = createServer(fallSilent).listen(0, "127.0.0.1");
await once(silent, "listening");
after(async () => {
  await features.stop();
  silent.close();
});

test("the client does by every transport what it is made for", async () => {
  const servers = ["-e", `URL=${features.url}`, "-e", `SILENT=http://127.0.0.1:${silent.address().port}`];
  const { stdout, stderr } = await promisify(execFile)(K6, ["run", "--no-color", "--address", "", ...servers, SCRIPT]);
  // Thirteen cases by three transports, a server that is silent, and none.
  assert.match(stdout, /right\.*: 100\.00% 41 out of 41/, stderr);
});

/** Lets a client in, and says nothing from then on until it leaves. */
function fallSilent(request, response) {
  if (request.method === "POST") {
    request.on("data", (body) => say(ANSWERS[body])).on("end", () => response.end("ok"));
  } else if (request.url.includes("sid=")) {
    waiting = response;
    say();
  } else {
    response.end(`0${JSON.stringify(HANDSHAKE)}`);
  }
}

const HANDSHAKE = { sid: "a", upgrades: [], pingInterval: 50, pingTimeout: 100, maxPayload: 1000 };

const ANSWERS = { 40: '40{"sid":"b"}', 1: "6" };

const unsaid = [];
let waiting;

function say(...packets) {
  unsaid.push(...packets);
  if (waiting && unsaid.length > 0) {
    waiting.end(unsaid.shift());
    waiting = undefined;
  }
}
