// Requests whose answers come as they were sent: compressed, with all their headers.

import { request as send } from "node:http";

/**
 * @param {string} url
 * @param {{method?: string, headers?: Record<string, string>}} options
 * @returns {Promise<{status: number, headers: import("node:http").IncomingHttpHeaders, body: Buffer}>}
 */
export function request(url, { method = "GET", headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const sent = send(url, { method, headers, agent: false }, async (response) => {
      const chunks = await response.toArray();
      resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) });
    });
    sent.on("error", reject).end();
  });
}
