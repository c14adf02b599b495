/**
 * A replicated log engine that is simulated, and does everything that a real one may do
 * (log_engine.ts): requests and answers that are slow, lost or doubled, appends that time out and
 * are stored much later, replicas that lag, changes of the leader in which conditions let pass what
 * they should not, connections that are cut.
 *
 * What is stored stays stored.
 *
 * @module
 */
import type {
  AppendOutcome,
  Expectation,
  Following,
  Leading,
  LogEngine,
  LogMessage,
  ReadOutcome,
  StreamExtent,
} from "../../../lib/cluster/engine/log_engine.ts";
import type { Random } from "../random.ts";
import type { SimProcess, SimTime } from "./sim_processes.ts";

/** After so long an append or a read is answered with "unknown". */
export const SIM_TIMEOUT_MS = 400;
const REPLICA_COUNT = 3;

/** How much goes wrong: each is the chance of a single request. */
export interface EngineFaults {
  readonly lostRequest: number;
  readonly lostAnswer: number;
  readonly doubledRequest: number;
  /** A request that arrives seconds later. */
  readonly lateRequest: number;
}

/** An engine in which nothing goes wrong, which still takes its time. */
export const NO_FAULTS: EngineFaults = {
  lostRequest: 0,
  lostAnswer: 0,
  doubledRequest: 0,
  lateRequest: 0,
};

interface SimFollower {
  readonly process: SimProcess;
  readonly replica: number;
  readonly take: (message: LogMessage) => void;
  next: number;
  isStopped: boolean;
}

interface SimStream {
  /** All that were ever stored. */
  readonly messages: LogMessage[];
  /** Up to there they were purged. */
  purgedTo: number;
  readonly storedAtMs: number[];
  readonly followers: SimFollower[];
}

/** All servers of the engine. */
export class SimEngine {
  readonly time: SimTime;
  readonly random: Random;
  faults: EngineFaults;
  /** Until then there is no leader. */
  electionUntilMs = -Infinity;
  /** By how much each replica is behind. */
  readonly lagMs: number[] = new Array<number>(REPLICA_COUNT).fill(0);
  /** By how much each replica is behind for who reads single messages, beside that. */
  readonly readLagMs: number[] = new Array<number>(REPLICA_COUNT).fill(0);
  /** By how much the followers of a stream are behind beside that. */
  readonly slowMs = new Map<string, number>();
  /**
   * Bytes that a message may have: what servers of NATS take by default, and less of a log in some
   * tests.
   */
  messageBytesMax = 1024 * 1024;
  logBytesMax = Infinity;
  /** Those that were longer: the client of a server refuses them, whoever sends them. */
  readonly overlong: string[] = [];
  /** Bytes of the messages that one process has read at the same time, at most. */
  readBytesMost = 0;
  /** Streams that were to be led, by the server of which process, and whether they still are. */
  readonly led: { stream: string; process: SimProcess; isWanted: boolean }[] = [];
  /** Reads that have come to a replica. */
  readCount = 0;
  readonly #streams = new Map<string, SimStream>();

  constructor(time: SimTime, random: Random, faults: EngineFaults = NO_FAULTS) {
    this.time = time;
    this.random = random;
    this.faults = faults;
  }

  /** Everything in a stream. */
  messagesOf(stream: string): readonly LogMessage[] {
    return this.#streams.get(stream)?.messages ?? [];
  }

  /** The leader has gone; there will be another one. */
  elect(ms: number): void {
    this.electionUntilMs = Math.max(this.electionUntilMs, this.time.nowMs + ms);
  }

  /** Makes the connection of a process. */
  connect(process: SimProcess): LogEngine {
    return new SimConnection(this, process);
  }

  /** How long a message takes from one machine to another. */
  delayMs(): number {
    return this.random.below(20) === 0 ? this.random.between(10, 150) : this.random.between(1, 8);
  }

