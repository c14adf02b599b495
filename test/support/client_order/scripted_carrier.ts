/**
 * A carrier whose lanes are tiny and whose executors do what a seed says: they move slots, take
 * their time, die, and give slots up. It keeps what every carrier keeps (lib/client/carrier.ts),
 * and nothing more; two kinds differ as rings and sockets do.
 *
 * @module
 */
import type { Carrier, Lane, RequestEnds } from "../../../lib/client/carrier.ts";
import { NO_LANE, NO_ROOM } from "../../../lib/client/carrier.ts";
import type { Completion, HeldRequest, LargeValue } from "../../../lib/client/completions.ts";
import { isOf, unavailable } from "../../../lib/client/completions.ts";
import { LargeValues } from "../../../lib/client/large_values.ts";
import type { KeyPlace } from "../../../lib/client/key_place.ts";
import type { SlotsInFlight } from "../../../lib/client/slots_in_flight.ts";
import type { PoolAddress, Slot } from "../../../lib/core/brands.ts";
import { type DinomoError, UnavailableError } from "../../../lib/core/errors.ts";
import type { Pool } from "../../../lib/pool/pool.ts";
import {
  Operation,
  operationOf,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  Status,
} from "../../../lib/rings/ring_layout.ts";
import type { Random } from "../random.ts";
import { require } from "./ordered_call.ts";

/** Words of a lane. */
const LANE_WORDS = 160;
/** Requests in flight that a carrier of the kind of sockets has at most. */
const SOCKET_REQUESTS = 12;
const LANES = 2;
/** How often one client waits; if it does so more often it waits for what does not come. */
const WAITS_MAX = 20_000;
/** Steps after which executors have answered nearly everything. */
const STEPS_AT_ONCE = 60;
/** In the place of a lane: the slot moves, or was given up. */
const MOVING = -1;
const NOBODY = -2;

/** A request on its way. It is its own lane, as it is of a socket. */
export class ScriptedRequest implements Lane {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly completions: (Completion | undefined)[];
  readonly newestIndex = 0;
  readonly slot: Slot;
  readonly sequence: number;
  /** The assignment of the slot by which it was routed. */
  readonly assignment: number;
  isPublished = false;
  /** One of `Status`, when its executor has answered. */
  status: number | undefined;

  /** Makes one that is to be written. */
  constructor(slot: Slot, sequence: number, length: number, own: Completion, assignment: number) {
    this.slot = slot;
    this.sequence = sequence;
    this.words = new Int32Array(length + (length & 1));
    this.words[REQUEST_LENGTH] = length;
    this.bytes = new Uint8Array(this.words.buffer);
    this.completions = [own];
    this.assignment = assignment;
  }

  /** What it asks for. */
  get operation(): number {
    return operationOf(this.words[REQUEST_OPERATION]!);
  }

  requestAt(): number {
    return 0;
  }

  isUnpublished(): boolean {
    return !this.isPublished;
  }
}

/** What a carrier is made of. */
export interface ScriptedCarrierOptions {
  readonly random: Random;
  /** Whether it holds back like a socket does, instead of having the thread wait for room. */
  readonly isSocket: boolean;
  readonly slots: readonly Slot[];
  readonly inFlight: SlotsInFlight;
  readonly ends: RequestEnds;
  /** Executes a request; returns its status. */
  readonly execute: (request: ScriptedRequest, own: Completion) => number;
  /** Other threads do something. */
  readonly meanwhile: () => void;
}

/** Carries the requests of one client to executors of this thread. */
export class ScriptedCarrier implements Carrier {
  readonly requestWordsMax = 60;
  readonly canBlock: boolean;
  lane!: ScriptedRequest;
  /** Whether {@linkcode wait} fails. */
  isCut = false;
  readonly #options: ScriptedCarrierOptions;
  readonly #large: LargeValues;
  readonly #lanes: ScriptedRequest[][] = Array.from({ length: LANES }, () => []);
  readonly #isConnected: boolean[] = Array.from({ length: LANES }, () => true);
  /** Requests to executors that are gone. */
  #retired: ScriptedRequest[] = [];
  readonly #owners = new Map<Slot, number>();
  readonly #assignments = new Map<Slot, number>();
  readonly #sentUnder = new Map<Slot, number>();
  #isOpen = true;
  #waits = 0;

