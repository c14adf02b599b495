/**
 * The state of a pool in a few lines, for the report of something that does not end.
 *
 * @module
 */
import type { Slot } from "../../../lib/core/brands.ts";
import { NODE_COUNT_MAX, SLOT_COUNT } from "../../../lib/core/limits.ts";
import {
  AGENT_EXECUTOR,
  AGENT_GATE_STATE,
  AGENT_GROUP_STATE,
  AGENT_HEARTBEAT,
  AGENT_LIFE_STATE,
  AGENT_STEPS,
  GATE_PAUSED,
} from "../../../lib/pool/control_layout.ts";
import type { Pool } from "../../../lib/pool/pool.ts";
import { clientState } from "../../../lib/routing/client_registry.ts";
import { nodeOfAgent, NodeState, nodeStateOf } from "../../../lib/routing/node_directory.ts";
import { loadOwner, ownerOf, slotHolder, slotOwner } from "../../../lib/routing/ownership.ts";
import type { Store } from "../../../mod.ts";

/** Describes a pool as it is now, though others may be changing it. */
export function describePool(store: Store<unknown>, pool: Pool, clientCount: number): string {
  const { control } = pool;
  const lines: string[] = [];
  for (let agent = 0; agent < NODE_COUNT_MAX; agent++) {
    if (nodeStateOf(pool, agent) === NodeState.NONE) continue;
    const at = pool.agentAt(agent);
    lines.push(
      `agent ${agent}: KN ${nodeOfAgent(pool, agent)} in state ${nodeStateOf(pool, agent)}, ` +
        `executor ${control[at + AGENT_EXECUTOR]}, life ${control[at + AGENT_LIFE_STATE]}, ` +
        `gate ${control[at + AGENT_GATE_STATE]}, group ${control[at + AGENT_GROUP_STATE]}, ` +
        `${control[at + AGENT_STEPS]} steps, heartbeat ${control[at + AGENT_HEARTBEAT]}`,
    );
  }
  const slots = new Map<string, number>();
  for (let i = 0; i < SLOT_COUNT; i++) {
    const slot = i as Slot;
    const owner = slotOwner(pool, slot);
    const routed = ownerOf(loadOwner(pool, slot));
    const name = `of KN ${owner}, routed to ${routed}, held by ${slotHolder(pool, slot)}`;
    slots.set(name, (slots.get(name) ?? 0) + 1);
  }
  for (const [name, count] of slots) lines.push(`${count} slots ${name}`);
  const clients = Array.from({ length: clientCount }, (_, client) => clientState(pool, client));
  const { segments, zombies, pending, liveBytes, liveBytesMax, durability } = store.stats();
  lines.push(
    `clients' states ${clients.join(" ")}, pause ${control[GATE_PAUSED]}, ` +
      `${zombies} zombies, ${pending} pending here, ${liveBytes} of ${liveBytesMax} bytes live, ` +
      `segments ${JSON.stringify(segments)}, durability ${JSON.stringify(durability)}`,
  );
  return lines.join("\n");
}
