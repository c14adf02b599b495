/**
 * Planted bugs in records that a KN makes from those they replace.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const WHOLE_STEPS = "test/simulation/whole_steps.test.ts";
const FAILOVERS = "test/simulation/failovers_in_memory.test.ts";
const ROOM = "test/unit/derived_room.test.ts";
const API = "test/api/derived.test.ts";
const JOINED = "test/api/joined_increments.test.ts";
const JOINABLE = "lib/client/joinable_additions.ts";
const RECORDS = "lib/node/derived_records.ts";

/** Bugs in increments and touches. */
export const DERIVED_BUGS: readonly PlantedBug[] = [
  {
    name: "the result of an addition is left over what it adds",
    breaks: "I5",
    file: "lib/rings/derivation_words.ts",
    edits: [["const BEFORE = 6;", "const BEFORE = 1;"]],
    caughtBy: [FAILOVERS],
  },
  {
    name: "the result of an addition to a retired KN is taken from before it was made",
    breaks: "I5",
    file: "lib/client/ring_carrier.ts",
    edits: [[
      "versionHigh, ring, request.requestAt, );",
      "versionHigh, words, 0, );",
    ]],
    caughtBy: [FAILOVERS],
  },
  {
    name: "an addition and a touch find what has expired",
    breaks: "I4",
    file: "lib/node/admission.ts",
    edits: [[
      "this.#derived.make(change, this.exists(old) ? this.#show(old) : undefined)",
      "this.#derived.make(change, old !== NO_ADDRESS ? this.#show(old) : undefined)",
    ]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "a touch leaves out the end of a value",
    breaks: "I2",
    file: RECORDS,
    edits: [["valueAt, (valueBytes + 3) >>> 2);", "valueAt, valueBytes >>> 2);"]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "a touch keeps the expiry time",
    breaks: "I4",
    file: RECORDS,
    edits: [[
      "const expiresAtMs = this.#asked.expiryAfter(old.expiresAtMs);",
      "const { expiresAtMs } = old;",
    ]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "space that a sum does not need stays in the log",
    breaks: "I10",
    file: RECORDS,
    edits: [[
      "if (words < length) this.#log.cancel(rest as PoolAddress, length - words);",
      "if (words > length) this.#log.cancel(rest as PoolAddress, length - words);",
    ]],
    caughtBy: [WHOLE_STEPS],
  },
  {
    name: "a request that has found no room keeps its slot locked",
    breaks: "I5",
    file: "lib/node/logged_commit.ts",
    edits: [["return this.#group.isOpen;", "return this.#group.members.length > 0;"]],
    caughtBy: [ROOM],
  },
  {
    name: "a request that has found no room asks for as little again",
    breaks: "I5",
    file: RECORDS,
    edits: [["this.wantedWords = words;", ""]],
    caughtBy: [ROOM],
  },
  {
    name: "what an increment asks for is that of the next one, if it waits for an update",
    breaks: "I4",
    file: "lib/store/writes/derived_writes.ts",
    edits: [[
      "if (this.#queues.count !== 0) this.#asked = new DerivationWords();\n    this",
      "this",
    ]],
    caughtBy: [API],
  },
  {
    name: "an increment joins one that another thread may have seen",
    breaks: "I5",
    file: JOINABLE,
    edits: [[" || !lane.isUnpublished(index)", ""]],
    caughtBy: [WHOLE_STEPS, "test/unit/joinable_additions.test.ts"],
  },
  {
    name: "an increment joins one from before another operation on the key",
    breaks: "I4",
    file: "lib/client/client.ts",
    edits: [["this.#additions.forget(hash);", ""]],
    caughtBy: [JOINED],
  },
  {
    name: "an increment joins one from before a clear",
    breaks: "I4",
    file: "lib/client/client.ts",
    edits: [[
      "words, completion }); this.#additions.forgetAll();",
      "words, completion });",
    ]],
    caughtBy: ["test/unit/joinable_additions.test.ts"],
  },
  {
    name: "an increment joins one of a key that has expired by then",
    breaks: "I4",
    file: JOINABLE,
    edits: [["if (asked.mayExpireUntil(epochMs())) return undefined;", ""]],
    caughtBy: [JOINED],
  },
  {
    name: "an increment joins one with other bounds",
    breaks: "I4",
    file: "lib/rings/derivation_words.ts",
    edits: [["let i = ADDEND * 2; i < BEFORE * 2", "let i = ADDEND * 2; i < SUM_MIN * 2"]],
    caughtBy: [JOINED],
  },
  {
    name: "an increment joins one of another key",
    breaks: "I4",
    file: JOINABLE,
    edits: [
      ["if (hash !== key.hash) return undefined;", "if (hash === NO_HASH) return undefined;"],
      [
        "if (!keyEquals(words, record, key.words, key.start, key.byteLength)) return undefined;",
        "",
      ],
    ],
    caughtBy: [JOINED],
  },
  {
    name: "increments that have joined are added up at once, beyond the bounds",
    breaks: "I4",
    file: RECORDS,
    edits: [["count < times && asked.allows(sum)", "count < times"]],
    caughtBy: [JOINED],
  },
];
