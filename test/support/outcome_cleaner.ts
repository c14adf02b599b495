/**
 * A DPM processor that cleans all the time, whether segments are scarce or not.
 *
 * @module
 */
import { Cleaner } from "../../lib/dpm/cleaner.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { SlotTable } from "../../lib/index/slot_table.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { sleepSync } from "../../lib/platform/sleep_sync.ts";
import { AGENT_DPM } from "../../lib/pool/control_layout.ts";
import { Pool, type PoolHandle } from "../../lib/pool/pool.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { opponent } from "./outcome_race.ts";

/** What it did. */
export interface CleanerReport {
  readonly cleanedCount: number;
  readonly movedBytes: number;
}

opponent<{ readonly pool: PoolHandle }>(({ pool: handle }, turns): CleanerReport => {
  const pool = Pool.attach(handle);
  const segments = new SegmentTable(pool);
  const table = new SlotTable(pool, new IndexSpace(pool, AGENT_DPM));
  const log = new LogWriter(pool, segments, AGENT_DPM);
  const cleaner = new Cleaner(pool, segments, table, log, () => 0);
  while (turns.next()) {
    if (cleaner.doWork() > 0) continue;
    // What it holds open could be what the owner lacks.
    log.seal();
    sleepSync(0.05);
  }
  cleaner.abandon();
  log.seal();
  return { cleanedCount: cleaner.cleanedCount, movedBytes: cleaner.movedBytes };
});
