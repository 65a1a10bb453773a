// Makes PNG pictures.

import { crc32, deflateSync } from "node:zlib";

/** Noise of this size, in pixels: it compresses badly, so that it is about as large as its pixels, 4 bytes each. */
export function picture(width, height) {
  const row = 1 + 4 * width;
  const pixels = Buffer.alloc(row * height);
  let random = 1;
  for (let index = 0; index < pixels.length; index += 1) {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    pixels[index] = index % row === 0 ? 0 : random >>> 24;
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(pixels)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const made = Buffer.alloc(body.length + 8);
  made.writeUInt32BE(data.length, 0);
  body.copy(made, 4);
  made.writeUInt32BE(crc32(body), body.length + 4);
  return made;
}
