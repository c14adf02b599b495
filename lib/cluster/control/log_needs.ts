/**
 * What of logs and index streams is still needed, by whom: from where a new owner of slots reads,
 * and up to where messages may be purged.
 *
 * It is a part of {@linkcode ControlState}: all nodes come to the same by the commands that count.
 * A checkpoint says what a node needs for all slots that it owns. When slots get another owner,
 * that one needs what their last one needed, too, and its own log from its last checkpoint or
 * barrier on. So what all owners need together never begins earlier than it did, and what is before
 * it can go.
 *
 * @module
 */
import { SLOT_COUNT } from "../../core/limits.ts";
import { indexStream, logStream } from "../node/log_streams.ts";
import type { Checkpoint } from "./command.ts";
import type { StatePicture } from "./state_picture.ts";

/** From where a log is to be read. */
export interface LogStart {
  /** Of the last message that need not be read. */
  readonly sequence: number;
  /** Of the last `own` that counts up to there. */
  readonly term: number;
}

/** Where a slot's index is. */
export interface Keeper {
  /** In whose index stream. */
  readonly node: number;
  /** Of the checkpoint in it. */
  readonly sequence: number;
}

/** What the slots of one owner need. */
interface Needs {
  /** By node: from where its log has to be read, for all that no checkpoint has of these slots. */
  readonly tails: Map<number, LogStart>;
  /** By stream: the lowest sequence of a message that their checkpoints name. */
  readonly floors: Map<string, number>;
}

/** From where a node needs its own log for slots that come to it, and its last checkpoint. */
interface Position extends LogStart {
  readonly index: number;
}

const BEGINNING: Position = { sequence: 0, term: 0, index: 0 };

/** What all owners need. */
export class LogNeeds {
  readonly #needs = new Map<number, Needs>();
  readonly #positions = new Map<number, Position>();
  /** By owner: the tails of what has come to it by the last command that changed owners. */
  readonly #came = new Map<number, Map<number, LogStart>>();
  readonly #keepers = new Array<Keeper | undefined>(SLOT_COUNT).fill(undefined);

  /** Where the index of a slot is; undefined if no checkpoint has it. */
  keeperOf(slot: number): Keeper | undefined {
    return this.#keepers[slot];
  }

  /** From where the logs have to be read for slots of an owner. */
  tailsOf(owner: number): ReadonlyMap<number, LogStart> {
    return this.#needs.get(owner)?.tails ?? new Map();
  }

  /** From where the logs have to be read for the slots that have just come to an owner. */
  tailsOfComing(owner: number): ReadonlyMap<number, LogStart> {
    return this.#came.get(owner) ?? new Map();
  }

  /** Owners are going to change: what comes now is what has just come. */
  beginMoves(): void {
    this.#came.clear();
  }

  /** Sequence of a node's last checkpoint, 0 for none. */
  checkpointOf(node: number): number {
    return this.#positions.get(node)?.index ?? 0;
  }

  /** Slots of an owner have come to another one, or to none. */
  moved(from: number, to: number, noOwner: number): void {
    const given = this.#needs.get(from);
    const needs = this.#needs.get(to) ?? { tails: new Map(), floors: new Map() };
    this.#needs.set(to, needs);
    const came = this.#came.get(to) ?? new Map<number, LogStart>();
    this.#came.set(to, came);
    for (const [node, start] of given?.tails ?? []) {
      addStart(needs.tails, node, start);
      addStart(came, node, start);
    }
    for (const [stream, floor] of given?.floors ?? []) addFloor(needs.floors, stream, floor);
    if (to === noOwner) return;
    const position = this.#positions.get(to) ?? BEGINNING;
    addStart(needs.tails, to, position);
    addFloor(needs.floors, indexStream(to), position.index);
  }

  /** A log has a barrier: its node writes behind that what is of slots that come to it later. */
  barred(node: number, start: LogStart): void {
    const position = this.#positions.get(node) ?? BEGINNING;
    this.#positions.set(node, { ...later(start, position), index: position.index });
  }

  /** An owner has no slots any more. */
  forget(owner: number): void {
    this.#needs.delete(owner);
  }

  /** A checkpoint counts. */
  checkpointed({ node, index, tails, floors }: Checkpoint, slots: Iterable<number>): void {
    const starts = tails.map(([log, sequence, term]) => [log, { sequence, term }] as const);
    const needs = { tails: new Map<number, LogStart>(starts), floors: new Map(floors) };
    const position = this.#positions.get(node) ?? BEGINNING;
    // Its author may name a place in front of a barrier, up to which its log may be purged.
    const needed = this.#needs.get(node)?.tails.get(node) ?? position;
    const own = later(needs.tails.get(node)!, needed);
    needs.tails.set(node, own);
    this.#needs.set(node, needs);
    this.#positions.set(node, { ...later(own, position), index });
    const keeper = { node, sequence: index };
    for (const slot of slots) this.#keepers[slot] = keeper;
  }

  /** All of it but the keepers. */
  picture(): Pick<StatePicture, "needs" | "positions"> {
    return {
      needs: [...this.#needs].map(([owner, { tails, floors }]) => [
        owner,
        [...tails].map(([node, { sequence, term }]) => [node, sequence, term] as const),
        [...floors],
      ]),
      positions: [...this.#positions].map(([node, { sequence, term, index }]) =>
        [node, sequence, term, index] as const
      ),
    };
  }

  /** Takes what a picture says, in place of all that was known. */
  load(
    { needs, positions }: Pick<StatePicture, "needs" | "positions">,
    keepers: readonly (Keeper | undefined)[],
  ): void {
    this.#needs.clear();
    for (const [owner, tails, floors] of needs) {
      const starts = tails.map(([node, sequence, term]) => [node, { sequence, term }] as const);
      this.#needs.set(owner, { tails: new Map(starts), floors: new Map(floors) });
    }
    this.#positions.clear();
    for (const [node, sequence, term, index] of positions) {
      this.#positions.set(node, { sequence, term, index });
    }
    keepers.forEach((keeper, slot) => this.#keepers[slot] = keeper);
  }

  /** Up to where the log of a node is not needed. */
  purgeableLog(node: number): number {
    let upTo = this.#positions.get(node)?.sequence ?? 0;
    for (const { tails, floors } of this.#needs.values()) {
      upTo = Math.min(upTo, tails.get(node)?.sequence ?? Infinity);
      upTo = Math.min(upTo, (floors.get(logStream(node)) ?? Infinity) - 1);
    }
    return Math.max(0, upTo);
  }

  /** Up to where the index stream of a node is not needed. */
  purgeableIndex(node: number): number {
    let upTo = (this.#positions.get(node)?.index ?? 1) - 1;
    for (const { floors } of this.#needs.values()) {
      upTo = Math.min(upTo, (floors.get(indexStream(node)) ?? Infinity) - 1);
    }
    return Math.max(0, upTo);
  }
}

function later(one: LogStart, other: LogStart): LogStart {
  const { sequence, term } = one.sequence < other.sequence ? other : one;
  return { sequence, term };
}

function addStart(tails: Map<number, LogStart>, node: number, start: LogStart): void {
  const known = tails.get(node);
  if (known === undefined || start.sequence < known.sequence) {
    tails.set(node, { sequence: start.sequence, term: start.term });
  }
}

function addFloor(floors: Map<string, number>, stream: string, floor: number): void {
  floors.set(stream, Math.min(floor, floors.get(stream) ?? Infinity));
}
