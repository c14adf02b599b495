/**
 * The client: routes requests to the KNs that own their slots, and settles them.
 *
 * Order (I4). For one slot, this client has requests in flight only under one owner word, hence in one ring, whose KN
 * executes them in order. As soon as the owner table shows another word, or a request has come back refused,
 * everything for the slot is held until the last request in flight has ended; then refused and held ones are sent in
 * the order in which they were issued. A refused request can not be followed by an accepted one of the same slot, because
 * all in flight carry the same, outdated owner word.
 *
 * A key that several KNs own is routed by the word of its cell (routing/cells.ts), to any of its owners. It stays within the order of its
 * slot: as long as anything of the slot is in flight, requests go to the same owner by the same word, or are held. When nothing
 * is, the next owner is chosen. So the order is also kept when a key gets a cell or loses it; and requests that follow each other are
 * spread over the owners, as are those of different clients.
 *
 * A KN that has failed or was retired is *departed* from (I5): retired_requests.ts.
 *
 * Reads are one-sided and need no KN. A read of a slot for which this client still has requests in flight waits for
 * them, so that a program sees its own writes in the order in which it issued them.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { OwnerWord, PoolAddress, Slot } from "../core/brands.ts";
import { type DinomoError, ValueTooLargeError } from "../core/errors.ts";
import type { KeyEncoder } from "../core/key_encoder.ts";
import { GROUP_REQUESTS_MAX, HELD_BYTES_MAX, SLOT_COUNT, SLOT_SHIFT } from "../core/limits.ts";
import {
  FLAG_BINARY_KEY,
  FLAG_EXPIRES,
  FRAME_HEADER_BYTES,
  metaKeyBytes,
  metaKind,
  packMeta,
  RECORD_CLIENT,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_REQUEST_POSITION,
  RECORD_VALUE_BYTES,
  RecordKind,
  recordWords,
  SEGMENT_HEADER_BYTES,
  valueWord,
} from "../log/record_layout.ts";
import { wake } from "../node/idle_strategy.ts";
import { durabilityWord, syncsAlways } from "../pool/durability.ts";
import { isFar } from "../pool/placement.ts";
import type { Pool } from "../pool/pool.ts";
import { RING_FULL } from "../rings/request_producer.ts";
import {
  COMPLETION_ADDRESS,
  COMPLETION_STATUS,
  COMPLETION_VERSION_HIGH,
  COMPLETION_VERSION_LOW,
  Condition,
  conditionOf,
  mustSyncOf,
  Operation,
  operationOf,
  packOperation,
  REQUEST_ARGUMENT,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_OWNER_WORD,
  REQUEST_RECORD,
  Status,
  statusOf,
} from "../rings/ring_layout.ts";
import { REPAIR_WANTED } from "../pool/control_layout.ts";
import { cellsEnd, chooseOwner, findRoute, isCellWord, NO_ROUTE } from "../routing/cells.ts";
import { NO_RECORD_CLIENT, recordClient } from "../routing/client_registry.ts";
import { NO_NODE } from "../routing/node_directory.ts";
import { HOLDER_MASK, loadOwner, LOCK_POLLS_MAX, MOVING, ownerOf } from "../routing/ownership.ts";
import { type ClientWaiter, PollResult } from "./client_waiter.ts";
import { DepartedRequests } from "./retired_requests.ts";
import { FlushWaiters } from "./flush_waiters.ts";
import { HeldSlots } from "./held_slots.ts";
import type { NodeConnection } from "./node_connection.ts";
import type { RequestProbe } from "./request_probe.ts";
import {
  NO_VALUE,
  type RequestDraft,
  requestLength,
  RequestWriter,
  type ValueBytes,
} from "./request_writer.ts";

import { type Completion, type HeldRequest, type LargeValue, unavailable } from "./completions.ts";

/**
 * Requests after which a burst is published although the tick goes on, so that the KN can begin. Where each group is synced, that
 * would cost more than it gains.
 */
const PUBLISH_EVERY = 16;

