/**
 * Planted bugs in connections between the threads of a process: bytes that are lost, threads that
 * sleep for ever, ends that nobody hears of.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const STREAM = "lib/wire/thread_stream.ts";
const RING = "lib/wire/byte_ring.ts";
const caughtBy = ["test/unit/thread_stream.test.ts"];
const ofBytes = "all bytes come";
const ofEnds = "the end of a connection comes";

/** Bugs by which a connection does not do what a socket does. */
export const STREAM_BUGS: readonly PlantedBug[] = [
  {
    name: "a thread sleeps without looking once more",
    breaks: "I14",
    file: STREAM,
    edits: [[
      "if (this.#hasToDo) this.#lookNext();",
      "if (this.#waiting.length > 0 && this.#outgoing.room > 0) this.#lookNext();",
    ]],
    caughtBy,
    inTest: ofBytes,
  },
  {
    name: "a thread looks for room before it says that it sleeps, and not again",
    breaks: "I14",
    file: STREAM,
    edits: [[
      "if (this.#hasToDo) this.#lookNext();",
      "if (this.#incoming.length > 0) this.#lookNext();",
    ]],
    caughtBy,
    inTest: ofBytes,
  },
  {
    name: "who waits for room does not look whether there is some by now",
    breaks: "I14",
    file: STREAM,
    edits: [["if (this.#outgoing.room === 0) break;", "break;"]],
    caughtBy,
    inTest: ofBytes,
  },
  {
    name: "who has read does not tell of the room",
    breaks: "I14",
    file: STREAM,
    edits: [[
      "if (this.#incoming.takeWantsRoom()) this.#tell();",
      "this.#incoming.takeWantsRoom();",
    ]],
    caughtBy,
    inTest: ofBytes,
  },
  {
    name: "a thread that sleeps is not woken by what is written",
    breaks: "I14",
    file: STREAM,
    edits: [["if (hasWritten) this.#tell();", "if (!hasWritten) this.#tell();"]],
    caughtBy,
    inTest: ofBytes,
  },
  {
    name: "a message that the runtime has lost is waited for, for ever",
    breaks: "I14",
    file: STREAM,
    edits: [["this.#hasToDo && this.#lookNext()", "{}"]],
    caughtBy,
    inTest: "a message that is lost",
  },
  {
    name: "what is written overtakes what waits for room",
    breaks: "I4",
    file: STREAM,
    edits: [[
      "const isNext = this.#waiting.push(bytes) === 1;",
      "const isNext = this.#waiting.unshift(bytes) > 0;",
    ]],
    caughtBy,
    inTest: ofBytes,
  },
  {
    name: "who writes while bytes wait is not told that all are written",
    breaks: "I14",
    file: STREAM,
    edits: [["if (isNext) this.#flush();", "this.#flush();"]],
    caughtBy,
    inTest: ofBytes,
  },
  {
    name: "bytes are written where some have not been read",
    breaks: "I1",
    file: RING,
    edits: [["Math.min(bytes.length, this.room)", "Math.min(bytes.length, this.#bytes.length)"]],
    caughtBy,
    inTest: ofBytes,
  },
  {
    name: "the end of a ring is not minded by who reads",
    breaks: "I1",
    file: RING,
    edits: [["if (first < length) bytes.set(", "if (first > length) bytes.set("]],
    caughtBy,
    inTest: ofBytes,
  },
  {
    name: "a connection has ended before what was written before is read",
    breaks: "I14",
    file: STREAM,
    edits: [["if (this.#isOpen) this.#read();", ""]],
    caughtBy,
    inTest: ofEnds,
  },
  {
    name: "a connection is ended while the last bytes wait for room",
    breaks: "I14",
    file: STREAM,
    edits: [["if (this.#waiting.length === 0) this.destroy();", "this.destroy();"]],
    caughtBy,
    inTest: ofEnds,
  },
  {
    name: "the other thread does not hear of the end",
    breaks: "I14",
    file: STREAM,
    edits: [["this.#port.close();", ""]],
    caughtBy,
    inTest: ofEnds,
  },
];
