/**
 * Planted bugs in the calls between processes.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const CLIENT = "lib/wire/call_client.ts";
const SERVER = "lib/wire/call_server.ts";
const PAGES = "lib/remote/calls/page_reader.ts";
const SCAN = "lib/remote/calls/remote_scan.ts";
const CALLED_WATCHES = "lib/watch/called_watches.ts";
const REMOTE_WATCHES = "lib/remote/calls/remote_watches.ts";
const CHECK = "lib/gateway/commit_check.ts";
const CALLS_TEST = "test/gateway/calls.test.ts";
const POOL_TEST = "test/gateway/called_pool.test.ts";
const COMMITS_TEST = "test/gateway/commits.test.ts";

/** Bugs by which a call takes too much, ends wrongly, or tells of what is not so. */
export const CALL_BUGS: readonly PlantedBug[] = [
  {
    name: "items are made whether there is credit for them or not",
    breaks: "I14",
    file: SERVER,
    edits: [["return this.#canWrite && call.credit > 0;", "return this.#canWrite;"]],
    caughtBy: [CALLS_TEST],
    inTest: "beyond the credit",
  },
  {
    name: "items are made while the connection takes nothing",
    breaks: "I14",
    file: SERVER,
    edits: [
      ["return this.#canWrite && call.credit > 0;", "return call.credit > 0;"],
      ["while (!signal.aborted && !this.#canWrite) await", "while (signal.aborted) await"],
    ],
    caughtBy: [CALLS_TEST],
    inTest: "takes nothing",
  },
  {
    name: "a caller may take any number of bytes",
    breaks: "I14",
    file: SERVER,
    edits: [["if (this.#credits > CALL_CREDITS_MAX) {", "if (this.#credits < 0) {"]],
    caughtBy: [CALLS_TEST],
    inTest: "break a rule",
  },
  {
    name: "a call that is given up goes on",
    breaks: "I14",
    file: CLIENT,
    edits: [["if (wasOpen) this.#client.cancel(this);", "if (wasOpen) this.#items = [];"]],
    caughtBy: [CALLS_TEST],
    inTest: "given up",
  },
  {
    name: "a failure loses its class",
    breaks: "I14",
    file: "lib/gateway/carried_errors.ts",
    edits: [["if (known !== undefined) return known;", "if (known === null) return known;"]],
    caughtBy: [CALLS_TEST],
    inTest: "a failure comes",
  },
  {
    name: "a page begins with the key that the one before ended with",
    breaks: "I4",
    file: PAGES,
    edits: [["compareBytes(bytes, last) > 0", "compareBytes(bytes, last) >= 0"]],
    caughtBy: [POOL_TEST],
    inTest: "an unordered store sees",
  },
  {
    name: "the keys of a slot are in another order on each page",
    breaks: "I4",
    file: PAGES,
    edits: [[".sort((one, other) => compareBytes(one.bytes, other.bytes));", ";"]],
    caughtBy: [POOL_TEST],
    inTest: "an unordered store sees",
  },
  {
    name: "a page passes over the key behind the one before",
    breaks: "I4",
    file: PAGES,
    edits: [[
      "isReverse ? from : nextBytes(position.key);",
      "isReverse ? from : nextBytes(position.key).fill(0xff, -1);",
    ]],
    caughtBy: [POOL_TEST],
    inTest: "an ordered store sees",
  },
  {
    name: "an iteration shows what its own thread has replaced",
    breaks: "I4",
    file: SCAN,
    edits: [["client.changeCount === changeCount && queues.count === 0", "queues.count === 0"]],
    caughtBy: [POOL_TEST],
    inTest: "own thread has changed",
  },
  {
    name: "a watch that begins again does not read again",
    breaks: "I4",
    file: REMOTE_WATCHES,
    edits: [[
      "this.#calls.ask(requestOf(watch, true), undefined, options)",
      "this.#calls.ask(requestOf(watch, false), undefined, options)",
    ]],
    caughtBy: [POOL_TEST],
    inTest: "watched parts",
  },
  {
    name: "changes of one prefix are told to those who watch another",
    breaks: "I4",
    file: "lib/watch/prefix_source.ts",
    edits: [[
      "if (startsWith(change.bytes, watch.prefix)) watch.noteChange(change);",
      "watch.noteChange(change);",
    ]],
    caughtBy: [POOL_TEST],
    inTest: "changes of prefixes",
  },
  {
    name: "what is noted while a watch is sent is forgotten",
    breaks: "I4",
    file: CALLED_WATCHES,
    edits: [["this.#changed.add(part);", "if (this.#changed.size > 1e9) this.#changed.add(part);"]],
    caughtBy: [POOL_TEST],
    inTest: "watched parts",
  },
  {
    name: "a key may be twice in a commit of another process",
    breaks: "I2",
    file: CHECK,
    edits: [["if (hash !== before) return hash > before;", "if (hash >= before) return true;"]],
    caughtBy: [COMMITS_TEST],
    inTest: "one twice",
  },
  {
    name: "the entries of a commit are not checked",
    breaks: "I2",
    file: CHECK,
    edits: [["if (rule !== undefined) return rule;", "if (rule === null) return rule;"]],
    caughtBy: [COMMITS_TEST],
    inTest: "damaged",
  },
  {
    name: "a consumer is told to read before its watch has begun",
    breaks: "I4",
    file: "lib/remote/calls/far_watches.ts",
    edits: [["beginsAtOnce = false;", "beginsAtOnce = true;"]],
    caughtBy: [POOL_TEST],
    inTest: "changes of prefixes",
  },
];
