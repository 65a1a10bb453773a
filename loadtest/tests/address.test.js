// Where the requests of a session go.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Address } from "../lib/address.js";

test("requests name the transport and, once there is one, the session", () => {
  const address = new Address("http://localhost:3000/");
  assert.equal(address.url("polling"), "http://localhost:3000/socket.io/?EIO=4&transport=polling");
  address.sid = "a b";
  assert.equal(address.url("websocket"), "http://localhost:3000/socket.io/?EIO=4&transport=websocket&sid=a%20b");
});

test("path and query can be others", () => {
  const address = new Address("http://localhost", { path: "/events/", query: { token: "a&b" } });
  assert.equal(address.url("polling"), "http://localhost/events/?token=a%26b&EIO=4&transport=polling");
});

test("each request goes to the next server", () => {
  const address = new Address(["http://a", "http://b"]);
  const hosts = [1, 2, 3].map(() => new URL(address.url("polling")).host);
  assert.deepEqual(hosts, ["a", "b", "a"]);
});
