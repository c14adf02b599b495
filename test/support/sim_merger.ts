/**
 * The merger of a far KN's log as an agent of a simulation: what a DPM processor's merging task
 * does, one step at a time.
 *
 * @module
 */
import { LogMerger } from "../../lib/far/log/log_merger.ts";
import { agentExecutor } from "../../lib/agent/executor.ts";
import { AGENT_MERGERS } from "../../lib/pool/control_layout.ts";
import { isCellWord } from "../../lib/routing/cells.ts";
import type { SimAgent } from "./sim_scheduler.ts";
import type { SimWorld } from "./sim_world.ts";

/** Merges the log of one agent block, whichever KN has it. */
export class SimMerger implements SimAgent {
  readonly name: string;
  isActive = false;
  readonly #world: SimWorld;
  readonly #merger: LogMerger;

  constructor(world: SimWorld, agent: number) {
    this.name = `merger of agent ${agent}`;
    this.#world = world;
    const executor = agentExecutor(AGENT_MERGERS + agent);
    this.#merger = new LogMerger({ pool: world.pool, agent, clock: world.clock, executor });
  }

  mayRun(isNested: boolean): boolean {
    return !this.isActive && (!isNested || this.#world.lockWords.every(isCellWord));
  }

  step(): void {
    this.#merger.doWork();
  }
}
