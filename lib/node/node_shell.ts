/**
 * The worker shell around a KN: loops over `doWork()`, spins, sleeps, stops.
 *
 * @module
 */
import type { NodeId } from "../core/brands.ts";
import { IDLE_WAIT_MS_MAX } from "../core/limits.ts";
import { AgentCounter, AgentCounters } from "../pool/agent_counters.ts";
import { AGENT_HEARTBEAT, AGENT_LIFE_STATE, AGENT_STOP_WANTED } from "../pool/control_layout.ts";
import type { LogPlace } from "../persistence/checkpointer.ts";
import type { Log } from "../persistence/open_log.ts";
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
  /** The KN has thrown. */
  FAILED: 4,
} as const;

/** What a KN's worker is started with. */
export interface NodeStart {
  readonly pool: PoolHandle;
  readonly nodeId: NodeId;
  readonly agent: number;
  readonly rings: readonly RingHandle[];
  readonly spinMicros: number;
  /** Where writes are logged; undefined if they are not. */
  readonly log?: LogPlace | undefined;
}

/**
 * Runs a KN on this thread until the M-node wants it to stop.
 *
 * @param openLog opens the log, for a pool that has one
 */
export function runNode(
  start: NodeStart,
  openLog?: (pool: Pool, place: LogPlace, agent: number) => Log,
): void {
  const pool = Pool.attach(start.pool);
  const agentAt = pool.agentAt(start.agent);
  try {
    const log = start.log === undefined ? undefined : openLog!(pool, start.log, start.agent);
    loop(start, pool, agentAt, log);
    log?.file.close();
    setLifeState(pool.control, agentAt, LifeState.STOPPED);
  } catch (error) {
    // A client that blocks sees this word; the others get the worker's error event.
    setLifeState(pool.control, agentAt, LifeState.FAILED);
    throw error;
  }
}

function loop(start: NodeStart, pool: Pool, agentAt: number, log: Log | undefined): void {
  const { control } = pool;
  const counters = new AgentCounters(pool, start.agent);
  const node = new KvsNode({
    pool,
    nodeId: start.nodeId,
    agent: start.agent,
    consumers: start.rings.map((handle) => new RequestConsumer(handle)),
    clock: Date.now,
    file: log?.file,
    checkpointer: log?.checkpointer,
  });
  const now = () => performance.now();
  const spinner = new Spinner(pool, start.agent, start.spinMicros, now);
  const stopIsWanted = () => Atomics.load(control, agentAt + AGENT_STOP_WANTED) !== 0;
  const mayWork = () => node.canExecute() || stopIsWanted();
  // A request that another executor seems to be taking may be one that it has just missed.
  const hasWork = () => node.hasRequest() || stopIsWanted();
  setLifeState(control, agentAt, LifeState.RUNNING);
  while (!stopIsWanted()) {
    Atomics.add(control, agentAt + AGENT_HEARTBEAT, 1);
    if (node.doWork() > 0) continue;
    if (node.isStalled) node.waitWhileStalled();
    else if (!spinner.spin(mayWork)) {
      const startMs = now();
      if (!sleepUnless(control, agentAt, hasWork, IDLE_WAIT_MS_MAX)) continue;
      spinner.learn(now() - startMs);
      counters.add(AgentCounter.SLEEPS, 1);
    }
  }
  while (node.doWork() > 0);
  node.close();
}

function setLifeState(control: Int32Array, agentAt: number, state: number): void {
  Atomics.store(control, agentAt + AGENT_LIFE_STATE, state);
  Atomics.notify(control, agentAt + AGENT_LIFE_STATE);
}
