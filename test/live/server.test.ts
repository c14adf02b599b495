/**
 * The socket of an open store: who may connect, what rubbish does, and what is bounded.
 *
 * @module
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { InvalidOptionError, open, PathError, type Store } from "../../mod.ts";
import {
  LIVE_ANSWER_BYTES_MAX,
  LIVE_CONNECTIONS_MAX,
  LIVE_IDLE_MS_MAX,
} from "../../lib/core/limits.ts";
import { monotonicMs } from "../../lib/platform/runtime.ts";
import { LiveClient } from "../../lib/live/live_client.ts";
import { LiveConnection } from "../../lib/live/live_connection.ts";
import { encodeMessage } from "../../lib/gateway/json_frames.ts";
import { MessageKind } from "../../lib/live/live_messages.ts";
import { INSPECTED, socketPlaceOf } from "../../lib/persistence/socket_place.ts";
import { encodeFrame } from "../../lib/wire/frame.ts";
import { type Random, seeded } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";

const openAt = (path: string) => open<unknown>({ path, capacity: "1MiB", inspect: true });

/** A connection that says anything; `closed` resolves when the other side has ended it. */
async function rawTo(path: string): Promise<{ socket: Socket; closed: Promise<void> }> {
  const socket = connect(join(path, "socket"));
  socket.on("error", () => {});
  socket.on("data", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  return { socket, closed };
}

async function withStore(action: (path: string, store: Store<unknown>) => Promise<void>) {
  const path = temporaryPath();
  const store = await openAt(path);
  try {
    await store.put("a", { b: 1 });
    await action(path, store);
  } finally {
    await store.close();
  }
}

const codeOf = (error: unknown) => (error as { code?: string }).code;
const rejection = (promise: Promise<unknown>) => promise.then(() => undefined, (error) => error);

const sendRubbish = (random: Random) =>
  withStore(async (path) => {
    const client = (await LiveClient.connect(path))!;
    const request = encodeMessage(MessageKind.REQUEST, { op: "stats" });
    const badCrc = request.slice();
    badCrc[badCrc.length - 1]! ^= 1;
    const longest = request.slice(0, 16);
    longest.fill(255, 8, 12);
    const rubbish: [string, Uint8Array][] = [
      ["random bytes", random.bytes(200)],
      ["more of them", random.bytes(200)],
      ["a wrong CRC", badCrc],
      ["an impossible length", longest],
      ["an answer", encodeMessage(MessageKind.ITEM, 1)],
      ["no JSON", encodeFrame(MessageKind.REQUEST, random.bytes(200))],
      [
        "a tag that is none",
        encodeFrame(MessageKind.REQUEST, new TextEncoder().encode('{"$x":1}')),
      ],
      ["no request", encodeMessage(MessageKind.REQUEST, null)],
      ["a request that asks for nothing", encodeMessage(MessageKind.REQUEST, { a: 1 })],
      ["two requests at a time", new Uint8Array([...request, ...request])],
      ["HTTP", new TextEncoder().encode("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")],
    ];
    for (const [name, bytes] of rubbish) {
      const { socket, closed } = await rawTo(path);
      socket.write(bytes);
      await closed;
      const entry = await client.askOnce({ op: "get", key: "a" });
      assert.equal(entry, { value: { b: 1 }, version: 1 }, `after ${name}`);
    }
    client.close();
  });

test("rubbish ends its connection, and disturbs no other", seeded(sendRubbish));

test("a request that cannot be answered is a failure, and the next one is answered", () =>
  withStore(async (path, store) => {
    const client = (await LiveClient.connect(path))!;
    const failures = [
      [{ op: "get", key: "" }, "DINOMO_INVALID_KEY"],
      [{ op: "get" }, "DINOMO_INVALID_KEY"],
      [{ op: "keys", prefix: "", limit: -1 }, "DINOMO_INVALID_ARGUMENT"],
      [{ op: "put", key: "a", value: 2 }, "DINOMO_INVALID_ARGUMENT"],
      [{ op: "watch", keys: [] }, "DINOMO_INVALID_ARGUMENT"],
      [{ op: "stop" }, "DINOMO_INVALID_ARGUMENT"],
    ] as const;
    for (const [request, code] of failures) {
      const error = await rejection(client.askOnce(request as never));
      assert.is(codeOf(error), code, `${JSON.stringify(request)}: ${error}`);
    }
    assert.equal(await client.askOnce({ op: "get", key: "a" }), { value: { b: 1 }, version: 1 });
    assert.equal(await store.get("a"), { b: 1 }, "nothing was written");
    client.close();
  }));

test("there are so many connections, and one more when one has ended", () =>
  withStore(async (path) => {
    const raw = await Promise.all(
      Array.from({ length: LIVE_CONNECTIONS_MAX }, () => rawTo(path)),
    );
    assert.instance(await rejection(LiveClient.connect(path)), PathError);
    raw[0]!.socket.destroy();
    let client: LiveClient | undefined;
    // The host hears of it in a later turn.
    while (client === undefined) client = await LiveClient.connect(path).catch(() => undefined);
    client.close();
    for (const { socket } of raw) socket.destroy();
  }));

test("a connection that owes a request is ended after a time, one that watches is not", () => {
  const listeners = new Map<string, (bytes: Uint8Array) => void>();
  let isDestroyed = false;
  const socket = {
    unref: () => {},
    on: (type: string, listener: () => void) => listeners.set(type, listener),
    destroy: () => isDestroyed = true,
    write: () => true,
  };
  // deno-lint-ignore require-yield
  async function* never() {
    await new Promise(() => {});
  }
  const connection = new LiveConnection(socket as unknown as Socket, never, () => {});
  const nowMs = monotonicMs();
  connection.closeIfIdle(nowMs + LIVE_IDLE_MS_MAX / 2);
  assert.not(isDestroyed);
  listeners.get("data")!(encodeMessage(MessageKind.REQUEST, { op: "watch", keys: ["a"] }));
  connection.closeIfIdle(nowMs + 10 * LIVE_IDLE_MS_MAX);
  assert.not(isDestroyed, "it waits for the store");
  const idle = new LiveConnection(socket as unknown as Socket, never, () => {});
  listeners.get("data")!(Uint8Array.of(0x44));
  idle.closeIfIdle(nowMs + 2 * LIVE_IDLE_MS_MAX);
  assert.ok(isDestroyed, "it has begun a request");
});

test("thousands of keys, and a value that is too long for a request", () =>
  withStore(async (path, store) => {
    await store.putMany(Array.from({ length: 3000 }, (_, i) => [`key ${i}`, i]));
    const client = (await LiveClient.connect(path))!;
    const keys: unknown[] = [];
    for await (const item of client.ask({ op: "keys", prefix: "key ", limit: Infinity })) {
      keys.push(...item as unknown[]);
    }
    assert.is(new Set(keys).size, 3000);
    const tooLong = await rejection(
      client.askOnce({ op: "put", key: "a", value: "x".repeat(2 ** 20), ttl: undefined }),
    );
    assert.is(codeOf(tooLong), "DINOMO_VALUE_TOO_LARGE");
    client.close();
  }));

test("a value that is too long for an answer is a failure that says so", async () => {
  const path = temporaryPath();
  await using store = await open<unknown>({
    path,
    capacity: "256MiB",
    segmentBytes: "32MiB",
    inspect: true,
  });
  await store.put("long", "x".repeat(LIVE_ANSWER_BYTES_MAX));
  const client = (await LiveClient.connect(path))!;
  const error = await rejection(client.askOnce({ op: "get", key: "long" }));
  assert.match(String(error), /an answer must have at most 16777216 bytes, got 16777\d\d\d/);
  assert.is(await client.askOnce({ op: "get", key: "short" }), undefined);
  client.close();
});

test("only the user may connect, and a closed store has no socket", async () => {
  const path = temporaryPath();
  const socket = join(path, "socket");
  const store = await openAt(path);
  const client = (await LiveClient.connect(path))!;
  assert.is(statSync(socket).mode & 0o777, 0o600);
  const states = client.ask({ op: "watch", keys: ["a"] });
  await states.next();
  const ended = rejection(states.next());
  await store.close();
  assert.not(existsSync(socket));
  assert.is(codeOf(await ended), "DINOMO_CLOSED");
  assert.is(await LiveClient.connect(path), undefined);
  await (await open({ path })).close();
});

test("what a killed process has left is removed, whatever it is", async () => {
  const path = temporaryPath();
  await (await openAt(path)).close();
  writeFileSync(join(path, "socket"), "");
  assert.is(await LiveClient.connect(path), undefined);
  const store = await openAt(path);
  assert.ok(lstatSync(join(path, "socket")).isSocket());
  await store.close();
});

test("a path that is too long has its socket apart, in a directory of its own", async () => {
  const path = join(temporaryPath(), "x".repeat(120));
  const store = await openAt(path);
  await store.put("a", 1);
  const { dev: device, ino: inode } = statSync(path, { bigint: true });
  const place = socketPlaceOf({ path, device, inode }, INSPECTED);
  const folder = dirname(place.path);
  assert.ok(place.isApart && place.path.length < 104, place.path);
  assert.is(statSync(folder).mode & 0o777, 0o700);
  const client = (await LiveClient.connect(path))!;
  assert.equal(await client.askOnce({ op: "get", key: "a" }), { value: 1, version: 1 });
  chmodSync(folder, 0o755);
  assert.is(await LiveClient.connect(path), undefined, "others may enter: it is not trusted");
  chmodSync(folder, 0o700);
  await store.close();
  assert.not(existsSync(folder));
  // Somebody else's.
  mkdirSync(folder, { mode: 0o777 });
  chmodSync(folder, 0o777);
  try {
    assert.match(String(await rejection(openAt(path))), /PathError: inspect must be false, or /);
  } finally {
    rmSync(folder, { recursive: true });
  }
  await (await openAt(path)).close();
});

test("options that mean nothing are refused", async () => {
  const path = temporaryPath();
  const cases: [object, RegExp][] = [
    [{ inspect: true }, /inspect must be left out without a path/],
    [{ path, inspect: 1 }, /inspect must be a boolean or { write }, got /],
    [{ path, inspect: null }, /inspect must be a boolean or { write }, got null/],
    [{ path, inspect: { read: true } }, /inspect may have "write" only, got /],
    [{ path, inspect: { write: 1 } }, /inspect.write must be a boolean, got /],
  ];
  for (const [options, says] of cases) {
    const error = await rejection(open(options));
    assert.instance(error, InvalidOptionError);
    assert.match(String(error), says);
  }
  assert.not(existsSync(path));
  await using store = await open({ path, inspect: false });
  assert.not(existsSync(join(path, "socket")));
  assert.is(await rejection(store.close()), undefined);
});

test.run();
