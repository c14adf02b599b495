/**
 * Requests from the moment at which they have a place in a ring until they have ended.
 *
 * Completions come in the order of the requests of a ring. One that was refused (MOVED) is held, to
 * be sent again: it can not be followed by an accepted one of the same slot, because all in flight
 * carry the same, outdated owner word (I4). What becomes of requests to a KN that is
 * retired (I5): retired_requests.ts.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import type { DinomoError } from "../core/errors.ts";
import { GROUP_REQUESTS_MAX } from "../core/limits.ts";
import { RECORD_REQUEST_POSITION } from "../log/record_layout.ts";
import { isAsleep, wake } from "../node/idle_strategy.ts";
import { durabilityWord, syncsAlways } from "../pool/durability.ts";
import type { Pool } from "../pool/pool.ts";
import { RING_FULL } from "../rings/request_producer.ts";
import {
  COMPLETION_ADDRESS,
  COMPLETION_STATUS,
  COMPLETION_VERSION_HIGH,
  COMPLETION_VERSION_LOW,
  REQUEST_LENGTH,
  REQUEST_OWNER_WORD,
  REQUEST_RECORD,
  Status,
  statusOf,
} from "../rings/ring_layout.ts";
import { type Completion, type HeldRequest, unavailable } from "./completions.ts";
import type { HeldSlots } from "./held_slots.ts";
import type { LargeValues } from "./large_values.ts";
import type { NodeConnection } from "./node_connection.ts";
import type { PendingOperations } from "./pending_operations.ts";
import { RetiredRequests } from "./retired_requests.ts";
import type { Router } from "./router.ts";

/**
 * Requests after which a burst is published although the tick goes on, so that a KN that is awake
 * can begin. Where each group is synced, that would cost more than it gains.
 */
const PUBLISH_EVERY = 16;

/**
 * Requests in flight up to which a client executes them itself, and leaves a KN asleep: waking a
 * thread takes about as long as executing so many.
 */
const HELP_MAX = 128;

/** The parts of a client that it changes when requests end. */
export interface SentRequestsParts {
  readonly operations: PendingOperations;
  readonly held: HeldSlots;
  readonly router: Router;
  readonly largeValues: LargeValues;
}

/** The requests of one client that have been sent, until they have ended. */
export class SentRequests {
  readonly #pool: Pool;
  readonly #operations: PendingOperations;
  readonly #held: HeldSlots;
  readonly #router: Router;
  readonly #largeValues: LargeValues;
  readonly #retired: RetiredRequests;
  readonly #publishEvery: number;
  #connections: NodeConnection[] = [];

  /** Makes no connection yet. */
  constructor(pool: Pool, parts: SentRequestsParts) {
    this.#pool = pool;
    this.#operations = parts.operations;
    this.#held = parts.held;
    this.#router = parts.router;
    this.#largeValues = parts.largeValues;
    this.#retired = new RetiredRequests(pool);
    this.#publishEvery = syncsAlways(pool) ? GROUP_REQUESTS_MAX : PUBLISH_EVERY;
  }

  /** The open connections. */
  get connections(): readonly NodeConnection[] {
    return this.#connections;
  }

  /** Adds the connection to a KN that has started. */
  connect(connection: NodeConnection): void {
    this.#router.connect(connection);
    this.#connections = [...this.#connections, connection];
  }

  /** Removes the connection to a KN that owns nothing any more, and has answered everything. */
  disconnect(connection: NodeConnection): void {
    this.#router.disconnect(connection);
    this.#connections = this.#connections.filter((other) => other !== connection);
  }

  /** Takes leave of a KN that answers nothing any more: see `Client.retire`. */
  retire(connection: NodeConnection): void {
    this.disconnect(connection);
    this.#takeCompletions(connection);
    this.#retired.take(connection);
    this.#settleRetired();
  }

  /** Lets go of all rings. */
  close(): void {
    this.#connections = [];
    this.#router.close();
  }

  /** Claims space in a ring for a routed request; returns where, or RING_FULL. */
  claim(
    connection: NodeConnection,
    slot: Slot,
    sequence: number,
    length: number,
    completion: Completion,
  ): number {
    const { producer } = connection;
    const isBurst = producer.inFlightCount % this.#publishEvery === 0 && producer.hasUnpublished;
    if (isBurst) this.#publishBurst(connection);
    const at = producer.claim(length);
    if (at === RING_FULL) return at;
    const index = producer.newestIndex;
    connection.slots[index] = slot;
    connection.sequences[index] = sequence;
    connection.completions[index] = completion;
    this.#router.noteSent(slot);
    this.#operations.sentCount += 1;
    producer.words[at + REQUEST_OWNER_WORD] = this.#router.wordOf(slot);
    producer.words[at + REQUEST_RECORD + RECORD_REQUEST_POSITION] = producer.claimedCount;
    return at;
  }

  /** Has everything executed, or publishes it and wakes the KNs that sleep. */
  publish(): void {
    for (const connection of this.#connections) {
      if (connection.producer.hasUnpublished) this.#handOver(connection);
    }
  }

  /** Executes what is in flight, as far as it can be done in this thread. */
  help(): void {
    for (const connection of this.#connections) {
      if (connection.producer.inFlightCount > 0) connection.help();
    }
  }

