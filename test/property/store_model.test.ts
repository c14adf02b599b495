/**
 * A store behaves like a Map: random sequences of all operations, on one KN and on several, with
 * rings and segments so small that every rare path is taken, and with closing and opening in
 * between.
 *
 * @module
 */
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type OpenOptions, type Store } from "../../mod.ts";
import { SEED } from "../support/random.ts";
import { type Model, type Real, storeCommands } from "../support/store_commands.ts";
import { contentsOf } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";

const TINY: OpenOptions = {
  capacity: "512KiB",
  segmentBytes: "4KiB",
  ringBytes: "8KiB",
  inFlight: 8,
};

const RUNS = 6;
const COMMANDS_MAX = 80;

/** Runs random commands on a store that is cleared before each sequence. */
async function checkModel(
  store: Store<unknown>,
  reopen?: () => Promise<Store<unknown>>,
): Promise<void> {
  const real: Real = reopen === undefined ? { store } : { store, reopen: () => reopen() };
  const property = fc.asyncProperty(storeCommands(COMMANDS_MAX), async (commands) => {
    await real.store.clear();
    await real.store.scale(1);
    const model: Model = new Map();
    await fc.asyncModelRun(() => ({ model, real }), commands);
    const contents = await contentsOf(real.store);
    assert.equal(contents.map(([key]) => key), [...model.keys()].sort());
    for (const [key, value] of contents) assert.equal(value, model.get(key), key);
    assert.is(real.store.stats().pending, 0);
  });
  try {
    await fc.assert(property, { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: 60_000 });
  } catch (error) {
    console.error(`\nto replay this failure: DINOMO_SEED=${SEED}`, (error as Error).cause);
    throw error;
  } finally {
    await real.store.close();
  }
}

test("as it comes", async () => checkModel(await open<unknown>({ capacity: "16MiB" })));

test("tiny", async () => checkModel(await open<unknown>(TINY)));

test("with a path, closed and opened again in between", async () => {
  const path = temporaryPath();
  let store = await open<unknown>({ ...TINY, path });
  await checkModel(store, async () => {
    await store.close();
    store = await open<unknown>({ ...TINY, path });
    return store;
  });
});

test.run();
