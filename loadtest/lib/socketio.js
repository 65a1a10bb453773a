// A small Socket.IO client for k6: WebSocket and HTTP long-polling, the upgrade, namespaces, acknowledgements, binary data.
//
//     import { connect } from "./lib/socketio.js";
//
//     export default async function () {
//       const socket = await connect("http://localhost:3000", { transports: ["polling", "websocket"] });
//       socket.on("said", (text) => console.log(text));
//       const [answer] = await socket.ask("say", "hello");
//       socket.close();
//     }
//
// Everything happens on the event loop of the virtual user, whose iteration ends when all its clients are closed.

import { Client } from "./client.js";

/**
 * A session with one socket. `client` opens further namespaces, and `close` ends it.
 *
 * @param {string | string[]} servers  such as `http://localhost:3000`; of several, each request goes to the next
 * @param {{transports?: ("polling" | "websocket")[], path?: string, query?: Record<string, string>,
 *   namespace?: string, auth?: unknown, listeners?: Record<string, Function>}} options
 *   `transports` are the first and the one to move to, WebSocket unless told; for the others, see `Client.join`
 */
export async function connect(servers, { namespace, auth, listeners, ...options } = {}) {
  const client = await Client.open(servers, options);
  try {
    const socket = await client.join(namespace, auth, listeners);
    return Object.assign(socket, { client, close: () => client.close() });
  } catch (error) {
    client.close();
    throw error;
  }
}

export { Client };
