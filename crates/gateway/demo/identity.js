// Who this page is and where: kept for as long as its tab is open, so that a reload changes neither.

const STORE = "fanfare";

/** What the server lets a name and a room have. */
export const MAX_NAME = 40;

export class Identity {
  #name;
  #rooms;

  constructor() {
    const { name, rooms } = restored();
    this.#name = typeof name === "string" ? name : null;
    this.#rooms = Array.isArray(rooms) ? rooms.filter((room) => typeof room === "string") : [];
  }

  /** What its user wants to be called; without it, the server finds a name. */
  get name() {
    return this.#name;
  }

  set name(name) {
    this.#name = name;
    this.#store();
  }

  /** The rooms it is in, in the order it joined them. */
  get rooms() {
    return this.#rooms;
  }

  set rooms(rooms) {
    this.#rooms = rooms;
    this.#store();
  }

  /** What the server is told whenever the connection is made. */
  hello() {
    return { ...(this.#name && { name: this.#name }), ...(this.#rooms.length > 0 && { rooms: this.#rooms }) };
  }

  #store() {
    try {
      sessionStorage.setItem(STORE, JSON.stringify(this.hello()));
    } catch {
      // A browser that keeps nothing: a reload begins anew.
    }
  }
}

function restored() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE)) ?? {};
  } catch {
    return {};
  }
}

/** A name or a room as the server takes it; empty if there is nothing to take. */
export function cleanName(text) {
  return [...text.replace(/\p{Cc}/gu, "").trim()].slice(0, MAX_NAME).join("").trim();
}
