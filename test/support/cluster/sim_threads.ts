/**
 * An application thread of a cluster, with the real carrier and the real ends of its connections,
 * and nodes that are simulated: slots change their owners, connections are cut, requests come back,
 * and what became of some is not known.
 *
 * Nodes keep what docs/protocols/cluster.md says of them: they execute what was routed by the
 * assignment by which they own a slot, and know which requests were applied, by their names.
 *
 * @module
 */
import { EventEmitter } from "node:events";
import type { Server, Socket } from "node:net";
import type { Slot } from "../../../lib/core/brands.ts";
import { SLOT_COUNT, SLOT_SHIFT } from "../../../lib/core/limits.ts";
import { answerCalls } from "../../../lib/cluster/agent/called_node.ts";
import { NodeWatches } from "../../../lib/cluster/agent/node_watches.ts";
import { type LogRecord, NO_ORIGIN } from "../../../lib/cluster/messages/log_codec.ts";
import { MESSAGE_BYTES_MAX } from "../../../lib/cluster/messages/message_limits.ts";
import type { ClusterClock } from "../../../lib/cluster/node/cluster_clock.ts";
import {
  type KeyPage,
  type KeyPageParts,
  type KeyPageRequest,
  readPage,
} from "../../../lib/cluster/node/key_pages.ts";
import { KeyTable } from "../../../lib/cluster/node/key_table.ts";
import type { RecordTable } from "../../../lib/cluster/node/record_table.ts";
import { NONE_REFUSED, type OwnerView } from "../../../lib/cluster/client/owner_view.ts";
import { NOT_OWNER, UNKNOWN } from "../../../lib/cluster/network/cluster_frames.ts";
import { NodeServer } from "../../../lib/cluster/network/node_server.ts";
import type {
  ExecutedAnswer,
  RequestExecutor,
  RequestFacts,
} from "../../../lib/cluster/network/node_session.ts";
import type { Timer } from "../../../lib/platform/runtime.ts";
import {
  metaKeyBytes,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_VALUE_BYTES,
  valueWord,
} from "../../../lib/log/record_layout.ts";
import {
  Condition,
  conditionOf,
  Operation,
  operationOf,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  REQUEST_VERSION_HIGH,
  REQUEST_VERSION_LOW,
  Status,
} from "../../../lib/rings/ring_layout.ts";
import type { Random } from "../random.ts";
import { SimConnection } from "./sim_sockets.ts";

/** Slots are theirs in turn at first. */
export const NODES = 3;
/** What is slow has a turn so many times less often. */
const SLOW = 300;
/** So that a slot has several pages, and some pages are one key. */
const PAGE_BYTES_MAX = 32;
const SECRET = "a secret of the simulation";

interface Stored {
  readonly value: Uint8Array;
  readonly version: number;
}

/** What has become of a key. */
export interface SimChange {
  readonly key: Uint8Array;
  /** Undefined: it was deleted. */
  readonly value: Uint8Array | undefined;
  readonly version: number;
}

interface Held {
  readonly words: Int32Array;
  readonly facts: RequestFacts;
  readonly done: (answer: ExecutedAnswer) => void;
  readonly slot: Slot;
}

