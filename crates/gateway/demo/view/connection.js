// The head of the page: the way from long-polling to WebSocket, and what the user can do to it.

import { byId, setText } from "./dom.js";
import { duration, reasonText, TRANSPORT_NAMES } from "./format.js";

const section = document.querySelector(".connection");
const story = section.querySelector(".story");

export function showConnection(connection) {
  const offline = byId("offline");
  const transports = byId("transports");
  offline.addEventListener("click", () =>
    connection.phase === "offline" ? connection.connect() : connection.disconnect(),
  );
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
  setText(stage.querySelector(".stage-time"), step ? duration(step.after) : attemptText(transport, connection));
}

/** `unused`, `pending`, `trying`, `failed`, `current`, or `passed` for a transport that was left for a better one. */
function stateOf(transport, step, { phase, transports, transport: current, upgrade }) {
  if (!transports.includes(transport)) return "unused";
  if (current === transport) return "current";
  if (step) return "passed";
  if (current) return upgrade ?? "pending";
  return phase === "connecting" && transports[0] === transport ? "trying" : "pending";
}

function attemptText(transport, { transports, transport: current, attempt }) {
  return !current && transport === transports[0] && attempt > 0 ? `attempt ${attempt}` : "";
}

/** The same for each attempt: those who listen need not hear all of them. */
function storyOf({ phase, steps, upgrade, reason }) {
  if (phase === "connected")
    return upgrade === "failed" ? `${stepsText(steps)}; no WebSocket gets through` : stepsText(steps);
  if (phase === "offline") return reason ? `Not connected: ${reasonText(reason)}.` : "You are offline.";
  return reason ? `No connection: ${reasonText(reason)}. Trying again …` : "Connecting …";
}

function stepsText([first, ...upgrades]) {
  const made = `Connected by ${TRANSPORT_NAMES[first.transport]} in ${duration(first.after)}`;
  const more = upgrades.map(
    ({ transport, after }) => `, upgraded to ${TRANSPORT_NAMES[transport]} after ${duration(after)}`,
  );
  return made + more.join("");
}
