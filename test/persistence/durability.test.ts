/**
 * Durability as an application sees it: levels, flushing, checkpoints, backups, and changes of
 * level.
 *
 * @module
 */
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  type Durability,
  InvalidArgumentError,
  open,
  type OpenOptions,
  PathError,
  type Store,
} from "../../mod.ts";
import { assertRejects, assertThrows, errorOf } from "../support/errors.ts";
import { openTelling } from "../../lib/store/opening/opening_progress.ts";
import { contentsOf, until } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";
import { applied } from "../support/versions.ts";

const SIZES = { capacity: "1MiB", segmentBytes: "16KiB" } as const;

async function withStore(
  options: OpenOptions,
  body: (store: Store<unknown>) => Promise<void>,
): Promise<void> {
  await using store = await open<unknown>(options);
  await body(store);
}

test("the level is os with a path, and memory without", async () => {
  await withStore({ ...SIZES }, async (store) => {
    await Promise.resolve();
    assert.is(store.stats().durability.level, "memory");
    assert.is(store.recovery, undefined);
  });
  await withStore({ path: temporaryPath(), ...SIZES }, async (store) => {
    await store.put("a", 1);
    const { level, failure, checkpoint, bytesSinceCheckpoint } = store.stats().durability;
    assert.equal([level, failure, checkpoint], ["os", undefined, 1]);
    assert.ok(bytesSinceCheckpoint > 0);
  });
});

test("a put may ask for the disk in an os store, and for nothing less than the store's level", async () => {
  await withStore({ path: temporaryPath(), ...SIZES }, async (store) => {
    const before = store.stats().durability.syncs.count;
    await store.put("a", 1);
    await store.put("b", 2, { durability: "disk" });
    const { syncs, unsyncedBytes } = store.stats().durability;
    assert.ok(syncs.count > before);
    assert.is(unsyncedBytes, 0, "what was written before is synced with it");
    assert.ok(syncs.maxMs >= syncs.lastMs && syncs.totalMs >= syncs.maxMs);
    store.putSync("c", 3, { durability: "disk" });
    await store.putMany([["d", 4], ["e", 5]], { durability: "disk" });
    assert.is(await applied(store.compareAndSet("f", null, 6, { durability: "disk" })), true);
    assert.is(await store.update("f", () => 7, { durability: "disk" }), 7);
    await store.put("large", "x".repeat(10_000), { durability: "disk" });
    assert.is(store.stats().durability.unsyncedBytes, 0);
    const refused = {
      type: InvalidArgumentError,
      code: "DINOMO_INVALID_ARGUMENT",
      says: /^durability must be the store's \("os"\) or "disk", got the string "memory"/,
    } as const;
    await assertRejects(() => store.put("g", 1, { durability: "memory" }), refused, "put");
    assertThrows(() => store.putSync("g", 1, { durability: "memory" }), refused, "putSync");
    assert.is(store.count, 7);
  });
  await withStore({ ...SIZES }, async (store) => {
    await store.put("a", 1, { durability: "memory" });
    await assertRejects(() => store.put("a", 2, { durability: "os" }), {
      type: InvalidArgumentError,
      code: "DINOMO_INVALID_ARGUMENT",
      says: /^durability must be the store's \("memory"\), got the string "os"/,
    }, "put");
  });
});

test("a disk store syncs what it acknowledges", async () => {
  await withStore({ path: temporaryPath(), ...SIZES, durability: "disk" }, async (store) => {
    await Promise.all(Array.from({ length: 200 }, (_, i) => store.put(`key ${i}`, i)));
    const { syncs, unsyncedBytes } = store.stats().durability;
    assert.is(unsyncedBytes, 0);
    assert.ok(syncs.count < 100, `${syncs.count} syncs for 200 puts at once`);
    store.putSync("a", 1);
    assert.is(store.stats().durability.unsyncedBytes, 0);
  });
});

test("what is written is synced by flush", async () => {
  await withStore({ path: temporaryPath(), ...SIZES }, async (store) => {
    for (let i = 0; i < 50; i++) await store.put("a", i);
    assert.ok(store.stats().durability.unsyncedBytes > 0);
    await store.flush();
    assert.is(store.stats().durability.unsyncedBytes, 0);
  });
});

/** A disk that others use, too, may take some seconds. */
const SYNCED_MS_MAX = 10_000;