  /** Makes one with all lanes open. */
  constructor(options: ScriptedCarrierOptions) {
    this.#options = options;
    this.canBlock = !options.isSocket;
    this.#large = new LargeValues(MEMORY, options.ends, 1);
    for (const slot of options.slots) this.#assign(slot, this.#pickLane());
  }

  get isCrowded(): boolean {
    if (this.#options.isSocket) return this.#count > SOCKET_REQUESTS / 2;
    return this.#lanes.some((lane) => wordsOf(lane) > LANE_WORDS / 2);
  }

  get isFull(): boolean {
    return this.#options.isSocket && this.#count >= SOCKET_REQUESTS;
  }

  get #count(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.length, 0);
  }

  claim(
    slot: Slot,
    _key: KeyPlace,
    sequence: number,
    length: number,
    completion: Completion,
  ): number {
    const { random, inFlight } = this.#options;
    if (!this.#isOpen || this.isFull) return NO_LANE;
    const owner = this.#owners.get(slot)!;
    if (owner < 0 || !this.#isConnected[owner]) return NO_LANE;
    const assignment = this.#assignments.get(slot)!;
    const isOtherWay = this.#sentUnder.get(slot) !== assignment;
    if (inFlight.has(slot) && isOtherWay) return NO_LANE;
    this.#sentUnder.set(slot, assignment);
    if (random.below(8) === 0) this.publish();
    const lane = this.#lanes[owner]!;
    if (!this.#options.isSocket && wordsOf(lane) + length > LANE_WORDS) return NO_ROOM;
    this.lane = new ScriptedRequest(slot, sequence, length, completion, assignment);
    lane.push(this.lane);
    return 0;
  }

  publish(): void {
    for (const lane of this.#lanes) for (const request of lane) request.isPublished = true;
    const { random, meanwhile } = this.#options;
    if (random.below(3) === 0) meanwhile();
    if (random.below(3) === 0) this.run(random.below(8) === 0 ? STEPS_AT_ONCE : random.below(6));
  }

  help(): void {
    this.run(this.#options.random.below(6));
  }

  /** Has executors take so many steps. */
  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      const lane = this.#lanes[this.#pickLane()]!;
      const request = lane.find(({ status }) => status === undefined);
      if (request?.isPublished) this.#execute(request);
    }
  }

  settle(): number {
    let count = this.#settleRetired();
    for (const lane of this.#lanes) {
      while (lane.length > 0 && lane[0]!.status !== undefined) {
        this.#end(lane.shift()!);
        count += 1;
      }
    }
    return count;
  }

  wait(): boolean {
    if (this.isCut) throw new UnavailableError("the connection has ended");
    require(++this.#waits < WAITS_MAX, "a call blocks for ever");
    const { random, meanwhile } = this.#options;
    meanwhile();
    const steps = random.below(4) === 0 ? STEPS_AT_ONCE : random.below(4);
    this.run(steps);
    return steps > 0;
  }

  withdraw(completion: object, error: DinomoError): void {
    for (const lane of this.#lanes) {
      for (const request of lane.filter(({ status }) => status === undefined)) {
        if (!isOf(request.completions[0]!, completion)) continue;
        lane.splice(lane.indexOf(request), 1);
        this.#fail(request, error);
      }
    }
  }

  isGivenUp(slot: Slot): boolean {
    return this.#owners.get(slot) === NOBODY;
  }

  givesUp(): boolean {
    return false;
  }

  firstOf(request: HeldRequest, large: LargeValue): HeldRequest {
    return this.#large.reservationOf(request, large);
  }

  close(): void {
    this.#isOpen = false;
  }

  failAll(error: DinomoError): void {
    this.close();
    const all = [...this.#retired, ...this.#lanes.flat()];
    this.#retired = [];
    for (const lane of this.#lanes) lane.length = 0;
    for (const request of all) this.#fail(request, error);
  }

  /** A slot is marked while it goes to another executor, or the same. */
  beginMove(slot: Slot): void {
    if (this.#owners.get(slot)! >= 0) this.#owners.set(slot, MOVING);
  }

  /** Ends a move. */
  endMove(slot: Slot): void {
    if (this.#owners.get(slot) === MOVING) this.#assign(slot, this.#pickLane());
  }

  /** No executor can change anything in a slot any more. */
  giveUp(slot: Slot): void {
    this.#assign(slot, NOBODY);
  }

  /** An executor is gone, and comes back as another one; its slots go to executors, one by one. */
  retire(): void {
    const lane = this.#pickLane();
    const requests = this.#lanes[lane]!;
    while (requests.length > 0 && requests[0]!.status !== undefined) this.#end(requests.shift()!);
    this.#retired.push(...requests.splice(0));
    for (const [slot, owner] of this.#owners) if (owner === lane) this.#owners.set(slot, MOVING);
  }

  /** The connection to an executor ends, or begins. */
  toggle(): void {
    const lane = this.#pickLane();
    this.#isConnected[lane] = !this.#isConnected[lane];
  }

  /** From now on everything goes on. */
  heal(): void {
    this.isCut = false;
    this.#isConnected.fill(true);
    for (const slot of this.#owners.keys()) this.endMove(slot);
  }

  #pickLane(): number {
    return this.#options.isSocket ? 0 : this.#options.random.below(LANES);
  }

  #assign(slot: Slot, owner: number): void {
    this.#owners.set(slot, owner);
    this.#assignments.set(slot, (this.#assignments.get(slot) ?? 0) + 1);
  }

  #execute(request: ScriptedRequest): void {
    const own = request.completions[0]!;
    const isRight = this.#owners.get(request.slot)! >= 0 &&
      this.#assignments.get(request.slot) === request.assignment;
    request.status = isRight ? this.#options.execute(request, own) : Status.MOVED;
  }

  /** Tells the client how a request has ended. */
  #end(request: ScriptedRequest): void {
    const { slot, sequence, words, status } = request;
    const own = request.completions[0]!;
    request.completions[0] = undefined;
    if (status === Status.MOVED) return this.#giveBack(request, own);
    const address = request.operation === Operation.RESERVE ? 8 : 0;
    this.#options.ends.settle(slot, sequence, own, status!, address, 1, 0, words, 0);
  }

  #giveBack({ slot, sequence, words }: ScriptedRequest, completion: Completion): void {
    const own = words.slice(0, words[REQUEST_LENGTH]);
    this.#options.ends.sendAgain({ slot, sequence, words: own, completion });
  }

  #fail({ slot, sequence, completions }: ScriptedRequest, error: DinomoError): void {
    this.#options.ends.fail(slot, sequence, completions[0]!, error);
  }

  /**
   * What is known of requests to an executor that is gone, as soon as their slots are another's.
   */
  #settleRetired(): number {
    const decided = this.#retired.filter(({ slot }) => this.#owners.get(slot) !== MOVING);
    if (decided.length === 0) return 0;
    this.#retired = this.#retired.filter((request) => !decided.includes(request));
    for (const request of decided) {
      const isUnknown = request.status === undefined && this.isGivenUp(request.slot);
      if (isUnknown) this.#fail(request, unavailable("may or may not have been made"));
      else if (request.status === undefined) this.#giveBack(request, request.completions[0]!);
      else this.#end(request);
    }
    return decided.length;
  }
}

/** Large values are written where nothing reads them. */
const MEMORY = {
  wordsOf: () => new Int32Array(1024),
  wordAt: (_address: PoolAddress) => 0,
  bytesOf: () => new Uint8Array(4096),
} as unknown as Pool;

function wordsOf(lane: readonly ScriptedRequest[]): number {
  return lane.reduce((sum, { words }) => sum + words.length, 0);
}
