/**
 * Who holds which lease, and who owns which slot: what the messages of the control stream add up
 * to.
 *
 * Every node reads the whole stream, in order, and applies the same rules to it. So all agree on
 * which commands count, and a command's author learns it as the others do. A command that was lost,
 * was sent twice, comes late, or got past a condition of the engine that should have kept it away,
 * does no harm: it follows a message that is not the last one any more, and does not count.
 *
 * What counts:
 *
 * - A renewal, if it follows the last command that counts about its lease, and the lease is free or
 *   its holder's own. The sequence of a holder's first renewal is its **term**.
 * - A revocation, if it follows the last command that counts about its lease. The slots of the node
 *   have no owner then, and its log is unfenced until an assignment says that it was fenced.
 * - An assignment, if it follows the last command that changed owners, its author holds a lease, as
 *   do the nodes that get slots, each slot is the author's own or has no owner, and, if one has
 *   none, every unfenced log was fenced.
 * - A checkpoint, if it follows the last command that changed owners, its author holds its lease,
 *   and it is newer than the author's last one.
 * - Settings, if none have counted before.
 *
 * A state that was written into the stream changes nothing. Who has not read what was before takes
 * it as it is ({@linkcode ControlState.load}).
 *
 * Terms grow, as all are sequences of one stream.
 *
 * @module
 */
import { NODE_ID_COUNT, SLOT_COUNT } from "../../core/limits.ts";
import {
  type Ahead,
  type Assign,
  beginsAtBarriers,
  type Checkpoint,
  type Command,
  type Load,
  type Offer,
  type Renew,
  type Revoke,
  type Settings,
} from "./command.ts";
import { type Keeper, LogNeeds } from "./log_needs.ts";
import { runsOf, type StatePicture } from "./state_picture.ts";

/** Owner of a slot that has none. */
export const NO_OWNER = -1;

/** What is known of the lease of a node. */
export interface LeaseState {
  /** Sequence of the last command that counts about it. */
  readonly sequence: number;
  /** Undefined: it is free. */
  readonly holder: string | undefined;
  /** Of the holder, or of the revocation. */
  readonly term: number;
  /** Where the holder takes requests; undefined if nowhere. */
  readonly address?: string | undefined;
}

/** The state after a part of the control stream. */
export class ControlState {
  /** Sequence of the last message that was applied. */
  sequence = 0;
  /** Sequence of the last command that changed owners. */
  mapSequence = 0;
  /** The owner of each slot, or {@linkcode NO_OWNER}. */
  readonly owners: Int32Array = new Int32Array(SLOT_COUNT).fill(NO_OWNER);
  /**
   * Sequence of the command by which each slot came to its owner, or lost it; 0 before there was
   * one. No other owner of the slot, and no other time of the same one, has it: requests that name
   * it are for the owner that its sender has meant.
   */
  readonly assignedAt: Float64Array = new Float64Array(SLOT_COUNT);
  /**
   * What members have to do, by their last renewals. Nothing is decided by it: no part of a state.
   */
  readonly loads = new Map<number, Load>();
  /** What they are going to give away, and for whose offer they read ahead; likewise. */
  readonly offers = new Map<number, Offer>();
  readonly ahead = new Map<number, Ahead>();
  /** Those that leave, and take nothing; likewise. */
  readonly leaving = new Map<number, true>();
  /** What all must have alike; undefined before the first command that says it. */
  settings: Settings | undefined;
  /** Up to where a new owner has to have read each log, by the node that writes it. */
  readonly barriers = new Map<number, number>();
  /**
   * Nodes whose log is to be fenced before slots without an owner get one, with the term for it.
   */
  readonly unfenced = new Map<number, number>();
  /** What of the logs is still needed. */
  readonly needs: LogNeeds = new LogNeeds();
  /** Up to which message the last state adds up that stands in the stream, and the one before. */
  pictureAt = 0;
  earlierPictureAt = 0;
  readonly #leases = new Map<number, LeaseState>();
  /** What renewals say beside that they are some. */
  readonly #said = [this.loads, this.offers, this.ahead, this.leaving];

