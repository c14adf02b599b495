/**
 * Logs that no KN can be asked to merge by a request for a slot: of KNs that own none.
 *
 * A KN that owns slots merges what it has logged before it answers a MERGE_SLOT request. One that
 * owns none, as it is gone, or has just come, may have logged records of replicated keys all the
 * same, whose slots are others'. The M-node merges those.
 *
 * @module
 */
import type { Slot } from "../../core/brands.ts";
import { NODE_COUNT_MAX, SLOT_COUNT } from "../../core/limits.ts";
import type { Pool } from "../../pool/pool.ts";
import { cellsEnd } from "../../routing/cells.ts";
import { nodeOfAgent } from "../../routing/node_directory.ts";
import { loadOwner, ownerOf } from "../../routing/ownership.ts";
import { hasUnmerged } from "./log_merger.ts";

/**
 * The agent blocks of the KNs that own no slot, and have logged something that is not merged; none
 * if no key is replicated.
 */
export function unaskedLogs(pool: Pool): number[] {
  if (cellsEnd(pool) === 0) return [];
  const agents: number[] = [];
  for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
    if (hasUnmerged(pool, agent)) agents.push(agent);
  }
  if (agents.length === 0) return agents;
  const owners = new Set<number>();
  for (let slot = 0; slot < SLOT_COUNT; slot++) owners.add(ownerOf(loadOwner(pool, slot as Slot)));
  return agents.filter((agent) => !owners.has(nodeOfAgent(pool, agent)));
}
