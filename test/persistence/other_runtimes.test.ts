/**
 * A pool that one runtime has written is read by the others. Each runtime's run of this file writes
 * one, and reads those of the others.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open } from "../../mod.ts";
import { RUNTIMES } from "../../scripts/runtimes.ts";
import { currentRuntime, runChild } from "../support/child.ts";
import type { PoolUse } from "../support/children/pool_user.ts";
import { checkDataset, writeDataset } from "../support/dataset.ts";
import { SEED } from "../support/random.ts";
import { temporaryPath } from "../support/temporary.ts";
import { checkAnyValues } from "../support/values.ts";

const COUNT = 700;
/** Values of all kinds that each runtime reads of each other. */
const ANY_COUNT = 300;

test("a pool is read by a new process of the same runtime", async () => {
  const path = temporaryPath();
  await using store = await open<unknown>({
    keys: "mixed",
    path,
    capacity: "4MiB",
    segmentBytes: "64KiB",
  });
  await writeDataset(store, COUNT);
  await store.close();
  const use: PoolUse = { path, mode: "check", count: COUNT };
  assert.equal(await runChild("pool_user", use), ["checked"]);
});

for (const other of RUNTIMES.filter((runtime) => runtime !== currentRuntime())) {
  test(`a pool that ${other} has written is read, and read by ${other} again`, async () => {
    const path = temporaryPath();
    const written = await runChild("pool_user", { path, mode: "write", count: COUNT }, other);
    assert.equal(written, ["written"]);
    const store = await open<unknown>({ keys: "mixed", path });
    await checkDataset(store, COUNT);
    await writeDataset(store, COUNT + 50);
    await store.close();
    const use: PoolUse = { path, mode: "check", count: COUNT + 50 };
    assert.equal(await runChild("pool_user", use, other), ["checked"]);
  });

  // The other one's run of this file reads what this one writes.
  test(`values of all kinds mean here what they mean to ${other}`, async () => {
    const path = temporaryPath();
    const seed = SEED | 0;
    const write: PoolUse = { path, mode: "writeAny", count: ANY_COUNT, seed };
    assert.equal(await runChild("pool_user", write, other), ["written"]);
    const store = await open<unknown>({ keys: "mixed", path });
    await checkAnyValues(store, ANY_COUNT, seed);
    await store.close();
  });
}

test.run();
