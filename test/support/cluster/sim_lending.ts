/**
 * A cluster of which everything is real but engine, wires and clocks: nodes that lend copies of
 * keys, and threads with carriers that answer reads from them. Nodes and threads stand still, are
 * cut off, are killed; slots move. What the threads see is checked, and that no node begins to
 * serve a slot while a thread may still answer from a copy that was lent by who had it before.
 *
 * @module
 */
import { EventEmitter } from "node:events";
import type { Server, Socket } from "node:net";
import { NodeExecutor } from "../../../lib/cluster/agent/node_executor.ts";
import { LentCopies } from "../../../lib/cluster/client/lent_copies.ts";
import type { ClusterParcel } from "../../../lib/cluster/client/node_peers.ts";
import { NONE_REFUSED, type OwnerView } from "../../../lib/cluster/client/owner_view.ts";
import { NodeServer } from "../../../lib/cluster/network/node_server.ts";
import { ClusterNode, type ClusterNodeOptions } from "../../../lib/cluster/node/cluster_node.ts";
import type { CopySettings } from "../../../lib/cluster/node/key_meter.ts";
import { PLAIN_MESSAGE_BYTES_MAX } from "../../../lib/cluster/messages/message_limits.ts";
import { answerOf, type ClusterRequest } from "../../../lib/cluster/node/requests.ts";
import {
  type ClusterClient,
  makeClusterClient,
} from "../../../lib/cluster/store/cluster_client.ts";
import type { Completion } from "../../../lib/client/completions.ts";
import { draftOfKey } from "../../../lib/client/request_draft.ts";
import { RequestWriter } from "../../../lib/client/request_writer.ts";
import { KeyEncoder } from "../../../lib/core/key_encoder.ts";
import { SLOT_COUNT } from "../../../lib/core/limits.ts";
import { nextTurn } from "../../../lib/platform/runtime.ts";
import { ReadCompletion } from "../../../lib/far/client/routed_reads.ts";
import { Condition, Operation, Status } from "../../../lib/rings/ring_layout.ts";
import { Random } from "../random.ts";
import { deleteOf, getOf, HASH_KEY, hasOf, putOf, slotOfKey } from "./cluster_requests.ts";
import { allowedRates } from "./sim_cluster.ts";
import { type Begun, SimHistory, valueOf } from "./sim_history.ts";
import { NO_FAULTS, SimEngine } from "./sim_log_engine.ts";
import { type ClockRates, SimProcess, SimTime } from "./sim_processes.ts";
import { SimWire } from "./sim_wires.ts";

const LEASE = { leaseMs: 1000, marginMs: 100 } as const;
const LENT_MS = 400;
/** Everything is lent to whoever asks. */
export const ALL_COPIES: CopySettings = {
  lentMs: LENT_MS,
  readsMin: 0,
  shareMin: 0,
  readsPerCopy: 0,
};

/** Something that goes wrong. */
export type LendingNemesis =
  | "suspend node"
  | "freeze node"
  | "cut node"
  | "kill node"
  | "move"
  | "leave"
  | "suspend thread"
  | "freeze thread"
  | "hold wires"
  | "hold reader, move"
  | "hold reader, leave"
  | "cut wire"
  | "set clock";

/** What a run is. */
export interface LendingPlan {
  readonly seed: number;
  readonly nemeses: readonly LendingNemesis[];
  readonly ms?: number;
  readonly expires?: boolean;
  readonly ratesOf?: (random: Random) => ClockRates;
  /** How often a thread changes something: one of so many operations. */
  readonly changesOneIn?: number;
  readonly partsOf?: () => Partial<ClusterNodeOptions>;
}

/** What has come of a run. */
export interface LendingResult {
  /** Undefined: what threads saw has an order, and nobody served what others had lent. */
  readonly violation: string | undefined;
  readonly answeredCount: number;
  /** Reads that were answered from copies. */
  readonly copiedReads: number;
}

interface Place {
  readonly process: SimProcess;
  readonly node: ClusterNode;
  readonly server: NodeServer;
  readonly listener: EventEmitter;
}

/** Runs a cluster. */
export async function simulateLending(plan: LendingPlan): Promise<LendingResult> {
  const run = new SimLending(plan);
  try {
    return await run.run();
  } finally {
    await run.close();
  }
}

