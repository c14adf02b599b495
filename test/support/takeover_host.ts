/**
 * A simulated host: it executes the requests of its sessions one by one, in the order of each slot,
 * when it is told to.
 *
 * The sessions and their register are the library's.
 *
 * @module
 */
import type { Client } from "../../lib/client/client.ts";
import type { Completion } from "../../lib/client/completions.ts";
import type { Slot } from "../../lib/core/brands.ts";
import { KEY_TYPE_NUMBERS } from "../../lib/core/key_types.ts";
import { GatewaySession } from "../../lib/gateway/gateway_session.ts";
import { numberOf, RequestFrame } from "../../lib/gateway/request_frames.ts";
import { SessionRegister } from "../../lib/gateway/session_register.ts";
import type { PreviousSession, SessionVerdicts } from "../../lib/gateway/session_verdicts.ts";
import type { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { DerivationWords } from "../../lib/rings/derivation_words.ts";
import { REQUEST_RECORD, Status } from "../../lib/rings/ring_layout.ts";
import { kindOf, WIRE_HEADER_BYTES } from "../../lib/wire/frame.ts";
import {
  type Change,
  copyLedger,
  type TakeoverDisk,
  type TakeoverEvidence,
} from "./takeover_disk.ts";
import { applied, bytesOf, HASH_KEY, keyOfHash, seen, slotOf } from "./takeover_operations.ts";

export const SEGMENT_BYTES = 4096;

/** A request that has been issued, and has not been executed. */
interface Issued {
  readonly session: number;
  readonly process: number;
  readonly words: Int32Array;
  readonly completion: Completion;
}

/** What a key holds. */
interface Held {
  readonly version: number;
  readonly value: number;
}

/** A connection, as the host sees it. */
export interface HostLink {
  readonly process: number;
  /** The session that was asked about. */
  previous: number | undefined;
  /** 0 before the WELCOME. */
  session: number;
  gateway: GatewaySession | undefined;
  isOpen: boolean;
  readonly send: (message: Uint8Array | Welcome) => void;
}

/** What a host says first. */
export interface Welcome {
  readonly session: number;
  readonly verdicts: SessionVerdicts | undefined;
}

/** A host in its life. */
export class TakeoverHost {
  readonly evidence: TakeoverEvidence;
  readonly links: HostLink[] = [];
  /** Requests of each slot, in their order. */
  readonly queues = new Map<Slot, Issued[]>();
  /** Where the log was cut for the checkpoint that is being made. */
  cut: number | undefined;
  readonly #disk: TakeoverDisk;
  readonly #register: SessionRegister;
  /** Connections whose processes have closed their stores. */
  readonly #left: HostLink[] = [];
  #isAlive = true;

  constructor(disk: TakeoverDisk) {
    this.#disk = disk;
    this.evidence = disk.recover();
    this.#register = new SessionRegister(this.evidence);
  }

  /** A process has made a connection. */
  accept(process: number, send: HostLink["send"]): HostLink {
    const link: HostLink = {
      process,
      previous: undefined,
      session: 0,
      gateway: undefined,
      isOpen: true,
      send,
    };
    this.links.push(link);
    return link;
  }

  /** The HELLO of a connection has come. */
  async welcome(link: HostLink, previous: PreviousSession | undefined): Promise<void> {
    link.previous = previous?.session;
    const verdicts = previous === undefined ? undefined : await this.#register.judge(previous);
    if (!link.isOpen || !this.#isAlive) return;
    const session = link.session = this.evidence.claimSession();
    const gateway = link.gateway = new GatewaySession({
      hashKey: HASH_KEY,
      keyTypes: KEY_TYPE_NUMBERS.mixed,
      client: this.#clientOf(link),
      reader: this.#reader(),
      onConfirmed: (number) => this.#register.confirm(session, number),
      write: (bytes) => {
        if (link.isOpen && this.#isAlive) link.send(bytes);
        return true;
      },
    });
    this.#register.enter(session, gateway, previous?.session);
    link.send({ session, verdicts });
  }

  /** Bytes of a connection have come. */
  receive(link: HostLink, bytes: Uint8Array): void {
    if (kindOf(bytes) !== RequestFrame.FAREWELL) {
      return link.gateway!.receive(bytes.slice(WIRE_HEADER_BYTES));
    }
    link.isOpen = false;
    this.#left.push(link);
    void this.#register.end(link.session);
  }

  /** @throws {Error} when something is known of a session of which a farewell has come */
  assertForgotten(): void {
    const { ended } = this.evidence;
    const kept = this.#left.flatMap(({ session, previous }) => [session, previous ?? session])
      .find((session) => !ended.has(session));
    if (kept !== undefined) throw new Error(`I14: session ${kept} is kept after its farewell`);
  }

  /** The end of a connection is seen. */
  end(link: HostLink): void {
    link.isOpen = false;
    if (link.session !== 0) void this.#register.leave(link.session);
  }

  /** Executes the next request of a slot; `isFull` if there is no room for what it makes. */
  execute(slot: Slot, isFull: boolean): void {
    const queue = this.queues.get(slot)!;
    const { session, process, words, completion } = queue.shift()!;
    const request = seen(words);
    const held = this.held(request.key);
    const made = applied(request, held);
    if (queue.length === 0) this.queues.delete(slot);
    if (made === undefined) return settle(completion, Status.UNMET, 0, words);
    if (isFull) return settle(completion, Status.LOG_FULL, 0, words);
    const { key, kind, value } = request;
    const isAddition = kind === "add" || kind === "limited";
    if (isAddition) leave(words, held?.value ?? 0);
    const change: Change = {
      name: nameOf(process, kind, value),
      session,
      number: numberOf(words, 0),
      key,
      version: this.#disk.changesOf(key).length + 1,
      value: made.value,
    };
    if (this.#disk.changes.some(({ name }) => name === change.name)) {
      throw new Error(`I5: ${change.name} is applied twice`);
    }
    this.#disk.log = [...this.#disk.log, change];
    this.evidence.note(change);
    settle(completion, Status.OK, change.version, words);
  }

  /** What a key holds. */
  held(key: string): Held | undefined {
    const last = this.#disk.changesOf(key).at(-1);
    return last?.value === undefined ? undefined : { version: last.version, value: last.value };
  }

  /** Cuts the log for a checkpoint, or makes the one whose cut there is. */
  checkpoint(): void {
    const disk = this.#disk;
    if (this.cut === undefined) {
      this.cut = disk.log.length;
      return;
    }
    const { ledger, ended } = this.evidence;
    const changes = [...disk.checkpoint.changes, ...disk.log.slice(0, this.cut)];
    disk.checkpoint = { changes, ledger: copyLedger(ledger), ended: new Set(ended) };
    disk.log = disk.log.slice(this.cut);
    this.cut = undefined;
  }

  die(): void {
    this.#isAlive = false;
  }

  /** The client of a session, as far as sessions use it. */
  #clientOf({ session, process }: HostLink): Client {
    const counts = new Map<Slot, number>();
    let waiters: { slot: Slot | undefined; resolve: () => void }[] = [];
    const isPending = (slot: Slot | undefined) =>
      slot === undefined ? counts.size > 0 : counts.has(slot);
    const noteEnd = (slot: Slot) => {
      const count = counts.get(slot)! - 1;
      if (count === 0) counts.delete(slot);
      else counts.set(slot, count);
      const ready = waiters.filter((waiter) => !isPending(waiter.slot));
      waiters = waiters.filter((waiter) => isPending(waiter.slot));
      for (const { resolve } of ready) resolve();
    };
    const whenNot = (slot: Slot | undefined): Promise<void> =>
      isPending(slot)
        ? new Promise((resolve) => waiters.push({ slot, resolve }))
        : Promise.resolve();
    const client = {
      isCrowded: false,
      isSlotPending: isPending,
      whenSlotSettled: whenNot,
      whenIdle: () => whenNot(undefined),
      forward: (words: Int32Array, completion: Completion) => {
        const slot = slotOf(words);
        counts.set(slot, (counts.get(slot) ?? 0) + 1);
        const queue = this.queues.get(slot) ?? [];
        this.queues.set(slot, queue);
        const settled: Completion = {
          settle: (...end) => {
            completion.settle(...end);
            noteEnd(slot);
          },
          fail: (error) => completion.fail(error),
        };
        queue.push({ session, process, words, completion: settled });
      },
    };
    return client as unknown as Client;
  }

  #reader(): OneSidedReader {
    const reader = {
      version: 0,
      expiresAtMs: Infinity,
      value: new Uint8Array(0),
      valueBytes: 0,
      read: ({ hash }: { hash: number }) => {
        const held = this.held(keyOfHash(hash));
        if (held === undefined) return false;
        reader.version = held.version;
        reader.value = bytesOf(held.value);
        reader.valueBytes = reader.value.length;
        return true;
      },
    };
    return reader as unknown as OneSidedReader;
  }
}

/** The name of an operation of a process. */
export function nameOf(process: number, kind: string, value: number): string {
  return `${process} ${kind} ${value}`;
}

function settle(completion: Completion, status: number, version: number, words: Int32Array): void {
  completion.settle(status, 0, version, 0, words, 0);
}

function leave(words: Int32Array, before: number): void {
  const asked = new DerivationWords();
  asked.read(words, REQUEST_RECORD);
  asked.leave(words, REQUEST_RECORD, before, Infinity);
}
