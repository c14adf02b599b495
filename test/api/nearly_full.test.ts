/**
 * `poolnearlyfull` comes while there is still room, however fast the pool is filled.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, PoolFullError, type Store } from "../../mod.ts";
import { AttachedThread, ThreadError } from "../support/attached_thread.ts";

const CONCURRENT = 16;
const VALUE = "x".repeat(900);

/** Shares of what the pool may hold at which the event came, so far. */
function listen(store: Store<unknown>): number[] {
  const shares: number[] = [];
  store.addEventListener("poolnearlyfull", ({ detail }) => {
    shares.push(detail.liveBytes / detail.liveBytesMax);
  });
  return shares;
}

function assertInTime(shares: readonly number[], most: number): void {
  assert.is(shares.length, 1);
  assert.ok(shares[0]! >= 0.9 && shares[0]! <= most, `${shares[0]}`);
}

for (const capacity of ["1MiB", "8MiB", "16MiB"] as const) {
  test(`it comes before anything is refused, ${capacity}`, async () => {
    await using store = await open<unknown>({ capacity });
    const shares = listen(store);
    const refused: unknown[] = [];
    for (let i = 0; refused.length === 0; i += CONCURRENT) {
      const puts = Array.from({ length: CONCURRENT }, (_, n) => store.put(`key ${i + n}`, VALUE));
      for (const put of await Promise.allSettled(puts)) {
        if (put.status === "rejected") refused.push(put.reason);
      }
      if (refused.length === 0) continue;
      assert.instance(refused[0], PoolFullError);
      // A segment of the smallest of them is a thirteenth of what it may hold, and what is put at
      // once is a fiftieth, all of which is there when this thread hears of what the KN's has done.
      assertInTime(shares, capacity === "1MiB" ? 0.999 : 0.93);
    }
  });
}

test("a listener that makes room keeps a writer from ever being refused", async () => {
  await using store = await open<unknown>({ capacity: "8MiB" });
  let first = 0;
  let events = 0;
  store.addEventListener("poolnearlyfull", () => {
    events += 1;
    for (const to = first + 4000; first < to; first++) void store.delete(`key ${first}`);
  });
  for (let i = 0; i < 13_000; i += CONCURRENT) {
    const puts = Array.from({ length: CONCURRENT }, (_, n) => store.put(`key ${i + n}`, VALUE));
    await Promise.all(puts);
  }
  assert.ok(events >= 2, `${events} events`);
});

test("it comes in time when another thread fills the pool", async () => {
  await using store = await open<unknown>({ capacity: "8MiB" });
  const shares = listen(store);
  const thread = await AttachedThread.start(store.share());
  for (let i = 0;; i++) {
    const error = await thread.call("put", `key ${i}`, VALUE).then(() => undefined, (e) => e);
    if (error === undefined) continue;
    assert.instance(error, ThreadError);
    assert.is(error.code, "DINOMO_POOL_FULL");
    break;
  }
  assertInTime(shares, 0.999);
  await thread.call("close");
  await thread.terminate();
});

test.run();
