/**
 * Loads slots that come to this node: the directories that the last checkpoint of each has, and what
 * the logs have beside them, from where that checkpoint says, up to the barriers.
 *
 * @module
 */
import type { Keeper, LogStart } from "../control/log_needs.ts";
import type { Following } from "../engine/log_engine.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import { LogReplay } from "../node/log_replay.ts";
import { indexStream, logStream } from "../node/log_streams.ts";
import type { RecordAddress } from "../node/record_table.ts";
import { decodeCheckpoint, decodeDirectory, type DirectoryRef } from "./index_codec.ts";
import { type IndexIo, runAll } from "./index_io.ts";
import type { SlotIndex } from "./slot_index.ts";

const READS_AT_A_TIME = 32;

/** Messages of a log that slots need are not there: what they hold cannot be known any more. */
export class LostMessagesError extends Error {
  static {
    this.prototype.name = "LostMessagesError";
  }

  /** Makes the error for the log of a node, which begins with another message than it must. */
  constructor(node: number, expected: number, first: number) {
    super(
      `the log of node ${node} must have its messages from ${expected} on, which slots of this ` +
        `node need, but it begins with ${first}`,
    );
  }
}

/** What a takeover needs. */
export interface TakeoverParts {
  readonly io: IndexIo;
  readonly slots: readonly SlotIndex[];
  readonly keeperOf: (slot: number) => Keeper | undefined;
  /** From where the logs have to be read, by node. */
  readonly tails: ReadonlyMap<number, LogStart>;
  /** Up to where. */
  readonly barriers: ReadonlyMap<number, number>;
  /** A record that counts, of any slot. */
  readonly take: (record: LogRecord, address: RecordAddress) => void;
  /** The log of a node was read up to its barrier. */
  readonly read: (node: number, position: LogStart) => void;
  readonly failed: (error: unknown) => void;
  /** What is needed is not there: nothing more is read. Or the slots are not this node's any more. */
  readonly missing: (error: LostMessagesError) => void;
}

/** Slots that are loaded together. */
export class Takeover {
  readonly #parts: TakeoverParts;
  readonly #done: () => void;
  readonly #followings = new Set<Following>();
  #isStopped = false;

  /** Begins to load; calls back when all is read. */
  constructor(parts: TakeoverParts, done: () => void) {
    this.#parts = parts;
    this.#done = done;
    const { slots, keeperOf } = parts;
    const keepers = new Map<string, Keeper>();
    for (const { slot } of slots) {
      const keeper = keeperOf(slot);
      if (keeper !== undefined) keepers.set(`${keeper.node} ${keeper.sequence}`, keeper);
    }
    const found = new Map<number, DirectoryRef>();
    runAll(keepers.values(), READS_AT_A_TIME, (keeper, next) => {
      const isWanted = () => this.#isWanted;
      parts.io.read(indexStream(keeper.node), keeper.sequence, isWanted, (message) => {
        this.#guard(() => {
          for (const ref of message === undefined ? [] : decodeCheckpoint(message.body)) {
            // One that the node has given away, or has got back, may have a later one elsewhere.
            if (isSame(keeperOf(ref.slot), keeper)) found.set(ref.slot, ref);
          }
        });
        next();
      });
    }, () => this.#readDirectories(found));
  }

  /** The slots of the takeover that this node still has. */
  get slots(): SlotIndex[] {
    return this.#parts.slots.filter(({ isGone }) => !isGone);
  }

  /** Reads no more. */
  stop(): void {
    this.#isStopped = true;
    for (const following of this.#followings) following.stop();
  }

  #readDirectories(refs: ReadonlyMap<number, DirectoryRef>): void {
    runAll(this.#parts.slots, READS_AT_A_TIME, (slot, next) => {
      const ref = refs.get(slot.slot);
      if (ref === undefined || slot.isGone) return next();
      const isWanted = () => this.#isWanted && !slot.isGone;
      this.#parts.io.read(indexStream(ref.node), ref.sequence, isWanted, (message) => {
        this.#guard(() => {
          if (message !== undefined) slot.open(decodeDirectory(message.body), ref);
        });
        next();
      });
    }, () => {
      if (this.#isWanted) this.#readTails();
    });
  }

  #readTails(): void {
    const { tails, barriers } = this.#parts;
    const logs = [...tails].filter(([node, { sequence }]) => sequence < (barriers.get(node) ?? 0));
    runAll(logs, Infinity, ([node, start], next) => this.#readTail(node, start, next), () => {
      if (this.#isWanted) this.#done();
    });
  }

  #readTail(node: number, start: LogStart, next: () => void): void {
    const { io, barriers, take, read } = this.#parts;
    const replay = new LogReplay(node, take, start);
    let isRead = false;
    const following = io.engine.follow(logStream(node), start.sequence + 1, (message) => {
      if (isRead || !this.#isWanted) return;
      if (message.sequence > replay.sequence + 1) {
        this.stop();
        const error = new LostMessagesError(node, replay.sequence + 1, message.sequence);
        return this.#parts.missing(error);
      }
      this.#guard(() => replay.take(message));
      isRead = replay.sequence >= barriers.get(node)!;
      if (!isRead) return;
      this.#followings.delete(following);
      following.stop();
      read(node, replay.position);
      next();
    });
    this.#followings.add(following);
  }

  get #isWanted(): boolean {
    return !this.#isStopped && this.slots.length > 0;
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

function isSame(one: Keeper | undefined, other: Keeper): boolean {
  return one?.node === other.node && one.sequence === other.sequence;
}