  /** The lease of a node; undefined if it never had one. */
  leaseOf(node: number): LeaseState | undefined {
    return this.#leases.get(node);
  }

  /** All nodes that ever had a lease. */
  nodes(): Iterable<number> {
    return this.#leases.keys();
  }

  /** Nodes that hold a lease, the smallest first. */
  members(): number[] {
    const held = [...this.#leases].filter(([, lease]) => lease.holder !== undefined);
    return held.map(([node]) => node).sort((a, b) => a - b);
  }

  /** Whether some slot has no owner. */
  get hasOrphans(): boolean {
    return this.owners.includes(NO_OWNER);
  }

  /** Whether a node is a member, and alive in the life that is named. */
  isHeldBy(node: number, holder: string): boolean {
    return this.#leases.get(node)?.holder === holder;
  }

  /**
   * Applies the next message; returns whether it counts.
   *
   * @param sequence of the message, larger than the one before
   */
  apply(sequence: number, command: Command): boolean {
    this.sequence = sequence;
    switch (command.kind) {
      case "renew":
        return this.#renew(sequence, command);
      case "revoke":
        return this.#revoke(sequence, command);
      case "assign":
        return this.#assign(sequence, command);
      case "checkpoint":
        return this.#checkpoint(command);
      case "settings":
        if (this.settings !== undefined) return false;
        this.settings = command;
        return true;
      case "state":
        this.#pictured(command.at);
        return false;
    }
  }

  /** All that is known, to be written into the stream. */
  picture(): StatePicture {
    const rows = Array.from(this.owners, (owner, slot) => {
      const keeper = this.needs.keeperOf(slot) ?? { node: NO_OWNER, sequence: 0 };
      return [owner, this.assignedAt[slot]!, keeper.node, keeper.sequence];
    });
    return {
      mapSequence: this.mapSequence,
      settings: this.settings ?? null,
      slots: runsOf(rows),
      leases: [...this.#leases].map(([node, { sequence, term, holder, address }]) =>
        [node, sequence, term, holder ?? null, address ?? null] as const
      ),
      barriers: [...this.barriers],
      unfenced: [...this.unfenced],
      ...this.needs.picture(),
    };
  }

  /** Takes a state, in place of all that was known, for that after a message. */
  load(at: number, picture: StatePicture): void {
    this.sequence = at;
    this.mapSequence = picture.mapSequence;
    this.settings = picture.settings ?? undefined;
    let slot = 0;
    const keepers: Keeper[] = [];
    for (const [count, owner, assignedAt, node, sequence] of picture.slots) {
      this.owners.fill(owner, slot, slot + count);
      this.assignedAt.fill(assignedAt, slot, slot + count);
      for (const end = slot + count; slot < end; slot++) keepers.push({ node, sequence });
    }
    this.#leases.clear();
    for (const said of this.#said) said.clear();
    for (const [node, sequence, term, holder, address] of picture.leases) {
      const held = holder === null
        ? { holder: undefined }
        : { holder, address: address ?? undefined };
      this.#leases.set(node, { sequence, term, ...held });
    }
    replace(this.barriers, picture.barriers);
    replace(this.unfenced, picture.unfenced);
    this.needs.load(picture, keepers.map((keeper) => keeper.node < 0 ? undefined : keeper));
    this.pictureAt = at;
    this.earlierPictureAt = 0;
  }

  #pictured(at: number): void {
    if (at <= this.pictureAt) return;
    this.earlierPictureAt = this.pictureAt;
    this.pictureAt = at;
  }

  #renew(sequence: number, command: Renew): boolean {
    const { node, holder, follows, address, load, offer, ahead, leaves } = command;
    const lease = this.#leases.get(node);
    if (follows !== (lease?.sequence ?? 0)) return false;
    const isFree = lease?.holder === undefined;
    if (!isFree && lease.holder !== holder) return false;
    const term = isFree ? sequence : lease.term;
    this.#leases.set(node, { sequence, holder, term, address });
    if (load !== undefined) this.loads.set(node, load);
    say(this.offers, node, offer);
    say(this.ahead, node, ahead);
    say(this.leaving, node, leaves);
    return true;
  }

