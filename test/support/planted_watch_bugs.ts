/**
 * Planted bugs in watching.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const STEPS = "test/simulation/watches.test.ts";
const FAILOVERS = "test/simulation/failovers_watched.test.ts";
const MARKS = "lib/watch/watch_marks.ts";
const RING = "lib/watch/change_ring.ts";
const PLACE = "lib/watch/watch_place.ts";
const RECOVERY = "lib/recovery/step_recovery.ts";

/**
 * Bugs by which a watcher does not learn of the last state of a key, or learns of an older one
 * after it.
 */
export const WATCH_BUGS: readonly PlantedBug[] = [
  {
    name: "a delete tells watchers before it is made",
    breaks: "I13",
    file: "lib/index/slot_table.ts",
    edits: [[
      "this.takeOut(slotAt); this.tell(this.#foundRegion[this.#foundAt - 1], record, ChangeKind.DELETE);",
      "this.tell(this.#foundRegion[this.#foundAt - 1], record, ChangeKind.DELETE); this.takeOut(slotAt);",
    ]],
    caughtBy: [STEPS],
    inTest: "a look at any access",
  },
  {
    name: "a mark is published before it is set",
    breaks: "I13",
    file: MARKS,
    edits: [
      ["setBits(words, at + PLACE_PENDING, 1);", ""],
      [
        "setBits(words, at + PLACE_MARKS + slot, bits);",
        "setBits(words, at + PLACE_PENDING, 1); setBits(words, at + PLACE_MARKS + slot, bits);",
      ],
    ],
    caughtBy: [STEPS],
    inTest: "a look at any access",
  },
  {
    name: "a watcher clears a mark after it has read",
    breaks: "I13",
    file: PLACE,
    edits: [
      [
        "Atomics.exchange(this.#words, this.#at + PLACE_MARKS + slot, 0)",
        "Atomics.load(this.#words, this.#at + PLACE_MARKS + slot)",
      ],
      [
        "visit((slot << PARTS_LOG2) | bit);",
        "visit((slot << PARTS_LOG2) | bit); if (bits === 0) Atomics.store(this.#words, this.#at + PLACE_MARKS + slot, 0);",
      ],
    ],
    caughtBy: [STEPS],
    inTest: "a change at any access of a look",
  },
  {
    name: "a watcher goes to sleep without a last look",
    breaks: "I13",
    file: PLACE,
    edits: [[
      "if (Atomics.load(this.#words, this.#at + PLACE_PENDING) === 0) return true;",
      "return true;",
    ]],
    caughtBy: [STEPS],
    inTest: "goes to sleep",
  },
  {
    name: "an agent that finds a mark does not look whether the watcher sleeps",
    breaks: "I13",
    file: MARKS,
    edits: [[
      "if (Atomics.load(words, sleepingAt) === 0) return;",
      "if (place >= 0) return;",
    ]],
    caughtBy: [STEPS],
    inTest: "goes to sleep",
  },
  {
    name: "the slots of a KN that has died are unlocked without a mark",
    breaks: "I13",
    file: RECOVERY,
    edits: [["markSlot(this.#pool, slot);", ""]],
    caughtBy: [FAILOVERS],
  },
  {
    name: "watchers that a KN was about to wake when it died go on sleeping",
    breaks: "I13",
    file: RECOVERY,
    edits: [["Bells.of(this.#pool).ringAll();", ""]],
    caughtBy: [FAILOVERS],
  },
  {
    name: "watchers that a KN was about to wake when it died behind its step go on sleeping",
    breaks: "I13",
    file: "lib/recovery/retired_nodes.ts",
    edits: [["Bells.of(this.#pool).ringAll();", ""]],
    caughtBy: [FAILOVERS],
  },
  {
    name: "the place of a watcher that has died stays in the slots' words",
    breaks: "I13",
    file: PLACE,
    edits: [[
      "Atomics.and(pool.control, pool.slotAt(slot as Slot) + SLOT_WATCHERS, ~(1 << place));",
      "",
    ]],
    caughtBy: [STEPS],
    inTest: "has died",
  },
  {
    name: "a far KN leaves it to the merger to tell watchers",
    breaks: "I13",
    file: "lib/far/node/merged_commit.ts",
    edits: [["this.#tellWatchers();", ""]],
    caughtBy: [FAILOVERS],
    inTest: "is woken",
  },
  {
    name: "two agents append to a ring at one time",
    breaks: "I13",
    file: RING,
    edits: [["if (!lockRing(watch, at, agent)) {", "if (agent < 0) {"]],
    caughtBy: [STEPS],
    inTest: "by two parties",
  },
  {
    name: "a ring that is full is written over",
    breaks: "I13",
    file: RING,
    edits: [["if (usedWords + length > RING_WORDS)", "if (usedWords < 0)"]],
    caughtBy: ["test/unit/change_ring.test.ts"],
  },
  {
    name: "changes of a prefix that a KN may not have told when it died are not said to be missing",
    breaks: "I13",
    file: MARKS,
    edits: [["sayLost(pool, words, place);", ""]],
    caughtBy: [STEPS],
    inTest: "may be missing",
  },
  {
    name: "a bell is counted and not heard",
    breaks: "I13",
    file: "lib/watch/bells.ts",
    edits: [["Atomics.notify(words, bellAt);", ""]],
    caughtBy: ["test/api/watching_threads.test.ts"],
    inTest: "does not just look",
  },
  {
    name: "a KN has no other executor while one wakes a watcher",
    breaks: "a step waits for steps only",
    file: "lib/agent/step.ts",
    edits: [["this.#gate.open();", "this.#gate.leave();"]],
    caughtBy: ["test/unit/executor.test.ts"],
    inTest: "keeps no other thread",
  },
  {
    name: "what has expired is not looked at when its time has come",
    breaks: "I13",
    file: "lib/store/watches/watch.ts",
    edits: [["if (changesAtMs !== Infinity) {", "if (changesAtMs < 0) {"]],
    caughtBy: ["test/unit/key_watch.test.ts"],
  },
  {
    name: "a consumer goes on at the first of the keys that have changed together",
    breaks: "what is found together is delivered together",
    file: "lib/store/watches/watch.ts",
    edits: [["runMicrotask(this.#goOn);", "this.#goOn();"]],
    caughtBy: ["test/unit/key_watch.test.ts"],
    inTest: "is delivered together",
  },
  {
    name: "a key that is found again after it has expired is delivered in its old state",
    breaks: "I13",
    file: "lib/store/watches/key_watch.ts",
    edits: [["if (entry.version <= highest && !livesAgain) return false;", ""]],
    caughtBy: ["test/unit/key_watch.test.ts"],
  },
];
