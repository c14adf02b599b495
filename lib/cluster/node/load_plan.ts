/**
 * Which slots a node gives to others for all to have as much to do. A pure function: the same
 * loads, the same moves.
 *
 * The node with the highest load gives, slot by slot, what is asked for most to the one with the
 * lowest, until it has no more than the mean. Three rules keep slots from going to and fro:
 *
 * - no node gets more than {@linkcode BalanceSettings.gainMin}` / 2` above the mean: so a slot
 *   whose load alone is above that stays where it is, and what is around it goes;
 * - nothing is done unless the highest of the loads concerned falls by `gainMin`: a node that has
 *   just been given something would have to be twice as far above the mean as it may be then;
 * - and nothing is done for loads of so few requests that chance alone makes such a difference.
 *
 * The M-node of one machine decides something else (mnode/autoscale_policy.ts): how many KNs there
 * are, and never which of them owns a slot.
 *
 * @module
 */
import type { Move } from "../control/command_rules.ts";

/** The bounds of the plan. */
export interface BalanceSettings {
  /** By what share the highest load has to fall. */
  readonly gainMin: number;
  /** Fewest requests that the node which gives has to have seen; see {@linkcode LoadMeter}. */
  readonly requestsMin: number;
  /** Most slots that are moved at once. */
  readonly movesMax: number;
  /** Windows in a row in which there has to be something to move. */
  readonly confirmations: number;
}

/**
 * 0.15: with 1,000 requests chance makes 3 %. 256 slots of 4,096 come to a node as fast as they do
 * when one joins. 3 windows are 2 seconds with the intended lease of 3.
 */
export const BALANCE: BalanceSettings = {
  gainMin: 0.15,
  requestsMin: 1000,
  movesMax: 256,
  confirmations: 3,
};

/** What a node is asked for in a second. */
export type SlotLoad = readonly [slot: number, perSecond: number];

/** The node with the highest load; of equal ones that with the smallest number. */
export function busiest(loads: ReadonlyMap<number, number>): number | undefined {
  const [first] = [...loads].sort(([a, x], [b, y]) => y - x || a - b);
  return first?.[0];
}

/**
 * What a node should give to others.
 *
 * @param loads of all nodes, this one included, in requests a second
 * @param slots of this node
 */
export function planMoves(
  node: number,
  loads: ReadonlyMap<number, number>,
  slots: readonly SlotLoad[],
  { gainMin, movesMax }: BalanceSettings,
): Move[] {
  if (loads.size < 2 || busiest(loads) !== node) return [];
  const mean = [...loads.values()].reduce((sum, load) => sum + load, 0) / loads.size;
  const highest = mean * (1 + gainMin / 2);
  const before = loads.get(node)!;
  const after = new Map(loads);
  const moves: Move[] = [];
  for (const [slot, load] of byLoad(slots)) {
    const own = after.get(node)!;
    if (own <= mean || moves.length === movesMax) break;
    const to = idlest(after);
    if (after.get(to)! + load > highest) continue;
    after.set(node, own - load);
    after.set(to, after.get(to)! + load);
    moves.push([slot, to]);
  }
  const concerned = [node, ...moves.map(([, to]) => to)];
  const worst = Math.max(...concerned.map((one) => after.get(one)!));
  return worst <= before * (1 - gainMin) ? moves : [];
}

/**
 * Those with most to do first; of slots with about as much to do the order does not depend on it:
 * of many with few requests chance makes some look large, and giving these would change less than
 * it seems.
 */
function byLoad(slots: readonly SlotLoad[]): SlotLoad[] {
  const size = (load: number) => Math.floor(Math.log2(load));
  return slots.filter(([, load]) => load > 0)
    .sort(([a, x], [b, y]) => size(y) - size(x) || a - b);
}

function idlest(loads: ReadonlyMap<number, number>): number {
  let found: readonly [number, number] | undefined;
  for (const entry of loads) if (found === undefined || entry[1] < found[1]) found = entry;
  return found![0];
}