/** A simulated cluster. */
export class SimThreads {
  readonly secret = SECRET;
  nowMs = 0;
  /** By how much more the thread's clocks have moved than those of the nodes. */
  aheadMs = 0;
  /** For how long the thread's machine was suspended, with its monotonic clock. */
  suspendedMs = 0;
  /** What the thread is to know of the owners, sooner or later. */
  told: OwnerView;
  readonly #random: Random;
  readonly #owners = new Int32Array(SLOT_COUNT).map((_, slot) => slot % NODES);
  readonly #assignedAt = new Float64Array(SLOT_COUNT).fill(1);
  /**
   * Where slots stay for long, what comes late by an earlier connection is still for their owners.
   */
  readonly #movedOnceIn: number;
  #sequence = 1;
  readonly #table: KeyTable;
  /** Pages that have been read and not been taken. */
  readonly #pages: (() => void)[] = [];
  /** By the hashes of keys, of which there are few. */
  readonly #stored = new Map<number, Stored>();
  #version = 0;
  /** What is known of requests that were applied, until their sessions have the answers. */
  readonly #applied = new Map<number, Map<number, ExecutedAnswer>>();
  /** A node that does nothing any more, and does not end; its slots are others' then. */
  #frozen = -1;
  /** What nodes have begun, in the order of each slot. */
  readonly #held: Held[][] = Array.from({ length: NODES }, () => []);
  readonly #servers: NodeServer[];
  readonly #watches: NodeWatches[] = [];
  /** A node whose connections are slow; -1 for none. */
  slowNode = -1;
  /** A node that the thread cannot reach, though all others can; -1 for none. */
  unreachableNode = -1;
  /** How many requests nodes have given back. */
  returnedCount = 0;
  /** What has become of keys, in the order in which it did. */
  readonly history: SimChange[] = [];
  readonly #listeners: EventEmitter[] = [];
  #connections: SimConnection[] = [];
  #timers: { atMs: number; task: () => void }[] = [];

