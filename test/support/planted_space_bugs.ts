/**
 * Planted bugs in how space is gained: who cleans, what, and whereto.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const SHARED = "lib/dpm/shared_cleaners.ts";
const CLEANER = "lib/dpm/cleaner.ts";
const VICTIMS = "lib/dpm/victims.ts";
const WITHHELD = "lib/pool/withheld_segments.ts";
const CUT_TAIL = "test/persistence/cut_tail.test.ts";
const WITHHELD_SEGMENTS = "test/unit/withheld_segments.test.ts";
const COMPACTION = "test/unit/compaction.test.ts";
const SHARED_CLEANERS = "test/unit/shared_cleaners.test.ts";
const IN_MEMORY = "test/simulation/failovers_in_memory.test.ts";

/** Bugs of cleaning and its space. */
export const SPACE_BUGS: readonly PlantedBug[] = [
  {
    name: "two threads clean as one cleaner",
    breaks: "a victim has one cleaner",
    file: SHARED,
    edits: [["if (!step.begin()) continue;", "step.begin();"]],
    caughtBy: [SHARED_CLEANERS],
  },
  {
    name: "a thread does not say how far it has cleaned a victim",
    breaks: "I10",
    file: CLEANER,
    edits: [["this.#pool.control[this.#agentAt + AGENT_VICTIM_NEXT] = this.#next;", ""]],
    caughtBy: [SHARED_CLEANERS],
  },
  {
    name: "a thread that dies is not known to have cleaned",
    breaks: "I1",
    file: SHARED,
    edits: [["abandonExecutor(pool.control, at, executor);", ""]],
    caughtBy: [SHARED_CLEANERS, IN_MEMORY],
  },
  {
    name: "the next thread goes on with the victim of one that has died",
    breaks: "I2",
    file: "lib/recovery/step_recovery.ts",
    edits: [["Atomics.store(this.#control, this.#agentAt + AGENT_VICTIM, 0);", ""]],
    caughtBy: [SHARED_CLEANERS],
  },
  {
    name: "a repair seals what a living cleaner has claimed",
    breaks: "a victim has one cleaner",
    file: "lib/recovery/reconciliation.ts",
    edits: [[
      "!== SegmentState.CLEANING || victims.has(i)) continue;",
      "!== SegmentState.CLEANING) continue;",
    ]],
    caughtBy: [SHARED_CLEANERS],
  },
  {
    name: "what shared cleaners hold open is admitted as room for live data",
    breaks: "the rule of space_budget.ts",
    file: "lib/pool/space_budget.ts",
    edits: [["Math.min(affordable, cleanable)", "affordable"]],
    caughtBy: [SHARED_CLEANERS],
  },
  {
    name: "victims are taken by their gain alone",
    breaks: "victims.ts",
    file: VICTIMS,
    edits: [["gain * (age + 1) / (2 - gain)", "gain"]],
    caughtBy: ["test/unit/victims.test.ts"],
  },
  {
    name: "a segment that is reused keeps its age",
    breaks: "victims.ts",
    file: "lib/pool/segment_table.ts",
    edits: [["control[at + SEGMENT_BIRTH] = Atomics.add(control, SEGMENTS_OPENED, 1);", ""]],
    caughtBy: ["test/unit/victims.test.ts"],
  },
  {
    name: "segments at the end are cut off while others may take them",
    breaks: "I10",
    file: WITHHELD,
    edits: [[
      "this.segments.push(segment as SegmentId); } return 0;",
      "this.#free.add(segment as SegmentId); } return 0;",
    ]],
    caughtBy: [CUT_TAIL],
  },
  {
    name: "a segment that another thread has taken is withheld",
    breaks: "I10",
    file: "lib/pool/free_segments.ts",
    edits: [["if ((word & bit) !== 0) return true; //", "if (word !== bit) return true; //"]],
    caughtBy: [WITHHELD_SEGMENTS],
  },
  {
    name: "a permit for a segment that was gone is not given back",
    breaks: "the set of free segments",
    file: "lib/pool/free_segments.ts",
    edits: [["Atomics.add(this.#control, FREE_SEGMENT_COUNT, 1); return false;", "return false;"]],
    caughtBy: [WITHHELD_SEGMENTS],
  },
  {
    name: "withheld segments are not given back",
    breaks: "the set of free segments",
    file: WITHHELD,
    edits: [["this.#free.add(segment);", ""]],
    caughtBy: [WITHHELD_SEGMENTS, CUT_TAIL],
  },
  {
    name: "one segment too many is cut off",
    breaks: "I3",
    file: "lib/persistence/checkpointer.ts",
    edits: [[
      "withheld.withholdTail() * segmentBytes",
      "(withheld.withholdTail() - 6) * segmentBytes",
    ]],
    caughtBy: [CUT_TAIL],
  },
  {
    name: "the end is cut off before the checkpoint is in its place",
    breaks: "I3",
    file: "lib/persistence/checkpointer.ts",
    edits: [
      ["this.#cutTail(); removeOtherImages", "removeOtherImages"],
      [
        "sealCheckpoint(checkpoint); try {",
        "sealCheckpoint(checkpoint); this.#segments.releasePending(pending); this.#cutTail(); try {",
      ],
    ],
    caughtBy: [CUT_TAIL],
  },
  {
    name: "compaction moves what is at the pool's start",
    breaks: "compaction.ts",
    file: "lib/dpm/compaction.ts",
    edits: [["while (--this.#end > target)", "while (--this.#end >= 0)"]],
    caughtBy: [COMPACTION],
  },
];
