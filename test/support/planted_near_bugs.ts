/**
 * Planted bugs in sockets between processes of one machine: strangers that are let in or believed,
 * nodes that nobody reaches any more.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const PLACE = "lib/cluster/network/near_place.ts";
const CONNECTOR = "lib/cluster/network/near_connector.ts";
const caughtBy = ["test/cluster/near_nodes.test.ts"];
const ofDirectories = "a directory that is not its user's alone";
const ofLeft = "a name that a killed process";

/** Bugs by which others are let in, or a node is not reached. */
export const NEAR_BUGS: readonly PlantedBug[] = [
  {
    name: "a thread uses a directory that others may enter",
    breaks: "who is reached",
    file: PLACE,
    edits: [["return isOwn(folder) && fileAt", "return fileAt"]],
    caughtBy,
    inTest: ofDirectories,
  },
  {
    name: "a node listens in a directory that others may enter",
    breaks: "who is reached",
    file: PLACE,
    edits: [["if (!isOwn(folder)) return undefined;", ""]],
    caughtBy,
    inTest: ofDirectories,
  },
  {
    name: "a link to a directory counts as one",
    breaks: "who is reached",
    file: PLACE,
    edits: [
      ["return lstatSync(path, { bigint: true });", "return statSync(path, { bigint: true });"],
      ["lstatSync, mkdirSync,", "statSync, mkdirSync,"],
    ],
    caughtBy,
    inTest: ofDirectories,
  },
  {
    name: "the directory is made for everybody",
    breaks: "who is reached",
    file: PLACE,
    edits: [["mode: 0o700", "mode: 0o755"]],
    caughtBy,
    inTest: "a node is reached by its socket",
  },
  {
    name: "the name of a socket says nothing of the cluster",
    breaks: "who is reached",
    file: PLACE,
    edits: [['`${hashKey.join(" ")} ${host} ${port}`', "`${host} ${port}`"]],
    caughtBy,
    inTest: "have other names",
  },
  {
    name: "a connection that has failed is made by the same way again",
    breaks: "a node is reached",
    file: CONNECTOR,
    edits: [["this.#tried.delete(place.path) || ", ""]],
    caughtBy,
    inTest: "who is not the node",
  },
  {
    name: "who says nothing at a socket is waited for as by TCP",
    breaks: "a node is reached",
    file: "lib/cluster/network/turning_stream.ts",
    edits: [["const HELLO_MS_MAX = 1000;", "const HELLO_MS_MAX = 10_000;"]],
    caughtBy,
    inTest: "who is not the node",
  },
  {
    name: "a node does not take the name that a killed process has left",
    breaks: "a node is reached",
    file: PLACE,
    edits: [["rmSync(path, { force: true }); await listening", "await listening"]],
    caughtBy,
    inTest: ofLeft,
  },
  {
    name: "what killed processes leave stays for ever",
    breaks: "what is left is removed",
    file: PLACE,
    edits: [["if (fileAt(path) === file) remove(path);", ""]],
    caughtBy,
    inTest: ofLeft,
  },
  {
    name: "names at which somebody listens are removed, too",
    breaks: "a node is reached",
    file: PLACE,
    edits: [["|| await hasListener(path)", ""]],
    caughtBy,
    inTest: ofLeft,
  },
  {
    name: "a node that ends leaves its name",
    breaks: "what is left is removed",
    file: "lib/cluster/network/node_server.ts",
    edits: [["this.#near?.close();", ""]],
    caughtBy,
    inTest: "an agent has such a socket",
  },
  {
    name: "certificates without a secret are enough",
    breaks: "who is reached",
    file: "lib/store/options/cluster_options.ts",
    edits: [[
      "near: near && (security.tls === undefined || security.secret !== undefined),",
      "near,",
    ]],
    caughtBy,
    inTest: "certificates are not shown",
  },
  {
    name: "an agent listens although it is not to",
    breaks: "near: false",
    file: "lib/cluster/agent/cluster_agent.ts",
    edits: [["if (this.#options.near && place !== undefined)", "if (place !== undefined)"]],
    caughtBy,
    inTest: "an agent has such a socket",
  },
];
