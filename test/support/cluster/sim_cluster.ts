/**
 * A cluster that is simulated: nodes, clients and what goes wrong, over a simulated engine, decided by a seed. What the clients see is
 * checked for linearizability.
 *
 * @module
 */
import type { IndexOptions } from "../../../lib/cluster/index/index_keeper.ts";
import { ClusterNode } from "../../../lib/cluster/node/cluster_node.ts";
import {
  type ClusterAnswer,
  type ClusterRequest,
  ClusterStatus,
} from "../../../lib/cluster/node/requests.ts";
import { Status } from "../../../lib/rings/ring_layout.ts";
import { checkHistory, renderViolation } from "../linearizability/check_history.ts";
import { ABSENT, historyOf, type Operation, OperationKind } from "../linearizability/operation.ts";
import { Random } from "../random.ts";
import {
  ask,
  compareAndSetOf,
  deleteOf,
  getOf,
  HASH_KEY,
  ownerOf,
  putOf,
} from "./cluster_requests.ts";
import { type EngineFaults, NO_FAULTS, SimEngine } from "./sim_log_engine.ts";
import { type ClockRates, SimProcess, SimTime } from "./sim_processes.ts";

export const SIM_LEASE = { leaseMs: 3000, marginMs: 300 } as const;
/** A client takes a request for unanswered after that. */
const PATIENCE_MS = 700;
const THINK_MS_MAX = 60;

/** What a run is. */
export interface SimPlan {
  readonly seed: number;
  readonly nodeCount?: number;
  readonly clientCount?: number;
  readonly keyCount?: number;
  /** How long clients and faults go on. */
  readonly ms?: number;
  readonly faults?: EngineFaults;
  /** What may happen to nodes and engine. */
  readonly nemeses?: readonly Nemesis[];
  readonly ratesOf?: (random: Random, node: number) => ClockRates;
  /** Nodes keep their index in the engine. */
  readonly index?: IndexOptions;
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
  readonly failures: readonly unknown[];
}

