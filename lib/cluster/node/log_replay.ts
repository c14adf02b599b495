/**
 * Reads the log of one node, and decides what in it counts.
 *
 * The log has one writer at a time, the holder of the node's lease; the node that ends the lease
 * fences the log. Both begin with an `own` message that names their term. An `own` counts if its
 * term is higher than that of the last one that counts; a batch counts if it names the term of the
 * last `own` that counts before it. So what a node sends after it has lost its lease may be stored,
 * and is ignored by every reader in the same way; and a fence that comes late, when its author has
 * lost its own lease, ends no newer term.
 *
 * @module
 */
import { FrameError } from "../../wire/frame.ts";
import type { LogStart } from "../control/log_needs.ts";
import type { LogMessage } from "../engine/log_engine.ts";
import { decodeEntry, type LogRecord } from "../messages/log_codec.ts";
import type { RecordAddress } from "./record_table.ts";

/** Called with each record that counts. */
export type TakeRecord = (record: LogRecord, address: RecordAddress) => void;

/** Reads one log. */
export class LogReplay {
  readonly #node: number;
  readonly #take: TakeRecord;
  #sequence: number;
  #term: number;

  /** Reads the log of a node from somewhere on, and passes on what counts. */
  constructor(node: number, take: TakeRecord, start: LogStart = { sequence: 0, term: 0 }) {
    this.#node = node;
    this.#take = take;
    this.#sequence = start.sequence;
    this.#term = start.term;
  }

  /** Sequence of the last message that was read. */
  get sequence(): number {
    return this.#sequence;
  }

  /** From where on to read what has not been read. */
  get position(): LogStart {
    return { sequence: this.#sequence, term: this.#term };
  }

  /**
   * Reads the next message.
   *
   * @throws {FrameError} when it is damaged, or not the next one: nothing after it can be judged
   */
  take({ sequence, body }: LogMessage): void {
    if (sequence !== this.#sequence + 1) {
      throw new FrameError(`message ${this.#sequence + 1} of a log must come, got ${sequence}`);
    }
    this.#sequence = sequence;
    const entry = decodeEntry(body);
    if (entry.kind === "own") {
      if (entry.term > this.#term) this.#term = entry.term;
    } else if (entry.kind === "batch" && entry.term === this.#term) {
      const node = this.#node;
      entry.records.forEach((record, i) =>
        this.#take(record, { node, sequence, place: entry.places[i]! })
      );
    }
  }
}
