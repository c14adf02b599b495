/**
 * A client as an agent of a simulation: issues operations on keys of its own, ends ticks, polls,
 * waits synchronously, and tells the model what was issued and how it ended.
 *
 * @module
 */
import { NOT_AT_ONCE } from "../../lib/client/carrier.ts";
import { draftPut } from "../../lib/client/request_draft.ts";
import { PoolFullError } from "../../lib/core/errors.ts";
import type { ValueBytes } from "../../lib/log/record_writer.ts";
import { makeRingClient, type RingClient } from "../../lib/client/ring_client.ts";
import { type ClientWaiter, PollResult } from "../../lib/client/client_waiter.ts";
import { ReadCompletion, RoutedReads } from "../../lib/far/client/routed_reads.ts";
import type { Completion } from "../../lib/client/completions.ts";
import type { JoinableCompletion } from "../../lib/client/joinable_additions.ts";
import { NumberForm } from "../../lib/codec/stored_numbers.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { DerivationWords, KEEP_EXPIRY } from "../../lib/rings/derivation_words.ts";
import { Condition, Operation, REQUEST_RECORD, Status } from "../../lib/rings/ring_layout.ts";
import type { Slot } from "../../lib/core/brands.ts";
import type { ReadValue } from "../../lib/rings/response_ring.ts";
import { HASH_KEY, type SimKey } from "./sim_keys.ts";
import {
  type KeyModel,
  type OperationKind,
  require,
  type SeenRecord,
  type SimOperation,
} from "./sim_model.ts";
import { SimEyes } from "./sim_reader.ts";
import { makeValue, readValue, VALUE_BYTES_MIN } from "./sim_values.ts";
import type { SimAgent } from "./sim_scheduler.ts";
import type { SimSum, SimWorld } from "./sim_world.ts";

/** Operations of one client that have not ended; beyond them it only waits. */
const PENDING_MAX = 64;
/** Operations issued in one tick. */
const BURST_MAX = 12;
/** Times to live, in simulated milliseconds. */
const TTL_MS_MAX = 400;
/**
 * Sizes of values: nearly all of the world's usual size, some larger, some too large for the ring.
 */
const MEDIUM_BYTES_MAX = 700;
const LARGE_BYTES = [2100, 3000] as const;

/**
 * Share of the operations that are on keys which may have several owners, beside those that happen
 * to be.
 */
const HOT_SHARE = 0.3;

/** The words of a ring in which there is no request. */
const NO_RING = new Int32Array(64);

/** What can be waited for. */
type Awaited = { readonly isSettled: boolean };

/** One client. */
export class SimClient implements SimAgent, ClientWaiter {
  readonly name: string;
  isActive = false;
  readonly client: RingClient;
  readonly #world: SimWorld;
  readonly #models: readonly KeyModel[];
  readonly #hotModels: readonly KeyModel[];
  /** Slots of which every key is this client's. */
  readonly #ownSlots: readonly Slot[];
  readonly #encoder = new KeyEncoder(...HASH_KEY);
  readonly #eyes: SimEyes;
  readonly #asked = new DerivationWords();
  /** What comes back for reads of a far pool. */
  readonly reads: RoutedReads;
  #tickEnd: (() => void)[] = [];
  #poll: ((mayHelp: boolean) => number) | undefined;
  #pendingCount = 0;

  /** Makes a client that writes the keys of `models`. */
  constructor(
    world: SimWorld,
    clientId: number,
    models: readonly KeyModel[],
    ownSlots: readonly Slot[],
  ) {
    this.name = `client ${clientId}`;
    this.#world = world;
    this.#models = models;
    this.#hotModels = models.filter((model) => world.sharableModels.includes(model));
    this.#ownSlots = ownSlots;
    this.#eyes = new SimEyes(world.pool, world.clock);
    this.reads = new RoutedReads(world.pool);
    this.client = makeRingClient({
      pool: world.pool,
      clientId,
      waiter: this,
      onFlush: () => {},
      onBlocked: () => {},
    });
  }

  /** Operations that have not ended. */
  get pendingCount(): number {
    return this.#pendingCount;
  }

