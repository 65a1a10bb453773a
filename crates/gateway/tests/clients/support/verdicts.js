// Asks Fanfare's decoder what becomes of the messages of clients, and says the same of a JavaScript parser.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const BINARY = process.env.VERDICTS_BIN ?? fileURLToPath(new URL("../../../../../target/debug/examples/verdicts", import.meta.url));

/**
 * What Fanfare makes of sessions.
 *
 * @param {"json" | "msgpack"} parser
 * @param {(string | Buffer)[][]} sessions  the messages of each session
 * @returns {object[][]}  for each session what every message has led to, up to the first error, see `verdicts.rs`
 */
export function ofFanfare(parser, sessions) {
  const encode = (message) => (typeof message === "string" ? message : { base64: message.toString("base64") });
  const lines = sessions.map((messages) => JSON.stringify({ parser, messages: messages.map(encode) }));
  const { status, stdout, stderr, error } = spawnSync(BINARY, { input: lines.join("\n"), encoding: "utf8", maxBuffer: 1 << 28 });
  if (error || status !== 0) {
    throw error ?? new Error(`verdicts exited with ${status}: ${stderr}`);
  }
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** What a JavaScript decoder makes of the messages of one session, in the same form. */
export function ofJavaScript(decoder, messages) {
  const verdicts = [];
  let decoded = null;
  decoder.on("decoded", (packet) => (decoded = packet));
  for (const message of messages) {
    try {
      decoded = null;
      decoder.add(message);
      verdicts.push(decoded && describe(decoded));
    } catch (error) {
      verdicts.push({ error: error.message });
      break;
    }
  }
  return verdicts;
}

function describe({ type, nsp, id, data }) {
  const described = { type, nsp };
  if (type === 0) {
    described.data = plain(data);
  }
  if (type === 2 || type === 3) {
    described.id = id ?? null;
    described.data = plain(data);
    if (type === 2 && typeof data?.[0] === "number") {
      described.data[0] = String(data[0]);
    }
  }
  return described;
}

/** A value as JSON, where binary data is `{"$bytes":"AQ=="}` and text well-formed. */
function plain(value) {
  if (value instanceof ArrayBuffer) {
    return plain(Buffer.from(value));
  }
  if (Buffer.isBuffer(value)) {
    return { $bytes: value.toString("base64") };
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? null : value.toISOString();
  }
  if (typeof value === "string") {
    return value.toWellFormed();
  }
  if (typeof value === "number") {
    return Number.isFinite(value) ? value + 0 : null;
  }
  if (Array.isArray(value)) {
    return Array.from(value, plain);
  }
  if (value && typeof value === "object") {
    const members = Object.keys(value).filter((key) => value[key] !== undefined);
    return Object.fromEntries(members.map((key) => [key.toWellFormed(), plain(value[key])]));
  }
  return value ?? null;
}
