/**
 * Slots that are offered before they are given away, so that who gets them has read nearly all that
 * there is of them by then.
 *
 * A node says in its renewals what it is going to give away, and goes on to serve it. Who is to get
 * it reads ahead, one offer after the other, and says in its own renewals when it has read all but
 * what is being written. Then the slots are given away as always. If that is not said in time, as
 * by a node that cannot read, they are given away, too.
 *
 * An offer decides nothing: what has been read ahead counts as what it is, up to where it was read,
 * whichever node owns the slots when they are given. See docs/protocols/cluster.md, "Read ahead".
 *
 * @module
 */
import type { Ahead, Move, Offer } from "../control/command.ts";
import type { ControlState } from "../control/control_state.ts";
import type { ClusterClock } from "./cluster_clock.ts";
import type { SlotLoader } from "./slot_loader.ts";
import type { SlotMoves } from "./slot_moves.ts";

/** After so long slots are given to a node that has not read ahead, and reads for nobody else. */
const OFFER_MS_MAX = 10_000;

/** What offers are made of. */
export interface SlotOffersParts {
  readonly node: number;
  readonly clock: ClusterClock;
  readonly state: ControlState;
  readonly moves: SlotMoves;
  readonly loader: Pick<SlotLoader, "readAhead" | "isReadAhead">;
}

/** What one node offers, and what it is offered. */
export class SlotOffers {
  readonly #parts: SlotOffersParts;
  #offer: Offer | undefined;
  #number = 0;
  #sinceMs = 0;
  #msMax = OFFER_MS_MAX;
  /** Whose offer is read ahead for. */
  #giver: readonly [giver: number, number: number] | undefined;
  #told = "";

  constructor(parts: SlotOffersParts) {
    this.#parts = parts;
  }

  /** Whether something is offered that is not given away yet. */
  get isOpen(): boolean {
    return this.#offer !== undefined;
  }

  /**
   * Offers slots that are served to other nodes, in place of what was offered before.
   *
   * @param msMax after so long they are given to who has not read ahead, and reads for nobody else
   */
  make(moves: readonly Move[], msMax = OFFER_MS_MAX): void {
    const { node, clock, state, moves: own } = this.#parts;
    const served = moves.filter(([slot, to]) => to !== node && own.isServed(slot));
    if (served.length === 0) return;
    // No offer of an earlier life of this node has this number, nor an earlier one of this life.
    this.#number = Math.max(state.sequence, this.#number + 1);
    this.#offer = { number: this.#number, moves: served };
    this.#sinceMs = clock.monotonicMs();
    this.#msMax = msMax;
  }

  /** What a renewal says of it. */
  told(): { offer?: Offer; ahead?: Ahead } {
    const ahead = this.#ahead();
    this.#told = this.#news(ahead);
    return { ...(this.#offer && { offer: this.#offer }), ...(ahead && { ahead }) };
  }

  /** Whether the others have not been told what is so now. */
  get hasNews(): boolean {
    return this.#news(this.#ahead()) !== this.#told;
  }

  /** Does what can be done now. */
  step(): void {
    this.#give();
    this.#lookForOffers();
  }

  /** The term has ended. */
  clear(): void {
    this.#offer = undefined;
    this.#giver = undefined;
  }

  /** Gives away what was read ahead, or was offered for too long. */
  #give(): void {
    const { node, clock, state, moves } = this.#parts;
    const offer = this.#offer;
    if (offer === undefined) return;
    const isHere = ([slot, to]: Move) =>
      state.owners[slot] === node && state.leaseOf(to)?.holder !== undefined &&
      !state.leaving.has(to);
    const left = offer.moves.filter(isHere);
    if (left.length === 0) return void (this.#offer = undefined);
    const takers = new Set(left.map(([, to]) => to));
    const aheads = [...takers].map((to) => [to, state.ahead.get(to)] as const);
    // Who reads for others has its turn later.
    if (aheads.some(([, ahead]) => ahead !== undefined && ahead[0] !== node)) {
      this.#sinceMs = clock.monotonicMs();
    }
    const isOver = clock.monotonicMs() - this.#sinceMs >= this.#msMax;
    const ready = new Set(
      aheads.filter(([, ahead]) => isReady(ahead, node, offer)).map(([to]) => to),
    );
    moves.leave(left.filter(([, to]) => isOver || ready.has(to)));
  }

  /** Has what the first one offers that offers something be read ahead. */
  #lookForOffers(): void {
    const { node, state, loader } = this.#parts;
    const takes = !state.leaving.has(node);
    const coming = ([giver, { moves }]: readonly [number, Offer]) =>
      moves.filter(([slot, to]) => takes && to === node && state.owners[slot] === giver);
    const known = this.#giver;
    if (known !== undefined) {
      const offer = state.offers.get(known[0]);
      if (offer?.number === known[1] && coming([known[0], offer]).length > 0) return;
      this.#giver = undefined;
    }
    for (const [giver, offer] of state.offers) {
      const slots = coming([giver, offer]).map(([slot]) => slot);
      if (giver === node || slots.length === 0) continue;
      this.#giver = [giver, offer.number];
      return loader.readAhead({ giver, slots });
    }
    if (known !== undefined) loader.readAhead(undefined);
  }

  #ahead(): Ahead | undefined {
    return this.#giver && [...this.#giver, this.#parts.loader.isReadAhead];
  }

  #news(ahead: Ahead | undefined): string {
    return `${this.#offer?.number} ${ahead}`;
  }
}

function isReady(ahead: Ahead | undefined, node: number, { number }: Offer): boolean {
  return ahead !== undefined && ahead[0] === node && ahead[1] === number && ahead[2];
}
