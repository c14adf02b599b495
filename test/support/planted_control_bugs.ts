/**
 * Planted bugs in how the control stream of a cluster is kept short.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const LOG = "lib/cluster/control/control_log.ts";
const STATE = "lib/cluster/control/control_state.ts";
const NEEDS = "lib/cluster/control/log_needs.ts";
const SHORTENING = "lib/cluster/control/shortening.ts";
const NODE = "lib/cluster/node/cluster_node.ts";
const TEST = "test/cluster/control_shortening.test.ts";
const SIMULATION = "test/cluster/cluster_simulation.test.ts";

/** Bugs by which nodes do not agree on what counts. */
export const CONTROL_BUGS: readonly PlantedBug[] = [
  {
    name: "a state does not say by which command slots came",
    breaks: "I1",
    file: STATE,
    edits: [["this.assignedAt.fill(assignedAt, slot, slot + count);", ""]],
    caughtBy: [TEST],
    inTest: "who begins with a state",
  },
  {
    name: "a state leaves out which logs are to be fenced",
    breaks: "I15",
    file: STATE,
    edits: [["replace(this.unfenced, picture.unfenced);", ""]],
    caughtBy: [TEST],
    inTest: "who begins with a state",
  },
  {
    name: "a state leaves out up to where logs have to be read",
    breaks: "I15",
    file: STATE,
    edits: [["replace(this.barriers, picture.barriers);", ""]],
    caughtBy: [TEST],
    inTest: "who begins with a state",
  },
  {
    name: "a state leaves out the terms of leases",
    breaks: "I15",
    file: STATE,
    edits: [[
      "this.#leases.set(node, { sequence, term,",
      "this.#leases.set(node, { sequence, term: sequence + 0 * term,",
    ]],
    caughtBy: [TEST],
    inTest: "who begins with a state",
  },
  {
    name: "a state leaves out what is needed of logs",
    breaks: "I15",
    file: NEEDS,
    edits: [[
      "{ tails: new Map(starts), floors: new Map(floors) });",
      "{ tails: new Map(), floors: new Map(floors) });",
    ]],
    caughtBy: [TEST],
    inTest: "who begins with a state",
  },
  {
    name: "messages that are missing are not noticed",
    breaks: "I1",
    file: LOG,
    edits: [["if (sequence !== known + 1) this.#lose();", "if (sequence <= known) this.#lose();"]],
    caughtBy: [TEST, SIMULATION],
  },
  {
    name: "a state is taken that does not have all that is missing",
    breaks: "I1",
    file: LOG,
    edits: [["if (command.at + 1 < this.#ahead[0]!.sequence || ", "if ("]],
    caughtBy: [TEST],
    inTest: "goes on from a state",
  },
  {
    name: "what came behind a state before it was stored is forgotten",
    breaks: "I1",
    file: LOG,
    edits: [["filter(({ sequence }) => sequence > at)", "filter(({ sequence }) => sequence < at)"]],
    caughtBy: [TEST],
    inTest: "goes on from a state",
  },
  {
    name: "who has missed messages goes on under its lease",
    breaks: "I15",
    file: LOG,
    edits: [["    this.#ahead = [];\n    this.#end();\n", "    this.#ahead = [];\n"]],
    caughtBy: [TEST],
    inTest: "has no lease",
  },
  {
    name: "leases that a state has are not over, whatever their holders do",
    breaks: "I15",
    file: LOG,
    edits: [["for (const member of this.state.members()) this.#seen.renewed(member);", ""]],
    caughtBy: [TEST],
    inTest: "has no lease",
  },
  {
    name: "who has missed messages keeps its slots",
    breaks: "I15",
    file: NODE,
    edits: [["lost: () => this.#endTerm(),", "lost: () => {},"]],
    caughtBy: [TEST],
    inTest: "that has missed messages",
  },
  {
    name: "the control stream is purged up to a state that nobody has read",
    breaks: "I1",
    file: SHORTENING,
    edits: [["this.#purge(state.earlierPictureAt);", "this.#purge(state.sequence);"]],
    caughtBy: [TEST],
    inTest: "goes on for long",
  },
];
