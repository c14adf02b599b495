/**
 * Reads and appends that are repeated until they are answered, or nobody waits for them any more.
 *
 * What is read is named by its sequence, and never changes: a replica that lags does not have it
 * yet, and is asked again. What is appended may be there twice; it is known by the sequence that
 * was answered, and the other copy by none.
 *
 * What is read at the same time is bounded in bytes. How long a message is nobody knows before; but
 * its address says whether it may be a long one.
 *
 * @module
 */
import { ByteGate } from "../../core/byte_gate.ts";
import type { LogEngine, LogMessage } from "../engine/log_engine.ts";
import { ALONE_PLACE } from "../messages/log_codec.ts";
import {
  limitsOf,
  messageBytesOf,
  type MessageLimits,
  PLAIN_MESSAGE_BYTES_MAX,
} from "../messages/message_limits.ts";
import type { ClusterClock } from "../node/cluster_clock.ts";
import { logStream } from "../node/log_streams.ts";
import type { RecordAddress } from "../node/record_table.ts";

/** Pause before something is tried again. */
export const RETRY_MS = 20;
/**
 * Bytes of messages that are read at the same time: 64 of those that every cluster has. A server
 * drops who has 64 MiB to take.
 */
export const READ_BYTES_MAX: number = 32 * 1024 * 1024;
/** Bytes of records that are being moved. */
const MOVE_BYTES_MAX = 32 * 1024 * 1024;

/** Reads and appends. */
export class IndexIo {
  readonly engine: LogEngine;
  readonly clock: ClusterClock;
  /** Round trips so far, by which the engine was asked or told something. */
  roundTrips = 0;
  /** Records that are moved are in memory between two round trips. */
  readonly moves: ByteGate = new ByteGate(MOVE_BYTES_MAX);
  readonly limits: MessageLimits;
  readonly #reads: ByteGate;

  constructor(
    engine: LogEngine,
    clock: ClusterClock,
    limits: MessageLimits = limitsOf(PLAIN_MESSAGE_BYTES_MAX),
    readBytesMax: number = READ_BYTES_MAX,
  ) {
    this.engine = engine;
    this.clock = clock;
    this.limits = limits;
    this.#reads = new ByteGate(readBytesMax);
  }

  /** Bytes of the message in which a record is, at most. */
  messageBytes({ place }: Pick<RecordAddress, "place">): number {
    const { recordBytes, batchBytes } = this.limits;
    return messageBytesOf(place === ALONE_PLACE ? recordBytes : batchBytes);
  }

  /** Reads the message of a record that is there; undefined when it is not wanted any more. */
  readRecord(
    address: RecordAddress,
    isWanted: () => boolean,
    done: (message: LogMessage | undefined) => void,
  ): void {
    const { node, sequence } = address;
    this.read(logStream(node), sequence, isWanted, done, this.messageBytes(address));
  }

  /** Reads that of one that may have been moved: then it is undefined, as when a replica lags. */
  readRecordOnce(
    address: RecordAddress,
    isWanted: () => boolean,
    done: (message: LogMessage | undefined) => void,
  ): void {
    const { node, sequence } = address;
    this.readOnce(logStream(node), sequence, isWanted, done, this.messageBytes(address));
  }

  /**
   * Reads a message that is there; undefined when it is not wanted any more.
   *
   * @param bytes that it has at most
   */
  read(
    stream: string,
    sequence: number,
    isWanted: () => boolean,
    done: (message: LogMessage | undefined) => void,
    bytes: number = messageBytesOf(this.limits.batchBytes),
  ): void {
    this.readOnce(stream, sequence, isWanted, (message) => {
      if (message !== undefined || !isWanted()) return done(message);
      this.clock.after(RETRY_MS, () => this.read(stream, sequence, isWanted, done, bytes));
    }, bytes);
  }

  /**
   * The same of a message that nobody may purge: tells if it is gone, and which is the first then.
   */
  readNeeded(
    stream: string,
    sequence: number,
    isWanted: () => boolean,
    done: (message: LogMessage | undefined) => void,
    gone: (first: number) => void,
  ): void {
    this.readOnce(stream, sequence, isWanted, (message) => {
      if (message !== undefined || !isWanted()) return done(message);
      // A replica that only lags begins with a message in front of this one.
      this.engine.extent(stream, (extent) => {
        if (extent !== undefined && extent.first > sequence && isWanted()) {
          return gone(extent.first);
        }
        const again = () => this.readNeeded(stream, sequence, isWanted, done, gone);
        this.clock.after(RETRY_MS, again);
      });
    });
  }

  /** Reads a message that may have been purged: then it is undefined, as when a replica lags. */
  readOnce(
    stream: string,
    sequence: number,
    isWanted: () => boolean,
    done: (message: LogMessage | undefined) => void,
    bytes: number = messageBytesOf(this.limits.batchBytes),
  ): void {
    this.#reads.enter(bytes, (leave) => {
      if (!isWanted()) {
        leave();
        return done(undefined);
      }
      this.roundTrips += 1;
      this.engine.get(stream, sequence, (outcome) => {
        leave();
        if (outcome.status === "found") return done(outcome.message);
        if (outcome.status === "absent" || !isWanted()) return done(undefined);
        this.clock.after(RETRY_MS, () => this.readOnce(stream, sequence, isWanted, done, bytes));
      }, bytes);
    });
  }

  /** Appends a message; undefined when it is not wanted any more. */
  append(
    stream: string,
    subject: string,
    body: Uint8Array,
    isWanted: () => boolean,
    done: (sequence: number | undefined) => void,
  ): void {
    this.roundTrips += 1;
    this.engine.append(stream, subject, body, undefined, (outcome) => {
      if (outcome.status === "stored") return done(outcome.sequence);
      if (!isWanted()) return done(undefined);
      this.clock.after(
        RETRY_MS,
        () => this.append(stream, subject, body, isWanted, done),
      );
    });
  }
}

/** Runs tasks, so many at a time; each calls back once, maybe before it returns. */
export function runAll<T>(
  items: Iterable<T>,
  countMax: number,
  run: (item: T, next: () => void) => void,
  done: () => void,
): void {
  const iterator = items[Symbol.iterator]();
  let running = 0;
  let isFilling = false;
  let isOver = false;
  const fill = () => {
    // Tasks that end at once come back here, and find that it is being done.
    if (isFilling || isOver) return;
    isFilling = true;
    while (running < countMax) {
      const { value, done: isLast } = iterator.next();
      if (isLast === true) break;
      running += 1;
      run(value, () => {
        running -= 1;
        fill();
      });
    }
    isFilling = false;
    if (running > 0) return;
    isOver = true;
    done();
  };
  fill();
}
