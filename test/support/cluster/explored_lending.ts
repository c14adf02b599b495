/**
 * An owner that lends copies of one key, and threads that read it, explored: what the owner has
 * lent and what threads have are as they are; messages, clocks and other owners are simulated. In
 * every state that comes of it, whoever may answer from a copy has what the key holds.
 *
 * @module
 */
import { LentCopies } from "../../../lib/cluster/client/lent_copies.ts";
import type { ClusterParcel } from "../../../lib/cluster/client/node_peers.ts";
import { NO_ORIGIN } from "../../../lib/cluster/messages/log_codec.ts";
import type { ClusterClock, Moment } from "../../../lib/cluster/node/cluster_clock.ts";
import type { Borrower } from "../../../lib/cluster/node/borrower.ts";
import { LentKeys } from "../../../lib/cluster/node/lent_keys.ts";
import { RECORD_HASH, RECORD_META } from "../../../lib/log/record_layout.ts";
import { Operation, REQUEST_RECORD, Status } from "../../../lib/rings/ring_layout.ts";
import type { ExploredWorld } from "../explorer.ts";
import { getOf } from "./cluster_requests.ts";

/** How much happens, at most. */
export interface LendingBounds {
  /** Reads that each thread sends. */
  readonly reads: number;
  readonly changes: number;
  readonly ticks: number;
  readonly cuts: number;
  /** Whether the key gets another owner, and how. */
  readonly next: "none" | "given" | "taken";
  /** How fast the clocks of threads are, beside that of the owner. */
  readonly rate: number;
}

const TICK_MS = 35;
const LEASE = { leaseMs: 120, marginMs: 12 } as const;
const COPIES = { lentMs: 100, readsMin: 0, shareMin: 0, readsPerCopy: 0 } as const;
const THREADS = 2;

interface Told {
  readonly kind: "answer" | "recall";
  readonly value: number;
  readonly lentMs: number;
}

/** The connection of a thread. */
class Link implements Borrower {
  readonly toOwner: ("read" | "returned")[] = [];
  readonly toThread: Told[] = [];
  readonly recalls: (() => void)[] = [];
  isEnded = false;
  /** Until when the owner has lent it a copy. */
  untilMs = 0;

  get isReturning(): boolean {
    return this.isEnded || this.recalls.length > 0;
  }

  recall(_hash: number, returned: () => void): void {
    if (this.isEnded) return;
    this.recalls.push(returned);
    this.toThread.push({ kind: "recall", value: 0, lentMs: 0 });
  }
}

interface Thread {
  readonly copies: LentCopies;
  link: Link;
  /** Of the read that is on its way. */
  sentAt: Moment | undefined;
  reads: number;
  /** The copy that it has. */
  copy: string;
}

/** One world. */
export class ExploredLending implements ExploredWorld {
  readonly #bounds: LendingBounds;
  readonly #lent: LentKeys;
  readonly #threads: Thread[];
  readonly #hash = getOf("key").hash;
  #timers: { readonly atMs: number; readonly task: () => void }[] = [];
  #nowMs = 0;
  #value = 1;
  #changes = 0;
  #cuts = 0;
  /** What the owner does with a change. */
  #change: "none" | "waiting" | "written" = "none";
  /** Of the owner: whether it gives the key away, and whether the next one has it. */
  #isLeaving = false;
  #isNext = false;
  /** Until when copies of connections that have ended are lent. */
  #endedUntilMs = 0;
  #isRecalled = false;

