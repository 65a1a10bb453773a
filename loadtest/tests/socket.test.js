// Socket.IO packets on the wire.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ACK, CONNECT, CONNECT_ERROR, DISCONNECT, Decoder, EVENT, encode } from "../lib/codec/socket.js";

const bytes = (...values) => new Uint8Array(values).buffer;

test("packets become messages and come back", () => {
  check({ type: CONNECT, namespace: "/" }, ["0"]);
  check({ type: CONNECT, namespace: "/admin", data: { token: "secret" } }, ['0/admin,{"token":"secret"}']);
  check({ type: DISCONNECT, namespace: "/admin" }, ["1/admin,"]);
  check({ type: EVENT, namespace: "/", data: ["hello", 1] }, ['2["hello",1]']);
  check({ type: EVENT, namespace: "/admin", id: 456, data: ["project:delete", 123] }, ['2/admin,456["project:delete",123]']);
  check({ type: ACK, namespace: "/", id: 0, data: [] }, ["30[]"]);
  check({ type: CONNECT_ERROR, namespace: "/admin", data: { message: "no" } }, ['4/admin,{"message":"no"}']);
});

test("binary data travels beside the text", () => {
  const one = '51-["hello",{"_placeholder":true,"num":0}]';
  check({ type: EVENT, namespace: "/", data: ["hello", bytes(1, 2, 3)] }, [one, bytes(1, 2, 3)]);
  const two = '62-/admin,7[[{"_placeholder":true,"num":0}],{"deep":{"_placeholder":true,"num":1}}]';
  check({ type: ACK, namespace: "/admin", id: 7, data: [[bytes(1)], { deep: bytes(2) }] }, [two, bytes(1), bytes(2)]);
});

test("a view is sent as the bytes that it shows", () => {
  const view = new Uint8Array([0, 1, 2, 3]).subarray(1, 3);
  assert.deepEqual(encode({ type: EVENT, data: ["view", view] })[1], bytes(1, 2));
});

test("a namespace may have a query, an argument may look like a head", () => {
  checkDecoded('2/a?b=c,["x"]', { type: EVENT, namespace: "/a?b=c", data: ["x"] });
  checkDecoded('2["1-/a,2[]"]', { type: EVENT, namespace: "/", data: ["1-/a,2[]"] });
  checkDecoded('2["a\\nb","\u2028"]', { type: EVENT, namespace: "/", data: ["a\nb", "\u2028"] });
});

test("the next packet begins when the attachments are complete", () => {
  const decoder = new Decoder();
  const text = '52-["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]';
  assert.equal(decoder.add(text), undefined);
  assert.equal(decoder.add(bytes(1)), undefined);
  assert.deepEqual(decoder.add(bytes(2)).data, ["a", bytes(2), bytes(1)]);
  assert.deepEqual(decoder.add('2["b"]').data, ["b"]);
});

test("what is no packet is an error", () => {
  assert.throws(() => new Decoder().add("7"), /not a Socket.IO packet/);
  assert.throws(() => new Decoder().add('2["'), SyntaxError);
  assert.throws(() => new Decoder().add(bytes(1)), /without a packet/);
  const waiting = new Decoder();
  waiting.add('51-["a",{"_placeholder":true,"num":0}]');
  assert.throws(() => waiting.add('2["b"]'), /not an attachment/);
});

function check(packet, messages) {
  assert.deepEqual(encode(packet), messages);
  assert.deepEqual(decode(messages), packet);
}

function checkDecoded(text, packet) {
  assert.deepEqual(decode([text]), packet);
}

function decode(messages) {
  const decoder = new Decoder();
  const packets = messages.map((message) => decoder.add(message));
  assert.ok(packets.slice(0, -1).every((packet) => packet === undefined));
  return packets.at(-1);
}
