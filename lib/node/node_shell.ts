/**
 * The worker shell around a KN: loops over `doWork()`, spins, sleeps, stops.
 *
 * @module
 */
import type { NodeId } from "../core/brands.ts";
import { IDLE_WAIT_MS_MAX } from "../core/limits.ts";
import { AgentCounter, AgentCounters } from "../pool/agent_counters.ts";
import { AGENT_HEARTBEAT, AGENT_LIFE_STATE, AGENT_STOP_WANTED } from "../pool/control_layout.ts";
import { Pool, type PoolHandle } from "../pool/pool.ts";
import { RequestConsumer } from "../rings/request_consumer.ts";
import type { RingHandle } from "../rings/ring_layout.ts";
import { sleepUnless, Spinner } from "./idle_strategy.ts";
import { KvsNode } from "./kvs_node.ts";

/** Life of a KN's thread, in AGENT_LIFE_STATE. */
export const LifeState = {
  /** No thread uses the block. */
  NONE: 0,
  STARTING: 1,
  RUNNING: 2,
  STOPPED: 3,
} as const;

/** What a KN's worker is started with. */
export interface NodeStart {
  readonly pool: PoolHandle;
  readonly nodeId: NodeId;
  readonly agent: number;
  readonly rings: readonly RingHandle[];
  readonly spinMicros: number;
}

/** Runs a KN on this thread until the M-node wants it to stop. */
export function runNode(start: NodeStart): void {
  const pool = Pool.attach(start.pool);
  const { control } = pool;
  const agentAt = pool.agentAt(start.agent);
  const counters = new AgentCounters(pool, start.agent);
  const node = new KvsNode({
    pool,
    nodeId: start.nodeId,
    agent: start.agent,
    consumers: start.rings.map((handle) => new RequestConsumer(handle)),
    clock: Date.now,
  });
  const spinner = new Spinner(pool, "node", start.spinMicros, () => performance.now());
  const hasWork = () =>
    node.hasRequest() || Atomics.load(control, agentAt + AGENT_STOP_WANTED) !== 0;
  setLifeState(control, agentAt, LifeState.RUNNING);
  while (Atomics.load(control, agentAt + AGENT_STOP_WANTED) === 0) {
    Atomics.add(control, agentAt + AGENT_HEARTBEAT, 1);
    if (node.doWork() > 0) continue;
    if (spinner.spin(hasWork)) continue;
    const startMs = performance.now();
    if (sleepUnless(control, agentAt, hasWork, IDLE_WAIT_MS_MAX)) {
      spinner.learn(performance.now() - startMs);
      counters.add(AgentCounter.SLEEPS, 1);
    }
  }
  while (node.doWork() > 0);
  node.close();
  setLifeState(control, agentAt, LifeState.STOPPED);
}

function setLifeState(control: Int32Array, agentAt: number, state: number): void {
  Atomics.store(control, agentAt + AGENT_LIFE_STATE, state);
  Atomics.notify(control, agentAt + AGENT_LIFE_STATE);
}
