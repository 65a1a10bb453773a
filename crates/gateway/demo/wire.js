// What passes over the wire: taps the client's engine and says what each packet means.

const ENGINE_TYPES = { open: "0", close: "1", ping: "2", pong: "3", message: "4", upgrade: "5", noop: "6" };

const SOCKET_TYPES = ["connect", "disconnect", "event", "ack", "connect error", "binary event", "binary ack"];

/** A Socket.IO packet: its type, number of attachments, namespace, id, and the JSON that follows. */
const SOCKET_PACKET = /^([0-6])(?:(\d+)-)?(?:(\/[^,]*),)?(\d+)?(.*)$/s;

/** The name of an event, at the head of its arguments. */
const EVENT_NAME = /^\[("(?:[^"\\]|\\.)*")/s;

/** How much is kept of the text of a packet. */
const MAX_TEXT = 600;

/** Tells `packet` with each that passes, and `transport` with the name of the one that carries those to come. */
export class Wire extends EventTarget {
  received = 0;
  sent = 0;

  tap(engine) {
    engine.on("packet", (packet) => this.#pass("in", packet));
    engine.on("packetCreate", (packet) => this.#pass("out", packet));
    engine.on("handshake", () => this.#tell("transport", engine.transport.name));
    // The client keeps the packets of an upgrade to itself, but says when they have passed.
    engine.on("upgrading", () => {
      this.#pass("out", { type: "ping", data: "probe" });
      this.#pass("in", { type: "pong", data: "probe" });
    });
    engine.on("upgrade", (transport) => {
      this.#pass("out", { type: "upgrade" });
      this.#tell("transport", transport.name);
    });
  }

  #pass(direction, packet) {
    if (direction === "in") this.received += 1;
    else this.sent += 1;
    this.#tell("packet", { direction, at: new Date(), ...describe(packet) });
  }

  #tell(event, detail) {
    this.dispatchEvent(new CustomEvent(event, { detail }));
  }
}

/**
 * What a packet is: `{kind, title, parts}`. The parts are its text, `{role, text}` each: the `engine` type, the `socket`
 * type, the `id` of an acknowledgement, and the `data`.
 */
export function describe({ type, data }) {
  if (type === "message" && typeof data !== "string") return describeBinary(data);
  const engine = { role: "engine", text: ENGINE_TYPES[type] ?? "?" };
  if (type === "message") return describeMessage(engine, data);
  const isHeartbeat = type === "ping" || type === "pong";
  const title = data === "probe" ? `${type} (probe)` : type;
  return { kind: isHeartbeat ? "heartbeat" : "control", title, parts: [engine, dataPart(data ?? "")] };
}

function describeMessage(engine, text) {
  const [, type, attachments, namespace, id, json] = SOCKET_PACKET.exec(text) ?? [];
  if (type === undefined) return { kind: "message", title: "message", parts: [engine, dataPart(text)] };
  const head = [
    { role: "socket", text: attachments === undefined ? type : `${type}${attachments}-` },
    ...(namespace ? [dataPart(`${namespace},`)] : []),
    ...(id ? [{ role: "id", text: id }] : []),
  ];
  const title = titleOf(Number(type), namespace, id, json);
  return { kind: SOCKET_TYPES[type].replace("binary ", ""), title, parts: [engine, ...head, dataPart(json)] };
}

function titleOf(type, namespace, id, json) {
  const name = SOCKET_TYPES[type];
  if (name.endsWith("ack")) return `${name} #${id}`;
  if (!name.endsWith("event")) return `${name} ${namespace ?? "/"}`;
  return `${name} ${eventName(json)}${id === undefined ? "" : `, wants ack #${id}`}`;
}

function eventName(json) {
  try {
    return JSON.parse(EVENT_NAME.exec(json)[1]);
  } catch {
    return "?";
  }
}

function describeBinary(data) {
  const bytes = data.byteLength ?? data.size ?? 0;
  return { kind: "binary", title: "attachment", bytes, parts: [{ role: "data", text: hexOf(data) }] };
}

/** The first bytes, as a hex dump shows them. */
function hexOf(data) {
  if (!(data instanceof ArrayBuffer || ArrayBuffer.isView(data))) return "";
  const bytes = new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, Math.min(data.byteLength, 16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return data.byteLength > bytes.length ? `${hex} …` : hex;
}

function dataPart(text) {
  return { role: "data", text: text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)} …` : text };
}
