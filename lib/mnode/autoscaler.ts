/**
 * The M-node's driver: measures, decides and acts, once per period.
 *
 * It decides and hands the action over without giving the event loop a turn, and the action checks
 * that the number of KNs is still the one that was decided on, when its turn among what is done to
 * the store has come. While an action is carried out nothing is decided: the window becomes longer
 * by that.
 *
 * @module
 */
import {
  decide,
  type PolicyAction,
  type PolicyDecision,
  type PolicySettings,
} from "./autoscale_policy.ts";
import type { PolicyWindow, ReplicatedKey } from "./autoscale_policy.ts";
import type { ScaleReport } from "./node_manager.ts";
import type { HotKey, StatisticsWindow } from "./statistics_collector.ts";

/** Changes the number of KNs by one. */
export interface NodeActuator {
  /** Adds a KN to so many; resolves to undefined if there is another number of them by then. */
  addNode(from: number): Promise<ScaleReport | undefined>;
  /**
   * Retires a KN of so many; resolves to undefined if there is another number of them, or no such
   * KN, by then.
   */
  removeNode(from: number, node: number): Promise<ScaleReport | undefined>;
}

/** Changes how many KNs own a key. */
export interface KeyActuator {
  /** Keys that several KNs own. */
  readonly replicatedKeys: readonly ReplicatedKey[];
  /** Has a key owned by so many KNs. */
  replicate(key: HotKey, owners: number): Promise<void>;
  /** Has a key owned by one KN. */
  dereplicate(key: ReplicatedKey): Promise<void>;
}

/**
 * What has come of a decision. `"none"`: there was nothing to do. `"held"`: it has to wait, see
 * `heldBy`. `"done"`: done. `"dry-run"`: it would have been done. `"unsupported"`: keys of a near
 * pool are not shared. `"superseded"`: the KNs were changed by another caller, or the store was
 * closed, before its turn came. `"failed"`: it was tried, see `error`.
 */
export type DecisionOutcome =
  | "none"
  | "held"
  | "done"
  | "dry-run"
  | "unsupported"
  | "superseded"
  | "failed";

/** A decision of the M-node, and what has come of it. */
export interface AutoscaleDecision extends PolicyDecision {
  /** What was measured. */
  readonly window: StatisticsWindow;
  /** What has come of it. */
  readonly outcome: DecisionOutcome;
  /** What changing the number of KNs has done; undefined if nothing has. */
  readonly report: ScaleReport | undefined;
  /** Why it has failed; undefined if it has not. */
  readonly error: unknown;
}

/** What a driver is made of. */
export interface AutoscalerOptions {
  readonly settings: PolicySettings;
  /** Whether decisions are reported only. */
  readonly isDryRun: boolean;
  /** A monotonic clock in milliseconds, the one of the windows. */
  readonly now: () => number;
  readonly nodes: NodeActuator;
  /** Undefined as long as keys cannot be shared. */
  readonly keys: KeyActuator | undefined;
  readonly onDecision: (decision: AutoscaleDecision) => void;
}

/** Drives one store's M-node. */
export class Autoscaler {
  readonly #options: AutoscalerOptions;
  /** The newest windows, as many as have to agree. */
  #windows: readonly PolicyWindow[] = [];
  #changedMs: number | undefined;
  #isActing = false;
  #isStopped = false;

  /** Makes a driver that does nothing until {@linkcode step} is called. */
  constructor(options: AutoscalerOptions) {
    this.#options = options;
  }

  /** Whether a window would be looked at now. */
  get isReady(): boolean {
    return !this.#isActing && !this.#isStopped;
  }

  /** The KNs have been changed, by whomever: the grace period begins. */
  noteChange(): void {
    this.#changedMs = this.#options.now();
  }

  /** Decides nothing any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Decides by one more window, and acts; resolves when that has been done and reported. */
  async step(window: StatisticsWindow): Promise<void> {
    const { settings, keys, onDecision } = this.#options;
    const policyWindow = { ...window, replicatedKeys: keys?.replicatedKeys ?? [] };
    this.#windows = [...this.#windows, policyWindow].slice(-settings.confirmations);
    const decision = decide(this.#windows, this.#changedMs, settings);
    this.#isActing = true;
    try {
      const result = await this.#carryOut(decision, window.nodes.length);
      onDecision({ report: undefined, error: undefined, ...decision, ...result, window });
    } finally {
      this.#isActing = false;
    }
  }

  async #carryOut(
    { action, heldBy }: PolicyDecision,
    from: number,
  ): Promise<Partial<AutoscaleDecision> & Pick<AutoscaleDecision, "outcome">> {
    if (action === undefined) return { outcome: "none" };
    if (heldBy !== undefined) return { outcome: "held" };
    const { isDryRun, keys } = this.#options;
    const isAboutNodes = action.kind === "add-node" || action.kind === "remove-node";
    if (!isAboutNodes && keys === undefined) return { outcome: "unsupported" };
    if (isDryRun) {
      this.noteChange();
      return { outcome: "dry-run" };
    }
    try {
      return await this.#act(action, from);
    } catch (error) {
      return { outcome: "failed", error };
    } finally {
      this.noteChange();
    }
  }

  async #act(
    action: PolicyAction,
    from: number,
  ): Promise<Pick<AutoscaleDecision, "outcome" | "report">> {
    const { nodes, keys } = this.#options;
    switch (action.kind) {
      case "add-node":
        return resized(await nodes.addNode(from));
      case "remove-node":
        return resized(await nodes.removeNode(from, action.node));
      case "replicate-key":
        await keys!.replicate(action.key, action.owners);
        break;
      case "dereplicate-key":
        await keys!.dereplicate(action.key);
        break;
    }
    return { outcome: "done", report: undefined };
  }
}

function resized(report: ScaleReport | undefined): Pick<AutoscaleDecision, "outcome" | "report"> {
  return { outcome: report === undefined ? "superseded" : "done", report };
}

/** A decision as one line of text. */
export function decisionLine({ row, outcome, heldBy, reason, window }: AutoscaleDecision): string {
  const held = heldBy === undefined ? "" : ` by ${heldBy}`;
  const what = row === "none" ? "no action" : `${row} ${outcome}${held}`;
  return `window ${window.number} (${Math.round(window.durationMs)} ms): ${what}: ${reason}`;
}
