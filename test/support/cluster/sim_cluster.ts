/**
 * A cluster that is simulated: nodes, clients and what goes wrong, over a simulated engine, decided
 * by a seed. What the clients see is checked for linearizability.
 *
 * @module
 */
import { ClusterNode, type ClusterNodeOptions } from "../../../lib/cluster/node/cluster_node.ts";
import { answerOf, ClusterStatus } from "../../../lib/cluster/node/requests.ts";
import { makeShared } from "../../../lib/cluster/shared/shared_layout.ts";
import { SharedReads } from "../../../lib/cluster/shared/shared_reads.ts";
import { SharedValues } from "../../../lib/cluster/shared/shared_values.ts";
import { KeyEncoder } from "../../../lib/core/key_encoder.ts";
import { Status } from "../../../lib/rings/ring_layout.ts";
import type { MessageLimits } from "../../../lib/cluster/messages/message_limits.ts";
import { Random } from "../random.ts";
import { ask, getOf, HASH_KEY } from "./cluster_requests.ts";
import { SIM_RESEND_MS, SimClient, type SimLink, type SimServer } from "./sim_client.ts";
import { SimHistory } from "./sim_history.ts";
import { type EngineFaults, NO_FAULTS, SimEngine } from "./sim_log_engine.ts";
import { type ClockRates, SimProcess, SimTime } from "./sim_processes.ts";

export const SIM_LEASE = { leaseMs: 3000, marginMs: 300 } as const;

/** What a message of a log has in front of its records. */
const LOG_HEAD_BYTES = 32;

/** Bytes of what a node shares: entries are overwritten all the time. */
const SHARED_BYTES = 1024;
/** Numbers of the threads that read it, in the history. */
const SHARING_CLIENT = 50;

/** What a run is. */
export interface SimPlan {
  readonly seed: number;
  readonly nodeCount?: number;
  readonly clientCount?: number;
  readonly keyCount?: number;
  /** How long clients and faults go on. */
  readonly ms?: number;
  /** After so long clients send nothing again; evidence is kept for twice as long. */
  readonly resendMs?: number;
  readonly faults?: EngineFaults;
  /** What may happen to nodes and engine. */
  readonly nemeses?: readonly Nemesis[];
  readonly ratesOf?: (random: Random, node: number) => ClockRates;
  /** Whether some of what is stored expires, by clocks that show different times. */
  readonly expires?: boolean;
  /** Bytes of the values of some puts, at most. @default 0: there are numbers only */
  readonly largeBytes?: number;
  /** What messages of logs may have; servers take no longer ones. */
  readonly limits?: MessageLimits;
  /**
   * Whether each node shares values with a thread, which reads them all the time, also when the
   * node stands still or is gone.
   */
  readonly shares?: boolean;
  /** More of what a node is made of. */
  readonly partsOf?: (node: number) => Partial<ClusterNodeOptions>;
}

/** Something that goes wrong. */
export type Nemesis =
  | "suspend"
  | "freeze"
  | "cut"
  | "kill"
  | "elect"
  | "lag"
  | "move"
  | "interrupt"
  | "leave";

export const ALL_NEMESES: readonly Nemesis[] = [
  "suspend",
  "freeze",
  "cut",
  "kill",
  "elect",
  "lag",
  "move",
  "leave",
];

/** What an engine does that is not well. */
export const USUAL_FAULTS: EngineFaults = {
  lostRequest: 0.02,
  lostAnswer: 0.03,
  doubledRequest: 0.03,
  lateRequest: 0.02,
};

/** One that is slow, and stores many messages when their senders have gone. */
export const LATE_FAULTS: EngineFaults = {
  lostRequest: 0.03,
  lostAnswer: 0.05,
  doubledRequest: 0.05,
  lateRequest: 0.15,
};

/** What has come of a run. */
export interface SimResult {
  /** Undefined: everything that the clients saw has an order. */
  readonly violation: string | undefined;
  /** Keys that no node served in the end. */
  readonly unserved: readonly string[];
  readonly operationCount: number;
  /** Operations that were answered. */
  readonly answeredCount: number;
  /** Reads of what nodes shared. */
  readonly sharedCount: number;
  readonly failures: readonly unknown[];
  /** Messages that were longer than servers take. */
  readonly overlong: readonly string[];
}

