/**
 * A KN that does not start before all slots have owners: what has none looks as if it was the first
 * KN's.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import type { Slot } from "../../../lib/core/brands.ts";
import { SLOT_COUNT } from "../../../lib/core/limits.ts";
import type { NodeStart } from "../../../lib/node/node_shell.ts";
import { Pool } from "../../../lib/pool/pool.ts";
import { slotOwner } from "../../../lib/routing/ownership.ts";

const start = workerData as NodeStart;
const pool = Pool.attach(start.pool);
const owners = new Set(
  Array.from({ length: SLOT_COUNT }, (_, slot) => slotOwner(pool, slot as Slot)),
);
if (owners.size === 1) throw new Error(`all slots belong to KN ${[...owners]}`);

await import("../../../workers/kn.ts");
