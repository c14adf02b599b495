/**
 * A campaign: simulations of clusters with fresh seeds, one after the other, in which every
 * operation is checked.
 *
 * @module
 */
import { UndecidedError } from "../linearizability/configuration_set.ts";
import { Random } from "../random.ts";
import { simulateProgram } from "./sim_program.ts";
import { anyPlan, CLUSTER_WORLDS, INDEX_WORLDS, LOAD_WORLDS, runChecked } from "./sim_worlds.ts";

/** One simulation, which is decided by its seed. */
export interface CampaignRun {
  readonly seed: number;
  /** What it is, for who reads what was wrong. */
  readonly name: string;
  /**
   * Runs it; returns how many operations were answered and checked. @throws {Error} what is wrong
   */
  readonly run: () => number | Promise<number>;
}

/** Those with an index take more than twice as long. */
const WORLDS = [CLUSTER_WORLDS, CLUSTER_WORLDS, CLUSTER_WORLDS, INDEX_WORLDS, LOAD_WORLDS].flat();
/** Of so many runs one is of a thread's carrier and its connections. */
const PROGRAM_ONCE_IN = 16;
/** Of so many runs one is of anything that the others have, in some mixture. */
const ANY_ONCE_IN = 4;
/** Clients and keys: few that meet all the time, or many for the price of one cluster. */
const CROWDS = [
  {},
  { clientCount: 12, keyCount: 8 },
  { clientCount: 48, keyCount: 64 },
  { clientCount: 64, keyCount: 64 },
  { clientCount: 64, keyCount: 96 },
] as const;
/** Requests of programs are as many as those of a small cluster. */
const PROGRAMS = 8;

/** The simulation of a seed. */
export function campaignRunOf(seed: number): CampaignRun {
  const random = new Random(seed);
  if (random.below(PROGRAM_ONCE_IN) === 0) {
    const run = async () => {
      let count = 0;
      for (let i = 0; i < PROGRAMS; i++) count += await simulateProgram(random);
      return count;
    };
    return { seed, name: "each request is applied once, in its order", run };
  }
  if (random.below(ANY_ONCE_IN) === 0) {
    const plan = { seed, ...anyPlan(random) };
    return { seed, name: "anything", run: () => runChecked(plan).answeredCount };
  }
  const { name, plan } = random.pick(WORLDS);
  const crowd = random.pick(CROWDS);
  const of = "clientCount" in crowd ? ` (${crowd.clientCount} clients)` : "";
  const run = () => runChecked({ seed, ...plan, ...crowd }).answeredCount;
  return { seed, name: `${name}${of}`, run };
}

/** How far a campaign has come. */
export interface CampaignTally {
  runs: number;
  /** Operations that were answered and checked. */
  operations: number;
  /** Runs whose histories nobody could decide about, since too much may have happened in them. */
  undecided: number;
  /** Runs, operations and milliseconds by what they were. */
  readonly byName: Map<string, { runs: number; operations: number; ms: number }>;
}

/** A simulation in which something is wrong. */
export class CampaignViolation extends Error {
  constructor({ seed, name }: CampaignRun, cause: unknown) {
    super(`seed ${seed}, "${name}": ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/**
 * Runs simulations with the seeds from one on, until told to stop.
 *
 * @param onRun called behind each; true: stop
 * @throws {CampaignViolation} at the first one in which something is wrong
 */
export async function runCampaign(
  firstSeed: number,
  onRun: (tally: CampaignTally) => boolean | Promise<boolean>,
  runOf: (seed: number) => CampaignRun = campaignRunOf,
): Promise<CampaignTally> {
  const tally: CampaignTally = { runs: 0, operations: 0, undecided: 0, byName: new Map() };
  for (let seed = firstSeed;; seed++) {
    const campaignRun = runOf(seed);
    const startMs = performance.now();
    let operations = 0;
    try {
      operations = await campaignRun.run();
    } catch (error) {
      if (!(error instanceof UndecidedError)) throw new CampaignViolation(campaignRun, error);
      tally.undecided += 1;
    }
    tally.runs += 1;
    tally.operations += operations;
    const known = tally.byName.get(campaignRun.name) ?? { runs: 0, operations: 0, ms: 0 };
    tally.byName.set(campaignRun.name, {
      runs: known.runs + 1,
      operations: known.operations + operations,
      ms: known.ms + performance.now() - startMs,
    });
    if (await onRun(tally)) return tally;
  }
}
