/**
 * The socket at which other processes use a store: rubbish, too many connections, those that say
 * nothing or do not read, many processes, and processes of all runtimes.
 *
 * @module
 */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NodeFailedError, open, type Store, UnavailableError } from "../../mod.ts";
import {
  GATEWAY_CONNECTIONS_MAX,
  LEDGER_PLACES,
  REMOTE_REQUESTS_MAX,
} from "../../lib/core/limits.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { sleep } from "../../lib/platform/runtime.ts";
import {
  decodeWelcome,
  encodeHello,
  PROCESS_FORMAT,
  type Welcome,
} from "../../lib/gateway/handshake.ts";
import { encodeFarewell, RequestFrame } from "../../lib/gateway/request_frames.ts";
import { encodeFrame, FrameReader } from "../../lib/wire/frame.ts";
import { RUNTIMES } from "../../scripts/runtimes.ts";
import { CAMPAIGN_FACTOR } from "../support/campaign.ts";
import { makeConnected } from "../support/gateway_pair.ts";
import { type Random, seeded } from "../support/random.ts";
import { SharedStore } from "../support/shared_store.ts";
import { temporaryPath } from "../support/temporary.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const HELLO = {
  format: PROCESS_FORMAT,
  keys: "string",
  codec: "msgpack",
  ordered: false,
  durability: "os",
} as const;

/**
 * How many write beside one another: as many as it is said to work with in a campaign of 4 or more.
 */
const PROCESSES = CAMPAIGN_FACTOR >= 4 ? 64 : 16;

/** A store that other processes may use, and one that asks it. */
async function openBoth(): Promise<{ host: Store<unknown>; remote: Store<unknown>; path: string }> {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: "16MiB" } as const;
  const host = await open<unknown>(options);
  return { host, remote: await open<unknown>(options), path };
}

async function connectTo(path: string): Promise<Socket> {
  const socket = connect(join(path, "gateway"));
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Resolves when a connection has ended, however that is. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

/** Connects, and says what comes first. */
async function greet(path: string): Promise<{ socket: Socket; welcome: Welcome }> {
  const socket = await connectTo(path);
  const reader = new FrameReader(2 ** 20);
  socket.write(encodeHello(HELLO));
  for (;;) {
    const [bytes] = await once(socket, "data") as [Uint8Array];
    const [frame] = reader.read(bytes);
    if (frame !== undefined) return { socket, welcome: decodeWelcome(frame) };
  }
}

test(
  "rubbish ends its connection, before a hello and after it, and disturbs no other",
  seeded(async (random) => {
    const { host, remote, path } = await openBoth();
    const rubbish: ((random: Random) => Uint8Array)[] = [
      () => random.bytes(200),
      () => encodeFrame(RequestFrame.REQUESTS, new Uint8Array(0)),
      () => encodeFrame(RequestFrame.HELLO, new TextEncoder().encode('{"format":')),
      () => encodeFrame(RequestFrame.HELLO, new TextEncoder().encode('{"format":1}')),
      () => encodeFrame(RequestFrame.HELLO, new Uint8Array(200_000)),
      () => encodeFrame(200, random.bytes(8)),
      () => encodeFrame(RequestFrame.FAREWELL, random.bytes(8)),
      () => encodeFarewell(),
    ];
    for (const make of rubbish) {
      const strange = await connectTo(path);
      strange.resume();
      strange.write(make(random));
      await closed(strange);
      const { socket } = await greet(path);
      socket.resume();
      socket.write(make(random));
      if (make !== rubbish[1]) await closed(socket);
      else socket.destroy();
      await remote.put("a", 1);
    }
    assert.is(await host.get("a"), 1);
    await remote.close();
    await host.close();
  }),
);

test("a process with another version of the library is told so", async () => {
  const { host, remote, path } = await openBoth();
  const socket = await connectTo(path);
  socket.write(encodeHello({ ...HELLO, format: PROCESS_FORMAT + 1 }));
  const [bytes] = await once(socket, "data") as [Uint8Array];
  const [frame] = new FrameReader(2 ** 20).read(bytes);
  assert.throws(() => decodeWelcome(frame!), /the same version of the library/);
  await remote.close();
  await host.close();
});

test("there may be so many connections, and no more", async () => {
  const { host, remote, path } = await openBoth();
  const sockets: Socket[] = [];
  for (let i = 1; i < GATEWAY_CONNECTIONS_MAX; i++) sockets.push((await greet(path)).socket);
  const more = connect(join(path, "gateway"));
  // It may have ended before this thread knows that it has begun.
  more.on("error", () => {});
  more.resume();
  await closed(more);
  await remote.put("a", 1);
  for (const socket of sockets) socket.destroy();
  assert.is(await host.get("a"), 1);
  await remote.close();
  await host.close();
});

test(
  "frames of all kinds, whatever is in them, end their connection or not, and disturb no other",
  seeded(async (random) => {
    const { host, remote, path } = await openBoth();
    for (let i = 0; i < 40; i++) {
      const { socket } = await greet(path);
      socket.resume();
      for (let count = random.between(1, 4); count > 0; count--) {
        const kind = random.between(RequestFrame.REQUESTS, RequestFrame.FAREWELL);
        socket.write(encodeFrame(kind, random.bytes(8 * random.below(4))));
      }
      if (random.below(2) === 0) socket.write(encodeFarewell());
      assert.is(await remote.increment("n"), i + 1);
      socket.destroy();
    }
    assert.is(await host.get("n"), 40);
    await remote.close();
    await host.close();
  }),
);

test("who opens and closes a store leaves nothing, and who ends otherwise is remembered", async () => {
  const { host, remote, path } = await openBoth();
  const left = 5;
  const greetAll = async (count: number) => {
    const all = await Promise.all(Array.from({ length: count }, () => greet(path)));
    for (const { socket } of all) socket.destroy();
  };
  for (let places = LEDGER_PLACES - 1 - left; places > 0; places -= 100) {
    await greetAll(Math.min(places, 100));
  }
  for (let i = 1; i <= 3 * left; i++) {
    const other = await open<number>({ path, processes: true });
    assert.is(await other.increment("opened"), i);
    await other.close();
  }
  await greetAll(left);
  await open({ path, processes: true }).then(
    () => assert.unreachable(),
    (error) => assert.instance(error, UnavailableError),
  );
  await remote.close();
  await (await open({ path, processes: true })).close();
  await host.close();
});

test("a process that does not read its answers holds up no other, and no end", async () => {
  const { host, remote, path } = await openBoth();
  await host.put("large", "x".repeat(100_000));
  const { socket, welcome } = await greet(path);
  socket.pause();
  const client = makeConnected(welcome.segmentBytes, (bytes) => void socket.write(bytes));
  const keys = new KeyEncoder(...welcome.hashKey);
  keys.encode("large");
  let answers = 0;
  const count = { settle: () => void (answers += 1), fail: () => {} };
  for (let i = 0; i < REMOTE_REQUESTS_MAX; i++) client.get(keys, true, count);
  client.flush();
  for (let i = 0; i < 200; i++) await remote.put(`${i}`, i);
  assert.is(await host.get("199"), 199);
  assert.is(answers, 0);
  await remote.close();
  await host.close();
  client.close();
  socket.destroy();
});

test("processes write beside one another, and see what the others have written", async () => {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: "16MiB" } as const;
  const store = await open<number>(options);
  const others = await Promise.all(
    Array.from({ length: PROCESSES }, () => SharedStore.open(options)),
  );
  await Promise.all(others.map((other) => other.call("addByUpdates", "sum", 5)));
  await Promise.all(others.map((other, i) => other.call("put", `${i}`, i)));
  for (const other of others) assert.is(await other.call("get", "sum"), 5 * PROCESSES);
  assert.equal(
    await others[0]!.call("getMany", others.map((_, i) => `${i}`)),
    others.map((_, i) => i),
  );
  await Promise.all(others.map((other) => other.end()));
  await store.close();
});