  constructor(bounds: LendingBounds) {
    this.#bounds = bounds;
    const clock = this.#clockOf(1);
    this.#lent = new LentKeys({
      clock,
      times: LEASE,
      settings: COPIES,
      leaseLeftMs: () => LEASE.leaseMs - LEASE.marginMs - this.#nowMs,
      isChanging: () => this.#change === "written",
      ended: () => this.#goOn(),
    });
    this.#threads = Array.from({ length: THREADS }, () => ({
      copies: new LentCopies(this.#clockOf(bounds.rate)),
      link: new Link(),
      sentAt: undefined,
      reads: 0,
      copy: "",
    }));
  }

  get state(): string {
    const lent = this.#lent.isLent(this.#hash);
    const threads = this.#threads.map(({ link, sentAt, reads, copy }) => {
      const { toOwner, toThread, recalls, untilMs } = link;
      return [toOwner, toThread, recalls.length, untilMs, sentAt?.monotonicMs, reads, copy];
    });
    return JSON.stringify([
      ...[this.#nowMs, this.#value, this.#changes, this.#change, this.#isLeaving, this.#isNext],
      ...[this.#cuts, this.#endedUntilMs, lent, lent && this.#isRecalled],
      ...[this.#timers.map(({ atMs }) => atMs), threads],
    ]);
  }

  steps(): string[] {
    const { reads, changes, ticks, cuts, next } = this.#bounds;
    const steps: string[] = [];
    this.#threads.forEach(({ link, sentAt, reads: done }, i) => {
      if (sentAt === undefined && done < reads) steps.push(`read ${i}`);
      if (link.toOwner.length > 0) steps.push(`take ${i}`);
      if (link.toThread.length > 0) steps.push(`hear ${i}`);
      if (this.#cuts < cuts) steps.push(`cut ${i}`);
    });
    if (this.#change === "none" && this.#changes < changes && this.#mayAnswer) steps.push("change");
    if (this.#change === "written") steps.push("store");
    if (this.#nowMs < ticks * TICK_MS) steps.push("tick");
    if (next === "given" && !this.#isLeaving && this.#change === "none") steps.push("give");
    const isOver = next === "taken" && this.#nowMs >= LEASE.leaseMs;
    if (isOver && !this.#isNext) steps.push("take over");
    if (this.#isNext && this.#changes < changes) steps.push("next changes");
    return steps;
  }

  step(step: string): void {
    const [what, index] = step.split(" ");
    const thread = this.#threads[Number(index)];
    switch (index === undefined || thread === undefined ? step : what) {
      case "read":
        thread!.reads += 1;
        if (thread!.copies.has(this.#parcel())) break;
        thread!.sentAt = thread!.copies.now();
        thread!.link.toOwner.push("read");
        break;
      case "take":
        this.#take(thread!.link);
        break;
      case "hear":
        this.#hear(thread!);
        break;
      case "cut":
        this.#cuts += 1;
        thread!.link.isEnded = true;
        this.#endedUntilMs = Math.max(this.#endedUntilMs, thread!.link.untilMs);
        thread!.link = new Link();
        thread!.sentAt = undefined;
        break;
      case "change":
        this.#change = "waiting";
        this.#goOn();
        break;
      case "store":
        this.#change = "none";
        this.#changed();
        break;
      case "tick":
        this.#tick();
        break;
      case "give":
        this.#isLeaving = true;
        this.#goOn();
        break;
      case "take over":
        this.#isNext = true;
        break;
      case "next changes":
        this.#changed();
    }
    this.#check();
  }

  checkEnd(): void {}

  get #mayAnswer(): boolean {
    return !this.#isLeaving && LEASE.leaseMs - LEASE.marginMs > this.#nowMs;
  }

  /** What waits for copies goes on if there are none. */
  #goOn(): void {
    if (this.#change === "waiting" && !this.#recalls()) this.#change = "written";
    if (this.#isLeaving && this.#change === "none" && !this.#recalls()) this.#isNext = true;
  }

  #recalls(): boolean {
    return this.#isRecalled = this.#lent.recall(this.#hash);
  }

  #changed(): void {
    this.#changes += 1;
    this.#value += 1;
    this.#goOn();
  }

  #tick(): void {
    this.#nowMs += TICK_MS;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { task } of due) task();
  }

  #take(link: Link): void {
    if (link.toOwner.shift() === "returned") return link.recalls.shift()!();
    if (!this.#mayAnswer) return void link.toThread.push({ kind: "answer", value: 0, lentMs: 0 });
    const request = { ...getOf("key"), borrower: link };
    this.#lent.count(request);
    const record = { ...request, version: 1, value: new Uint8Array(1), origin: NO_ORIGIN };
    const lentMs = this.#lent.lend(request, record);
    if (lentMs > 0) link.untilMs = this.#nowMs + lentMs;
    link.toThread.push({ kind: "answer", value: this.#value, lentMs });
  }

  #hear(thread: Thread): void {
    const { copies, link, sentAt } = thread;
    const { kind, value, lentMs } = link.toThread.shift()!;
    if (kind === "recall") {
      copies.drop(this.#hash);
      thread.copy = "";
      link.toOwner.push("returned");
      return;
    }
    thread.sentAt = undefined;
    if (lentMs === 0) return;
    thread.copy = `${value} from ${sentAt!.monotonicMs} for ${lentMs}`;
    copies.take({ ...this.#parcel(), sentAt: sentAt!, lentMs } as ClusterParcel, {
      number: 1,
      status: Status.FOUND,
      versionLow: value,
      versionHigh: 0,
      expiresAtMs: Infinity,
      content: new Uint8Array(0),
    });
  }

  /** @throws {Error} when a thread may answer something that the key does not hold */
  #check(): void {
    this.#threads.forEach(({ copies }, i) => {
      const parcel = this.#parcel();
      if (!copies.answer(parcel)) return;
      const has = parcel.answer!.versionLow;
      if (has === this.#value) return;
      throw new Error(`I4: thread ${i} may answer ${has}, and the key holds ${this.#value}`);
    });
  }

  #parcel(): ClusterParcel {
    const words = new Int32Array(REQUEST_RECORD + 32);
    words[REQUEST_RECORD + RECORD_HASH] = this.#hash;
    words[REQUEST_RECORD + RECORD_META] = 0;
    return { words, operation: Operation.GET } as ClusterParcel;
  }

  #clockOf(rate: number): ClusterClock {
    return {
      monotonicMs: () => this.#nowMs * rate,
      epochMs: () => 1e12 + this.#nowMs * rate,
      after: (ms, task) => {
        const timer = { atMs: this.#nowMs + ms, task };
        this.#timers.push(timer);
        return { stop: () => {} };
      },
    };
  }
}
