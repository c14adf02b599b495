/**
 * Planted bugs in what readers, owners and cleaners do to the log and the index.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const WHOLE_STEPS = "test/simulation/whole_steps.test.ts";
const READS = "test/simulation/reads_at_any_moment.test.ts";
const TABLE_READS = "test/simulation/reads_of_growing_tables.test.ts";
const REUSE_READS = "test/simulation/reads_of_reused_segments.test.ts";
const ONE_INTERRUPTION = "test/simulation/one_interruption.test.ts";
const SEGMENTS = "test/simulation/segment_states.test.ts";
const DEATH_IN_SEGMENTS = "test/simulation/death_in_segments.test.ts";
const DEATH_IN_TABLES = "test/simulation/death_in_tables.test.ts";
const PAUSES = "test/simulation/pauses.test.ts";
const READER = "lib/index/one_sided_reader.ts";
const TABLE_GROWTH = "lib/index/table_growth.ts";
const SEGMENT_TABLE = "lib/pool/segment_table.ts";
const FREE_SEGMENTS = "lib/pool/free_segments.ts";
const CLEANER = "lib/dpm/cleaner.ts";
const LOG_WRITER = "lib/log/log_writer.ts";
const GROWING = "test/unit/growing_pool.test.ts";
const GROWING_THREADS = "test/outcomes/growing_against_reading.test.ts";
const KEPT_STORES = "test/api/kept_stores.test.ts";
const POOL = "lib/pool/pool.ts";

/** Bugs in shared memory. */
export const MEMORY_BUGS: readonly PlantedBug[] = [
  {
    name: "the index points at a record before its value is there",
    breaks: "I2",
    file: "lib/node/request_pipeline.ts",
    edits: [
      [
        "copyWords(source, from, change.record, change.to, length);",
        "copyWords(source, from, change.record, change.to, valueWord(source[from + RECORD_META]));",
      ],
      [
        "commit.commit(consumer, change);",
        "commit.commit(consumer, change); const start = valueWord(change.source[change.from + RECORD_META]); copyWords(change.source, change.from + start, change.record, change.to + start, change.length - start);",
      ],
    ],
    caughtBy: [READS],
  },
  {
    name: "the cleaner points the index at a record before it is copied",
    breaks: "I2",
    file: CLEANER,
    edits: [
      ["copyWords(words, at, pool.wordsOf(target), pool.wordAt(target), length);", ""],
      [
        "this.#table.move(address, target);",
        "this.#table.move(address, target); copyWords(words, at, pool.wordsOf(target), pool.wordAt(target), length);",
      ],
    ],
    caughtBy: [READS],
  },
  {
    name: "a reader does not look at the generation after it has copied the value",
    breaks: "I6",
    file: READER,
    edits: [[
      "half of another. if (!this.#isUnchanged(generationAt, generation)) return RACED;",
      "",
    ]],
    caughtBy: [READS],
  },
  {
    name: "a reader does not load the address again after the generation",
    breaks: "I6",
    file: READER,
    edits: [["if (Atomics.load(region, word + 1) !== address) return RACED;", ""]],
    caughtBy: [READS],
  },
  {
    name: "a reader that misses does not look at META again",
    breaks: "I6",
    file: READER,
    edits: [[
      "if (outcome === ABSENT && Atomics.load(this.#control, slotAt + SLOT_META) === meta) {",
      "if (outcome === ABSENT) {",
    ]],
    caughtBy: [TABLE_READS],
  },
  {
    name: "doubling removes the moved pairs before it publishes META",
    breaks: "I8",
    file: TABLE_GROWTH,
    edits: [[
      "this.#publishMeta(slotAt, log2 + 1);",
      "for (let i = 0; i < moved.length; i += 2) Atomics.store(this.#pool.index[moved[i]], moved[i + 1], NO_ADDRESS); this.#publishMeta(slotAt, log2 + 1);",
    ]],
    caughtBy: [TABLE_READS],
  },
  {
    name: "compaction removes the originals without publishing META first",
    breaks: "I6",
    file: TABLE_GROWTH,
    edits: [[
      "this.#publishMeta(slotAt, log2); for (const { region, word } of originals)",
      "for (const { region, word } of originals)",
    ]],
    caughtBy: [TABLE_READS],
  },
  {
    name: "overflow buckets are reused without META being published after they were unlinked",
    breaks: "I6",
    file: TABLE_GROWTH,
    edits: [[
      "Atomics.store(region, at + BUCKET_OVERFLOW, NO_BUCKET); this.#publishMeta(slotAt, log2);",
      "Atomics.store(region, at + BUCKET_OVERFLOW, NO_BUCKET);",
    ]],
    caughtBy: [TABLE_READS],
  },
  {
    name: "a record counts as dead while the index still points at it",
    breaks: "I10",
    file: "lib/agent/slot_writer.ts",
    edits: [
      [
        "this.#table.swing(old, address); if (this.#ghosts",
        "this.bury(old); this.#table.swing(old, address); if (this.#ghosts",
      ],
      ["(this.#table.foundCount); } this.bury(old);", "(this.#table.foundCount); }"],
    ],
    caughtBy: [REUSE_READS],
  },
  {
    name: "the cleaner looks whether a record is live before it has the lock",
    breaks: "I1",
    file: CLEANER,
    edits: [
      ["const isLive = this.#table.findAddress(slotAt, hash, address);", ""],
      [
        "const owner = lockAnySlot(",
        "const isLive = this.#table.findAddress(slotAt, hash, address); const owner = lockAnySlot(",
      ],
    ],
    caughtBy: [ONE_INTERRUPTION],
  },
  {
    name: "the cleaner moves records that nobody needs",
    breaks: "I10",
    file: CLEANER,
    edits: [[
      "if (isLive) this.#segments.subtractLive(address, bytes);",
      "this.#segments.subtractLive(address, bytes);",
    ]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "a segment is sealed without a look at what is live in it",
    breaks: "I10",
    file: SEGMENT_TABLE,
    edits: [["if (before === bytes) this.#freeIfDead(segment, at);", ""]],
    caughtBy: [SEGMENTS],
  },
  {
    name: "a segment is allocated before its generation grows",
    breaks: "I6",
    file: SEGMENT_TABLE,
    edits: [
      ["if (!this.isStaging(segment)) this.#bumpOnce(segment, at, word);", ""],
      [
        "Atomics.sub(control, FREE_PENDING_COUNT, 1); this.#free.add(segment);",
        "Atomics.sub(control, FREE_PENDING_COUNT, 1); this.#free.add(segment); Atomics.add(control, GENERATIONS + segment, 1);",
      ],
    ],
    caughtBy: [REUSE_READS],
  },
  {
    name: "a segment that somebody is just opening is sealed for a dead thread that had it before",
    breaks: "I10",
    file: "lib/pool/segment_table.ts",
    edits: [
      ["if (this.state(segment) !== SegmentState.OPEN) continue;", ""],
      [
        "if (owner === agent) open.push(segment);",
        "if (owner === agent && this.state(segment) === SegmentState.OPEN) open.push(segment);",
      ],
    ],
    caughtBy: [DEATH_IN_SEGMENTS],
  },
  {
    name: "a segment that is gone on in keeps the number of its life",
    breaks: "I10",
    file: SEGMENT_TABLE,
    edits: [[
      "(control[at + SEGMENT_STATE] & LIFE_MASK) + LIFE_STEP;",
      "control[at + SEGMENT_STATE] & LIFE_MASK;",
    ]],
    caughtBy: [SEGMENTS],
  },
  {
    name: "whoever releases a segment bumps the generation of a later life",
    breaks: "I10",
    file: SEGMENT_TABLE,
    edits: [["if (Atomics.load(control, at + SEGMENT_STATE) !== word) return;", ""]],
    caughtBy: [DEATH_IN_SEGMENTS],
  },
  {
    name: "a repair does not complete a release that has begun",
    breaks: "I3",
    file: SEGMENT_TABLE,
    edits: [["if (hasBegun || ", "if ("]],
    caughtBy: [DEATH_IN_SEGMENTS],
  },
  {
    name: "a repair removes the original of a pair that is in a chain twice",
    breaks: "I6",
    file: "lib/index/table_repair.ts",
    edits: [[
      "Atomics.store(copy.region, copy.at, NO_ADDRESS);",
      "Atomics.store(region, word + 1, NO_ADDRESS);",
    ]],
    caughtBy: [DEATH_IN_TABLES],
  },
  {
    name: "the unfilled tail of a segment that was sealed early counts as lost",
    breaks: "the rule of space_budget.ts",
    file: LOG_WRITER,
    edits: [["this.#leaveSegment(false);", "this.#leaveSegment(true);"]],
    caughtBy: ["test/unit/log_writer.test.ts"],
  },
  {
    name: "whoever takes a free segment does not look whether it was still free",
    breaks: "I10",
    file: FREE_SEGMENTS,
    edits: [["if ((word & bit) !== 0) return bit;", "return bit;"]],
    caughtBy: [SEGMENTS],
  },
  {
    name: "a snapshot does not hold back the segments that it needs",
    breaks: "I10",
    file: SEGMENT_TABLE,
    edits: [[
      "const isDeferred = Atomics.load(control, GATE_DEFER_FREE) === DeferFree.YES;",
      "const isDeferred = Atomics.load(control, GATE_DEFER_FREE) === -1;",
    ]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "an agent looks whether the pool is paused before it says that it is busy",
    breaks: "I3",
    file: "lib/pool/gate.ts",
    edits: [[
      "Atomics.store(this.#control, this.#state, BUSY); if (Atomics.load(this.#control, GATE_PAUSED) === 0) return true;",
      "const isOpen = Atomics.load(this.#control, GATE_PAUSED) === 0; Atomics.store(this.#control, this.#state, BUSY); if (isOpen) return true;",
    ]],
    caughtBy: [PAUSES],
  },
  {
    name: "a thread looks for an address beyond its view of the log in that view",
    breaks: "I4",
    file: POOL,
    edits: [[
      "return (address & REGION_UNITS_MASK) << 1 < words.length ? words : this.#seeWords(address);",
      "return words;",
    ]],
    caughtBy: [GROWING_THREADS],
  },
  {
    name: "a thread looks for a bucket beyond its view of the index in that view",
    breaks: "I4",
    file: "lib/index/bucket_layout.ts",
    edits: [[
      "return bucketWord(bucket) < region.length ? region : pool.seeBucket(bucket);",
      "return region;",
    ]],
    caughtBy: [GROWING],
  },
  {
    name: "a view that is made anew is not kept",
    breaks: "the memory of a thread",
    file: POOL,
    edits: [[
      "return this.words[region] = wordsOfBuffer(this.handle.log[region]);",
      "return wordsOfBuffer(this.handle.log[region]);",
    ]],
    caughtBy: [GROWING],
  },
  {
    name: "views follow the length of their buffer",
    breaks: "the cost of an access",
    file: POOL,
    edits: [[
      "return new Int32Array(buffer, 0, buffer.byteLength >>> 2);",
      "return new Int32Array(buffer);",
    ]],
    caughtBy: [GROWING],
  },
  {
    name: "a thread that another one outruns in growing believes that there is no memory",
    breaks: "I5",
    file: "lib/pool/growable_buffer.ts",
    edits: [["return buffer.byteLength >= byteLength;", "return false;"]],
    caughtBy: [GROWING],
  },
  {
    name: "buckets are taken before they have memory",
    breaks: "I8",
    file: "lib/index/index_space.ts",
    edits: [
      ["if (!this.#pool.coverBuckets(first + count)) return NO_BUCKET;", ""],
      [
        "INDEX_SPACE_NEXT, next, first + count) === next) {",
        "INDEX_SPACE_NEXT, next, first + count) === next && this.#pool.coverBuckets(first + count)) {",
      ],
    ],
    caughtBy: [GROWING],
  },
  {
    name: "a segment is opened before it has memory",
    breaks: "I5",
    file: SEGMENT_TABLE,
    edits: [["if (!this.#pool.coverSegment(segment)) {", "if (false) {"]],
    caughtBy: [GROWING],
  },
  {
    name: "index and log have their full length from the beginning",
    breaks: "the memory of a thread",
    file: POOL,
    edits: [[
      "start === 0 ? Math.min(stepBytes, maxBytes) : 0, maxBytes",
      "maxBytes, maxBytes",
    ]],
    caughtBy: [GROWING],
  },
  {
    name: "a store that is closed keeps its pool",
    breaks: "the memory of a thread",
    file: "lib/store/store.ts",
    edits: [["this.#letGo();", ""]],
    caughtBy: [KEPT_STORES],
  },
];
