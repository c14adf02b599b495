/**
 * Planted bugs in reads of many keys at one moment.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const READS = "test/api/consistent_reads.test.ts";

/** Bugs by which what is read is of no moment. */
export const MOMENT_BUGS: readonly PlantedBug[] = [
  {
    name: "a key that has changed between two readings counts as unchanged",
    breaks: "I4",
    file: "lib/store/reads/consistent_reads.ts",
    edits: [[
      "return found.version === again.version && found.expiresAtMs === again.expiresAtMs;",
      "return found.expiresAtMs === again.expiresAtMs;",
    ]],
    caughtBy: [READS],
    inTest: "between any two accesses",
  },
  {
    name: "a key that came and went between two readings counts as absent",
    breaks: "I4",
    file: "lib/store/reads/absence.ts",
    edits: [[
      "before.versionLow === after.versionLow && before.versionHigh === after.versionHigh;",
      "before.versionHigh === after.versionHigh;",
    ]],
    caughtBy: [READS],
    inTest: "of two keys of which one always exists",
  },
  {
    name: "a key that is being put while its place is looked at counts as absent",
    breaks: "I4",
    file: "lib/store/reads/absence.ts",
    edits: [
      ["return (before.lock & HOLDER_MASK) === 0 && before.owner", "return before.owner"],
      ["before.lock === (after.lock & ~HOLDER_MASK)", "(before.lock ^ after.lock) >= 0"],
    ],
    caughtBy: [READS],
    inTest: "put and expires between two looks",
  },
  {
    name: "a reader that is not let through reads without a pause",
    breaks: "I4",
    file: "lib/store/reads/consistent_reads.ts",
    edits: [[
      "return whilePaused(this.#pool, AGENT_READER, () => this.#readTwice(keys, undefined), options);",
      "return this.#readTwice(keys, undefined);",
    ]],
    caughtBy: [READS],
    inTest: "pauses the pool",
  },
];
