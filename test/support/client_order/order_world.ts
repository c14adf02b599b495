/**
 * A client whose carrier does what a seed says (scripted_carrier.ts), and a program that issues
 * everything that there is to issue, also from within the ends of other calls.
 *
 * @module
 */
import { Client } from "../../../lib/client/client.ts";
import { type ClientWaiter, PollResult } from "../../../lib/client/client_waiter.ts";
import type { Completion } from "../../../lib/client/completions.ts";
import { draftOfKey, draftPut, NO_VALUE } from "../../../lib/client/request_draft.ts";
import { NumberForm } from "../../../lib/codec/stored_numbers.ts";
import type { Slot } from "../../../lib/core/brands.ts";
import { UnavailableError } from "../../../lib/core/errors.ts";
import { KeyEncoder } from "../../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../../lib/core/limits.ts";
import { RECORD_HASH } from "../../../lib/log/record_layout.ts";
import { commitRequest, EntryBuffer, type EntryPlace } from "../../../lib/rings/commit_words.ts";
import { DerivationWords, KEEP_EXPIRY } from "../../../lib/rings/derivation_words.ts";
import { Condition, Operation, REQUEST_RECORD, Status } from "../../../lib/rings/ring_layout.ts";
import { Random } from "../random.ts";
import { AwaitedCalls } from "./awaited_calls.ts";
import { callOf, type CallSubject, ExecutedOrder, OrderedCall, require } from "./ordered_call.ts";
import { ScriptedCarrier, type ScriptedRequest } from "./scripted_carrier.ts";

const SLOTS = [3, 4, 5, 9].map((slot) => slot as Slot);
/** Keys of each slot to which many calls are; every other one is of one call alone. */
const SHARED_KEYS = 2;
/** Bytes of values; of few of them a lane takes two, of the longest none. */
const VALUE_BYTES = [4, 4, 4, 60, 120, 400];
/** How deep calls are issued within the ends of others. */
const DEPTH_MAX = 3;
/** After so many rounds in which everything goes on something waits for ever. */
const ROUNDS_MAX = 3000;

/** One client and its program. */
export class OrderWorld implements ClientWaiter {
  readonly executed = new ExecutedOrder();
  readonly #random: Random;
  readonly #client: Client<ScriptedCarrier>;
  readonly #carrier: ScriptedCarrier;
  readonly #isSocket: boolean;
  /** Whether calls are issued from within the ends of others. */
  readonly #nests: boolean;
  /** Whether most calls are additions to few keys. */
  readonly #isCounting: boolean;
  readonly #slots: readonly Slot[];
  readonly #calls: OrderedCall[] = [null as unknown as OrderedCall];
  #open = new Set<OrderedCall>();
  /** Calls that have begun, by their sequences. */
  readonly #begun = new Map<number, OrderedCall>();
  readonly #promised = new AwaitedCalls();
  #orders = 0;
  #depth = 0;
  #tickEnd: (() => void)[] = [];
  #poll: ((mayHelp: boolean) => number) | undefined;
  #isEnding = false;
  /** What a request is written from is its call's until it has been written: one for each depth. */
  readonly #encoders = Array.from({ length: DEPTH_MAX + 1 }, () => new KeyEncoder(1, 2));
  readonly #asks = Array.from({ length: DEPTH_MAX + 1 }, () => new DerivationWords());

