/**
 * Planted bugs in the watches of a cluster's threads and nodes.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const WATCHES = "lib/cluster/store/cluster_watches.ts";
const NODE = "lib/cluster/agent/node_watches.ts";
const caughtBy = ["test/cluster/cluster_watches.test.ts"];
const inTest = "watches end with the last states";

/** Bugs by which a change is missed, or an older one follows a newer one. */
export const CLUSTER_WATCH_BUGS: readonly PlantedBug[] = [
  {
    name: "who has got a slot is not asked for what it writes to it",
    breaks: "I13",
    file: WATCHES,
    edits: [[
      "if (partsOf.has(node) && routes.newestOf.get(node)! <= madeAt)",
      "if (partsOf.has(node))",
    ]],
    caughtBy,
    inTest,
  },
  {
    name: "what was written before a call is not read",
    breaks: "I13",
    file: WATCHES,
    edits: [['op: "parts", parts, isAgain: true', 'op: "parts", parts, isAgain: false']],
    caughtBy,
    inTest,
  },
  {
    name: "that changes are missing of a slot that has moved is not said",
    breaks: "I13",
    file: WATCHES,
    edits: [["if (calls.hasBegun) watch.noteLost();\n      else", "if (!calls.hasBegun)"]],
    caughtBy,
    inTest,
  },
  {
    name: "changes are told before a watch has begun",
    breaks: "I13",
    file: WATCHES,
    edits: [["if (!calls.hasBegun) return;", ""]],
    caughtBy,
    inTest,
  },
  {
    name: "a node does not tell of deletes",
    breaks: "I13",
    file: NODE,
    edits: [[
      "if (this.#byPart.size > 0) {",
      "if (this.#byPart.size > 0 && value !== undefined) {",
    ]],
    caughtBy,
    inTest,
  },
];
