/**
 * A node of a cluster: owner of a part of the slots, for as long as its lease holds.
 *
 * It has no thread and waits for nothing: messages, timers and requests come in, and each does what
 * can be done now. So a simulation runs the same object as a process does.
 *
 * Why nothing that was answered is lost, and nothing else is seen, is in
 * docs/protocols/cluster.md; the parts are in the files that this one puts together. Values are in
 * memory, and each node reads all logs from their beginning: an index is to come.
 *
 * @module
 */
import type { Timer } from "../../core/runtime.ts";
import type { Command, Move } from "../control/command.ts";
import { CONTROL_STREAM, ControlLog } from "../control/control_log.ts";
import { NO_OWNER } from "../control/control_state.ts";
import type { Following, LogEngine } from "../engine/log_engine.ts";
import type { ClusterClock } from "./cluster_clock.ts";
import { KeyTable } from "./key_table.ts";
import type { LeaseTimes } from "./lease.ts";
import { LogReplay } from "./log_replay.ts";
import { logStream } from "./log_streams.ts";
import { LogWriter } from "./log_writer.ts";
import type { Change, ReadAnswer, WriteOutcome } from "./requests.ts";
import { SlotMoves } from "./slot_moves.ts";
import { Succession, surplusMoves } from "./succession.ts";

/** A node looks after its lease, and those of others, so many times while one lasts. */
const STEPS_PER_LEASE = 20;

/** What a node is made of. */
export interface ClusterNodeOptions {
  readonly engine: LogEngine;
  readonly clock: ClusterClock;
  readonly times: LeaseTimes;
  /** Number of the node, 0 to 1023, of which a cluster has one. */
  readonly node: number;
  /** Key of the hash that finds the slot of a key; the same in all nodes. */
  readonly hashKey: readonly [number, number];
  /** Makes a name that no other life of any node has. */
  readonly nameLife: () => string;
  /** Where it takes requests, as `host:port`, if it does. */
  readonly address?: string | undefined;
}

/** A log that is read. */
interface ReadLog {
  readonly replay: LogReplay;
  readonly following: Following;
}

/** Owner of a part of the slots. */
export class ClusterNode {
  readonly #options: ClusterNodeOptions;
  readonly #table: KeyTable;
  readonly #logs = new Map<number, ReadLog>();
  #control: ControlLog | undefined;
  #succession: Succession | undefined;
  #moves: SlotMoves | undefined;
  /** Of the term in which this node is. */
  #writer: LogWriter | undefined;
  #timer: Timer | undefined;
  #isLeaving = false;
  #failure: unknown;

  constructor(options: ClusterNodeOptions) {
    this.#options = options;
    this.#table = new KeyTable(options.hashKey);
  }

