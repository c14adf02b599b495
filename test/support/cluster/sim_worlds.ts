/**
 * The simulations of clusters: what is in each, and what goes wrong there. Tests run some seeds of
 * each, and scripts/cluster_campaign.ts as many as there is time for.
 *
 * @module
 */
import type { Random } from "../random.ts";
import { SIM_RESEND_MS } from "./sim_client.ts";
import {
  ALL_NEMESES,
  LATE_FAULTS,
  type Nemesis,
  type SimPlan,
  type SimResult,
  simulateCluster,
  USUAL_FAULTS,
} from "./sim_cluster.ts";
import { type EngineFaults, NO_FAULTS } from "./sim_log_engine.ts";

/** A kind of simulation. */
export interface SimWorldKind {
  /** What holds in it. */
  readonly name: string;
  /** Seeds of a campaign, see sim_seeds.ts. */
  readonly runs: number;
  readonly plan: Omit<SimPlan, "seed">;
}

const INDEX = {
  cacheBytes: 1000,
  pageBytes: 120,
  checkpointMs: 300,
  tailBytes: 1000,
  cleaning: { ratio: 1, slackBytes: 0, share: 0.5 },
};

const NEVER = { checkpointMs: Infinity, tailBytes: Infinity };

/** Nodes that have everything in memory. */
export const CLUSTER_WORLDS: readonly SimWorldKind[] = [
  {
    name: "what clients see is linearizable, whatever goes wrong",
    runs: 72,
    plan: { faults: USUAL_FAULTS, nemeses: ALL_NEMESES },
  },
  {
    name: "owners that are cut off or stand still change nothing behind their successors",
    runs: 36,
    plan: {
      nodeCount: 2,
      keyCount: 2,
      faults: LATE_FAULTS,
      nemeses: ["cut", "suspend", "freeze", "lag"],
    },
  },
  {
    name: "what was read of the control stream, or of a state in it, makes no difference",
    runs: 36,
    plan: {
      keyCount: 2,
      faults: LATE_FAULTS,
      nemeses: ["suspend", "cut", "kill", "kill", "lag", "move"],
      partsOf: () => ({ stateEvery: 10 }),
    },
  },
  {
    name: "slots that move take everything with them",
    runs: 36,
    plan: { faults: LATE_FAULTS, nemeses: ["move", "move", "move", "lag", "leave"] },
  },
  {
    name: "keys that have expired for one owner are gone for all, though their clocks differ",
    runs: 24,
    plan: { faults: USUAL_FAULTS, nemeses: ALL_NEMESES, expires: true },
  },
];

/**
 * Nodes that keep their index in the engine: pages and caches are tiny, and all is written all the
 * time.
 */
export const INDEX_WORLDS: readonly SimWorldKind[] = [
  {
    name: "what clients see is linearizable, while values and index are in the engine",
    runs: 36,
    plan: { faults: USUAL_FAULTS, nemeses: ALL_NEMESES, partsOf: () => ({ index: INDEX }) },
  },
  {
    name: "slots that move and owners that come back find what is theirs",
    runs: 36,
    plan: {
      nodeCount: 2,
      keyCount: 2,
      faults: LATE_FAULTS,
      nemeses: ["move", "interrupt", "lag", "leave", "kill"],
      partsOf: () => ({ index: INDEX }),
    },
  },
  {
    // Clients give up soon, so that what is not needed of logs is forgotten soon.
    name: "slots that come back from several owners are as these have left them, long after",
    runs: 24,
    plan: {
      keyCount: 12,
      ms: 20_000,
      resendMs: 300,
      nemeses: ["leave", "leave", "lag"],
      ratesOf: () => ({ monotonic: 1, epoch: 1 }),
      partsOf: () => ({ index: INDEX }),
    },
  },
  {
    // Its log is purged by what the others need, and soon, as clients give up soon.
    name: "a node whose lives end before their first checkpoint takes nothing with it",
    runs: 24,
    plan: {
      keyCount: 24,
      resendMs: 300,
      faults: USUAL_FAULTS,
      nemeses: ["leave", "kill", "move", "suspend", "lag"],
      partsOf: (node) => ({ index: node === 1 ? { ...INDEX, ...NEVER } : INDEX }),
    },
  },
  {
    name: "what is cached is the newest",
    runs: 12,
    plan: {
      keyCount: 2,
      nodeCount: 2,
      faults: USUAL_FAULTS,
      nemeses: ["move", "elect", "lag", "lag"],
      partsOf: () => ({ index: { ...INDEX, cacheBytes: 100_000, cachePolicy: "dac" } }),
    },
  },
];

