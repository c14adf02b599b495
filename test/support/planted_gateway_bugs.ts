/**
 * Planted bugs in what processes send each other.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const CARRIER = "lib/gateway/socket_carrier.ts";
const CHECK = "lib/gateway/request_check.ts";
const FRAMES = "lib/gateway/request_frames.ts";
const SESSION = "lib/gateway/gateway_session.ts";
const FRAMES_TEST = "test/gateway/request_frames.test.ts";
const SESSION_TEST = "test/gateway/gateway_session.test.ts";

/** Bugs by which another process is believed, or is told what is not so. */
export const GATEWAY_BUGS: readonly PlantedBug[] = [
  {
    name: "a read does not wait for the changes before it",
    breaks: "I4",
    file: SESSION,
    edits: [[
      "if (!this.#pending.has(slot)) return this.#read(words);",
      "if (slot >= 0) return this.#read(words);",
    ]],
    caughtBy: [SESSION_TEST],
  },
  {
    name: "the answers of a long frame are overwritten while it is sent",
    breaks: "I5",
    file: FRAMES,
    edits: [["if (isOwn) this.#letGo();", ""]],
    caughtBy: [FRAMES_TEST],
    inTest: "a long frame of answers",
  },
  {
    name: "answers wait for as long as others have no room",
    breaks: "I13",
    file: SESSION,
    edits: [["    this.#detach();\n    this.#flush();\n", "    this.#detach();\n"]],
    caughtBy: [SESSION_TEST],
    inTest: "puts that wait for room",
  },
  {
    name: "a change overtakes a read that waits",
    breaks: "I4",
    file: SESSION,
    edits: [[
      "if (this.#isParked || this.#answers.byteLength > REMOTE_BYTES_MAX) return false;",
      "",
    ]],
    caughtBy: [SESSION_TEST],
  },
  {
    name: "answers are made while none can be sent",
    breaks: "I14",
    file: SESSION,
    edits: [["this.#isParked || this.#answers.byteLength > REMOTE_BYTES_MAX", "this.#isParked"]],
    caughtBy: [SESSION_TEST],
    inTest: "nothing grows",
  },
  {
    name: "another process may have any number of requests without answers",
    breaks: "I14",
    file: SESSION,
    edits: [["if (isTooMuch) throw", "if (isTooMuch && !this.#isOpen) throw"]],
    caughtBy: [SESSION_TEST],
    inTest: "sends more than it may",
  },
  {
    name: "all that a process asks for at a time is executed in one turn",
    breaks: "I14",
    file: SESSION,
    edits: [["Math.min(requests.length, TURN_REQUESTS_MAX)", "requests.length"]],
    caughtBy: [SESSION_TEST],
    inTest: "delays one that asks for one by few",
  },
  {
    name: "a session goes on after its end",
    breaks: "I5",
    file: SESSION,
    edits: [[
      "receive(body: Uint8Array): void { if (!this.#isOpen) return;",
      "receive(body: Uint8Array): void {",
    ]],
    caughtBy: [SESSION_TEST],
    inTest: "after the end of a session",
  },
  {
    name: "a value that fits no ring comes without its end",
    breaks: "I2",
    file: "lib/client/large_values.ts",
    edits: [[
      "return split(request, headWords, words[REQUEST_RECORD + RECORD_VALUE_BYTES]);",
      "return split(request, headWords, words[REQUEST_RECORD + RECORD_VALUE_BYTES] - 1);",
    ]],
    caughtBy: [SESSION_TEST],
    inTest: "fit no ring",
  },
  {
    name: "a connection ends, and what was not sent is lost",
    breaks: "I5",
    file: CARRIER,
    edits: [[
      "this.#claimed = this.#open.all().filter(",
      "this.#claimed = this.#open.all().filter((parcel) => parcel.isSent).filter(",
    ]],
    caughtBy: [SESSION_TEST],
    inTest: "what was not sent when a connection ends",
  },
  {
    name: "what waits for a connection grows without a bound",
    breaks: "I14",
    file: "lib/client/request_sender.ts",
    edits: [[
      "if (this.#held.bytes > HELD_BYTES_MAX && !this.#carrier.canBlock) {",
      "if (this.#held.bytes < 0) {",
    ]],
    caughtBy: [SESSION_TEST],
    inTest: "what waits for a connection",
  },
  {
    name: "requests that were sent end as if they had not been",
    breaks: "I5",
    file: CARRIER,
    edits: [["isUnknown(parcel) ? unknownOutcome() : error", "error"]],
    caughtBy: [SESSION_TEST],
    inTest: "outcome that is not known",
  },
  {
    name: "a connection has more on its way than it may",
    breaks: "I14",
    file: CARRIER,
    edits: [
      ["|| !this.#open.hasRoomFor(length)", ""],
      ["if (this.#number + count - confirmed > REMOTE_REQUESTS_MAX) break;", ""],
    ],
    caughtBy: [SESSION_TEST],
    inTest: "no more requests are on their way",
  },
  {
    name: "the hash of a key is believed",
    breaks: "I4",
    file: CHECK,
    edits: [[
      "return halfSipHash13(key0, key1, words, keyAt, keyBytes) === hash",
      "return key0 !== undefined && key1 !== undefined",
    ]],
    caughtBy: [FRAMES_TEST],
  },
  {
    name: "what stands behind a key is not looked at",
    breaks: "I4",
    file: CHECK,
    edits: [[
      "if (!isZero(words, keyAt * 4 + keyBytes, expiryAt * 4)) return",
      "if (expiryAt < 0) return",
    ]],
    caughtBy: [FRAMES_TEST],
  },
  {
    name: "a request may be shorter than its record",
    breaks: "I2",
    file: CHECK,
    edits: [["REQUEST_RECORD + recordWords(meta, valueBytes) === length;", "true;"]],
    caughtBy: [FRAMES_TEST],
  },
  {
    name: "a request comes twice",
    breaks: "I5",
    file: FRAMES,
    edits: [["if (numberOf(words, at) !== number) {", "if (numberOf(words, at) > number) {"]],
    caughtBy: [FRAMES_TEST],
  },
  {
    name: "the CRC of a frame is not compared",
    breaks: "I2",
    file: "lib/wire/frame.ts",
    edits: [[
      "if (wordAt(header, at + AT_CRC) !== crc32(body, head)) {",
      "if (body.length < 0) {",
    ]],
    caughtBy: [FRAMES_TEST],
  },
  {
    name: "a body is a Buffer, whose slices are no copies",
    breaks: "I2",
    file: "lib/wire/frame.ts",
    edits: [[
      "new Uint8Array(bytes.buffer, bytes.byteOffset + body, end - body);",
      "bytes.subarray(body, end);",
    ]],
    caughtBy: ["test/unit/frame.test.ts"],
  },
  {
    name: "a body begins between words",
    breaks: "I2",
    file: "lib/wire/frame.ts",
    edits: [["view.byteOffset % WORD_BYTES === 0 ? view : view.slice();", "view;"]],
    caughtBy: ["test/unit/frame.test.ts"],
  },
];
