/**
 * A replicated log engine that does nothing by itself: each step of an append, and each message
 * that is read, is chosen from outside.
 *
 * An append is stored, or not yet, or never; its sender is told that it is stored, or that nobody
 * knows. So one that has timed out may be stored much later, when another copy of it has been.
 *
 * @module
 */
import { CONTROL_STREAM } from "../../../lib/cluster/control/control_log.ts";
import type {
  AppendOutcome,
  Expectation,
  Following,
  LogEngine,
  LogMessage,
} from "../../../lib/cluster/engine/log_engine.ts";
import type { ClusterClock } from "../../../lib/cluster/node/cluster_clock.ts";
import { logStream } from "../../../lib/cluster/node/log_streams.ts";
import { sumOf } from "../explorer.ts";

/** An append that is on its way, or has been stored and not answered. */
interface Append {
  readonly node: number;
  /** Of its node. */
  readonly number: number;
  readonly stream: string;
  readonly subject: string;
  readonly body: Uint8Array;
  readonly sum: number;
  readonly done: (outcome: AppendOutcome) => void;
  sequence: number | undefined;
  isAnswered: boolean;
}

interface Follower {
  readonly node: number;
  readonly stream: string;
  readonly take: (message: LogMessage) => void;
  next: number;
  isStopped: boolean;
}

interface Stream {
  readonly messages: LogMessage[];
  readonly sums: number[];
  /** Up to there they were purged. */
  purgedTo: number;
}

/**
 * What reaches a node: what is done there, and a name that says all that the node is told by it.
 */
export type Input = (node: number, name: string, act: () => void) => void;

/** All servers. */
export class ExploredEngine {
  readonly #input: Input;
  readonly #isBarred: (stream: string, body: Uint8Array) => boolean;
  readonly #streams = new Map<string, Stream>();
  readonly #appendCounts = new Map<number, number>();
  #appends: Append[] = [];
  readonly #followers: Follower[] = [];

  /**
   * @param isBarred which appends are never stored; who makes one is told that nobody knows, when
   *   it is looked after next
   */
  constructor(input: Input, isBarred: (stream: string, body: Uint8Array) => boolean) {
    this.#input = input;
    this.#isBarred = isBarred;
  }

  /** Has a stream begin with a message, what was before it having been purged. */
  begin(name: string, message: LogMessage): void {
    const stream = this.#streamOf(name);
    stream.purgedTo = message.sequence - 1;
    for (let i = 0; i < stream.purgedTo; i++) {
      stream.messages.push(message);
      stream.sums.push(0);
    }
    stream.messages.push(message);
    stream.sums.push(sumOf(message.body));
  }

  /** The connection of a node. */
  connect(node: number, clock: ClusterClock): LogEngine {
    const nothing = () => {};
    return {
      createStream: (stream, done) => {
        this.#streamOf(stream);
        done(true);
      },
      lead: (_, done) => {
        done();
        return { stop: nothing };
      },
      append: (stream, subject, body, _: Expectation | undefined, done) =>
        this.#isBarred(stream, body)
          ? void clock.after(0, () => done({ status: "unknown" }))
          : this.#append(node, stream, subject, body, done),
      follow: (stream, from, take) => this.#follow(node, stream, from, take),
      get: nothing,
      last: nothing,
      purge: nothing,
      extent: nothing,
      close: () => Promise.resolve(),
    };
  }

  /** What can happen next; `mayExpire` if an append may time out. */
  steps(mayExpire: boolean, isDead: (node: number) => boolean): string[] {
    const steps: string[] = [];
    for (const { node, number, stream, sequence, isAnswered } of this.#appends) {
      const name = `${node}.${number}`;
      if (sequence === undefined) steps.push(`store ${name}`);
      if (isAnswered || isDead(node)) continue;
      if (sequence !== undefined && stream !== CONTROL_STREAM) steps.push(`answer ${name}`);
      if (mayExpire) steps.push(`expire ${name}`);
    }
    for (const [i, { node, stream, next }] of this.#followers.entries()) {
      if (this.#streamOf(stream).messages.length >= next && !isDead(node)) steps.push(`read ${i}`);
    }
    return steps;
  }

  /** Has a command of a node, or of any, be stored; undefined if there is none. */
  commandStep(node: number | undefined): string | undefined {
    const append = this.#appends.find((one) =>
      one.stream === CONTROL_STREAM && one.sequence === undefined && one.node === (node ?? one.node)
    );
    return append && `store ${append.node}.${append.number}`;
  }

