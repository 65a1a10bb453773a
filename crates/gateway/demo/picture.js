// Pictures: which ones can be sent, and how large ones are made to fit.

/** The types that the server takes. None of them can hold a script. */
export const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** What base64 leaves of a polling body, less some room for the rest of the message. */
const SHARE_OF_PAYLOAD = 0.7;

/** How a picture that is too large is written, until it fits: its longest side in pixels and the quality. */
const ATTEMPTS = [
  [1920, 0.85],
  [1600, 0.75],
  [1200, 0.7],
  [800, 0.6],
];

/**
 * Reads a picture for sending. One that fits goes as it is, byte by byte.
 *
 * @returns {Promise<{name: string, type: string, data: ArrayBuffer, isSmaller: boolean}>}
 */
export async function readPicture(file, maxPayload) {
  if (!TYPES.includes(file.type)) throw new Error("A picture is a PNG, JPEG, GIF or WebP file.");
  const limit = Math.floor(maxPayload * SHARE_OF_PAYLOAD);
  const isSmaller = file.size > limit;
  const blob = isSmaller ? await shrink(file, limit) : file;
  return { name: file.name || "picture", type: blob.type, data: await blob.arrayBuffer(), isSmaller };
}

/** The pictures among what was pasted or dropped. */
export function picturesIn(transfer) {
  return [...(transfer?.files ?? [])].filter(({ type }) => type.startsWith("image/"));
}

/** Whether something that is dragged may be a picture: until it is dropped, a browser tells no more. */
export function holdsFiles(transfer) {
  return [...(transfer?.types ?? [])].includes("Files");
}

async function shrink(file, limit) {
  const image = await createImageBitmap(file).catch(() => {
    throw new Error("This file is not a picture.");
  });
  for (const [side, quality] of ATTEMPTS) {
    const blob = await draw(image, side, quality);
    if (blob.size <= limit) return blob;
  }
  throw new Error("This picture is too large.");
}

async function draw(image, side, quality) {
  const scale = Math.min(1, side / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
}
