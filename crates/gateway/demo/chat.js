// What is known of the chat: the people, the rooms, what was said.

/** How much is kept of what was said, everywhere together. */
export const MAX_MESSAGES = 500;

/** Pictures are large: fewer of them are kept. */
export const MAX_PICTURES = 50;

/** How many names are remembered, of people who are gone too. */
const MAX_NAMES = 1000;

const KEY_BYTES = 12;

/** The conversation that everybody is in. */
export const EVERYBODY = "";

/**
 * Tells `people`, `rooms` and `place` when these have changed; `added`, `changed` and `removed` with the message that was.
 *
 * A message: `{key, room, kind, author, isMine, at, text, picture, receipt}`. Its `kind` is `said` or `event`, its `author`
 * the id of a person.
 */
export class Chat extends EventTarget {
  /** The id of this page's socket, while there is one. */
  me = null;
  people = [];
  count = 0;
  /** Where this page is, the place that it shows, and what has come elsewhere meanwhile. */
  joined = [];
  place = EVERYBODY;
  unread = new Map();
  messages = [];

  #names = new Map();
  #sizes = new Map();
  #known = new Map();
  #isFresh = true;

  /** A new connection: its first list of people is no news. */
  begin(me) {
    this.me = me;
    this.#isFresh = true;
  }

  end() {
    this.me = null;
    this.people = [];
    this.count = 0;
    this.#sizes = new Map();
    this.#tell("people");
    this.#tell("rooms");
  }

  nameOf(id) {
    return this.#names.get(id) ?? `guest ${String(id).slice(0, 4)}`;
  }

  /** The name of this page's user, once the server has told it. */
  get myName() {
    return this.people.find(({ id }) => id === this.me)?.name;
  }

  sizeOf(room) {
    return room === EVERYBODY ? this.count : (this.#sizes.get(room) ?? 0);
  }

  /** The rooms that others are in and this page is not. */
  get otherRooms() {
    return [...this.#sizes.keys()].filter((room) => !this.joined.includes(room));
  }

  /** What has been said in a place. */
  in(place) {
    return this.messages.filter(({ room }) => room === place);
  }

  handlePresence({ count, users, rooms }) {
    const before = this.people;
    this.people = users;
    this.count = count;
    this.#sizes = new Map(rooms.map(({ name, count }) => [name, count]));
    if (!this.#isFresh) this.#noteChanges(before, users.length === count);
    users.forEach(({ id, name }) => this.#remember(id, name));
    this.#isFresh = false;
    this.#tell("people");
    this.#tell("rooms");
  }

  setJoined(rooms) {
    this.joined = rooms;
    for (const room of this.unread.keys()) if (!rooms.includes(room)) this.unread.delete(room);
    if (this.place !== EVERYBODY && !rooms.includes(this.place)) this.show(EVERYBODY);
    this.#tell("rooms");
  }

  show(place) {
    this.place = place;
    this.unread.delete(place);
    this.#tell("place");
    this.#tell("rooms");
  }

  /** Adds a message, unless it is known: what was sent twice is shown once. */
  add(message) {
    const key = message.key ?? newKey();
    if (this.#known.has(key)) return this.#known.get(key);
    const added = { at: Date.now(), room: EVERYBODY, kind: "said", ...message, key };
    this.#known.set(key, added);
    this.messages.push(added);
    this.#tell("added", added);
    this.#keepBounds();
    if (added.kind === "said" && added.room !== this.place) this.#countUnread(added.room);
    return added;
  }

  /** Something that has happened, for everybody to read. */
  note(text, author = null) {
    return this.add({ kind: "event", text, author });
  }

  update(message, change) {
    Object.assign(message, change);
    this.#tell("changed", message);
  }

  #keepBounds() {
    if (this.messages.length > MAX_MESSAGES) this.#drop(this.messages[0]);
    const pictures = this.messages.filter(({ picture }) => picture);
    if (pictures.length > MAX_PICTURES) this.#drop(pictures[0]);
  }

  #drop(message) {
    this.messages.splice(this.messages.indexOf(message), 1);
    this.#known.delete(message.key);
    this.#tell("removed", message);
  }

  #countUnread(room) {
    this.unread.set(room, (this.unread.get(room) ?? 0) + 1);
    this.#tell("rooms");
  }

  /** Who has left and who has another name. A list that is not complete does not tell who has left. */
  #noteChanges(before, isComplete) {
    const now = new Map(this.people.map(({ id, name }) => [id, name]));
    for (const { id, name } of before) {
      if (!now.has(id) && isComplete) this.note(`${name} has left`);
      else if (now.has(id) && now.get(id) !== name)
        this.note(`${id === this.me ? "You are" : `${name} is`} now ${now.get(id)}`);
    }
  }

  #remember(id, name) {
    this.#names.delete(id);
    this.#names.set(id, name);
    if (this.#names.size > MAX_NAMES) this.#names.delete(this.#names.keys().next().value);
  }

  #tell(event, detail) {
    this.dispatchEvent(new CustomEvent(event, { detail }));
  }
}

/** A key that nobody else finds. (`randomUUID` is only there on pages that come by HTTPS.) */
function newKey() {
  const random = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