  /** Has a node read the control stream; undefined if it has read all of it. */
  readStep(node: number): string | undefined {
    const follower = this.#followers.findIndex((one) =>
      one.node === node && one.stream === CONTROL_STREAM
    );
    const { next } = this.#followers[follower]!;
    return this.#streamOf(CONTROL_STREAM).messages.length >= next ? `read ${follower}` : undefined;
  }

  /** Does one of the steps. */
  step(verb: string, name: string): void {
    if (verb === "read") {
      const follower = this.#followers[Number(name)]!;
      const { length } = this.#streamOf(follower.stream).messages;
      while (follower.next <= length) this.#read(follower);
      return this.#drop();
    }
    const append = this.#appends.find(({ node, number }) => `${node}.${number}` === name)!;
    if (verb === "store") this.#store(append);
    else this.#answer(append, verb === "expire");
    this.#drop();
  }

  /** The node does nothing any more. */
  forget(node: number): void {
    for (const append of this.#appends) if (append.node === node) append.isAnswered = true;
    this.#drop();
  }

  /** All that may still matter. */
  state(): unknown {
    return [
      [...this.#streams.values()].map(({ sums }) => sums),
      this.#appends.map(({ node, stream, sum, sequence, isAnswered }) =>
        [node, stream, sum, sequence ?? 0, isAnswered] as const
      ).sort(),
      this.#followers.map(({ next }) => next),
    ];
  }

  /** Forgets the appends to which nothing can happen any more. */
  #drop(): void {
    this.#appends = this.#appends.filter((one) => !one.isAnswered || one.sequence === undefined);
  }

  #streamOf(name: string): Stream {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      this.#streams.set(name, stream = { messages: [], sums: [], purgedTo: 0 });
    }
    return stream;
  }

  #append(
    node: number,
    stream: string,
    subject: string,
    body: Uint8Array,
    done: (outcome: AppendOutcome) => void,
  ): void {
    const number = (this.#appendCounts.get(node) ?? 0) + 1;
    this.#appendCounts.set(node, number);
    const sum = sumOf(body);
    const state = { sequence: undefined, isAnswered: false };
    this.#appends.push({ node, number, stream, subject, body, sum, done, ...state });
  }

  #store(append: Append): void {
    const { stream, subject, body, sum } = append;
    const { messages, sums } = this.#streamOf(stream);
    append.sequence = messages.length + 1;
    messages.push({ sequence: append.sequence, subject, body });
    sums.push(sum);
    for (const follower of this.#followers) {
      if (stream === logStream(follower.node) && follower.stream === stream) this.#read(follower);
    }
  }

  #answer(append: Append, isUnknown: boolean): void {
    const { node, number, sequence, done } = append;
    append.isAnswered = true;
    const outcome: AppendOutcome = isUnknown
      ? { status: "unknown" }
      : { status: "stored", sequence: sequence! };
    this.#input(node, `answer ${number} ${isUnknown ? "?" : sequence}`, () => done(outcome));
  }

  #follow(
    node: number,
    stream: string,
    from: number,
    take: (message: LogMessage) => void,
  ): Following {
    const next = Math.max(from, this.#streamOf(stream).purgedTo + 1);
    const follower: Follower = { node, stream, take, next, isStopped: false };
    this.#followers.push(follower);
    return { stop: () => void (follower.isStopped = true) };
  }

  #read(follower: Follower): void {
    const { node, stream, take } = follower;
    const { messages, sums } = this.#streamOf(stream);
    const message = messages[follower.next - 1]!;
    const sum = sums[follower.next - 1]!;
    follower.next += 1;
    this.#input(node, `read ${stream} ${sum}`, () => {
      // Nothing is concluded from the answer to a command but that it is not on its way any more.
      if (stream === CONTROL_STREAM) this.#endCommand(node, message.sequence);
      if (!follower.isStopped) take(message);
    });
  }

  #endCommand(node: number, sequence: number): void {
    const own = this.#appends.find((append) =>
      append.node === node && append.stream === CONTROL_STREAM && append.sequence === sequence
    );
    if (own === undefined || own.isAnswered) return;
    own.isAnswered = true;
    own.done({ status: "stored", sequence });
  }
}