/** Requests in flight up to which a client executes them itself: more are worth a thread of their own. */
const HELP_MAX = 32;

/** What a client is made of. */
export interface ClientOptions {
  readonly pool: Pool;
  /** Number of this client, for the records it causes. */
  readonly clientId: number;
  /** Decides how to wait; the tests' waiter runs the KNs instead. */
  readonly waiter: ClientWaiter;
  /** Called once per flush; starts upkeep when the pool asks for it. */
  readonly onFlush: () => void;
  /** Called while this thread blocks; fails the requests of a KN that will not answer. */
  readonly onBlocked: () => void;
  /** Called before completions are looked for: connects KNs that are new, and departs from those that are gone. */
  readonly onPoll?: () => void;
  /** Measures requests, if there are statistics. */
  readonly probe?: RequestProbe | undefined;
}

/** A key: its hash, and its bytes as words, zero-padded, from an index. A `KeyEncoder` is one. */
interface KeyPlace {
  readonly hash: number;
  readonly words: Int32Array;
  readonly start: number;
  readonly byteLength: number;
}

/** Sends requests and settles them; one per thread. */
export class Client {
  readonly #pool: Pool;
  readonly #writer: RequestWriter;
  readonly #waiter: ClientWaiter;
  readonly #onFlush: () => void;
  readonly #onBlocked: () => void;
  #onPoll: () => void;
  /** Connections by KN identity, and the same as a list. */
  readonly #byNode: (NodeConnection | undefined)[] = [];
  #connections: NodeConnection[] = [];
  /** Per slot: requests in flight, and the owner word they were sent under. */
  readonly #inFlight: Int32Array = new Int32Array(SLOT_COUNT);
  readonly #sentUnder: Int32Array = new Int32Array(SLOT_COUNT);
  /** Per slot: the KN that they were sent to, if they were routed by a cell. */
  readonly #sentTo: Int16Array = new Int16Array(SLOT_COUNT);
  /** Whether keys may have cells. */
  readonly #isFar: boolean;
  /** Counts the choices of an owner. */
  #choices: number;
  /** Per slot: 1 while requests must be held. */
  readonly #isHeld: Uint8Array = new Uint8Array(SLOT_COUNT);
  readonly #held: HeldSlots = new HeldSlots();
  readonly #flushes: FlushWaiters = new FlushWaiters();
  readonly #departed: DepartedRequests;
  readonly #probe: RequestProbe | undefined;
  #inFlightTotal = 0;
  /** Operations that have begun, and are not requests yet or any more. */
  #openCount = 0;
  /** Why every request has been failed, and each that comes later is. */
  #failure: DinomoError | undefined;
  #isFlushScheduled = false;
  #isPumping = false;
  readonly #publishEvery: number;
  #requestWordsMax = 0;
  #sequence = 0;
  #claimedAt = 0;

  /** Makes a client without connections. */
  constructor(options: ClientOptions) {
    this.#pool = options.pool;
    this.#writer = new RequestWriter(options.clientId);
    this.#isFar = isFar(this.#pool);
    this.#choices = recordClient(options.clientId).client;
    this.#waiter = options.waiter;
    this.#publishEvery = syncsAlways(this.#pool) ? GROUP_REQUESTS_MAX : PUBLISH_EVERY;
    this.#onFlush = options.onFlush;
    this.#onBlocked = options.onBlocked;
    this.#onPoll = options.onPoll ?? (() => {});
    this.#departed = new DepartedRequests(options.pool);
    this.#probe = options.probe;
  }

  /** Requests that have not ended, held ones included, and operations that have begun. */
  get pendingCount(): number {
    return this.#inFlightTotal + this.#held.count + this.#openCount;
  }

  /** The open connections. */
  get connections(): readonly NodeConnection[] {
    return this.#connections;
  }

  /** Adds the connection to a KN that has started. */
  connect(connection: NodeConnection): void {
    this.#byNode[connection.nodeId] = connection;
    this.#connections = [...this.#connections, connection];
    this.#requestWordsMax = connection.producer.requestWordsMax;
  }

