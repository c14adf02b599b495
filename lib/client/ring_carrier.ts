/**
 * Carries requests to the KNs of this process, by rings in shared memory.
 *
 * Which ring: router.ts. Completions come in the order of the requests of a ring. What becomes of
 * requests to a KN that is retired (I5): retired_requests.ts.
 *
 * @module
 */
import type { OwnerWord, Slot } from "../core/brands.ts";
import type { DinomoError } from "../core/errors.ts";
import { GROUP_REQUESTS_MAX, SLOT_SHIFT } from "../core/limits.ts";
import {
  FRAME_HEADER_BYTES,
  RECORD_REQUEST_POSITION,
  SEGMENT_HEADER_BYTES,
} from "../log/record_layout.ts";
import { draftWords, RecordWriter } from "../log/record_writer.ts";
import { isAsleep, wake } from "../node/idle_strategy.ts";
import { durabilityWord, isLogged, syncsAlways } from "../pool/durability.ts";
import type { Pool } from "../pool/pool.ts";
import type { RequestProducer } from "../rings/request_producer.ts";
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
import { recordClient } from "../routing/client_registry.ts";
import {
  type Carrier,
  type Lane,
  NO_LANE,
  NO_ROOM,
  NOT_AT_ONCE,
  type RequestEnds,
} from "./carrier.ts";
import {
  type Completion,
  errorOf,
  type HeldRequest,
  type LargeValue,
  unavailable,
} from "./completions.ts";
import { keyOfRequest, type KeyPlace } from "./key_place.ts";
import { LargeValues } from "./large_values.ts";
import { type NodeConnection, OwnPut } from "./node_connection.ts";
import type { RequestDraft } from "./request_draft.ts";
import { RetiredRequests } from "./retired_requests.ts";
import { Router } from "./router.ts";
import type { SlotsInFlight } from "./slots_in_flight.ts";

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
/**
 * Words of the longest record that a thread puts itself: of longer ones a request takes little
 * more.
 */
const OWN_WORDS_MAX = 1024;

/** The rings of one client. */
export class RingCarrier implements Carrier {
  readonly sharesWrites: boolean;
  readonly #pool: Pool;
  readonly #ends: RequestEnds;
  readonly #waitSync: (producer: RequestProducer | undefined) => void;
  readonly #router: Router;
  readonly #largeValues: LargeValues;
  readonly #retired: RetiredRequests;
  readonly #publishEvery: number;
  #connections: NodeConnection[] = [];
  /** The connection of the request that was claimed last. */
  #newest!: NodeConnection;
  #requestWordsMax = 0;
  readonly #inFlight: SlotsInFlight;
  readonly #records: RecordWriter;
  /** The record of a put that is made at once. */
  readonly #record = new Int32Array(OWN_WORDS_MAX);
  readonly #recordBytes = new Uint8Array(this.#record.buffer);
  /** Words of the longest record that this thread puts itself: a request of it fits a ring. */
  #ownWordsMax = 0;
  /**
   * The connection in whose KN's place this thread has thrown while it put, before it is claimed.
   */
  #failed: NodeConnection | undefined;

  /**
   * Makes no connection yet.
   *
   * @param inFlight the requests that the client has in flight
   * @param ends is told what has ended
   * @param clientId name of the client in records; its place, in that, is by what clients differ in
   *   their choices
   * @param waitSync blocks until a ring may have a completion, or for a short time
   */
  constructor(
    pool: Pool,
    inFlight: SlotsInFlight,
    ends: RequestEnds,
    clientId: number,
    waitSync: (producer: RequestProducer | undefined) => void,
  ) {
    this.#pool = pool;
    this.#inFlight = inFlight;
    this.#records = new RecordWriter(clientId);
    this.#ends = ends;
    this.#waitSync = waitSync;
    this.#router = new Router(pool, inFlight, recordClient(clientId).client);
    this.#largeValues = new LargeValues(pool, ends, clientId);
    this.#retired = new RetiredRequests(pool);
    this.sharesWrites = isLogged(pool);
    this.#publishEvery = syncsAlways(pool) ? GROUP_REQUESTS_MAX : PUBLISH_EVERY;
  }

  get requestWordsMax(): number {
    return this.#requestWordsMax;
  }

  get lane(): Lane {
    return this.#newest;
  }

  /** The open connections. */
  get connections(): readonly NodeConnection[] {
    return this.#connections;
  }

