/**
 * Planted bugs in what is around the order of the keys: who tells it of keys that come and go, how
 * it is found at opening, and what ranges mean.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const FAILOVERS = "test/simulation/failovers_ordered.test.ts";
const TABLES = "test/unit/live_table.test.ts";
const SORT = "test/unit/key_sort.test.ts";
const RANGE = "test/unit/key_range.test.ts";
const API = "test/api/ordered.test.ts";
const MODEL = "test/property/ordered_model.test.ts";
const VALUES = "test/unit/near_values.test.ts";

/** Bugs around the order of the keys. */
export const RANGES_BUGS: readonly PlantedBug[] = [
  {
    name: "a key can be found before it has its place in the order",
    breaks: "the order has all keys of the index",
    file: "lib/index/slot_table.ts",
    edits: [
      ["if (!this.enterOrder(address)) return false;", ""],
      [
        "this.tell(hash, address, ChangeKind.PUT); return true;",
        "this.tell(hash, address, ChangeKind.PUT); this.#order?.insert(address); return true;",
      ],
    ],
    caughtBy: [FAILOVERS],
  },
  {
    name: "a key leaves the order while it can still be found",
    breaks: "the order has all keys of the index, and no others when no thread has died",
    file: "lib/index/slot_table.ts",
    edits: [
      [
        "Atomics.store(this.#foundRegion, this.#foundAt, NO_ADDRESS); this.#control[slotAt",
        "this.#order?.remove(record); Atomics.store(this.#foundRegion, this.#foundAt, NO_ADDRESS); this.#control[slotAt",
      ],
      ["// From here on no table leads to the key. this.#order?.remove(record);", ""],
    ],
    caughtBy: [TABLES],
  },
  {
    name: "a key that is gone stays in the order",
    breaks: "the memory of the order",
    file: "lib/index/slot_table.ts",
    edits: [[
      "this.#keysAddedAt] -= 1; // From here",
      "this.#keysAddedAt] -= 1; return; // From here",
    ]],
    caughtBy: [TABLES],
  },
  {
    name: "a key for which the index had no room stays in the order",
    breaks: "the memory of the order",
    file: "lib/index/slot_table.ts",
    edits: [["this.#order?.remove(address);", ""]],
    caughtBy: [TABLES],
    inTest: "no room",
  },
  {
    name: "the M-node completes a put without its place in the order",
    breaks: "the order has all keys of the index",
    file: "lib/agent/live_table.ts",
    edits: [["isOrdered(pool) ?", "isOrdered(pool) && space.agent < 64 ?"]],
    caughtBy: [FAILOVERS],
  },
  {
    name: "keys that have ended are sorted among those that go on",
    breaks: "the order of keys of which one begins with the other",
    file: "lib/ordered/key_sort.ts",
    edits: [["const from = this.#sortEnded(tied);", "const { from } = tied;"]],
    caughtBy: [SORT],
    inTest: "lengths only",
  },
  {
    name: "what all keys have in common is taken to be longer than it is",
    breaks: "the order that is found at opening",
    file: "lib/ordered/key_sort.ts",
    edits: [["shared = same;", "shared = same + 4;"]],
    caughtBy: [SORT],
  },
  {
    name: "slices are sorted as signed numbers",
    breaks: "the order of bytes from 0x80 on",
    file: "lib/ordered/key_sort.ts",
    edits: [["^ (1 << 31)) >>> 0", ") >>> 0"]],
    caughtBy: [SORT],
  },
  {
    name: "the first record is left out when the keys are ordered",
    breaks: "the order has all keys of the index",
    file: "lib/store/opening/ordered_pool.ts",
    edits: [["for (let i = 0; i < length; i++)", "for (let i = 1; i < length; i++)"]],
    caughtBy: [TABLES],
    inTest: "at once",
  },
  {
    name: "gt includes its bound",
    breaks: "the meaning of ranges",
    file: "lib/store/arguments/key_range.ts",
    edits: [['name === "gt" || name === "lte"', 'name === "lte"']],
    caughtBy: [RANGE, API],
    inTest: "",
  },
  {
    name: "of two lower bounds the last one counts",
    breaks: "the meaning of ranges",
    file: "lib/store/arguments/key_range.ts",
    edits: [["if (compareBytes(end, from) > 0) from = end;", "from = end;"]],
    caughtBy: [RANGE],
  },
  {
    name: "a prefix ends at its last byte plus one, also when that is 0xff",
    breaks: "the meaning of prefixes",
    file: "lib/store/arguments/key_range.ts",
    edits: [["prefix.findLastIndex((byte) => byte < 0xff)", "prefix.length - 1"]],
    caughtBy: [RANGE],
  },
  {
    name: "the prefix of a namespace is a key of the namespace",
    breaks: "the meaning of namespaces",
    file: "lib/store/arguments/key_range.ts",
    edits: [["given.length === 0 ? nextBytes(prefix) : whole", "whole"]],
    caughtBy: [RANGE, API],
    inTest: "namespace",
  },
  {
    name: "bounds in a namespace are those of the store",
    breaks: "the meaning of namespaces",
    file: "lib/store/arguments/key_range.ts",
    edits: [["const bound = joinBytes(prefix, boundOf", "const bound = joinBytes(NONE, boundOf"]],
    caughtBy: [RANGE],
    inTest: "namespace",
  },
  {
    name: "an iteration goes on behind its limit",
    breaks: "the meaning of limit",
    file: "lib/store/reads/near_scan.ts",
    edits: [["if (item !== undefined) this.#left -= 1;", ""]],
    caughtBy: ["test/api/ranges.test.ts"],
    inTest: "limit",
  },
  {
    name: "a step of an iteration does not wait for the one before it",
    breaks: "a scan that is left gives what it was asked for",
    file: "lib/store/reads/near_scan.ts",
    edits: [[
      "if (this.#waiting !== undefined) return this.#afterWaiting(() => this.#stepWaiting());",
      "",
    ]],
    caughtBy: ["test/unit/near_scan.test.ts"],
    inTest: "is left",
  },
  {
    name: "a walk takes the encoder of another key for its own",
    breaks: "the value is that of the key",
    file: "lib/store/reads/near_reads.ts",
    edits: [["this.#key.keyIn(found);", "this.#key.key;"]],
    caughtBy: [MODEL],
  },
  {
    name: "a cursor is given to two walks at one time",
    breaks: "scans do not disturb each other",
    file: "lib/store/reads/key_walk.ts",
    edits: [["this.#free.pop() ??", "this.#free.at(-1) ??"]],
    caughtBy: [API],
    inTest: "several at once",
  },
  {
    name: "a thread that leaves takes along what it has kept for its next changes",
    breaks: "the memory of the order",
    file: "lib/index/slot_table.ts",
    edits: [["this.#order?.returnPages();", ""]],
    caughtBy: [API],
    inTest: "come and go",
  },
  {
    name: "cleaners drop keys without the order being told",
    breaks: "the memory of the order",
    file: "lib/dpm/shared_cleaners.ts",
    edits: [[
      "const table = liveTable(pool, new",
      "const table = liveTable({ ...pool, handle: {} }, new",
    ]],
    caughtBy: [API],
    inTest: "cache stays",
  },
  {
    name: "a scan takes the record that it has found some steps ago for the present one",
    breaks: "the value is that of the moment",
    file: "lib/index/one_sided_reader.ts",
    edits: [[
      "if (Atomics.load(place.region, place.pairAt) !== address) return undefined;",
      "",
    ]],
    caughtBy: [VALUES],
    inTest: "reused",
  },
  {
    name: "an item that was made ahead is yielded whatever its key holds by now",
    breaks: "the value is that of the moment",
    file: "lib/store/reads/items_ahead.ts",
    edits: [["item !== undefined && this.#maker.read(cursor.key) ? item : undefined", "item"]],
    caughtBy: [API],
    inTest: "of the moment",
  },
  {
    name: "the value of a record of a commit that is being made is decoded ahead",
    breaks: "the value is that of the moment",
    file: "lib/ordered/found_key.ts",
    edits: [["valueBytesMax && metaKind(meta) === RecordKind.PUT;", "valueBytesMax;"]],
    caughtBy: [VALUES],
    inTest: "while a commit",
  },
  {
    name: "items that were made ahead are those of the batch before",
    breaks: "the value is that of the key",
    file: "lib/store/reads/items_ahead.ts",
    edits: [["if (cursor.batch !== this.#batch)", "if (this.#batch === 0)"]],
    caughtBy: [MODEL],
  },
  {
    name: "a scan does not wait for what its thread has issued for a key ahead",
    breaks: "a scan sees what its own thread has issued for a key before it comes there",
    file: "lib/store/reads/near_reads.ts",
    edits: [[
      "this.#queues.count !== 0 || (this.#client.pendingCount !== 0 && this.#client.isSlotPending(slot)),",
      "false && slot > 0,",
    ]],
    caughtBy: [API],
    inTest: "issued ahead",
  },
  {
    name: "a record that was found is taken for that of its place in a later life of the memory",
    breaks: "the value is that of the key",
    file: "lib/index/one_sided_reader.ts",
    edits: [[
      "(address >>> this.#pool.segmentShift)] === generation && (",
      "(address >>> this.#pool.segmentShift)] >= 0 && (",
    ]],
    caughtBy: [VALUES],
    inTest: "found ahead",
  },
  {
    name: "a record that was found and has expired since is read",
    breaks: "what has expired is not seen",
    file: "lib/index/one_sided_reader.ts",
    edits: [["(expiresAtMs === Infinity || expiresAtMs > this.#clock());", "expiresAtMs > 0;"]],
    caughtBy: [VALUES],
    inTest: "found ahead",
  },
];
