/**
 * The order of a client's operations on a key while an update of the key is in progress.
 *
 * A put or a delete is one request, and requests keep their order (router.ts). An update is
 * several: a read, a compare-and-set, and both again if another client was faster. So from its
 * issue until it has ended, everything else that this client issues for the key waits behind it, in
 * a queue of *turns* (I4). Keys without an update in progress have no queue: for them the price is
 * one look at {@linkcode KeyQueues.count}.
 *
 * Turns are taken in the order of their issue. One that is a request is over when the request has
 * been issued, as then the rings keep the order; an update's is over when it has ended. All of them
 * count as pending operations of the client from their issue on, so `flush` and `close` wait for
 * them.
 *
 * A synchronous call executes the turns before it itself (`settle`), by which functions of the
 * application are called. While a queue is being advanced, its key's functions may call the store:
 * a synchronous call for the same key can not wait for the turn that it is part of, and acts at
 * once; the update finds that out by its compare-and-set.
 *
 * Bounded: a client that has issued {@linkcode QUEUED_OPERATIONS_MAX} turns executes the oldest
 * ones itself.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { type DinomoError, ReentrantCallError } from "../core/errors.ts";
import { KeyEncoder } from "../core/key_encoder.ts";
import { HELD_BYTES_MAX, NESTED_CALLS_MAX, QUEUED_OPERATIONS_MAX } from "../core/limits.ts";
import type { Client } from "./client.ts";
import type { Completion } from "./completions.ts";

/** An operation that waits for its turn, or has it. */
export abstract class Turn {
  /** Number of the operation, as the client counts them. */
  sequence = 0;
  /** Bytes that are kept for it. */
  readonly bytes: number = 0;
  /** The queue that it is in. */
  queue!: KeyQueue;
  /** The turn behind it. */
  next: Turn | undefined;

  /** Does what can be done without waiting; returns whether the turn is over. Throws nothing. */
  abstract advance(): boolean;
  /**
   * Waits, in a thread that blocks, for what {@linkcode advance} has stopped at; or gives the turn
   * up.
   */
  abstract block(): void;
  /** Ends it because the store has failed. */
  abstract fail(error: DinomoError): void;
}

/** A turn that is over as soon as it comes. */
export class InstantTurn extends Turn {
  override readonly bytes: number;
  readonly #run: (turn: InstantTurn) => void;
  readonly #fail: (error: unknown) => void;

  /**
   * Makes a turn.
   *
   * @param bytes kept for it
   * @param run issues a request with the turn's sequence, or ends the operation
   * @param fail takes what `run` has thrown, or why it was not called
   */
  constructor(
    bytes: number,
    run: (turn: InstantTurn) => void,
    fail: (error: unknown) => void,
  ) {
    super();
    this.bytes = bytes;
    this.#run = run;
    this.#fail = fail;
  }

  override advance(): boolean {
    try {
      this.#run(this);
    } catch (error) {
      this.#end(error);
    }
    return true;
  }

  override block(): void {
    assert(false, "a turn that is over at once is not waited for");
  }

  override fail(error: DinomoError): void {
    this.#end(error);
  }

  #end(error: unknown): void {
    this.queue.queues.client.end(this.sequence);
    this.#fail(error);
  }
}

/** The turns of one key. */
export class KeyQueue {
  readonly queues: KeyQueues;
  readonly key: KeyEncoder;
  first: Turn | undefined;
  last: Turn | undefined;
  /** Whether a turn is being advanced. */
  isAdvancing = false;
  /**
   * Whether the key was changed by the turn that is being advanced, beside what it is there for.
   */
  isSelfChanged = false;
  #isScheduled = false;

  /** Makes an empty queue for a key. */
  constructor(queues: KeyQueues, key: KeyEncoder) {
    this.queues = queues;
    this.key = key;
  }

  /** Adds a turn at the end. */
  push(turn: Turn): void {
    turn.queue = this;
    if (this.last === undefined) this.first = turn;
    else this.last.next = turn;
    this.last = turn;
  }

  /** Removes the first turn. */
  shift(): void {
    const first = this.first!;
    this.first = first.next;
    first.next = undefined;
    if (this.first === undefined) this.last = undefined;
  }

  /**
   * Has the queue advanced soon: what its first turn has waited for is there. To be called from
   * anywhere.
   */
  wake(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    void soon.then(this.#advance);
  }

  readonly #advance = (): void => {
    this.#isScheduled = false;
    this.queues.advance(this);
  };
}

/** Runs what follows as a microtask, whatever a test has done to `queueMicrotask`. */
const soon = Promise.resolve();

/**
 * Encoders of queues that have ended, which the next ones use: most queues live for one update.
 */
const SPARE_KEYS_MAX = 64;

/** The queues of one client. */
export class KeyQueues {
  /** Turns in all queues: 0 as long as no update is in progress. */
  count = 0;
  /** The client whose operations they are. */
  readonly client: Client;
  /** Queues by the hashes of their keys. */
  readonly #byHash = new Map<number, KeyQueue[]>();
  readonly #spareKeys: KeyEncoder[] = [];
  #bytes = 0;
  #depth = 0;
  #failure: DinomoError | undefined;

  /** Makes no queue yet. */
  constructor(client: Client) {
    this.client = client;
  }

  /** The queue of an encoded key, if there is one. */
  find(key: KeyEncoder): KeyQueue | undefined {
    return this.#byHash.get(key.hash)?.find((queue) => queue.key.equals(key));
  }

  /** Whether an encoded key has a queue. */
  has(key: KeyEncoder): boolean {
    return this.count !== 0 && this.find(key) !== undefined;
  }

