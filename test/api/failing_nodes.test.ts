/**
 * KNs that cannot be started, or stop by themselves: every operation ends, with a typed error, and the store closes.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NodeFailedError, open, type Store, StoreClosedError } from "../../mod.ts";
import { assertRefusal, assertRejects, assertThrows, errorOf } from "../support/errors.ts";
import { until } from "../support/store_suite.ts";

const SIZES = { capacity: "1MiB", segmentBytes: "16KiB" } as const;
const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";

function failingKn(query = ""): URL {
  return new URL(`../support/workers/failing_kn.${EXTENSION}${query}`, import.meta.url);
}

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

/** Puts until the store fails; returns how the puts ended. */
async function putUntilFailure(
  store: Store<unknown>,
): Promise<{ fulfilled: number; rejected: unknown[] }> {
  const ends: Promise<unknown>[] = [];
  await until(() => {
    for (let i = 0; i < 50; i++) ends.push(store.put(`key ${i}`, i));
    // Nobody handles these before the store has failed, which the runtimes would report.
    for (const end of ends.slice(-50)) end.catch(() => {});
    return ends.length > 20_000 || isFailed(store);
  });
  assert.ok(isFailed(store), "the store has failed");
  const outcomes = await Promise.allSettled(ends);
  const rejected = outcomes.flatMap((end) => end.status === "rejected" ? [end.reason] : []);
  return { fulfilled: outcomes.length - rejected.length, rejected };
}

function isFailed(store: Store<unknown>): boolean {
  try {
    return store.count < 0;
  } catch {
    return true;
  }
}

for (const [name, query] of [["throws", ""], ["ends its thread", "?exit"]] as const) {
  test(`a KN that ${name} while it works fails the store, and every operation ends`, async () => {
    const store = await open<unknown>({ ...SIZES, workers: { node: failingKn(query) } });
    const { fulfilled, rejected } = await putUntilFailure(store);
    assert.ok(fulfilled > 0, "it has worked before");
    assert.ok(rejected.length > 0);
    for (const error of rejected) {
      assert.ok(error instanceof NodeFailedError || error instanceof StoreClosedError, `${error}`);
    }
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

test("an operation that blocks is told when its KN has failed", async () => {
  const store = await open<unknown>({ ...SIZES, workers: { node: failingKn() } });
  let error: unknown;
  for (let i = 0; i < 2000 && error === undefined; i++) {
    try {
      // Bursts are the KN's work; what comes alone the client executes itself.
      for (let j = 0; j < 50; j++) store.put(`key ${j}`, i).catch(() => {});
      store.putSync(`key ${i % 50}`, i);
    } catch (thrown) {
      error = thrown;
    }
  }
  assert.ok(error instanceof NodeFailedError || error instanceof StoreClosedError, String(error));
  await until(() => isFailed(store));
  await store.close();
});

test("when one of three KNs fails the others stop too, and close ends", async () => {
  const store = await open<unknown>({ ...SIZES, nodes: 3, workers: { node: failingKn() } });
  const { rejected } = await putUntilFailure(store);
  assert.ok(rejected.length > 0);
  assertRefusal(await errorOf(() => store.get("key 1")), {
    type: StoreClosedError,
    code: "DINOMO_CLOSED",
    says: /failed/,
  }, "get");
  await store.close();
});

test.run();
