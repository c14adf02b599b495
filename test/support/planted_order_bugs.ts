/**
 * Planted bugs in the order of operations beside updates, and in what nested calls must not share.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const QUEUES = "test/unit/key_queues.test.ts";

/** Bugs in order and re-entrancy. */
export const ORDER_BUGS: readonly PlantedBug[] = [
  {
    name: "synchronous calls within each other share a completion",
    breaks: "I5",
    file: "lib/client/completions.ts",
    edits: [
      [
        "if (completion === undefined) return new SyncCompletion(true);",
        "if (completion === undefined) return this.#free = new SyncCompletion(true);",
      ],
      ["this.#free = undefined; completion.reset();", "completion.reset();"],
    ],
    caughtBy: [QUEUES],
  },
  {
    name: "listeners are called in the middle of an operation",
    breaks: "I5",
    file: "lib/store/parts/events.ts",
    edits: [["void soon.then(() => this.#dispatch());", "this.#dispatch();"]],
    caughtBy: [QUEUES],
  },
  {
    name: "a value that waits behind an update is overwritten by the next one that is encoded",
    breaks: "I4",
    file: "lib/store/writes/writes.ts",
    edits: [[
      "bytes: new Uint8Array(bytes.subarray(start, end)),",
      "bytes: bytes.subarray(start, end),",
    ]],
    caughtBy: [QUEUES],
  },
  {
    name: "a value is cached under the key that its codec has read last",
    breaks: "I6",
    file: "lib/client/client_cache.ts",
    edits: [["const own = this.#decodedKey ?? new KeyEncoder(0, 0);", "const own = key;"]],
    caughtBy: [QUEUES],
  },
  {
    name: "operations overtake updates of their key",
    breaks: "I4",
    file: "lib/client/key_queues.ts",
    edits: [[
      "return this.#byHash.get(key.hash)?.find((queue) => queue.key.equals(key));",
      "return undefined;",
    ]],
    caughtBy: [QUEUES],
  },
  {
    name: "a synchronous operation does not wait for updates of its key",
    breaks: "I4",
    file: "lib/client/key_queues.ts",
    edits: [[
      "return; if (!queue.isAdvancing) this.#settle(queue);",
      "return; if (queue.isAdvancing) return;",
    ]],
    caughtBy: [QUEUES],
  },
  {
    name: "flush does not wait for updates",
    breaks: "I4",
    file: "lib/client/pending_operations.ts",
    edits: [
      ["this.#openCount += 1; return ++this.#sequence;", "return ++this.#sequence;"],
      ["this.#openCount -= 1;", ""],
    ],
    caughtBy: [QUEUES],
  },
];
