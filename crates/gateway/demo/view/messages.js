// The log of the place that is shown.

import { EVERYBODY } from "../chat.js";
import { byId, setText } from "./dom.js";
import { counted } from "./format.js";
import { MessageRow } from "./message.js";

/** Messages of one person within this time are one block. */
const FOLLOWING_MS = 2 * 60_000;

/** So near the end, a reader wants to see what comes. */
const NEAR_END_PX = 48;

export function showMessages(chat, outbox) {
  const log = byId("log");
  const list = byId("messages");
  const newest = byId("newest");
  const welcome = byId("welcome");
  const rows = new Map();
  let last = null;
  let isAtEnd = true;

  function append(message) {
    const isFollowing = follows(message, last);
    const row = new MessageRow(chat, message, { isFollowing, retry: (message) => outbox.retry(message) });
    rows.set(message, row);
    list.append(row.element);
    last = message;
  }

  function remove(message) {
    rows.get(message)?.remove();
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
    goToEnd();
  }

  function showWelcome() {
    welcome.hidden = chat.place !== EVERYBODY || [...rows.keys()].some(({ kind }) => kind === "said");
  }

  function goToEnd() {
    isAtEnd = true;
    newest.hidden = true;
    log.scrollTop = log.scrollHeight;
  }

  chat.addEventListener("added", ({ detail: message }) => {
    if (message.room !== chat.place) return;
    append(message);
    showWelcome();
    if (message.isMine || isAtEnd) goToEnd();
    else newest.hidden = message.kind === "event" && newest.hidden;
  });
  chat.addEventListener("changed", ({ detail: message }) => rows.get(message)?.update());
  chat.addEventListener("removed", ({ detail: message }) => remove(message));
  chat.addEventListener("people", () => rows.forEach((row) => row.rename()));
  chat.addEventListener("place", showPlace);
  showAbout(chat);

  log.addEventListener("scroll", () => {
    isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
    if (isAtEnd) newest.hidden = true;
  });
  newest.addEventListener("click", () => {
    goToEnd();
    byId("text").focus();
  });
  // Pictures that load, receipts and the size of the window move the end away.
  const resized = new ResizeObserver(() => isAtEnd && goToEnd());
  resized.observe(log);
  resized.observe(list);
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
