// The official parsers as judges of ours: the same messages, the same verdicts, but for a few intended differences.
// The binary that is asked is built by `cargo build -p fanfare-proto --example verdicts`.

import assert from "node:assert/strict";
import { test } from "node:test";

import msgpackParser from "socket.io-msgpack-parser";
import { Decoder } from "socket.io-parser";

import { oddities } from "../support/msgpack.js";
import { Random } from "../support/random.js";
import { ofFanfare, ofJavaScript } from "../support/verdicts.js";

const SESSIONS = 2000;
const MAX_DEPTH = 128;

/** The head of a text message: `<type>[<count>-][<namespace>,]`, then an id and a payload. */
function split(text) {
  const count = "56".includes(text[0]) ? text.slice(1).split("-", 1)[0] : "";
  const rest = text.slice(count || "56".includes(text[0]) ? count.length + 2 : 1);
  const namespace = rest.startsWith("/") ? rest.split(",", 1)[0] : "/";
  const behind = rest.startsWith("/") ? rest.slice(namespace.length + 1) : rest;
  const id = behind.match(/^\d*/)[0];
  return { type: text[0], count, namespace, id, payload: behind.slice(id.length) };
}

function depth(payload) {
  let deepest = 0;
  let depth = 0;
  for (const bracket of payload.replace(/"(?:[^"\\]|\\.)*"/gs, "").match(/[[\]{}]/g) ?? []) {
    depth += "[{".includes(bracket) ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** Whether each attachment is used once, by a placeholder of exactly the two keys, written plainly. */
function usesEachAttachmentOnce({ count, payload }) {
  const used = [];
  const visit = (value) => {
    if (value && typeof value === "object") {
      if (value._placeholder === true) {
        used.push(Object.keys(value).length === 2 ? value.num : undefined);
      } else {
        Object.values(value).forEach(visit);
      }
    }
  };
  visit(JSON.parse(payload));
  const plain = payload.match(/"_placeholder"\s*:\s*true\s*,\s*"num"\s*:\s*\d+\s*\}|"num"\s*:\s*\d+\s*,\s*"_placeholder"\s*:\s*true\s*\}/g);
  const isComplete = Array.from({ length: Number(count) }, (_, number) => number).every((number) => used.includes(number));
  return isComplete && used.length === Number(count) && plain?.length === used.length;
}

/** Where the two part on purpose, see `limits.md`: stricter than JavaScript's ways with numbers, and with bounds. */
const INTENDED = {
  "a type is a digit": ({ type }) => !/^\d$/.test(type ?? ""),
  "a count of attachments is digits": ({ type, count }) => "56".includes(type) && !/^\d+$/.test(count),
  "a namespace is bounded": ({ namespace }) => Buffer.byteLength(namespace) > 255,
  "an id is digits, and white space is none": ({ payload }) => /^\s/.test(payload),
  "an id is one that JavaScript counts to": ({ id }) => Number(id) > Number.MAX_SAFE_INTEGER,
  "an event and an acknowledgement have a payload": ({ type, payload }) => "2356".includes(type) && payload === "",
  "a payload is bounded in depth": ({ payload }) => depth(payload) > MAX_DEPTH,
  "an attachment is used exactly once": (head) => "56".includes(head.type) && !usesEachAttachmentOnce(head),
  "a refusal is only for servers to send": ({ type }) => type === "4",
};

/** One message for each, so that the list stays as short as it can be. */
const EXAMPLES = [
  [""],
  ['5 1-["e",{"_placeholder":true,"num":0}]', Buffer.from([1])],
  [`0/${"n".repeat(255)},`],
  ['2 ["e"]'],
  ['29007199254740992["e"]'],
  ["2"],
  [`2["e",${"[".repeat(MAX_DEPTH)}${"]".repeat(MAX_DEPTH)}]`],
  ['51-["e"]', Buffer.from([1])],
  ["4[]"],
];

test("packets of the official parser are read and written alike", () => {
  const random = new Random(1);
  const sessions = Array.from({ length: SESSIONS }, () => random.list(4, () => random.messages()).flat());
  const verdicts = ofFanfare("json", sessions);
  sessions.forEach((messages, number) => {
    const expected = ofJavaScript(new Decoder(), messages);
    assert.deepEqual(withoutSent(verdicts[number]), expected, JSON.stringify(messages));
    const sent = verdicts[number].flatMap((verdict) => verdict?.sent ?? []).map(toBuffer);
    assert.deepEqual(sent, eventsAndAcks(messages), "written anew, they are the same");
  });
});

test("packets with mistakes in them get the same verdict", () => {
  const random = new Random(2);
  const mistaken = Array.from({ length: SESSIONS * 3 }, () => random.mistakes(random.messages()));
  const sessions = [...EXAMPLES, ...mistaken];
  const verdicts = ofFanfare("json", sessions);
  const seen = new Set();
  let equal = 0;
  sessions.forEach((messages, number) => {
    const ours = withoutSent(verdicts[number]);
    const theirs = ofJavaScript(new Decoder(), messages);
    const at = firstDifference(ours, theirs);
    if (at < 0) {
      equal += 1;
      return;
    }
    const reason = typeof messages[at] === "string" && intended(split(messages[at]));
    assert.ok(reason, `${JSON.stringify(messages)}\nours:   ${JSON.stringify(ours)}\ntheirs: ${JSON.stringify(theirs)}`);
    seen.add(reason);
  });
  assert.deepEqual([...seen].sort(), Object.keys(INTENDED).sort(), "no difference is listed that there is not");
  assert.ok(equal > mistaken.length * 0.7, `${equal} of ${sessions.length} are equal`);
});

