/**
 * A system clock that a test sets forward and back, of this thread only: imported before anything
 * of the library, which takes its clocks when it is loaded.
 *
 * What looks like a fake is not believed (lib/platform/runtime.ts): then the clock of a new realm
 * is asked, and that is this one. Threads that are started go by the real clock, so a test does
 * what they are to agree with while the clock is where it was at first.
 *
 * @module
 */
import process from "node:process";
import type { runInNewContext } from "node:vm";

const realMs = Date.now.bind(Date);
let aheadMs = 0;

/** Sets the clock so many milliseconds ahead of the real one. */
export function setClockAhead(ms: number): void {
  aheadMs = ms;
}

const vm = process.getBuiltinModule("node:vm") as { runInNewContext: typeof runInNewContext };
vm.runInNewContext = () => () => realMs() + aheadMs;
Date.now = () => realMs() + aheadMs;
// Bun would rather ask one of these.
Object.assign(globalThis, { ShadowRealm: undefined });