  /** Whether requests may soon have to wait for space in a ring. */
  get isCrowded(): boolean {
    for (const { producer } of this.#connections) if (producer.isCrowded) return true;
    return false;
  }

  /** A connection with requests in flight. */
  findBusy(): NodeConnection | undefined {
    return this.#connections.find((other) => other.producer.inFlightCount !== 0);
  }

  /** Settles what has ended; returns how many requests. */
  settle(): number {
    let settled = this.#retired.count === 0 ? 0 : this.#settleRetired();
    for (const connection of this.#connections) settled += this.#takeCompletions(connection);
    return settled;
  }

  /** Lets go of all rings, and fails every request. */
  failAll(error: DinomoError): void {
    const connections = this.#connections;
    this.close();
    for (const connection of connections) {
      const { producer } = connection;
      while (producer.inFlightCount !== 0) {
        const index = producer.oldestIndex;
        const completion = connection.completions[index];
        connection.completions[index] = undefined;
        producer.settle();
        this.#noteEnd(connection.slots[index] as Slot);
        completion?.fail(error);
      }
    }
    for (const request of this.#retired.takeAll()) {
      this.#noteEnd(request.slot);
      request.completion.fail(error);
    }
  }

  /**
   * Publishes what a ring has when there are many requests, for a KN that is awake, or is worth
   * waking. Another request follows: so there is something left at the end of the tick, by which
   * this thread comes to execute them all if the KN does not.
   */
  #publishBurst({ producer, agentAt }: NodeConnection): void {
    const { control } = this.#pool;
    if (producer.inFlightCount < HELP_MAX && isAsleep(control, agentAt)) return;
    producer.publish();
    wake(control, agentAt);
  }

  /** Has requests executed: by this thread, if they are few, or by the KN's. */
  #handOver(connection: NodeConnection): void {
    const { producer } = connection;
    if (producer.inFlightCount <= HELP_MAX) {
      while (connection.help() > 0 && producer.unansweredCount > 0);
    }
    if (producer.hasUnpublished) producer.publish();
    if (producer.unansweredCount === 0) return;
    connection.start?.();
    wake(this.#pool.control, connection.agentAt);
  }

  #takeCompletions(connection: NodeConnection): number {
    const { producer } = connection;
    let count = 0;
    while (producer.hasCompletion()) {
      const at = producer.completionAt();
      const words = producer.words;
      const status = statusOf(words[at + COMPLETION_STATUS]);
      const index = producer.oldestIndex;
      const completion = connection.completions[index]!;
      const slot = connection.slots[index] as Slot;
      connection.completions[index] = undefined;
      if (status === Status.MOVED) {
        this.#takeBack(connection, index, completion);
      } else {
        completion.settle(
          status,
          this.#detailOf(status, words[at + COMPLETION_ADDRESS]),
          words[at + COMPLETION_VERSION_LOW],
          words[at + COMPLETION_VERSION_HIGH],
          words,
          producer.oldestRequestAt(),
        );
        if (completion.restart === undefined) this.#operations.noteEnd(connection.sequences[index]);
      }
      producer.settle();
      this.#noteEnd(slot);
      count += 1;
    }
    return count;
  }

  /**
   * Settles requests to retired KNs, or holds them again, as far as that is decided; returns how
   * many.
   */
  #settleRetired(): number {
    const decided = this.#retired.takeDecided();
    for (const request of decided) {
      const { slot, sequence, words, completion, answer } = request;
      if (answer === "unknown") {
        this.#operations.fail(request, unavailable("may or may not have been made"));
      } else if (answer === "none") {
        this.#holdAgain({ slot, sequence, words, completion });
      } else {
        this.#largeValues.disown(words);
        const { status, address, versionLow, versionHigh } = answer;
        const detail = this.#detailOf(status, address);
        const ring = request.connection.producer.words;
        completion.settle(status, detail, versionLow, versionHigh, ring, request.requestAt);
        if (completion.restart === undefined) this.#operations.noteEnd(sequence);
      }
      this.#noteEnd(slot);
    }
    return decided.length;
  }

  /** What a completion is told beside the status: the address, or why something is not durable. */
  #detailOf(status: number, address: number): number {
    return status === Status.NOT_DURABLE ? durabilityWord(this.#pool) : address;
  }

  /** A request is in flight no longer. */
  #noteEnd(slot: Slot): void {
    this.#operations.sentCount -= 1;
    this.leave(slot);
  }

  /** A slot has one fewer that counts as in flight: a request, or a mark of one. */
  leave(slot: Slot): void {
    if (!this.#router.noteEnd(slot)) return;
    if (this.#held.isHeld(slot)) this.#held.markReady(slot);
    else this.#operations.noteSettled(slot);
  }

  /** Keeps a refused request, to be sent again. */
  #takeBack(connection: NodeConnection, index: number, completion: Completion): void {
    const { producer } = connection;
    const at = producer.oldestRequestAt();
    const words = producer.words.slice(at, at + producer.words[at + REQUEST_LENGTH]);
    const slot = connection.slots[index] as Slot;
    this.#holdAgain({ slot, sequence: connection.sequences[index], words, completion });
  }

  #holdAgain(request: HeldRequest): void {
    this.#held.keep(request.completion.restart ?? request);
  }
}