  constructor(random: Random, hashKey: readonly [number, number]) {
    this.#random = random;
    this.#table = new KeyTable(hashKey);
    this.#movedOnceIn = random.pick([30, 1000]);
    this.told = this.view();
    this.#servers = Array.from({ length: NODES }, (_, node) => {
      const listener = new EventEmitter() as EventEmitter & { close(): void };
      listener.close = () => {};
      this.#listeners.push(listener);
      const executor: RequestExecutor = {
        isCrowded: false,
        clockMs: () => this.nowMs,
        execute: (words, facts, done) => this.#take(node, words, facts, done),
      };
      const rules = { hashKey, keyTypes: 1 };
      const watches = new NodeWatches(hashKey);
      this.#watches.push(watches);
      const unasked = () => {
        throw new Error("nobody asks for that");
      };
      const page = (request: KeyPageRequest, done: (page: KeyPage) => void) => {
        const bytesMax = 1 + random.below(PAGE_BYTES_MAX);
        readPage(this.#pagesOf(node), { ...request, bytesMax }, done);
      };
      const answer = answerCalls({ page }, watches, unasked);
      const onDistrust = () => {};
      const parts = { node, secret: SECRET, tls: undefined, executor, rules, answer, onDistrust };
      const messageBytes = MESSAGE_BYTES_MAX;
      return NodeServer.serve(listener as unknown as Server, { ...parts, messageBytes });
    });
  }

  /** Whether something is on its way or begun, but for the node that stands still. */
  get isBusy(): boolean {
    return this.#held.some((held, node) => node !== this.#frozen && held.length > 0) ||
      this.#connections.some(({ nodeNumber, isBusy }) => nodeNumber !== this.#frozen && isBusy);
  }

  /** The clock of the thread. */
  get clock(): ClusterClock {
    return {
      monotonicMs: () => this.nowMs + this.aheadMs,
      epochMs: () => this.nowMs + this.aheadMs + this.suspendedMs,
      after: (ms: number, task: () => void): Timer => {
        const timer = { atMs: this.nowMs + ms, task };
        this.#timers.push(timer);
        return {
          stop: () => void (this.#timers = this.#timers.filter((one) => one !== timer)),
        } as Timer;
      },
    };
  }

  /** A slot becomes a node's, of which nothing is on its way. */
  give(slot: Slot, node: number): void {
    this.#owners[slot] = node;
    this.#assignedAt[slot] = ++this.#sequence;
  }

  /** How the thread connects. */
  readonly connect = (_host: string, port: number): Socket => {
    const connection = new SimConnection(port - 1);
    this.#connections.push(connection);
    return connection.thread as unknown as Socket;
  };

  /** Who owns what. */
  view(): OwnerView {
    const addresses = new Map(
      Array.from({ length: NODES }, (_, node) => [node, `127.0.0.1:${node + 1}`]),
    );
    const [owners, assignedAt] = [this.#owners.slice(), this.#assignedAt.slice()];
    return { owners, assignedAt, addresses, refused: NONE_REFUSED, failedAt: new Map() };
  }

  /** Something happens, with troubles or without; returns whether owners have changed. */
  step(slots: readonly Slot[], hasTroubles: boolean): boolean {
    const random = this.#random;
    this.nowMs += random.below(10);
    const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.nowMs);
    for (const { task } of due) task();
    // Who stands still never takes, nor ends, what threads have given up: that takes no turns.
    this.#connections = this.#connections.filter(({ isOver, nodeNumber, thread }) =>
      !isOver && (nodeNumber !== this.#frozen || thread.isOpen)
    );
    const connection = this.#connections.length > 0 ? random.pick(this.#connections) : undefined;
    const isLate = connection?.nodeNumber === this.unreachableNode ||
      connection?.nodeNumber === this.slowNode && random.below(SLOW) > 0;
    if (connection?.nodeNumber !== this.#frozen && !isLate) {
      connection?.step(random, (socket) => {
        this.#listeners[connection.nodeNumber]!.emit("connection", socket);
      });
    }
    if (random.below(2) === 0) this.#execute(random.below(NODES));
    if (random.below(4) > 0) this.#pages.splice(random.below(this.#pages.length), 1)[0]?.();
    const before = this.#sequence;
    if (hasTroubles) this.#trouble(slots, connection);
    return this.#sequence > before;
  }

  #trouble(slots: readonly Slot[], connection: SimConnection | undefined): void {
    const random = this.#random;
    if (random.below(1500) === 0) this.freeze(slots);
    if (random.below(this.#movedOnceIn) === 0) this.#move(random.pick(slots));
    if (random.below(60) === 0) connection?.cut();
  }

  /** Ends all connections. */
  cutAll(): void {
    for (const connection of this.#connections) connection.cut();
  }

  /** What is on its way by connections that their threads have given up never comes. */
  loseRemains(): void {
    this.#connections = this.#connections.filter(({ thread }) => thread.isOpen);
  }

  /** Ends what has timers of the runtime. */
  async close(): Promise<void> {
    for (const { node, thread } of this.#connections) {
      node.destroy();
      thread.destroy();
    }
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  #take(
    node: number,
    words: Int32Array,
    facts: RequestFacts,
    done: (answer: ExecutedAnswer) => void,
  ): void {
    const slot = (words[REQUEST_RECORD + RECORD_HASH]! >>> SLOT_SHIFT) as Slot;
    // Sometimes it has too much to do.
    const isBusy = this.#random.below(20) === 0;
    if (isBusy || !this.#isFor(node, slot, facts)) {
      this.returnedCount += 1;
      return done(ending(NOT_OWNER));
    }
    this.#held[node]!.push({ words, facts, done, slot });
  }

  #isFor(node: number, slot: Slot, { assignedAt }: RequestFacts): boolean {
    return this.#owners[slot] === node && this.#assignedAt[slot] === assignedAt;
  }

  /** What a node's pages are made of: it finds what there is when it begins, and has it later. */
  #pagesOf(node: number): KeyPageParts {
    const page: RecordTable["page"] = (request, done) =>
      this.#table.page(request, (found) => {
        // An engine is asked for what a slot has; that it has nothing is known at once.
        if (found.records.length === 0) done(found);
        else this.#pages.push(() => done(found));
      });
    return {
      table: { page } as RecordTable,
      epochMs: () => this.nowMs,
      servedSince: (slot) =>
        this.#owners[slot] === node && node !== this.#frozen ? this.#assignedAt[slot]! : 0,
      expired: () => {},
    };
  }

  /** A node executes what it has begun first. */
  #execute(node: number): void {
    const held = node === this.#frozen ? undefined : this.#held[node]!.shift();
    if (held === undefined) return;
    const before = this.history.length;
    const answer = this.#once(held);
    for (const change of this.history.slice(before)) this.#watches[node]!.written(recordOf(change));
    held.done(answer);
  }

  /** Applies a request unless it was applied. */
  #once({ words, facts: { session, number, confirmed } }: Held): ExecutedAnswer {
    let applied = this.#applied.get(session);
    if (applied === undefined) this.#applied.set(session, applied = new Map());
    for (const old of applied.keys()) if (old <= confirmed) applied.delete(old);
    const answer = applied.get(number) ?? this.#apply(words);
    const isChange = operationOf(words[REQUEST_OPERATION]!) !== Operation.GET;
    if (isChange && answer.status === Status.OK) applied.set(number, answer);
    return answer;
  }

  /** A node stands still, unless another one does: its slots go to others. */
  freeze(slots: readonly Slot[]): void {
    if (this.#frozen >= 0) return;
    this.#frozen = this.#random.below(NODES);
    for (const slot of slots) if (this.#owners[slot] === this.#frozen) this.#move(slot);
    // Of the others nothing is on its way.
    const next = (this.#frozen + 1) % NODES;
    this.#sequence += 1;
    this.#owners.forEach((owner, slot) => {
      if (owner !== this.#frozen) return;
      this.#owners[slot] = next;
      this.#assignedAt[slot] = this.#sequence;
    });
  }

  /**
   * A slot gets another owner, or the same one again; what its owner has begun ends, or is not
   * known.
   */
  #move(slot: Slot): void {
    const owner = this.#owners[slot]!;
    const ofSlot = this.#held[owner]!.filter((held) => held.slot === slot);
    this.#held[owner] = this.#held[owner]!.filter((held) => held.slot !== slot);
    const next = this.#random.below(NODES);
    this.#owners[slot] = next === this.#frozen ? (next + 1) % NODES : next;
    this.#assignedAt[slot] = ++this.#sequence;
    // Of the first ones an append was on its way, which is stored or not; of the others none was.
    const unknownCount = this.#random.below(ofSlot.length + 1);
    const isStored = this.#random.below(2) === 0;
    ofSlot.forEach((held, i) => {
      if (i < unknownCount && isStored) this.#once(held);
      held.done(ending(i < unknownCount ? UNKNOWN : NOT_OWNER));
    });
  }

  #apply(words: Int32Array): ExecutedAnswer {
    const hash = words[REQUEST_RECORD + RECORD_HASH]!;
    const old = this.#stored.get(hash);
    const operation = operationOf(words[REQUEST_OPERATION]!);
    if (operation === Operation.GET) {
      if (old === undefined) return ending(Status.UNMET);
      return {
        status: Status.FOUND,
        version: old.version,
        expiresAtMs: Infinity,
        content: old.value,
      };
    }
    const condition = conditionOf(words[REQUEST_OPERATION]!);
    const expected = words[REQUEST_VERSION_HIGH]! * 2 ** 32 + (words[REQUEST_VERSION_LOW]! >>> 0);
    const isMet = condition === Condition.NONE ||
      (condition === Condition.ABSENT ? old === undefined : old?.version === expected);
    const isDelete = operation === Operation.DELETE;
    if (!isMet || (isDelete && old === undefined)) return ending(Status.UNMET);
    const version = ++this.#version;
    const value = isDelete ? undefined : valueOf(words);
    if (value === undefined) this.#stored.delete(hash);
    else this.#stored.set(hash, { value, version });
    const change = { key: keyOf(words), value, version };
    this.history.push(change);
    this.#table.merge(recordOf(change), { node: 0, sequence: 1, place: 0 });
    return { ...ending(Status.OK), version };
  }
}

function ending(status: number): ExecutedAnswer {
  return { status, version: 0, expiresAtMs: Infinity, content: new Uint8Array(0) };
}

function keyOf(words: Int32Array): Uint8Array {
  const at = REQUEST_RECORD + RECORD_KEY;
  const bytes = metaKeyBytes(words[REQUEST_RECORD + RECORD_META]!);
  return new Uint8Array(words.buffer, words.byteOffset + at * 4, bytes).slice();
}

function recordOf({ key, value, version }: SimChange): LogRecord {
  const ofKey = { bytes: key, isBinary: false };
  return { key: ofKey, value, version, expiresAtMs: Infinity, origin: NO_ORIGIN };
}

function valueOf(words: Int32Array): Uint8Array {
  const at = REQUEST_RECORD + valueWord(words[REQUEST_RECORD + RECORD_META]!);
  const bytes = new Uint8Array(words.buffer, words.byteOffset + at * 4);
  return bytes.slice(0, words[REQUEST_RECORD + RECORD_VALUE_BYTES]!);
}
