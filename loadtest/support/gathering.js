// How clients wait for each other, wherever they are connected: a host calls until all guests have answered, then says go.
//
// Nothing but the events of the testbed is needed. A guest that has heard a call hears what follows, too.

import { clearInterval, setInterval } from "k6/timers";

import { ask } from "./clients.js";
import { within } from "./wait.js";

const CALL_INTERVAL = 200;

/** Waits for so many guests; a `call` reaches everybody in the room, the answers come back to the host alone. */
export async function gather(socket, room, guests) {
  const present = new Set();
  await ask(socket, "join", hostOf(room));
  const complete = new Promise((resolve) => {
    socket.on("said", ({ here }) => present.add(here).size === guests && resolve());
  });
  const call = () => socket.emit("say", room, { call: true });
  const calls = setInterval(call, CALL_INTERVAL);
  try {
    await within(`gathering of ${guests} guests`, complete);
    socket.emit("say", room, { go: true });
  } finally {
    clearInterval(calls);
  }
}

/** Joins the room, and waits until all are there. The name is the guest's own; `listener` gets whatever else is said. */
export async function attend(socket, room, name, listener = () => {}) {
  const begins = new Promise((resolve) => {
    socket.on("said", (message) => {
      if (message.call) socket.emit("say", hostOf(room), { here: name });
      else if (message.go) resolve();
      else listener(message);
    });
  });
  await ask(socket, "join", room);
  await within("gathering", begins);
}

function hostOf(room) {
  return `${room}, host`;
}
