/**
 * Planted bugs in selective replication: in cells, in who changes them, and in what follows them.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const STEPS = "test/simulation/far_steps.test.ts";
const FAILOVERS = "test/simulation/failovers_cells.test.ts";
const GROUP = "lib/far/node/cell_group.ts";
const REPLICATION_TEST = "test/unit/key_replication.test.ts";
const MERGER = "lib/far/log/log_merger.ts";
const REPLICATION = "lib/far/mnode/key_replication.ts";

/** Bugs in selective replication. */
export const CELL_BUGS: readonly PlantedBug[] = [
  {
    name: "a replicated key is changed without a compare-and-swap of its cell",
    breaks: "I1",
    file: GROUP,
    edits: [[
      "seen = this.#verbs.compareAndSwap(this.#control, at, word, held); if (seen === word) return Lock.TAKEN;",
      "this.#control[at] = held; return Lock.TAKEN;",
    ]],
    caughtBy: [FAILOVERS],
    inTest: "taken for dead",
  },
  {
    name: "a zombie changes a replicated key of which it is no owner any more",
    breaks: "I1",
    file: GROUP,
    edits: [
      ["if ((seen & ~HOLDER_MASK) !== word) return Lock.MOVED;", ""],
      ["if (loadRoute(this.#pool, cell) !== word) return Lock.MOVED;", ""],
      ["if (seen === word) { seen =", "if (true) { seen ="],
      [
        "this.#verbs.compareAndSwap(this.#control, at, word, held); if (seen === word)",
        "this.#verbs.compareAndSwap(this.#control, at, seen, held); if (true)",
      ],
    ],
    caughtBy: [FAILOVERS],
    inTest: "taken for dead",
  },
  {
    name: "a cell is not pointed at what was logged",
    breaks: "I4",
    file: "lib/far/node/merged_commit.ts",
    edits: [["cells.point();", ""]],
    caughtBy: [STEPS],
  },
  {
    name: "a cell is pointed at what is not logged yet",
    breaks: "I3",
    file: "lib/far/node/merged_commit.ts",
    edits: [["cells.point();", ""], ["log.endFrame();", "log.endFrame(); cells.point();"]],
    caughtBy: [FAILOVERS],
  },
  {
    name: "a cached value counts after another owner has written",
    breaks: "I4",
    file: "lib/far/node/far_lookup.ts",
    edits: [[
      "return cache.address === address >>> 0 && cache.generation === generation;",
      "return true;",
    ]],
    caughtBy: [STEPS],
  },
  {
    name: "what was read of a cell counts for the next step",
    breaks: "I4",
    file: "lib/far/node/far_node.ts",
    edits: [["this.#cells.forget();", ""]],
    caughtBy: [STEPS],
  },
  {
    name: "a read is answered behind a change that was refused",
    breaks: "I4",
    file: GROUP,
    edits: [["if (!this.#isRoutedBy(cell, word)) return CellRead.MOVED;", ""]],
    caughtBy: [FAILOVERS],
    inTest: "gets other owners",
  },
  {
    name: "a client sends what follows to another owner while requests are in flight",
    breaks: "I4",
    file: "lib/client/router.ts",
    edits: [[
      "return this.#sentUnder[slot] === route ? this.#byNode[this.#sentTo[slot]] : undefined;",
      "if (this.#sentUnder[slot] !== route) return undefined;",
    ]],
    caughtBy: [STEPS],
  },
  {
    name: "a record is merged over a newer one of another owner",
    breaks: "I4",
    file: MERGER,
    edits: [["if (order === MergeOrder.OLDER) return true;", ""]],
    caughtBy: [REPLICATION_TEST],
    inTest: "another one's put is merged later",
  },
  {
    name: "a record is passed that the cell does not point at yet",
    breaks: "I4",
    file: MERGER,
    edits: [[
      "if (order === MergeOrder.NEWER) return false;",
      "if (order === MergeOrder.NEWER) return true;",
    ]],
    caughtBy: ["test/unit/log_merger.test.ts"],
  },
  {
    name: "versions of a replicated key do not count for its slot",
    breaks: "I9",
    file: MERGER,
    edits: [["if (order === MergeOrder.CURRENT) {", "if (false) {"]],
    caughtBy: [STEPS],
  },
  {
    name: "a cell is not told that its record was moved",
    breaks: "I10",
    file: "lib/dpm/cleaner.ts",
    edits: [["swingCells(pool, hash, address, target);", ""]],
    caughtBy: [STEPS],
  },
  {
    name: "a cell is not told that its record has expired and was removed",
    breaks: "I10",
    file: "lib/node/expiry_sweeper.ts",
    edits: [["swingCells(this.#pool, words[at + RECORD_HASH], address, NO_ADDRESS);", ""]],
    caughtBy: [STEPS],
  },
  {
    name: "clearing a slot leaves its replicated keys",
    breaks: "I4",
    file: "lib/far/node/merged_commit.ts",
    edits: [["cells.clear(change.slot, version);", ""]],
    caughtBy: [STEPS],
  },
  {
    name: "a cell is freed while records of its key wait to be merged",
    breaks: "I4",
    file: REPLICATION,
    edits: [
      ["!(this.#mergeLogs() && this.#tryClose(cell))", "!this.#tryClose(cell)"],
      ["if (!this.#mergeLogs()) return false;", ""],
    ],
    caughtBy: [REPLICATION_TEST],
    inTest: "after the key has one owner again",
  },
  {
    name: "a cell comes back under a word that it has had before",
    breaks: "I10",
    file: REPLICATION,
    edits: [
      ["const next = nextOwnerWord(old, cellNode(cell));", "const next = old;"],
      [": nextOwnerWord(before, cellNode(cell));", ": before;"],
    ],
    caughtBy: [STEPS],
    inTest: "in the middle of others",
  },
  {
    name: "a cell gets other owners while one of them holds it",
    breaks: "I1",
    file: REPLICATION,
    edits: [[
      "if (Atomics.compareExchange(this.#control, at, old, held) === old) return next;",
      "Atomics.store(this.#control, at, held); return next;",
    ]],
    caughtBy: [FAILOVERS],
    inTest: "taken for dead",
  },
  {
    name: "what a dead KN has logged for a replicated key is forgotten",
    breaks: "I5",
    file: "lib/recovery/step_recovery.ts",
    edits: [[
      "for (const cell of cells) settleCell(this.#pool, cell, this.#options.agent);",
      "",
    ]],
    caughtBy: [FAILOVERS],
  },
  {
    name: "a cell is not told where a dead cleaner has moved its record",
    breaks: "I10",
    file: "lib/recovery/step_recovery.ts",
    edits: [["retellCells(this.#pool, this.#table, slot);", ""]],
    caughtBy: [FAILOVERS],
    inTest: "while it cleans",
  },
  {
    name: "a client sends a request again while a KN that is gone may hold the key's cell",
    breaks: "I5",
    file: "lib/client/retired_requests.ts",
    edits: [["if ((route & ~HOLDER_MASK) === word) return connection.nodeId;", ""]],
    caughtBy: [FAILOVERS],
    inTest: "taken for dead",
  },
  {
    name: "a cell that is free counts as the first KN's",
    breaks: "I5",
    file: "lib/client/retired_requests.ts",
    edits: [[
      "return route === NO_ROUTE ? cellNode(cell) : ownerOf(route);",
      "return ownerOf(route);",
    ]],
    caughtBy: ["test/unit/retired_requests.test.ts"],
  },
  {
    name: "a cell that was closed waits for the thread that closed it",
    breaks: "I5",
    file: REPLICATION,
    edits: [["if (!this.#tryFree(cell) && this.#closed.has(cell)) this.#markHeld(cell);", ""]],
    caughtBy: ["test/unit/key_replication.test.ts"],
  },
];
