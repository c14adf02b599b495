/**
 * Takes the bounds off this thread's waits for a wake-up. The store bounds them, so that a lost
 * wake-up would cost a second and no test would notice; without the bound it is a hang, which the
 * watchdog ends.
 *
 * @module
 */
import { IDLE_WAIT_MS_MAX } from "../../lib/core/limits.ts";
import { COMPLETION_TAIL } from "../../lib/rings/ring_layout.ts";

/**
 * How a thread waits: the KN for requests, the client for completions; sleeps of no more than a
 * while stay as they are.
 */
export function unboundWaits(role: "node" | "client"): void {
  const wait = Atomics.wait as (
    words: Int32Array,
    index: number,
    value: number,
    timeoutMs?: number,
  ) => "ok" | "not-equal" | "timed-out";
  const unbounded = (words: Int32Array, index: number, value: number, timeoutMs?: number) => {
    const isForWakeUp = role === "node"
      ? timeoutMs === IDLE_WAIT_MS_MAX
      : index === COMPLETION_TAIL;
    return isForWakeUp ? wait(words, index, value) : wait(words, index, value, timeoutMs);
  };
  Object.assign(Atomics, { wait: unbounded });
}
