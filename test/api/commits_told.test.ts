/**
 * Atomic commits in stores that are watched and ordered: watchers of keys and of prefixes are told
 * of every key of a commit, when all of it can be read, and the order of the keys is what the
 * commit has made of it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type KeyChange, open, type OpenOptions } from "../../mod.ts";
import { temporaryPath } from "../support/temporary.ts";
import { seeded } from "../support/random.ts";
import { WatchedItems } from "../support/watched_items.ts";

const ROUNDS = 60;

for (const durability of [undefined, "os", "disk"] as const) {
  test(
    `watchers are told of commits, and scans are in order: ${durability ?? "in memory"}`,
    seeded(async (random) => {
      const options: OpenOptions<number, "string"> = durability === undefined
        ? {}
        : { path: temporaryPath(), durability };
      await using store = await open<number>({
        ...options,
        capacity: "4MiB",
        nodes: 2,
        ordered: true,
      });
      const keys = Array.from({ length: 8 }, (_, i) => `k:${i}`);
      const expected = new Map<string, number>();
      const control = new AbortController();
      const { signal } = control;
      const entries = new WatchedItems(store.watch(keys, { signal, keepAlive: true }));
      const changes = new WatchedItems<KeyChange<string>>(
        store.watch({ prefix: "k:" }, { signal, keepAlive: true }),
      );
      await entries.until(() => true);
      await changes.until(({ kind }) => kind === "resync");
      let told: string[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const commit = store.atomic();
        told = [];
        for (const [i, key] of keys.entries()) {
          const what = random.below(3);
          if (what === 0) continue;
          if (what === 1) {
            commit.put(key, round * 10 + i);
            expected.set(key, round * 10 + i);
            told.push(`put ${key}`);
          } else {
            commit.delete(key);
            if (expected.delete(key)) told.push(`delete ${key}`);
          }
        }
        const before = changes.items.length;
        assert.ok(await commit.commit() !== null);
        assert.equal(store.getManySync(keys), keys.map((key) => expected.get(key)));
        const present = keys.filter((key) => expected.has(key));
        assert.equal([...store.keysSync({ gte: "k:", lt: "k;" })], present);
        assert.equal([...store.keysSync({ reverse: true })], present.toReversed());
        await entries.until((last) => {
          return keys.every((key, i) => last[i]?.value === expected.get(key));
        });
        while (changes.items.length < before + told.length) {
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        const seen = changes.items.slice(before).map((change) => {
          return change.kind === "resync" ? "resync" : `${change.kind} ${change.key}`;
        });
        assert.equal(seen.sort(), told.sort(), `round ${round}`);
        for (const change of changes.items.slice(before)) {
          if (change.kind !== "put") continue;
          assert.is(change.version, store.getEntrySync(change.key)!.version);
        }
      }
      control.abort();
      await entries.ended;
      await changes.ended;
    }),
  );
}

test.run();
