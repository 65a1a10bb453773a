// Keeping the end of a list in sight, for as long as its reader is there.

/** So near the end, a reader wants to see what comes. */
const NEAR_END_PX = 48;

/**
 * Follows the end of what grows in `box`. It is moved there once for each picture on the screen, however much has come.
 *
 * `onchange` is told whenever the reader has moved.
 */
export class EndKeeper {
  #box;
  #isAtEnd = true;
  /** The height that the reader has seen: what has come since does not mean that they have left the end. */
  #seenHeight = 0;

  constructor(box, content, onchange = () => {}) {
    this.#box = box;
    box.addEventListener("scroll", () => {
      const height = Math.min(this.#seenHeight, box.scrollHeight);
      this.#setAtEnd(height - box.scrollTop - box.clientHeight < NEAR_END_PX);
      onchange();
    });
    const resized = new ResizeObserver(() => {
      if (this.#isAtEnd) this.goToEnd();
      this.#seenHeight = box.scrollHeight;
    });
    resized.observe(box);
    resized.observe(content);
  }

  get isAtEnd() {
    return this.#isAtEnd;
  }

  goToEnd() {
    this.follow();
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** What comes next shall be seen. */
  follow() {
    this.#setAtEnd(true);
  }

  #setAtEnd(isAtEnd) {
    this.#isAtEnd = isAtEnd;
    // When old rows go, a reader in the middle keeps their place; at the end, nothing but the end counts.
    this.#box.style.overflowAnchor = isAtEnd ? "none" : "auto";
  }
}