  /**
   * Adds the turn of an operation that is issued now.
   *
   * @throws {ReentrantCallError} when the queues are full of what a `change` has issued that is
   *   still running
   */
  add(key: KeyEncoder, turn: Turn): void {
    const isFull = this.count >= QUEUED_OPERATIONS_MAX || this.#bytes > HELD_BYTES_MAX;
    if (isFull && this.#firstIdle() === undefined) {
      throw new ReentrantCallError(
        `change must issue fewer than ${QUEUED_OPERATIONS_MAX} operations on keys that are being updated`,
      );
    }
    turn.sequence = this.client.begin();
    const queue = this.find(key) ?? this.#make(key);
    const isFirst = queue.first === undefined;
    queue.push(turn);
    this.count += 1;
    this.#bytes += turn.bytes;
    // Not at once: `change` is called when its update's caller has gone on, like everything that is
    // asynchronous.
    if (isFirst) queue.wake();
    if (isFull) this.#settle(this.#firstIdle()!);
  }

  /**
   * Issues an operation that is one request: at once, or, if the key has a queue, in its turn.
   *
   * @param completion takes the reason if it cannot be issued later on
   * @param bytes kept for it meanwhile
   * @param issue issues the request for the key that it is given, with its sequence, or with 0 for
   *   one that has not begun before
   */
  issue(
    key: KeyEncoder,
    completion: Completion,
    bytes: number,
    issue: (key: KeyEncoder, sequence: number) => void,
  ): void {
    if (!this.has(key)) return issue(key, 0);
    const run = ({ queue, sequence }: Turn) => issue(queue.key, sequence);
    this.add(key, new InstantTurn(bytes, run, (error) => completion.fail(error as DinomoError)));
  }

  /** Resolves when the operations that wait have been issued for an encoded key. */
  whenTurnComes(key: KeyEncoder): Promise<void> {
    if (!this.has(key)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const run = ({ sequence }: Turn) => {
        this.client.end(sequence);
        resolve();
      };
      this.add(key, new InstantTurn(0, run, reject));
    });
  }

  /**
   * Executes everything that has been issued for an encoded key before, if it has a queue; for a
   * synchronous operation.
   *
   * @param isChange whether the operation changes the key
   * @throws {ReentrantCallError} when such calls are nested too deeply
   */
  settle(key: KeyEncoder, isChange: boolean): void {
    const queue = this.find(key);
    if (queue === undefined) return;
    if (!queue.isAdvancing) this.#settle(queue);
    else if (isChange) queue.isSelfChanged = true;
  }

  /** The same for every key with a queue. */
  settleAll(isChange: boolean): void {
    for (const queue of [...this.#byHash.values()].flat()) {
      if (!queue.isAdvancing) this.#settle(queue);
      else if (isChange) queue.isSelfChanged = true;
    }
  }

  /** Takes turns as long as they do not have to wait. */
  advance(queue: KeyQueue): void {
    if (queue.isAdvancing) return;
    queue.isAdvancing = true;
    try {
      for (let turn = queue.first; turn !== undefined; turn = queue.first) {
        if (this.#failure !== undefined) turn.fail(this.#failure);
        else if (!turn.advance()) return;
        this.#shift(queue);
      }
    } finally {
      queue.isAdvancing = false;
      this.#removeIfEmpty(queue);
    }
  }

  /** Takes the first turn away, which has given itself up, and lets the next one begin. */
  giveUp(turn: Turn): void {
    const { queue } = turn;
    assert(queue.first === turn, "the turn that is given up is the first one");
    this.#shift(queue);
    if (!this.#removeIfEmpty(queue)) queue.wake();
  }

  /** Fails all turns, and those that are still to come. */
  failAll(error: DinomoError): void {
    this.#failure ??= error;
    for (const queue of [...this.#byHash.values()].flat()) this.advance(queue);
  }

  #settle(queue: KeyQueue): void {
    if (this.#depth === NESTED_CALLS_MAX) {
      throw new ReentrantCallError(
        `change must not update keys that wait for each other, got ${NESTED_CALLS_MAX} synchronous calls within updates within each other`,
      );
    }
    this.#depth += 1;
    try {
      // What `change` functions issue meanwhile comes after the call that waits here.
      const { sequence } = queue.last!;
      for (let turn = queue.first; turn && turn.sequence <= sequence; turn = queue.first) {
        this.advance(queue);
        if (queue.first === turn) turn.block();
      }
    } finally {
      this.#depth -= 1;
    }
  }

  #firstIdle(): KeyQueue | undefined {
    for (const queues of this.#byHash.values()) {
      const idle = queues.find((queue) => !queue.isAdvancing);
      if (idle !== undefined) return idle;
    }
    return undefined;
  }

  #make(key: KeyEncoder): KeyQueue {
    const own = this.#spareKeys.pop() ?? new KeyEncoder(0, 0);
    own.copy(key);
    const queue = new KeyQueue(this, own);
    const others = this.#byHash.get(own.hash);
    if (others === undefined) this.#byHash.set(own.hash, [queue]);
    else others.push(queue);
    return queue;
  }

  #shift(queue: KeyQueue): void {
    this.count -= 1;
    this.#bytes -= queue.first!.bytes;
    queue.shift();
  }

  #removeIfEmpty(queue: KeyQueue): boolean {
    if (queue.first !== undefined) return false;
    const others = this.#byHash.get(queue.key.hash);
    const at = others?.indexOf(queue) ?? -1;
    if (at === -1) return true;
    others!.splice(at, 1);
    if (others!.length === 0) this.#byHash.delete(queue.key.hash);
    if (this.#spareKeys.length < SPARE_KEYS_MAX) this.#spareKeys.push(queue.key);
    return true;
  }
}
