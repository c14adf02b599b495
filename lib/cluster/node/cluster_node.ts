/**
 * A node of a cluster: owner of a part of the slots, for as long as its lease holds.
 *
 * It has no thread and waits for nothing: messages, timers and requests come in, and each does what
 * can be done now. So a simulation runs the same object as a process does.
 *
 * Why nothing that was answered is lost, and nothing else is seen, is in docs/protocols/cluster.md;
 * the parts are in the files that this one puts together. Values are in memory, and each node reads
 * all logs from their beginning; or, with an index, values and index are in the engine, and a
 * bounded part of them in memory.
 *
 * @module
 */
import { KeyEncoder, type StoredKey } from "../../core/key_encoder.ts";
import type { Timer } from "../../platform/runtime.ts";
import type { Command, Move } from "../control/command.ts";
import { CONTROL_STREAM, ControlLog } from "../control/control_log.ts";
import { NO_OWNER } from "../control/control_state.ts";
import { Shortening } from "../control/shortening.ts";
import { IndexKeeper, type KeeperStats } from "../index/index_keeper.ts";
import type { ClusterNodeOptions } from "./cluster_node_options.ts";
import { HandOver } from "./hand_over.ts";
import { hashOf } from "./key_table.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import {
  limitsOf,
  type MessageLimits,
  PLAIN_MESSAGE_BYTES_MAX,
} from "../messages/message_limits.ts";
import type { KeyPage, KeyPageRequest } from "./key_pages.ts";
import { LentKeys } from "./lent_keys.ts";
import { LogFollowing } from "./log_following.ts";
import { logStream } from "./log_streams.ts";
import { bytesOf, LogWriter } from "./log_writer.ts";
import type { RecordAddress } from "./record_table.ts";
import { RequestClock } from "./request_clock.ts";
import { type NodeStanding, RequestIntake } from "./request_intake.ts";
import {
  type Answered,
  answerOf,
  type ClusterRequest,
  ClusterStatus,
  isReading,
  readOf,
} from "./requests.ts";
import { EVIDENCE_MS, SessionEvidence } from "./session_evidence.ts";
import { ServedKeys } from "./served_keys.ts";
import type { SlotLoader } from "./slot_loader.ts";
import { SlotMoves } from "./slot_moves.ts";
import { SlotSharing } from "./slot_sharing.ts";
import { Succession } from "./succession.ts";

/** A node looks after its lease, and those of others, so many times while one lasts. */
const STEPS_PER_LEASE = 20;
/** And so often at least: moves and expiry are not to wait for a part of a long lease. */
const STEP_MS_MAX = 150;

export type { ClusterNodeOptions } from "./cluster_node_options.ts";

/** Bytes of requests that wait for their slots or for their appends, at most, beside one. */
export const WAITING_BYTES_MAX: number = 16 * PLAIN_MESSAGE_BYTES_MAX;

/** Owner of a part of the slots. */
export class ClusterNode {
  readonly #options: ClusterNodeOptions;
  readonly #limits: MessageLimits;
  readonly #encoder: KeyEncoder;
  readonly #loader: SlotLoader;
  readonly #evidence: SessionEvidence;
  readonly #requestClock: RequestClock;
  readonly #lent: LentKeys;
  readonly #intake: RequestIntake;
  readonly #keys: ServedKeys;
  #control: ControlLog | undefined;
  #succession: Succession | undefined;
  #shortening: Shortening | undefined;
  #moves: SlotMoves | undefined;
  #sharing: SlotSharing | undefined;
  #handOver: HandOver | undefined;
  /** Of the term in which this node is. */
  #writer: LogWriter | undefined;
  #timer: Timer | undefined;
  #isLeaving = false;
  #isStopped = false;
  #failure: unknown;

