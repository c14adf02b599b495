/**
 * The bugs that the tests must catch, as replacements in the text of the library. Each breaks one step of a protocol that a
 * comment there says is needed.
 *
 * A text to find is short, occurs once, and reads the same in the sources and in the build: no types, no line breaks inside
 * of parentheses. When one no longer occurs, the protocol has changed, and the bug is to be planted anew.
 *
 * @module
 */

/** A bug. */
export interface PlantedBug {
  readonly name: string;
  /** The invariant that it breaks. */
  readonly breaks: string;
  /** The source that it is in. */
  readonly file: string;
  /** What to find, and what to put there instead. */
  readonly edits: readonly (readonly [find: string, replace: string])[];
  /** The test file that fails. */
  readonly caughtBy: string;
}

const WHOLE_STEPS = "test/simulation/whole_steps.test.ts";
const INTERRUPTED_STEPS = "test/simulation/interrupted_steps.test.ts";
const READS = "test/simulation/reads_at_any_moment.test.ts";
const TABLE_READS = "test/simulation/reads_of_growing_tables.test.ts";
const REUSE_READS = "test/simulation/reads_of_reused_segments.test.ts";
const ONE_INTERRUPTION = "test/simulation/one_interruption.test.ts";
const SEGMENTS = "test/simulation/segment_states.test.ts";
const WAKE_UPS = "test/simulation/wake_ups.test.ts";

const READER = "lib/index/one_sided_reader.ts";
const SLOT_TABLE = "lib/index/slot_table.ts";
const SEGMENT_TABLE = "lib/pool/segment_table.ts";
const NODE = "lib/node/kvs_node.ts";
const CLIENT = "lib/client/client.ts";
const CLEANER = "lib/dpm/cleaner.ts";

