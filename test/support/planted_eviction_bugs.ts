/**
 * Planted bugs in what a pool does that evicts.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const CLEANER = "lib/dpm/cleaner.ts";
const POLICY = "lib/eviction/eviction_policy.ts";
const BUCKETS = "lib/index/bucket_layout.ts";
const EVICTION = "test/unit/eviction.test.ts";
const API = "test/api/evicting.test.ts";
const COUNTS = "test/unit/pair_counts.test.ts";
const DEATHS = "test/simulation/death_in_evictions.test.ts";
const SIMULATION = "test/simulation/evictions.test.ts";
const FAILOVERS = "test/simulation/failovers_logged.test.ts";
const LOGGED = "test/persistence/logged_evictions.test.ts";

/** Bugs in a cache. */
export const EVICTION_BUGS: readonly PlantedBug[] = [
  {
    name: "the cleaner drops a record without its slot's lock",
    breaks: "I1",
    file: CLEANER,
    edits: [
      ["if (owner === undefined) {", "if (owner === undefined && eviction === undefined) {"],
      [
        "unlockSlot(pool.control, slotAt + SLOT_LOCK, owner);",
        "if (owner !== undefined) unlockSlot(pool.control, slotAt + SLOT_LOCK, owner);",
      ],
    ],
    caughtBy: [EVICTION],
  },
  {
    name: "the cleaner drops what the index holds for the key, not the record that it looks at",
    breaks: "I4",
    file: CLEANER,
    edits: [[
      "this.#table.findAddress(slotAt, hash, address);",
      "this.#table.find(slotAt, hash, words, at + 7, metaKeyBytes(words[at + RECORD_META])) !== NO_ADDRESS;",
    ]],
    caughtBy: [EVICTION],
  },
  {
    name: "a record that is dropped is subtracted before the index has let it go",
    breaks: "I10",
    file: CLEANER,
    edits: [
      [
        "if (isExpired || isDropped) { this.#table.remove(slotAt);",
        "if (isExpired || isDropped) { this.#segments.subtractLive(address, bytes); this.#table.remove(slotAt);",
      ],
      [
        "if (isLive) this.#segments.subtractLive(address, bytes);",
        "if (isLive && !isExpired && !isDropped) this.#segments.subtractLive(address, bytes);",
      ],
    ],
    caughtBy: [DEATHS],
  },
  {
    name: "the store's own key is dropped like any other",
    breaks: "the decoding of what is left",
    file: CLEANER,
    edits: [[
      "metaKeyBytes(words[at + RECORD_META]) === 0 ? undefined : this.#eviction;",
      "this.#eviction;",
    ]],
    caughtBy: [EVICTION],
  },
  {
    name: "a dropped record that could expire is still counted as such",
    breaks: "the counts of a slot",
    file: CLEANER,
    edits: [[
      "if (expiresAtMs !== Infinity) pool.control[slotAt + SLOT_EXPIRING_COUNT] -= 1;",
      "if (isExpired) pool.control[slotAt + SLOT_EXPIRING_COUNT] -= 1;",
    ]],
    caughtBy: [EVICTION],
  },
  {
    name: "free buckets are linked where readers raise counts",
    breaks: "I6",
    file: BUCKETS,
    edits: [["export const BUCKET_NEXT_FREE = 0;", "export const BUCKET_NEXT_FREE = 15;"]],
    caughtBy: [COUNTS],
  },
  {
    name: "a pair that doubling moves loses its count",
    breaks: "the policy",
    file: "lib/index/table_growth.ts",
    edits: [["const count = pairCount(region, word + 1);", "const count = 0;"]],
    caughtBy: [COUNTS],
  },
  {
    name: "readers write into a pool that does not evict",
    breaks: "I6",
    file: "lib/index/one_sided_reader.ts",
    edits: [["this.#evicts = evicts(pool);", "this.#evicts = true;"]],
    caughtBy: [COUNTS],
  },
  {
    name: "the ghosts are never asked",
    breaks: "the policy",
    file: "lib/eviction/ghosts.ts",
    edits: [["this.#seen.take(hash, this.#units) ? REMEMBERED_COUNT : 0;", "hash * 0;"]],
    caughtBy: [EVICTION],
  },
  {
    name: "counts alone decide what is kept, however many victims have gained nothing",
    breaks: "the end of cleaning",
    file: POLICY,
    edits: [
      ["if (victimsBefore >= SELECTIVE_VICTIMS_MAX) return DROPS_ALL;", ""],
      ["return (isCopied ? 0 : 1) + victimsBefore;", "return isCopied ? 0 : 1;"],
    ],
    caughtBy: [EVICTION],
  },
  {
    name: "a delete of a key that was dropped is not logged",
    breaks: "I3",
    file: "lib/pool/when_full.ts",
    edits: [["return evicts(pool) && isLogged(pool);", "return false;"]],
    caughtBy: [LOGGED],
  },
  {
    name: "compaction drops what was not read",
    breaks: "the promise of a cache",
    file: CLEANER,
    edits: [
      [
        "victims === undefined ? Eviction.of(pool, segments, log.agent) : undefined;",
        "Eviction.of(pool, segments, log.agent);",
      ],
      [
        "victims ?? this.#eviction ?? new CostBenefit",
        "this.#eviction ?? victims ?? new CostBenefit",
      ],
    ],
    caughtBy: [API],
    inTest: "compaction moves",
  },
  {
    name: "a slot is not cleared whose keys were all dropped",
    breaks: "I3",
    file: "lib/store/reads/indexed_keys.ts",
    edits: [["if (isUsed || areAllUsed) slots.push(slot);", "if (isUsed) slots.push(slot);"]],
    caughtBy: [API],
    inTest: "deleted or cleared",
  },
  {
    name: "a delete that found nothing is said to have deleted something, when its KN has died",
    breaks: "I5",
    file: "lib/recovery/step_recovery.ts",
    edits: [["if (isIdle) return Status.UNMET;", ""]],
    caughtBy: [FAILOVERS],
    inTest: "deletes in a cache",
  },
  {
    name: "a full cache refuses what a full store refuses",
    breaks: "the promise of a cache",
    file: "lib/pool/space_budget.ts",
    edits: [["if (!this.isScarce || evicts(this.#pool)) {", "if (!this.isScarce) {"]],
    caughtBy: [SIMULATION],
  },
  {
    name: "a segment that a cache has emptied is reused before a checkpoint knows that it is empty",
    breaks: "I10",
    file: "lib/pool/segment_table.ts",
    edits: [
      [
        'import { DeferFree, SegmentState } from "./segment_state.ts";',
        'import { DeferFree, SegmentState } from "./segment_state.ts";\nimport { evicts } from "./when_full.ts";',
      ],
      [
        "if (!isDeferred || this.isStaging(segment)) this.#release(segment, at);",
        "if (!isDeferred || this.isStaging(segment) || evicts(this.#pool)) this.#release(segment, at);",
      ],
    ],
    caughtBy: [LOGGED],
  },
  {
    name: "a key that was dropped begins with version 1 again",
    breaks: "I9",
    file: "lib/agent/slot_writer.ts",
    edits: [[
      "const low = (control[slotAt + SLOT_VERSION_LOW] + 1) | 0;",
      "const low = this.#ghosts !== undefined && replaces === NO_ADDRESS ? 1 : (control[slotAt + SLOT_VERSION_LOW] + 1) | 0;",
    ]],
    caughtBy: [SIMULATION, LOGGED],
  },
  {
    name: "a reader that raises a count puts back what was dropped meanwhile",
    breaks: "I6",
    file: "lib/index/one_sided_reader.ts",
    edits: [[
      "return RACED; if (this.#evicts && this.raisesCounts) raisePairCount(region, word + 1); }",
      "return RACED; if (this.#evicts && this.raisesCounts) { raisePairCount(region, word + 1); region[word + 1] = address; } }",
    ]],
    caughtBy: [SIMULATION],
  },
];
