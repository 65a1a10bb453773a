// The connection: which transport it has, how it came to it, how it is lost and regained.

const AUTOMATIC = ["polling", "websocket"];

/** What a server takes that has not said so, in bytes. */
const DEFAULT_MAX_PAYLOAD = 1_000_000;

/** Time before a client that the server has sent away asks again. */
const RETURN_DELAY_MS = 1000;

/**
 * Tells `change` after each step, `engine` when there is a new one to watch, before anything has passed over it, and
 * `lost` and `joined` when the server cannot, or can, be talked to.
 */
export class Connection extends EventTarget {
  /** `connecting`, `connected`, `waiting` for the next attempt, or `offline` because the user wants it. */
  phase = "connecting";
  /** The transports that may be used. */
  transports = AUTOMATIC;
  /** The transport in use. */
  transport = null;
  /** What has been reached in this connection: `{transport, after}`, in milliseconds since its beginning. */
  steps = [];
  /** What is known of a WebSocket while polling works already: `trying` it, `failed`, or nothing. */
  upgrade = null;
  /** Attempts since the connection was lost. */
  attempt = 0;
  /** Why it was lost. */
  reason = null;
  maxPayload = DEFAULT_MAX_PAYLOAD;

  #began = 0;
  #lostAt = null;
  #returning;

  constructor(io, path, identity) {
    super();
    this.socket = io({
      path,
      autoConnect: false,
      transports: AUTOMATIC,
      reconnectionDelay: 500,
      reconnectionDelayMax: 3000,
      auth: (send) => send(identity.hello()),
    });
    this.#watchSocket();
  }

  get isConnected() {
    return this.phase === "connected";
  }

  connect() {
    clearTimeout(this.#returning);
    // What is left of an earlier attempt ends, so that the next begins at once.
    this.socket.disconnect();
    this.socket.io.opts.transports = this.transports;
    this.attempt = 0;
    this.#begin();
    this.socket.connect();
    this.#watchEngine();
  }

  disconnect() {
    clearTimeout(this.#returning);
    this.socket.disconnect();
    this.#lost("offline", null);
  }

  /** Connects again, with these transports. */
  use(transports) {
    this.transports = transports;
    if (this.phase !== "offline") this.connect();
    else this.#changed();
  }

  #watchSocket() {
    const { socket } = this;
    socket.on("connect", () => this.#joined());
    socket.on("disconnect", (reason) => {
      if (reason === "io client disconnect") return;
      this.#lost("waiting", reason);
      // The client comes back by itself from everything but this.
      if (reason === "io server disconnect") this.#returning = setTimeout(() => this.connect(), RETURN_DELAY_MS);
    });
    socket.on("connect_error", (error) => this.#lost(socket.active ? "waiting" : "offline", error.message));
    socket.io.on("reconnect_attempt", (attempt) => {
      this.attempt = attempt;
      this.#begin();
      // The client makes its engine right after this event.
      queueMicrotask(() => this.#watchEngine());
    });
  }

  #watchEngine() {
    const { engine } = this.socket.io;
    this.#tell("engine", engine);
    // An engine that is being left may still complete what it has begun.
    const on = (event, handle) => engine.on(event, (...args) => engine === this.socket.io.engine && handle(...args));
    on("handshake", ({ maxPayload }) => {
      this.maxPayload = maxPayload ?? DEFAULT_MAX_PAYLOAD;
    });
    on("open", () =>
      this.#reached(engine.transport.name, engine.transport.name === this.transports.at(-1) ? null : "trying"),
    );
    on("upgrade", (transport) => this.#reached(transport.name, null));
    on("upgradeError", () => {
      this.upgrade = engine.readyState === "open" ? "failed" : null;
      this.#changed();
    });
  }

  #begin() {
    this.#began = performance.now();
    this.#restart("connecting");
  }

  #reached(transport, upgrade) {
    this.transport = transport;
    this.steps = [...this.steps, { transport, after: performance.now() - this.#began }];
    this.upgrade = upgrade;
    this.#changed();
  }

  #joined() {
    const away = this.#lostAt === null ? null : performance.now() - this.#lostAt;
    this.phase = "connected";
    this.attempt = 0;
    this.reason = null;
    this.#lostAt = null;
    this.#changed();
    this.#tell("joined", { away });
  }

  #lost(phase, reason) {
    const wasConnected = this.isConnected;
    this.reason = reason;
    this.#restart(phase);
    if (!wasConnected) return;
    this.#lostAt = performance.now();
    this.#tell("lost", { reason });
  }

  #restart(phase) {
    this.phase = phase;
    this.steps = [];
    this.transport = null;
    this.upgrade = null;
    this.#changed();
  }

  #changed() {
    this.#tell("change");
  }

  #tell(event, detail) {
    this.dispatchEvent(new CustomEvent(event, { detail }));
  }
}
