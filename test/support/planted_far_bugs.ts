/**
 * Planted bugs in the far placement: in what KNs remember, in merging, in moving slots, and in what
 * comes back for reads.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const STEPS = "test/simulation/far_steps.test.ts";
const FAILOVERS = "test/simulation/failovers_far.test.ts";
const RESPONSE_RING = "test/unit/response_ring.test.ts";
const UNMERGED_LOG = "test/unit/unmerged_log.test.ts";
const FAR_NODE = "test/unit/far_node.test.ts";
const LOG_MERGER = "test/unit/log_merger.test.ts";
const INDEX_SPACE = "test/unit/index_space.test.ts";
const FAR_BUDGET = "test/unit/far_budget.test.ts";
const MERGER = "lib/far/log/log_merger.ts";
const UNMERGED = "lib/far/log/unmerged_log.ts";
const LOOKUP = "lib/far/node/far_lookup.ts";
const FAR_GROUP = "test/unit/far_group.test.ts";
const SLOT_WRITER = "lib/agent/slot_writer.ts";
const READS = "lib/far/node/far_reads.ts";
const MERGED = "lib/far/node/merged_commit.ts";
const REQUEST_GROUP = "lib/node/request_group.ts";

/** Bugs in the far placement. */
export const FAR_BUGS: readonly PlantedBug[] = [
  {
    name: "a clear of a slot hides the store's own key until it is merged",
    breaks: "I5",
    file: LOOKUP,
    edits: [["if (key.byteLength > 0 && this.#unmerged", "if (this.#unmerged"]],
    caughtBy: [FAR_NODE],
  },
  {
    name: "the segments of a log are merged in another order",
    breaks: "I4",
    file: MERGER,
    edits: [[
      "if (number > firstNumber || !this.#hasRest(segment)) continue;",
      "if ((first !== NO_SEGMENT && number < firstNumber) || !this.#hasRest(segment)) continue;",
    ]],
    caughtBy: [STEPS],
  },
  {
    name: "a delete is not merged",
    breaks: "I4",
    file: SLOT_WRITER,
    edits: [["this.remove(slotAt, old); return Applied.DONE;", "return Applied.DONE;"]],
    caughtBy: [STEPS],
  },
  {
    name: "the Bloom filter and the table of a piece are dropped before it is merged",
    breaks: "I4",
    file: UNMERGED,
    edits: [["return this.#mergedBytes(segment) >= endBytes;", "return true;"]],
    caughtBy: [STEPS],
  },
  {
    name: "a full segment can be cleaned and freed before it is merged",
    breaks: "I10",
    file: "lib/log/log_writer.ts",
    edits: [[
      "if (!this.#isMerged) this.#segments.seal(segment);",
      "this.#segments.seal(segment);",
    ]],
    caughtBy: [STEPS],
  },
  {
    name: "a slot is given away before the log of its owner is merged",
    breaks: "I4",
    file: "lib/far/mnode/far_moves.ts",
    edits: [["return agent === undefined || this.mergeAll(agent);", "return true;"]],
    caughtBy: [STEPS],
  },
  {
    name: "responses are overwritten that the client has not taken",
    breaks: "I2",
    file: "lib/rings/response_ring.ts",
    edits: [["if (used + skipped + length > this.#capacity) return RESPONSES_FULL;", ""]],
    caughtBy: [RESPONSE_RING],
  },
  {
    name: "a KN keeps what it has cached of a slot that has left and come back",
    breaks: "I4",
    file: LOOKUP,
    edits: [[
      "this.#unmerged.dropSlot(slot); this.#cache?.dropSlot(slot);",
      "this.#unmerged.dropSlot(slot);",
    ]],
    caughtBy: [STEPS],
  },
  {
    name: "a KN keeps what it has logged of a slot that has left and come back",
    breaks: "I4",
    file: UNMERGED,
    edits: [["if (isOfSlot) table[at + 1] = FORGOTTEN;", ""]],
    caughtBy: [UNMERGED_LOG],
  },
  {
    name: "a KN reads keys of slots that it does not own any more",
    breaks: "I1",
    file: READS,
    edits: [[
      "if ((lock & ~HOLDER_MASK) !== owner || ownerOf(owner) !== this.#options.nodeId) return false;",
      "",
    ]],
    caughtBy: [FAR_NODE],
  },
  {
    name: "a merger knows the segment that it merges by its place only",
    breaks: "I4",
    file: MERGER,
    edits: [["this.#numberOf(this.#segment) === this.#number;", "true;"]],
    caughtBy: [LOG_MERGER],
  },
  {
    name: "the slots that a merger had locked when it died stay locked",
    breaks: "I1",
    file: "lib/recovery/merger_recovery.ts",
    edits: [[
      "const { completed, miscounted } = recoverProcessor(pool, agent, file);",
      "const completed = 0; const miscounted = [];",
    ]],
    caughtBy: [FAILOVERS],
  },
  {
    name: "what a merger was replacing when it died is not counted anew",
    breaks: "I10",
    file: "lib/recovery/merger_recovery.ts",
    edits: [["const replaced = (pool.control[replacedAt] - 1)", "const replaced = (-1)"]],
    caughtBy: [LOG_MERGER],
  },
  {
    name: "a KN counts buckets before it says what it promises",
    breaks: "I4",
    file: "lib/far/log/far_budget.ts",
    edits: [[
      "this.#publish(count); const spare = this.#spareBuckets();",
      "const spare = this.#spareBuckets() - count; this.#publish(count);",
    ]],
    caughtBy: [FAR_BUDGET],
  },
  {
    name: "a KN takes no account of what others have promised",
    breaks: "I4",
    file: "lib/far/log/far_budget.ts",
    edits: [[
      "return this.#sureBuckets() - unmerged - promised - BUCKET_MARGIN;",
      "return this.#sureBuckets() - unmerged - this.#promised - BUCKET_MARGIN;",
    ]],
    caughtBy: [FAR_BUDGET],
  },
  {
    name: "a table is doubled into the buckets that are left for insertions",
    breaks: "I4",
    file: "lib/index/index_space.ts",
    edits: [[
      "return this.allocateExtent(count, this.#reservedCount);",
      "return this.allocateExtent(count);",
    ]],
    caughtBy: [INDEX_SPACE],
  },
  {
    name: "a DPM processor that has died while it merged has the merger for ever",
    breaks: "I5",
    file: MERGER,
    edits: [["abandonExecutor(pool.control, at, agentExecutor(agent));", ""]],
    caughtBy: [FAILOVERS],
    inTest: "while it merges",
  },
  {
    name: "a read does not see a change of the same step",
    breaks: "I4",
    file: READS,
    edits: [["isThere = commit.find(key, routedBy);", "isThere = this.#options.lookup.find(key);"]],
    caughtBy: [STEPS],
  },
  {
    name: "a read looks at a change that may turn out not to be written",
    breaks: "I3",
    file: MERGED,
    edits: [["const mustWait = this.#options.hasFile || isShared;", "const mustWait = isShared;"]],
    caughtBy: [FAR_GROUP],
  },
  {
    name: "a read waits for no end of a group that has cleared its slot",
    breaks: "I4",
    file: REQUEST_GROUP,
    edits: [["if (this.#isCleared[key.hash >>> SLOT_SHIFT] !== 0) return false;", ""]],
    caughtBy: [STEPS],
  },
  {
    name: "a slot is cleared while records of it wait to be merged",
    breaks: "I4",
    file: MERGED,
    edits: [["if (unmerged.hasRecordsOf(slot)) return Outcome.WAITS_FOR_MERGE;", ""]],
    caughtBy: [STEPS],
  },
  {
    name: "a key is not looked for behind a CLEAR that waits to be merged",
    breaks: "I4",
    file: UNMERGED,
    edits: [["return this.#clearCounts[slot] !== 0;", "return false;"]],
    caughtBy: [STEPS],
  },
  {
    name: "a slot is given back before what was appended is logged",
    breaks: "I1",
    file: MERGED,
    edits: [
      ["if (recordCount > 0) this.#log();", ""],
      ["group.end();", "if (recordCount > 0) this.#log(); group.end();"],
    ],
    caughtBy: [FAILOVERS],
  },
  {
    name: "what was prepared for changes that were not logged is answered",
    breaks: "I5",
    file: "lib/recovery/step_recovery.ts",
    edits: [[
      "const isAllLogged = rings.flat().every(({ isLost }) => !isLost);",
      "const isAllLogged = true;",
    ]],
    caughtBy: [FAILOVERS],
  },
  {
    name: "the log of a KN that has died is not merged before its slots are given away",
    breaks: "I5",
    file: "lib/recovery/step_recovery.ts",
    edits: [["this.#log.publishLoggedEnd();", ""]],
    caughtBy: [FAILOVERS],
    inTest: "reads between changes: a KN dies",
  },
  {
    name: "a put waits for somebody else to merge what other KNs have logged",
    breaks: "I5",
    file: "lib/far/node/far_node.ts",
    edits: [[
      "if (!needsOthers || mergeLogs(this.#pool, this.#agent) === 0) sleepSync(WAIT_MS);",
      "sleepSync(WAIT_MS);",
    ]],
    caughtBy: [FAR_NODE],
  },
  {
    name: "a put waits for ever for a merger that does not go on",
    breaks: "I5",
    file: "lib/node/segment_wait.ts",
    edits: [["return this.#tryAgain(HOPEFUL_TRIES_MAX);", "return true;"]],
    caughtBy: [FAR_NODE],
  },
];