async function isSynced(store: Store<unknown>): Promise<void> {
  const startMs = performance.now();
  await until(() => {
    const { unsyncedBytes } = store.stats().durability;
    if (performance.now() - startMs > SYNCED_MS_MAX) throw new Error(`${unsyncedBytes} B unsynced`);
    return unsyncedBytes === 0;
  });
}

test("the only change there is is synced by itself, within a second or two", async () => {
  // A commit is made by this thread itself, a put is a request.
  const changes = [
    (store: Store<unknown>) => store.put("a", 1),
    (store: Store<unknown>) => store.atomic().put("a", 1).commit(),
  ];
  await Promise.all(
    changes.map((change) =>
      withStore({ path: temporaryPath(), ...SIZES }, async (store) => {
        await change(store);
        assert.ok(store.stats().durability.unsyncedBytes > 0);
        await isSynced(store);
      })
    ),
  );
});

test("what is written last, while a sync is in progress, is synced by itself", async () => {
  await withStore({ path: temporaryPath(), ...SIZES, capacity: "4MiB" }, async (store) => {
    const durability = () => store.stats().durability;
    // One that has written nothing since the sync began tries again.
    for (let tries = 0; tries < 10 && durability().unsyncedBytes === 0; tries++) {
      const { count } = durability().syncs;
      while (durability().syncs.count === count) {
        store.putSync("a", tries);
        await setTimeout(1);
      }
    }
    await isSynced(store);
  });
});

test("checkpoints are written as the log grows, and free what was overwritten", async () => {
  const path = temporaryPath();
  await withStore({ path, ...SIZES, checkpointBytes: "128KiB" }, async (store) => {
    let count = 0;
    // A machine that is busy elsewhere takes longer to write one.
    while (count < 6000 || store.stats().durability.checkpoint <= 2) {
      assert.ok(count < 600_000, `${store.stats().durability.checkpoint} checkpoints`);
      void store.put(`key ${count % 100}`, `${count} ${"x".repeat(200)}`);
      if (count++ % 200 === 0) await setTimeout(1);
    }
    await store.flush();
    assert.ok(store.stats().durability.bytesSinceCheckpoint < 2 ** 20);
    for (let i = count - 100; i < count; i++) {
      assert.match(String(await store.get(`key ${i % 100}`)), `${i} x`);
    }
  });
  assert.ok(
    statSync(join(path, "image-1")).size <= 2 ** 20,
    "the image is no larger than the pool",
  );
});

for (const nodes of [1, 3]) {
  test(`a loop that never yields overwrites for ever: ${nodes} KNs`, async () => {
    // Nobody but the KNs can write checkpoints meanwhile.
    await withStore({ path: temporaryPath(), ...SIZES, nodes }, async (store) => {
      for (let i = 0; i < 20_000; i++) store.putSync(`key ${i % 50}`, `${i} ${"x".repeat(300)}`);
      assert.ok(store.stats().durability.checkpoint > 2);
      for (let i = 19_950; i < 20_000; i++) {
        assert.match(String(store.getSync(`key ${i % 50}`)), `${i} x`);
      }
      await Promise.resolve();
    });
  });
}

test("a pool goes from level to level", async () => {
  const path = temporaryPath();
  const levels: Durability[] = ["memory", "os", "disk", "memory", "os", "memory", "memory", "disk"];
  const model = new Map<string, unknown>();
  for (const [round, durability] of levels.entries()) {
    await withStore({ path, ...(round === 0 ? SIZES : {}), durability }, async (store) => {
      const contents = new Map(await contentsOf(store, "key"));
      assert.equal([...contents].sort(), [...model].sort(), `round ${round}, ${durability}`);
      for (let i = 0; i < 300; i++) {
        const key = `key ${(i * 7 + round) % 200}`;
        if (i % 5 === 0) {
          model.delete(key);
          void store.delete(key);
        } else {
          model.set(key, `${round} ${i}`);
          void store.put(key, `${round} ${i}`);
        }
      }
    });
  }
});