  constructor(options: ClusterNodeOptions) {
    this.#options = options;
    const limits = this.#limits = options.limits ?? limitsOf(PLAIN_MESSAGE_BYTES_MAX);
    const { engine, clock, node, hashKey, index, evidenceMs = EVIDENCE_MS } = options;
    this.#loader = index === undefined
      ? new LogFollowing(engine, hashKey)
      : new IndexKeeper({ engine, clock, node, hashKey, evidenceMs, limits, ...index });
    this.#evidence = new SessionEvidence(clock, evidenceMs);
    this.#requestClock = new RequestClock(clock);
    this.#lent = this.#makeLent();
    this.#intake = new RequestIntake({
      standing: this.#makeStanding(),
      clock,
      requestClock: this.#requestClock,
      table: this.#loader.table,
      lent: this.#lent,
      shared: options.shared,
      executes: (slot) => this.#sharing?.count(slot),
    });
    const encoder = this.#encoder = new KeyEncoder(...options.hashKey);
    const parts = {
      table: this.#loader.table,
      epochMs: () => options.clock.epochMs(),
      servedSince: (slot: number) => this.servedSince(slot),
    };
    this.#keys = new ServedKeys(parts, encoder, (key, hash) => this.#expire(key, hash));
  }

  /** Joins the cluster as soon as the engine can be reached. */
  start(): void {
    const { engine, node } = this.#options;
    this.#timer = this.#later(() => this.start());
    const mayJoin = () => !this.#isStopped && this.#control === undefined;
    engine.createStream(CONTROL_STREAM, (isThere) => {
      if (!isThere || !mayJoin()) return;
      engine.createStream(logStream(node), (isLogThere) => {
        if (!isLogThere || !mayJoin()) return;
        this.#loader.createStreams((areThere) => {
          if (areThere && mayJoin()) this.#join();
        });
      });
    });
  }

  /** Why this node does nothing any more; undefined while it does. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Whether it has a term and may answer. */
  get isActive(): boolean {
    return this.#writer?.isReady === true && this.#control!.lease.holds() && !this.#isLeaving;
  }

  /** How long it may answer if its lease is not renewed, in milliseconds. */
  get leaseLeftMs(): number {
    return this.#control?.lease.leftMs() ?? 0;
  }

  /** How many slots it serves, if it may answer. */
  get servedSlotCount(): number {
    const moves = this.#moves;
    if (moves === undefined || !this.isActive) return 0;
    return this.#control!.state.owners.reduce((sum, _, slot) => sum + +moves.isServed(slot), 0);
  }

  /** The time of ownership in which it serves a slot, if it may answer; otherwise 0. */
  servedSince(slot: number): number {
    const isServed = this.isActive && this.#moves!.isServed(slot);
    return isServed ? this.#control!.state.assignedAt[slot]! : 0;
  }

  /**
   * Who owns a slot, as far as this node knows: where to send requests of it, and what they name.
   */
  routeOf(slot: number): { readonly owner: number; readonly routedBy: number } {
    const state = this.#control?.state;
    if (state === undefined) return { owner: NO_OWNER, routedBy: 0 };
    return { owner: state.owners[slot]!, routedBy: state.assignedAt[slot]! };
  }

  /** The time by which requests come too late: see `ClusterRequest.untilMs`. */
  requestClockMs(): number {
    return this.#requestClock.nowMs();
  }

  /** Whether so much waits that nothing is to be executed before `settled` is called. */
  get isCrowded(): boolean {
    return this.#waitingBytes > WAITING_BYTES_MAX / 2 || this.#loader.isFull;
  }

  /**
   * Executes a request. `done` is called once, maybe at once, but not in bounded time: while the
   * engine cannot be reached, it waits.
   */
  execute(request: ClusterRequest, done: Answered): void {
    this.#evidence.confirm(request.session, request.confirmed);
    const isTooMuch = this.#waitingBytes > WAITING_BYTES_MAX ||
      (this.#loader.isFull && !isReading(request));
    if (isTooMuch) return done(answerOf(ClusterStatus.BUSY));
    this.#intake.take(request, bytesOf(request), done);
  }

  /** Lists keys of slots. */
  page(request: KeyPageRequest, done: (page: KeyPage) => void): void {
    this.#keys.page(request, done);
  }

  /**
   * About how many keys there are in the slots that it serves, those included that have expired.
   */
  get keyCount(): number {
    return this.#keys.count;
  }

  /** Gives slots to other members, who may read ahead first; those that it does not serve stay. */
  handOver(moves: readonly Move[], readsAhead = false): void {
    if (readsAhead) this.#sharing?.offer(moves);
    else this.#moves?.leave(moves);
    this.#step();
  }

  /** Leaves the cluster when others have its slots, or soon, and all is written: nobody waits. */
  leave(): void {
    if (this.isActive) this.#sharing!.leave();
    else this.#isLeaving = true;
    this.#step();
  }

  /** Whether it has left. */
  get hasLeft(): boolean {
    return this.#isLeaving && this.#control?.term === undefined;
  }

  /** Does nothing any more, like one that was killed. */
  stop(): void {
    this.#isStopped = true;
    this.#options.shared?.endAll();
    this.#timer?.stop();
    // What waits here, or for the engine, is not answered from slots that are not read, or have
    // gone.
    this.#control?.lease.end();
    this.#control?.stop();
    this.#writer?.close();
    this.#intake.release();
    this.#loader.stop();
  }

  /** How reads and changes went, with an index. */
  get indexStats(): KeeperStats | undefined {
    return this.#loader instanceof IndexKeeper ? this.#loader.stats : undefined;
  }

  /** Reads that the thread of its process has answered from what is shared. */
  get sharedReads(): number {
    return this.#options.shared?.readCount ?? 0;
  }

  /** Reads of its keys that others have answered from copies, as they have said. */
  get copiedReads(): number {
    return this.#lent.copiedReads;
  }

  get #waitingBytes(): number {
    return this.#intake.bytes + (this.#writer?.waitingBytes ?? 0);
  }

  #makeLent(): LentKeys {
    const { clock, times, copies } = this.#options;
    return new LentKeys({
      clock,
      times,
      settings: copies,
      leaseLeftMs: () => this.leaseLeftMs,
      isChanging: (slot) => this.#writer!.isChanging(slot),
      ended: () => {
        if (this.#isStopped) return;
        this.#intake.release();
        if (this.#isLeaving || this.#moves!.leaving.size > 0) this.#step();
      },
    });
  }

  /** What its requests need to know of it. */
  #makeStanding(): NodeStanding {
    return {
      sequence: () => this.#control?.state.sequence ?? 0,
      writer: () => this.#isLeaving ? undefined : this.#writer,
      isActive: () => this.isActive,
      isStopped: () => this.#isStopped,
      ownerOf: (slot) => this.routeOf(slot).owner,
      hasSlot: (slot, assignedAt) => this.#hasSlot(slot, assignedAt),
      isComing: (slot) => this.#moves!.isComing(slot),
    };
  }

  /** Whether it owns a slot by an assignment, and is not giving it away. */
  #hasSlot(slot: number, assignedAt: number): boolean {
    const { owner, routedBy } = this.routeOf(slot);
    return owner === this.#options.node && routedBy === assignedAt &&
      (this.#moves!.isServed(slot) || this.#moves!.isComing(slot));
  }

  /** Deletes a key that has expired, as a read of it does; false if that cannot be done now. */
  #expire(key: StoredKey, hash: number): boolean {
    if (this.isCrowded || !this.isActive || this.#lent.isLent(hash)) return false;
    this.#writer!.add(readOf(key, hash), () => {});
    return true;
  }

  /** A record counts. */
  #take(record: LogRecord, address: RecordAddress): void {
    const { shared } = this.#options;
    this.#loader.table.merge(record, address);
    shared?.change(hashOf(this.#encoder, record.key), record);
    this.#evidence.note(record);
    this.#keys.note(record);
  }

  #join(): void {
    const { engine, clock, times, node, address, nameLife, balance } = this.#options;
    const control = this.#control = new ControlLog({
      engine,
      clock,
      times,
      node,
      address,
      tells: () => this.#sharing!.endWindow(),
      hasNews: () => this.#sharing!.hasNews,
      nameLife,
      changed: (command) => this.#changed(command),
      lost: () => this.#endTerm(),
      loaded: () => {
        for (const known of control.state.nodes()) this.#loader.seen(known);
        this.#intake.release();
      },
      failed: (error) => this.#fail(error),
    });
    this.#loader.join({
      control,
      take: (record, address) => this.#take(record, address),
      loaded: () => {
        if (this.#moves!.logRead()) this.#intake.release();
      },
      emptied: () => this.#options.settled?.(),
      failed: (error) => this.#fail(error),
    });
    const readUpTo = (log: number) => this.#loader.readUpTo(log);
    const moves = new SlotMoves(node, control.state, readUpTo, this.#options.shared);
    this.#moves = moves;
    this.#sharing = new SlotSharing({ node, clock, control, moves, loader: this.#loader, balance });
    this.#handOver = new HandOver({ node, control, moves, lent: this.#lent });
    this.#succession = new Succession(engine, control, node);
    this.#shortening = new Shortening(engine, this.#options.stateEvery);
    this.#timer?.stop();
    this.#tick();
  }

  #tick(): void {
    this.#timer = this.#later(() => this.#tick());
    this.#step();
  }

  #later(task: () => void): Timer {
    const { clock, times } = this.#options;
    return clock.after(Math.min(times.leaseMs / STEPS_PER_LEASE, STEP_MS_MAX), task);
  }

  /** Does what can be done now. */
  #step(): void {
    const control = this.#control;
    this.#intake.release();
    if (control === undefined || this.#failure !== undefined) return;
    this.#isLeaving ||= this.#sharing!.mayGo;
    if (this.#isLeaving) {
      this.#options.shared?.endAll();
      const isLent = this.#lent.recallAll();
      if (this.#writer?.isIdle !== false && !isLent) control.resign();
      return;
    }
    control.renew();
    if (!this.isActive) {
      // Nobody else might be there to end the lease of an earlier life of this node.
      control.revokeEnded();
      return;
    }
    this.#succession!.step();
    if (control.liveMembers()[0] === this.#options.node) this.#shortening!.step(control);
    this.#sharing!.step();
    this.#handOver!.step(this.#writer!);
    this.#loader.step(this.#writer!);
    this.#keys.deleteExpired();
  }

  /** A command counts. */
  #changed(command: Command): void {
    const { node } = this.#options;
    switch (command.kind) {
      case "renew": {
        this.#loader.seen(command.node);
        const { term, state, lease: { span } } = this.#control!;
        const isOwn = command.node === node && term !== undefined;
        if (isOwn && span !== undefined) this.#options.shared?.prolong(span);
        const isNew = state.leaseOf(command.node)!.term === state.sequence;
        if (isOwn) this.#beginTerm(term);
        if (isNew) this.#sharing!.joined(command.node);
        // Who gives and who reads ahead do not wait for each other longer than they have to.
        if (command.offer !== undefined || command.ahead !== undefined) this.#step();
        return;
      }
      case "revoke":
        if (command.node === node) this.#endTerm();
        return this.#intake.release();
      case "assign":
        this.#loader.assigned(command);
        this.#moves!.assigned(command.moves);
        return this.#sharing!.mayGo ? this.#step() : this.#intake.release();
      default:
    }
  }

  #beginTerm(term: number): void {
    if (this.#writer !== undefined) return;
    const { engine, clock, soon = (task) => task(), node, written } = this.#options;
    this.#writer = new LogWriter({
      engine,
      clock,
      soon,
      requestClockMs: () => this.#requestClock.nowMs(),
      node,
      stream: logStream(node),
      term,
      table: this.#loader.table,
      evidence: this.#evidence,
      lent: this.#lent,
      lease: this.#control!.lease,
      limits: this.#limits,
      written: (record, address) => {
        this.#take(record, address);
        this.#loader.written(address);
        written?.(record);
      },
      settled: () => this.#settled(),
    });
  }

  #settled(): void {
    if (!this.#isLeaving) this.#handOver!.step(this.#writer!);
    this.#options.settled?.();
  }

  #endTerm(): void {
    this.#moves!.clear();
    this.#sharing!.clear();
    this.#writer?.close();
    this.#writer = undefined;
    this.#loader.endTerm();
  }

  /** Something was read that cannot be: this node cannot know what is right any more. */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.stop();
    this.#options.failed?.(error);
  }
}