/** Statuses that say nothing of a key. */
const NO_ANSWERS: ReadonlySet<number> = new Set([
  ClusterStatus.NOT_OWNER,
  ClusterStatus.UNKNOWN,
  ClusterStatus.BUSY,
]);

/** Rates that the margin allows: they differ by less than 10 %. */
export function allowedRates(random: Random): ClockRates {
  const monotonic = 0.955 + random.next() * 0.085;
  return { monotonic, epoch: monotonic };
}

/** Runs a cluster. */
export function simulateCluster(plan: SimPlan): SimResult {
  const run = new SimCluster(plan);
  run.runAll();
  return run.result();
}

/** A cluster and its clients. */
export class SimCluster {
  readonly time = new SimTime();
  readonly random: Random;
  readonly engine: SimEngine;
  readonly nodes: SimServer[] = [];
  readonly keys: readonly string[];
  readonly history: SimHistory;
  readonly #plan: SimPlan;
  readonly #ms: number;
  #lives = 0;
  #sharedCount = 0;
  #unserved: string[] = [];

  constructor(plan: SimPlan) {
    const { seed, keyCount = 3, nodeCount = 3, faults = NO_FAULTS, ms = 25_000 } = plan;
    this.#plan = plan;
    this.#ms = ms;
    this.random = new Random(seed);
    this.engine = new SimEngine(this.time, this.random, faults);
    const { limits } = plan;
    if (limits !== undefined) this.engine.logBytesMax = limits.recordBytes + LOG_HEAD_BYTES;
    this.keys = Array.from({ length: keyCount }, (_, i) => `key ${i}`);
    this.history = new SimHistory(this.keys, plan.expires === true);
    for (let node = 0; node < nodeCount; node++) this.startNode(node);
  }