  /** Adds the connection to a KN that has started. */
  connect(connection: NodeConnection): void {
    this.#router.connect(connection);
    this.#connections = [...this.#connections, connection];
    this.#requestWordsMax = connection.producer.requestWordsMax;
    const headerBytes = SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES;
    const segmentWords = (this.#pool.geometry.segmentBytes - headerBytes) / 4;
    const requestWords = this.#requestWordsMax - REQUEST_RECORD;
    this.#ownWordsMax = Math.min(OWN_WORDS_MAX, requestWords, segmentWords);
  }

  /** Removes the connection to a KN that owns nothing any more, and has answered everything. */
  disconnect(connection: NodeConnection): void {
    this.#router.disconnect(connection);
    this.#connections = this.#connections.filter((other) => other !== connection);
  }

  /**
   * Takes leave of a KN that answers nothing any more: requests that it has answered are settled,
   * the others are sent to the owners that their slots have now. Those whose slots it has not let
   * go wait until it does, or are given up.
   */
  retire(connection: NodeConnection): void {
    this.disconnect(connection);
    this.#takeCompletions(connection);
    this.#retired.take(connection);
    this.#settleRetired();
  }

  /** They may be another client's by the time that a poll comes which was scheduled before. */
  close(): void {
    this.#failed = undefined;
    this.#connections = [];
    this.#router.close();
  }

  claim(
    slot: Slot,
    key: KeyPlace,
    sequence: number,
    length: number,
    completion: Completion,
  ): number {
    const connection = this.#failed ?? this.#router.route(slot, key);
    this.#failed = undefined;
    if (connection === undefined) return NO_LANE;
    const { producer } = connection;
    const isBurst = producer.inFlightCount % this.#publishEvery === 0 && producer.hasUnpublished;
    if (isBurst) this.#publishBurst(connection);
    const at = producer.claim(length);
    if (at === RING_FULL) return NO_ROOM;
    this.#newest = connection;
    const index = producer.newestIndex;
    connection.slots[index] = slot;
    connection.sequences[index] = sequence;
    connection.completions[index] = completion;
    producer.words[at + REQUEST_OWNER_WORD] = this.#router.wordOf(slot);
    producer.words[at + REQUEST_RECORD + RECORD_REQUEST_POSITION] = producer.claimedCount;
    return at;
  }

  putAtOnce(draft: RequestDraft): number {
    const { key } = draft;
    const slot = (key.hash >>> SLOT_SHIFT) as Slot;
    if (this.#inFlight.isPending(slot)) return NOT_AT_ONCE;
    const length = draftWords(draft);
    if (length > this.#ownWordsMax) return NOT_AT_ONCE;
    const connection = this.#router.route(slot, key);
    if (connection === undefined) return NOT_AT_ONCE;
    const { producer, putAtOnce } = connection;
    if (putAtOnce === undefined || producer.inFlightCount !== 0) return NOT_AT_ONCE;
    const routedBy = this.#router.wordOf(slot) as OwnerWord;
    // Not into the log itself, which is memory that can grow: code that writes into both kinds is
    // slower for each.
    this.#records.write(draft, this.#record, this.#recordBytes, 0);
    const outcome = putAtOnce(this.#record, length, key, routedBy);
    return this.#isAnswered(outcome, connection) ? this.#takePut(producer) : NOT_AT_ONCE;
  }

  commitAtOnce(slots: readonly Slot[], words: Int32Array, completion: Completion): boolean {
    if (words[REQUEST_LENGTH]! > this.#requestWordsMax || this.isCrowded) return false;
    for (let i = 0; i < slots.length; i++) if (this.#inFlight.isPending(slots[i]!)) return false;
    const slot = slots[0]!;
    const connection = this.#router.route(slot, keyOfRequest(words));
    if (connection === undefined) return false;
    const { producer, commitAtOnce } = connection;
    if (commitAtOnce === undefined || producer.inFlightCount !== 0) return false;
    words[REQUEST_OWNER_WORD] = this.#router.wordOf(slot);
    const isAnswered = this.#isAnswered(commitAtOnce(words), connection);
    return isAnswered && this.#takeCommit(producer, words, completion);
  }

  publish(): void {
    for (const connection of this.#connections) {
      if (connection.producer.hasUnpublished) this.#handOver(connection);
    }
  }

  help(): void {
    for (const connection of this.#connections) {
      if (connection.producer.inFlightCount > 0) connection.help();
    }
  }

  get isFull(): boolean {
    return false;
  }

  get canBlock(): boolean {
    return true;
  }

  get isCrowded(): boolean {
    for (const { producer } of this.#connections) if (producer.isCrowded) return true;
    return false;
  }

  wait(): boolean {
    const busy = this.#connections.find((other) => other.producer.inFlightCount !== 0);
    if (busy !== undefined && busy.help() > 0) return true;
    this.#waitSync(busy?.producer);
    return false;
  }

  /** Waiting does not fail here. */
  withdraw(): void {}

  isGivenUp(slot: Slot): boolean {
    return this.#router.isSlotGivenUp(slot);
  }

  givesUp(words: Int32Array): boolean {
    if (!this.#router.hasCells) return false;
    if (!this.#router.isKeyGivenUp(keyOfRequest(words))) return false;
    this.#largeValues.disown(words);
    return true;
  }

  firstOf(request: HeldRequest, large: LargeValue): HeldRequest {
    return this.#largeValues.reservationOf(request, large);
  }

  settle(): number {
    let settled = this.#retired.count === 0 ? 0 : this.#settleRetired();
    for (const connection of this.#connections) settled += this.#takeCompletions(connection);
    return settled;
  }

  failAll(error: DinomoError): void {
    const connections = this.#connections;
    this.close();
    for (const connection of connections) {
      const { producer } = connection;
      while (producer.inFlightCount !== 0) {
        const index = producer.oldestIndex;
        const completion = connection.completions[index]!;
        connection.completions[index] = undefined;
        producer.settle();
        const slot = connection.slots[index] as Slot;
        this.#ends.fail(slot, connection.sequences[index], completion, error);
      }
    }
    for (const { slot, sequence, completion } of this.#retired.takeAll()) {
      this.#ends.fail(slot, sequence, completion, error);
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
    while (producer.inFlightCount <= HELP_MAX && connection.help() > 0) {
      if (producer.unansweredCount === 0) return;
    }
    if (producer.hasUnpublished) producer.publish();
    if (producer.unansweredCount === 0) return;
    connection.start?.();
    wake(this.#pool.control, connection.agentAt);
  }

  /** Whether what this thread was to make has an answer. */
  #isAnswered(outcome: number, connection: NodeConnection): boolean {
    // It becomes the request whose end tells, also where the slot has another owner by now.
    if (outcome === OwnPut.FAILED) this.#failed = connection;
    return outcome === OwnPut.ANSWERED;
  }

  /** Takes the answer to a put that was made at once: its version. */
  #takePut(producer: RequestProducer): number {
    const at = producer.passOver();
    const { words } = producer;
    const status = statusOf(words[at + COMPLETION_STATUS]);
    if (status !== Status.OK) throw errorOf(status)!;
    return words[at + COMPLETION_VERSION_HIGH] * 2 ** 32 +
      (words[at + COMPLETION_VERSION_LOW] >>> 0);
  }

  /** Settles a commit that was made at once; false if its slot has moved, and it was not made. */
  #takeCommit(producer: RequestProducer, request: Int32Array, completion: Completion): boolean {
    const at = producer.passOver();
    const { words } = producer;
    const status = statusOf(words[at + COMPLETION_STATUS]);
    if (status === Status.MOVED) return false;
    const detail = this.#detailOf(status, words[at + COMPLETION_ADDRESS]);
    completion.settle(status, detail, words[at + COMPLETION_VERSION_LOW], 0, request, 0);
    return true;
  }

  #takeCompletions(connection: NodeConnection): number {
    const { producer } = connection;
    let count = 0;
    let hasCompletion = producer.hasCompletion();
    while (hasCompletion) {
      const at = producer.completionAt();
      const words = producer.words;
      const status = statusOf(words[at + COMPLETION_STATUS]);
      const index = producer.oldestIndex;
      const completion = connection.completions[index]!;
      connection.completions[index] = undefined;
      if (status === Status.MOVED) {
        this.#takeBack(connection, index, completion);
      } else {
        this.#ends.settle(
          connection.slots[index] as Slot,
          connection.sequences[index],
          completion,
          status,
          this.#detailOf(status, words[at + COMPLETION_ADDRESS]),
          words[at + COMPLETION_VERSION_LOW],
          words[at + COMPLETION_VERSION_HIGH],
          words,
          producer.oldestRequestAt(),
        );
      }
      producer.settle();
      count += 1;
      // Those that come meanwhile are taken the next time.
      hasCompletion = producer.hasSeenCompletion;
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
        this.#ends.fail(slot, sequence, completion, unavailable("may or may not have been made"));
      } else if (answer === "none") {
        this.#ends.sendAgain({ slot, sequence, words, completion });
      } else {
        this.#largeValues.disown(words);
        const { status, address, versionLow, versionHigh } = answer;
        const detail = this.#detailOf(status, address);
        const ring = request.connection.producer.words;
        this.#ends.settle(
          slot,
          sequence,
          completion,
          status,
          detail,
          versionLow,
          versionHigh,
          ring,
          request.requestAt,
        );
      }
    }
    return decided.length;
  }

  /** What a completion is told beside the status: the address, or why something is not durable. */
  #detailOf(status: number, address: number): number {
    return status === Status.NOT_DURABLE ? durabilityWord(this.#pool) : address;
  }

  /** Gives a refused request back, to be sent again. */
  #takeBack(connection: NodeConnection, index: number, completion: Completion): void {
    const { producer } = connection;
    const at = producer.oldestRequestAt();
    const words = producer.words.slice(at, at + producer.words[at + REQUEST_LENGTH]);
    const slot = connection.slots[index] as Slot;
    this.#ends.sendAgain({ slot, sequence: connection.sequences[index], words, completion });
  }
}
