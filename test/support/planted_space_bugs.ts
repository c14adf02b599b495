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

const GROWTH = "lib/pool/segment_growth.ts";
const COPY = "lib/persistence/pool_copy.ts";
const SEGMENT_GROWTH = "test/unit/segment_growth.test.ts";
const POOL_COPY = "test/unit/pool_copy.test.ts";

/** Bugs of cleaning and its space. */
export const SPACE_BUGS: readonly PlantedBug[] = [
  {
    name: "segments join the free ones before the limit is raised",
    breaks: "nothing is ever at or beyond the limit",
    file: GROWTH,
    edits: [
      ["Atomics.store(control, SEGMENT_LIMIT, count);", ""],
      [
        "segment < count; segment++) free.add(",
        "segment < count; Atomics.store(control, SEGMENT_LIMIT, ++segment)) free.add(",
      ],
    ],
    caughtBy: [SEGMENT_GROWTH],
  },
  {
    name: "segments are admitted before a checkpoint that names them is in its place",
    breaks: "I3",
    file: "lib/persistence/checkpointer.ts",
    edits: [
      ["admitSegments(this.#pool, segmentCountOf(checkpoint));", ""],
      [
        "sealCheckpoint(checkpoint); try {",
        "sealCheckpoint(checkpoint); admitSegments(this.#pool, segmentCountOf(checkpoint)); try {",
      ],
    ],
    caughtBy: [SEGMENT_GROWTH],
    inTest: "killed",
  },
  {
    name: "a snapshot names the segments that there were before its pause",
    breaks: "I3",
    file: "lib/persistence/snapshot_writer.ts",
    edits: [
      ["const bucketsExpected =", "const wanted = wantedSegments(pool); const bucketsExpected ="],
      [
        "const segmentCount = wantedSegments(pool); const ledger",
        "const segmentCount = wanted; const ledger",
      ],
    ],
    caughtBy: [SEGMENT_GROWTH],
    inTest: "snapshot",
  },
  {
    name: "a repair admits segments",
    breaks: "nothing is ever at or beyond the limit",
    file: "lib/pool/segment_table.ts",
    edits: [[
      "=== DeferFree.YES; for (let i = 0, end = this.#pool.segmentLimit;",
      "=== DeferFree.YES; for (let i = 0, end = this.#pool.geometry.segmentCount;",
    ]],
    caughtBy: [SEGMENT_GROWTH],
    inTest: "dies in a growth",
  },
  {
    name: "what a pool admits stays as it was before it has grown",
    breaks: "the rule of space_budget.ts",
    file: "lib/pool/space_budget.ts",
    edits: [[
      "const { segmentLimit, geometry, control } = this.#pool;",
      'const { geometry, control } = this.#pool; const segmentLimit = this["seen"] ??= this.#pool.segmentLimit;',
    ]],
    caughtBy: [SEGMENT_GROWTH],
  },
  {
    name: "the index of a pool stays as large as it was",
    breaks: "the index has room for what is admitted",
    file: "lib/index/index_space.ts",
    edits: [[
      "const countMax = this.#pool.bucketLimit - reservedCount;",
      'const countMax = (this["seen"] ??= this.#pool.bucketLimit) - reservedCount;',
    ]],
    caughtBy: [SEGMENT_GROWTH],
  },
  {
    name: "a smaller pool forgets the versions of its slots",
    breaks: "I9",
    file: COPY,
    edits: [["to.control[toAt + word] = from.control[fromAt + word];", ""]],
    caughtBy: [POOL_COPY],
  },
  {
    name: "a record is copied that the index does not hold",
    breaks: "a record is live if the index holds exactly its address",
    file: COPY,
    edits: [["|| !table.findAddress(slotAt, hash, address)) continue;", ") continue;"]],
    caughtBy: [POOL_COPY],
  },
  {
    name: "data is copied into a pool that is too small for it",
    breaks: "a copy that has begun is finished",
    file: "lib/persistence/smaller_pool.ts",
    edits: [["if (count < countNeeded) throw", "if (false) throw"]],
    caughtBy: [POOL_COPY],
  },
  {
    name: "the old image is removed before the smaller pool is in its place",
    breaks: "I3",
    file: "lib/persistence/snapshot_writer.ts",
    edits: [[
      "sealCheckpoint(checkpoint); writeCheckpoint(files, directory, checkpoint); removeOther",
      "sealCheckpoint(checkpoint); removeOtherImages(files, directory, number); writeCheckpoint(files, directory, checkpoint); removeOther",
    ]],
    caughtBy: [POOL_COPY],
    inTest: "killed",
  },
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
