/**
 * Planted bugs in what a node of a cluster shares with its thread.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const VALUES = "lib/cluster/shared/shared_values.ts";
const READS = "lib/cluster/shared/shared_reads.ts";
const NODE = "lib/cluster/node/cluster_node.ts";
const MOVES = "lib/cluster/node/slot_moves.ts";
const REQUESTED = "lib/store/reads/requested_reads.ts";
const caughtBy = ["test/cluster/cluster_shared.test.ts"];
const breaks = "I4";

/** Bugs by which a thread reads what its node would not answer. */
export const SHARING_BUGS: readonly PlantedBug[] = [
  {
    name: "a change is answered while the value before it is shared",
    breaks,
    file: NODE,
    edits: [["shared?.change(hashOf(this.#encoder, record.key), record);", ""]],
    caughtBy,
    inTest: "what is shared is what the node would answer",
  },
  {
    name: "a slot that leaves is still shared",
    breaks,
    file: MOVES,
    edits: [
      ["this.#leaving.set(slot, to);", "this.#leaving.set(slot, to); continue;"],
      ["if (to !== this.#node) this.#served?.end(slot);", ""],
    ],
    caughtBy,
    inTest: "what is shared ends with the slot",
  },
  {
    name: "a node that leaves goes on to share",
    breaks,
    file: NODE,
    edits: [["if (this.#isLeaving) {", "if (this.#isLeaving) { return control.resign();"]],
    caughtBy,
    inTest: "what is shared",
  },
  {
    name: "a read does not ask whether the lease holds",
    breaks,
    file: READS,
    edits: [["return isWhole && elapsedMs(since, now) < ms;", "return isWhole && ms > 0;"]],
    caughtBy,
    inTest: "nothing is found when the lease is over",
  },
  {
    name: "a lease is counted by the monotonic clock alone",
    breaks,
    file: READS,
    edits: [["elapsedMs(since, now) < ms;", "now.monotonicMs - since.monotonicMs < ms;"]],
    caughtBy,
    inTest: "nothing is found when the lease is over",
  },
  {
    name: "the lease is looked at after the slot",
    breaks,
    file: READS,
    edits: [
      ["nowMs < expiresAtMs && this.#isHeld(nowMs);", "nowMs < expiresAtMs;"],
      [
        "(hash >>> SLOT_SHIFT)) === period;",
        "(hash >>> SLOT_SHIFT)) === period && this.#isHeld(nowMs);",
      ],
    ],
    caughtBy,
    inTest: "a node whose lease was over when a read began",
  },
  {
    name: "a read does not look whether the key has been changed",
    breaks,
    file: READS,
    edits: [["Atomics.load(words, index) === position &&", "position !== 0 &&"]],
    caughtBy,
    inTest: "what happens in the middle of a read",
  },
  {
    name: "a read does not look whether the entry has been overwritten",
    breaks: "I2",
    file: READS,
    edits: [["(Atomics.load(words, WRITTEN_TO) - position) >>> 0 <= this.#view.pieces &&", ""]],
    caughtBy,
    inTest: "what is found is the newest, while entries are overwritten",
  },
  {
    name: "a read does not look whether the slot is served",
    breaks,
    file: READS,
    edits: [[
      "Atomics.load(words, PERIODS + (hash >>> SLOT_SHIFT)) === period;",
      "period !== undefined;",
    ]],
    caughtBy,
    inTest: "a slot that is not served any more",
  },
  {
    name: "what has expired is found",
    breaks: "I3",
    file: READS,
    edits: [["bytes !== undefined && nowMs < expiresAtMs &&", "bytes !== undefined &&"]],
    caughtBy,
    inTest: "what has expired",
  },
  {
    name: "room is taken before it is said",
    breaks: "I2",
    file: VALUES,
    edits: [
      ["Atomics.store(words, WRITTEN_TO, this.#next);", ""],
      [
        "Atomics.store(words, index, position);",
        "Atomics.store(words, WRITTEN_TO, this.#next); Atomics.store(words, index, position);",
      ],
    ],
    caughtBy,
    inTest: "wherever the node is interrupted",
  },
  {
    name: "an entry is published before it is written",
    breaks: "I2",
    file: VALUES,
    edits: [[
      "const keyBytes = key.bytes.length;",
      "const keyBytes = key.bytes.length; Atomics.store(words, index, position); Atomics.load(words, index);",
    ]],
    caughtBy,
    inTest: "wherever the node is interrupted",
  },
  {
    name: "a change by another owner is shared",
    breaks,
    file: VALUES,
    edits: [[
      "pieces > this.#piecesMax || !this.#isOfPeriod(found, hash);",
      "pieces > this.#piecesMax;",
    ]],
    caughtBy,
    inTest: "a slot that is not served any more",
  },
  {
    name: "a record that is read once more takes the place of a newer one",
    breaks: "I9",
    file: VALUES,
    edits: [[
      "if (found === -1 || this.#versionAt(found) >= version) return;",
      "if (found === -1) return;",
    ]],
    caughtBy,
    inTest: "a change takes the place",
  },
  {
    name: "a thread does not wait for its own changes",
    breaks,
    file: REQUESTED,
    edits: [[
      "if (this.#queues.has(this.#key) || this.#client.isSlotPending(slot)) return undefined;",
      "if (this.#queues.has(this.#key) || slot < 0) return undefined;",
    ]],
    caughtBy,
    inTest: "a thread reads what it has changed",
  },
];