  /** Makes a client without calls. */
  constructor(seed: number) {
    const random = this.#random = new Random(seed);
    this.#isSocket = random.below(4) === 0;
    this.#nests = random.below(3) === 0;
    this.#isCounting = random.below(6) === 0;
    this.#slots = SLOTS.slice(0, random.between(2, SLOTS.length));
    this.#client = new Client({
      carry: (inFlight, ends) =>
        new ScriptedCarrier({
          random,
          isSocket: this.#isSocket,
          slots: this.#slots,
          inFlight,
          ends,
          execute: (request, own) => this.#execute(request, own),
          meanwhile: () => this.#meanwhile(),
        }),
      segmentBytes: 1 << 16,
      clientId: 1,
      waiter: this,
      onFlush: () => {},
      onBlocked: () => {},
    });
    this.#carrier = this.#client.carrier;
  }

  schedule(task: () => void): void {
    this.#tickEnd.push(task);
  }

  waitLater(poll: (mayHelp: boolean) => number): void {
    this.#poll = poll;
  }

  /** Lets the program run for so many steps, and then everything go on; all has to end. */
  async run(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      this.#step();
      await null;
      this.#check();
    }
    this.#isEnding = true;
    this.#carrier.heal();
    for (const sequence of [...this.#begun.keys()]) this.#goOn(sequence);
    if (this.#random.below(10) === 0) {
      this.#client.failAll(new UnavailableError("it may or may not have been made"));
    }
    for (let i = 0; i < ROUNDS_MAX && !this.#hasEnded; i++) {
      this.#carrier.run(4);
      this.#endTick();
      this.#pollOnce();
      await null;
    }
    this.#checkEnd();
  }

  #step(): void {
    const choice = this.#random.next();
    if (choice < 0.35) this.#issueSome();
    else if (choice < 0.4) this.#count();
    else if (choice < 0.55) this.#endTick();
    else if (choice < 0.7) this.#pollOnce();
    else if (choice < 0.85) this.#change();
    else if (choice < 0.95) this.#promise();
    else this.#block();
    if (this.#tickEnd.length > 20) this.#endTick();
  }

  #issueSome(): void {
    for (let i = this.#random.between(1, 6); i > 0; i--) this.#issueAny();
  }

  /** Something happens to the carrier. */
  #change(): void {
    const slot = this.#random.pick(this.#slots);
    if (this.#random.below(2) === 0) this.#carrier.run(this.#random.below(8));
    if (this.#isSocket) return;
    const choice = this.#random.next();
    if (choice < 0.3) this.#carrier.beginMove(slot);
    else if (choice < 0.7) this.#carrier.endMove(slot);
    else if (choice < 0.8) this.#carrier.toggle();
    else if (choice < 0.9) this.#carrier.retire();
    else if (choice < 0.92) this.#carrier.giveUp(slot);
  }

  /** What other threads do while the client sends or waits. */
  #meanwhile(): void {
    const choice = this.#random.next();
    const slot = this.#random.pick(this.#slots);
    if (this.#isSocket || choice > 0.5) return;
    if (choice < 0.2 && !this.#isEnding) this.#carrier.beginMove(slot);
    if (choice < 0.4) this.#carrier.endMove(slot);
    else this.#carrier.heal();
  }

  #endTick(): void {
    const tasks = this.#tickEnd;
    this.#tickEnd = [];
    for (const task of tasks) task();
  }

  #pollOnce(): void {
    if (this.#poll?.(this.#random.next() < 0.5) === PollResult.IDLE) this.#poll = undefined;
  }

  #promise(): void {
    const choice = this.#random.below(4);
    const slot = this.#random.pick(this.#slots);
    const calls = [...this.#open];
    const ofSlot = calls.filter((call) => call.order > 0 && call.subject.slots.includes(slot));
    if (choice === 0) this.#promised.expect("whenIdle", this.#client.whenIdle(), calls);
    else if (choice === 1) this.#promised.expect("flush", this.#client.whenIssuedEnded(), calls);
    else if (choice === 2) {
      this.#promised.expect("a slot", this.#client.whenSlotSettled(slot), ofSlot);
    } else if (this.#client.isCrowded) this.#promised.expect("room", this.#client.whenRoom(), []);
  }

  #block(): void {
    const choice = this.#random.below(4);
    const slot = this.#random.pick(this.#slots);
    if (this.#isSocket) {
      if (choice < 2) this.#waitFor();
      return;
    }
    if (choice === 0) this.#client.settleSlot(slot);
    else if (choice === 1) this.#client.settleAll();
    else this.#waitFor();
  }

  #waitFor(): void {
    const call = this.#issueAny();
    if (call.order === 0) return;
    this.#carrier.isCut = this.#isSocket && this.#random.below(2) === 0;
    try {
      this.#client.waitFor(call);
    } catch (error) {
      if (!this.#carrier.isCut) throw error;
    }
    this.#carrier.isCut = false;
  }

  #issueAny(): OrderedCall {
    const { below } = { below: (limit: number) => this.#random.below(limit) };
    const slot = this.#random.pick(this.#slots);
    const choice = this.#random.next();
    if (this.#isCounting && below(3) > 0) return this.#add(slot, 0);
    if (this.#begun.size > 0 && choice < 0.1) {
      return this.#goOn(this.#random.pick([...this.#begun.keys()]));
    }
    if (choice < 0.15) return this.#begin(slot);
    if (choice < 0.2) return this.#clear(slot);
    if (choice < 0.4) return this.#commit(this.#pickSlots(), 0);
    if (choice < 0.5) return this.#add(slot, below(SHARED_KEYS));
    if (choice < 0.6) return this.#forward(below(2) === 0 ? this.#pickSlots() : [slot], below(2));
    return this.#single(this.#make({ ...ALONE, kind: "put", slots: [slot] }), 0);
  }

  /** Many calls about one key, of one tick. */
  #count(): void {
    const slot = this.#random.pick(this.#slots);
    const key = this.#random.below(SHARED_KEYS);
    for (let i = this.#random.between(3, 6); i > 0; i--) {
      const choice = this.#random.below(12);
      if (choice === 0) this.#clear(slot);
      else if (choice === 1) this.#commit([slot], 0, key);
      else if (choice === 2) this.#forward([slot], 0, key);
      else this.#add(slot, key);
    }
  }

  #pickSlots(): Slot[] {
    const slots = this.#slots.filter(() => this.#random.below(2) === 0);
    return slots.length > 0 ? slots : [this.#slots[0]!];
  }

  /** An operation that becomes a request later, or never. */
  #begin(slot: Slot): OrderedCall {
    const isCommit = this.#random.below(2) === 0;
    const slots = isCommit ? this.#pickSlots() : [slot];
    const call = this.#make({ ...ALONE, kind: isCommit ? "commit" : "put", slots });
    this.#begun.set(this.#client.begin(), call);
    return call;
  }

  #goOn(sequence: number): OrderedCall {
    const call = this.#begun.get(sequence)!;
    this.#begun.delete(sequence);
    if (this.#random.below(4) === 0) {
      this.#open.delete(call);
      call.isSettled = true;
      this.#client.end(sequence);
      return call;
    }
    return call.subject.kind === "commit"
      ? this.#send(call, () => this.#issueCommit(call, sequence))
      : this.#single(call, sequence);
  }

  #single(call: OrderedCall, sequence: number): OrderedCall {
    const [slot] = call.subject.slots;
    const value = this.#value();
    const choice = this.#random.below(6);
    return this.#send(call, () => {
      this.#encode(slot!, this.#numberOf(call));
      if (choice === 0) return this.#client.delete(this.#encoder, call, sequence);
      if (choice === 1) return this.#client.get(this.#encoder, true, call, sequence);
      this.#client.put(
        this.#encoder,
        value,
        Infinity,
        Condition.NONE,
        0,
        call,
        false,
        sequence,
      );
    });
  }

  #clear(slot: Slot): OrderedCall {
    const isMerge = this.#random.below(3) === 0;
    const kind = isMerge ? "merge" : "clear";
    const call = this.#make({ kind, slots: [slot], key: undefined, isWide: !isMerge });
    return this.#send(call, () => {
      if (isMerge) this.#client.mergeSlot(slot, call);
      else this.#client.clearSlot(slot, call);
    });
  }

  /** Adds to a key to which others add, in a request of its own or in another. */
  #add(slot: Slot, key: number): OrderedCall {
    const call = this.#make({ kind: "addition", slots: [slot], key, isWide: false });
    const isPut = this.#random.below(4) === 0;
    return this.#send(call, () => {
      this.#encode(slot, key);
      this.#asked.askToAdd(NumberForm.MSGPACK, 1, -Infinity, Infinity, KEEP_EXPIRY, Infinity);
      if (isPut) return this.#client.delete(this.#encoder, call);
      const host = this.#client.join(this.#encoder, this.#asked, false) as OrderedCall | undefined;
      if (host === undefined) return this.#client.add(this.#encoder, this.#asked, call, false);
      require(!host.isSettled && host.executed === 0, `${call.name} joined ${host.name} too late`);
      host.joined.push(call);
    });
  }

  #commit(slots: readonly Slot[], sequence: number, key?: number): OrderedCall {
    const call = this.#make({ kind: "commit", slots, key, isWide: false });
    return this.#send(call, () => this.#issueCommit(call, sequence));
  }

  #issueCommit(call: OrderedCall, sequence: number): void {
    const { slots } = call.subject;
    const words = this.#commitWords(call, this.#numberOf(call));
    this.#client.commit(slots, words, call, sequence);
    // They are the caller's again.
    words.fill(-1);
  }

  /** Entries about a key that is the call's alone, and about one that is not, in each slot. */
  #commitWords({ subject: { slots, key } }: OrderedCall, number: number): Int32Array {
    const buffer = new EntryBuffer();
    const keys = key === undefined ? [number] : [number, key];
    const entries = slots.flatMap((slot) => keys.map((own) => this.#writeEntry(buffer, slot, own)));
    return commitRequest(buffer, entries, false);
  }

  #writeEntry(buffer: EntryBuffer, slot: Slot, key: number): EntryPlace {
    this.#encode(slot, key);
    const draft = this.#random.below(3) === 0
      ? draftOfKey(Operation.DELETE, this.#encoder)
      : draftPut(this.#encoder, this.#value(), Infinity, Condition.NONE, 0, false);
    return { at: this.#client.writeEntry(draft, buffer) };
  }

  /** What another process has issued. */
  #forward(slots: readonly Slot[], session: number, key?: number): OrderedCall {
    const isCommit = slots.length > 1;
    const call = this.#make({ kind: isCommit ? "commit" : "put", slots, key, isWide: false });
    const number = this.#numberOf(call);
    return this.#send(call, () => {
      if (isCommit) {
        const words = this.#commitWords(call, number);
        return this.#client.forwardCommit(slots, words, call, session);
      }
      const buffer = new EntryBuffer();
      this.#encode(slots[0]!, key ?? number);
      const value = key === undefined ? this.#value() : NO_VALUE;
      const draft = draftPut(this.#encoder, value, Infinity, Condition.NONE, 0, false);
      const at = this.#client.writeEntry(draft, buffer);
      this.#client.forward(buffer.words.slice(at, at + buffer.words[at]!), call, session);
    });
  }

  #make(subject: CallSubject): OrderedCall {
    const call = new OrderedCall(subject, (ended) => this.#onEnd(ended));
    this.#calls.push(call);
    this.#open.add(call);
    return call;
  }

  /** A call is a request from now on. */
  #send(call: OrderedCall, issue: () => void): OrderedCall {
    call.order = ++this.#orders;
    issue();
    return call;
  }

  #onEnd(call: OrderedCall): void {
    this.#open.delete(call);
    if (!this.#nests || this.#isEnding || this.#depth === DEPTH_MAX || this.#random.below(3) > 0) {
      return;
    }
    this.#depth += 1;
    try {
      this.#issueAny();
    } finally {
      this.#depth -= 1;
    }
  }

  get #encoder(): KeyEncoder {
    return this.#encoders[this.#depth]!;
  }

  get #asked(): DerivationWords {
    return this.#asks[this.#depth]!;
  }

  #encode(slot: Slot, number: number): void {
    KEY_WORDS[0] = number;
    this.#encoder.take(KEY_WORDS, 0, 4, true, (slot << SLOT_SHIFT) | number);
  }

  #numberOf(call: OrderedCall): number {
    return SHARED_KEYS + this.#calls.indexOf(call);
  }

  #value() {
    const bytes = new Uint8Array(this.#random.pick(VALUE_BYTES));
    return { bytes, start: 0, end: bytes.length };
  }

  #execute({ words, operation }: ScriptedRequest, own: Completion): number {
    const number = words[REQUEST_RECORD + RECORD_HASH]! & ((1 << SLOT_SHIFT) - 1);
    const call = callOf(own) ?? this.#calls[number - SHARED_KEYS]!;
    if (this.#random.below(16) === 0) return Status.LOG_FULL;
    if (operation !== Operation.RESERVE) this.executed.execute(call);
    return Status.OK;
  }

  /** What has to hold whenever the client is not in the middle of something. */
  #check(): void {
    for (const call of this.#open) {
      if (call.order === 0) continue;
      const isSeen = !this.#mayCome(call) ||
        call.subject.slots.every((slot) => this.#client.isSlotPending(slot));
      require(isSeen, `a slot of ${call.name} does not count as pending`);
    }
    this.#promised.check((call) => this.#mayCome(call));
  }

  /** Whether a call may still be executed: one of a slot that is given up only has to end. */
  #mayCome({ isSettled, subject }: OrderedCall): boolean {
    return !isSettled && !subject.slots.some((slot) => this.#carrier.isGivenUp(slot));
  }

  get #hasEnded(): boolean {
    return this.#open.size === 0 && this.#poll === undefined && this.#tickEnd.length === 0 &&
      this.#promised.waiting === undefined;
  }

  #checkEnd(): void {
    this.#check();
    const [open] = this.#open;
    require(open === undefined, `${open?.name} never ends`);
    const { waiting } = this.#promised;
    require(waiting === undefined, `the promise of ${waiting} never resolves`);
    const slot = this.#slots.find((own) => this.#client.isSlotPending(own));
    require(slot === undefined, `slot ${slot} stays pending`);
    require(this.#client.pendingCount === 0, `${this.#client.pendingCount} calls stay pending`);
  }
}

const ALONE = { key: undefined, isWide: false } as const;
const KEY_WORDS = new Int32Array(2);