  /** Starts a node, in place of one that was killed. */
  startNode(number: number): void {
    this.#kill(number);
    const rates = (this.#plan.ratesOf ?? allowedRates)(this.random, number);
    const aheadMs = this.#plan.expires === true ? this.random.between(-3000, 3000) : 0;
    const process = new SimProcess(this.time, { ...rates, aheadMs }, this.random);
    const node = new ClusterNode({
      engine: this.engine.connect(process),
      clock: process,
      soon: (task) => process.after(0, task),
      times: SIM_LEASE,
      node: number,
      hashKey: HASH_KEY,
      nameLife: () => `life ${++this.#lives}`,
      evidenceMs: 2 * (this.#plan.resendMs ?? SIM_RESEND_MS),
      // In some runs who stands still for a while finds that what it has not read was purged.
      stateEvery: this.#plan.seed % 3 === 0 ? 20 : 1000,
      ...(this.#plan.limits && { limits: this.#plan.limits }),
      shared: this.#plan.shares === true ? this.#share(process, number) : undefined,
      ...this.#plan.partsOf?.(number),
    });
    this.nodes[number] = { process, node, links: new Map<number, SimLink>() };
    node.start();
  }

  /** Everything: clients, faults, and a quiet time after which each key has to be served. */
  runAll(): void {
    const { clientCount = 4, nemeses = [], expires = false, resendMs = SIM_RESEND_MS } = this.#plan;
    const { time, random, history, keys, nodes: servers } = this;
    const delayMs = () => this.engine.delayMs();
    const ms = this.#ms;
    const { largeBytes = 0 } = this.#plan;
    const common = { time, random, history, keys, servers, ms, resendMs, expires };
    const world = { ...common, largeBytes, shares: this.#plan.shares === true, delayMs };
    for (let number = 0; number < clientCount; number++) {
      const client = new SimClient(world, number);
      time.after(random.between(500, 2500), () => client.operate());
    }
    if (nemeses.length > 0) this.time.after(3000, () => this.#hurt(nemeses));
    this.time.run(this.#ms);
    this.engine.lagMs.fill(0);
    this.engine.faults = NO_FAULTS;
    this.time.run(20_000);
    this.#unserved = this.keys.filter((key) => !this.#readLast(key));
  }

  /** What has come of it. */
  result(): SimResult {
    const { operations } = this.history;
    const failures = this.nodes.map(({ node }) => node.failure);
    return {
      violation: this.history.violation(),
      unserved: this.#unserved,
      operationCount: operations.length,
      answeredCount: operations.filter(({ returnAt }) => returnAt < Infinity).length,
      sharedCount: this.#sharedCount,
      failures: failures.filter((failure) => failure !== undefined),
      overlong: this.engine.overlong,
    };
  }

  /** Memory of a node, and a thread that reads it. */
  #share(clocks: SimProcess, number: number): SharedValues {
    const memory = makeShared(SHARED_BYTES);
    const reads = new SharedReads(memory, clocks);
    const key = new KeyEncoder(...HASH_KEY);
    const read = () => {
      if (this.time.nowMs > this.#ms) return;
      const name = this.random.pick(this.keys);
      key.encode(name);
      const found = reads.read(key, true);
      if (found !== undefined) {
        const { bytes: value, ...ends } = found;
        const begun = this.history.begin(SHARING_CLIENT + number, name, getOf(name));
        this.history.end(begun, answerOf(Status.FOUND, { value, ...ends }));
        this.#sharedCount += 1;
      }
      this.time.after(this.random.between(1, 80), read);
    };
    read();
    return new SharedValues(memory);
  }

  /** Something goes wrong, and then the next thing. */
  #hurt(nemeses: readonly Nemesis[]): void {
    if (this.time.nowMs > this.#ms) return;
    const { random, engine } = this;
    this.time.after(random.between(300, 3500), () => this.#hurt(nemeses));
    const number = random.below(this.nodes.length);
    const { process, node } = this.nodes[number]!;
    switch (random.pick(nemeses)) {
      case "suspend":
        return process.suspend(random.between(100, 7000), false);
      case "freeze":
        return process.suspend(random.between(100, 7000), true);
      case "cut":
        process.cutUntilMs = this.time.nowMs + random.between(100, 7000);
        return;
      case "kill":
        this.#kill(number);
        return this.time.after(random.between(0, 5000), () => this.startNode(number));
      case "elect":
        return engine.elect(random.between(100, 2500));
      case "lag":
        engine.lagMs[random.below(engine.lagMs.length)] = random.pick([0, 0, 50, 500, 2500]);
        return;
      case "move":
        if (!process.isSuspended) node.handOver(this.#randomMoves(), random.below(2) === 0);
        return;
      case "interrupt":
        return this.#interrupt(node);
      case "leave":
        if (process.isSuspended) return;
        node.leave();
        this.time.after(4000, () => {
          if (this.nodes[number]!.node === node) this.startNode(number);
        });
    }
  }

  /** Slots move, and the node that gets them ends before, while, or after it has read them. */
  #interrupt(node: ClusterNode): void {
    const moves = this.#randomMoves();
    const to = moves[0]![1];
    node.handOver(moves);
    this.time.after(this.random.between(20, 200), () => {
      for (const key of this.keys) this.#readAt([this.nodes[to]!], key);
      this.#kill(to);
    });
    this.time.after(this.random.between(1000, 5000), () => this.startNode(to));
  }

  #kill(number: number): void {
    this.nodes[number]?.process.kill();
    this.nodes[number]?.node.stop();
  }

  #randomMoves(): [number, number][] {
    const slots = Array.from({ length: 4096 }, (_, slot) => slot);
    const to = this.random.below(this.nodes.length);
    return slots.filter(() => this.random.below(2) === 0).map((slot) => [slot, to]);
  }

  /** Reads a key in the end; returns whether a node answered. */
  #readLast(key: string): boolean {
    const isAnswered = this.#readAt(this.nodes, key);
    // Of a key that has expired is written that it has.
    this.time.run(1000);
    return isAnswered();
  }

  /** Asks nodes for a key; returns how to find out whether one of them answered. */
  #readAt(servers: readonly SimServer[], key: string): () => boolean {
    const request = getOf(key);
    const begun = this.history.begin(99, key, request);
    let isAnswered = false;
    for (const { node } of servers) {
      ask(node, request, (answer) => {
        if (isAnswered || NO_ANSWERS.has(answer.status)) return;
        isAnswered = true;
        this.history.end(begun, answer);
      });
    }
    return () => isAnswered;
  }
}
