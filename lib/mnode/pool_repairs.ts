/**
 * Repairs the pool's books after threads have died: those of KNs, of mergers, and of threads that
 * cleaned.
 *
 * All deaths since the last repair are dealt with at once, when no thread is in the middle of a
 * step of a retired KN.
 *
 * @module
 */
import { agentExecutor } from "../agent/executor.ts";
import { abandonCleaners } from "../dpm/shared_cleaners.ts";
import { forgetDeath, hasDied } from "../agent/liveness.ts";
import { NODE_COUNT_MAX } from "../core/limits.ts";
import { endMerging } from "../far/log/log_merger.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { AGENT_DPM, AGENT_MERGERS, REPAIR_WANTED } from "../pool/control_layout.ts";
import { type CleanerDeath, endDeadCleaners } from "../recovery/cleaner_recovery.ts";
import { endDeadMerger, type MergerDeath } from "../recovery/merger_recovery.ts";
import { repairPool } from "../recovery/reconciliation.ts";
import { recoverProcessor, type StepRecoveryReport } from "../recovery/step_recovery.ts";
import type { NodeSet } from "./node_set.ts";

/** Repairs one pool. */
export class PoolRepairs {
  readonly #nodes: NodeSet;
  readonly #file: LogFile | undefined;
  /**
   * Mergers, and cleaners that KNs share, whose threads have died in the middle of a step, and
   * after which the books are not repaired yet.
   */
  #sharedDeaths: (MergerDeath | CleanerDeath)[] = [];
  /** A DPM processor that has died while it cleaned, until the books are in order. */
  #deadCleaner:
    | { readonly report: StepRecoveryReport; readonly onRepaired: () => void }
    | undefined;

  /** Repairs nothing yet; `file` is the image, if writes are logged. */
  constructor(nodes: NodeSet, file: LogFile | undefined) {
    this.#nodes = nodes;
    this.#file = file;
  }

  /**
   * Ends what a DPM processor has left that has died while it cleaned, if the liveness words say
   * so.
   */
  tendCleaner(): void {
    if (hasDied(this.#nodes.pool, AGENT_DPM)) this.#settleCleaner(() => {});
  }

  /**
   * Ends what threads have left that died, or threw, in the middle of a step of a cleaner that KNs
   * share, or of a merger of a far pool.
   */
  tendShared(): void {
    const { pool, farMoves } = this.#nodes;
    this.#sharedDeaths.push(...endDeadCleaners(pool, this.#file));
    if (farMoves === undefined) return;
    for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
      if (hasDied(pool, AGENT_MERGERS + agent)) endMerging(pool, agent);
      const death = endDeadMerger(pool, agent, this.#file);
      if (death !== undefined) this.#sharedDeaths.push(death);
    }
  }

  /**
   * Ends what a DPM processor has left that died, or threw, while it cleaned. Resolves when the
   * books are in order again.
   */
  endCleaning(): Promise<void> {
    return new Promise((onRepaired) => this.#settleCleaner(onRepaired));
  }

  #settleCleaner(onRepaired: () => void): void {
    const { pool } = this.#nodes;
    forgetDeath(pool, AGENT_DPM);
    // It may have been sealing what the cleaners hold open that KNs share.
    abandonCleaners(pool, agentExecutor(AGENT_DPM));
    const report = this.#deadCleaner?.report ?? recoverProcessor(pool, AGENT_DPM, this.#file);
    this.#deadCleaner = { report, onRepaired };
  }

  /** Repairs the books, if a thread has died or a repair is asked for. */
  repairIfNeeded(): void {
    const { pool, retired } = this.#nodes;
    const isWanted = Atomics.load(pool.control, REPAIR_WANTED) !== 0;
    const isDead = retired.unrepaired.length > 0 || this.#deadCleaner !== undefined ||
      this.#sharedDeaths.length > 0;
    if (isWanted || isDead) this.repair();
  }

  /**
   * Repairs the books; false when a thread is in the middle of a step that may not go on, so that
   * they cannot be compared.
   */
  repair(): boolean {
    const nodes = this.#nodes;
    if (nodes.retired.hasZombies) return false;
    const dead = nodes.retired.unrepaired;
    const cleaner = this.#deadCleaner;
    const deaths = dead.map(({ node, death }) => ({ agent: node.agent, report: death! }));
    if (cleaner !== undefined) deaths.push({ agent: AGENT_DPM, report: cleaner.report });
    const ringOf = (client: number, agent: number) => nodes.ringOf(client, agent);
    const repaired = [...deaths, ...this.#sharedDeaths];
    if (!repairPool({ pool: nodes.pool, deaths: repaired, ringOf })) return false;
    for (const retired of dead) retired.needsRepair = false;
    this.#sharedDeaths = [];
    this.#deadCleaner = undefined;
    cleaner?.onRepaired();
    return true;
  }
}
