/**
 * The M-node's policy: what to do about the KNs, from what was measured. A pure function: the same
 * windows, the same decision.
 *
 * The table is that of DINOMO (Lee et al., PVLDB 15(13), 2022), with the bounds of its reference
 * implementation:
 *
 * | SLO      | occupancy of KNs               | frequency of keys                   | what is done
 *                            | | -------- | ------------------------------ |
 * ----------------------------------- | ---------------------------------------- | | violated | all
 * above the upper bound      | any                                 | add a KN
 *           | | violated | some not above the upper bound | one above mean + 3 sd               |
 * share that key among KNs                 | | met      | some below the lower bound     | any
 *                            | remove the least occupied KN             | | any      | any
 *                   | a shared key's below mean - 1 sd    | give that key back to one KN
 *  |
 *
 * Reads and writes of a key are counted apart, which the paper's table does not do: writes of a key
 * follow each other whoever owns it, and each has to lock the cell of a shared one, which costs
 * round trips. So a key that is written too often is not shared, and one that has come to be
 * written so is given back, as if it was cold. (In the experiments sharing gains 2.5 x with 10 %
 * writes, 1.1 x with 30 %, and loses beyond 37 %; docs/experiments.md.)
 *
 * The first row that applies is the decision; one thing is done at a time. It is *held* until the
 * same row has applied in several windows in a row, all of them begun after the last change, and
 * until a grace period has passed since then: a change has to show before the next one.
 *
 * @module
 */
import type { Key } from "../core/key_encoder.ts";
import type { HotKey, HotKeys, StatisticsWindow } from "./statistics_collector.ts";

/** Of the operations on a key, the share of writes up to which it is shared by several KNs. */
const SHARED_WRITES_MAX = 0.25;
/** The same up to which a key that is shared stays so. */
const KEPT_WRITES_MAX = 0.35;

/** The bounds of the policy. */
export interface PolicySettings {
  /** Fewest and most KNs. */
  readonly min: number;
  readonly max: number;
  /** Latencies to keep below, in microseconds; Infinity: any will do. */
  readonly meanMicrosMax: number;
  readonly p99MicrosMax: number;
  /** Shares of a window. */
  readonly occupancyLower: number;
  readonly occupancyUpper: number;
  /** How many standard deviations above, and below, the mean a key's frequency is remarkable. */
  readonly hotKeySds: number;
  readonly coldKeySds: number;
  /** Fewest sampled latencies by which an SLO is judged. */
  readonly samplesMin: number;
  /** Windows in a row in which the same row has to apply. */
  readonly confirmations: number;
  /** Milliseconds after a change in which there is no other one. */
  readonly graceMs: number;
}

/** A key that several KNs own. */
export interface ReplicatedKey {
  /** The key. */
  readonly key: Key;
  /** Its 32-bit hash, by which it is found among the hot keys. */
  readonly hash: number;
  /** How many KNs own it. */
  readonly owners: number;
}

/** A window, and which keys were shared by several KNs in it. */
export interface PolicyWindow extends StatisticsWindow {
  /** Keys that several KNs own. */
  readonly replicatedKeys: readonly ReplicatedKey[];
}

/** Rows of the table. */
export type PolicyRow = "add-node" | "replicate-key" | "remove-node" | "dereplicate-key" | "none";

/** Something to do. */
export type PolicyAction =
  | { readonly kind: "add-node" }
  | { readonly kind: "remove-node"; readonly node: number }
  | { readonly kind: "replicate-key"; readonly key: HotKey; readonly owners: number }
  | { readonly kind: "dereplicate-key"; readonly key: ReplicatedKey };

/** What a single window says. */
export interface PolicyVerdict {
  /**
   * Whether latencies were below their bounds; `"unjudged"`, which counts as met, if too few were
   * measured.
   */
  readonly slo: "met" | "violated" | "unjudged";
  /** The row of the table that applies. */
  readonly row: PolicyRow;
  /** What that row does; undefined if none applies. */
  readonly action: PolicyAction | undefined;
  /** Why, in words and figures. */
  readonly reason: string;
}

/** What to do. */
export interface PolicyDecision extends PolicyVerdict {
  /** Why the action has to wait; undefined if it has not, or if there is none. */
  readonly heldBy: "confirmation" | "grace" | undefined;
}

