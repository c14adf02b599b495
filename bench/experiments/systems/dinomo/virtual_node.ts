/**
 * One KN in virtual time: threads around a real `FarNode`.
 *
 * The `FarNode` has one cache and one log. Its work is shared by threads, each of which serves a
 * share of the slots: requests for them wait in its queue. A thread that is free takes what waits,
 * up to what a `FarNode` takes from a ring at once, lets the `FarNode` execute it in one step, and
 * is then busy for as long as the step would take: the processor's time by what the lookups came
 * to, then one round trip after the other by what the verbs have counted. The answers leave at the
 * end of the step.
 *
 * A key that several KNs own is served by all threads of each of them. (So it is in the reference
 * implementation when all KNs own it: "local replication", src/monitor/slo_policy.cpp of
 * utsaslab/dinomo.) A write of it needs the key's cell (cell_locks.ts). Such writes wait by
 * themselves; when a thread finds the cell unlocked, it takes those of one key, in a step of their
 * own, so that the cell is held no longer than that. Otherwise it goes on with other requests.
 *
 * A KN whose unmerged records have reached the limit waits for DPM processors to merge some.
 * (`FarNode` would help them, as it can in one process; across a network it could not.)
 *
 * @module
 */
import { BATCH_REQUESTS_MAX } from "../../../../lib/core/limits.ts";
import { Fifo } from "../../kernel/fifo.ts";
import { PARKED, type Process, type Simulation, type Task } from "../../kernel/simulation.ts";
import { COSTS } from "../../model/costs.ts";
import { type Fabric, Port } from "../../model/fabric.ts";
import { OperationKind } from "../../workload/mix.ts";
import type { Operation, Resource } from "../system.ts";
import type { CellLocks } from "./cell_locks.ts";
import type { RealNode, StepMeter } from "./real_node.ts";

/** Instead of an answer's status: the KN has failed, and somebody else has its slots. */
export const FAILED = -2;
const UNANSWERED = -1;
const NO_KEY = -1;

/** A request that waits for its answer. */
interface Request {
  readonly operation: Operation;
  readonly slot: number;
  readonly client: Process;
  status: number;
}

/** One thread: its queue, and how busy it is. */
class NodeThread implements Resource {
  readonly name = "a KN's thread";
  readonly isWaiting = true;
  readonly queue = new Fifo<Request>();
  /** Writes of keys that several KNs own, by key. */
  readonly sharedWrites = new Map<number, Fifo<Request>>();
  /** The requests of the step that it is busy with. */
  readonly unanswered: Request[] = [];
  /** The thread, while it has nothing to do. */
  idle: Process | undefined;
  /** Since the beginning of time. */
  busyUs = 0;
  readonly #simulation: Simulation;
  #busyUsBefore = 0;
  #sinceUs = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  get utilization(): number {
    const elapsedUs = this.#simulation.nowUs - this.#sinceUs;
    return elapsedUs === 0 ? 0 : (this.busyUs - this.#busyUsBefore) / elapsedUs;
  }

  countBusy(us: number): void {
    this.busyUs += us;
  }

  reset(): void {
    this.#busyUsBefore = this.busyUs;
    this.#sinceUs = this.#simulation.nowUs;
  }
}

/** The writes of a key that wait for its cell. */
function sharedWritesOf(thread: NodeThread, key: number): Fifo<Request> {
  let writes = thread.sharedWrites.get(key);
  if (writes === undefined) thread.sharedWrites.set(key, writes = new Fifo());
  return writes;
}

/** Called after a step with what it has taken. */
export type OnStep = (meter: StepMeter) => void;

/** A KN. */
export class VirtualNode {
  readonly real: RealNode;
  readonly port: Port;
  readonly threads: readonly NodeThread[];
  readonly #simulation: Simulation;
  readonly #fabric: Fabric;
  readonly #cells: CellLocks;
  readonly #onStep: OnStep;
  /** Threads that wait for a merge. */
  readonly #waiting: Process[] = [];
  #hasFailed = false;
  /** Counts requests of keys that several KNs own, each of which goes to another thread. */
  #sharedCount = 0;

