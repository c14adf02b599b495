/**
 * Values that are larger than a batch may be, over real servers: of several processes, which are
 * killed, in backups, watched, and listed; what servers with other limits take, and what is
 * refused.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { encode, type Settings } from "../../lib/cluster/control/command.ts";
import { CONTROL_STREAM } from "../../lib/cluster/control/control_log.ts";
import { connectJetStream } from "../../lib/cluster/engine/jetstream.ts";
import {
  type ClusterOptions,
  InvalidOptionError,
  open,
  type Store,
  ValueTooLargeError,
} from "../../mod.ts";
import { RUNTIMES } from "../../scripts/runtimes.ts";
import { currentRuntime } from "../support/child.ts";
import { until } from "../support/cluster/cluster_user.ts";
import { bytesOf, isValueOf, LargeUser } from "../support/cluster/large_user.ts";
import { NatsServers } from "../support/cluster/nats_servers.ts";
import { temporaryPath } from "../support/temporary.ts";

const MIB = 1024 * 1024;
const SIZES: Readonly<Record<string, number>> = { a: MIB, b: 5 * MIB, c: Math.floor(7.9 * MIB) };
const KEYS = Object.keys(SIZES);
const SMALL = Array.from({ length: 40 }, (_, i) => `small ${i}`);
const OTHERS = RUNTIMES.filter((runtime) => runtime !== currentRuntime());
const SLOT_COUNT = 4096;

async function withServer(
  config: string,
  use: (common: Omit<ClusterOptions, "name">, servers: NatsServers) => Promise<void>,
): Promise<void> {
  const servers = await NatsServers.start(1, { config });
  try {
    await use({ servers: servers.urls, leaseMs: 2000, cache: "3MiB" }, servers);
  } finally {
    await servers.stop();
  }
}

function assertIs(value: Uint8Array | undefined, key: string): void {
  assert.ok(isValueOf(value, key, SIZES[key]!), `${key}, ${value?.length} bytes`);
}

/** What a promise is rejected with. */
async function refused(action: () => Promise<unknown>): Promise<Error> {
  try {
    await action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("it must be refused");
}

/** All that a store has is what was put. */
async function assertHasAll(store: Store<Uint8Array>): Promise<void> {
  let count = 0;
  for await (const [key, value] of store.entries()) {
    count += 1;
    if (key in SIZES) assertIs(value, key);
    else assert.equal(value, bytesOf(key, 100));
  }
  assert.is(count, KEYS.length + SMALL.length);
}

test("values up to 8 MiB are kept by processes that are killed, in copies, and for who watches", async () => {
  await withServer("max_payload: 8MB", async (common) => {
    const cluster = { ...common, name: "large" };
    const users: LargeUser[] = [];
    const store = await open<Uint8Array>({ cluster: { ...cluster, node: 7 } });
    try {
      const end = new AbortController();
      const told: number[] = [];
      const watching = (async () => {
        for await (const [entry] of store.watch(["c"], { signal: end.signal })) {
          told.push(entry?.value.length ?? 0);
        }
      })().catch((error) => assert.ok(end.signal.aborted, String(error)));
      users.push(await LargeUser.start({ ...cluster, node: 1 }, OTHERS[0]));
      const isShared = () => store.stats().cluster!.nodes.every(({ slots }) => slots > 0);
      await until("slots are shared", isShared);
      // Small ones go on beside the large ones.
      await Promise.all([
        ...KEYS.map((key) => store.put(key, bytesOf(key, SIZES[key]!))),
        ...SMALL.map((key) => store.put(key, bytesOf(key, 100))),
      ]);
      for (const key of KEYS) {
        assertIs(await store.get(key), key);
        assert.ok(await users[0]!.use("get", key, SIZES[key]!), `${key}, in another process`);
      }
      assert.ok(await users[0]!.use("put", "c", SIZES["c"]!));
      await until("the watcher is told", () => told.at(-1) === SIZES["c"]);
      end.abort();
      await watching;

      await users[0]!.kill();
      const own = () => store.stats().cluster!.nodes.find(({ node }) => node === 7)!.slots;
      await until("it is succeeded", () => own() === SLOT_COUNT);
      await assertHasAll(store);
      assert.ok(await store.touch("b", { ttl: 3_600_000 }));
      const { version, expiresAt } = (await store.getEntry("b"))!;
      assert.ok(expiresAt !== undefined);
      assert.ok(await store.compareAndSet("b", version, bytesOf("b", SIZES["b"]!)) !== undefined);
      assertIs((await store.getMany(["b"]))[0], "b");

      const path = temporaryPath("large backup");
      await store.backup(path);
      const copy = await open<Uint8Array>({ path });
      await assertHasAll(copy);
      await copy.close();
      const other = await open<Uint8Array>({ cluster: { ...common, name: "restored" } });
      await other.restore(path);
      await assertHasAll(other);
      const error = await refused(() => other.put("d", new Uint8Array(8 * MIB)));
      assert.instance(error, ValueTooLargeError);
      assert.match(
        error.message,
        /must fit the 8380416 bytes that the cluster takes .*max_payload/,
      );
      await other.close();
    } finally {
      await store.close();
      for (const user of users) await user.kill();
    }
  });
});

test("a cluster keeps the limit that it was made with, and says so to who cannot keep it", async () => {
  await withServer("max_payload: 4MB", async (common, servers) => {
    const cluster = { ...common, name: "limited" };
    const large = bytesOf("a", 3 * MIB);
    const store = await open<Uint8Array>({ cluster });
    await store.put("a", large);
    await store.close();
    for (const [payload, isTaken] of [["8MB", true], ["1MB", false], ["64KB", false]] as const) {
      servers.kill(0);
      writeFileSync(join(servers.servers[0]!.folder, "nats.conf"), `max_payload: ${payload}`);
      await servers.restart(0);
      if (isTaken) {
        const again = await open<Uint8Array>({ cluster });
        assert.ok(isValueOf(await again.get("a"), "a", large.length));
        const error = await refused(() => again.put("b", bytesOf("b", 4 * MIB)));
        assert.match(error.message, "must fit the 4186112 bytes that the cluster takes");
        await again.close();
        continue;
      }
      const error = await refused(() => open({ cluster }));
      assert.instance(error, InvalidOptionError);
      const needed = payload === "1MB" ? "4191232 bytes" : "525312 bytes";
      assert.match(error.message, `cluster.servers must take messages`);
      assert.match(error.message, needed);
      assert.match(error.message, `max_payload ${payload === "1MB" ? MIB : 65536}`);
    }
  });
});

test("servers as they are by default take values of nearly 1 MB", async () => {
  await withServer("", async (common) => {
    const store = await open<Uint8Array>({ cluster: { ...common, name: "usual" } });
    const most = bytesOf("a", 1_040_000);
    await store.put("a", most);
    assert.ok(isValueOf(await store.get("a"), "a", most.length));
    assert.instance(await refused(() => store.put("a", new Uint8Array(MIB))), ValueTooLargeError);
    await store.close();
  });
});

test("a cluster that was made before there were long messages is used as it is", async () => {
  await withServer("max_payload: 8MB", async (common) => {
    const name = "older";
    const engine = await connectJetStream({ servers: common.servers, name, replicas: 1 });
    await new Promise<void>((resolve) => engine.createStream(CONTROL_STREAM, () => resolve()));
    const hashKey = [1, 2] as const;
    const of = {
      keys: "string",
      codec: "msgpack",
      replicas: 1,
      leaseMs: 2000,
      proof: "",
      format: 2,
    };
    const body = encode({ kind: "settings", hashKey, ...of } satisfies Settings);
    await new Promise<void>((resolve) => {
      engine.append(CONTROL_STREAM, "settings", body, undefined, () => resolve());
    });
    await engine.close();
    const store = await open<Uint8Array>({ cluster: { ...common, name } });
    await store.put("a", bytesOf("a", 500 * 1024));
    assert.ok(isValueOf(await store.get("a"), "a", 500 * 1024));
    const error = await refused(() => store.put("a", new Uint8Array(520 * 1024)));
    assert.instance(error, ValueTooLargeError);
    assert.match(error.message, "must fit the 520192 bytes that the cluster takes");
    await store.close();
  });
});

test.run();
