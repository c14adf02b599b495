/**
 * What the benchmarks of several threads find under one runtime.
 *
 * @module
 */
import { describeEnvironment, type Environment } from "../environment.ts";
import type { Size } from "../options.ts";
import { type FailoverFigures, measureFailover } from "./failover.ts";
import { THREADS_PLANS } from "./plan.ts";
import { measureReads, type ReadFigures } from "./reads.ts";
import { measureVisibility, type VisibilityFigures } from "./visibility.ts";

export interface ThreadsResults {
  environment: Environment;
  size: Size;
  startedAt: string;
  reads: ReadFigures[];
  visibility: VisibilityFigures[];
  failover: FailoverFigures[];
}

export async function measureThreads(
  size: Size,
  progress: (line: string) => void,
): Promise<ThreadsResults> {
  const plan = THREADS_PLANS[size];
  const environment = describeEnvironment();
  const startedAt = new Date().toISOString();
  progress("reads: one attached thread, and two");
  const reads = await measureReads(plan);
  progress("visibility: two threads that answer each other");
  const visibility = await measureVisibility(plan);
  progress(`failover: ${plan.killCount} kills under load, twice`);
  const failover = await measureFailover(plan);
  return { environment, size, startedAt, reads, visibility, failover };
}