/**
 * Decides.
 *
 * @param windows what was measured, the newest window last; older ones than `confirmations` are not
 * looked at
 * @param changedMs when the KNs, or the owners of a key, were changed last, by the clock of the
 * windows; undefined if never
 */
export function decide(
  windows: readonly PolicyWindow[],
  changedMs: number | undefined,
  settings: PolicySettings,
): PolicyDecision {
  const newest = windows.at(-1);
  if (newest === undefined) {
    return {
      slo: "unjudged",
      row: "none",
      action: undefined,
      reason: "nothing measured",
      heldBy: undefined,
    };
  }
  const verdict = judge(newest, settings);
  if (verdict.action === undefined) return { ...verdict, heldBy: undefined };
  const recent = windows.slice(-settings.confirmations);
  const isConfirmed = recent.length === settings.confirmations &&
    recent.every((window) =>
      (changedMs === undefined || window.endMs - window.durationMs >= changedMs) &&
      isSame(judge(window, settings), verdict)
    );
  const isInGrace = changedMs !== undefined && newest.endMs < changedMs + settings.graceMs;
  return { ...verdict, heldBy: isInGrace ? "grace" : isConfirmed ? undefined : "confirmation" };
}

/** Looks up one window in the table. */
export function judge(window: PolicyWindow, settings: PolicySettings): PolicyVerdict {
  const { nodes } = window;
  const slo = sloOf(window, settings);
  const latency = latencyText(window, slo, settings);
  const none = (why: string): PolicyVerdict => {
    const returned = writtenKey(window) ?? coldKey(window, settings);
    if (returned === undefined) return verdict(slo, undefined, `${latency}; ${why}`);
    const { reason, ...key } = returned;
    return verdict(slo, { kind: "dereplicate-key", key }, reason);
  };
  const shares = nodes.map(({ occupancy }) => occupancy);
  if (shares.length === 0 || !shares.every((share) => share !== undefined)) {
    return none("KNs were started in this window");
  }
  const occupancies = `(${shares.map((share) => share.toFixed(3)).join(", ")})`;
  const count = shares.length;
  if (slo === "violated") {
    if (shares.every((share) => share > settings.occupancyUpper)) {
      const above = `every KN is above ${settings.occupancyUpper} ${occupancies}`;
      if (count >= settings.max) return none(`${above}, and there are ${count} already, the most`);
      return verdict(slo, { kind: "add-node" }, `${latency}; ${above}: add a KN to ${count}`);
    }
    const below = `some KN is not above ${settings.occupancyUpper} ${occupancies}`;
    const action = sharing(window, settings);
    if (action === undefined) return none(`${below}, and there is no hot key to share`);
    const above = `a key is above mean + ${settings.hotKeySds} sd`;
    return verdict(
      slo,
      action,
      `${latency}; ${below}; ${above}: share it among ${action.owners} KNs`,
    );
  }
  const least = shares.indexOf(Math.min(...shares));
  if (shares[least] >= settings.occupancyLower) {
    return none(`no KN is below ${settings.occupancyLower} ${occupancies}`);
  }
  const below = `KN ${nodes[least].node} is below ${settings.occupancyLower} ${occupancies}`;
  if (count <= settings.min) return none(`${below}, and there are ${count} only, the fewest`);
  const action = { kind: "remove-node", node: nodes[least].node } as const;
  return verdict(slo, action, `${latency}; ${below}: remove it from ${count}`);
}

function verdict(
  slo: PolicyVerdict["slo"],
  action: PolicyAction | undefined,
  reason: string,
): PolicyVerdict {
  return { slo, row: action?.kind ?? "none", action, reason };
}

/**
 * Whether two windows ask for the same thing. Which KN is the least occupied may change: they are
 * equals.
 */
function isSame(a: PolicyVerdict, b: PolicyVerdict): boolean {
  return a.row === b.row && keyHash(a.action) === keyHash(b.action);
}

function keyHash(action: PolicyAction | undefined): number | undefined {
  const isAboutKey = action?.kind === "replicate-key" || action?.kind === "dereplicate-key";
  return isAboutKey ? action.key.hash : undefined;
}

/** How many times its bound the worst latency is; 0 if there was nothing to measure. */
function excess(
  { meanMicros = 0, p99Micros = 0 }: StatisticsWindow,
  { meanMicrosMax, p99MicrosMax }: PolicySettings,
): number {
  return Math.max(meanMicros / meanMicrosMax, p99Micros / p99MicrosMax);
}

