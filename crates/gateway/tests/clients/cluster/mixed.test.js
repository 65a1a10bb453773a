// A mixed cluster: two Fanfare nodes, two Node.js servers on both Redis libraries, and an emitter. Every operation from
// every kind of member reaches every other.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";

import { connect, eventually, startMember, startRedis } from "../support/cluster.js";

const MEMBERS = ["fanfare", "fanfare", "redis", "ioredis"];

for (const kind of ["classic", "sharded"]) {
  describe(`a ${kind} cluster`, () => {
    let redis, members, clients;

    before(async () => {
      redis = await startRedis();
      members = await Promise.all(MEMBERS.map((name) => startMember(name, redis.url, kind)));
      clients = await Promise.all(members.map((member) => connect(member)));
      for (const client of clients) {
        await client.socket.emitWithAck("join", `only ${client.socket.id}`);
        await client.socket.emitWithAck("join", "everybody");
        await client.socket.emitWithAck("data", { name: client.member.name, picture: Buffer.from([1, 2]) });
      }
      await eventually("all members know each other", async () => {
        const counts = await Promise.all(clients.map((client) => client.operation("count")));
        return counts.every((count) => count === members.length);
      });
    });

    after(async () => {
      clients?.forEach((client) => client.close());
      await Promise.all(members?.map((member) => member.stop()) ?? []);
      await redis?.stop();
    });

    // Runs a test once with each member as the one that acts.
    const fromEach = (title, run) => {
      for (const index of MEMBERS.keys()) {
        test(`${title} (from ${MEMBERS[index]} ${index})`, () => run(clients[index]));
      }
    };

    fromEach("an event with every kind of value reaches everybody", async (from) => {
      const values = [1, -1.5, "é€😀", true, null, { a: [1, { b: {} }] }, [], 2 ** 40, ""];
      await from.operation("emit", { args: values });
      for (const client of clients) {
        assert.deepEqual(await client.next("event"), values);
      }
    });

    fromEach("binary data arrives at any depth", async (from) => {
      await from.operation("emit", { args: [{ picture: [Buffer.from([1, 2, 3])] }, Buffer.alloc(300, 7)] });
      for (const client of clients) {
        const [object, buffer] = await client.next("event");
        assert.deepEqual([...object.picture[0]], [1, 2, 3]);
        assert.deepEqual(buffer, Buffer.alloc(300, 7));
      }
    });

    fromEach("rooms, exceptions and flags select", async (from) => {
      const others = clients.filter((client) => client !== from);
      await from.operation("emit", { to: ["everybody"], flags: ["broadcast"], args: ["not me"] });
      await from.operation("emit", { to: [`only ${others[0].socket.id}`], args: ["one"] });
      await from.operation("emit", { to: [others[1].socket.id], args: ["by id"] });
      await from.operation("emit", { to: ["everybody", "nobody"], except: [`only ${others[2].socket.id}`], args: ["but one"] });
      await from.operation("emit", { args: ["end"] });
      const expected = new Map(clients.map((client) => [client, client === from ? [] : ["not me"]]));
      expected.get(others[0]).push("one");
      expected.get(others[1]).push("by id");
      clients.filter((client) => client !== others[2]).forEach((client) => expected.get(client).push("but one"));
      for (const [client, texts] of expected) {
        const got = [];
        while (!got.includes("end")) {
          got.push((await client.next("event"))[0]);
        }
        // Between a room's own channel and that of the namespace, sharded pub/sub keeps no order.
        const late = texts.length + 1 - got.length;
        for (let count = 0; count < late; count++) {
          got.push((await client.next("event"))[0]);
        }
        assert.deepEqual(got.filter((text) => text !== "end").sort(), [...texts].sort(), client.member.name);
      }
    });

    fromEach("a broadcast collects everybody's answers", async (from) => {
      const answer = (client) => (value, ack) => ack(`${client.socket.id} ${value}`);
      clients.forEach((client) => client.socket.on("question", answer(client)));
      const answers = await from.operation("ask", { args: [7], timeout: 4000 });
      clients.forEach((client) => client.socket.off("question"));
      assert.deepEqual(answers.sort(), clients.map((client) => `${client.socket.id} 7`).sort());
    });

    fromEach("a broadcast that one does not answer returns the others' answers", async (from) => {
      const [silent, ...willing] = clients;
      willing.forEach((client) => client.socket.on("question", (ack) => ack(Buffer.from([9]))));
      const { timeout, responses } = await from.operation("ask", { timeout: 500 });
      willing.forEach((client) => client.socket.off("question"));
      assert.ok(silent && timeout);
      assert.deepEqual(responses.map((response) => [...response]), willing.map(() => [9]));
    });

    fromEach("sockets of all members are described", async (from) => {
      const sockets = await from.operation("fetch", { to: ["everybody"] });
      assert.deepEqual(sockets.map(({ id }) => id).sort(), clients.map((client) => client.socket.id).sort());
      for (const { id, rooms, data, query } of sockets) {
        const client = clients.find((client) => client.socket.id === id);
        assert.deepEqual(rooms.sort(), [id, `only ${id}`, "everybody"].sort());
        assert.equal(data.name, client.member.name);
        assert.equal(query.on, client.member.name);
      }
      assert.deepEqual(await from.operation("fetch", { to: ["nobody"] }), []);
    });

    fromEach("sockets of all members join and leave rooms", async (from) => {
      const room = `made by ${from.socket.id}`;
      const members = async () => (await from.operation("fetch", { to: [room] })).length;
      await from.operation("join", { to: ["everybody"], rooms: [room, "another"] });
      await eventually("all have joined", async () => (await members()) === clients.length);
      await eventually("the room is heard everywhere", async () => {
        await from.operation("emit", { to: [room], args: ["made"] });
        return clients.every((client) => client.events.some(({ args }) => args[0] === "made"));
      });
      // What comes behind it in the same room tells that nothing of it is still under way.
      await from.operation("emit", { to: [room], args: ["last"] });
      await eventually("the last has come", () => clients.every((client) => client.events.some(({ args }) => args[0] === "last")));
      clients.forEach((client) => client.events.splice(0));
      await from.operation("leave", { except: [from.socket.id], rooms: [room] });
      await eventually("all but one have left", async () => (await members()) === 1);
      await from.operation("leave", { rooms: [room, "another"] });
      await eventually("all have left", async () => (await members()) === 0);
    });

    fromEach("sockets of other members are disconnected", async (from) => {
      const guests = await Promise.all(members.map((member) => connect(member)));
      await Promise.all(guests.map((guest) => guest.socket.emitWithAck("join", "guests")));
      await eventually("all are there", async () => (await from.operation("fetch", { to: ["guests"] })).length === guests.length);
      const gone = guests.map((guest) => new Promise((resolve) => guest.socket.on("disconnect", resolve)));
      await from.operation("disconnect", { to: ["guests"] });
      assert.deepEqual(await Promise.all(gone), guests.map(() => "io server disconnect"));
    });

    fromEach("servers speak to each other", async (from) => {
      await from.operation("note", { args: [{ by: from.socket.id }] });
      const others = clients.filter((client) => client !== from);
      for (const client of others) {
        assert.deepEqual(await client.next("note"), [{ by: from.socket.id }]);
      }
      assert.deepEqual(await from.operation("servers", { args: [[1, "x"]] }), others.map(() => [1, "x"]));
    });

    fromEach("namespaces keep apart", async (from) => {
      const admins = await Promise.all(members.map((member) => connect(member, "/admin")));
      const admin = admins[clients.indexOf(from)];
      await eventually("all members have the namespace", async () => (await admin.operation("count")) === members.length);
      await admin.operation("emit", { args: ["for admins"] });
      for (const other of admins) {
        assert.deepEqual(await other.next("event"), ["for admins"]);
        other.close();
      }
      assert.ok(clients.every((client) => client.events.every(({ args }) => args[0] !== "for admins")));
    });

    if (kind === "classic") {
      fromEach("rooms of all members are named", async (from) => {
        const rooms = await from.operation("rooms");
        assert.ok(rooms.includes("everybody"));
        clients.forEach((client) => assert.ok(rooms.includes(`only ${client.socket.id}`)));
      });

      test("an emitter is heard everywhere", async () => {
        const connection = await createClient({ url: redis.url }).connect();
        const emitter = new Emitter(connection);
        emitter.to("everybody").emit("event", "emitted", Buffer.from([5]));
        for (const client of clients) {
          const [text, buffer] = await client.next("event");
          assert.deepEqual([text, ...buffer], ["emitted", 5]);
        }
        emitter.to(clients[0].socket.id).socketsJoin("emitted");
        await eventually("it has joined", async () => (await clients[3].operation("fetch", { to: ["emitted"] })).length === 1);
        emitter.serverSideEmit("note", "from an emitter");
        for (const client of clients) {
          assert.deepEqual(await client.next("note"), ["from an emitter"]);
        }
        await connection.close();
      });

      test("values that JSON does not have arrive as JavaScript writes them", async () => {
        const connection = await createClient({ url: redis.url }).connect();
        const date = new Date(1700000000123);
        new Emitter(connection).emit("event", date, undefined, { a: undefined, b: NaN }, 2 ** 60, "\ud83d");
        for (const client of clients) {
          const args = await client.next("event");
          assert.deepEqual(args.slice(0, 4), [date.toISOString(), null, { b: null }, 2 ** 60]);
        }
        await connection.close();
      });
    }
  });
}
