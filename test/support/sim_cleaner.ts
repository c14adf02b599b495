/**
 * The cleaner as an agent of a simulation: what a DPM processor's cleaning task does, one step at a
 * time.
 *
 * @module
 */
import { Cleaner } from "../../lib/dpm/cleaner.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { liveTable } from "../../lib/agent/live_table.ts";
import type { SlotTable } from "../../lib/index/slot_table.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { AGENT_DPM } from "../../lib/pool/control_layout.ts";
import { isCellWord } from "../../lib/routing/cells.ts";
import { Gate } from "../../lib/pool/gate.ts";
import { SpaceBudget } from "../../lib/pool/space_budget.ts";
import type { SimAgent } from "./sim_scheduler.ts";
import type { SimWorld } from "./sim_world.ts";

/** Share of the steps after which the task ends, and the next one begins with a new cleaner. */
const END_SHARE = 0.1;
/** Share of the steps that are left out in a pool that evicts while nothing is due. */
const IDLE_SHARE = 0.95;

/** A cleaning task after the other. */
export class SimCleaner implements SimAgent {
  readonly name = "cleaner";
  isActive = false;
  readonly #world: SimWorld;
  readonly #gate: Gate;
  readonly #log: LogWriter;
  readonly #table: SlotTable;
  #cleaner: Cleaner;
  #isEnding = false;
  readonly #budget: SpaceBudget;

  constructor(world: SimWorld) {
    this.#world = world;
    this.#gate = new Gate(world.pool, AGENT_DPM);
    this.#log = new LogWriter(world.pool, world.segments, AGENT_DPM);
    this.#table = liveTable(world.pool, new IndexSpace(world.pool, AGENT_DPM));
    this.#cleaner = this.#newCleaner();
    this.#budget = new SpaceBudget(world.pool, world.segments);
  }

  mayRun(isNested: boolean): boolean {
    if (this.isActive) return false;
    return !isNested || this.#world.lockWords.every(isCellWord);
  }

  step(): void {
    const { random, evicts } = this.#world;
    // Where there is always something to drop, it cleans when it is due, and now and then before.
    if (evicts && !this.#budget.isCleaningDue && random.next() < IDLE_SHARE) return;
    if (!this.#gate.enter()) return;
    if (this.#isEnding) this.#end();
    else this.#isEnding = this.#cleaner.doWork() === 0 || this.#world.random.next() < END_SHARE;
    this.#gate.leave();
  }

  /** Ends the last task. */
  close(): void {
    this.#end();
  }

  #end(): void {
    this.#cleaner.abandon();
    this.#log.seal();
    this.#cleaner = this.#newCleaner();
    this.#isEnding = false;
  }

  #newCleaner(): Cleaner {
    const { pool, segments, clock } = this.#world;
    return new Cleaner(pool, segments, this.#table, this.#log, clock);
  }
}
