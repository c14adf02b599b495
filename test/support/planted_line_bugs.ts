/**
 * Planted bugs in lines, by which frames reach a thread that blocks.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const GATEWAY = "lib/gateway/gateway_line.ts";
const REMOTE = "lib/gateway/remote_line.ts";
const WRITER = "lib/gateway/paced_writer.ts";
const FIFO = "lib/gateway/fifo_writer.ts";
const LINES_TEST = "test/gateway/lines.test.ts";
const CARRIER = "lib/gateway/socket_carrier.ts";
const BLOCKED_TEST = "test/gateway/blocked_carrier.test.ts";
const CALLS_TEST = "test/remote/blocking_calls.test.ts";

/** Bugs by which an answer is lost, comes twice, or is waited for without an end. */
export const LINE_BUGS: readonly PlantedBug[] = [
  {
    name: "what lies unread in the socket does not come by the FIFO",
    breaks: "I5",
    file: GATEWAY,
    edits: [[
      "for (const frame of [resume, ...this.#untaken]) this.#fifo!.write(frame);",
      "for (const frame of [resume]) this.#fifo!.write(frame);",
    ]],
    caughtBy: [LINES_TEST],
    inTest: "each frame comes once",
  },
  {
    name: "what lies unread in the FIFO does not come by the socket",
    breaks: "I5",
    file: GATEWAY,
    edits: [[
      "for (const frame of [resume, ...this.#untaken]) this.#canWrite = this.#options.write(frame);",
      "this.#canWrite = this.#options.write(resume);",
    ]],
    caughtBy: [LINES_TEST],
    inTest: "each frame comes once",
  },
  {
    name: "a frame is taken by both ways",
    breaks: "I5",
    file: REMOTE,
    edits: [["if (ahead < 0) return;", ""]],
    caughtBy: [LINES_TEST],
    inTest: "each frame comes once",
  },
  {
    name: "the rest of a frame in the FIFO is forgotten",
    breaks: "I5",
    file: FIFO,
    edits: [["this.#frames.length = this.#isBegun ? 1 : 0;", "this.#frames.length = 0;"]],
    caughtBy: [LINES_TEST],
    inTest: "the rest of a frame",
  },
  {
    name: "frames that are taken are kept",
    breaks: "I14",
    file: GATEWAY,
    edits: [["this.#untaken.splice(0, newCount);", "if (newCount < 0) this.#untaken = [];"]],
    caughtBy: [LINES_TEST],
    inTest: "each frame comes once",
  },
  {
    name: "memory is used again of which the other way still has something",
    breaks: "I5",
    file: GATEWAY,
    edits: [["if (at >= this.#sentTwice && !isShared)", "if (!isShared)"]],
    caughtBy: [LINES_TEST],
    inTest: "each frame comes once",
  },
  {
    name: "memory is used again of which the last bytes are on their way",
    breaks: "I5",
    file: GATEWAY,
    edits: [["if (at >= this.#sentTwice && !isShared)", "if (at >= this.#sentTwice)"]],
    caughtBy: [LINES_TEST],
    inTest: "each frame comes once",
  },
  {
    name: "writes have no memory beside their bytes",
    breaks: "I14",
    file: WRITER,
    edits: [["const WRITE_BYTES = 1024;", "const WRITE_BYTES = 0;"]],
    caughtBy: [LINES_TEST],
    inTest: "no more is written",
  },
  {
    name: "a long frame is written as one",
    breaks: "I14",
    file: WRITER,
    edits: [[
      "if (frame.length <= PIECE_BYTES) return frame;",
      "if (frame.length > 0) return frame;",
    ]],
    caughtBy: [LINES_TEST],
    inTest: "no more is written",
  },
  {
    name: "nobody says what has been received",
    breaks: "I14",
    file: GATEWAY,
    edits: [
      ["if (this.#mustTell(1)) this.#sendOne(this.#told());", ""],
      ["if (this.#mustTell(2) && this.#way === Way.SOCKET) {", "if (this.#way < 0) {"],
    ],
    caughtBy: [LINES_TEST],
    inTest: "each frame comes once",
  },
  {
    name: "what is no answer is handed over while a thread blocks",
    breaks: "I4",
    file: REMOTE,
    edits: [["return !this.#isBlocking && this.#deferred.length === 0;", "return true;"]],
    caughtBy: [LINES_TEST],
    inTest: "waits for the end of the tick",
  },
  {
    name: "any file is written that has the name of a FIFO",
    breaks: "I2",
    file: FIFO,
    edits: [["if (fstatSync(this.#file).isFIFO()) return;", "if (this.#isOpen) return;"]],
    caughtBy: [LINES_TEST],
    inTest: "or is none",
  },
  {
    name: "a thread that has blocked is never answered by the socket again",
    breaks: "I4",
    file: REMOTE,
    edits: [["this.#use(Way.SOCKET);", ""]],
    caughtBy: [CALLS_TEST],
    inTest: "what is awaited is settled",
  },
  {
    name: "a change is sent again whose call has failed",
    breaks: "I5",
    file: CARRIER,
    edits: [["!given.isKnown || parcel.isWithdrawn", "!given.isKnown"]],
    caughtBy: [BLOCKED_TEST],
    inTest: "a call whose host ends",
  },
  {
    name: "a request that is held is sent although its call has failed",
    breaks: "I5",
    file: "lib/client/client.ts",
    edits: [["this.#held.withdraw(completion, error as DinomoError);", ""]],
    caughtBy: [BLOCKED_TEST],
    inTest: "for which there was no room",
  },
  {
    name: "one of many requests is sent although their call has failed",
    breaks: "I5",
    file: "lib/client/completions.ts",
    edits: [["return own === whole || own.batch === whole;", "return own === whole;"]],
    caughtBy: [BLOCKED_TEST],
    inTest: "a call whose host ends",
  },
];
