/**
 * Seals the segments that KNs hold open at the pool's end, so that compaction can empty them: by
 * one step of the KN, whose executor is the host's thread, as when it executes requests itself. The
 * KN goes on in another segment when it has something to append; what was left of the sealed one is
 * for cleaning to gain.
 *
 * A far KN's segments stay open until they are merged, and are left alone.
 *
 * @module
 */
import { clientExecutor } from "../agent/executor.ts";
import { Step } from "../agent/step.ts";
import type { LogSink } from "../log/log_sink.ts";
import { LogWriter } from "../log/log_writer.ts";
import { isFar } from "../pool/placement.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { HOST_CLIENT } from "../routing/client_registry.ts";

/**
 * Seals what a KN has open from a segment on; called by the host's thread, outside of any step.
 *
 * @returns false when another thread is in a step of the KN, or the pool is paused: to be tried
 *   again
 */
export function sealOpenFrom(
  pool: Pool,
  agent: number,
  first: number,
  file: LogSink | undefined,
): boolean {
  const segments = new SegmentTable(pool);
  const isHigh = segments.openSegmentsOf(agent).some((segment) => segment >= first);
  if (!isHigh || isFar(pool)) return true;
  const log = new LogWriter(pool, segments, agent, { file });
  const staging = new LogWriter(pool, segments, agent, { isStaging: true });
  const logs = file === undefined ? [log] : [log, staging];
  const executor = clientExecutor(HOST_CLIENT);
  const step = new Step({ pool, agent, executor, logs, consumers: [] });
  if (!step.begin()) return false;
  for (const writer of logs) if (writer.segment >= first) writer.seal();
  step.end();
  return true;
}
