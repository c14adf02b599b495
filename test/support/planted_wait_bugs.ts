/**
 * Planted bugs in the limits of waits: behind a thread that does not go on something waits for
 * ever, or is given up too soon.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const LIMITS_TEST = "test/unit/wait_limits.test.ts";
const HOST_TEST = "test/api/departed_host.test.ts";
const RETIRED = "lib/recovery/retired_slots.ts";
const PROGRESS = "lib/mnode/progress_limit.ts";
const MERGE_WAIT = "lib/node/merge_wait.ts";

/** Bugs by which a wait has no end, or the wrong one. */
export const WAIT_BUGS: readonly PlantedBug[] = [
  {
    name: "a client waits for the end of a move, however long it lasts",
    breaks: "I14",
    file: "lib/client/router.ts",
    edits: [["for (let i = 0; i < LOCK_POLLS_MAX; i++) {", "for (;;) {"]],
    caughtBy: [LIMITS_TEST],
  },
  {
    name: "a request that comes after all have been failed is held",
    breaks: "I14",
    file: "lib/client/held_slots.ts",
    edits: [["this.#failure ??= error;", ""]],
    caughtBy: [LIMITS_TEST],
  },
  {
    name: "a KN waits for the holder of a slot that was given up",
    breaks: "I14",
    file: "lib/node/request_pipeline.ts",
    edits: [[
      "isUnavailable(this.#pool, change.slot) ? Status.UNAVAILABLE : Outcome.WAITS",
      "Outcome.WAITS",
    ]],
    caughtBy: [LIMITS_TEST],
  },
  {
    name: "slots of other KNs that a failed one holds are never given up",
    breaks: "I14",
    file: RETIRED,
    edits: [["this.#held.push(slot); markUnavailable(pool, slot);", "this.#held.push(slot);"]],
    caughtBy: [LIMITS_TEST],
  },
  {
    name: "a slot stays given up when its holder has let go",
    breaks: "availability",
    file: RETIRED,
    edits: [["markAvailable(pool, slot); return false;", "return false;"]],
    caughtBy: [LIMITS_TEST],
  },
  {
    name: "a change waits for slots that a failed KN holds",
    breaks: "I14",
    file: RETIRED,
    edits: [[
      "this.#stuck.includes(slot) || this.#isLocked(slot)",
      "this.#stuck.includes(slot)",
    ]],
    caughtBy: [LIMITS_TEST],
  },
  {
    name: "a change that makes no progress goes on",
    breaks: "I14",
    file: PROGRESS,
    edits: [["if (done !== this.#done) {", "if (done >= this.#done) {"]],
    caughtBy: [LIMITS_TEST],
  },
  {
    name: "a change is given up although it makes progress",
    breaks: "availability",
    file: PROGRESS,
    edits: [["if (done !== this.#done) {", "if (this.#done < 0) {"]],
    caughtBy: [LIMITS_TEST],
  },
  {
    name: "requests wait for merging for ever",
    breaks: "I14",
    file: MERGE_WAIT,
    edits: [["else this.#sinceMs ??= this.#now();", "else this.#sinceMs = this.#now();"]],
    caughtBy: [LIMITS_TEST],
  },
  {
    name: "requests are refused although their KN's log is being merged",
    breaks: "availability",
    file: MERGE_WAIT,
    edits: [["if (!isWaiting || isMerging)", "if (!isWaiting)"]],
    caughtBy: [LIMITS_TEST],
  },
  {
    name: "a checkpoint waits for another one for ever",
    breaks: "I14",
    file: "lib/persistence/checkpoint_lock.ts",
    edits: [["if (monotonicMs() > deadlineMs) {", "if (monotonicMs() < 0) {"]],
    caughtBy: [LIMITS_TEST],
  },
  {
    name: "an attached thread does not notice that the host's thread was ended",
    breaks: "I14",
    file: "lib/store/opening/attached_thread.ts",
    edits: [["if (host.hasEnded())", "if (host === undefined)"]],
    caughtBy: [HOST_TEST],
    inTest: "near store end when its host ends by terminate",
  },
];
