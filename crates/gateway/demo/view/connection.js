// The head of the page: the way from long-polling to WebSocket, and what the user can do to it.

import { byId, setText } from "./dom.js";
import { duration, reasonText, TRANSPORT_NAMES } from "./format.js";

const section = document.querySelector(".connection");
const story = section.querySelector(".story");

export function showConnection(connection) {
  const offline = byId("offline");
  const transports = byId("transports");
  offline.addEventListener("click", () => (connection.phase === "offline" ? connection.connect() : connection.disconnect()));
  transports.value = connection.transports.join();
  transports.addEventListener("change", () => connection.use(transports.value.split(",")));

  connection.addEventListener("change", () => {
    section.dataset.phase = connection.phase;
    section.querySelectorAll(".stage").forEach((stage) => showStage(stage, connection));
    setText(story, storyOf(connection));
    setText(offline, connection.phase === "offline" ? "Go online" : "Go offline");
  });
}

/** The page cannot do anything. */
export function showFailure(text) {
  section.dataset.phase = "offline";
  setText(story, text);
}

function showStage(stage, connection) {
  const { transport } = stage.dataset;
  const step = connection.steps.find((step) => step.transport === transport);
  stage.dataset.state = stateOf(transport, step, connection);
  setText(stage.querySelector(".stage-time"), step ? duration(step.after) : "");
}

/** `unused`, `pending`, `trying`, `current`, or `passed` for a transport that was left for a better one. */
function stateOf(transport, step, connection) {
  if (!connection.transports.includes(transport)) return "unused";
  if (connection.transport === transport) return "current";
  if (step && connection.transport) return "passed";
  if (transport === "websocket" && connection.isProbing) return "trying";
  return connection.phase === "connecting" && connection.transports[0] === transport && !connection.transport ? "trying" : "pending";
}

function storyOf({ phase, steps, attempt, reason }) {
  switch (phase) {
    case "connected":
      return stepsText(steps);
    case "offline":
      return reason ? `Not connected: ${reasonText(reason)}.` : "Offline, as you wish.";
    case "waiting":
      return `Lost: ${reasonText(reason)}. Trying again …`;
    default:
      return attempt > 0 ? `Connecting again, attempt ${attempt} …` : "Connecting …";
  }
}

function stepsText([first, ...upgrades]) {
  const made = `Connected by ${TRANSPORT_NAMES[first.transport]} in ${duration(first.after)}`;
  return upgrades.reduce((text, { transport, after }) => `${text}, upgraded to ${TRANSPORT_NAMES[transport]} after ${duration(after)}`, made);
}
