// How well the texts of a page can be read.

/**
 * The visible texts of a page whose contrast is below a limit, as WCAG 2.2 computes it.
 *
 * @returns {Promise<{checked: number, faint: string[]}>}
 */
export function faintTexts(page, limit) {
  return page.evaluate(inPage, limit);
}

/** Runs in the page, so that it holds all it needs. */
function inPage(limit) {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  const parsed = new Map();

  /** A colour as `[red, green, blue, alpha]`, however it is written. */
  function parse(color) {
    if (!parsed.has(color)) {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
      parsed.set(color, [red, green, blue, alpha / 255]);
    }
    return parsed.get(color);
  }

  function over([red, green, blue, alpha], below) {
    return [red, green, blue].map((value, index) => value * alpha + below[index] * (1 - alpha));
  }

  function ancestors(element) {
    return element ? [...ancestors(element.parentElement), element] : [];
  }

  /** What is seen behind, and in, an element, the opacity of all around it taken into account. */
  function seen(element, color) {
    let backdrop = parse("Canvas").slice(0, 3);
    let opacity = 1;
    for (const around of ancestors(element)) {
      const style = getComputedStyle(around);
      opacity *= Number(style.opacity);
      const [red, green, blue, alpha] = parse(style.backgroundColor);
      backdrop = over([red, green, blue, alpha * opacity], backdrop);
    }
    const [red, green, blue, alpha] = parse(color);
    return { backdrop, text: over([red, green, blue, alpha * opacity], backdrop) };
  }

  function luminance(color) {
    const linear = color.map((value) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  }

  function contrast(element, color) {
    const { backdrop, text } = seen(element, color);
    const [dark, light] = [luminance(backdrop), luminance(text)].toSorted((one, other) => one - other);
    return (light + 0.05) / (dark + 0.05);
  }

  function isVisible(element) {
    return element.checkVisibility({ visibilityProperty: true }) && getComputedStyle(element).clipPath === "none";
  }

  function texts() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (walker.currentNode.data.trim() && isVisible(element)) found.push([element, getComputedStyle(element).color]);
    }
    for (const field of document.querySelectorAll("[placeholder]")) {
      if (isVisible(field)) found.push([field, getComputedStyle(field, "::placeholder").color]);
    }
    return found;
  }

  const found = texts();
  const faint = found.filter(([element, color]) => contrast(element, color) < limit);
  const name = ([element, color]) =>
    `${element.tagName} ${element.className} "${element.textContent.slice(0, 30)}": ${contrast(element, color).toFixed(2)}`;
  return { checked: found.length, faint: faint.map(name) };
}
