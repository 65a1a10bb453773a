// The page: connects the chat, the connection and what is seen of them.

import { Chat, EVERYBODY } from "./chat.js";
import { Connection } from "./connection.js";
import { Identity } from "./identity.js";
import { Outbox } from "./outbox.js";
import { Wire } from "./wire.js";
import { showComposer } from "./view/composer.js";
import { showConnection, showFailure } from "./view/connection.js";
import { duration, reasonText } from "./view/format.js";
import { showMessages } from "./view/messages.js";
import { showPeople } from "./view/people.js";
import { showRooms } from "./view/rooms.js";
import { showWire } from "./view/wire.js";

const path = document.querySelector("meta[name=socket-io-path]").content;

/** The client, from the server itself; which has none if it was built without. */
async function loadClient() {
  try {
    return (await import(`${path}socket.io.esm.min.js`)).io;
  } catch {
    showFailure(`The server does not have the JavaScript client (${path}socket.io.esm.min.js).`);
    return null;
  }
}

function start(io) {
  const identity = new Identity();
  const chat = new Chat();
  const connection = new Connection(io, path, identity);
  const outbox = new Outbox(connection.socket, chat);
  const wire = new Wire();

  listen(connection, chat);
  connection.addEventListener("engine", ({ detail: engine }) => wire.tap(engine));
  chat.setJoined(identity.rooms);
  chat.addEventListener("rooms", () => {
    identity.rooms = chat.joined;
  });

  showConnection(connection);
  showPeople(chat, connection.socket, identity);
  showRooms(chat, connection.socket);
  showMessages(chat, outbox);
  showComposer(chat, connection, outbox);
  showWire(wire);
  connection.connect();
}

/** What comes from the server, into the chat. */
function listen(connection, chat) {
  const { socket } = connection;
  connection.addEventListener("joined", ({ detail: { away } }) => {
    chat.begin(socket.id);
    if (away !== null) chat.note(`Connected again after ${duration(away)}`);
  });
  connection.addEventListener("lost", ({ detail: { reason } }) => {
    chat.end();
    chat.note(reason === null ? "You went offline" : `Connection lost: ${reasonText(reason)}`);
  });
  socket.on("presence", (presence) => chat.handlePresence(presence));
  socket.on("notification", (notification) => {
    if (notification.type === "user_message") chat.add(said(notification, { text: notification.message }));
    else chat.note("has joined", notification.id);
  });
  socket.on("picture", (notification, type, data) => {
    chat.add(said(notification, { picture: { name: notification.message, type, data } }));
  });
}

function said({ id, timestamp, room, key }, content) {
  return { ...content, author: id, at: timestamp, room: room ?? EVERYBODY, key };
}

const io = await loadClient();
if (io) start(io);