/** All of them. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "the index points at a record before its value is there",
    breaks: "I2",
    file: NODE,
    edits: [
      [
        "copyWords(ring, at + REQUEST_RECORD, current.words, current.to, length);",
        "copyWords(ring, at + REQUEST_RECORD, current.words, current.to, valueWord(ring[at + REQUEST_RECORD + RECORD_META]));",
      ],
      [
        "if (old !== NO_ADDRESS) this.#segments.subtractLive(old, this.#recordBytes(old));",
        "copyWords(ring, from + valueWord(meta), words, to + valueWord(meta), length - valueWord(meta)); if (old !== NO_ADDRESS) this.#segments.subtractLive(old, this.#recordBytes(old));",
      ],
    ],
    caughtBy: READS,
  },
  {
    name: "the cleaner points the index at a record before it is copied",
    breaks: "I2",
    file: CLEANER,
    edits: [
      ["copyWords(words, at, pool.wordsOf(target), pool.wordAt(target), length);", ""],
      [
        "this.#table.swing(address, target);",
        "this.#table.swing(address, target); copyWords(words, at, pool.wordsOf(target), pool.wordAt(target), length);",
      ],
    ],
    caughtBy: READS,
  },
  {
    name: "a reader does not look at the generation after it has copied the value",
    breaks: "I6",
    file: READER,
    edits: [[
      "half of another. if (!this.#isUnchanged(generationAt, generation)) return RACED;",
      "",
    ]],
    caughtBy: READS,
  },
  {
    name: "a reader does not load the address again after the generation",
    breaks: "I6",
    file: READER,
    edits: [["if (Atomics.load(region, word + 1) !== address) return RACED;", ""]],
    caughtBy: READS,
  },
  {
    name: "a reader that misses does not look at META again",
    breaks: "I6",
    file: READER,
    edits: [[
      "if (outcome === ABSENT && Atomics.load(this.#control, slotAt + SLOT_META) === meta) {",
      "if (outcome === ABSENT) {",
    ]],
    caughtBy: TABLE_READS,
  },
  {
    name: "doubling removes the moved pairs before it publishes META",
    breaks: "I8",
    file: SLOT_TABLE,
    edits: [[
      "this.#publishMeta(slotAt, log2 + 1);",
      "for (let i = 0; i < moved.length; i += 2) Atomics.store(this.#pool.index[moved[i]], moved[i + 1], NO_ADDRESS); this.#publishMeta(slotAt, log2 + 1);",
    ]],
    caughtBy: TABLE_READS,
  },
  {
    name: "compaction removes the originals without publishing META first",
    breaks: "I6",
    file: SLOT_TABLE,
    edits: [[
      "this.#publishMeta(slotAt, log2); for (const { region, word } of originals)",
      "for (const { region, word } of originals)",
    ]],
    caughtBy: TABLE_READS,
  },
  {
    name: "overflow buckets are reused without META being published after they were unlinked",
    breaks: "I6",
    file: SLOT_TABLE,
    edits: [[
      "Atomics.store(region, at + BUCKET_OVERFLOW, NO_BUCKET); this.#publishMeta(slotAt, log2);",
      "Atomics.store(region, at + BUCKET_OVERFLOW, NO_BUCKET);",
    ]],
    caughtBy: TABLE_READS,
  },
  {
    name: "a KN changes a slot that has moved",
    breaks: "I1",
    file: "lib/routing/ownership.ts",
    edits: [[
      "if (seen !== (word | LOCKED)) return false;",
      "if (seen !== (word | LOCKED)) return true;",
    ]],
    caughtBy: WHOLE_STEPS,
  },
  {
    name: "a KN takes requests that were routed before the slot left it and came back",
    breaks: "I4",
    file: NODE,
    edits: [[
      "current.owner = ring[at + REQUEST_OWNER_WORD]",
      "current.owner = this.#control[current.slotAt + SLOT_LOCK]",
    ]],
    caughtBy: WHOLE_STEPS,
  },
  {
    name: "a client sends on while requests of the slot are held",
    breaks: "I4",
    file: CLIENT,
    edits: [["if (this.#isHeld[slot] !== 0) return undefined;", ""]],
    caughtBy: WHOLE_STEPS,
  },
  {
    name: "a client follows a move while requests are in flight to the old owner",
    breaks: "I4",
    file: CLIENT,
    edits: [[
      "if (this.#inFlight[slot] !== 0 && this.#sentUnder[slot] !== word) return undefined;",
      "",
    ]],
    caughtBy: WHOLE_STEPS,
  },
  {
    name: "held requests are sent in the order in which they came back",
    breaks: "I4",
    file: "lib/client/held_slots.ts",
    edits: [[".sequence > request.sequence) at -= 1;", ".sequence > request.sequence) break;"]],
    caughtBy: WHOLE_STEPS,
  },
  {
    name: "a client blocks on requests that it has not published",
    breaks: "I5",
    file: CLIENT,
    edits: [[
      "nobody answers what is not published. this.flush();",
      "nobody answers what is not published.\nif (settled > 0) this.flush();",
    ]],
    caughtBy: WHOLE_STEPS,
  },
  {
    name: "a request that has to wait is forgotten",
    breaks: "I5",
    file: NODE,
    edits: [["consumer.putBack(at);", ""]],
    caughtBy: WHOLE_STEPS,
  },
  {
    name: "what is issued after a large value overtakes it",
    breaks: "I4",
    file: CLIENT,
    edits: [["if (isSent && !request.large) continue;", "if (isSent) continue;"]],
    caughtBy: WHOLE_STEPS,
  },
  {
    name: "the M-node moves a slot that is locked",
    breaks: "I1",
    file: "lib/routing/ownership.ts",
    edits: [[
      "while (Atomics.compareExchange(control, lock, old, next) !== old)",
      "if (Atomics.exchange(control, lock, next) !== old)",
    ]],
    caughtBy: ONE_INTERRUPTION,
  },
  {
    name: "a client has more requests in flight than there are completion entries",
    breaks: "I5",
    file: "lib/rings/request_producer.ts",
    edits: [[
      "|| this.inFlightCount > this.#inFlightMask",
      "|| this.inFlightCount > 2 * this.#inFlightMask",
    ]],
    caughtBy: WHOLE_STEPS,
  },
  {
    name: "a request is published before it is written",
    breaks: "I5",
    file: "lib/rings/request_producer.ts",
    edits: [[
      "this.claimedCount = (this.claimedCount + 1) | 0;",
      "this.claimedCount = (this.claimedCount + 1) | 0; this.publish();",
    ]],
    caughtBy: INTERRUPTED_STEPS,
  },
  {
    name: "a put is acknowledged before it is in the index",
    breaks: "I3",
    file: NODE,
    edits: [
      [
        "if (status !== Status.OK) return this.#cancel(consumer, length, status);",
        "if (status !== Status.OK) return this.#cancel(consumer, length, status); consumer.complete(Status.OK, address, this.#control[slotAt + SLOT_VERSION_LOW] + 1, 0); consumer.publish();",
      ],
      [
        "consumer.complete(Status.OK, address, versionLow, versionHigh); }",
        "void versionLow, versionHigh; }",
      ],
    ],
    caughtBy: ONE_INTERRUPTION,
  },
  {
    name: "a version is used twice",
    breaks: "I9",
    file: NODE,
    edits: [[
      "const low = (control[slotAt + SLOT_VERSION_LOW] + 1) | 0;",
      "const low = control[slotAt + SLOT_VERSION_LOW] | 1;",
    ]],
    caughtBy: WHOLE_STEPS,
  },
  {
    name: "a record counts as dead while the index still points at it",
    breaks: "I10",
    file: NODE,
    edits: [
      [
        "if (old !== NO_ADDRESS) this.#segments.subtractLive(old, this.#recordBytes(old));",
        "",
      ],
      [
        "if (status !== Status.OK) return this.#cancel(consumer, length, status);",
        "if (status !== Status.OK) return this.#cancel(consumer, length, status); if (old !== NO_ADDRESS) this.#segments.subtractLive(old, this.#recordBytes(old));",
      ],
    ],
    caughtBy: REUSE_READS,
  },
  {
    name: "the cleaner looks whether a record is live before it has the lock",
    breaks: "I1",
    file: CLEANER,
    edits: [
      ["const isLive = this.#table.findAddress(slotAt, hash, address);", ""],
      [
        "const owner = lockSlotAsCleaner(",
        "const isLive = this.#table.findAddress(slotAt, hash, address); const owner = lockSlotAsCleaner(",
      ],
    ],
    caughtBy: ONE_INTERRUPTION,
  },
  {
    name: "the cleaner moves records that nobody needs",
    breaks: "I10",
    file: CLEANER,
    edits: [[
      "if (isLive) this.#segments.subtractLive(address, bytes);",
      "this.#segments.subtractLive(address, bytes);",
    ]],
    caughtBy: WHOLE_STEPS,
  },
  {
    name: "the cleaner leaves a segment without saying how far it has filled its own",
    breaks: "I3",
    file: CLEANER,
    edits: [["within the used bytes. this.#log.publish();", "within the used bytes."]],
    caughtBy: WHOLE_STEPS,
  },
  {
    name: "a segment is sealed without a look at what is live in it",
    breaks: "I10",
    file: SEGMENT_TABLE,
    edits: [["if (before === bytes) this.#freeIfDead(segment, at);", ""]],
    caughtBy: SEGMENTS,
  },
  {
    name: "a segment is allocated before its generation grows",
    breaks: "I6",
    file: SEGMENT_TABLE,
    edits: [
      ["Atomics.add(control, GENERATIONS + segment, 1);", ""],
      [
        "this.#push(segment, at);",
        "this.#push(segment, at); Atomics.add(control, GENERATIONS + segment, 1);",
      ],
      ["Atomics.add(control, FREE_LIST_COUNT, 1); }", "}"],
      [
        "this.#push(segment, at);",
        "this.#push(segment, at); Atomics.add(control, FREE_LIST_COUNT, 1);",
      ],
    ],
    caughtBy: REUSE_READS,
  },
  {
    name: "the head of the free list has no tag",
    breaks: "I10",
    file: SEGMENT_TABLE,
    edits: [[
      "const swapped = ((head & ~0xffff) + 0x10000) | next;",
      "const swapped = (head & ~0xffff) | next;",
    ], [
      "const swapped = ((head & ~0xffff) + 0x10000) | (segment + 1);",
      "const swapped = (head & ~0xffff) | (segment + 1);",
    ]],
    caughtBy: SEGMENTS,
  },
  {
    name: "a snapshot does not hold back the segments that it needs",
    breaks: "I10",
    file: SEGMENT_TABLE,
    edits: [[
      "!== DeferFree.YES) this.#release(segment, at);",
      "!== -1) this.#release(segment, at);",
    ]],
    caughtBy: WHOLE_STEPS,
  },
  {
    name: "a KN goes to sleep without another look for work",
    breaks: "I5",
    file: "lib/node/idle_strategy.ts",
    edits: [["const sleeps = !hasWork();", "const sleeps = true;"]],
    caughtBy: WAKE_UPS,
  },
  {
    name: "a client wakes the KN before it publishes",
    breaks: "I5",
    file: CLIENT,
    edits: [[
      "if (!connection.producer.hasUnpublished) continue; connection.producer.publish(); wake(this.#pool.control, connection.agentAt);",
      "if (!connection.producer.hasUnpublished) continue; wake(this.#pool.control, connection.agentAt); connection.producer.publish();",
    ]],
    caughtBy: WAKE_UPS,
  },
  {
    name: "a KN looks for a waiting client before it publishes",
    breaks: "I5",
    file: "lib/rings/request_consumer.ts",
    edits: [
      ["Atomics.store(this.words, COMPLETION_TAIL, this.#completedCount);", ""],
      [
        "if (Atomics.load(this.words, CLIENT_WAITING) !== 0) {",
        "const isWaiting = Atomics.load(this.words, CLIENT_WAITING) !== 0; Atomics.store(this.words, COMPLETION_TAIL, this.#completedCount); if (isWaiting) {",
      ],
    ],
    caughtBy: WAKE_UPS,
  },
];
