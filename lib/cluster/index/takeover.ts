/**
 * Loads slots that come to this node: the directories that the last checkpoint of each has, and
 * what the logs have beside them, from where that checkpoint says, up to the barriers.
 *
 * It may begin before the slots come, and then it has several goals, one after the other: the last
 * one is that of the assignment. Each reads what those before have not read. What is kept of them
 * is only what does not depend on when it was read: the messages of a log from one place to another
 * one, and directories by the checkpoint that still is the last one.
 *
 * @module
 */
import type { Keeper, LogStart } from "../control/log_needs.ts";
import type { Following, LogMessage } from "../engine/log_engine.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import { LogReplay } from "../node/log_replay.ts";
import { indexStream, logStream } from "../node/log_streams.ts";
import type { RecordAddress } from "../node/record_table.ts";
import { decodeCheckpoint, decodeDirectory, type DirectoryRef } from "./index_codec.ts";
import type { IndexedTable } from "./indexed_table.ts";
import { type IndexIo, runAll } from "./index_io.ts";
import type { SlotIndex } from "./slot_index.ts";

const READS_AT_A_TIME = 32;
/** Of each there may be some large messages on their way. */
const LOGS_AT_A_TIME = 2;

/** Messages that slots need are not there: what they hold cannot be known any more. */
export class LostMessagesError extends Error {
  static {
    this.prototype.name = "LostMessagesError";
  }

  /** Makes the error for a stream of a node, which begins with another message than it must. */
  constructor(stream: "log" | "index", node: number, expected: number, first: number) {
    super(
      `the ${stream} of node ${node} must have its messages from ${expected} on, which slots of ` +
        `this node need, but it begins with ${first}`,
    );
  }
}

/** What a takeover needs. */
export interface TakeoverParts {
  readonly io: IndexIo;
  readonly table: Pick<IndexedTable, "open">;
  readonly slots: readonly SlotIndex[];
  readonly keeperOf: (slot: number) => Keeper | undefined;
  /** Whose log is followed on, when it is read ahead. */
  readonly follows?: number;
  /** A record that counts, of any slot. */
  readonly take: (record: LogRecord, address: RecordAddress) => void;
  readonly failed: (error: unknown) => void;
  /**
   * What is needed is not there: nothing more is read. Or the slots are not this node's any more.
   */
  readonly missing: (error: LostMessagesError) => void;
}

/** What is to be read. */
export interface TakeoverGoal {
  /** From where the logs have to be read, by node. */
  readonly tails: ReadonlyMap<number, LogStart>;
  /** Up to where. */
  readonly barriers: ReadonlyMap<number, number>;
}

/** Where the directory of a slot is, and by which checkpoint. */
interface KeptDirectory {
  readonly ref: DirectoryRef;
  readonly keeper: Keeper;
}

/** A log of which a part was read. */
interface TailLog {
  readonly start: LogStart;
  readonly replay: LogReplay;
  /** While it is followed. */
  following: Following | undefined;
  /** Up to where it is to be read, and who waits for that. */
  barrier: number;
  reached: () => void;
}

/** Slots that are loaded together. */
export class Takeover {
  readonly #parts: TakeoverParts;
  readonly #logs = new Map<number, TailLog>();
  /** By which checkpoint the directory of a slot was read. */
  readonly #opened = new Map<SlotIndex, Keeper>();
  /** Changes with each goal. */
  #round = 0;
  #isStopped = false;

  constructor(parts: TakeoverParts) {
    this.#parts = parts;
  }

  /** The slots of the takeover that this node still has. */
  get slots(): SlotIndex[] {
    return this.#parts.slots.filter(({ isGone }) => !isGone);
  }

  /** How far a log was read; 0: not at all. */
  sequenceOf(node: number): number {
    return this.#logs.get(node)?.replay.sequence ?? 0;
  }

