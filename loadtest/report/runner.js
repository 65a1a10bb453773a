// Runs one script with k6, and makes its page.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { page } from "./page.js";
import { Recording } from "./recording.js";
import { record } from "./samples.js";

const SCRIPTS = new URL("../", import.meta.url);
const TARGET = new URL("../../target/", import.meta.url);
const INSTALLED = fileURLToPath(new URL("venv/bin/k6", TARGET));
/** The program: `K6` of the environment, the one that `make` has installed, or that of the path. */
export const K6 = process.env.K6 ?? (existsSync(INSTALLED) ? INSTALLED : "k6");

/**
 * Runs a script, such as `echo`, with settings such as `{CLIENTS: 100}`.
 *
 * @param {string} script
 * @param {Record<string, unknown>} settings
 * @param {{folder?: URL, log?: "inherit" | "pipe"}} options  where summary and page are left, and where k6 tells
 * @returns {Promise<{passed: boolean, page: URL, summary: object, log: string}>}
 */
export async function runScript(script, settings = {}, options = {}) {
  const { folder = new URL(`loadtest/${script}/`, TARGET), log = "inherit" } = options;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const [summaryFile, pageFile] = [new URL("summary.json", folder), new URL("index.html", folder)];
  const recording = new Recording();
  const { code, said } = await k6(script, { ...settings, SUMMARY: fileURLToPath(summaryFile) }, recording, log);
  if (!existsSync(summaryFile)) {
    throw new Error(`k6 ended with ${code} before ${script} was over\n${said}`);
  }
  const summary = JSON.parse(readFileSync(summaryFile, "utf8"));
  writeFileSync(pageFile, page(script, summary, recording));
  return { passed: code === 0, page: pageFile, summary, log: said };
}

async function k6(script, settings, recording, log) {
  const file = fileURLToPath(new URL(`${script}.js`, SCRIPTS));
  const values = Object.entries(settings).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  const args = ["run", "--quiet", "--no-usage-report", "--address", "", "--out", "csv=-", ...values, file];
  const env = { ...process.env, K6_CSV_TIME_FORMAT: "unix_milli" };
  const child = spawn(K6, args, { env, stdio: ["ignore", "pipe", log] });
  const said = [];
  child.stderr?.on("data", (data) => said.push(data));
  const [[code]] = await Promise.all([once(child, "close"), record(child.stdout, recording)]);
  return { code, said: Buffer.concat(said).toString() };
}
