/**
 * What flags of Node a thread is started with.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inheritedFlags } from "../../lib/platform/worker_options.ts";

/**
 * Flags of a process that was started in /home, and what its threads get; undefined: all of them.
 */
const CASES: readonly [string, string | undefined][] = [
  ["", undefined],
  ["-e 1", undefined],
  ["--max-old-space-size=200 --expose-gc --enable-source-maps", undefined],
  ["--import file:///x.mjs -r pirates", undefined],
  ["--input-type=module -e 1", ""],
  ["--input-type module -e 1", ""],
  ["--expose-gc --input-type=module --enable-source-maps", "--enable-source-maps"],
  ["--input-type=module --import tsx -C dev", "--import tsx -C dev"],
  ["--input-type=module --permission --allow-fs-read=*", "--permission --allow-fs-read=*"],
  ["--import ./x.mjs --expose-gc", "--import file:///home/x.mjs"],
  ["--import=../x.mjs", "--import=file:///x.mjs"],
  ["-r ./x.cjs --loader=./l.mjs", "-r /home/x.cjs --loader=file:///home/l.mjs"],
];

for (const [given, expected] of CASES) {
  test(`threads of node ${given}`, () => {
    const flags = inheritedFlags(given.split(" ").filter(Boolean), "/home");
    assert.equal(flags, expected?.split(" ").filter(Boolean));
  });
}

test.run();
