// One message: what was said, by whom, and what has become of it.

import { TYPES } from "../picture.js";
import { avatar, button, element, nameElement, unseen } from "./dom.js";
import { clock, duration, size, time } from "./format.js";

/** How much of a text is shown. */
const MAX_SHOWN = 4000;

/**
 * The row of a message. `isFollowing` is one that follows another of the same person at once, so that it need not say who
 * speaks.
 */
export class MessageRow {
  #chat;
  #message;
  #retry;
  #names = [];
  #receipt;
  #pictureUrl;

  constructor(chat, message, { isFollowing, retry }) {
    this.#chat = chat;
    this.#message = message;
    this.#retry = retry;
    this.element = message.kind === "event" ? this.#event() : this.#said(isFollowing);
    if (message.receipt) this.update();
  }

  /** Shows what has changed: the receipt. */
  update() {
    if (!this.#receipt) return;
    const { receipt } = this.#message;
    this.#receipt.dataset.state = receipt.state;
    this.#receipt.replaceChildren(...receiptParts(receipt, () => this.#retry(this.#message)));
  }

  /** Shows the name its author has now. */
  rename() {
    for (const shown of this.#names) shown.textContent = this.#chat.nameOf(this.#message.author);
  }

  /** It will not be shown again. */
  remove() {
    this.element.remove();
    if (this.#pictureUrl) URL.revokeObjectURL(this.#pictureUrl);
  }

  #event() {
    const { author, text, at } = this.#message;
    return element("li", { class: "event" }, author && this.#name(), author && " ", text, " ", timeElement(at));
  }

  #said(isFollowing) {
    const { isMine, author, at } = this.#message;
    // When one's own was sent, its receipt says.
    const head = isMine ? unseen("You") : element("p", { class: "by" }, this.#name(), " ", timeElement(at));
    if (isMine) this.#receipt = element("p", { class: "receipt", "aria-live": "off" });
    const classes = ["message", isMine && "mine", isFollowing && "following"].filter(Boolean).join(" ");
    return element(
      "li",
      { class: classes },
      !isMine && avatar(author, this.#chat.nameOf(author)),
      element("div", { class: "body" }, head, this.#content(), this.#receipt),
    );
  }

  #content() {
    const { text, picture } = this.#message;
    return picture ? this.#picture(picture) : element("p", { class: "text", dir: "auto" }, shownText(text));
  }

  #picture({ name, type, data }) {
    const label = shownText(name);
    const blob = pictureBlob(type, data);
    if (!blob) return element("p", { class: "text" }, `${label}: not a picture`);
    this.#pictureUrl = URL.createObjectURL(blob);
    const onerror = () => image.replaceWith("This picture cannot be shown.");
    const image = element("img", { src: this.#pictureUrl, alt: `Picture ${label}`, onerror });
    const save = element("a", { href: this.#pictureUrl, download: label }, "Save", unseen(` ${label}`));
    const caption = element("figcaption", {}, element("bdi", {}, label), element("span", {}, size(blob.size)), save);
    return element(
      "figure",
      {},
      element("a", { href: this.#pictureUrl, target: "_blank", rel: "noopener", class: "open" }, image),
      caption,
    );
  }

  #name() {
    const shown = nameElement(this.#chat.nameOf(this.#message.author));
    this.#names.push(shown);
    return shown;
  }
}

function timeElement(at) {
  const date = new Date(at);
  return Number.isNaN(date.getTime())
    ? ""
    : element("time", { datetime: date.toISOString(), title: clock(date) }, time(date));
}

/** What other clients send may be any value. */
function shownText(value) {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)} … (${text.length - MAX_SHOWN} more characters)` : text;
}

function pictureBlob(type, data) {
  const isData = data instanceof ArrayBuffer || ArrayBuffer.isView(data);
  return TYPES.includes(type) && isData ? new Blob([data], { type }) : null;
}

function receiptParts(receipt, retry) {
  switch (receipt.state) {
    case "queued":
      return ["Waiting for the connection"];
    case "sending":
      return ["Sending …"];
    case "delivered":
      return [`Delivered ${clock(receipt.at)}`, element("span", { class: "took" }, ` in ${duration(receipt.took)}`)];
    default:
      return [`Not delivered: ${receipt.reason} `, button("Try again", retry)];
  }
}
