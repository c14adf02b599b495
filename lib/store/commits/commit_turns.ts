/**
 * The place of an atomic commit among the operations of its thread on keys that are being updated
 * (client/key_queues.ts): if one of its keys has a queue, it has a turn in the queues of all of
 * them, so that nothing that is issued later for any of them overtakes it, and is issued when it
 * has come to its turn in all of them.
 *
 * Turns are taken in the order of issue, the same in all queues, so two commits do not wait for
 * each other. A turn that has come to the front of its queue stays there until the others have
 * come.
 *
 * @module
 */
import { type KeyQueues, Turn } from "../../client/key_queues.ts";
import type { DinomoError } from "../../core/errors.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";

/** The turns of one commit. */
export class CommitTurns {
  readonly #queues: KeyQueues;
  readonly #completion: { fail(error: unknown): void };
  readonly #issue: (sequence: number) => void;
  #turns: CommitTurn[] = [];
  #missingCount = 0;
  #hasEnded = false;

  /**
   * Takes none yet.
   *
   * @param completion takes what `issue` has thrown, or why it was not called
   * @param issue issues the commit, with the sequence of an operation that it is from then on, or 0
   */
  constructor(
    queues: KeyQueues,
    completion: { fail(error: unknown): void },
    issue: (sequence: number) => void,
  ) {
    this.#queues = queues;
    this.#completion = completion;
    this.#issue = issue;
  }

  /** Takes a turn for each key. */
  take(keys: readonly Key[], encoder: KeyEncoder): void {
    const queues = this.#queues;
    this.#missingCount = keys.length;
    try {
      for (const key of keys) {
        const turn = new CommitTurn(this);
        this.#turns.push(turn);
        encoder.encode(key);
        queues.add(encoder, turn);
      }
    } catch (error) {
      // The queues are full: what was added is over when its turn comes.
      this.#turns.pop();
      this.#end((sequence) => queues.client.end(sequence));
      throw error;
    }
  }

  /** A turn has come to the front; returns whether the commit has been issued. */
  arrive(turn: CommitTurn): boolean {
    if (!turn.hasArrived) {
      turn.hasArrived = true;
      this.#missingCount -= 1;
    }
    if (!this.#hasEnded && this.#missingCount === 0) {
      this.#end((sequence) => this.#issueNow(sequence));
    }
    return this.#hasEnded;
  }

  /** Executes what the other turns wait for. */
  block(): void {
    for (const turn of this.#turns) {
      if (!turn.hasArrived) this.#queues.settle(turn.queue.key, true);
    }
  }

  /** Ends all turns without the commit. */
  fail(error: DinomoError): void {
    if (this.#hasEnded) return;
    this.#end((sequence) => {
      this.#completion.fail(error);
      this.#queues.client.end(sequence);
    });
  }

  /**
   * Ends the commit's part in the queues.
   *
   * @param act takes the sequence of the first turn, which goes on as the commit's, or is ended
   */
  #end(act: (sequence: number) => void): void {
    this.#hasEnded = true;
    for (const [i, { sequence }] of this.#turns.entries()) {
      if (i === 0) act(sequence);
      else this.#queues.client.end(sequence);
    }
    for (const turn of this.#turns) turn.queue.wake();
  }

  #issueNow(sequence: number): void {
    try {
      this.#issue(sequence);
    } catch (error) {
      this.#queues.client.end(sequence);
      this.#completion.fail(error);
    }
  }
}

/** Whether one of some keys has a queue. */
export function hasQueue(
  queues: KeyQueues,
  keys: readonly Key[],
  encoder: KeyEncoder,
): boolean {
  return keys.some((key) => {
    encoder.encode(key);
    return queues.find(encoder) !== undefined;
  });
}

/** The turn in one queue. */
class CommitTurn extends Turn {
  hasArrived = false;
  readonly #turns: CommitTurns;

  constructor(turns: CommitTurns) {
    super();
    this.#turns = turns;
  }

  override advance(): boolean {
    return this.#turns.arrive(this);
  }

  override block(): void {
    this.#turns.block();
  }

  override fail(error: DinomoError): void {
    this.#turns.fail(error);
  }
}
