// How the page of the chat demo is served.

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, before, test } from "node:test";

import { Demo } from "../support/demo.js";

let demo;
before(async () => {
  demo = await Demo.start(["--path", "/rt/"]);
});
after(() => demo.stop());

test("the page connects at whatever path the server was given", async () => {
  const ada = await demo.visit();
  await ada.say("hello");
  await ada.hasReceipt("hello", "delivered");
  await demo.clear();
});

test("every file is served, as what it is, under a policy that lets no text become a script", async () => {
  const files = await readdir(new URL("../../../demo/", import.meta.url), { recursive: true });
  const types = {
    html: "text/html; charset=utf-8",
    css: "text/css; charset=utf-8",
    js: "text/javascript; charset=utf-8",
    svg: "image/svg+xml",
  };
  for (const file of files.filter((file) => file.includes("."))) {
    const answer = await fetch(`${demo.node.url}/${file === "index.html" ? "" : file}`);
    assert.equal(answer.status, 200, file);
    assert.equal(answer.headers.get("content-type"), types[file.split(".").at(-1)], file);
    const policy = answer.headers.get("content-security-policy");
    assert.match(policy, /default-src 'self';.*require-trusted-types-for 'script'; trusted-types 'none'/, file);
    assert.doesNotMatch(policy, /unsafe/, file);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff", file);
  }
});

test("nothing comes from elsewhere", async () => {
  const requests = [];
  await demo.visit({ prepare: (page) => page.on("request", (request) => requests.push(request.url())) });
  assert.deepEqual(
    requests.filter((url) => !url.startsWith(`${demo.node.url}/`)),
    [],
  );
  assert.ok(requests.length > 15);
  await demo.clear();
});

test("a server without the client's files is told from one that is away", async () => {
  const prepare = (page) => page.route("**/*.esm.min.js", (route) => route.fulfill({ status: 404 }));
  const ada = await demo.visit({ waits: false, prepare });
  await ada.sees(".story", "The server does not have the JavaScript client (/rt/socket.io.esm.min.js).");
  assert.match(ada.complaints.splice(0).join(), /404/);
  await demo.clear();
});
