/**
 * Planted bugs in how nodes of a cluster share what there is to do, and in what is told of it.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const METER = "lib/cluster/node/load_meter.ts";
const PLAN = "lib/cluster/node/load_plan.ts";
const SHARING = "lib/cluster/node/slot_sharing.ts";
const OFFERS = "lib/cluster/node/slot_offers.ts";
const NODE = "lib/cluster/node/cluster_node.ts";
const TOLD = "lib/cluster/store/cluster_events.ts";
const NEWS = "lib/cluster/agent/owner_news.ts";
const TEST = "test/cluster/cluster_load.test.ts";
const EVENTS = "test/cluster/cluster_events.test.ts";
const INDEX = "test/cluster/cluster_index.test.ts";
const NODES = "test/cluster/cluster_node.test.ts";
const CONTROL_LOG = "lib/cluster/control/control_log.ts";
const LEAVES = "a node that leaves serves its slots";

/** Bugs by which slots go to and fro, or stay where there is too much to do. */
export const CLUSTER_LOAD_BUGS: readonly PlantedBug[] = [
  {
    name: "what was asked for before slots moved counts behind that, too",
    breaks: "balance",
    file: METER,
    edits: [["if (map === 0 || map !== this.#map) this.#beginAnew(map);", "this.#map = map;"], [
      "else if (ms > 0) this.#add(ms);",
      "if (ms > 0) this.#add(ms);",
    ]],
    caughtBy: [TEST],
  },
  {
    name: "a load never gets old",
    breaks: "balance",
    file: METER,
    edits: [["const DECAY = 0.7;", "const DECAY = 1;"]],
    caughtBy: [TEST],
  },
  {
    name: "slots move for any gain",
    breaks: "balance",
    file: PLAN,
    edits: [["return worst <= before * (1 - gainMin) ? moves : [];", "return moves;"]],
    caughtBy: [TEST],
  },
  {
    name: "a node is given more than it should have",
    breaks: "balance",
    file: PLAN,
    edits: [["if (after.get(to)! + load > highest) continue;", ""]],
    caughtBy: [TEST],
  },
  {
    name: "a node gives all it has",
    breaks: "balance",
    file: PLAN,
    edits: [["if (own <= mean || moves.length === movesMax) break;", ""]],
    caughtBy: [TEST],
  },
  {
    name: "of many slots those are given that chance has made large",
    breaks: "balance",
    file: PLAN,
    edits: [["Math.floor(Math.log2(load))", "load"]],
    caughtBy: [TEST],
    inTest: "of two with about as much",
  },
  {
    name: "every node above the mean gives",
    breaks: "balance",
    file: PLAN,
    edits: [["if (loads.size < 2 || busiest(loads) !== node) return [];", ""]],
    caughtBy: [TEST],
  },
  {
    name: "loads of different maps are compared",
    breaks: "balance",
    file: SHARING,
    edits: [["if (map !== control.state.mapSequence || windows === 0) return undefined;", ""]],
    caughtBy: [TEST],
  },
  {
    name: "one window is enough",
    breaks: "balance",
    file: SHARING,
    edits: [["this.#calls < balance!.confirmations", "this.#calls < 1"]],
    caughtBy: [TEST],
  },
  {
    name: "a node that joins takes back what was moved by load",
    breaks: "balance",
    file: SHARING,
    edits: [["surplus.filter(([, to]) => this.#newcomers.has(to))", "surplus"]],
    caughtBy: [TEST],
  },
  {
    name: "a node says that it serves what it is still reading",
    breaks: "noderecovered",
    file: SHARING,
    edits: [["moves.hasComing ? 0 : state.mapSequence", "state.mapSequence"]],
    caughtBy: [TEST],
  },
  {
    name: "a node has recovered when others own its slots",
    breaks: "noderecovered",
    file: TOLD,
    edits: [["undefined && slots.every((slot) => this.#isServed(slot));", "undefined;"]],
    caughtBy: [EVENTS],
  },
  {
    name: "it is told only of what is heard later that a node has recovered",
    breaks: "noderecovered",
    file: TOLD,
    edits: [[
      "    this.#tellMoves(before, view);\n    this.#tellRecoveries();",
      "this.#tellMoves(before, view);",
    ]],
    caughtBy: [EVENTS],
  },
  {
    name: "a failure takes the place of an earlier one of the same node",
    breaks: "noderecovered",
    file: TOLD,
    edits: [[
      "this.#failures.push({ node, slots, sinceMs: monotonicMs() });",
      "this.#failures = this.#failures.filter((other) => other.node !== node);\n    " +
      "this.#failures.push({ node, slots, sinceMs: monotonicMs() });",
    ]],
    caughtBy: [EVENTS],
    inTest: "each failure is told",
  },
  {
    name: "slots of a node that has failed are told as moved",
    breaks: "slotsmoved",
    file: TOLD,
    edits: [[" && !isFailed.get(from)", ""]],
    caughtBy: [EVENTS],
  },
  {
    name: "who has lost a number goes on to have its log led",
    breaks: "logs are led by the server of who writes them",
    file: "lib/cluster/node/log_writer.ts",
    edits: [["this.#leading.stop();", ""]],
    caughtBy: [NODES],
    inTest: "who has lost the lease",
  },
  {
    name: "a node that leaves with slots is told to have failed",
    breaks: "noderemoved",
    file: NEWS,
    edits: [["command.resigns !== true &&", ""]],
    caughtBy: [EVENTS],
    inTest: "when nobody can take its slots",
  },
  {
    name: "a node that leaves resigns, and others read what it had when nobody serves it",
    breaks: "planned moves are not felt",
    file: NODE,
    edits: [[
      "if (this.isActive) this.#sharing!.leave();\n    else this.#isLeaving",
      "this.#isLeaving",
    ]],
    caughtBy: [INDEX],
    inTest: LEAVES,
  },
  {
    name: "a node that leaves does not wait for those who read ahead",
    breaks: "planned moves are not felt",
    file: SHARING,
    edits: [["const LEAVE_READ_MS_MAX = 3000;", "const LEAVE_READ_MS_MAX = 0;"]],
    caughtBy: [INDEX],
    inTest: LEAVES,
  },
  {
    name: "a node that leaves waits for ever for slots that do not come",
    breaks: "leaving ends",
    file: SHARING,
    edits: [["export const LEAVE_MS_MAX = 6000;", "export const LEAVE_MS_MAX = 6e6;"]],
    caughtBy: [NODES],
    inTest: "leaves all the same",
  },
  {
    name: "nodes that leave give each other their slots",
    breaks: "planned moves are not felt",
    file: CONTROL_LOG,
    edits: [[".filter((member) => !this.state.leaving.has(member))", ""]],
    caughtBy: [NODES],
    inTest: "nodes that leave at the same time",
  },
  {
    name: "a node that leaves is given slots of one that has failed",
    breaks: "planned moves are not felt",
    file: "lib/cluster/node/succession.ts",
    edits: [["staying.length > 0 ? staying : live", "live"]],
    caughtBy: [NODES],
    inTest: "nothing of one that has failed",
  },
  {
    name: "a node that leaves is given what was offered to it",
    breaks: "planned moves are not felt",
    file: OFFERS,
    edits: [
      ["?.holder !== undefined && !state.leaving.has(to);", "?.holder !== undefined;"],
      ["const takes = !state.leaving.has(node);", "const takes = true;"],
    ],
    caughtBy: [NODES],
    inTest: "gets nothing that was offered",
  },
];