  /** Removes the connection to a KN that owns nothing any more, and has answered everything. */
  disconnect(connection: NodeConnection): void {
    this.#byNode[connection.nodeId] = undefined;
    this.#connections = this.#connections.filter((other) => other !== connection);
  }

  /**
   * Takes leave of a KN that answers nothing any more: requests that it has answered are settled, the others are sent to
   * whoever owns their slots now. Those whose slots it has not let go wait until it does, or are given up.
   */
  depart(connection: NodeConnection): void {
    this.disconnect(connection);
    this.#takeCompletions(connection);
    this.#departed.take(connection);
    this.#settleDeparted();
  }

  /** Whether this client has requests for a slot that have not ended. */
  isSlotPending(slot: Slot): boolean {
    return this.#inFlight[slot] !== 0 || this.#isHeld[slot] !== 0;
  }

  /**
   * Issues a put of an encoded key; it is published at the end of the tick at the latest.
   *
   * @param expiresAtMs in milliseconds since the epoch, or Infinity
   * @param condition one of `Condition`
   * @param expectedVersion for `Condition.VERSION`
   * @param mustSync whether it is answered only when it is on the disk
   * @param sequence of the operation, if it has begun before ({@linkcode begin}); it is this request from now on
   * @throws {ValueTooLargeError} when the record would not fit a segment; nothing has been issued then
   */
  put(
    key: KeyEncoder,
    value: ValueBytes,
    expiresAtMs: number,
    condition: number,
    expectedVersion: number,
    completion: Completion,
    mustSync = false,
    sequence = 0,
  ): void {
    const flags = (key.isBinary ? FLAG_BINARY_KEY : 0) |
      (expiresAtMs !== Infinity ? FLAG_EXPIRES : 0);
    const meta = packMeta(key.byteLength, RecordKind.PUT, flags);
    const operation = packOperation(Operation.PUT, condition, mustSync);
    const draft = { operation, meta, key, value, expiresAtMs, expectedVersion };
    this.#issue(draft, completion, sequence);
  }

  /** Issues a delete of an encoded key. */
  delete(key: KeyEncoder, completion: Completion, sequence = 0): void {
    const meta = packMeta(key.byteLength, RecordKind.DELETE, key.isBinary ? FLAG_BINARY_KEY : 0);
    const operation = packOperation(Operation.DELETE, Condition.NONE);
    const value = NO_VALUE;
    const draft = { operation, meta, key, value, expiresAtMs: Infinity, expectedVersion: 0 };
    this.#issue(draft, completion, sequence);
  }

  /**
   * Issues a read of an encoded key, for a far pool: the slot's owner reads it. It sees what has been issued before for the
   * slot, and nothing that is issued later. Ends with FOUND, FOUND_STAGED or UNMET, or without the value with OK or UNMET.
   */
  get(key: KeyEncoder, withValue: boolean, completion: Completion, sequence = 0): void {
    const meta = packMeta(key.byteLength, RecordKind.DELETE, key.isBinary ? FLAG_BINARY_KEY : 0);
    const operation = packOperation(withValue ? Operation.GET : Operation.HAS, Condition.NONE);
    const value = NO_VALUE;
    const draft = { operation, meta, key, value, expiresAtMs: Infinity, expectedVersion: 0 };
    this.#issue(draft, completion, sequence);
  }

  /**
   * Begins an operation that is not a request yet. It counts as pending until {@linkcode end}, or until it has become a request and
   * that has ended.
   *
   * @returns its number
   */
  begin(): number {
    this.#openCount += 1;
    return ++this.#sequence;
  }

  /** Ends an operation that has begun and is no request. */
  end(sequence: number): void {
    this.#flushes.noteEnd(sequence);
    this.#leaveOpen();
  }

