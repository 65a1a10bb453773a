// HTML from templates: what is put in is text, unless it comes from a template itself.

class Html {
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

export function html(strings, ...values) {
  return new Html(String.raw({ raw: strings }, ...values.map(textOf)));
}

/** Text that is HTML already, such as a style sheet. */
export function raw(text) {
  return new Html(text);
}

function textOf(value) {
  if (Array.isArray(value)) return value.map(textOf).join("");
  if (value instanceof Html) return value.text;
  return `${value ?? ""}`.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
