/**
 * Planted bugs between application threads and the nodes of a cluster: in carriers, sessions and
 * connections.
 *
 * @module
 */
import type { PlantedBug } from "./planted_bug.ts";

const CARRIER = "lib/cluster/client/cluster_carrier.ts";
const AGES = "lib/cluster/client/request_ages.ts";
const PEERS = "lib/cluster/client/node_peers.ts";
const TRAFFIC = "lib/cluster/client/slot_traffic.ts";
const SESSION = "lib/cluster/network/node_session.ts";
const SERVER = "lib/cluster/network/node_server.ts";
const HANDSHAKE = "lib/cluster/network/cluster_handshake.ts";
const caughtBy = ["test/cluster/cluster_carrier.test.ts"];
const inTest = "each request is applied once";

/** Bugs by which a request is lost, applied twice, or overtakes another one. */
export const CLUSTER_CARRIER_BUGS: readonly PlantedBug[] = [
  {
    name: "requests do not grow old while their machine is suspended",
    breaks: "I5",
    file: AGES,
    edits: [[
      "this.#clock = new RequestClock(clock);",
      "this.#clock = { nowMs: () => clock.monotonicMs() };",
    ]],
    caughtBy,
    inTest: "grows old while its machine is suspended",
  },
  {
    name: "what has been on its way for long is executed",
    breaks: "I5",
    file: SESSION,
    edits: [["if (isLate) throw new FrameError", "if (behindMs > 1e9) throw new FrameError"]],
    caughtBy,
    inTest: "has been on its way for long",
  },
  {
    name: "who has a clock that runs faster may have its requests on their way for longer",
    breaks: "I5",
    file: SESSION,
    edits: [["this.#behindMs = Math.min(this.#behindMs, behindMs);", ""]],
    caughtBy,
    inTest: "has been on its way for long",
  },
  {
    name: "a node executes what was sent behind a request that has come back",
    breaks: "I4",
    file: SESSION,
    edits: [["if (returned < (this.#returnedAt.get(slot) ?? 0)) ", "if (returned < 0) "]],
    caughtBy,
    inTest,
  },
  {
    name: "what comes by the connection before is executed",
    breaks: "I5",
    file: SERVER,
    edits: [[
      "if (begun.number < number) connection.close();\n      else if",
      "if",
    ]],
    caughtBy,
    inTest,
  },
  {
    name: "a connection that comes late ends the one after it",
    breaks: "I12",
    file: SERVER,
    edits: [["else if (begun.number > number) isNewest = false;", "else connection.close();"]],
    caughtBy: ["test/cluster/node_server.test.ts"],
    inTest: "connections of a thread",
  },
  {
    name: "a slot goes on while something of it is on its way",
    breaks: "I4",
    file: CARRIER,
    edits: [[
      "if (this.#traffic.isBusy(slot) || this.#traffic.isRefused(slot, this.#view)) return;",
      "",
    ]],
    caughtBy,
    inTest,
  },
  {
    name: "requests of a slot are on their way to two owners",
    breaks: "I4",
    file: CARRIER,
    edits: [["if (peer === undefined || isOtherWay)", "if (peer === undefined)"]],
    caughtBy,
    inTest,
  },
  {
    name: "what has come back is sent again in the order in which it came back",
    breaks: "I4",
    file: TRAFFIC,
    edits: [[".sort((a, b) => a.number - b.number)", ".reverse()"]],
    caughtBy,
    inTest,
  },
  {
    name: "a request that waits counts as confirmed",
    breaks: "I5",
    file: CARRIER,
    edits: [[
      "this.#number : oldest - 1;",
      "this.#number : Math.max(oldest - 1, this.#number - 3);",
    ]],
    caughtBy,
    inTest,
  },
  {
    name: "a node that stands still is waited for",
    breaks: "I14",
    file: AGES,
    edits: [["return isLate || nowMs - peer.supersededMs > SUPERSEDED_MS_MAX;", "return isLate;"]],
    caughtBy,
    inTest,
  },
  {
    name: "what was on its way by a connection that has ended is forgotten",
    breaks: "I5",
    file: PEERS,
    edits: [["this.#ends.onLost(peer);", ""]],
    caughtBy,
    inTest,
  },
  {
    name: "a node is not told what has come back",
    breaks: "I14",
    file: CARRIER,
    edits: [["peer.returned += 1;", ""]],
    caughtBy,
    inTest,
  },
  {
    name: "an owner is asked again at once for what it has given back",
    breaks: "I14",
    file: TRAFFIC,
    edits: [["const REFUSED_MS = 200;", "const REFUSED_MS = 0;"]],
    caughtBy,
    inTest: "what an owner gives back",
  },
  {
    name: "what an owner has given back waits though another one has the slot",
    breaks: "I14",
    file: TRAFFIC,
    edits: [["sinceMs < REFUSED_MS && !this.isSuperseded(slot, view)", "sinceMs < REFUSED_MS"]],
    caughtBy,
    inTest: "what an owner gives back",
  },
  {
    name: "what an owner has given back since it had too much to do is not sent again",
    breaks: "I14",
    file: TRAFFIC,
    edits: [["return sinceMs < REFUSED_MS &&", "return sinceMs < Infinity &&"]],
    caughtBy,
    inTest: "what an owner gives back",
  },
  {
    name: "nobody connects ahead",
    breaks: "I14",
    file: CARRIER,
    edits: [["    this.#peers.follow(view);\n", ""]],
    caughtBy,
    inTest: "connects ahead to a node",
  },
  {
    name: "who has not reached all owners connects ahead",
    breaks: "I14",
    file: PEERS,
    edits: [["if (![...new Set(owners)].every(isReached)) return;", "void [owners, isReached];"]],
    caughtBy,
    inTest: "connects ahead to a node",
  },
  {
    name: "connections to nodes that are gone are kept",
    breaks: "I14",
    file: PEERS,
    edits: [["if (addresses.get(node) !== address && sent.size === 0) link.close();", ""]],
    caughtBy,
    inTest: "ends when nothing is on its way",
  },
  {
    name: "a connection to a node that is gone ends with what is on its way",
    breaks: "I14",
    file: PEERS,
    edits: [[" && sent.size === 0", ""]],
    caughtBy,
    inTest: "ends when nothing is on its way",
  },
  {
    name: "any proof will do",
    breaks: "I2",
    file: HANDSHAKE,
    edits: [["if (!isRight) throw", "if (given.length < 0) throw"]],
    caughtBy: ["test/cluster/cluster_store.test.ts"],
    inTest: "who says rubbish",
  },
];