  /** Whether the directories that were read are those of the last checkpoints. */
  get isOpen(): boolean {
    return this.slots.every((slot) => this.#isOpen(slot));
  }

  /** Where the logs stand that were read. */
  positions(): [node: number, position: LogStart][] {
    return [...this.#logs].map(([node, { replay }]) => [node, replay.position]);
  }

  /**
   * Reads the directories that the last checkpoints have, and the logs up to the barriers: what of
   * that has not been read yet. Calls back when all is read, unless there is another goal by then.
   */
  read(goal: TakeoverGoal, done: () => void): void {
    const round = ++this.#round;
    for (const [node, start] of goal.tails) this.#forgetUnless(node, start);
    const isOn = () => this.#round === round && this.#isWanted;
    this.#readCheckpoints(isOn, (refs) => {
      this.#readDirectories(refs, isOn, () => {
        if (isOn()) this.#readTails(goal, isOn, done);
      });
    });
  }

  /** Reads no more. */
  stop(): void {
    this.#isStopped = true;
    for (const log of this.#logs.values()) end(log);
  }

  /**
   * Whether the directory of a slot that was read is that of the last checkpoint, if it is in one.
   */
  #isOpen(slot: SlotIndex): boolean {
    const keeper = this.#parts.keeperOf(slot.slot);
    return keeper === undefined || isSame(this.#opened.get(slot), keeper);
  }

  /** Finds the directories that are not read, or have others in their place by now. */
  #readCheckpoints(
    isOn: () => boolean,
    done: (refs: ReadonlyMap<SlotIndex, KeptDirectory>) => void,
  ): void {
    const { keeperOf } = this.#parts;
    const keepers = new Map<string, { readonly keeper: Keeper; readonly slots: SlotIndex[] }>();
    for (const slot of this.slots) {
      if (this.#isOpen(slot)) continue;
      const keeper = keeperOf(slot.slot)!;
      const name = `${keeper.node} ${keeper.sequence}`;
      const known = keepers.get(name);
      if (known === undefined) keepers.set(name, { keeper, slots: [slot] });
      else known.slots.push(slot);
    }
    const found = new Map<SlotIndex, KeptDirectory>();
    runAll(keepers.values(), READS_AT_A_TIME, ({ keeper, slots }, next) => {
      const isKept = (slot: SlotIndex) => !slot.isGone && isSame(keeperOf(slot.slot), keeper);
      const isWanted = () => isOn() && slots.some(isKept);
      this.#readIndex(keeper, isWanted, next, ({ body }) => {
        const refs = new Map(decodeCheckpoint(body).map((ref) => [ref.slot, ref]));
        // One that the node has given away, or has got back, may have a later one elsewhere.
        for (const slot of slots.filter(isKept)) {
          const ref = refs.get(slot.slot);
          if (ref !== undefined) found.set(slot, { ref, keeper });
          else this.#opened.set(slot, keeper);
        }
      });
    }, () => done(found));
  }

  #readDirectories(
    refs: ReadonlyMap<SlotIndex, KeptDirectory>,
    isOn: () => boolean,
    done: () => void,
  ): void {
    const { keeperOf } = this.#parts;
    runAll(refs, READS_AT_A_TIME, ([slot, { ref, keeper }], next) => {
      const isWanted = () => isOn() && !slot.isGone && isSame(keeperOf(slot.slot), keeper);
      this.#readIndex(ref, isWanted, next, ({ body }) => {
        this.#parts.table.open(slot, decodeDirectory(body), ref);
        this.#opened.set(slot, keeper);
      });
    }, done);
  }

  /** Reads a message of a node's index, which is there unless the engine or this node has lost. */
  #readIndex(
    { node, sequence }: Keeper,
    isWanted: () => boolean,
    next: () => void,
    take: (message: LogMessage) => void,
  ): void {
    this.#parts.io.readNeeded(indexStream(node), sequence, isWanted, (message) => {
      // A later checkpoint may be in the place of one that was asked for.
      if (message !== undefined && isWanted()) this.#guard(() => take(message));
      next();
    }, (first) => this.#lose(new LostMessagesError("index", node, sequence, first)));
  }

  #readTails({ tails, barriers }: TakeoverGoal, isOn: () => boolean, done: () => void): void {
    const logs = [...tails].filter(([node, { sequence }]) => sequence < (barriers.get(node) ?? 0));
    runAll(logs, LOGS_AT_A_TIME, ([node, start], next) => {
      if (isOn()) this.#readTail(node, start, barriers.get(node)!, next);
    }, () => isOn() && done());
  }

  #readTail(node: number, start: LogStart, barrier: number, next: () => void): void {
    const log = this.#logFrom(node, start);
    log.barrier = barrier;
    log.reached = next;
    if (log.replay.sequence >= barrier) return this.#reach(node, log);
    log.following ??= this.#follow(node, log);
  }

  /**
   * Forgets what was read of a log if that is no part of what is to be read: it began behind there,
   * or it ended before. Then what is between may be purged; the directories have what was there.
   */
  #forgetUnless(node: number, { sequence }: LogStart): void {
    const log = this.#logs.get(node);
    if (log === undefined) return;
    if (log.start.sequence <= sequence && sequence <= log.replay.sequence) return;
    end(log);
    this.#logs.delete(node);
  }

  /** The log as it was read before, or one of which nothing was read. */
  #logFrom(node: number, start: LogStart): TailLog {
    const known = this.#logs.get(node);
    if (known !== undefined) return known;
    const replay = new LogReplay(node, this.#parts.take, start);
    const log = { start, replay, following: undefined, barrier: 0, reached: () => {} };
    this.#logs.set(node, log);
    return log;
  }

  #follow(node: number, log: TailLog): Following {
    const { replay } = log;
    const { io } = this.#parts;
    return io.engine.follow(logStream(node), replay.sequence + 1, (message) => {
      if (log.following === undefined || !this.#isWanted) return;
      if (message.sequence > replay.sequence + 1) {
        const expected = replay.sequence + 1;
        return this.#lose(new LostMessagesError("log", node, expected, message.sequence));
      }
      this.#guard(() => replay.take(message));
      if (replay.sequence >= log.barrier) this.#reach(node, log);
    });
  }

  #reach(node: number, log: TailLog): void {
    const { reached } = log;
    if (node !== this.#parts.follows) end(log);
    log.barrier = Infinity;
    log.reached = () => {};
    reached();
  }

  /** What is needed is gone: reads no more. */
  #lose(error: LostMessagesError): void {
    this.stop();
    this.#parts.missing(error);
  }

  get #isWanted(): boolean {
    return !this.#isStopped && this.#parts.slots.some(({ isGone }) => !isGone);
  }

  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.stop();
      this.#parts.failed(error);
    }
  }
}

/** Follows a log no more. */
function end(log: TailLog): void {
  log.following?.stop();
  log.following = undefined;
}

function isSame(one: Keeper | undefined, other: Keeper): boolean {
  return one?.node === other.node && one.sequence === other.sequence;
}
