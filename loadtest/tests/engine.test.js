// Engine.IO packets on the wire.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeBody, decodeFrame, encodeBody, encodeFrame, splitAt } from "../lib/codec/engine.js";

const toBase64 = (bytes) => Buffer.from(bytes).toString("base64");
const fromBase64 = (text) => new Uint8Array(Buffer.from(text, "base64")).buffer;
const bytes = (...values) => new Uint8Array(values).buffer;

test("packets become frames and come back", () => {
  checkFrame({ type: "4", data: "hello" }, "4hello");
  checkFrame({ type: "2", data: "probe" }, "2probe");
  checkFrame({ type: "3", data: "" }, "3");
  checkFrame({ type: "4", data: bytes(1, 2, 3) }, bytes(1, 2, 3));
});

test("packets share a body and come back", () => {
  checkBody([{ type: "4", data: "hello" }], "4hello");
  checkBody([{ type: "4", data: "hello" }, { type: "2", data: "" }], "4hello\x1e2");
  checkBody([{ type: "4", data: "€" }, { type: "4", data: bytes(1, 2, 3, 4) }], "4€\x1ebAQIDBA==");
});

test("what is no packet is an error", () => {
  for (const text of ["", "7", "x", "{}"]) {
    assert.throws(() => decodeFrame(text), /not an Engine.IO packet/);
    assert.throws(() => decodeBody(`4a\x1e${text}`, fromBase64), /not an Engine.IO packet/);
  }
});

test("a body holds no more bytes than are allowed", () => {
  // `4€`, the separator, `4ab` and 4 characters of base64 after `b`: 4 + 1 + 3 + 1 + 5 bytes.
  const packets = [{ type: "4", data: "€" }, { type: "4", data: "ab" }, { type: "4", data: bytes(1, 2) }];
  for (const [maxBytes, fitting] of [[14, 3], [13, 2], [8, 2], [7, 1], [4, 1], [1, 1]]) {
    assert.deepEqual(splitAt(maxBytes, packets), [packets.slice(0, fitting), packets.slice(fitting)], `${maxBytes} bytes`);
  }
});

test("the bytes of a body are counted as UTF-8", () => {
  const packets = ["a", "é", "€", "👋"].map((data) => ({ type: "4", data }));
  const size = Buffer.byteLength(encodeBody(packets, toBase64));
  assert.deepEqual(splitAt(size, packets)[1], []);
  assert.deepEqual(splitAt(size - 1, packets)[1], packets.slice(3));
});

function checkFrame(packet, frame) {
  assert.deepEqual(encodeFrame(packet), frame);
  assert.deepEqual(decodeFrame(frame), packet);
}

function checkBody(packets, body) {
  assert.equal(encodeBody(packets, toBase64), body);
  assert.deepEqual(decodeBody(body, fromBase64), packets);
}