/** Nodes that give each other slots by what chance makes of a few requests. */
export const LOAD_WORLDS: readonly SimWorldKind[] = [
  {
    name: "what clients see is linearizable while slots move all the time",
    runs: 16,
    plan: {
      keyCount: 6,
      faults: USUAL_FAULTS,
      nemeses: ALL_NEMESES,
      partsOf: () => ({
        balance: { gainMin: 0.001, requestsMin: 1, movesMax: 4096, confirmations: 1 },
      }),
    },
  },
];

/** Nodes that share values with threads, which read them all the time. */
export const SHARED_WORLDS: readonly SimWorldKind[] = [
  {
    name: "what is shared is what the node would answer, whatever goes wrong",
    runs: 16,
    plan: { faults: USUAL_FAULTS, nemeses: ALL_NEMESES, shares: true, expires: true },
  },
  {
    name: "what is shared ends with the slot, and with the lease",
    runs: 16,
    plan: {
      nodeCount: 2,
      keyCount: 2,
      faults: LATE_FAULTS,
      nemeses: ["move", "move", "leave", "suspend", "cut", "kill"],
      shares: true,
      partsOf: () => ({ index: { ...INDEX, cacheBytes: 100_000 } }),
    },
  },
];

const FAULTS: readonly EngineFaults[] = [NO_FAULTS, USUAL_FAULTS, LATE_FAULTS];
const NEMESES: readonly Nemesis[] = [...ALL_NEMESES, "interrupt"];

const ANY_CROWDS = [
  { clientCount: 2, keyCount: 1 },
  { clientCount: 4, keyCount: 3 },
  { clientCount: 8, keyCount: 6 },
  { clientCount: 24, keyCount: 32 },
  { clientCount: 4, keyCount: 20 },
  { clientCount: 24, keyCount: 120 },
] as const;

/**
 * A simulation of anything: what the others have of nodes, faults, indexes and times, in any
 * mixture.
 */
export function anyPlan(random: Random): Omit<SimPlan, "seed"> {
  const nemeses = NEMESES.filter(() => random.below(2) === 0);
  const index = {
    cacheBytes: random.pick([0, 1000, 100_000]),
    pageBytes: random.pick([40, 120, 4096]),
    checkpointMs: random.pick([50, 300, 3000]),
    tailBytes: random.pick([200, 1000, 100_000]),
    cleaning: { ratio: random.pick([1, 2]), slackBytes: 0, share: random.pick([0.25, 0.5]) },
  };
  const hasIndex = random.below(2) === 0;
  const balance = { gainMin: 0.001, requestsMin: 1, movesMax: 4096, confirmations: 1 };
  const parts = {
    ...(hasIndex && { index }),
    ...(random.below(4) === 0 && { balance }),
    stateEvery: random.pick([10, 20, 1000]),
  };
  const crowd = random.pick(ANY_CROWDS);
  // Nobody can decide about a key with many requests of which nobody knows what became of them.
  const isQuiet = crowd.keyCount > 4 * crowd.clientCount;
  const resendMs = isQuiet ? random.pick([300, 2000, SIM_RESEND_MS]) : SIM_RESEND_MS;
  return {
    nodeCount: random.between(1, 6),
    ...crowd,
    ms: random.pick([15_000, 25_000, 40_000]),
    resendMs,
    faults: random.pick(FAULTS),
    nemeses,
    expires: random.below(4) === 0,
    shares: random.below(3) === 0,
    partsOf: () => parts,
  };
}

/**
 * Runs a simulation.
 *
 * @throws {Error} what is wrong with it
 */
export function runChecked(plan: SimPlan): SimResult {
  const result = simulateCluster(plan);
  const { violation, failures, unserved, overlong } = result;
  if (violation !== undefined) throw new Error(violation);
  if (failures.length > 0) throw new Error(`nodes have failed: ${failures.join()}`);
  if (overlong.length > 0) throw new Error(`servers do not take ${overlong.join()}`);
  if (unserved.length > 0) {
    throw new Error(`keys without an owner after the faults have ended: ${unserved.join()}`);
  }
  return result;
}