test("a capacity that grows is used, and remembered", async () => {
  const path = temporaryPath();
  await withStore({ path, capacity: "256KiB", segmentBytes: "16KiB" }, async (store) => {
    await store.put("a", 1);
  });
  await withStore({ path, capacity: "1MiB" }, async (store) => {
    await store.putMany(Array.from({ length: 400 }, (_, i) => [`key ${i}`, "x".repeat(1000)]));
  });
  await withStore({ path }, async (store) => {
    await Promise.resolve();
    assert.is(store.stats().capacityBytes, 2 ** 20);
    assert.is(store.count, 401);
  });
});

for (const durability of ["memory", "os"] as const) {
  test(`a backup is of one moment, while writes go on: ${durability}`, async () => {
    const copy = temporaryPath("copy");
    let acknowledged = 0;
    await withStore({ path: temporaryPath(), ...SIZES, durability, nodes: 2 }, async (store) => {
      let isDone = false;
      const write = async () => {
        for (let i = 1; !isDone; i++) {
          await store.put("first", i);
          acknowledged = i;
          await store.put("second", i);
          void store.put(`filler ${i % 50}`, "x".repeat(500));
          if (i % 16 === 0) await setTimeout(0);
        }
      };
      const writing = write();
      await until(() => acknowledged > 100);
      const before = acknowledged;
      const report = await store.backup(copy);
      assert.is(report.number, 1);
      await assertRejects(() => store.backup(copy), {
        type: PathError,
        code: "DINOMO_PATH",
        says: /^directory must be empty or not exist yet, got .*, which holds a pool$/,
      }, "again");
      isDone = true;
      await writing;
      await withStore({ path: copy }, async (kept) => {
        const first = await kept.get("first") as number;
        const second = await kept.get("second") as number;
        assert.ok(first >= before, `${first}, ${before} acknowledged before`);
        assert.ok(second === first || second === first - 1, `${first} and ${second}`);
        await kept.put("first", -1);
      });
      assert.is(await store.get("first"), acknowledged);
    });
  });
}

test("a backup of a store without a path, and into a directory with something else", async () => {
  const copy = temporaryPath("copy");
  await withStore({ ...SIZES }, async (store) => {
    await store.put("a", 1);
    mkdirSync(copy);
    writeFileSync(join(copy, "other"), "");
    await assertRejects(() => store.backup(copy), {
      type: PathError,
      code: "DINOMO_PATH",
      says: /holds "other"/,
    }, "something else");
    await assertRejects(() => store.backup(5 as unknown as string), {
      type: InvalidArgumentError,
      code: "DINOMO_INVALID_ARGUMENT",
      says: /^directory must be a non-empty string, got the number 5/,
    }, "no path");
    await store.backup(join(copy, "inner"));
  });
  await withStore({ path: join(copy, "inner") }, async (kept) => {
    assert.is(await kept.get("a"), 1);
  });
});

test("progress is reported while a pool is restored", async () => {
  const path = temporaryPath();
  await withStore({ path, ...SIZES }, async (store) => {
    for (let i = 0; i < 1000; i++) void store.put(`key ${i}`, "x".repeat(300));
    await store.flush();
  });
  const shares: number[] = [];
  await withStore({ path, onProgress: (share) => shares.push(share) }, async (store) => {
    await Promise.resolve();
    assert.is(store.count, 1000);
  });
  assert.ok(shares.length > 3 && shares.at(-1) === 1, shares.join());
  assert.equal(shares, [...shares].sort((a, b) => a - b));
});

test("what onProgress throws ends the opening, which rejects with it", async () => {
  const path = temporaryPath();
  await withStore({ path, ...SIZES }, async (store) => void await store.put("a", 1));
  const reason = new Error("the bar is broken");
  for (const options of [{}, { readOnly: true }, { ordered: true }, { standby: true }]) {
    for (const share of [0, 0.4, 1]) {
      let told = 0;
      const onProgress = (done: number) => {
        if (done < share) return;
        told += 1;
        throw reason;
      };
      assert.is(await errorOf(() => open({ path, ...options, onProgress })), reason);
      assert.is(told, 1);
    }
  }
  // The first failure counts, also where what has failed is tried again.
  let told = 0;
  const opening = openTelling(() => {
    told += 1;
    throw reason;
  }, (onProgress) => Promise.resolve().then(() => onProgress!(0)).catch(() => onProgress!(1)));
  assert.is(await errorOf(() => opening), reason);
  assert.is(told, 1);
  await withStore({ path }, async (store) => assert.is(await store.get("a"), 1));
});

test.run();
