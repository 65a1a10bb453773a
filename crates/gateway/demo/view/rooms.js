// The rooms: those this page is in, which it can show and leave, and those it could join.

import { EVERYBODY } from "../chat.js";
import { cleanName } from "../identity.js";
import { byId, element, nameElement, unseen } from "./dom.js";
import { counted } from "./format.js";

export function showRooms(chat, socket) {
  const list = byId("rooms");
  const field = byId("room");

  function join(room) {
    if (!chat.joined.includes(room)) {
      chat.setJoined([...chat.joined, room]);
      // Where there is no connection, the next one says it.
      if (socket.connected) socket.emit("join", room, (answer) => answer?.error && leave(room));
    }
    chat.show(room);
    byId("text").focus();
  }

  function leave(room) {
    chat.setJoined(chat.joined.filter((joined) => joined !== room));
    if (socket.connected) socket.emit("leave", room);
    byId("text").focus();
  }

  byId("join").addEventListener("submit", (event) => {
    event.preventDefault();
    const room = cleanName(field.value.replace(/^\s*#/, ""));
    field.value = "";
    if (room) join(room);
  });

  function show() {
    const focused = focusedRoom(list);
    list.replaceChildren(
      ...[EVERYBODY, ...chat.joined].map((room) => joinedElement(chat, room, leave)),
      ...chat.otherRooms.map((room) => otherElement(chat, room, join)),
    );
    restoreFocus(list, focused);
  }
  chat.addEventListener("rooms", show);
  show();
}

function joinedElement(chat, room, leave) {
  const isShown = chat.place === room;
  const unread = chat.unread.get(room) ?? 0;
  const show = element(
    "button",
    {
      type: "button",
      class: "room",
      "data-room": room,
      "aria-current": isShown && "true",
      onclick: () => chat.show(room),
    },
    room === EVERYBODY ? "Everybody" : nameElement(room, { class: "name room-name" }),
    unread > 0 && element("span", { class: "unread" }, String(unread), unseen(" unread")),
    element("span", { class: "size" }, chat.me ? String(chat.sizeOf(room)) : "–", unseen(" here")),
  );
  const end = element(
    "button",
    { type: "button", class: "leave", "data-leave": room, title: "Leave", onclick: () => leave(room) },
    unseen(`Leave ${room}`),
  );
  return element("li", { class: isShown && "shown" }, show, room !== EVERYBODY && end);
}

function otherElement(chat, room, join) {
  const size = chat.sizeOf(room);
  const label = element("span", { class: "size" }, String(size), unseen(` ${counted(size, "person", "people")} there`));
  return element(
    "li",
    { class: "other" },
    element(
      "button",
      { type: "button", class: "room", "data-room": room, onclick: () => join(room) },
      unseen("Join "),
      nameElement(room, { class: "name room-name" }),
      label,
    ),
  );
}

/** The list is made anew whenever something in it changes; who is in it by keyboard stays where they were. */
function focusedRoom(list) {
  const focused = document.activeElement;
  return list.contains(focused) ? { ...focused.dataset } : null;
}

function restoreFocus(list, focused) {
  if (!focused) return;
  const key = "leave" in focused ? "leave" : "room";
  [...list.querySelectorAll("button")].find(({ dataset }) => dataset[key] === focused[key])?.focus();
}
