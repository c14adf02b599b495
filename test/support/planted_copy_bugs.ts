/**
 * Planted bugs in the copies of a cluster, and in what fills a store from a pool.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const SCAN = "lib/cluster/store/cluster_scan.ts";
const BACKUP = "lib/cluster/store/cluster_backup.ts";
const RESTORE = "lib/store/opening/pool_restore.ts";
const copies = { caughtBy: ["test/cluster/cluster_copies.test.ts"] };
const restores = { caughtBy: ["test/api/restore.test.ts"] };

/** Bugs by which keys are missing, come twice, or are replaced. */
export const COPY_BUGS: readonly PlantedBug[] = [
  {
    name: "a slot that has left its node is taken for done",
    breaks: "I15",
    file: SCAN,
    edits: [["slots.slice(0, page.slotCount)", "slots.slice(0, page.slotCount + +page.isRefused)"]],
    ...copies,
  },
  {
    name: "a slot is gone through from its beginning again",
    breaks: "I4",
    file: SCAN,
    edits: [["const { after: behind } = this.#current ?? {};", "const behind = undefined;"]],
    ...copies,
  },
  {
    name: "the slot whose page was full is taken for done",
    breaks: "I15",
    file: SCAN,
    edits: [["slots.slice(0, page.slotCount)", "slots.slice(0, page.slotCount + 1)"]],
    ...copies,
  },
  {
    name: "a node that stands still is waited for, whoever owns the slot by then",
    breaks: "I12",
    file: SCAN,
    edits: [[
      "if (this.#carrier.view.assignedAt[slot] !== asked) end.abort(new PeerLostError());\n      else ",
      "",
    ]],
    ...copies,
    inTest: "a node that stands still",
  },
  {
    name: "what was asked in time is given up when its answer says to ask again",
    breaks: "I12",
    file: SCAN,
    edits: [[
      "if (isLast) throw noNode();",
      "if (clock.monotonicMs() > deadlineMs) throw noNode();",
    ]],
    ...copies,
    inTest: "who has no node to ask",
  },
  {
    name: "the last page is not put",
    breaks: "I15",
    file: BACKUP,
    edits: [["isLast = position === undefined;", "if (isLast = position === undefined) break;"]],
    ...copies,
    inTest: "a copy has what each page has",
  },
  {
    name: "what a full copy has refused is not put again",
    breaks: "I15",
    file: BACKUP,
    edits: [[
      "await copy.grow(Math.min(2 * capacityBytes, capacityBytesMax));",
      "return void await copy.grow(Math.min(2 * capacityBytes, capacityBytesMax));",
    ]],
    ...copies,
    inTest: "a copy has what each page has",
  },
  {
    name: "a restore replaces what the store has",
    breaks: "I4",
    file: RESTORE,
    edits: [["store.compareAndSet(key, null, value", "store.put(key, value"]],
    ...restores,
  },
  {
    name: "a restore goes into a store that has keys without being told to",
    breaks: "I4",
    file: RESTORE,
    edits: [["if (!merge) await", "if (false) await"]],
    ...restores,
  },
  {
    name: "the last keys of a pool are not put",
    breaks: "I15",
    file: RESTORE,
    edits: [["if (batch.length > 0) yield batch;", ""]],
    ...restores,
  },
  {
    name: "keys that a store cannot hold are left out without a word",
    breaks: "I15",
    file: RESTORE,
    edits: [['end.status === "rejected"', "false"]],
    ...restores,
  },
];
