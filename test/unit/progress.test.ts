/**
 * How a command says how far it is: share, rate and remaining time, on a terminal or not.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { keysOf } from "../../lib/cli/pool_access.ts";
import { Progress } from "../../lib/cli/progress.ts";

interface Shown {
  isInteractive: boolean;
  options?: string[];
  total?: number | undefined;
}

/** What is shown when so many keys are done after so many milliseconds. */
function shown({ isInteractive, options = [], total }: Shown, steps: [ms: number, done: number][]) {
  const parts: string[] = [];
  let nowMs = 0;
  const terminal = {
    isInteractive,
    isOutputInteractive: false,
    outputSize: () => ({ columns: 80, rows: 24 }),
    errorSize: () => ({ columns: 80 }),
    write: () => assert.unreachable("a progress is a message"),
    writeError: (bytes: Uint8Array) => void parts.push(Buffer.from(bytes).toString()),
  };
  const given = new Map(options.map((name) => [name, ""]));
  const progress = new Progress(terminal, "dump: ", given, keysOf(total), () => nowMs);
  for (const [ms, done] of steps) {
    nowMs = ms;
    progress.update(done);
  }
  progress.end();
  return parts;
}

test("on a terminal a bar is redrawn in place, and is gone in the end", () => {
  const steps: [number, number][] = [[200, 10], [250, 20], [1000, 500], [3000, 1500]];
  assert.equal(shown({ isInteractive: true, total: 2000 }, steps), [
    "\r\x1b[Kdinomo: dump: [--------------------] 0 %",
    "\r\x1b[Kdinomo: dump: [#####---------------] 25 %, 500 keys/s, 3 s left",
    "\r\x1b[Kdinomo: dump: [###############-----] 75 %, 500 keys/s, 1 s left",
    "\r\x1b[K",
  ]);
});

test("minutes are minutes, and what has no known end has no remaining time", () => {
  assert.match(
    shown({ isInteractive: true, total: 100_000 }, [[10_000, 1000]])[0]!,
    "1 %, 100 keys/s, 16 min 30 s left",
  );
  assert.is(
    shown({ isInteractive: true, total: undefined }, [[10_000, 1000]])[0],
    "\r\x1b[Kdinomo: dump: 1,000 keys, 100 keys/s",
  );
});

test("elsewhere there are lines, if they are asked for", () => {
  const steps: [number, number][] = [[100, 5], [200, 10], [1000, 15], [2000, 50], [4000, 100], [
    4000,
    100,
  ]];
  assert.equal(shown({ isInteractive: false, total: 100 }, steps), []);
  assert.equal(shown({ isInteractive: false, options: ["progress"], total: 100 }, steps), [
    "dinomo: dump: 10 %\n",
    "dinomo: dump: 50 %, 25 keys/s, 2 s left\n",
    "dinomo: dump: 100 %, 25 keys/s\n",
  ]);
});

test("nothing when it is to be quiet", () => {
  for (const isInteractive of [true, false]) {
    const options = ["quiet", "progress"];
    assert.equal(shown({ isInteractive, options, total: 10 }, [[1000, 5], [2000, 10]]), []);
  }
});

test.run();
