// Who is here: how many, by which transport, and under which name.

import { cleanName } from "../identity.js";
import { avatar, byId, element, nameElement, setText, unseen } from "./dom.js";

export function showPeople(chat, socket, identity) {
  const list = byId("people-list");
  const field = byId("name");
  const toggle = byId("show-people");

  toggle.addEventListener("click", () => {
    toggle.setAttribute("aria-expanded", String(toggle.getAttribute("aria-expanded") !== "true"));
  });

  byId("rename").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = cleanName(field.value);
    field.value = name || (chat.myName ?? "");
    if (!name || name === chat.myName) return;
    identity.name = name;
    // Where there is no connection, the next one says it.
    if (socket.connected) socket.emit("rename", name);
  });
  field.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") field.value = chat.myName ?? "";
  });

  chat.addEventListener("people", () => {
    const count = chat.me ? String(chat.count) : "–";
    document.querySelectorAll(".people-count").forEach((target) => setText(target, count));
    const [me, others] = [
      chat.people.filter(({ id }) => id === chat.me),
      chat.people.filter(({ id }) => id !== chat.me),
    ];
    list.replaceChildren(...[...me, ...others].map((person) => personElement(person, chat.me)), ...more(chat));
    if (document.activeElement !== field) field.value = chat.myName ?? identity.name ?? "";
  });
}

function personElement({ id, name, transport }, me) {
  return element(
    "li",
    { class: id === me && "me" },
    avatar(id, name),
    nameElement(name),
    id === me && element("span", { class: "you" }, "you"),
    transportElement(transport),
  );
}

function transportElement(transport) {
  const isUpgraded = transport === "websocket";
  const short = element("span", { "aria-hidden": "true" }, isUpgraded ? "WS" : "polling");
  return element(
    "span",
    { class: "transport", "data-transport": transport },
    short,
    unseen(isUpgraded ? "by WebSocket" : "by long-polling"),
  );
}

/** Those who are here but not listed. */
function more({ people, count }) {
  return count > people.length ? [element("li", { class: "more" }, `and ${count - people.length} more`)] : [];
}
