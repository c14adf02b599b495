/**
 * Which slots this node gives away by itself: to one that has joined what the ring says, and, if it
 * has more to do than all others, some of what it has to do.
 *
 * Only its owner can give a slot away, and only the owner knows what is asked for in it. So the
 * nodes tell each other by their renewals how much they have to do, and **the one of which the
 * control stream says that it has most to do** is the M-node of that moment: it makes the plan
 * (load_plan.ts) and carries it out, by the moves that there are. There is nobody to be elected,
 * and when it fails another one has most to do.
 *
 * Loads are compared when all nodes have measured them under the map that is the last one, so after
 * a move nothing is moved before all have seen what has come of it. If two nodes, which have not
 * read the same renewals yet, both take themselves for the one with the highest load, both give
 * something; who gets too much of it is the next one to give. That slots are where they should be
 * is never needed for anything to be right.
 *
 * @module
 */
import { SLOT_COUNT } from "../../core/limits.ts";
import type { Move, Told } from "../control/command.ts";
import type { ControlLog } from "../control/control_log.ts";
import type { ClusterClock } from "./cluster_clock.ts";
import { LoadMeter } from "./load_meter.ts";
import { type BalanceSettings, planMoves, type SlotLoad } from "./load_plan.ts";
import type { SlotLoader } from "./slot_loader.ts";
import type { SlotMoves } from "./slot_moves.ts";
import { SlotOffers } from "./slot_offers.ts";
import { surplusMoves } from "./succession.ts";

/** How long a node that leaves has its slots read ahead, before it gives them away without that. */
const LEAVE_READ_MS_MAX = 3000;
/**
 * After so long it leaves, whatever it still has, as slots that came last, or that nobody takes.
 */
export const LEAVE_MS_MAX = 6000;

/** What it looks at. */
export interface SlotSharingParts {
  readonly node: number;
  readonly clock: ClusterClock;
  readonly control: Pick<ControlLog, "state" | "stayingMembers">;
  readonly moves: SlotMoves;
  readonly loader: Pick<SlotLoader, "readAhead" | "isReadAhead">;
  /** Undefined: nothing is given because of its load. */
  readonly balance: BalanceSettings | undefined;
}

/** Gives slots of one node to others. */
export class SlotSharing {
  readonly #parts: SlotSharingParts;
  readonly #meter: LoadMeter;
  readonly #offers: SlotOffers;
  /** Nodes that have joined and have not got their share. */
  readonly #newcomers = new Set<number>();
  #isWindowOver = false;
  /** Since when this node leaves; undefined if it stays. */
  #leavesSinceMs: number | undefined;
  /** Windows in a row in which there was something to move. */
  #calls = 0;

  constructor(parts: SlotSharingParts) {
    this.#parts = parts;
    this.#meter = new LoadMeter(parts.clock.monotonicMs());
    this.#offers = new SlotOffers({ ...parts, state: parts.control.state });
  }

  /** A request of a slot is executed. */
  count(slot: number): void {
    this.#meter.count(slot);
  }

  /** A node has joined, this one or another. */
  joined(node: number): void {
    if (node !== this.#parts.node) this.#newcomers.add(node);
    this.share();
  }

  /** Whether there is something to say before it is time to renew the lease. */
  get hasNews(): boolean {
    return this.#offers.hasNews;
  }

  /** This node leaves: all of its slots are offered to those that stay. */
  leave(): void {
    if (this.#leavesSinceMs !== undefined) return;
    this.#leavesSinceMs = this.#parts.clock.monotonicMs();
    this.#offerAll();
  }

  /**
   * Whether this node leaves and has no slots, or nobody to give them to, or no time left for it.
   */
  get mayGo(): boolean {
    const { node, clock, control: { state } } = this.#parts;
    if (this.#leavesSinceMs === undefined) return false;
    return !state.owners.includes(node) || this.#takers().length === 0 ||
      clock.monotonicMs() - this.#leavesSinceMs >= LEAVE_MS_MAX;
  }

  /** Gives slots that are served to others when these have read ahead what there is of them. */
  offer(moves: readonly Move[]): void {
    this.#offers.make(moves);
  }

  /** The term has ended. */
  clear(): void {
    this.#offers.clear();
  }

  /** A renewal is going to be sent: what it says of the load of this node, and of its offers. */
  endWindow(): Told {
    const { clock, control: { state }, moves } = this.#parts;
    this.#meter.endWindow(clock.monotonicMs(), moves.hasComing ? 0 : state.mapSequence);
    this.#isWindowOver = true;
    const leaves = this.#leavesSinceMs !== undefined && { leaves: true as const };
    return { load: this.#meter.load, ...this.#offers.told(), ...leaves };
  }

  /** Does what can be done now, when this node may answer. */
  step(): void {
    this.share();
    if (this.#isWindowOver) this.#balance();
    this.#isWindowOver = false;
    this.#offers.step();
  }

  /** Gives nodes that have joined what the ring says, when all slots have owners that have them. */
  share(): void {
    const { node, control: { state }, moves } = this.#parts;
    if (this.#offers.isOpen || moves.hasComing) return;
    if (this.#leavesSinceMs !== undefined) return this.#offerAll();
    if (this.#newcomers.size === 0 || state.hasOrphans) return;
    const surplus = surplusMoves(state.owners, node, state.members());
    this.#offers.make(surplus.filter(([, to]) => this.#newcomers.has(to)));
    this.#newcomers.clear();
  }

  #offerAll(): void {
    const { node, control: { state } } = this.#parts;
    const takers = this.#takers();
    if (takers.length === 0) return;
    this.#offers.make(surplusMoves(state.owners, node, takers), LEAVE_READ_MS_MAX);
  }

  /** The others that stay. */
  #takers(): number[] {
    const { node, control } = this.#parts;
    return control.stayingMembers().filter((member) => member !== node);
  }

  #balance(): void {
    const { node, balance, moves, control: { state } } = this.#parts;
    const isQuiet = this.#leavesSinceMs === undefined && !state.hasOrphans && !moves.hasComing &&
      moves.leaving.size === 0 &&
      !this.#offers.isOpen;
    const loads = balance !== undefined && isQuiet ? this.#loads() : undefined;
    const mayMove = loads !== undefined && this.#meter.requests >= balance!.requestsMin;
    const plan = mayMove ? planMoves(node, loads, this.#slots(), balance!) : [];
    this.#calls = plan.length === 0 ? 0 : this.#calls + 1;
    if (plan.length === 0 || this.#calls < balance!.confirmations) return;
    this.#calls = 0;
    this.#offers.make(plan);
  }

  /** The loads of all nodes; undefined unless all were measured under the map that is the last. */
  #loads(): Map<number, number> | undefined {
    const { node, control } = this.#parts;
    const loads = new Map<number, number>();
    for (const member of [node, ...this.#takers()]) {
      const load = member === node ? this.#meter.load : control.state.loads.get(member);
      if (load === undefined) return undefined;
      const [perSecond, map, windows] = load;
      if (map !== control.state.mapSequence || windows === 0) return undefined;
      loads.set(member, perSecond);
    }
    return loads;
  }

  #slots(): SlotLoad[] {
    const slots: SlotLoad[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.#parts.moves.isServed(slot)) slots.push([slot, this.#meter.perSecond(slot)]);
    }
    return slots;
  }
}