function sloOf(window: StatisticsWindow, settings: PolicySettings): PolicyVerdict["slo"] {
  if (window.sampledCount < settings.samplesMin) return "unjudged";
  return excess(window, settings) > 1 ? "violated" : "met";
}

function latencyText(
  { sampledCount, meanMicros, p99Micros }: StatisticsWindow,
  slo: PolicyVerdict["slo"],
  { meanMicrosMax, p99MicrosMax, samplesMin }: PolicySettings,
): string {
  if (slo === "unjudged") return `${sampledCount} of ${samplesMin} latencies needed`;
  const texts = [
    boundText("mean", meanMicros, meanMicrosMax),
    boundText("p99", p99Micros, p99MicrosMax),
  ];
  return `SLO ${slo} (${texts.filter((text) => text !== "").join(", ")})`;
}

function boundText(name: string, micros: number | undefined, microsMax: number): string {
  if (micros === undefined || microsMax === Infinity) return "";
  return `${name} ${micros.toFixed(1)} us of ${microsMax} us`;
}

/** Mean and standard deviation of the frequencies of the keys that are known. */
function distribution({ keys }: HotKeys): { mean: number; sd: number } {
  if (keys.length === 0) return { mean: 0, sd: 0 };
  const mean = keys.reduce((sum, { count }) => sum + count, 0) / keys.length;
  const variance = keys.reduce((sum, { count }) => sum + (count - mean) ** 2, 0) / keys.length;
  return { mean, sd: Math.sqrt(variance) };
}

/** Sharing the hottest key that has not enough owners yet among more KNs. */
function sharing(
  window: PolicyWindow,
  settings: PolicySettings,
): Extract<PolicyAction, { kind: "replicate-key" }> | undefined {
  const { mean, sd } = distribution(window.requestedKeys);
  const ownersMax = window.nodes.length;
  for (const key of window.requestedKeys.keys) {
    if (key.count <= mean + settings.hotKeySds * sd) return undefined;
    // What may be other keys' operations makes no key hot.
    if (key.count - key.error <= key.error) continue;
    if (writeShare(key) > SHARED_WRITES_MAX) continue;
    const owners = window.replicatedKeys.find(({ hash }) => hash === key.hash)?.owners ?? 1;
    if (owners >= ownersMax) continue;
    const ratio = key.meanMicros === undefined || settings.meanMicrosMax === Infinity
      ? excess(window, settings)
      : key.meanMicros / settings.meanMicrosMax;
    const wanted = Math.max(owners + 1, Math.ceil(owners * ratio));
    return { kind: "replicate-key", key, owners: Math.min(ownersMax, wanted) };
  }
  return undefined;
}

/**
 * Of the operations that are certainly a key's own, the share of those that may have changed it.
 */
function writeShare({ count, error, writeCount }: HotKey): number {
  return count > error ? writeCount / (count - error) : 0;
}

/** What a window says of a key. */
function hotKeyOf({ requestedKeys }: PolicyWindow, { hash }: ReplicatedKey): HotKey | undefined {
  return requestedKeys.keys.find((key) => key.hash === hash);
}

/** A key with several owners that is to have one again, and why. */
type ReturnedKey = ReplicatedKey & { readonly reason: string };

/** One that is written too often. */
function writtenKey(window: PolicyWindow): ReturnedKey | undefined {
  for (const key of window.replicatedKeys) {
    const known = hotKeyOf(window, key);
    if (known === undefined || known.count - known.error <= known.error) continue;
    const share = writeShare(known);
    if (share <= KEPT_WRITES_MAX) continue;
    const percent = (100 * share).toFixed(0);
    return { ...key, reason: `${percent} % of a shared key's operations are writes` };
  }
  return undefined;
}

/** One that is used less than others. */
function coldKey(window: PolicyWindow, settings: PolicySettings): ReturnedKey | undefined {
  const { mean, sd } = distribution(window.requestedKeys);
  const bound = mean - settings.coldKeySds * sd;
  const cold = window.replicatedKeys.find((key) => (hotKeyOf(window, key)?.count ?? 0) < bound);
  const reason = `a shared key is below mean - ${settings.coldKeySds} sd: one owner is enough`;
  return cold && { ...cold, reason };
}
