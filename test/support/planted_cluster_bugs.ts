/**
 * Planted bugs in leases, terms, logs and moves of a cluster.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const LEASE = "lib/cluster/node/lease.ts";
const REPLAY = "lib/cluster/node/log_replay.ts";
const WRITER = "lib/cluster/node/log_writer.ts";
const TABLE = "lib/cluster/node/key_table.ts";
const MOVES = "lib/cluster/node/slot_moves.ts";
const SUCCESSION = "lib/cluster/node/succession.ts";
const NODE = "lib/cluster/node/cluster_node.ts";
const STATE = "lib/cluster/control/control_state.ts";
const PARTS = "test/cluster/cluster_parts.test.ts";
const NODES = "test/cluster/cluster_node.test.ts";
const SIMULATION = "test/cluster/cluster_simulation.test.ts";

/** Bugs by which an acknowledged write is lost, or what does not count is seen. */
export const CLUSTER_BUGS: readonly PlantedBug[] = [
  {
    name: "everything in a log counts, under whatever term it was written",
    breaks: "I15",
    file: REPLAY,
    edits: [["} else if (entry.term === this.#term) {", "} else {"]],
    caughtBy: [PARTS, NODES],
  },
  {
    name: "a fence that comes late ends a newer term",
    breaks: "I15",
    file: REPLAY,
    edits: [["if (entry.term > this.#term) this.#term = entry.term;", "this.#term = entry.term;"]],
    caughtBy: [PARTS, SIMULATION],
  },
  {
    name: "the lease is looked at before the append, and not after it",
    breaks: "I15",
    file: WRITER,
    edits: [[
      "if (!lease.holds()) return void clock.after(RETRY_MS, () => settle(sequence));",
      "",
    ]],
    caughtBy: [PARTS, SIMULATION],
  },
  {
    name: "an append whose outcome is unknown is taken for stored",
    breaks: "I15",
    file: WRITER,
    edits: [["clock.after(RETRY_MS, () => {", "return stored(0); clock.after(RETRY_MS, () => {"]],
    caughtBy: [PARTS, SIMULATION],
  },
  {
    name: "records are written before their term has begun",
    breaks: "I15",
    file: WRITER,
    edits: [["#isReady = false;", "#isReady = true;"]],
    caughtBy: [PARTS],
    inTest: "a term begins",
  },
  {
    name: "the holder of a lease counts from when its renewal has come back",
    breaks: "I15",
    file: LEASE,
    edits: [["this.#since = since;", "this.#since = this.#now();"]],
    caughtBy: [PARTS, SIMULATION],
  },
  {
    name: "a lease is ended before it is over",
    breaks: "I15",
    file: LEASE,
    edits: [[">= this.#leaseMs;", ">= this.#leaseMs / 2;"]],
    caughtBy: [PARTS, SIMULATION],
  },
  {
    name: "a lease goes on while the machine is frozen",
    breaks: "I15",
    file: LEASE,
    edits: [["now.epochMs - this.#since.epochMs,", "0,"]],
    caughtBy: [PARTS],
    inTest: "counted from",
  },
  {
    name: "a read does not ask for the lease",
    breaks: "I4",
    file: NODE,
    edits: [
      ["&& !isBehind && this.isActive)", "&& !isBehind)"],
      ["if (!this.isActive || !this.#isFor(request))", "if (!this.#isFor(request))"],
    ],
    caughtBy: [SIMULATION],
  },
  {
    name: "the record that is read last wins, whatever its version",
    breaks: "I9",
    file: TABLE,
    edits: [["known === undefined || record.version > known.version", "known !== record"]],
    caughtBy: [SIMULATION],
  },
  {
    name: "versions begin again with each owner",
    breaks: "I9",
    file: TABLE,
    edits: [["Math.max(this.#versionMax[slot]!, record.version)", "this.#versionMax[slot]!"]],
    caughtBy: [SIMULATION],
  },
  {
    name: "a slot is served before the logs were read up to its barriers",
    breaks: "I15",
    file: MOVES,
    edits: [[
      "if (this.#coming.size === 0 || !this.#isRead()) return false;",
      "if (this.#coming.size === 0) return false;",
    ]],
    caughtBy: [NODES, SIMULATION],
  },
  {
    name: "a slot is served while it leaves",
    breaks: "I1",
    file: MOVES,
    edits: [["&& !this.#leaving.has(slot)", ""]],
    caughtBy: [PARTS, SIMULATION],
  },
  {
    name: "a slot is given away while a change of it is on its way",
    breaks: "I1",
    file: NODE,
    edits: [["leaving.size === 0 || writer.isBusyWith(leaving)", "leaving.size === 0"]],
    caughtBy: [NODES, SIMULATION],
  },
  {
    name: "a slot is given away without the end of its log",
    breaks: "I15",
    file: NODE,
    edits: [["barriers: [[node, writer.storedSequence]],", "barriers: [[node, 1]],"]],
    caughtBy: [NODES, SIMULATION],
  },
  {
    name: "the log of a node whose lease was ended is not fenced",
    breaks: "I15",
    file: SUCCESSION,
    edits: [["encodeOwn(term), undefined, (outcome)", "encodeOwn(1), undefined, (outcome)"]],
    caughtBy: [NODES],
    inTest: "does not count",
  },
  {
    name: "a revocation ends a lease that was renewed in between",
    breaks: "I15",
    file: STATE,
    edits: [["lease?.holder === undefined || follows !== lease.sequence", "!lease?.holder"]],
    caughtBy: [PARTS, SIMULATION],
  },
  {
    name: "an assignment counts that does not know of the last one",
    breaks: "I1",
    file: STATE,
    edits: [["follows !== this.mapSequence || !this", "!this"]],
    caughtBy: [PARTS],
    inTest: "knows of the last one",
  },
];
