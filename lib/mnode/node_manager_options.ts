/**
 * How the KNs of a pool are run.
 *
 * @module
 */
import type * as farParts from "../far/mnode/far_parts.ts";
import type { FarSettings } from "../node/far_settings.ts";
import type { StartedLog } from "../persistence/open_log.ts";
import type { WorkerCode } from "../platform/worker_loader.ts";
import type { Pool } from "../pool/pool.ts";
import type { RingRegion } from "../rings/ring_region.ts";
import type { StatisticsRegion } from "../statistics/statistics_region.ts";
import type { NodeEvents } from "./node_events.ts";

/** How KNs are run. */
export interface NodeManagerOptions {
  readonly pool: Pool;
  readonly workerCode: WorkerCode;
  readonly ringBytes: number;
  readonly inFlightMax: number;
  /** The rings of the threads that attach. */
  readonly region: RingRegion;
  readonly spinMicros: number;
  /** Whether the first KNs get their threads when clients first leave requests to them. */
  readonly startsLazily: boolean;
  /** Whether clients execute what KNs have no threads for. */
  readonly help: boolean;
  /** The log, of a pool that has one. */
  readonly log: StartedLog | undefined;
  /** Where clients and the M-node count, if there are statistics. */
  readonly statistics: StatisticsRegion | undefined;
  /** Set if the pool is a far one. */
  readonly far?: FarNodes | undefined;
  readonly events: NodeEvents;
}

/** The module of what only far pools have, which is loaded for them alone. */
export type FarParts = typeof farParts;

/** How the KNs of a far pool are run. */
export interface FarNodes {
  /** What other pools do without. */
  readonly parts: FarParts;
  readonly settings: FarSettings;
  /** Has DPM processors merge what has been logged by now. */
  readonly mergeLogs: () => Promise<void>;
}
