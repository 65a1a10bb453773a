// What the client can do, in k6, against the `features` example: by every transport, with a threshold on what fails.

import { Rate } from "k6/metrics";

import { Client, connect } from "../../lib/socketio.js";
import { sleep, within } from "../../support/wait.js";

const right = new Rate("right");

export const options = { iterations: 1, thresholds: { right: ["rate==1"], iterations: ["count==1"] } };

const WAYS = [["websocket"], ["polling"], ["polling", "websocket"]];

const CASES = {
  async "values come back as events and as acknowledgements"(open) {
    const socket = await open();
    for (const value of [null, true, 1.5, "", "äöü 👋 \u001e", [], {}, { a: [{ b: null }] }]) {
      const echoed = next(socket, "echo");
      socket.emit("echo", value, "more");
      same(await echoed, [value, "more"]);
      same(await socket.ask("echo", value), [value]);
    }
  },

  async "bytes come back wherever they are"(open) {
    const socket = await open();
    const bytes = (...values) => new Uint8Array(values).buffer;
    const value = { deep: [bytes(1, 2, 3), { deeper: bytes() }], text: "beside it" };
    same(await socket.ask("echo", value, new Uint8Array([0, 4, 5]).subarray(1)), [value, bytes(4, 5)]);
  },

  async "the server gets its acknowledgements"(open) {
    const socket = await open();
    socket.on("question", (text, reply) => reply(text.length, new Uint8Array([7])));
    same(await socket.ask("ask", "four"), [4, new Uint8Array([7]).buffer]);
  },

  async "acknowledgements find those who wait"(open) {
    const socket = await open();
    const numbers = Array.from({ length: 100 }, (_, index) => index);
    same(await Promise.all(numbers.map((number) => socket.ask("echo", number))), numbers.map((number) => [number]));
  },

  async "more than fits into one body is sent in several"(open) {
    const socket = await open();
    // k6 itself makes mistakes in `repeat`.
    const large = new Array(200_000).fill("€").join("");
    const answers = await Promise.all([1, 2, 3].map((number) => socket.ask("echo", number, large)));
    same(answers.map(([number, text]) => [number, text === large]), [[1, true], [2, true], [3, true]]);
  },

  async "sockets of several namespaces share a session"(open) {
    const socket = await open();
    const other = await socket.client.join("/dynamic-1");
    same(other.id !== socket.id, true);
    const echoed = next(other, "echo");
    other.emit("echo", "there");
    same(await echoed, ["there"]);
    other.disconnect();
    same(await failure(other.ask("echo")), "disconnected by the client");
    same(await socket.ask("echo", "here"), ["here"]);
  },

  async "events on joining are not missed"(open) {
    const { client } = await open();
    const welcomed = new Promise((resolve) => client.join("/dynamic-2", undefined, { welcome: resolve }));
    same(await within("welcome", welcomed), "/dynamic-2");
  },

  async "a namespace lets in and refuses"(open) {
    const socket = await open({ namespace: "/guarded", auth: { password: "open sesame" } });
    same(await socket.ask("echo", 1), [1]);
    const refused = await open({ namespace: "/guarded", auth: { password: "?" } }).catch((error) => error);
    same([refused.message, refused.data], ["wrong password", { code: 42, given: "?" }]);
  },

  async "a socket that has ended fails those who ask"(open) {
    const socket = await open();
    socket.close();
    socket.emit("echo", "to nobody");
    same(await failure(socket.ask("echo")), "closed by the client");
  },

  async "the server can send a client away"(open) {
    const socket = await open();
    const reason = new Promise((resolve) => (socket.ondisconnect = resolve));
    socket.emit("disconnect me", false);
    same(await within("the end", reason), "disconnected by the server");
  },

  async "whoever waits hears that the session has ended"(open) {
    const socket = await open();
    const ended = failure(socket.ask("never answered"));
    socket.emit("close me");
    same(typeof (await within("the end", ended)), "string");
  },

  async "what was sent before closing arrives"(open) {
    const [socket, watcher] = [await open(), await open()];
    await watcher.ask("join", ["a room"]);
    const told = next(watcher, "told");
    socket.emit("tell", { rooms: ["a room"] }, "goodbye");
    socket.close();
    same(await told, ["goodbye"]);
  },

  async "a session outlives many pings"(open, transports) {
    const socket = await open();
    await sleep(1000);
    same(await socket.ask("transport"), [transports[transports.length - 1]]);
  },
};

export default async function () {
  await Promise.all(WAYS.flatMap((transports) => Object.entries(CASES).map(([name, body]) => attempt(name, body, transports))));
  await attempt("a server that falls silent is noticed", noticeSilence, ["polling"]);
  const nowhere = await failure(Client.open("http://127.0.0.1:1", { transports: ["polling"] }));
  right.add(/connection refused/.test(nowhere));
}

async function noticeSilence(open) {
  const end = open({ server: __ENV.SILENT }).then(
    (socket) => new Promise((resolve) => (socket.ondisconnect = resolve)),
    // It may come as soon as that.
    (error) => error.message,
  );
  same(await within("the end", end), "ping timeout");
}

async function attempt(name, body, transports) {
  const sockets = [];
  const open = async ({ server = __ENV.URL, ...options } = {}) => {
    const socket = await within("connecting", connect(server, { transports, ...options }));
    sockets.push(socket);
    return socket;
  };
  try {
    await within(name, body(open, transports));
    right.add(true);
  } catch (error) {
    console.error(`${transports.join(", then ")}: ${name}: ${error.message}`);
    right.add(false);
  }
  sockets.forEach((socket) => socket.close());
}

function next(socket, event) {
  return within(event, new Promise((resolve) => socket.on(event, (...args) => resolve(args))));
}

function failure(promise) {
  return promise.then(() => "it has not failed", (error) => error.message);
}

function same(actual, expected) {
  const [left, right] = [actual, expected].map((value) => JSON.stringify(value, shown));
  if (left !== right) {
    throw new Error(`${left} is not ${right}`);
  }
}

function shown(_, value) {
  return value instanceof ArrayBuffer ? { bytes: Array.from(new Uint8Array(value)) } : value;
}
