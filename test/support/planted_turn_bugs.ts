/**
 * Planted bugs in what keeps a store from stalling its thread: turns of the event loop, and counts
 * that spare a look at all slots.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const EVENT_LOOP = "test/api/event_loop.test.ts";
const ITERATION = "test/api/iteration.test.ts";
const KEY_COUNT = "test/unit/key_count.test.ts";

/** Bugs in turns and counts. */
export const TURN_BUGS: readonly PlantedBug[] = [
  {
    name: "operations never find that their turn has lasted long enough",
    breaks: "turns of the event loop",
    file: "lib/platform/loop_turn.ts",
    edits: [["this.#isOver = nowMs - this.#startMs > TURN_MS_MAX;", "this.#isOver = false;"]],
    caughtBy: [EVENT_LOOP],
  },
  {
    name: "puts and commits that are made in the call go on however long the turn has lasted",
    breaks: "turns of the event loop",
    file: "lib/client/own_changes.ts",
    edits: [["return !(this.#waiter.isTurnOver?.() ?? false);", "return true;"]],
    caughtBy: [EVENT_LOOP],
  },
  {
    name: "a put is made in the call before what its key waits for",
    breaks: "I4",
    file: "lib/store/writes/writes.ts",
    edits: [[
      "this.#queues.has(this.#key) ? NOT_AT_ONCE : this.#client.own.putFirst(draft);",
      "this.#client.own.putFirst(draft);",
    ]],
    caughtBy: ["test/api/operation_order.test.ts"],
  },
  {
    name: "a small batch stops in the middle when the turn has lasted",
    breaks: "I4",
    file: "lib/store/arguments/batches.ts",
    edits: [[
      "if (issuedCount < TAKEN_IN_CALL_MIN || !(isLong || client.isCrowded))",
      "if (!(isLong || client.isCrowded))",
    ]],
    caughtBy: [EVENT_LOOP],
    inTest: "a batch of 1,024",
  },
  {
    name: "clear blocks until there is room for its requests",
    breaks: "turns of the event loop",
    file: "lib/client/request_sender.ts",
    edits: [["if (this.#carrier.isCrowded) this.#defer(request); else if", "if"]],
    caughtBy: [EVENT_LOOP],
    inTest: "clear does not block",
  },
  {
    name: "flush does not wait for what a batch has not issued",
    breaks: "I4",
    file: "lib/store/arguments/batches.ts",
    edits: [[
      "const operation = client.begin();",
      "const operation = client.begin(); client.end(operation);",
    ], [
      "} finally { client.end(operation); }",
      "} finally {}",
    ]],
    caughtBy: [EVENT_LOOP],
    inTest: "flush waits for the whole",
  },
  {
    name: "a delayed read has ended for flush before it has",
    breaks: "I4",
    file: "lib/store/reads/near_reads.ts",
    edits: [[
      "await loopTurn.next(); client.end(operation); return result;",
      "client.end(operation); await loopTurn.next(); return result;",
    ]],
    caughtBy: [EVENT_LOOP],
    inTest: "reads have ended",
  },
  {
    name: "clear passes over slots of which operations are on their way",
    breaks: "I4",
    file: "lib/store/reads/indexed_keys.ts",
    edits: [["|| client.isSlotPending(slot)", ""]],
    caughtBy: [ITERATION],
    inTest: "clear",
  },
  {
    name: "a key can be found before its slot has counted it",
    breaks: "the count of keys",
    file: "lib/index/slot_table.ts",
    edits: [
      ["control[slotAt + SLOT_RECORD_COUNT] += 1;", ""],
      [
        "control[this.#keysAddedAt] += 1;",
        "control[this.#keysAddedAt] += 1; control[slotAt + SLOT_RECORD_COUNT] += 1;",
      ],
    ],
    caughtBy: [KEY_COUNT],
  },
  {
    name: "the sum of keys is used although a thread has died in a table",
    breaks: "the count of keys",
    file: "lib/index/table_repair.ts",
    edits: [["doubtKeyCount(pool);", ""]],
    caughtBy: [KEY_COUNT],
  },
  {
    name: "the books are put in order without the count of keys",
    breaks: "the count of keys",
    file: "lib/recovery/reconciliation.ts",
    edits: [["recountKeys(pool);", ""]],
    caughtBy: [KEY_COUNT],
  },
];
