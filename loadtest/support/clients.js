// Clients whose times are measured, and whose failures are counted.

import { now } from "../lib/clock.js";
import { connect as open } from "../lib/socketio.js";
import { ackTime, connectTime, connected, disconnected, errors, failed } from "./metrics.js";
import { text } from "./settings.js";
import { within } from "./wait.js";

/** All clients join this namespace; that of the testbed which asks for a token is `/admin`, and the token is `secret`. */
const NAMESPACE = text("NAMESPACE", "/");
const TOKEN = text("TOKEN", "");

/** Connects, has `body` use the socket, and closes it, whatever happens. */
export async function visit(server, options, body) {
  const socket = await attempt(() => connect(server, options));
  if (!socket) {
    return;
  }
  try {
    await body(socket);
  } catch (error) {
    failed(error.message);
  } finally {
    socket.close();
    disconnected.add(1);
  }
}

/** Emits and waits for the acknowledgement: its arguments, or nothing where it does not come. */
export function ask(socket, event, ...args) {
  return attempt(async () => {
    const begun = now();
    const answer = await within(`acknowledgement of ${event}`, socket.ask(event, ...args));
    ackTime.add(now() - begun);
    return answer;
  });
}

async function connect(server, options) {
  const begun = now();
  const auth = TOKEN ? { token: TOKEN } : undefined;
  const opening = open(server, { namespace: NAMESPACE, auth, ...options });
  const socket = await within(`connecting to ${server}`, opening);
  connectTime.add(now() - begun);
  connected.add(1);
  socket.ondisconnect = (reason) => failed(`disconnected: ${reason}`);
  return socket;
}

async function attempt(action) {
  try {
    const result = await action();
    errors.add(false);
    return result;
  } catch (error) {
    failed(error.message);
    return undefined;
  }
}
