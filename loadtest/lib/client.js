// Socket.IO over an Engine.IO session: namespaces, events, acknowledgements.

import { ACK, CONNECT, CONNECT_ERROR, DISCONNECT, Decoder, EVENT, encode } from "./codec/socket.js";
import { Engine } from "./engine.js";

/** A session, which sockets of several namespaces share. */
export class Client {
  #engine;
  #decoder = new Decoder();
  #sockets = new Map();

  /** Opens a session; the options are those of `Engine.open`. */
  static async open(servers, options) {
    return new Client(await Engine.open(servers, options));
  }

  constructor(engine) {
    this.#engine = engine;
    engine.onmessage = (message) => {
      const packet = this.#decoder.add(message);
      if (packet) {
        this.#sockets.get(packet.namespace)?.handlePacket(packet);
      }
    };
    engine.onclose = (reason) => this.#sockets.forEach((socket) => socket.handleClose(reason));
  }

  get engine() {
    return this.#engine;
  }

  /**
   * Joins a namespace. What the server may send at once needs its `listeners`, functions by the names of events.
   *
   * @returns {Promise<Socket>} rejected with the `message` and the `data` of a server that refuses
   */
  join(namespace = "/", auth = undefined, listeners = {}) {
    return new Promise((resolve, reject) => {
      const send = (packet) => this.#engine.send(encode({ namespace, ...packet }));
      const socket = new Socket({ send, leave: () => this.#leave(namespace), connected: resolve, refused: reject });
      Object.entries(listeners).forEach(([event, listener]) => socket.on(event, listener));
      this.#sockets.set(namespace, socket);
      send({ type: CONNECT, data: auth });
    });
  }

  /** Ends the session, and with it all its sockets. */
  close() {
    this.#sockets.forEach((socket) => socket.end("closed by the client"));
    this.#engine.close();
  }

  #leave(namespace) {
    this.#sockets.delete(namespace);
  }
}

/** What one client is in one namespace. */
export class Socket {
  id;
  /** Told why, when it is over without having been asked to end. */
  ondisconnect = () => {};
  #link;
  #listeners = new Map();
  /** Those who wait for acknowledgements, by id. */
  #waiting = new Map();
  #acks = 0;
  /** Why it is over. */
  #ended;

  constructor(link) {
    this.#link = link;
  }

  /** Calls a function with the arguments of every event of a name, and a `reply` where the server wants an answer. */
  on(event, listener) {
    this.#listeners.set(event, listener);
    return this;
  }

  /** Sends an event; nothing where the socket has ended. */
  emit(event, ...args) {
    if (!this.#ended) {
      this.#link.send({ type: EVENT, data: [event, ...args] });
    }
  }

  /**
   * Emits, and waits for the acknowledgement.
   *
   * @returns {Promise<unknown[]>} its arguments; rejected where the socket ends or has ended before
   */
  ask(event, ...args) {
    if (this.#ended) {
      return Promise.reject(this.#ended);
    }
    const id = this.#acks;
    this.#acks += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#link.send({ type: EVENT, id, data: [event, ...args] });
    });
  }

  /** Leaves the namespace; the session stays. */
  disconnect() {
    this.#link.send({ type: DISCONNECT });
    this.end("disconnected by the client");
  }

  handlePacket({ type, id, data }) {
    switch (type) {
      case CONNECT:
        this.id = data.sid;
        return this.#link.connected(this);
      case CONNECT_ERROR:
        this.#link.leave();
        return this.#link.refused(Object.assign(new Error(data.message), { data: data.data }));
      case EVENT:
        return this.#deliver(data, id);
      case ACK:
        this.#waiting.get(id)?.resolve(data);
        return this.#waiting.delete(id);
      case DISCONNECT:
        return this.handleClose("disconnected by the server");
      default:
        throw new Error(`a packet of type ${type}`);
    }
  }

  handleClose(reason) {
    this.end(reason);
    this.ondisconnect(reason);
  }

  /** Whoever waits for something of this socket hears why it does not come. */
  end(reason) {
    const error = new Error(reason);
    this.#ended ??= error;
    this.#link.leave();
    this.#link.refused(error);
    this.#waiting.forEach(({ reject }) => reject(error));
    this.#waiting.clear();
  }

  #deliver([event, ...args], id) {
    const reply = id === undefined ? undefined : (...answer) => this.#link.send({ type: ACK, id, data: answer });
    this.#listeners.get(event)?.(...args, ...(reply ? [reply] : []));
  }
}