class SimLending {
  readonly time = new SimTime();
  readonly random: Random;
  readonly history: SimHistory;
  readonly keys = ["key 0", "key 1"];
  readonly plan: LendingPlan;
  readonly #engine: SimEngine;
  /** All lives of nodes; their numbers are ports, less 1. */
  readonly #places: Place[] = [];
  /** The life of each node. */
  readonly #lives: number[] = [];
  readonly #threads: SimThread[];
  #wires: SimWire[] = [];
  #names = 0;
  /** By life and key: the time of ownership in which the slot of the key was served last. */
  readonly #servedSince: number[][] = [];
  /** What was wrong with copies. */
  #usable: string | undefined;

  constructor(plan: LendingPlan) {
    this.plan = plan;
    this.random = new Random(plan.seed);
    this.history = new SimHistory(this.keys, plan.expires === true);
    this.#engine = new SimEngine(this.time, this.random, NO_FAULTS);
    for (const node of [0, 1]) this.#startNode(node);
    this.#threads = [0, 1, 2].map((number) => new SimThread(this, number));
  }

  async run(): Promise<LendingResult> {
    const { time, plan: { ms = 6000, nemeses } } = this;
    for (const thread of this.#threads) thread.start();
    if (nemeses.length > 0) time.after(2000, () => this.#hurt(nemeses, ms));
    while (time.nowMs < ms && this.#usable === undefined) {
      time.step();
      await nextTurn();
      for (const life of this.#lives) this.#checkCopies(life);
    }
    const { operations } = this.history;
    return {
      violation: this.#usable ?? this.history.violation(),
      answeredCount: operations.filter(({ returnAt }) => returnAt < Infinity).length,
      copiedReads: this.#threads.reduce((sum, { client }) => sum + client.carrier.copiedReads, 0),
    };
  }

  async close(): Promise<void> {
    for (const { client } of this.#threads) client.close();
    for (const { thread, node } of this.#wires) {
      thread.destroy();
      node.destroy();
    }
    for (const { node } of this.#places) node.stop();
    await Promise.all(this.#places.map(({ server }) => server.close()));
  }

  /** Makes a process with clocks of its own. */
  makeProcess(): SimProcess {
    const { random, plan: { ratesOf = allowedRates, expires } } = this;
    const aheadMs = expires === true ? random.between(-300, 300) : 0;
    return new SimProcess(this.time, { ...ratesOf(random), aheadMs }, random);
  }

  connect(process: SimProcess, port: number): Socket {
    const place = this.#places[port - 1]!;
    const delayMs = () => this.random.between(1, 8);
    const accept = (socket: Socket) => void place.listener.emit("connection", socket);
    const wire = new SimWire(this.time, delayMs, process, place.process, accept);
    this.#wires.push(wire);
    return wire.thread as unknown as Socket;
  }

  /** Who owns what, as one of the nodes knows it. */
  view(): OwnerView {
    const owners = new Int32Array(SLOT_COUNT);
    const assignedAt = new Float64Array(SLOT_COUNT);
    const { node } = this.#placeOf(this.random.below(this.#lives.length));
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const route = node.routeOf(slot);
      owners[slot] = route.owner;
      assignedAt[slot] = route.routedBy;
    }
    const addresses = new Map(this.#lives.map((life, number) => [number, `127.0.0.1:${life + 1}`]));
    return { owners, assignedAt, addresses, refused: NONE_REFUSED, failedAt: new Map() };
  }

  /** Who begins to serve a slot may change its keys: nobody may answer from copies of them then. */
  #checkCopies(life: number): void {
    const { node } = this.#places[life]!;
    const served = this.#servedSince[life] ??= this.keys.map(() => 0);
    this.keys.forEach((key, i) => {
      const since = node.servedSince(slotOfKey(key));
      if (since === 0 || since === served[i]) return;
      served[i] = since;
      const reader = this.#threads.findIndex((thread) => thread.mayAnswer(key));
      if (reader === -1) return;
      this.#usable =
        `I4: at ${this.time.nowMs} ms life ${life} serves ${key}, by command ${since}, ` +
        `while thread ${reader} may answer from a copy`;
    });
  }

  #placeOf(number: number): Place {
    return this.#places[this.#lives[number]!]!;
  }

  #startNode(number: number): void {
    const process = this.makeProcess();
    const node = new ClusterNode({
      engine: this.#engine.connect(process),
      clock: process,
      soon: (task) => process.after(0, task),
      times: LEASE,
      node: number,
      hashKey: HASH_KEY,
      nameLife: () => `life ${++this.#names}`,
      copies: ALL_COPIES,
      ...this.plan.partsOf?.(),
    });
    const listener = new EventEmitter() as EventEmitter & { close(): void };
    listener.close = () => {};
    const server = NodeServer.serve(listener as unknown as Server, {
      node: number,
      secret: undefined,
      tls: undefined,
      executor: new NodeExecutor(node),
      rules: { hashKey: HASH_KEY, keyTypes: 1 },
      messageBytes: PLAIN_MESSAGE_BYTES_MAX,
      answer: () => {
        throw new Error("nobody calls");
      },
      onDistrust: () => {},
    });
    this.#lives[number] = this.#places.length;
    this.#places.push({ process, node, server, listener });
    node.start();
  }

  #hurt(nemeses: readonly LendingNemesis[], ms: number): void {
    if (this.time.nowMs > ms) return;
    const { random, time } = this;
    time.after(random.between(50, 800), () => this.#hurt(nemeses, ms));
    const number = random.below(this.#lives.length);
    const { process, node } = this.#placeOf(number);
    const thread = random.pick(this.#threads);
    switch (random.pick(nemeses)) {
      case "suspend node":
        return process.suspend(random.between(50, 2000), false);
      case "freeze node":
        return process.suspend(random.between(50, 2000), true);
      case "cut node":
        process.cutUntilMs = time.nowMs + random.between(100, 2500);
        return;
      case "kill node":
        process.kill();
        node.stop();
        return time.after(random.between(0, 2000), () => this.#startNode(number));
      case "move":
        if (!process.isSuspended) node.handOver(this.#randomMoves());
        return;
      case "hold reader, move":
        return this.#holdReader((lender) =>
          this.#placeOf(lender).node.handOver(allMoves(1 - lender))
        );
      case "hold reader, leave":
        return this.#holdReader((lender) => this.#leave(lender));
      case "leave":
        return this.#leave(number);
      case "suspend thread":
        return thread.process.suspend(random.between(20, 1200), false);
      case "freeze thread":
        return thread.process.suspend(random.between(20, 1200), true);
      case "hold wires":
        return this.#holdWires();
      case "cut wire":
        this.#wires = this.#wires.filter(({ thread }) => thread.isOpen);
        if (this.#wires.length > 0) random.pick(this.#wires).cut();
        return;
      case "set clock":
        return process.setAheadMs(random.between(-2000, 2000));
    }
  }

  #leave(number: number): void {
    const { process, node } = this.#placeOf(number);
    if (process.isSuspended) return;
    node.leave();
    this.time.after(1500, () => {
      process.kill();
      node.stop();
      this.#startNode(number);
    });
  }

  #holdWires(): void {
    const { random, time } = this;
    for (const wire of this.#wires) {
      if (random.below(2) === 0) wire.heldUntilMs = time.nowMs + random.between(20, 900);
    }
  }

  /**
   * Has the owner of what the reader has a copy of do something, of which the reader hears late.
   */
  #holdReader(then: (lender: number) => void): void {
    const [reader] = this.#threads;
    const lent = this.keys.find((key) => reader!.mayAnswer(key));
    if (lent === undefined) return this.time.after(10, () => this.#holdReader(then));
    const slot = slotOfKey(lent);
    const lender = this.#lives.findIndex((life) => this.#places[life]!.node.servedSince(slot) > 0);
    if (lender === -1 || this.#placeOf(lender).process.isSuspended) return;
    const { process } = reader!;
    const held = this.#wires.filter(({ threadProcess }) => threadProcess === process);
    for (const wire of held) wire.heldUntilMs = this.time.nowMs + 900;
    then(lender);
  }

  #randomMoves(): [number, number][] {
    const to = this.random.below(this.#lives.length);
    return allMoves(to).filter(() => this.random.below(2) === 0);
  }
}

/** Gives a node everything. */
function allMoves(to: number): [number, number][] {
  return Array.from({ length: SLOT_COUNT }, (_, slot) => [slot, to]);
}

/**
 * An application thread: it issues some requests of a key, and the next ones when they have ended.
 */
class SimThread {
  readonly process: SimProcess;
  readonly client: ClusterClient;
  readonly #sim: SimLending;
  readonly #number: number;
  readonly #key = new KeyEncoder(...HASH_KEY);
  readonly #writer = new RequestWriter(0);
  readonly #copies: LentCopies;

  constructor(sim: SimLending, number: number) {
    this.#sim = sim;
    this.#number = number;
    const process = this.process = sim.makeProcess();
    const connect = (_host: string, port: number) => sim.connect(process, port);
    const lentCopies = this.#copies = new LentCopies(process);
    this.client = makeClusterClient({ secret: undefined, tls: undefined }, {
      clock: process,
      connect,
      lentCopies,
    });
  }

  /** Whether it may answer a read of a key by itself, now. */
  mayAnswer(name: string): boolean {
    this.#key.encode(name);
    const words = this.#writer.copy(draftOfKey(Operation.GET, this.#key));
    return this.#copies.has({ words, operation: Operation.GET } as ClusterParcel);
  }

  start(): void {
    this.#look();
    this.#later(() => this.#operate(), this.#sim.random.between(500, 1500));
  }

  /** Learns who owns what, now and then. */
  #look(): void {
    this.client.carrier.update(this.#sim.view());
    this.#later(() => this.#look(), this.#sim.random.between(30, 300));
  }

  #later(task: () => void, ms: number): void {
    this.#sim.time.after(ms, () => this.process.deliver(task));
  }

  #operate(): void {
    const { random, keys, history } = this.#sim;
    const name = random.pick(keys);
    this.#key.encode(name);
    const count = random.pick([1, 1, 2, 3]);
    let open = count;
    const ended: { begun: Begun; answer: ReturnType<typeof answerOf> }[] = [];
    for (let i = 0; i < count; i++) {
      const request = this.#request(name);
      const begun = history.begin(this.#number, name, request);
      this.#issue(request, (answer) => {
        if (answer !== undefined) {
          history.end(begun, answer);
          ended.push({ begun, answer });
        }
        open -= 1;
        if (open > 0) return;
        ended.sort((a, b) => a.begun.row - b.begun.row);
        history.compareOrder(ended);
        this.#later(() => this.#operate(), random.between(0, 20));
      });
    }
    // As at the end of the tick, which is before anything else reaches the process.
    this.client.flush();
  }

  #request(name: string): ClusterRequest {
    const { random, time, plan: { changesOneIn = 6, expires } } = this.#sim;
    // One of them never has to wait for a change of its own: it reads on while it has copies.
    const isReader = this.#number === 0;
    if (isReader || random.below(changesOneIn) > 0) {
      return random.below(5) === 0 ? hasOf(name) : getOf(name);
    }
    if (random.below(6) === 0) return deleteOf(name);
    const expiresAtMs = expires === true && random.below(3) > 0
      ? Math.round(1e12 + time.nowMs + random.between(-100, 2000))
      : Infinity;
    return putOf(name, valueOf(random.below(1e9)), expiresAtMs);
  }

  /** Has a request made by the client, which says nothing of it if it may or may not have been. */
  #issue(
    { operation, value, expiresAtMs }: ClusterRequest,
    done: (answer: ReturnType<typeof answerOf> | undefined) => void,
  ): void {
    if (operation === Operation.GET || operation === Operation.HAS) {
      const isGet = operation === Operation.GET;
      const read = new ReadCompletion(this.client.carrier, ({ value: found, exists, error }) => {
        if (error !== undefined) return done(undefined);
        if (!isGet) return done(answerOf(exists ? Status.OK : Status.UNMET));
        if (found === undefined) return done(answerOf(Status.UNMET));
        done(answerOf(Status.FOUND, { version: found.version, value: found.bytes }));
      });
      return this.client.get(this.#key, isGet, read);
    }
    const completion: Completion = {
      settle: (status, _detail, low, high) =>
        done(answerOf(status, { version: high * 2 ** 32 + (low >>> 0) })),
      fail: () => done(undefined),
    };
    if (operation === Operation.DELETE) return this.client.delete(this.#key, completion);
    const bytes = { bytes: value, start: 0, end: value.length };
    this.client.put(this.#key, bytes, expiresAtMs, Condition.NONE, 0, completion);
  }
}
