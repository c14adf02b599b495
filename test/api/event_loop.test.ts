/**
 * The event loop beside a busy store: timers get their turn although every write resolves within a tick.
 *
 * @module
 */
import { setTimeout } from "node:timers";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open } from "../../mod.ts";

/** A multiple of the 5 ms that a turn may last, for machines with other things to do. */
const LATE_MS = 1000;
/** Operations beyond which nobody waits for the timer any more. */
const OPERATIONS_MAX = 2_000_000;

for (const help of [true, false]) {
  test(`chains of awaited writes let timers fire (help: ${help})`, async () => {
    await using store = await open<number>({ capacity: "4MiB", help });
    const startMs = performance.now();
    let firedMs: number | undefined;
    let operations = 0;
    setTimeout(() => firedMs = performance.now() - startMs, 1);
    const chain = async (key: string) => {
      while (firedMs === undefined && operations < OPERATIONS_MAX) {
        await store.put(key, ++operations);
      }
    };
    // Several chains: the one that yields must not be carried along by the others.
    await Promise.all(["a", "b", "c"].map(chain));
    assert.ok(
      firedMs !== undefined && firedMs < LATE_MS,
      `after ${firedMs} ms, ${operations} puts`,
    );
  });
}

test.run();