test("processes of all runtimes share a pool, whichever has it", async () => {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: "16MiB" } as const;
  const value = { text: "é", when: new Date(5), big: 2n ** 70n, bytes: Uint8Array.of(1, 2) };
  let stores: SharedStore[] = [];
  for (const runtime of RUNTIMES) stores.push(await SharedStore.open(options, runtime));
  for (const store of stores) {
    await store.call("put", "value", value);
    for (const other of stores) assert.equal(await other.call("get", "value"), value);
  }
  while (stores.length > 1) {
    await stores[0]!.kill();
    stores = stores.slice(1);
    for (const store of stores) {
      assert.equal(await store.call("get", "value"), value);
      await store.call("put", "value", value);
    }
  }
  await stores[0]!.end();
});

test("a socket that a killed process has left is no hindrance", async () => {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: "16MiB" } as const;
  const first = await SharedStore.open(options);
  await first.call("put", "a", 1);
  await first.kill();
  const store = await open<number>(options);
  const other = await SharedStore.open(options);
  assert.is(await other.call("get", "a"), 1);
  await other.end();
  await store.close();
});

test("what listens at the place of the socket without the lock is not believed", async () => {
  const path = temporaryPath();
  await (await open({ path, capacity: "16MiB" })).close();
  for (const answer of ["no", "x".repeat(100)]) {
    const server = createServer((socket) => void socket.resume().end(answer));
    server.listen(join(path, "gateway"));
    await once(server, "listening");
    const store = await open<number>({ path, processes: true });
    const other = await open<number>({ path, processes: true });
    await other.put("a", 1);
    assert.is(await store.get("a"), 1);
    await other.close();
    await store.close();
    server.close();
    await once(server, "close");
  }
});

test("a gateway that cannot be started is an error of open, and the pool can be opened again", async () => {
  const path = temporaryPath();
  const broken = "data:text/javascript,throw new Error('planted')";
  for (const gateway of [broken, "file:///there/is/none.js"]) {
    await open({ path, processes: true, capacity: "16MiB", workers: { gateway } }).then(
      () => assert.unreachable(),
      (error) => assert.instance(error, NodeFailedError),
    );
  }
  await (await open({ path })).close();
});

test("a gateway that ends by itself is started again, and stores go on", async () => {
  const path = temporaryPath();
  const options = { path, processes: true, capacity: "16MiB" } as const;
  const gateway = new URL(`../support/workers/mortal_gateway${EXTENSION}`, import.meta.url);
  const host = await open<number>({ ...options, workers: { gateway } });
  const first = await open<number>(options);
  await first.put("a", 1);
  // Its connection is the end of the first gateway.
  const second = await open<number>(options);
  assert.ok(existsSync(`${path}.died`));
  // One that was on its way to the first gateway has no answer.
  assert.is(await first.get("a").catch(() => first.get("a")), 1);
  assert.is(await second.get("a"), 1);
  await first.close();
  await second.close();
  await host.close();
});

test("a store that is closed while its gateway is started again leaves none behind", async () => {
  const path = temporaryPath();
  const gateway = new URL(`../support/workers/mortal_gateway${EXTENSION}`, import.meta.url);
  const host = await open({ path, processes: true, capacity: "16MiB", workers: { gateway } });
  (await greet(path)).socket.destroy();
  await closed(await connectTo(path));
  while (!existsSync(`${path}.died.again`)) await sleep(5);
  await host.close();
  await sleep(500);
  assert.not.ok(existsSync(join(path, "gateway")));
  await (await open({ path, processes: true })).close();
});

test.run();
