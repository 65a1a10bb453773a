// The log of the place that is shown.

import { EVERYBODY } from "../chat.js";
import { byId, setText } from "./dom.js";
import { counted } from "./format.js";
import { MessageRow } from "./message.js";
import { EndKeeper } from "./scroll.js";

/** Messages of one person within this time are one block. */
const FOLLOWING_MS = 2 * 60_000;

export function showMessages(chat, outbox) {
  const log = byId("log");
  const list = byId("messages");
  const newest = byId("newest");
  const welcome = byId("welcome");
  const rows = new Map();
  const end = new EndKeeper(log, list, () => {
    if (end.isAtEnd) newest.hidden = true;
  });
  let last = null;

  function append(message) {
    const isFollowing = follows(message, last);
    const row = new MessageRow(chat, message, { isFollowing, retry: (message) => outbox.retry(message) });
    rows.set(message, row);
    list.append(row.element);
    last = message;
  }

  function remove(message) {
    const row = rows.get(message);
    if (!row) return;
    // What followed it begins the block now.
    row.element.nextElementSibling?.classList.remove("following");
    row.remove();
    rows.delete(message);
    if (last === message) last = null;
  }

  function showPlace() {
    rows.forEach((row) => row.remove());
    rows.clear();
    last = null;
    // Who listens hears what is new, not what was there.
    log.setAttribute("aria-busy", "true");
    chat.in(chat.place).forEach(append);
    log.removeAttribute("aria-busy");
    showWelcome();
    newest.hidden = true;
    end.goToEnd();
  }

  function showWelcome() {
    welcome.hidden = chat.place !== EVERYBODY || [...rows.keys()].some(({ kind }) => kind === "said");
  }

  chat.addEventListener("added", ({ detail: message }) => {
    if (message.room !== chat.place) return;
    append(message);
    showWelcome();
    if (message.isMine) end.follow();
    if (!end.isAtEnd && message.kind === "said") newest.hidden = false;
  });
  chat.addEventListener("changed", ({ detail: message }) => rows.get(message)?.update());
  chat.addEventListener("removed", ({ detail: message }) => remove(message));
  chat.addEventListener("people", () => rows.forEach((row) => row.rename()));
  chat.addEventListener("place", showPlace);
  showAbout(chat);

  newest.addEventListener("click", () => {
    end.goToEnd();
    byId("text").focus();
  });
}

function follows(message, last) {
  const isSame = last?.kind === "said" && message.kind === "said" && last.isMine === message.isMine;
  return isSame && (message.isMine || last.author === message.author) && message.at - last.at < FOLLOWING_MS;
}

/** Where one is, and who reads what is said there. */
function showAbout(chat) {
  function show() {
    const { place } = chat;
    const isEverybody = place === EVERYBODY;
    setText(byId("place"), isEverybody ? "Everybody" : place);
    byId("place").classList.toggle("room-name", !isEverybody);
    setText(byId("place-about"), chat.me ? aboutText(isEverybody, chat.sizeOf(place)) : "Not connected");
    byId("text").placeholder = isEverybody ? "Message everybody" : `Message #${place}`;
  }
  for (const event of ["people", "rooms", "place"]) chat.addEventListener(event, show);
  show();
}

function aboutText(isEverybody, size) {
  if (size === 0) return "";
  if (isEverybody) return `${counted(size, "person is", "people are")} here`;
  return `${counted(size, "person is", "people are")} in this room. Nobody else reads it.`;
}
