// Waits for what happens to sockets.

let names = 0;

/** A name that no other test uses: tests share servers. */
export function unique(what) {
  names += 1;
  return `${what} ${process.pid}-${names}`;
}

/** The arguments of the next event of a name that matches. */
export function next(emitter, event, matches = () => true) {
  return new Promise((resolve) => {
    const listener = (...args) => {
      if (matches(...args)) {
        emitter.off(event, listener);
        resolve(args);
      }
    };
    emitter.on(event, listener);
  });
}

/** The first arguments of the next so many events of a name. */
export async function collect(emitter, event, count) {
  const collected = [];
  await next(emitter, event, (argument) => collected.push(argument) === count);
  return collected;
}

/** Emits an event and returns the arguments of the acknowledgement. */
export function ask(socket, event, ...args) {
  return new Promise((resolve) => {
    socket.emit(event, ...args, (...answer) => resolve(answer));
  });
}

/** Waits until the socket speaks over WebSocket, if it does not yet. */
export async function upgraded(socket) {
  const { engine } = socket.io;
  if (engine.transport.name !== "websocket") {
    await new Promise((resolve, reject) => {
      engine.once("upgrade", resolve);
      engine.once("upgradeError", reject);
      engine.once("close", (reason) => reject(new Error(`closed before the upgrade: ${reason}`)));
    });
  }
}

/** Waits until an engine has closed, if it has not yet: some clients trip over a new one before. */
export async function closed(engine) {
  if (engine.readyState !== "closed") {
    await next(engine, "close");
  }
}

/** Numbers from 0. */
export function count(to) {
  return Array.from({ length: to }, (_, index) => index);
}
