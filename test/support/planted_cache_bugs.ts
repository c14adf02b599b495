/**
 * Planted bugs in the caches: in their accounts, and in what makes the client cache coherent.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const POLICIES = "test/unit/cache/policies.test.ts";
const BASICS = "test/unit/cache/cache_basics.test.ts";
const CLIENT_CACHE = "test/unit/client_cache.test.ts";
const READER = "lib/index/one_sided_reader.ts";
const CLIENT = "lib/client/client_cache.ts";
const FREEZE = "lib/client/deep_freeze.ts";
const ENTRY_CACHE = "lib/cache/entry_cache.ts";

const GENERATION_IS_SAME =
  "return Atomics.load(control, GENERATIONS + (address >>> pool.segmentShift)) === generation;";
const ADDRESS_DIFFERS =
  "if (region[word] !== hash || Atomics.load(region, word + 1) !== address) continue;";

/** Bugs in caches. */
export const CACHE_BUGS: readonly PlantedBug[] = [
  {
    name: "the bytes of a value are not given back when it is demoted",
    breaks: "the budget",
    file: "lib/cache/entry_table.ts",
    edits: [["this.usedBytes -= this.words[at];", ""]],
    caughtBy: [POLICIES],
  },
  {
    name: "entries are kept when their slot leaves",
    breaks: "I1",
    file: ENTRY_CACHE,
    edits: [["let entry = table.firstOfSlot(slot);", "let entry = NO_ENTRY;"]],
    caughtBy: [POLICIES],
  },
  {
    name: "counts of hits never age",
    breaks: "DAC",
    file: "lib/cache/ageing.ts",
    edits: [["this.#accessCount = 0; return true;", "return false;"]],
    caughtBy: [POLICIES],
  },
  {
    name: "a value is promoted although the shortcut is of another generation by now",
    breaks: "I4",
    file: ENTRY_CACHE,
    edits: [[
      "if (table.address(entry) !== address || table.generation(entry) !== generation) {",
      "if (table.address(entry) !== address) {",
    ]],
    caughtBy: [BASICS],
  },
  {
    name: "a write leaves the old address in the entry",
    breaks: "I4",
    file: ENTRY_CACHE,
    edits: [["table.setShortcut(entry, address, generation);", ""]],
    caughtBy: [POLICIES],
  },
  {
    name: "what evicting shortcuts loses is counted without the cost of a miss",
    breaks: "DAC",
    file: "lib/cache/dac_cache.ts",
    edits: [["this.hits(entry) / this.averageMissRts", "this.hits(entry)"]],
    caughtBy: [POLICIES],
  },
  {
    name: "a cached value is returned whatever the segment's generation is",
    breaks: "I10",
    file: READER,
    edits: [[GENERATION_IS_SAME, "return true;"]],
    caughtBy: [CLIENT_CACHE],
  },
  {
    name: "a cached value is returned whatever its record's address is",
    breaks: "I3",
    file: READER,
    edits: [[ADDRESS_DIFFERS, "if (region[word] !== hash) continue;"]],
    caughtBy: [CLIENT_CACHE],
  },
  {
    name: "the generation is loaded before the address",
    breaks: "I4",
    file: READER,
    edits: [
      [
        ADDRESS_DIFFERS,
        `const early = Atomics.load(control, GENERATIONS + (address >>> pool.segmentShift)); ${ADDRESS_DIFFERS}`,
      ],
      [GENERATION_IS_SAME, "return early === generation;"],
    ],
    caughtBy: [CLIENT_CACHE],
  },
  {
    name: "a cached value does not expire",
    breaks: "I4",
    file: CLIENT,
    edits: [["record.expiresAtMs > this.#clock()", "true"]],
    caughtBy: [CLIENT_CACHE],
  },
  {
    name: "values are shared without being frozen",
    breaks: "I2",
    file: FREEZE,
    edits: [[
      "if (!isFreezable(value, DEPTH_MAX)) return false; freezeAll(value);",
      "if (!isFreezable(value, DEPTH_MAX)) return false;",
    ]],
    caughtBy: [CLIENT_CACHE],
  },
  {
    name: "only the outermost object is frozen",
    breaks: "I2",
    file: FREEZE,
    edits: [["for (const item of Object.values(value)) freezeAll(item);", ""]],
    caughtBy: [CLIENT_CACHE],
  },
];
