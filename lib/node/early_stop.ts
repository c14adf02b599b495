/**
 * A thread of a KN that is not wanted any more when it begins: a store was closed soon after it had
 * begun to start one. Most of what a start costs is loading modules, so the thread looks before it
 * does; this module has few.
 *
 * @module
 */
import { LifeState } from "../agent/liveness.ts";
import { AGENT_LIFE_STATE, AGENT_STOP_WANTED, agentOffset } from "../pool/control_layout.ts";
import type { NodeStart } from "./node_shell.ts";

/** Whether the M-node wants this thread to stop already; it has stopped then. */
export function stopsAtOnce({ pool, agent }: Pick<NodeStart, "pool" | "agent">): boolean {
  const control = new Int32Array(pool.control);
  const agentAt = agentOffset(pool.geometry.segmentCount, agent);
  if (Atomics.load(control, agentAt + AGENT_STOP_WANTED) === 0) return false;
  Atomics.store(control, agentAt + AGENT_LIFE_STATE, LifeState.STOPPED);
  Atomics.notify(control, agentAt + AGENT_LIFE_STATE);
  return true;
}
