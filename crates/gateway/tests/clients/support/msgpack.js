// What is unusual about a packet in MessagePack that JavaScript's library accepts.

const SIZES = { 0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8 };
const FIXED_EXTENSIONS = { 0xd4: 1, 0xd5: 2, 0xd6: 4, 0xd7: 8, 0xd8: 16 };
const FIELDS = ["type", "nsp", "id", "data"];

/** Walks over a packet; returns the names of what it has found. */
export function oddities(bytes) {
  const found = new Set();
  let at = 0;

  const take = (length) => bytes.subarray(at, (at += length));
  const number = (digits) => take(digits).readUIntBE(0, digits);

  function text(length) {
    const raw = take(length);
    if (!Buffer.from(raw.toString()).equals(raw)) {
      found.add("text is not UTF-8");
    }
    return raw.toString();
  }

  function extension(kind, length, isFixed) {
    take(length);
    const isKnown = kind === 0 && (!isFixed || length === 1 || length === 8);
    if (!isKnown) {
      found.add("an unknown extension");
    }
  }

  function map(length, depth) {
    const seen = new Set();
    for (; length > 0; length -= 1) {
      const key = value(depth + 1);
      if (typeof key !== "string") {
        found.add("a key is no text");
      }
      const isFloat = [0xca, 0xcb].includes(bytes[at]);
      if (depth === 0 && FIELDS.includes(key) && (seen.has(key) || isFloat)) {
        found.add("a field comes twice, or is a fraction");
      }
      seen.add(key);
      value(depth + 1);
    }
  }

  /** Passes over one value; returns it if it is text. */
  function value(depth) {
    const first = take(1)[0];
    const list = (length) => Array.from({ length }, () => value(depth + 1)).length;
    if (first in SIZES) {
      return void take(SIZES[first]);
    }
    if (first in FIXED_EXTENSIONS) {
      return extension(take(1).readInt8(), FIXED_EXTENSIONS[first], true);
    }
    switch (first) {
      case 0xc4: case 0xc5: case 0xc6:
        return void take(number(2 ** (first - 0xc4)));
      case 0xc7: case 0xc8: case 0xc9: {
        const length = number(2 ** (first - 0xc7));
        return extension(take(1).readInt8(), length, false);
      }
      case 0xd9: case 0xda: case 0xdb:
        return text(number(2 ** (first - 0xd9)));
      case 0xdc: case 0xdd:
        return list(number(2 ** (first - 0xdb)));
      case 0xde: case 0xdf:
        return map(number(2 ** (first - 0xdd)), depth);
    }
    if (first >= 0x80 && first < 0x90) {
      return map(first & 0x0f, depth);
    }
    if (first >= 0x90 && first < 0xa0) {
      return list(first & 0x0f);
    }
    return first >= 0xa0 && first < 0xc0 ? text(first & 0x1f) : undefined;
  }

  value(0);
  return found;
}
