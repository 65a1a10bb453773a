// Making elements. Texts only ever become text: nothing here, or anywhere in this page, parses markup.

export function byId(id) {
  return document.getElementById(id);
}

/** An element with attributes, of which those that begin with `on` are listeners, and children. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child != null && child !== false));
  return made;
}

export function button(label, onclick, attributes = {}) {
  return element("button", { type: "button", class: "quiet", onclick, ...attributes }, label);
}

/** A name that somebody has chosen: it may be written in any direction, and turns nothing around it. */
export function nameElement(name, attributes = {}) {
  return element("bdi", { class: "name", ...attributes }, name);
}

/** Text for those who listen rather than look. */
export function unseen(text) {
  return element("span", { class: "unseen" }, text);
}

/** Sets a text, if it is another: those who listen hear changes only. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** The round sign of a person: their initial, on a colour that their id chooses. */
export function avatar(id, name) {
  const initial = [...name.trim()][0]?.toUpperCase() ?? "?";
  return element("span", { class: "avatar", "data-tint": tintOf(String(id)), "aria-hidden": "true" }, initial);
}

const TINTS = 6;

function tintOf(id) {
  let hash = 0;
  for (const character of id) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  return hash % TINTS;
}
