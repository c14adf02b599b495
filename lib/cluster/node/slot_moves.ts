/**
 * Slots that come to this node and slots that leave it, and what each of them waits for.
 *
 * A slot that comes is served when all logs have been read up to the barriers that stood in the map
 * when it came: whatever was written to it, by whomever, is in the table then. A slot that leaves
 * is not served from the moment on when this node decides to give it away; when nothing of it is on
 * its way any more, the assignment is sent, with the end of this node's log as its barrier.
 *
 * @module
 */
import type { Move } from "../control/command.ts";
import type { ControlState } from "../control/control_state.ts";

/** Is told of slots that are not served any more, before another node may serve them. */
export interface ServedSlots {
  /** One is not. */
  end(slot: number): void;
  /** None is. */
  endAll(): void;
}

/** The slots of one node that are on the move. */
export class SlotMoves {
  readonly #node: number;
  readonly #state: ControlState;
  readonly #served: ServedSlots | undefined;
  /** How far this node has read a log. */
  readonly #sequenceOf: (node: number) => number;
  #coming = new Set<number>();
  #barriers: ReadonlyMap<number, number> = new Map();
  #leaving = new Map<number, number>();

  constructor(
    node: number,
    state: ControlState,
    sequenceOf: (node: number) => number,
    served?: ServedSlots,
  ) {
    this.#node = node;
    this.#state = state;
    this.#sequenceOf = sequenceOf;
    this.#served = served;
  }

  /** Slots that leave, with the node that each is for. */
  get leaving(): ReadonlyMap<number, number> {
    return this.#leaving;
  }

  /** Whether this node owns a slot, has all of it, and is not giving it away. */
  isServed(slot: number): boolean {
    return this.#state.owners[slot] === this.#node && !this.#coming.has(slot) &&
      !this.#leaving.has(slot);
  }

  /** Whether this node owns a slot, and is still reading what there is of it. */
  isComing(slot: number): boolean {
    return this.#coming.has(slot);
  }

  /** Whether this node is still reading what there is of any slot. */
  get hasComing(): boolean {
    return this.#coming.size > 0;
  }

  /** An assignment counts. */
  assigned(moves: readonly Move[]): void {
    const come = moves.filter(([, to]) => to === this.#node).map(([slot]) => slot);
    for (const [slot, to] of moves) {
      this.#leaving.delete(slot);
      if (to !== this.#node) this.#served?.end(slot);
    }
    if (come.length === 0) return;
    for (const slot of come) this.#coming.add(slot);
    this.#barriers = new Map(this.#state.barriers);
    this.logRead();
  }

  /** A log was read further; returns whether slots are served now that were not. */
  logRead(): boolean {
    if (this.#coming.size === 0 || !this.#isRead()) return false;
    this.#coming = new Set();
    return true;
  }

  /** Gives away slots that are served; others stay. */
  leave(moves: readonly Move[]): void {
    for (const [slot, to] of moves) {
      if (to === this.#node || !this.isServed(slot)) continue;
      this.#leaving.set(slot, to);
      this.#served?.end(slot);
    }
  }

  /**
   * Where the slots that leave go: to a member, or back to this node if theirs is none any more.
   */
  nextMoves(): Move[] {
    const members = new Set(this.#state.members());
    return [...this.#leaving].map(([slot, to]) => [slot, members.has(to) ? to : this.#node]);
  }

  /** The term has ended. */
  clear(): void {
    this.#coming = new Set();
    this.#leaving = new Map();
    this.#served?.endAll();
  }

  #isRead(): boolean {
    return [...this.#barriers].every(([node, sequence]) => this.#sequenceOf(node) >= sequence);
  }
}
