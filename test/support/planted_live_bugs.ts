/**
 * Planted bugs in what other processes see of an open store: frames, the socket, and readings
 * beside it.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const FRAME = "lib/wire/frame.ts";
const CONNECTION = "lib/live/live_connection.ts";
const CONNECTIONS = "lib/live/live_connections.ts";
const ANSWERS = "lib/live/live_answers.ts";
const PLACE = "lib/persistence/socket_place.ts";
const ACCESS = "lib/cli/pool_access.ts";
const FRAME_TEST = "test/unit/frame.test.ts";
const GATEWAY_CONNECTION = "lib/gateway/gateway_connection.ts";
const COMMANDS = "lib/remote/gateway_commands.ts";
const GATEWAY_TEST = "test/live/gateway.test.ts";
const SERVER_TEST = "test/live/server.test.ts";
const READING_TEST = "test/live/reading.test.ts";

/** Bugs by which rubbish is believed, a socket is in the way, or a reading is wrong. */
export const LIVE_BUGS: readonly PlantedBug[] = [
  {
    name: "a frame's CRC is not looked at",
    breaks: "frames",
    file: FRAME,
    edits: [["!== crc32(body, head)", "=== -1"]],
    caughtBy: [FRAME_TEST],
  },
  {
    name: "memory is taken for whatever length a header names",
    breaks: "frames",
    file: FRAME,
    edits: [["if (bodyBytes > this.bodyBytesMax)", "if (false)"]],
    caughtBy: [FRAME_TEST],
  },
  {
    name: "a stream goes on behind what was refused",
    breaks: "frames",
    file: FRAME,
    edits: [["if (this.#failure !== undefined) throw this.#failure;", "this.#headerBytes %= 16;"]],
    caughtBy: [FRAME_TEST],
  },
  {
    name: "a connection that sends rubbish stays open",
    breaks: "live",
    file: CONNECTION,
    edits: [[
      "// The other side speaks another language.\n      this.close();",
      "// The other side speaks another language.",
    ]],
    caughtBy: [SERVER_TEST],
    inTest: "rubbish ends its connection",
  },
  {
    name: "requests of one connection are answered at the same time",
    breaks: "live",
    file: CONNECTION,
    edits: [["|| this.#isAnswering) {", "|| false) {"]],
    caughtBy: [SERVER_TEST],
    inTest: "rubbish ends its connection",
  },
  {
    name: "a connection that has begun a request may stay for ever",
    breaks: "I14",
    file: CONNECTION,
    edits: [["nowMs - this.#activeMs > LIVE_IDLE_MS_MAX", "false"]],
    caughtBy: [SERVER_TEST],
    inTest: "owes a request",
  },
  {
    name: "there are any number of connections",
    breaks: "live",
    file: CONNECTIONS,
    edits: [["this.#connections.size >= LIVE_CONNECTIONS_MAX", "false"]],
    caughtBy: [SERVER_TEST],
    inTest: "so many connections",
  },
  {
    name: "a store that may only be looked at is written to",
    breaks: "live",
    file: ANSWERS,
    edits: [["if (isWritable) return", "if (true) return"]],
    caughtBy: [SERVER_TEST],
    inTest: "cannot be answered",
  },
  {
    name: "a gateway reads on where a command has connected",
    breaks: "live",
    file: GATEWAY_CONNECTION,
    edits: [["if (!this.#isOpen || this.#isTakenOver) return;", "if (!this.#isOpen) return;"]],
    caughtBy: [GATEWAY_TEST],
    inTest: "are answered without the option",
  },
  {
    name: "a command must say hello within the time of a process",
    breaks: "live",
    file: GATEWAY_CONNECTION,
    edits: [["if (this.#isTakenOver) return;\n", ""]],
    caughtBy: [GATEWAY_TEST],
    inTest: "not ended as one",
  },
  {
    name: "a command puts what the application's codec cannot read",
    breaks: "live",
    file: COMMANDS,
    edits: [['isWritable: codec !== "custom"', "isWritable: true"]],
    caughtBy: [GATEWAY_TEST],
    inTest: "own codec",
  },
  {
    name: "a command that found no place is told so for ever",
    breaks: "live",
    file: COMMANDS,
    edits: [["      this.#store = undefined;\n", ""]],
    caughtBy: [GATEWAY_TEST],
    inTest: "without a place",
  },
  {
    name: "what a killed process has left is in the way of the next one",
    breaks: "live",
    file: PLACE,
    edits: [["if (isApart) makeFolder(dirname(path));\n    rmSync(path, { force: true });", ""]],
    caughtBy: [SERVER_TEST],
    inTest: "a killed process has left",
  },
  {
    name: "a store that was closed leaves its socket",
    breaks: "live",
    file: PLACE,
    edits: [["rmSync(place.path, { force: true });", "writeFileSync(place.path, '');"], [
      "import { chmodSync, ",
      "import { writeFileSync, chmodSync, ",
    ]],
    caughtBy: [SERVER_TEST],
    inTest: "a closed store has no socket",
  },
  {
    name: "everybody may connect",
    breaks: "live",
    file: PLACE,
    edits: [["chmodSync(path, 0o600);", "chmodSync(path, 0o666);"]],
    caughtBy: [SERVER_TEST],
    inTest: "only the user may connect",
  },
  {
    name: "a directory that others may enter is used for a socket",
    breaks: "live",
    file: PLACE,
    edits: [["if (info.isDirectory() && (info.mode & 0o077) === 0) return;", "return;"]],
    caughtBy: [SERVER_TEST],
    inTest: "too long",
  },
  {
    name: "damage that a reading beside a store has seen once is reported",
    breaks: "live",
    file: ACCESS,
    edits: [["if (isUndisturbed && isAgain)", "if (true)"]],
    caughtBy: [READING_TEST],
    inTest: "found twice",
  },
  {
    name: "damage seen under two checkpoints counts as seen twice",
    breaks: "live",
    file: ACCESS,
    edits: [["before?.checkpoint === checkpoint && ", ""], ["isUndisturbed && isAgain", "isAgain"]],
    caughtBy: [READING_TEST],
    inTest: "under one checkpoint",
  },
];