  constructor(
    simulation: Simulation,
    fabric: Fabric,
    cells: CellLocks,
    real: RealNode,
    onStep: OnStep,
  ) {
    this.real = real;
    this.#simulation = simulation;
    this.#fabric = fabric;
    this.#cells = cells;
    this.#onStep = onStep;
    this.port = new Port(simulation, `KN ${real.nodeId} link`);
    this.threads = Array.from(
      { length: COSTS.threadsPerNode.value },
      () => new NodeThread(simulation),
    );
    for (const thread of this.threads) simulation.start(this.#work(thread));
  }

  /**
   * Has a request executed; returns the answer's status. `isShared`: of a key that several KNs own.
   */
  *execute(operation: Operation, slot: number, isShared: boolean): Task<number> {
    const thread = this.#threadOf(isShared ? this.#sharedCount++ : slot);
    const client = this.#simulation.current;
    const request: Request = { operation, slot, client, status: UNANSWERED };
    const isSharedWrite = isShared && operation.kind !== OperationKind.READ;
    (isSharedWrite ? sharedWritesOf(thread, operation.key) : thread.queue).push(request);
    const { idle } = thread;
    thread.idle = undefined;
    if (idle !== undefined) this.#simulation.start(idle);
    yield PARKED;
    return request.status;
  }

  /** Waits until something has been merged. */
  *nextMerge(): Process {
    this.#waiting.push(this.#simulation.current);
    yield PARKED;
  }

  /** Lets threads go on that waited for a merge. */
  noteMerge(): void {
    for (const thread of this.#waiting.splice(0)) this.#simulation.start(thread);
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Stops all threads where they are: nothing is answered any more. */
  fail(): void {
    this.#hasFailed = true;
  }

  /** Sends the clients that wait for this KN, which has failed, to the new owner of a slot. */
  sendBack(slot: number): void {
    for (const thread of this.threads) this.#sendBack(thread, slot);
  }

  #sendBack(thread: NodeThread, slot: number): void {
    const waiting = thread.unanswered.splice(0);
    for (const queue of [thread.queue, ...thread.sharedWrites.values()]) {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) waiting.push(next);
    }
    for (const request of waiting) {
      if (request.slot !== slot) {
        thread.queue.push(request);
        continue;
      }
      request.status = FAILED;
      this.#simulation.start(request.client);
    }
  }

  reset(): void {
    this.port.reset();
    for (const thread of this.threads) thread.reset();
  }

  #threadOf(number: number): NodeThread {
    return this.threads[number % this.threads.length];
  }

  *#work(thread: NodeThread): Process {
    const batch = thread.unanswered;
    while (!this.#hasFailed) {
      const key = this.#lockAny(thread);
      const queue = key === NO_KEY ? thread.queue : sharedWritesOf(thread, key);
      if (queue.size === 0) {
        yield this.#idle(thread);
        continue;
      }
      if (!this.real.mayLog) {
        if (key !== NO_KEY) this.#cells.give(key);
        this.#waiting.push(this.#simulation.current);
        yield PARKED;
        continue;
      }
      while (batch.length < BATCH_REQUESTS_MAX && queue.size > 0) {
        const request = queue.shift()!;
        this.real.send(request.operation);
        batch.push(request);
      }
      const beganUs = this.#simulation.nowUs;
      let answered = 0;
      const meter = this.real.step((status) => batch[answered++].status = status);
      if (answered < batch.length) throw new Error("a step has not answered all of its requests");
      yield* this.#pay(meter);
      thread.countBusy(this.#simulation.nowUs - beganUs);
      if (key !== NO_KEY) this.#cells.give(key);
      if (this.#hasFailed) return;
      this.#onStep(meter);
      for (const { client } of batch.splice(0)) this.#simulation.start(client);
    }
  }

  /** Locks the cell of a key that waits to be written; returns the key. */
  #lockAny(thread: NodeThread): number {
    for (const [key, { size }] of thread.sharedWrites) {
      if (size > 0 && this.#cells.tryTake(key)) return key;
    }
    return NO_KEY;
  }

  /** Until when a thread that can do nothing waits: for a request, or to look at a cell again. */
  #idle(thread: NodeThread): number {
    for (const { size } of thread.sharedWrites.values()) {
      if (size > 0) return this.#simulation.nowUs + COSTS.roundTripUs.value;
    }
    thread.idle = this.#simulation.current;
    return PARKED;
  }

  /** Lets the time pass that a step takes. */
  *#pay(meter: StepMeter): Process {
    yield this.#simulation.nowUs + meter.cpuUs;
    for (let i = 0; i < meter.reads; i++) {
      yield* this.#fabric.read(this.port, meter.bytesRead / meter.reads);
    }
    for (let i = 0; i < meter.writes; i++) {
      yield* this.#fabric.write(this.port, meter.bytesWritten / meter.writes);
    }
  }
}