  /** Makes a stream. */
  create(name: string): void {
    if (this.#streams.has(name)) return;
    this.#streams.set(name, { messages: [], purgedTo: 0, storedAtMs: [], followers: [] });
  }

  /**
   * An append has reached the leader; returns undefined when nobody knows of a stream, or there is
   * no leader.
   */
  store(
    name: string,
    subject: string,
    body: Uint8Array,
    expectation: Expectation | undefined,
  ): AppendOutcome | undefined {
    const stream = this.#streams.get(name);
    const bytesMax = name.startsWith("log-") ? this.logBytesMax : Infinity;
    if (body.length > Math.min(bytesMax, this.messageBytesMax)) {
      this.overlong.push(`${name} ${subject}: ${body.length} bytes`);
      return undefined;
    }
    if (stream === undefined || this.time.nowMs < this.electionUntilMs) return undefined;
    // Just after an election a leader may not have applied everything that is stored.
    const isFresh = this.time.nowMs < this.electionUntilMs + 200;
    const seen = isFresh ? stream.messages.slice(0, -2) : stream.messages;
    if (expectation !== undefined) {
      const last = seen.findLast((message) => message.subject === expectation.subject);
      if ((last?.sequence ?? 0) !== expectation.sequence) return { status: "refused" };
    }
    const sequence = stream.messages.length + 1;
    stream.messages.push({ sequence, subject, body: body.slice() });
    stream.storedAtMs.push(this.time.nowMs);
    const slowMs = this.slowMs.get(name) ?? 0;
    for (const follower of stream.followers) {
      this.time.after(slowMs, () => this.#pass(stream, follower, sequence));
    }
    return { status: "stored", sequence };
  }

  /** What one of the replicas has. */
  read(name: string, find: (message: LogMessage) => boolean): LogMessage | undefined {
    const stream = this.#streams.get(name);
    if (stream === undefined) return undefined;
    this.readCount += 1;
    const replica = this.random.below(REPLICA_COUNT);
    const untilMs = this.time.nowMs - this.lagMs[replica]! - this.readLagMs[replica]!;
    return stream.messages.findLast((message, at) =>
      stream.storedAtMs[at]! <= untilMs && at >= stream.purgedTo && find(message)
    );
  }

  /** Removes messages. */
  purge(name: string, upTo: number): boolean | undefined {
    const stream = this.#streams.get(name);
    if (stream === undefined || this.time.nowMs < this.electionUntilMs) return undefined;
    stream.purgedTo = Math.max(stream.purgedTo, Math.min(upTo, stream.messages.length));
    return true;
  }

  /** What is there. */
  extent(name: string): StreamExtent | undefined {
    const stream = this.#streams.get(name);
    if (stream === undefined) return undefined;
    const { messages, purgedTo } = stream;
    const bytes = messages.slice(purgedTo).reduce((sum, { body }) => sum + body.length, 0);
    return { first: purgedTo + 1, last: messages.length, bytes };
  }

  /** Passes on what is there and what will be. */
  follow(
    name: string,
    from: number,
    process: SimProcess,
    take: (message: LogMessage) => void,
  ): Following {
    this.create(name);
    const stream = this.#streams.get(name)!;
    const replica = this.random.below(REPLICA_COUNT);
    const follower = { process, replica, take, next: from, isStopped: false };
    stream.followers.push(follower);
    const pass = () => this.#pass(stream, follower, stream.messages.length);
    const slowMs = this.slowMs.get(name) ?? 0;
    if (slowMs === 0) pass();
    else this.time.after(slowMs, pass);
    return {
      stop: () => {
        if (!follower.isStopped) stream.followers.splice(stream.followers.indexOf(follower), 1);
        follower.isStopped = true;
      },
    };
  }

  #pass(stream: SimStream, follower: SimFollower, upTo: number): void {
    const { process } = follower;
    this.time.after(this.lagMs[follower.replica]! + this.delayMs(), () => {
      if (follower.isStopped) return;
      if (process.isCut) {
        const ms = process.cutUntilMs - this.time.nowMs + this.delayMs();
        return this.time.after(ms, () => this.#pass(stream, follower, upTo));
      }
      follower.next = Math.max(follower.next, stream.purgedTo + 1);
      while (follower.next <= upTo) {
        const message = stream.messages[follower.next - 1]!;
        follower.next += 1;
        process.deliver(() => {
          if (!follower.isStopped) follower.take(message);
        }, this);
      }
    });
  }
}

/** What one process has of the engine. */
class SimConnection implements LogEngine {
  readonly #engine: SimEngine;
  readonly #process: SimProcess;
  readonly #followings: Following[] = [];
  #readBytes = 0;

  constructor(engine: SimEngine, process: SimProcess) {
    this.#engine = engine;
    this.#process = process;
  }

  createStream(stream: string, done: (isThere: boolean) => void): void {
    this.#ask(
      () => {
        this.#engine.create(stream);
        return true;
      },
      false,
      done,
    );
  }

  lead(stream: string, done: () => void): Leading {
    const led = { stream, process: this.#process, isWanted: true };
    this.#engine.led.push(led);
    done();
    return { stop: () => void (led.isWanted = false) };
  }

  append(
    stream: string,
    subject: string,
    body: Uint8Array,
    expectation: Expectation | undefined,
    done: (outcome: AppendOutcome) => void,
  ): void {
    const store = () => this.#engine.store(stream, subject, body, expectation);
    this.#ask(store, { status: "unknown" }, done);
  }

  get(
    stream: string,
    sequence: number,
    done: (outcome: ReadOutcome) => void,
  ): void {
    const bytes = this.#engine.messagesOf(stream)[sequence - 1]?.body.length ?? 0;
    this.#readBytes += bytes;
    this.#engine.readBytesMost = Math.max(this.#engine.readBytesMost, this.#readBytes);
    this.#read(stream, (message) => message.sequence === sequence, (outcome) => {
      this.#readBytes -= bytes;
      done(outcome);
    });
  }

