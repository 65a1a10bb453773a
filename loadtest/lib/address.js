// Where requests of one session go.

export class Address {
  /** The session, once the server has named it. */
  sid;
  #servers;
  #path;
  #query;
  #requests = 0;

  /**
   * @param {string | string[]} servers  each request goes to the next one, as a load balancer would have it
   * @param {{path?: string, query?: Record<string, string>}} options
   */
  constructor(servers, { path = "/socket.io/", query = {} } = {}) {
    this.#servers = [servers].flat().map((server) => server.replace(/\/+$/, ""));
    this.#path = path;
    this.#query = query;
  }

  url(transport) {
    const server = this.#servers[this.#requests % this.#servers.length];
    this.#requests += 1;
    const query = { ...this.#query, EIO: 4, transport, ...(this.sid && { sid: this.sid }) };
    const pairs = Object.entries(query).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
    return `${server}${this.#path}?${pairs.join("&")}`;
  }
}