interface SimNode {
  readonly process: SimProcess;
  readonly node: ClusterNode;
}

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
  readonly nodes: SimNode[] = [];
  readonly keys: readonly string[];
  readonly #plan: SimPlan;
  readonly #ms: number;
  readonly #operations = new Map<string, Operation[]>();
  readonly #versions = new Map<string, number>();
  readonly #failures: unknown[] = [];
  #ticks = 0;
  #writes = 0;
  #lives = 0;
  #unserved: string[] = [];

  constructor(plan: SimPlan) {
    const { seed, keyCount = 3, nodeCount = 3, faults = NO_FAULTS, ms = 25_000 } = plan;
    this.#plan = plan;
    this.#ms = ms;
    this.random = new Random(seed);
    this.engine = new SimEngine(this.time, this.random, faults);
    this.keys = Array.from({ length: keyCount }, (_, i) => `key ${i}`);
    for (const key of this.keys) this.#operations.set(key, []);
    for (let node = 0; node < nodeCount; node++) this.startNode(node);
  }

  /** Starts a node, in place of one that was killed. */
  startNode(number: number): void {
    this.#kill(number);
    const rates = (this.#plan.ratesOf ?? allowedRates)(this.random, number);
    const process = new SimProcess(this.time, rates);
    const node = new ClusterNode({
      engine: this.engine.connect(process),
      clock: process,
      times: SIM_LEASE,
      node: number,
      hashKey: HASH_KEY,
      nameLife: () => `life ${++this.#lives}`,
      ...(this.#plan.index === undefined ? {} : { index: this.#plan.index }),
    });
    this.nodes[number] = { process, node };
    node.start();
  }

  /** Everything: clients, faults, and a quiet time after which each key has to be served. */
  runAll(): void {
    const { clientCount = 4, nemeses = [] } = this.#plan;
    for (let client = 0; client < clientCount; client++) {
      this.time.after(this.random.between(500, 2500), () => this.#operate(client));
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
    const histories = [...this.#operations.values()];
    const violations = histories
      .map((operations, key) => checkHistory(historyOf(key, operations)))
      .filter((violation) => violation !== undefined);
    const failures = this.nodes.map(({ node }) => node.failure);
    return {
      violation: violations.length === 0 ? undefined : renderViolation(violations[0]!),
      unserved: this.#unserved,
      operationCount: histories.flat().length,
      answeredCount: histories.flat().filter(({ returnAt }) => returnAt < Infinity).length,
      failures: [...this.#failures, ...failures].filter((failure) => failure !== undefined),
    };
  }

  /** The operation of a client, and then its next one. */
  #operate(client: number): void {
    if (this.time.nowMs > this.#ms) return;
    const key = this.random.pick(this.keys);
    let isOver = false;
    const next = () => {
      if (isOver) return;
      isOver = true;
      this.time.after(this.random.between(1, THINK_MS_MAX), () => this.#operate(client));
    };
    this.time.after(PATIENCE_MS, next);
    const { process, node } = this.#nodeFor(key);
    const call = this.#begin(client, key);
    const answer = (outcome: ClusterAnswer) => {
      if (this.random.below(50) === 0) return;
      this.time.after(this.engine.delayMs(), () => {
        this.#end(key, call, outcome);
        next();
      });
    };
    this.time.after(this.engine.delayMs(), () => {
      process.deliver(() => ask(node, call.request, answer));
    });
  }

  /** Mostly the owner, as one of the nodes sees it; sometimes any. */
  #nodeFor(key: string): SimNode {
    const asked = this.random.pick(this.nodes);
    const owner = ownerOf(asked.node, key);
    return this.random.below(4) === 0 ? this.random.pick(this.nodes) : this.nodes[owner] ?? asked;
  }

  #begin(client: number, key: string): { row: number; request: ClusterRequest } {
    const operations = this.#operations.get(key)!;
    const kind = this.random.pick([
      ...[OperationKind.GET_ENTRY, OperationKind.GET_ENTRY, OperationKind.GET_ENTRY],
      ...[OperationKind.PUT, OperationKind.PUT, OperationKind.PUT],
      ...[OperationKind.DELETE, OperationKind.COMPARE_AND_SET],
    ]);
    const known = this.random.below(4) === 0 ? undefined : this.#versions.get(key);
    const writes = kind === OperationKind.PUT || kind === OperationKind.COMPARE_AND_SET;
    const input = writes ? ++this.#writes : 0;
    const version = kind === OperationKind.COMPARE_AND_SET ? known ?? ABSENT : 0;
    const value = new Uint8Array(new Float64Array([input]).buffer);
    const request = kind === OperationKind.GET_ENTRY
      ? getOf(key)
      : kind === OperationKind.PUT
      ? putOf(key, value)
      : kind === OperationKind.DELETE
      ? deleteOf(key)
      : compareAndSetOf(key, known, value);
    const callAt = ++this.#ticks;
    operations.push({ client, kind, input, version, output: 0, callAt, returnAt: Infinity });
    return { row: operations.length - 1, request };
  }

  #end(key: string, { row }: { row: number }, answer: ClusterAnswer): void {
    const operations = this.#operations.get(key)!;
    const operation = operations[row]!;
    if (answer.status === ClusterStatus.UNKNOWN) return;
    const returnAt = ++this.#ticks;
    const { version, value } = answer;
    const isRead = operation.kind === OperationKind.GET_ENTRY;
    switch (answer.status) {
      case ClusterStatus.NOT_OWNER:
        // Certain to have changed nothing: a read that was never made.
        operations[row] = { ...operation, kind: OperationKind.GET, input: 0, version: 0 };
        return;
      case Status.FOUND: {
        this.#versions.set(key, version);
        const output = new Float64Array(value.slice().buffer)[0]!;
        operations[row] = { ...operation, output, version, returnAt };
        return;
      }
      case Status.UNMET:
        operations[row] = { ...operation, output: isRead ? ABSENT : 0, returnAt };
        return;
      default:
        operations[row] = { ...operation, output: 1, returnAt };
    }
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
        if (!process.isSuspended) node.handOver(this.#randomMoves());
        return;
      case "leave":
        if (process.isSuspended) return;
        node.leave();
        this.time.after(4000, () => {
          if (this.nodes[number]!.node === node) this.startNode(number);
        });
    }
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
    const operations = this.#operations.get(key)!;
    for (const { node } of this.nodes) {
      const callAt = ++this.#ticks;
      let answer: ClusterAnswer | undefined;
      ask(node, getOf(key), (given) => answer = given);
      for (let waitedMs = 0; waitedMs < 2000 && answer === undefined; waitedMs += 10) {
        this.time.run(10);
      }
      if (answer === undefined || answer.status === ClusterStatus.NOT_OWNER) continue;
      const kind = OperationKind.GET_ENTRY;
      operations.push(
        { client: 99, kind, input: 0, version: 0, output: 0, callAt, returnAt: Infinity },
      );
      this.#end(key, { row: operations.length - 1 }, answer);
      return true;
    }
    return false;
  }
}
