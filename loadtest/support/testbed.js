// The events of the testbed for a namespace of Socket.IO on Node.js: what the scripts can be run against.

/** @param {{change?: (args: unknown[]) => unknown[], deliver?: (room, payload) => void}} options  what to do otherwise */
export function install(namespace, { change = (args) => args, deliver = (room, payload) => room.emit("room", payload) } = {}) {
  namespace.on("connection", (socket) => {
    socket.on("echo", (...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : (...args) => socket.emit("echo", ...args);
      ack(...change(args));
    });
    socket.on("join", async (room, ack) => {
      await socket.join(room);
      ack?.("ok");
    });
    socket.on("leave", async (room, ack) => {
      await socket.leave(room);
      ack?.("ok");
    });
    socket.on("say", (room, message, ack) => {
      socket.to(room).emit("said", message);
      ack?.("ok");
    });
    socket.on("bcast", (...args) => namespace.emit("bcast", ...args));
    socket.on("room", (room, payload) => deliver(namespace.to(room), payload));
  });
}