  #revoke(sequence: number, { node, follows }: Revoke): boolean {
    const lease = this.#leases.get(node);
    if (lease?.holder === undefined || follows !== lease.sequence) return false;
    this.#leases.set(node, { sequence, holder: undefined, term: sequence });
    for (const said of this.#said) said.delete(node);
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.owners[slot] === node) this.#assignSlot(slot, NO_OWNER, sequence);
    }
    this.needs.moved(node, NO_OWNER, NO_OWNER);
    this.needs.forget(node);
    this.unfenced.set(node, sequence);
    this.#ownersChanged(sequence);
    return true;
  }

  #assign(sequence: number, command: Assign): boolean {
    if (!this.#mayAssign(command)) return false;
    this.needs.beginMoves();
    for (const [from, to] of this.#pairsOf(command)) this.needs.moved(from, to, NO_OWNER);
    for (const [slot, node] of command.moves) this.#assignSlot(slot, node, sequence);
    for (const [node, barrier] of command.barriers) {
      this.barriers.set(node, Math.max(barrier, this.barriers.get(node) ?? 0));
      const term = this.#leases.get(node)?.term;
      if (term === undefined || !beginsAtBarriers(this.settings)) continue;
      this.needs.barred(node, { sequence: barrier, term });
    }
    for (const [node, term] of command.fenced) {
      if (this.unfenced.get(node) === term) this.unfenced.delete(node);
    }
    this.#ownersChanged(sequence);
    return true;
  }

  /**
   * By the command with a sequence; one that ended the lease of a node may have left no orphans.
   */
  #ownersChanged(sequence: number): void {
    if (!this.hasOrphans) this.needs.forget(NO_OWNER);
    this.mapSequence = sequence;
  }

  /** Who gives slots to whom. */
  #pairsOf({ moves }: Assign): Iterable<readonly [from: number, to: number]> {
    const pairs = new Map<number, readonly [number, number]>();
    for (const [slot, to] of moves) {
      const from = this.owners[slot]!;
      const pair = (from - NO_OWNER) * NODE_ID_COUNT + to;
      if (!pairs.has(pair)) pairs.set(pair, [from, to]);
    }
    return pairs.values();
  }

  #checkpoint(command: Checkpoint): boolean {
    const { node, holder, follows, index } = command;
    const isNewer = index > this.needs.checkpointOf(node);
    if (follows !== this.mapSequence || !isNewer || !this.isHeldBy(node, holder)) return false;
    this.needs.checkpointed(command, slotsOf(this.owners, node));
    return true;
  }

  #assignSlot(slot: number, owner: number, sequence: number): void {
    this.owners[slot] = owner;
    this.assignedAt[slot] = sequence;
  }

  #mayAssign({ node, holder, follows, moves, barriers, fenced }: Assign): boolean {
    if (follows !== this.mapSequence || !this.isHeldBy(node, holder)) return false;
    const hasBarrier = (of: number) => barriers.some(([with_]) => with_ === of);
    const isFenced = ([of, term]: readonly [number, number]) =>
      hasBarrier(of) && fenced.some(([log, under]) => log === of && under === term);
    const takesOrphans = moves.some(([slot]) => this.owners[slot] === NO_OWNER);
    if (takesOrphans && ![...this.unfenced].every(isFenced)) return false;
    return moves.every(([slot, to]) => {
      const owner = this.owners[slot];
      const isMember = this.#leases.get(to)?.holder !== undefined;
      return isMember && (owner === NO_OWNER || owner === node && hasBarrier(node));
    });
  }
}

function say<T>(said: Map<number, T>, node: number, what: T | undefined): void {
  if (what === undefined) said.delete(node);
  else said.set(node, what);
}

function replace<T>(map: Map<number, T>, entries: Iterable<readonly [number, T]>): void {
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}

/** The slots of an owner. */
export function slotsOf(owners: Int32Array, owner: number): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < owners.length; slot++) if (owners[slot] === owner) slots.push(slot);
  return slots;
}