  /** Joins the cluster as soon as the engine can be reached. */
  start(): void {
    const { engine, clock, node, times } = this.#options;
    this.#timer = clock.after(times.leaseMs / STEPS_PER_LEASE, () => this.start());
    engine.createStream(CONTROL_STREAM, (isThere) => {
      if (!isThere || this.#control !== undefined) return;
      engine.createStream(logStream(node), (isLogThere) => {
        if (isLogThere && this.#control === undefined) this.#join();
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

  /** How many slots it serves, if it may answer. */
  get servedSlotCount(): number {
    const moves = this.#moves;
    if (moves === undefined || !this.isActive) return 0;
    return this.#control!.state.owners.reduce((sum, _, slot) => sum + +moves.isServed(slot), 0);
  }

  /**
   * The node that owns a key, or NO_OWNER, as far as this one knows.
   *
   * @throws {InvalidKeyError} when it is no key
   */
  ownerOf(key: string): number {
    return this.#control?.state.owners[this.#table.slotOf(key)] ?? NO_OWNER;
  }

  /**
   * Reads a key.
   *
   * @throws {InvalidKeyError} when it is no key
   */
  get(key: string): ReadAnswer {
    if (!this.#mayAnswer(this.#table.slotOf(key))) return { status: "refused" };
    const record = this.#table.recordOf(key);
    if (record?.value === undefined) return { status: "found", value: undefined, version: 0 };
    return { status: "found", value: record.value, version: record.version };
  }

  /**
   * Changes a key; `done` is called in any case, but not in bounded time: while the engine cannot
   * be reached, it waits.
   *
   * @throws {InvalidKeyError} when it is no key
   */
  write(key: string, change: Change, done: (outcome: WriteOutcome) => void): void {
    const slot = this.#table.slotOf(key);
    if (!this.#mayAnswer(slot)) return done({ status: "refused" });
    this.#writer!.write(slot, key, change, done);
  }

  /** Gives slots to other members; those that this node does not serve stay where they are. */
  handOver(moves: readonly Move[]): void {
    this.#moves?.leave(moves);
    this.#step();
  }

  /** Leaves the cluster when what it has to write is written. The others need not wait. */
  leave(): void {
    this.#isLeaving = true;
    this.#step();
  }

  /** Whether it has left. */
  get hasLeft(): boolean {
    return this.#isLeaving && this.#control?.term === undefined;
  }

  /** Does nothing any more, like one that was killed. */
  stop(): void {
    this.#timer?.stop();
    this.#control?.stop();
    this.#writer?.close();
    for (const { following } of this.#logs.values()) following.stop();
  }

  /**
   * Sequence of the assignment by which a slot came to this node; 0 if it does not serve it: then no
   * request for it may be executed.
   */
  servedSince(slot: number): number {
    return this.#mayAnswer(slot) ? this.#control!.state.assignedAt[slot]! : 0;
  }

  #mayAnswer(slot: number): boolean {
    return this.isActive && this.#moves!.isServed(slot);
  }

  #join(): void {
    const { engine, clock, times, node, address, nameLife } = this.#options;
    const control = this.#control = new ControlLog({
      engine,
      clock,
      times,
      node,
      address,
      nameLife,
      changed: (command) => this.#changed(command),
      failed: (error) => this.#fail(error),
    });
    const readUpTo = (log: number) => this.#logs.get(log)?.replay.sequence ?? 0;
    this.#moves = new SlotMoves(node, control.state, readUpTo);
    this.#succession = new Succession(engine, control, node);
    this.#timer?.stop();
    this.#tick();
  }

  #tick(): void {
    const { clock, times } = this.#options;
    this.#timer = clock.after(times.leaseMs / STEPS_PER_LEASE, () => this.#tick());
    this.#step();
  }

  /** Does what can be done now. */
  #step(): void {
    const control = this.#control;
    if (control === undefined || this.#failure !== undefined) return;
    if (this.#isLeaving) {
      if (this.#writer?.isIdle !== false) control.resign();
      return;
    }
    control.renew();
    if (!this.isActive) {
      // Nobody else might be there to end the lease of an earlier life of this node.
      control.revokeEnded();
      return;
    }
    this.#succession!.step();
    this.#sendLeaving();
  }

  #sendLeaving(): void {
    const { leaving } = this.#moves!;
    const { state, holder } = this.#control!;
    const writer = this.#writer!;
    if (leaving.size === 0 || writer.isBusyWith(leaving)) return;
    const { node } = this.#options;
    this.#control!.send({
      kind: "assign",
      node,
      holder,
      follows: state.mapSequence,
      moves: this.#moves!.nextMoves(),
      barriers: [[node, writer.storedSequence]],
      fenced: [],
    });
  }

  /** A command counts. */
  #changed(command: Command): void {
    const { node } = this.#options;
    switch (command.kind) {
      case "renew": {
        this.#follow(command.node);
        const { term, state } = this.#control!;
        const isNew = state.leaseOf(command.node)!.term === state.sequence;
        if (command.node === node && term !== undefined) this.#beginTerm(term);
        if (isNew && command.node !== node) this.#share();
        return;
      }
      case "revoke":
        if (command.node === node) this.#endTerm();
        return;
      case "assign":
        this.#moves!.assigned(command.moves);
    }
  }

  /** A node has joined: gives it what the ring says. */
  #share(): void {
    const { state } = this.#control!;
    const moves = surplusMoves(state.owners, this.#options.node, state.members());
    this.#moves!.leave(moves);
  }

  #beginTerm(term: number): void {
    if (this.#writer !== undefined) return;
    const { engine, clock, node } = this.#options;
    this.#writer = new LogWriter({
      engine,
      clock,
      stream: logStream(node),
      term,
      table: this.#table,
      lease: this.#control!.lease,
    });
  }

  #endTerm(): void {
    this.#moves!.clear();
    this.#writer?.close();
    this.#writer = undefined;
  }

  /** Reads the log of a node from now on. */
  #follow(node: number): void {
    if (this.#logs.has(node)) return;
    const replay = new LogReplay(this.#table);
    const following = this.#options.engine.follow(logStream(node), 1, (message) => {
      try {
        replay.take(message);
        this.#moves!.logRead();
      } catch (error) {
        this.#fail(error);
      }
    });
    this.#logs.set(node, { replay, following });
  }

  /** Something was read that cannot be: this node cannot know what is right any more. */
  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#control?.lease.end();
    this.stop();
  }
}
