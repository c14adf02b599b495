/**
 * What a thread does that keeps pools restored ahead (persistence/pool_standby.ts). It is one
 * thread for one store that waits, so that the waiting program's own threads are not held up.
 *
 * @module
 */
import { nodeFileSystem } from "../persistence/file_system.ts";
import { type HeldDirectory, heldFiles } from "../persistence/held_files.ts";
import { PoolStandby, type StandbyReport } from "../persistence/pool_standby.ts";
import type { RequestedPool, RestoredPool } from "../persistence/snapshot_reader.ts";
import type { PoolHandle } from "../pool/pool.ts";

/** What is restored ahead, as each task says: its thread may be a new one. */
export interface StandbyPlace {
  /** Absolute. */
  readonly directory: string;
  readonly requested: RequestedPool;
  readonly isLogged: boolean;
  readonly repair: boolean;
}

/** What the thread is asked to do: look at the files, or end it when the directory is locked. */
export type StandbyTask =
  | { readonly kind: "refresh"; readonly place: StandbyPlace }
  | { readonly kind: "takeOver"; readonly place: StandbyPlace; readonly held: HeldDirectory };

/** A pool that was taken over, as it gets to the thread that opens it. */
export type TakenOverPool = Omit<RestoredPool, "pool"> & { readonly pool: PoolHandle };

/** The standbys of this thread, by directory. */
const standbys = new Map<string, PoolStandby>();

/** Does one task. */
export function performStandbyTask(task: StandbyTask): StandbyReport | TakenOverPool | undefined {
  const { directory, requested, isLogged, repair } = task.place;
  const known = standbys.get(directory);
  if (task.kind === "takeOver") {
    standbys.delete(directory);
    const restored = known?.takeOver(heldFiles(nodeFileSystem, task.held));
    return restored && { ...restored, pool: restored.pool.handle };
  }
  const standby = known ??
    new PoolStandby(nodeFileSystem, directory, requested, { isLogged, repair });
  standbys.set(directory, standby);
  return standby.refresh();
}