function intended(head) {
  return Object.keys(INTENDED).find((reason) => INTENDED[reason](head));
}

/** Where the two part on purpose in MessagePack. */
const INTENDED_MSGPACK = {
  "an event has a name, and no reserved one": ({ type, data }) => type === 2 && !isEventName(data?.[0]),
  "an id is one that JavaScript counts to": ({ id }) => id !== undefined && !(Number.isSafeInteger(id) && id >= 0),
  "what the official client does not write is not guessed at": (packet, bytes) => oddities(bytes).size > 0,
};

/** Packets with a wrong field each; and with a name that is none, which only Fanfare refuses. */
const EXAMPLES_MSGPACK = [
  { type: 2, data: [null] },
  { type: 2, data: [] },
  { type: 2, data: ["disconnect"] },
  { type: 2, data: {} },
  { type: 2, data: "e" },
  { type: 2 },
  { type: "2", data: ["e"] },
  { type: 5, data: ["e"] },
  { type: -1 },
  { type: null },
  { type: 2, nsp: 1, data: ["e"] },
  { type: 2, nsp: undefined, data: ["e"] },
  { type: 2, data: ["e"], id: "1" },
  { type: 2, data: ["e"], id: null },
  { type: 2, data: ["e"], id: 0.5 },
  { type: 0, data: [] },
  { type: 0, data: null },
  { type: 0, data: "x" },
  { type: 1, data: null },
  { type: 3, data: {} },
  { type: 3, data: undefined },
];

function isEventName(name) {
  const reserved = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
  return typeof name === "number" || (typeof name === "string" && !reserved.includes(name));
}

test("packets of the MessagePack parser are read and written alike", () => {
  const random = new Random(3);
  const packets = Array.from({ length: SESSIONS }, () => random.packet());
  const sessions = packets.map((packet) => new msgpackParser.Encoder().encode(packet));
  ofFanfare("msgpack", sessions).forEach(([verdict], number) => {
    const [expected] = ofJavaScript(new msgpackParser.Decoder(), sessions[number]);
    assert.deepEqual(withoutSent([verdict]), [expected], JSON.stringify(packets[number]));
    if (verdict.sent) {
      const [sent] = ofJavaScript(new msgpackParser.Decoder(), verdict.sent.map(toBuffer));
      assert.deepEqual(sent, expected, "written anew, it is the same");
    }
  });
});

test("MessagePack with mistakes in it gets the same verdict", () => {
  const random = new Random(4);
  const sessions = EXAMPLES_MSGPACK.map((packet) => new msgpackParser.Encoder().encode({ nsp: "/", ...packet }));
  while (sessions.length < SESSIONS * 2) {
    const bytes = random.byteMistakes(new msgpackParser.Encoder().encode(random.packet())[0]);
    // An ArrayBuffer of 2^32 bytes is more than JavaScript should be asked for.
    if (!bytes.includes(0xc9)) {
      sessions.push([bytes]);
    }
  }
  const seen = new Set();
  let equal = 0;
  ofFanfare("msgpack", sessions).forEach((verdict, number) => {
    const [bytes] = sessions[number];
    const theirs = ofJavaScript(new msgpackParser.Decoder(), [bytes]);
    if (firstDifference(withoutSent(verdict), theirs) < 0) {
      equal += 1;
      return;
    }
    let packet;
    const decoder = new msgpackParser.Decoder();
    decoder.on("decoded", (decoded) => (packet = decoded));
    decoder.add(bytes);
    const reason = Object.keys(INTENDED_MSGPACK).find((reason) => INTENDED_MSGPACK[reason](packet, bytes));
    assert.ok(reason, `${bytes.toString("hex")}\nours:   ${JSON.stringify(verdict)}\ntheirs: ${JSON.stringify(theirs)}`);
    seen.add(reason);
  });
  assert.deepEqual([...seen].sort(), Object.keys(INTENDED_MSGPACK).sort(), "no difference is listed that there is not");
  assert.ok(equal > sessions.length * 0.7, `${equal} of ${sessions.length} are equal`);
});

function withoutSent(verdicts) {
  return verdicts.map((verdict) => {
    const { sent, ...rest } = verdict ?? {};
    return verdict && rest;
  });
}

/** Where two lists of verdicts part, or -1. Texts of errors may differ. */
function firstDifference(ours, theirs) {
  const same = (one, other) => {
    try {
      assert.deepEqual(one?.error ? "error" : one, other?.error ? "error" : other);
      return true;
    } catch {
      return false;
    }
  };
  const length = Math.max(ours.length, theirs.length);
  return Array.from({ length }, (_, at) => at).findIndex((at) => !same(ours[at], theirs[at]));
}

function toBuffer(message) {
  return typeof message === "string" ? message : Buffer.from(message.base64, "base64");
}

/** The messages of those packets that Fanfare writes, too; the name of an event is text there. */
function eventsAndAcks(messages) {
  let wanted = false;
  const written = messages.filter((message) => {
    wanted = typeof message === "string" ? "2356".includes(message[0]) : wanted;
    return wanted;
  });
  return written.map((message) => (typeof message === "string" ? message.replace(/^([25][^[]*\[)7(?=[,\]])/, '$1"7"') : message));
}
