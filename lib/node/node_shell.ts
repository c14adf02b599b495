/**
 * The worker shell around a KN: loops over `doWork()`, spins, sleeps, stops.
 *
 * @module
 */
import type { NodeId } from "../core/brands.ts";
import { IDLE_WAIT_MS_MAX } from "../core/limits.ts";
import { process } from "../platform/process.ts";
import { epochMs, monotonicMs } from "../platform/runtime.ts";
import { sleepSync } from "../platform/sleep_sync.ts";
import { hasThreadEnded } from "../platform/thread_identity.ts";
import { clientThread, HOST_CLIENT } from "../routing/client_registry.ts";
import { LifeState, lifeState, noteThread, setLifeState } from "../agent/liveness.ts";
import { AgentCounter, AgentCounters } from "../pool/agent_counters.ts";
import {
  AGENT_EXECUTOR,
  AGENT_HEARTBEAT,
  AGENT_IN_SYSTEM_CALL,
  AGENT_STOP_WANTED,
} from "../pool/control_layout.ts";
import type { LogPlace } from "../persistence/checkpointer.ts";
import type { Log } from "../persistence/open_log.ts";
import { Pool, type PoolHandle } from "../pool/pool.ts";
import type { RingRegion } from "../rings/ring_region.ts";
import type { RingHandle } from "../rings/ring_layout.ts";
import type { StatisticsRegion } from "../statistics/statistics_region.ts";
import { ClientRings } from "./client_rings.ts";
import { abandonExecutor, Executor } from "../agent/executor.ts";
import { sleepUnless, Spinner } from "./idle_strategy.ts";
import type { FarSettings } from "./far_settings.ts";
import { KvsNode, type KvsNodeOptions } from "./kvs_node.ts";

/**
 * How long to sleep when this thread may not spin, or has, and still another one executes, or
 * pauses the pool, and may need its processor. Whose requests an executor has just missed executes
 * them itself, unless it sleeps already.
 */
const LOCKED_OUT_MS = 0.25;

/** What a KN's worker is started with. */
export interface NodeStart {
  readonly pool: PoolHandle;
  readonly nodeId: NodeId;
  readonly agent: number;
  /** The rings from the host, and those from the threads that attach. */
  readonly hostRing: RingHandle;
  readonly region: RingRegion;
  readonly spinMicros: number;
  /** Where writes are logged; undefined if they are not. */
  readonly log?: LogPlace | undefined;
  /** Where clients and the M-node count, if there are statistics. */
  readonly statistics?: StatisticsRegion | undefined;
  /** Set if the pool is a far one. */
  readonly far?: FarSettings | undefined;
}

/** What every KN is made of. */
export type NodeParts = Omit<KvsNodeOptions, "executor">;

/** A KN, as the loop sees it. */
export type ExecutingNode = Pick<
  KvsNode,
  "canExecute" | "hasRequest" | "doWork" | "isStalled" | "waitWhileStalled" | "close"
>;

/** What only some KNs need, so that the others do without the modules. */
export interface NodeModules {
  /** Opens the log, for a pool that has one. */
  readonly openLog?: ((pool: Pool, place: LogPlace, agent: number) => Log) | undefined;
  /** Makes the KN of a far pool. */
  readonly makeFarNode?:
    | ((options: NodeParts, settings: FarSettings) => ExecutingNode)
    | undefined;
}

/** Runs a KN on this thread until the M-node wants it to stop, or is gone. */
export function runNode(start: NodeStart, modules: NodeModules = {}): void {
  const pool = Pool.attach(start.pool);
  const agentAt = pool.agentAt(start.agent);
  noteThread(pool, agentAt);
  // Whatever ends this thread by force of its own code, also in the middle of a step, runs this;
  // what does not is noticed by others.
  let hasGivenUp = false;
  const giveUpOnce = () => {
    // What comes after may be the word of another thread, which was started in place of this one.
    if (!hasGivenUp) giveUp(pool, agentAt);
    hasGivenUp = true;
  };
  process.on("exit", giveUpOnce);
  try {
    const { openLog } = modules;
    const log = start.log === undefined ? undefined : openLog!(pool, start.log, start.agent);
    loop(start, pool, agentAt, log, modules);
    log?.file.close();
    setLifeState(pool, agentAt, LifeState.STOPPED);
  } catch (error) {
    giveUpOnce();
    throw error;
  }
}

/** Says that this thread will do no more for its KN, unless it has ended in an orderly way. */
function giveUp(pool: Pool, agentAt: number): void {
  const state = lifeState(pool, agentAt);
  if (state === LifeState.STOPPED) return;
  abandonExecutor(pool.control, agentAt + AGENT_EXECUTOR, Executor.OWN_THREAD);
  // A host that blocks sees this word; otherwise it gets the worker's events, too.
  setLifeState(
    pool,
    agentAt,
    state === LifeState.STARTING ? LifeState.NOT_STARTED : LifeState.FAILED,
  );
}

function loop(
  start: NodeStart,
  pool: Pool,
  agentAt: number,
  log: Log | undefined,
  modules: NodeModules,
): void {
  const { control } = pool;
  const counters = new AgentCounters(pool, start.agent);
  const rings = new ClientRings(pool, start.agent, start.hostRing, start.region);
  const parts: NodeParts = {
    pool,
    nodeId: start.nodeId,
    agent: start.agent,
    consumers: rings.consumers,
    clock: epochMs,
    file: log?.file,
    checkpointer: log?.checkpointer,
    statistics: start.statistics,
  };
  const node: ExecutingNode = start.far === undefined
    ? new KvsNode(parts)
    : modules.makeFarNode!(parts, start.far);
  const now = monotonicMs;
  const busyClients = (nowMs: number) => rings.busyCount(nowMs);
  const spinner = new Spinner(pool, start.agent, start.spinMicros, now, busyClients);
  const stopIsWanted = () => Atomics.load(control, agentAt + AGENT_STOP_WANTED) !== 0;
  const mayWork = () => node.canExecute() || stopIsWanted();
  // A request that another executor seems to be taking may be one that it has just missed.
  const hasWork = () => {
    rings.update();
    return node.hasRequest() || stopIsWanted();
  };
  setLifeState(pool, agentAt, LifeState.RUNNING);
  while (!stopIsWanted()) {
    Atomics.add(control, agentAt + AGENT_HEARTBEAT, 1);
    rings.update();
    if (node.doWork() > 0) continue;
    if (node.isStalled) waitWhileStalled(node, control, agentAt);
    else if (!spinner.spin(mayWork)) {
      const startMs = now();
      if (!sleepUnless(control, agentAt, hasWork, IDLE_WAIT_MS_MAX)) {
        if (!mayWork()) sleepSync(LOCKED_OUT_MS);
        continue;
      }
      spinner.learn(now() - startMs);
      counters.add(AgentCounter.SLEEPS, 1);
      // If nothing has come for as long as this thread may sleep, there may be no thread left that
      // would want it to stop.
      const isLong = now() - startMs >= IDLE_WAIT_MS_MAX;
      if (isLong && hasThreadEnded(clientThread(pool, HOST_CLIENT))) return;
    }
  }
  while (node.doWork() > 0);
  node.close();
}

/** It may write a checkpoint, which is no stall. */
function waitWhileStalled(node: ExecutingNode, control: Int32Array, agentAt: number): void {
  control[agentAt + AGENT_IN_SYSTEM_CALL] = 1;
  node.waitWhileStalled();
  control[agentAt + AGENT_IN_SYSTEM_CALL] = 0;
}
