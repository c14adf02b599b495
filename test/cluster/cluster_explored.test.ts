/**
 * Two nodes and a client of a cluster, explored: whatever is stored, answered or read late,
 * whenever time passes, and whoever is killed or gives its slot away, at any step. In every state
 * that comes of it one node at most serves the slot, and what the client was told has an order in
 * which each request was made once; in the end a node serves the slot, with what was acknowledged.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ClusterBounds, ExploredCluster } from "../support/cluster/explored_cluster.ts";
import { defineExploredTests, explore } from "../support/explorer.ts";

function bounds(parts: Partial<ClusterBounds>): ClusterBounds {
  return {
    ...{ requests: ["add"], width: 1, sends: 2, cuts: 0 },
    ...{ ticks: 0, isSkewed: false, expiries: 0, moves: 0, kills: 0 },
    ...{ renewals: 0, lives: 0, prompt: -1, lateCommands: false },
    ...parts,
  };
}

/** The slot is given away: once while any node may be behind, and there and back. */
const HAND_OVERS: readonly ClusterBounds[] = [
  bounds({ moves: 1, lateCommands: true }),
  bounds({ moves: 1, requests: ["put", "get"], width: 2 }),
  bounds({ moves: 2, prompt: 1 }),
];
/** A lease is not renewed, or once, and the other node takes the slot. */
const TAKEOVERS: readonly ClusterBounds[] = [
  bounds({ ticks: 1, prompt: 1, requests: ["add", "add"], sends: 3 }),
  bounds({ ticks: 2, prompt: 1, sends: 1, renewals: 1 }),
];
/** What is too much to be tried in each run. */
const WIDE: readonly ClusterBounds[] = [
  bounds({ moves: 1, requests: ["put", "add", "get"], width: 3 }),
  bounds({ ticks: 2, prompt: 1 }),
  bounds({ ticks: 2, prompt: 1, requests: ["put", "get"] }),
  bounds({ ticks: 2, prompt: 1, expiries: 1 }),
  bounds({ ticks: 2, prompt: 1, kills: 1 }),
  bounds({ ticks: 2, prompt: 1, renewals: 2, lateCommands: true }),
  bounds({ ticks: 3, prompt: 1, renewals: 1, isSkewed: true }),
  bounds({ moves: 2, cuts: 1, expiries: 1, requests: ["add", "add"], width: 2 }),
  bounds({ ticks: 4, moves: 1, lives: 1, expiries: 1, renewals: 4, lateCommands: true }),
];
/** Anything may happen. */
const LARGE = bounds({
  ...{ requests: ["put", "add", "get", "add"], width: 2, sends: 6, cuts: 1 },
  ...{ ticks: 6, expiries: 2, moves: 2, kills: 1, renewals: 8, lives: 1, lateCommands: true },
});

defineExploredTests({
  make: (each) => new ExploredCluster(each),
  what: "one node serves a slot, with all that was acknowledged",
  small: {
    "a slot that is given away is served by one node": HAND_OVERS,
    "a slot whose owner has lost its lease is served by one node": TAKEOVERS,
  },
  wide: WIDE,
  wideStates: { run: 100, campaign: 10_000 },
  large: LARGE,
  largeCount: 50,
});

test("clocks of which one goes faster than the margin allows are found", async () => {
  const each = bounds({ ticks: 2, prompt: 1, sends: 1, isFrozen: true });
  let violation = "";
  await explore(() => new ExploredCluster(each)).catch(({ message }: Error) => violation = message);
  assert.match(violation, /^I1: two nodes serve/);
});

test.run();
