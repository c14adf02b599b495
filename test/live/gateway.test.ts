/**
 * Commands at the socket at which other processes use a store: what they are answered without the
 * option `inspect`, what rubbish does, and what is bounded.
 *
 * @module
 */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { attach, open, type OpenOptions, PathError, type Store } from "../../mod.ts";
import { HELLO_MS_MAX, LIVE_CONNECTIONS_MAX } from "../../lib/core/limits.ts";
import { monotonicMs } from "../../lib/platform/runtime.ts";
import { GatewayConnection, type GatewayParts } from "../../lib/gateway/gateway_connection.ts";
import { encodeMessage } from "../../lib/gateway/json_frames.ts";
import { LiveClient } from "../../lib/live/live_client.ts";
import { MessageKind } from "../../lib/live/live_messages.ts";
import { encodeFrame, type Frame } from "../../lib/wire/frame.ts";
import { dinomoHere } from "../support/command.ts";
import { type Random, seeded } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";

const DESCRIBE = encodeMessage(MessageKind.REQUEST, { op: "describe" });

/** A store that other processes may use, and no option that is about commands. */
async function withStore(
  action: (path: string, store: Store<unknown>) => Promise<void>,
  options: OpenOptions<unknown, "string"> = {},
): Promise<void> {
  const path = temporaryPath();
  const store = await open<unknown>({ capacity: "16MiB", ...options, path, processes: true });
  try {
    await store.put("a", { b: 1 });
    await action(path, store);
  } finally {
    await store.close();
  }
}

/** A command's connection that has been answered, and may say anything. */
async function rawTo(path: string): Promise<{ socket: Socket; closed: Promise<void> }> {
  const socket = connect(join(path, "gateway"));
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.write(DESCRIBE);
  await once(socket, "data");
  socket.resume();
  return { socket, closed };
}

const rejection = (promise: Promise<unknown>) => promise.then(() => undefined, (error) => error);
const codeOf = (error: unknown) => (error as { code?: string }).code;

test("commands are answered without the option inspect, and may write", () =>
  withStore(async (path, store) => {
    assert.not(existsSync(join(path, "socket")));
    const put = await dinomoHere(["put", path, "c", "[1]"]);
    assert.is(put.exitCode, 0, put.stderr);
    assert.equal(await store.get("c"), [1]);
    const refused = await dinomoHere(["put", path, "c", '{"$undefined":true}']);
    assert.match(refused.stderr, /value must not be undefined/);
    assert.is(refused.exitCode, 2);
    const client = (await LiveClient.connect(path))!;
    assert.is(client.description.isWritable, true);
    assert.is(client.description.path, path);
    const stats = await client.askOnce({ op: "stats" }) as ReturnType<typeof store.stats>;
    assert.is(stats.count, 2);
    assert.is(stats.nodesFailed, 0, "which only the thread knows that has opened the pool");
    client.close();
  }));

test("the socket of the option inspect comes first, and what it allows", () =>
  withStore(async (path) => {
    const client = (await LiveClient.connect(path))!;
    assert.is(client.description.isWritable, false);
    client.close();
  }, { inspect: true }));

test(
  "rubbish behind a command's request ends its connection, and disturbs no other",
  seeded((random) =>
    withStore(async (path) => {
      const remote = await open<unknown>({ path, processes: true });
      const client = (await LiveClient.connect(path))!;
      const rubbish: ((random: Random) => Uint8Array)[] = [
        () => random.bytes(200),
        () => new Uint8Array([...DESCRIBE, ...DESCRIBE]),
        () => encodeFrame(MessageKind.REQUEST, random.bytes(200)),
        // What other processes say, which would be right behind a hello.
        () => encodeFrame(16, new Uint8Array(8)),
        () => encodeFrame(18, new TextEncoder().encode("{}")),
      ];
      for (const make of rubbish) {
        const { socket, closed } = await rawTo(path);
        socket.write(make(random));
        await closed;
        assert.equal(await client.askOnce({ op: "get", key: "a" }), {
          value: { b: 1 },
          version: 1,
        });
        assert.equal(await remote.get("a"), { b: 1 });
      }
      const early = connect(join(path, "gateway"));
      early.on("error", () => {});
      const closed = new Promise<void>((resolve) => early.once("close", () => resolve()));
      early.resume();
      early.write(new Uint8Array([...DESCRIBE, ...DESCRIBE]));
      await closed;
      client.close();
      await remote.close();
    })
  ),
);

test("there are so many commands at one time, which take no place of other processes", () =>
  withStore(async (path) => {
    const raw = await Promise.all(Array.from({ length: LIVE_CONNECTIONS_MAX }, () => rawTo(path)));
    assert.instance(await rejection(LiveClient.connect(path)), PathError);
    const remote = await open<unknown>({ path, processes: true });
    assert.equal(await remote.get("a"), { b: 1 });
    await remote.close();
    for (const { socket } of raw) socket.destroy();
  }));

test("a command's connection is not ended as one that has not said hello", () => {
  const listeners = new Map<string, (bytes: Uint8Array) => void>();
  let isDestroyed = false;
  const socket = {
    on: (type: string, listener: () => void) => listeners.set(type, listener),
    destroy: () => isDestroyed = true,
  } as unknown as Socket;
  const taken: Frame[] = [];
  const parts = { takeOver: (_: Socket, first: Frame) => taken.push(first) };
  const connection = new GatewayConnection(socket, parts as unknown as GatewayParts, () => {});
  listeners.get("data")!(DESCRIBE);
  assert.is(taken.length, 1);
  connection.closeIfIdle(monotonicMs() + 2 * HELLO_MS_MAX);
  assert.not(isDestroyed);
});

test("without a place for one more thread, a command is told so", () =>
  withStore(async (path, store) => {
    const other = await attach(store.share());
    const client = (await LiveClient.connect(path))!;
    const error = await rejection(client.askOnce({ op: "get", key: "a" }));
    assert.is(codeOf(error), "DINOMO_TOO_MANY_CLIENTS");
    assert.match(String(error), /all places are taken: .* or open it with more clients/);
    const stats = await client.askOnce({ op: "stats" }) as { count: number };
    assert.is(stats.count, 1, "figures take no place");
    await other.close();
    assert.equal(await client.askOnce({ op: "get", key: "a" }), { value: { b: 1 }, version: 1 });
    client.close();
  }, { clients: 3 }));

test("values of an application's own codec are bytes, and none is put", () => {
  const codec = {
    encode: (value: unknown) => new TextEncoder().encode(JSON.stringify(value)),
    decode: (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)),
  };
  return withStore(async (path) => {
    const get = await dinomoHere(["get", path, "a"]);
    assert.is(get.stdout, '{"$bytes":"eyJiIjoxfQ=="}\n', get.stderr);
    const put = await dinomoHere(["put", path, "a", "1"]);
    assert.is(put.exitCode, 2);
    assert.match(put.stderr, /put must be allowed by the process that has the pool open/);
  }, { codec });
});

test("a store that closes ends the commands that watch it", async () => {
  let ended: Promise<unknown> | undefined;
  await withStore(async (path) => {
    const client = (await LiveClient.connect(path))!;
    const states = client.ask({ op: "watch", keys: ["a"] });
    await states.next();
    ended = rejection(states.next());
  });
  assert.is(codeOf(await ended), "DINOMO_CLOSED");
});

test.run();
