// The packets as they pass.

import { byId, element, setText, unseen } from "./dom.js";
import { size, TRANSPORT_NAMES } from "./format.js";
import { EndKeeper } from "./scroll.js";

const MAX_ROWS = 200;

const CLOCK = new Intl.DateTimeFormat(undefined, { minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

/** Below this width the panel lies under the chat, and is closed at first. */
const NARROW = "(max-width: 1099px)";

export function showWire(wire) {
  const toggle = byId("wire-toggle");
  const box = byId("packets");
  const list = box.firstElementChild;
  new EndKeeper(box, list);

  function open(isOpen) {
    toggle.setAttribute("aria-expanded", String(isOpen));
    byId("wire-body").hidden = !isOpen;
    document.body.classList.toggle("wire-closed", !isOpen);
  }

  function append(row) {
    list.append(row);
    if (list.children.length > MAX_ROWS) list.firstElementChild.remove();
  }

  toggle.addEventListener("click", () => open(toggle.getAttribute("aria-expanded") !== "true"));
  wire.addEventListener("packet", ({ detail: packet }) => {
    append(packetElement(packet));
    setText(byId("wire-sent"), `${wire.sent} out`);
    setText(byId("wire-received"), `${wire.received} in`);
  });
  wire.addEventListener("transport", ({ detail: transport }) => {
    append(element("li", { class: "mark" }, `By ${TRANSPORT_NAMES[transport]} from here`));
  });
  open(!matchMedia(NARROW).matches);
}

function packetElement({ direction, at, kind, title, bytes, parts }) {
  return element(
    "li",
    { class: `packet ${direction}`, "data-kind": kind },
    element(
      "p",
      { class: "packet-head" },
      unseen(direction === "in" ? "received" : "sent"),
      element("b", {}, title),
      bytes !== undefined && element("span", {}, size(bytes)),
      element("time", {}, CLOCK.format(at)),
    ),
    element("code", {}, ...parts.map(({ role, text }) => element("span", { class: `role-${role}` }, text))),
  );
}
