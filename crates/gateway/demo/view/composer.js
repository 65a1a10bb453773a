// Where messages are written and pictures chosen, pasted and dropped.

import { MAX_WAITING } from "../outbox.js";
import { holdsFiles, picturesIn, readPicture } from "../picture.js";
import { byId, setText } from "./dom.js";
import { counted } from "./format.js";

const NOTICE_MS = 6000;

export function showComposer(chat, connection, outbox) {
  const form = byId("composer");
  const text = byId("text");
  const file = byId("file");
  const notice = noticeOf(byId("notice"));

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const message = text.value.trim();
    if (!message || !hasSpace()) return;
    outbox.sendText(chat.place, message);
    text.value = "";
    text.focus();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });

  byId("attach").addEventListener("click", () => file.click());
  file.addEventListener("change", async () => {
    const chosen = [...file.files];
    file.value = "";
    await sendPictures(chosen);
    text.focus();
  });
  document.addEventListener("paste", (event) => {
    const pictures = picturesIn(event.clipboardData);
    if (pictures.length === 0) return;
    event.preventDefault();
    sendPictures(pictures);
  });
  acceptDrops((files) => sendPictures(files));
  showBanner(chat, connection, outbox);
  if (matchMedia("(hover: hover) and (pointer: fine)").matches) text.focus();

  function hasSpace() {
    if (!outbox.hasSpace) notice(`${MAX_WAITING} messages wait already.`);
    return outbox.hasSpace;
  }

  async function sendPictures(files) {
    const { place } = chat;
    for (const file of files) {
      if (!hasSpace()) return;
      try {
        const picture = await readPicture(file, connection.maxPayload);
        if (picture.isSmaller) notice(`${picture.name} was made smaller to fit into one message.`);
        outbox.sendPicture(place, picture);
      } catch (error) {
        notice(error.message);
      }
    }
  }
}

/** Says something for some seconds. */
function noticeOf(target) {
  let timer;
  return (text) => {
    clearTimeout(timer);
    target.textContent = text;
    target.hidden = false;
    timer = setTimeout(() => {
      target.hidden = true;
    }, NOTICE_MS);
  };
}

/** Pictures may be dropped anywhere: a browser would leave the page for one that is not caught. */
function acceptDrops(send) {
  // Entering a child comes before leaving its parent, so that the depth is zero only outside.
  let depth = 0;
  const show = () => document.body.classList.toggle("dropping", depth > 0);
  document.addEventListener("dragenter", ({ dataTransfer }) => {
    if (!holdsFiles(dataTransfer)) return;
    depth += 1;
    show();
  });
  document.addEventListener("dragleave", ({ dataTransfer }) => {
    if (!holdsFiles(dataTransfer)) return;
    depth = Math.max(0, depth - 1);
    show();
  });
  document.addEventListener("dragover", (event) => holdsFiles(event.dataTransfer) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!holdsFiles(event.dataTransfer)) return;
    event.preventDefault();
    depth = 0;
    show();
    send([...event.dataTransfer.files]);
  });
}

/** What happens to messages while there is no connection. */
function showBanner(chat, connection, outbox) {
  const banner = byId("banner");
  const [says, retry] = banner.children;
  const show = () => {
    const isAway = connection.phase === "waiting" || connection.phase === "offline" || connection.attempt > 0;
    banner.hidden = !isAway;
    if (!isAway) return;
    setText(
      says,
      outbox.waiting > 0
        ? `${counted(outbox.waiting, "message waits", "messages wait")} for the connection.`
        : "No connection. What you write is sent later.",
    );
    setText(retry, connection.phase === "offline" ? "Go online" : "Try now");
  };
  retry.addEventListener("click", () => {
    connection.connect();
    byId("text").focus();
  });
  connection.addEventListener("change", show);
  chat.addEventListener("changed", show);
}