  #leaveOpen(): void {
    this.#openCount -= 1;
    if (this.pendingCount === 0) this.#held.notifyIdle();
  }

  /** Issues the deletion of every key of a slot. */
  clearSlot(slot: Slot, completion: Completion): void {
    this.#issueForSlot(Operation.CLEAR_SLOT, slot, completion);
  }

  /** Waits, for a far pool, until everything of a slot that has been issued before is in the index. */
  mergeSlot(slot: Slot, completion: Completion): void {
    this.#issueForSlot(Operation.MERGE_SLOT, slot, completion);
  }

  #issueForSlot(operation: number, slot: Slot, completion: Completion): void {
    const meta = packMeta(0, RecordKind.CLEAR, 0);
    const length = REQUEST_RECORD + recordWords(meta, 0);
    const words = new Int32Array(length);
    words[REQUEST_LENGTH] = length;
    words[REQUEST_OPERATION] = packOperation(operation, Condition.NONE);
    words[REQUEST_ARGUMENT] = slot;
    words[REQUEST_RECORD + RECORD_META] = meta;
    words[REQUEST_RECORD + RECORD_HASH] = slot << SLOT_SHIFT;
    const request = { slot, sequence: ++this.#sequence, words, completion };
    if (!this.#send(request)) this.#hold(request);
  }

  /** Publishes everything issued so far, and wakes the KNs that sleep. */
  flush(): void {
    for (const connection of this.#connections) {
      if (connection.producer.hasUnpublished) this.#handOver(connection);
    }
    this.#onFlush();
  }

  /** Settles what has been completed; returns how many requests. */
  poll(): number {
    this.#onPoll();
    let settled = this.#departed.count === 0 ? 0 : this.#settleDeparted();
    for (const connection of this.#connections) settled += this.#takeCompletions(connection);
    if (this.#held.hasReady) this.#pump();
    return settled;
  }

  /** Blocks until `completion` is settled. */
  waitFor(completion: { readonly isSettled: boolean }): void {
    this.flush();
    while (!completion.isSettled) this.#wait();
  }

  /** Blocks until nothing of a slot is pending. */
  settleSlot(slot: Slot): void {
    this.flush();
    while (this.isSlotPending(slot)) this.#wait();
  }

  /** Resolves when nothing of a slot is pending. */
  whenSlotSettled(slot: Slot): Promise<void> {
    if (!this.isSlotPending(slot)) return Promise.resolve();
    this.#scheduleFlush();
    return this.#held.whenSettled(slot);
  }

  /** Resolves when nothing at all is pending. */
  whenIdle(): Promise<void> {
    if (this.pendingCount === 0) return Promise.resolve();
    this.#scheduleFlush();
    return this.#held.whenIdle();
  }

  /** Resolves when every operation issued until now has ended, whatever is issued in the meantime. */
  whenIssuedEnded(): Promise<void> {
    if (this.pendingCount === 0) return Promise.resolve();
    this.#scheduleFlush();
    return this.#flushes.add(this.#sequence, this.pendingCount);
  }

  /**
   * Lets go of all rings: nothing is taken from them any more, nor does anybody connect or depart. They may be another client's by the
   * time that a poll comes which was scheduled before.
   */
  close(): void {
    this.#onPoll = () => {};
    this.#connections = [];
    this.#byNode.length = 0;
  }

  /**
   * Fails every request that has not ended, and those that come later: the KNs will not answer any more, or what they still complete
   * is not taken.
   */
  failAll(error: DinomoError): void {
    this.#failure ??= error;
    const connections = this.#connections;
    this.close();
    for (const connection of connections) {
      const { producer } = connection;
      while (producer.inFlightCount !== 0) {
        const index = producer.oldestIndex;
        const completion = connection.completions[index];
        connection.completions[index] = undefined;
        producer.settle();
        this.#endRequest(connection.slots[index] as Slot);
        completion?.fail(error);
      }
    }
    for (const request of this.#departed.takeAll()) {
      this.#endRequest(request.slot);
      request.completion.fail(error);
    }
    for (const request of this.#held.takeAll()) request.completion.fail(error);
    this.#isHeld.fill(0);
    this.#flushes.resolveAll();
    this.#held.notifyIdle();
  }

  /** The connection to send a slot's request by, or undefined when it has to be held. */
  #route(slot: Slot, key: KeyPlace): NodeConnection | undefined {
    if (this.#isHeld[slot] !== 0) return undefined;
    let word = loadOwner(this.#pool, slot);
    if ((word & HOLDER_MASK) === MOVING) {
      word = this.#waitForMove(slot);
      if ((word & HOLDER_MASK) === MOVING) return undefined;
    }
    // Afterwards: that the key has no cell holds as long as the word.
    if (this.#isFar && cellsEnd(this.#pool) !== 0) {
      const { hash, words, start, byteLength } = key;
      const route = findRoute(this.#pool, hash, words, start, byteLength);
      if (route !== NO_ROUTE) return this.#routeByCell(slot, route);
    }
    if (this.#inFlight[slot] !== 0 && this.#sentUnder[slot] !== word) return undefined;
    const connection = this.#byNode[ownerOf(word)];
    if (connection === undefined) return undefined;
    this.#sentUnder[slot] = word;
    return connection;
  }

  /**
   * The owner word of a slot that moves. The M-node marks a slot for the microseconds in which it swaps the lock word, so this waits,
   * but not for long: the M-node's thread may have ended just then.
   */
  #waitForMove(slot: Slot): OwnerWord {
    for (let i = 0; i < LOCK_POLLS_MAX; i++) {
      const word = loadOwner(this.#pool, slot);
      if ((word & HOLDER_MASK) !== MOVING) return word;
    }
    return loadOwner(this.#pool, slot);
  }

  /** The same for a key that several KNs own, by the word of its cell. */
  #routeByCell(slot: Slot, route: OwnerWord): NodeConnection | undefined {
    if (!isCellWord(route) || (route & HOLDER_MASK) === MOVING) return undefined;
    if (this.#inFlight[slot] !== 0) {
      return this.#sentUnder[slot] === route ? this.#byNode[this.#sentTo[slot]] : undefined;
    }
    const node = chooseOwner(this.#pool, route, this.#choices++);
    const connection = this.#byNode[node];
    if (connection === undefined) return undefined;
    this.#sentUnder[slot] = route;
    this.#sentTo[slot] = node;
    return connection;
  }

  /** Writes a request into the ring of the slot's owner, or holds it. */
  #issue(draft: RequestDraft, caller: Completion, begun: number): void {
    const length = requestLength(draft);
    this.#assertFitsSegment(length - REQUEST_RECORD, draft.value.end - draft.value.start);
    const completion = this.#probe === undefined ? caller : this.#probe.watch(draft.key, caller);
    const slot = (draft.key.hash >>> SLOT_SHIFT) as Slot;
    this.#issueAs(begun === 0 ? ++this.#sequence : begun, slot, length, draft, completion);
    if (begun !== 0) this.#leaveOpen();
  }

  #issueAs(
    sequence: number,
    slot: Slot,
    length: number,
    draft: RequestDraft,
    completion: Completion,
  ): void {
    assert(this.#requestWordsMax > 0, "a client has been connected before it is used");
    if (length > this.#requestWordsMax) {
      const bytes = new Uint8Array(draft.value.bytes.subarray(draft.value.start, draft.value.end));
      const words = this.#writer.copyWithoutValue(draft);
      return this.#hold({ slot, sequence, words, completion, large: { bytes } });
    }
    const connection = this.#acquire(slot, draft.key, sequence, length, completion);
    if (connection === undefined) {
      return this.#hold({ slot, sequence, words: this.#writer.copy(draft), completion });
    }
    this.#writer.write(draft, connection.producer.words, connection.bytes, this.#claimedAt);
    this.#schedule(connection);
  }

  /**
   * Routes a request and claims ring space for it, at {@linkcode #claimedAt}; blocks while the ring is full.
   *
   * @returns the connection, or undefined when the request has to be held
   */
  #acquire(
    slot: Slot,
    key: KeyPlace,
    sequence: number,
    length: number,
    completion: Completion,
  ): NodeConnection | undefined {
    for (;;) {
      const connection = this.#route(slot, key);
      if (connection === undefined) return undefined;
      const { producer } = connection;
      const at = producer.claim(length);
      if (at !== RING_FULL) {
        const index = producer.newestIndex;
        connection.slots[index] = slot;
        connection.sequences[index] = sequence;
        connection.completions[index] = completion;
        this.#inFlight[slot] += 1;
        this.#inFlightTotal += 1;
        producer.words[at + REQUEST_OWNER_WORD] = this.#sentUnder[slot];
        producer.words[at + REQUEST_RECORD + RECORD_REQUEST_POSITION] = producer.claimedCount;
        this.#claimedAt = at;
        return connection;
      }
      // What is settled meanwhile may change where the slot's requests have to go, so it is routed afresh.
      this.flush();
      this.#wait();
    }
  }

  #schedule(connection: NodeConnection): void {
    if (connection.producer.inFlightCount % this.#publishEvery === 0) {
      connection.producer.publish();
      wake(this.#pool.control, connection.agentAt);
    }
    this.#scheduleFlush();
  }

  /** Sees to it that somebody executes what has been issued: this thread, if it is little, or the KN's. */
  #handOver(connection: NodeConnection): void {
    const { producer } = connection;
    if (producer.inFlightCount <= HELP_MAX) connection.help();
    if (producer.hasUnpublished) producer.publish();
    connection.start?.();
    if (producer.unansweredCount > 0) wake(this.#pool.control, connection.agentAt);
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    this.#waiter.schedule(this.#flushScheduled);
  }

  /** Runs at the end of the tick: publishes, spins for what comes back quickly, leaves the rest to the waiter. */
  readonly #flushScheduled = (): void => {
    this.#isFlushScheduled = false;
    try {
      this.flush();
    } finally {
      if (this.pendingCount > 0) this.#waiter.waitLater(this.#pollPending);
    }
  };

  /** What the waiter calls: settles what it can; returns one of `PollResult`. */
  readonly #pollPending = (mayHelp: boolean): number => {
    let settled = this.poll();
    if (settled === 0 && mayHelp) {
      for (const connection of this.#connections) {
        if (connection.producer.inFlightCount > 0) connection.help();
      }
      settled = this.poll();
    }
    if (this.pendingCount === 0) return PollResult.IDLE;
    // What the settled ones have issued must not wait for the next tick.
    this.flush();
    return settled > 0 ? PollResult.PROGRESS : PollResult.NOTHING;
  };

  /** Settles what has ended; if nothing has, blocks until something may have. */
  #wait(): void {
    const settled = this.poll();
    // Polling may also send what was held, and nobody answers what is not published.
    this.flush();
    if (settled > 0) return;
    const connection = this.#connections.find((other) => other.producer.inFlightCount !== 0);
    if (connection !== undefined && connection.help() > 0) return;
    this.#waiter.waitSync(connection?.producer);
    this.#onBlocked();
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
        );
        if (completion.restart === undefined) this.#flushes.noteEnd(connection.sequences[index]);
      }
      producer.settle();
      this.#endRequest(slot);
      count += 1;
    }
    return count;
  }

  /** Settles departed requests, or sends them again, as far as that is decided; returns how many. */
  #settleDeparted(): number {
    const decided = this.#departed.takeDecided();
    for (const request of decided) {
      const { slot, sequence, words, completion, answer } = request;
      if (answer === "unknown") {
        completion.fail(unavailable("may or may not have been made"));
        this.#flushes.noteEnd(sequence);
      } else if (answer === "none") {
        this.#holdAgain({ slot, sequence, words, completion });
      } else {
        this.#disown(words);
        const { status, address, versionLow, versionHigh } = answer;
        completion.settle(status, this.#detailOf(status, address), versionLow, versionHigh);
        if (completion.restart === undefined) this.#flushes.noteEnd(sequence);
      }
      this.#endRequest(slot);
    }
    return decided.length;
  }

  /** What a completion is told beside the status: the address, or why something is not durable. */
  #detailOf(status: number, address: number): number {
    return status === Status.NOT_DURABLE ? durabilityWord(this.#pool) : address;
  }

  #endRequest(slot: Slot): void {
    this.#inFlightTotal -= 1;
    if (--this.#inFlight[slot] > 0) return;
    if (this.#isHeld[slot] !== 0) this.#held.markReady(slot);
    else if (this.#held.hasWaiters) this.#held.notify(slot, this.pendingCount === 0);
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
    this.#keep(request.completion.restart ?? request);
  }

  /** Keeps a request to be sent later; if there is no later, it fails. */
  #keep(request: HeldRequest): void {
    if (this.#failure !== undefined) {
      request.completion.fail(this.#failure);
      return this.#flushes.noteEnd(request.sequence);
    }
    this.#isHeld[request.slot] = 1;
    this.#held.add(request);
  }

  /** Sends a request that is complete but for its owner word; false when it has to be held. */
  #send(request: HeldRequest): boolean {
    const { slot, sequence, words, completion } = request;
    const key = keyOfRequest(words);
    const connection = this.#acquire(slot, key, sequence, words.length, completion);
    if (connection === undefined) return false;
    const target = connection.producer.words;
    for (let i = REQUEST_OPERATION; i < words.length; i++) {
      if (i !== REQUEST_OWNER_WORD && i !== REQUEST_RECORD + RECORD_REQUEST_POSITION) {
        target[this.#claimedAt + i] = words[i];
      }
    }
    this.#schedule(connection);
    return true;
  }

  #hold(request: HeldRequest): void {
    this.#keep(request);
    if (this.#failure !== undefined) return;
    if (this.#inFlight[request.slot] === 0) this.#held.markReady(request.slot);
    this.#scheduleFlush();
    this.#pump();
    if (this.#held.bytes <= HELD_BYTES_MAX) return;
    this.flush();
    while (this.#held.bytes > HELD_BYTES_MAX) this.#wait();
  }

  /** Sends what was held for slots that have nothing in flight any more. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const ready = this.#held.takeReady();
    try {
      for (const slot of ready) {
        this.#sendHeld(slot);
        ready.delete(slot);
      }
    } finally {
      this.#isPumping = false;
      // If sending has thrown, the rest is still to be sent.
      for (const slot of ready) {
        this.#isHeld[slot] = 1;
        this.#held.markReady(slot);
      }
    }
  }

  #sendHeld(slot: Slot): void {
    this.#isHeld[slot] = 0;
    if (ownerOf(loadOwner(this.#pool, slot)) === NO_NODE) this.#giveUp(slot);
    for (let request = this.#held.next(slot); request; request = this.#held.next(slot)) {
      if (this.#isGivenUp(request)) continue;
      const isSent = request.large
        ? this.#reserveLarge(request, request.large)
        : this.#send(request);
      if (isSent && !request.large) continue;
      // After a reservation everything else waits for its commit. A request that could not be sent waits for those
      // in flight to come back, or for the slot's owner to be connected.
      if (!isSent) this.#keep(request);
      if (this.#failure !== undefined) return;
      this.#isHeld[slot] = 1;
      if (this.#inFlight[slot] === 0) this.#held.markReady(slot);
      return;
    }
    if (this.#inFlight[slot] === 0) this.#held.notify(slot, this.pendingCount === 0);
  }

  /** Refuses what was held for a slot that nobody can write. */
  #giveUp(slot: Slot): void {
    for (let request = this.#held.next(slot); request; request = this.#held.next(slot)) {
      request.completion.fail(unavailable("was not made"));
      this.#flushes.noteEnd(request.sequence);
    }
  }

  /** Refuses a request for a key that nobody can write, while others of its slot can be written. */
  #isGivenUp({ sequence, words, completion }: HeldRequest): boolean {
    if (cellsEnd(this.#pool) === 0) return false;
    const { hash, words: keyWords, start, byteLength } = keyOfRequest(words);
    const route = findRoute(this.#pool, hash, keyWords, start, byteLength);
    if (route === NO_ROUTE || ownerOf(route) !== NO_NODE) return false;
    this.#disown(words);
    completion.fail(unavailable("was not made"));
    this.#flushes.noteEnd(sequence);
    return true;
  }

  /**
   * Sends the reservation of a large value. The slot stays held until the reservation has ended, and the commit is then
   * sent before anything else, so nothing that was issued later can overtake it.
   */
  #reserveLarge(request: HeldRequest, large: LargeValue): boolean {
    const { slot, sequence, completion } = request;
    const words = request.words.slice();
    const condition = conditionOf(words[REQUEST_OPERATION]);
    const mustSync = mustSyncOf(words[REQUEST_OPERATION]);
    words[REQUEST_OPERATION] = packOperation(Operation.RESERVE, Condition.NONE);
    return this.#send({
      slot,
      sequence,
      words,
      completion: {
        restart: request,
        settle: (status, address) => {
          if (status !== Status.OK) {
            completion.settle(status, address, 0, 0);
            return this.#flushes.noteEnd(sequence);
          }
          this.#writeLarge(words, large.bytes, address as PoolAddress);
          const commit = words.slice();
          commit[REQUEST_OPERATION] = packOperation(Operation.COMMIT, condition, mustSync);
          commit[REQUEST_ARGUMENT] = address;
          this.#held.add({ slot, sequence, words: commit, completion });
        },
        fail: (error) => completion.fail(error),
      },
    });
  }

  /**
   * Gives up the reservation of a COMMIT that a KN has answered before it died: whether it has released the reservation, too, is not
   * known. If it has not, the record is still as it was made, and the M-node releases it.
   */
  #disown(request: Int32Array): void {
    if (operationOf(request[REQUEST_OPERATION]) !== Operation.COMMIT) return;
    const address = request[REQUEST_ARGUMENT] as PoolAddress;
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const isMine = metaKind(words[at + RECORD_META]) === RecordKind.RESERVATION &&
      words[at + RECORD_CLIENT] === request[REQUEST_RECORD + RECORD_CLIENT] &&
      words[at + RECORD_HASH] === request[REQUEST_RECORD + RECORD_HASH] &&
      words[at + RECORD_VALUE_BYTES] === request[REQUEST_RECORD + RECORD_VALUE_BYTES];
    if (!isMine) return;
    words[at + RECORD_CLIENT] = NO_RECORD_CLIENT;
    Atomics.store(this.#pool.control, REPAIR_WANTED, 1);
  }

  /** Writes a large value into its reservation, one-sidedly: nothing points at it yet. */
  #writeLarge(words: Int32Array, bytes: Uint8Array, address: PoolAddress): void {
    const meta = words[REQUEST_RECORD + RECORD_META];
    const start = (this.#pool.wordAt(address) + valueWord(meta)) * 4;
    const target = this.#pool.bytesOf(address);
    target.set(bytes, start);
    const end = start + bytes.length;
    target.fill(0, end, (end + 7) & ~7);
  }

  #assertFitsSegment(recordLength: number, valueBytes: number): void {
    const bytesMax = this.#pool.geometry.segmentBytes - SEGMENT_HEADER_BYTES - FRAME_HEADER_BYTES;
    if (recordLength * 4 <= bytesMax) return;
    throw new ValueTooLargeError(
      `value must fit a segment of ${this.#pool.geometry.segmentBytes} bytes together with its key, ` +
        `got a value of ${valueBytes} bytes; raise segmentBytes to store it`,
    );
  }
}

/** Where the key of a request is that is held. */
function keyOfRequest(words: Int32Array): KeyPlace {
  return {
    hash: words[REQUEST_RECORD + RECORD_HASH],
    words,
    start: REQUEST_RECORD + RECORD_KEY,
    byteLength: metaKeyBytes(words[REQUEST_RECORD + RECORD_META]),
  };
}
