/**
 * Planted bugs where records of a cluster are larger than a batch may be: in their messages, and in
 * what is in memory at the same time.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const CODEC = "lib/cluster/messages/log_codec.ts";
const COMMAND = "lib/cluster/control/command.ts";
const BATCH = "lib/cluster/node/batch_decisions.ts";
const FOUND = "lib/cluster/node/found_records.ts";
const NODE = "lib/cluster/node/cluster_node.ts";
const WRITER = "lib/cluster/node/log_writer.ts";
const IO = "lib/cluster/index/index_io.ts";
const MERGE = "lib/cluster/index/slot_merge.ts";
const TABLE = "lib/cluster/index/indexed_table.ts";
const SESSION = "lib/cluster/network/node_session.ts";
const OPEN = "lib/gateway/open_bytes.ts";
const PARTS = "test/cluster/large_parts.test.ts";
const LOG_PARTS = "test/cluster/cluster_parts.test.ts";
const SIMULATION = "test/cluster/large_simulation.test.ts";
const REQUESTS = "test/cluster/cluster_requests.test.ts";
const CARRIER = "test/cluster/cluster_carrier.test.ts";

/** Bugs by which a large value is lost or never stored, or memory is not bounded. */
export const LARGE_BUGS: readonly PlantedBug[] = [
  {
    name: "a record goes into a batch that is full",
    breaks: "I14",
    file: BATCH,
    edits: [["this.#bytes + bytes > batchBytes) return 0;", "bytes > batchBytes) return 0;"]],
    caughtBy: [SIMULATION],
  },
  {
    name: "the address of a large record does not say that it is one",
    breaks: "I14",
    file: CODEC,
    edits: [["places: isAlone ? [ALONE_PLACE] : places", "places"]],
    caughtBy: [PARTS],
  },
  {
    name: "a record that is longer than servers take is sent to them",
    breaks: "I14",
    file: WRITER,
    edits: [["if (bytes > recordBytes) return", "if (bytes > 2 * recordBytes) return"]],
    caughtBy: [LOG_PARTS],
    inTest: "larger than a message is refused",
  },
  {
    name: "large records are moved together with others",
    breaks: "I15",
    file: MERGE,
    edits: [["if (bytes + entry.bytes > batchBytes) {", "if (bytes > batchBytes) {"]],
    caughtBy: [PARTS],
    inTest: "records that are moved share a message",
  },
  {
    name: "a large record that is moved is read where it would be in a batch",
    breaks: "I15",
    file: CODEC,
    edits: [["const at = place === ALONE_PLACE ? FIRST_PLACE : place;", "const at = place;"]],
    caughtBy: [PARTS],
  },
  {
    name: "who wants no value waits for one that was not kept",
    breaks: "I14",
    file: FOUND,
    edits: [["asksForValue(request) && left.has(", "asksForOld(request) && left.has("]],
    caughtBy: [PARTS],
    inTest: "need of large values is bounded",
  },
  {
    name: "an append keeps the values of all its requests",
    breaks: "I14",
    file: FOUND,
    edits: [["names.has(name) && bytes + valueBytes <= bytesMax", "names.has(name)"]],
    caughtBy: [PARTS],
    inTest: "need of large values is bounded",
  },
  {
    name: "a large request that comes while others wait is given back",
    breaks: "I14",
    file: NODE,
    edits: [[
      "const isTooMuch = this.#waitingBytes > WAITING_BYTES_MAX ||",
      "const isTooMuch = this.#waitingBytes + bytesOf(request) > WAITING_BYTES_MAX ||",
    ]],
    caughtBy: [REQUESTS],
    inTest: "larger than what may wait",
  },
  {
    name: "a large request waits until there is no other one",
    breaks: "I14",
    file: OPEN,
    edits: [["? this.#largeCount === 0", "? this.#largeCount === 0 && this.bytes === 0"]],
    caughtBy: [CARRIER],
    inTest: "does not wait until there is no other one",
  },
  {
    name: "answers that were not taken are sent as one frame",
    breaks: "I14",
    file: SESSION,
    edits: [["this.#answers.byteLength + length > REMOTE_BYTES_MAX", "length < 0"]],
    caughtBy: [PARTS],
    inTest: "no frame that is too long",
  },
  {
    name: "values are read for a connection that does not take them",
    breaks: "I14",
    file: SESSION,
    edits: [["if (leave !== undefined) this.#answeredLeaves.push(leave);", "leave?.();"]],
    caughtBy: [PARTS],
    inTest: "when it has taken those before",
  },
  {
    name: "what waits for room waits for ever when its connection is closed",
    breaks: "I14",
    file: SESSION,
    edits: [[
      "for (const leave of [...this.#leaves.values(), ...this.#answeredLeaves]) leave();",
      "",
    ]],
    caughtBy: [PARTS],
    inTest: "when it has taken those before",
  },
  {
    name: "a read that is not wanted any more keeps its memory",
    breaks: "I14",
    file: IO,
    edits: [["if (!isWanted()) { leave();", "if (!isWanted()) {"]],
    caughtBy: [PARTS],
    inTest: "gives its memory back",
  },
  {
    name: "any number of large records is read at the same time",
    breaks: "I14",
    file: IO,
    edits: [["place === ALONE_PLACE ? recordBytes : batchBytes", "batchBytes"]],
    caughtBy: [PARTS],
    inTest: "reads so much at a time",
  },
  {
    name: "large records are read without asking for room",
    breaks: "I14",
    file: TABLE,
    edits: [["if (reader?.room === undefined) read();", "if (reader !== null) read();"]],
    caughtBy: [PARTS],
    inTest: "reads so much at a time",
  },
  {
    name: "a cluster of an earlier release is taken for one with long messages",
    breaks: "I11",
    file: COMMAND,
    edits: [[
      "format === FORMAT_WITHOUT_LONG ? PLAIN_MESSAGE_BYTES_MAX : undefined",
      "format === FORMAT_WITHOUT_LONG ? messageBytes : undefined",
    ]],
    caughtBy: [PARTS],
    inTest: "limit of a cluster is what its servers take",
  },
];