  mayRun(isNested: boolean): boolean {
    if (this.isActive) return false;
    // It spins while a slot is marked, and blocks when a ring is full until somebody else has run.
    return !isNested || (!this.#world.isSlotMarked && (this.#world.canWait || this.#isRoomy));
  }

  step(): void {
    const { random } = this.#world;
    const choice = random.next();
    if (this.#world.isEnding) return choice < 0.5 ? this.endTick() : this.poll();
    if (!this.#world.canWait) return choice < 0.5 ? this.#issueSmall() : this.poll();
    if (choice < 0.4) this.#burst();
    else if (choice < 0.65) this.endTick();
    else if (choice < 0.9) this.poll();
    else if (choice < 0.95) this.#issueSync();
    else this.#readOwn();
  }

  /** Runs what was scheduled for the end of the tick. */
  endTick(): void {
    const tasks = this.#tickEnd;
    this.#tickEnd = [];
    for (const task of tasks) task();
  }

  /** Does what the event loop does for a client that waits. */
  poll(): void {
    if (this.#poll?.(this.#world.random.next() < 0.5) === PollResult.IDLE) this.#poll = undefined;
  }

  schedule(task: () => void): void {
    this.#tickEnd.push(task);
  }

  waitLater(poll: (mayHelp: boolean) => number): void {
    this.#poll = poll;
  }

  waitSync(): void {
    this.#world.scheduler.runOther();
  }

  /** Whether a step that only polls, or issues one small request, cannot block. */
  get #isRoomy(): boolean {
    let inFlightCount = 0;
    for (const { producer } of this.client.carrier.connections) {
      if (producer.inFlightCount > 3) return false;
      inFlightCount += producer.inFlightCount;
    }
    return inFlightCount === this.client.pendingCount;
  }

  #issueSmall(): void {
    this.#delete(this.#pickModel());
    if (this.#world.random.next() < 0.5) this.endTick();
  }

  #burst(): void {
    const { random } = this.#world;
    const count = random.between(1, BURST_MAX);
    for (let i = 0; i < count && this.#pendingCount < PENDING_MAX; i++) this.#issueAny();
  }

  #issueSync(): void {
    this.#world.scheduler.watch(`a synchronous operation of ${this.name}`);
    this.client.waitFor(this.#issueAny());
  }

  /** A read through the store waits for this client's own operations on the slot. */
  #readOwn(): void {
    const model = this.#pickModel();
    this.#world.scheduler.watch(`a synchronous read of ${this.name}`);
    if (this.#world.isFar) return this.client.waitFor(this.#get(model));
    if (this.client.isSlotPending(model.key.slot)) this.client.settleSlot(model.key.slot);
    this.#eyes.check(model);
  }

  /**
   * Reads a key of this client's own: the read sees all that was issued before it, and nothing
   * else.
   */
  #get(model: KeyModel): ReadCompletion {
    const { random, isFar, nowMs } = this.#world;
    require(isFar, "reads of a near pool need no request");
    const withValue = random.next() < 0.8;
    this.#pendingCount += 1;
    this.#encoder.encode(model.key.text);
    const completion = new ReadCompletion(this.reads, ({ exists, value }) => {
      this.#pendingCount -= 1;
      this.#checkRead(model, exists, value, nowMs);
    });
    this.client.get(this.#encoder, withValue, completion);
    return completion;
  }

  #checkRead(
    model: KeyModel,
    exists: boolean,
    value: ReadValue | undefined,
    issuedAtMs: number,
  ): void {
    const { state, key } = model;
    const { nowMs } = this.#world;
    if (!exists) return require(model.mayBeAbsent(nowMs), `I4: a read missed ${key.text}`);
    require(model.mayExist(issuedAtMs), `I4: a read found ${key.text}, which does not exist`);
    if (value === undefined) return;
    const { operation } = readValue(value.bytes, value.bytes.length, key.number);
    require(
      operation === state!.operation && value.version === state!.version,
      `I4: a read of ${key.text} returned ${operation}, the key holds ${state!.operation}`,
    );
    require(value.expiresAtMs === state!.expiresAtMs, `a read of ${key.text} has its expiry time`);
  }

  /** Reads a counter, which everybody changes. */
  #look(key: SimKey): SeenRecord | undefined {
    if (!this.#world.isFar) return this.#eyes.look(key);
    this.#world.scheduler.watch(`a synchronous read of ${this.name}`);
    this.#encoder.encode(key.text);
    const completion = new ReadCompletion(this.reads);
    this.client.get(this.#encoder, true, completion);
    this.client.waitFor(completion);
    const { value } = completion;
    if (value === undefined) return undefined;
    const { operation } = readValue(value.bytes, value.bytes.length, key.number);
    return { operation, version: value.version };
  }

  #issueAny(): Awaited {
    const { random, isFar } = this.#world;
    if (isFar && random.next() < 0.4) return this.#get(this.#pickModel());
    // A counter that vanishes begins again.
    if (!this.#world.evicts && random.next() < 0.1) return this.#increment();
    if (!this.#world.evicts && random.next() < 0.1) return this.#add();
    if (this.#ownSlots.length > 0 && random.next() < 0.01) {
      return this.#clear(random.pick(this.#ownSlots));
    }
    const model = this.#pickModel();
    const choice = random.next();
    if (choice < 0.2) return this.#delete(model);
    if (choice < 0.25) return this.#touch(model);
    if (choice < 0.3) return this.#put(model, "put-absent", Condition.ABSENT, 0);
    if (choice < 0.4) {
      const version = random.next() < 0.2 ? 1 : model.state?.version ?? 1;
      return this.#put(model, "put-version", Condition.VERSION, version);
    }
    return this.#put(model, "put", Condition.NONE, 0);
  }

  /** A key of this client's own; in a far pool often one of those that may have several owners. */
  #pickModel(): KeyModel {
    const { random, isFar } = this.#world;
    const isHot = isFar && this.#hotModels.length > 0 && random.next() < HOT_SHARE;
    return random.pick(isHot ? this.#hotModels : this.#models);
  }

  #put(
    model: KeyModel,
    kind: OperationKind,
    condition: number,
    expectedVersion: number,
  ): SimCompletion {
    const expiresAtMs = this.#pickExpiry(model);
    const operation = this.#world.newOperation(kind, expiresAtMs, expectedVersion);
    const completion = this.#begin([model], operation);
    const bytes = makeValue(model.key.number, operation.number, this.#valueBytes());
    this.#encoder.encode(model.key.text);
    const value = { bytes, start: 0, end: bytes.length };
    const isAtOnce = condition === Condition.NONE && operation.number % 2 === 0 &&
      this.#putAtOnce(value, expiresAtMs, completion);
    if (isAtOnce) return completion;
    this.client.put(this.#encoder, value, expiresAtMs, condition, expectedVersion, completion);
    return completion;
  }

  /** Makes a put in this thread, if it may; false if it is to be issued. */
  #putAtOnce(value: ValueBytes, expiresAtMs: number, completion: SimCompletion): boolean {
    try {
      const version = this.client.own.put(
        draftPut(this.#encoder, value, expiresAtMs, Condition.NONE, 0, false),
      );
      if (version === NOT_AT_ONCE) return false;
      completion.settle(Status.OK, 0, version | 0, Math.floor(version / 2 ** 32), NO_RING, 0);
    } catch (error) {
      if (!(error instanceof PoolFullError)) throw error;
      completion.settle(Status.INDEX_FULL, 0, 0, 0, NO_RING, 0);
    }
    return true;
  }

  #touch(model: KeyModel): SimCompletion {
    const expiresAtMs = this.#pickExpiry(model);
    const completion = this.#begin([model], this.#world.newOperation("touch", expiresAtMs, 0));
    this.#encoder.encode(model.key.text);
    this.#asked.askToTouch(expiresAtMs);
    this.client.derive(Operation.TOUCH, this.#encoder, this.#asked, completion, false);
    return completion;
  }

  #pickExpiry({ key }: KeyModel): number {
    const { random, nowMs } = this.#world;
    const mayExpire = this.#ownSlots.includes(key.slot) && random.next() < 0.3;
    return mayExpire ? nowMs + random.between(1, TTL_MS_MAX) : Infinity;
  }

  #delete(model: KeyModel): SimCompletion {
    const completion = this.#begin([model], this.#world.newOperation("delete", Infinity, 0));
    this.#encoder.encode(model.key.text);
    this.client.delete(this.#encoder, completion);
    return completion;
  }

  #clear(slot: Slot): SimCompletion {
    const models = this.#models.filter((model) => model.key.slot === slot);
    const completion = this.#begin(models, this.#world.newOperation("clear", Infinity, 0));
    this.client.clearSlot(slot, completion);
    return completion;
  }

  /** Reads a counter that all clients share, and adds one to it if nobody else has. */
  #increment(): SimCompletion {
    const counter = this.#world.random.pick(this.#world.counters);
    const { countMin } = counter;
    const seen = this.#look(counter.key);
    const count = seen?.operation ?? 0;
    require(count >= countMin, `I4: ${counter.key.text} was ${countMin}, is ${count}`);
    const bytes = makeValue(counter.key.number, count + 1, VALUE_BYTES_MIN);
    const condition = seen ? Condition.VERSION : Condition.ABSENT;
    this.#pendingCount += 1;
    const completion = new SimCompletion((status) => {
      this.#pendingCount -= 1;
      this.#world.countStamps(counter.key.slot, status);
      if (status !== Status.OK) return;
      require(!counter.left.has(count), `I4: ${counter.key.text} went from ${count} twice`);
      counter.left.add(count);
      counter.countMin = Math.max(counter.countMin, count + 1);
    });
    this.#encoder.encode(counter.key.text);
    const slice = { bytes, start: 0, end: bytes.length };
    this.client.put(this.#encoder, slice, Infinity, condition, seen?.version ?? 0, completion);
    return completion;
  }

  /** Adds one to a number to which all clients add, in a request of its own or in another. */
  #add(): Awaited {
    const sum = this.#world.random.pick(this.#world.sums);
    const { key } = sum;
    this.#encoder.encode(key.text);
    this.#asked.askToAdd(NumberForm.MSGPACK, 1, -Infinity, Infinity, KEEP_EXPIRY, Infinity);
    const other = this.client.join(this.#encoder, this.#asked, false) as SimAddition | undefined;
    if (other !== undefined) {
      require(other.key === key, `an addition to ${key.text} joined one to ${other.key.text}`);
      void other.join();
      return other;
    }
    this.#pendingCount += 1;
    const addition: SimAddition = new SimAddition(sum, (status, _version, { before, times }) => {
      this.#pendingCount -= 1;
      this.#world.countStamps(key.slot, status);
      require(times === addition.maxima.length, `I4: ${key.text} was to be added to more often`);
      if (status !== Status.OK) {
        const isFull = status === Status.LOG_FULL || status === Status.INDEX_FULL;
        return require(isFull, `an addition to ${key.text} ended with ${status}`);
      }
      for (const [i, max] of addition.maxima.entries()) {
        const returned = before + i + 1;
        require(returned > max, `I4: ${key.text} was ${max}, adding 1 gave ${returned}`);
        require(!sum.seen.has(returned), `I5: ${returned} of ${key.text} was returned twice`);
        sum.seen.add(returned);
        sum.max = Math.max(sum.max, returned);
      }
    });
    void addition.join();
    this.client.add(this.#encoder, this.#asked, addition, false);
    return addition;
  }

  #begin(models: readonly KeyModel[], operation: SimOperation): SimCompletion {
    for (const model of models) model.operations.push(operation);
    this.#pendingCount += 1;
    return new SimCompletion((status, version) => {
      this.#pendingCount -= 1;
      operation.status = status;
      const slot = models[0]!.key.slot;
      this.#world.countStamps(slot, status);
      for (const model of models) model.end(operation, status, version, this.#world.nowMs);
    });
  }

  #valueBytes(): number {
    const { random, valueBytesMax } = this.#world;
    const choice = random.next();
    if (choice < 0.02) return random.between(...LARGE_BYTES);
    return random.between(VALUE_BYTES_MIN, choice < 0.06 ? MEDIUM_BYTES_MAX : valueBytesMax);
  }
}

type OnEnd = (status: number, version: number, left: DerivationWords) => void;

/** Sees to it that an operation ends once (I5). */
class SimCompletion implements Completion {
  isSettled = false;
  readonly #onEnd: OnEnd;

  constructor(onEnd: OnEnd) {
    this.#onEnd = onEnd;
  }

  settle(
    status: number,
    _address: number,
    versionLow: number,
    versionHigh: number,
    ring: Int32Array,
    requestAt: number,
  ): void {
    require(!this.isSettled, "I5: an operation ended twice");
    this.isSettled = true;
    const left = new DerivationWords();
    left.read(ring, requestAt + REQUEST_RECORD);
    this.#onEnd(status, versionHigh * 2 ** 32 + (versionLow >>> 0), left);
  }

  fail(error: Error): void {
    throw error;
  }
}

/** Additions to one number, in one request. */
class SimAddition extends SimCompletion implements JoinableCompletion {
  readonly key: SimKey;
  /** What the number was at least when each of them was issued. */
  readonly maxima: number[] = [];
  readonly #sum: SimSum;

  constructor(sum: SimSum, onEnd: OnEnd) {
    super(onEnd);
    this.key = sum.key;
    this.#sum = sum;
  }

  join(): Promise<undefined> {
    this.maxima.push(this.#sum.max);
    return Promise.resolve(undefined);
  }
}
