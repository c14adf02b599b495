/**
 * A thread that opens a store, and ends while a slot is marked as moving, so that it stays so.
 *
 * @module
 */
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import type { Slot } from "../../../lib/core/brands.ts";
import { KeyEncoder } from "../../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../../lib/core/limits.ts";
import { OWNER_TABLE } from "../../../lib/pool/control_layout.ts";
import { Pool } from "../../../lib/pool/pool.ts";
import { loadOwner, MOVING } from "../../../lib/routing/ownership.ts";
import { checkHandle } from "../../../lib/store/parts/handle.ts";
import { open, type OpenOptions } from "../../../mod.ts";

/** What the thread is started with. */
export interface MovingHostStart {
  readonly options: OpenOptions<number>;
  /** The key whose slot is moving. */
  readonly key: string;
}

const { options, key } = workerData as MovingHostStart;
const store = await open<number>({ ...options, keepAlive: true });
await store.put(key, 1);
const pool = Pool.attach(checkHandle(store.share()).pool);
const slot = new KeyEncoder(...pool.hashKey).encode(key) >>> SLOT_SHIFT as Slot;
const port = parentPort!;
port.on("message", (how: "mark" | "exit") => {
  if (how === "exit") return process.exit(0);
  // As tryMoveSlot does, before it swaps the lock word.
  Atomics.store(pool.control, OWNER_TABLE + slot, loadOwner(pool, slot) | MOVING);
  port.postMessage("marked");
});
port.postMessage(store.share());
