/**
 * A node's view of the control stream: it follows it, keeps its own lease, and sends commands.
 *
 * Nothing is concluded from the outcome of an append. What a command has come to is seen when it is
 * read, like everything else that counts.
 *
 * @module
 */
import type { Following, LogEngine } from "../engine/log_engine.ts";
import type { ClusterClock } from "../node/cluster_clock.ts";
import { HeldLease, type LeaseTimes, SeenLeases } from "../node/lease.ts";
import {
  type Command,
  decode,
  encode,
  type StateCommand,
  subjectOf,
  type Told,
} from "./command.ts";
import { ControlState } from "./control_state.ts";

/** Name of the control stream. */
export const CONTROL_STREAM = "control";
/** A lease is renewed so many times before it ends. */
const RENEWALS_PER_LEASE = 4;

/** What a node has to do with the control stream. */
export interface ControlLogParts {
  readonly engine: LogEngine;
  readonly clock: ClusterClock;
  readonly times: LeaseTimes;
  /** Number of the node; of who only follows, one that no node has. */
  readonly node: number;
  /** Where the node takes requests, if it does. */
  readonly address?: string | undefined;
  /** What a renewal that is going to be sent tells the others. */
  readonly tells?: () => Told;
  /** Whether there is something to tell before it is time to renew the lease. */
  readonly hasNews?: () => boolean;
  /** Makes a name that no other life of any node has. */
  readonly nameLife: () => string;
  /** A command that counts has just been applied. */
  readonly changed: (command: Command) => void;
  /** Messages were not read, and never will be: nothing that was known may be right any more. */
  readonly lost: () => void;
  /** A state has taken the place of all that was known. */
  readonly loaded: () => void;
  /** The stream has something in it that is no command. */
  readonly failed: (error: unknown) => void;
}

/** A command that is not applied yet. */
interface Ahead {
  readonly sequence: number;
  readonly command: Command;
}

/**
 * Follows the control stream from its beginning, or from a state in it if what was before has been
 * purged.
 */
export class ControlLog {
  readonly state = new ControlState();
  readonly lease: HeldLease;
  readonly #parts: ControlLogParts;
  readonly #seen: SeenLeases;
  readonly #following: Following;
  #holder: string;
  #renewedAtMs = -Infinity;
  /** Kind and node of the commands whose appends were not answered yet. */
  readonly #onTheirWay = new Set<string>();
  /** Behind messages that are missing: they wait for a state. */
  #ahead: Ahead[] = [];

  constructor(parts: ControlLogParts) {
    this.#parts = parts;
    this.lease = new HeldLease(parts.clock, parts.times);
    this.#seen = new SeenLeases(parts.clock, parts.times);
    this.#holder = parts.nameLife();
    this.#following = parts.engine.follow(CONTROL_STREAM, 1, ({ sequence, body }) => {
      try {
        this.#read(sequence, decode(body));
      } catch (error) {
        parts.failed(error);
      }
    });
  }

  /** Name of this life of the node. */
  get holder(): string {
    return this.#holder;
  }

  /** The term of this life; undefined before it has a lease, and after it was ended. */
  get term(): number | undefined {
    const lease = this.state.leaseOf(this.#parts.node);
    return lease?.holder === this.#holder ? lease.term : undefined;
  }

  /** Members whose leases are not over, as far as this node has seen. */
  liveMembers(): number[] {
    return this.state.members().filter((member) => !this.#seen.isOver(member));
  }

  /** Those of them that have not said that they leave. */
  stayingMembers(): number[] {
    return this.liveMembers().filter((member) => !this.state.leaving.has(member));
  }

  /** Takes the lease or prolongs it, when it is time to. */
  renew(): void {
    if (this.#ahead.length > 0) return;
    const { node, address, clock, times } = this.#parts;
    const lease = this.state.leaseOf(node);
    const isOthers = lease?.holder !== undefined && lease.holder !== this.#holder;
    const nowMs = clock.monotonicMs();
    if (isOthers || this.#onTheirWay.has(`renew ${node}`)) return;
    const isDue = nowMs - this.#renewedAtMs >= times.leaseMs / RENEWALS_PER_LEASE;
    if (!isDue && this.#parts.hasNews?.() !== true) return;
    this.#renewedAtMs = nowMs;
    const number = this.lease.beforeSending();
    const follows = lease?.sequence ?? 0;
    const renewal = { kind: "renew", node, holder: this.#holder, number, follows } as const;
    this.send({ ...renewal, ...(address && { address }), ...this.#parts.tells?.() });
  }

  /** Ends the leases that are over; that of this node, too, if an earlier life had it. */
  revokeEnded(): void {
    for (const node of this.state.members()) {
      const { sequence, holder } = this.state.leaseOf(node)!;
      if (holder !== this.#holder && this.#seen.isOver(node)) {
        this.send({ kind: "revoke", node, follows: sequence });
      }
    }
  }

  /** Ends the lease of this node, which does nothing under it any more. */
  resign(): void {
    this.lease.end();
    const { node } = this.#parts;
    const lease = this.state.leaseOf(node);
    if (lease?.holder !== this.#holder) return;
    this.send({ kind: "revoke", node, follows: lease.sequence, resigns: true });
  }

  /** Appends a command, unless one like it is on its way: an engine that is gone is not flooded. */
  send(command: Command): void {
    const isOfNode = command.kind !== "settings" && command.kind !== "state";
    const about = isOfNode ? `${command.kind} ${command.node}` : command.kind;
    if (this.#onTheirWay.has(about)) return;
    this.#onTheirWay.add(about);
    const subject = subjectOf(command);
    this.#parts.engine.append(CONTROL_STREAM, subject, encode(command), undefined, () => {
      this.#onTheirWay.delete(about);
    });
  }

  /** Follows no more. */
  stop(): void {
    this.#following.stop();
  }

  #read(sequence: number, command: Command): void {
    const known = this.#ahead.at(-1)?.sequence ?? this.state.sequence;
    if (sequence !== known + 1) this.#lose();
    else if (this.#ahead.length === 0) return this.#take(sequence, command);
    this.#ahead.push({ sequence, command });
    if (command.kind !== "state") return;
    // It has to have all that is missing, and what is behind it has to be there.
    if (command.at + 1 < this.#ahead[0]!.sequence || command.at >= sequence) return;
    this.#load(command);
  }

  /** Messages are missing: nothing is known, and this life of the node is over. */
  #lose(): void {
    this.#ahead = [];
    this.#end();
    this.#parts.lost();
  }

  #load({ at, state }: StateCommand): void {
    const ahead = this.#ahead.filter(({ sequence }) => sequence > at);
    this.#ahead = [];
    this.state.load(at, state);
    // They may have been renewed until now.
    for (const member of this.state.members()) this.#seen.renewed(member);
    this.#parts.loaded();
    for (const { sequence, command } of ahead) this.#take(sequence, command);
  }

  #end(): void {
    this.lease.end();
    this.#holder = this.#parts.nameLife();
    this.#renewedAtMs = -Infinity;
  }

  #take(sequence: number, command: Command): void {
    if (!this.state.apply(sequence, command)) return;
    const { node, changed } = this.#parts;
    if (command.kind === "renew") {
      this.#seen.renewed(command.node);
      if (command.holder === this.#holder) this.lease.granted(command.number);
    }
    changed(command);
    if (command.kind === "revoke" && command.node === node) this.#end();
  }
}
