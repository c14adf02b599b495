/**
 * KNs that cannot be started, or fail as soon as they are: every operation ends, with a typed
 * error, and the store closes.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SlotTable } from "../../lib/index/slot_table.ts";
import {
  NodeFailedError,
  type NodeFailure,
  open,
  type Store,
  StoreClosedError,
} from "../../mod.ts";
import { runtimeShare } from "../support/campaign.ts";
import { assertRejects, assertThrows, errorOf } from "../support/errors.ts";
import { until } from "../support/store_suite.ts";

const SIZES = { capacity: "1MiB", segmentBytes: "16KiB" } as const;
const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const FAILING_KN = new URL(`../support/workers/failing_kn.${EXTENSION}`, import.meta.url);

test("a worker module that is missing, throws, or ends at once is reported by open", async () => {
  const modules: Record<string, string | URL> = {
    missing: new URL("./no_such_module.js", import.meta.url),
    throwing: "data:text/javascript,throw new Error('planted')",
    ending: "data:text/javascript,export {}",
  };
  for (const [name, node] of Object.entries(modules)) {
    await assertRejects(() => open({ ...SIZES, workers: { node } }), {
      type: NodeFailedError,
      code: "DINOMO_NODE_FAILED",
      says: /^KN \d+ (failed: |ended by itself with exit code )/,
    }, name);
  }
});

test("if one of several KNs cannot be started, none is left running", async () => {
  const error = await errorOf(() =>
    open({
      ...SIZES,
      nodes: 3,
      workers: { node: "data:text/javascript,throw new Error('planted')" },
    })
  );
  assert.instance(error, NodeFailedError);
  // That the process ends after this test shows that no thread is left.
});

function hasFailed(store: Store<unknown>): boolean {
  try {
    return store.count < 0;
  } catch {
    return true;
  }
}

for (const nodes of runtimeShare([3, 1, 1])) {
  test(`${nodes} KNs that fail whenever they have something to do end the store, and every operation`, async () => {
    // Clients that helped would do without the KNs' threads.
    const store = await open<unknown>({
      ...SIZES,
      nodes,
      help: false,
      workers: { node: FAILING_KN },
    });
    const failures: number[] = [];
    store.addEventListener("nodefailed", ({ detail }) => failures.push(detail.node));
    const ends = Array.from({ length: 200 }, (_, i) => errorOf(() => store.put(`key ${i}`, i)));
    const errors = await Promise.all(ends);
    for (const error of errors) {
      assert.ok(error instanceof NodeFailedError || error instanceof StoreClosedError, `${error}`);
    }
    assert.ok(hasFailed(store));
    assert.ok(failures.length >= 20, `${failures.length} of them were replaced`);
    assert.is(new Set(failures).size, failures.length, "each was another KN");
    const failed = {
      type: StoreClosedError,
      code: "DINOMO_CLOSED",
      says: /^the store has failed and must be opened again: KN \d+ /,
    } as const;
    assertThrows(() => store.getSync("key 1"), failed, "getSync");
    await assertRejects(() => store.put("a", 1), failed, "put");
    await assertRejects(() => store.scale(2), failed, "scale");
    await store.close();
  });
}

test("a store does without the threads of its KNs as long as its clients help", async () => {
  const store = await open<unknown>({ ...SIZES, workers: { node: FAILING_KN } });
  for (let i = 0; i < 100; i++) await store.put(`key ${i}`, i);
  assert.is(store.count, 100);
  await store.close();
  await until(() => hasFailed(store));
});

test("what a thread throws that executes for a KN is the cause of that KN's failure", async () => {
  await using store = await open<unknown>(SIZES);
  const failures: NodeFailure[] = [];
  store.addEventListener("nodefailed", ({ detail }) => failures.push(detail));
  const { find } = SlotTable.prototype;
  const planted = new Error("planted");
  SlotTable.prototype.find = () => {
    SlotTable.prototype.find = find;
    throw planted;
  };
  const errors = await Promise.all([
    errorOf(() => store.put("a", 1)),
    until(() => failures.length > 0),
  ]);
  assert.is(SlotTable.prototype.find, find, "it was called");
  assert.is(failures[0]!.cause, planted, `${failures[0]!.reason}, ${String(errors[0])}`);
});

test.run();