  last(stream: string, subject: string, done: (outcome: ReadOutcome) => void): void {
    this.#read(stream, (message) => message.subject === subject, done);
  }

  follow(stream: string, from: number, take: (message: LogMessage) => void): Following {
    const following = this.#engine.follow(stream, from, this.#process, take);
    this.#followings.push(following);
    return following;
  }

  purge(stream: string, upTo: number, done: (isDone: boolean) => void): void {
    this.#ask(() => this.#engine.purge(stream, upTo), false, done);
  }

  extent(stream: string, done: (extent: StreamExtent | undefined) => void): void {
    this.#ask(() => this.#engine.extent(stream), undefined, done);
  }

  close(): Promise<void> {
    for (const following of this.#followings) following.stop();
    return Promise.resolve();
  }

  #read(
    stream: string,
    find: (message: LogMessage) => boolean,
    done: (outcome: ReadOutcome) => void,
  ): void {
    const read = (): ReadOutcome => {
      const message = this.#engine.read(stream, find);
      return message === undefined ? { status: "absent" } : { status: "found", message };
    };
    this.#ask(read, { status: "unknown" }, done);
  }

  /**
   * Sends a request; answers once, with what became of it or with what is said when nothing has
   * come.
   */
  #ask<T>(execute: () => T | undefined, otherwise: T, done: (answer: T) => void): void {
    const { time, random, faults } = this.#engine;
    const process = this.#process;
    let isAnswered = false;
    const answer = (value: T) => {
      if (isAnswered) return;
      isAnswered = true;
      done(value);
    };
    process.after(SIM_TIMEOUT_MS, () => answer(otherwise));
    const chance = (of: number) => random.next() < of;
    const isSent = !chance(faults.lostRequest) && (!process.isCut || chance(0.3));
    const copies = isSent ? chance(faults.doubledRequest) ? 2 : 1 : 0;
    for (let copy = 0; copy < copies; copy++) {
      const lateMs = chance(faults.lateRequest) ? random.between(200, 6000) : 0;
      const heldMs = Math.max(0, process.cutUntilMs - time.nowMs);
      time.after(heldMs + lateMs + this.#engine.delayMs(), () => {
        const value = execute();
        if (value === undefined || process.isCut || chance(faults.lostAnswer)) return;
        time.after(
          this.#engine.delayMs(),
          () => process.deliver(() => answer(value), this.#engine),
        );
      });
    }
  }
}
