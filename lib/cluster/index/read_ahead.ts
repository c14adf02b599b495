/**
 * Reads ahead what there is of slots that another node is going to give to this one, while that one
 * serves them and writes.
 *
 * It reads the directories and the logs as a takeover does, up to where the giver's log ends at
 * some moment, again and again, and follows that log. When the slots come, the takeover goes on
 * from there, up to the barriers.
 *
 * @module
 */
import type { Move } from "../control/command.ts";
import type { ControlState } from "../control/control_state.ts";
import type { LogEngine } from "../engine/log_engine.ts";
import { logStream } from "../node/log_streams.ts";
import type { ComingSlots } from "../node/slot_loader.ts";
import type { IndexedTable } from "./indexed_table.ts";
import { SlotIndex } from "./slot_index.ts";
import type { Takeover } from "./takeover.ts";

/** Of messages that are read in a few milliseconds. */
const NEAR_MESSAGES = 64;

/** What it reads, and with what. */
export interface ReadAheadParts {
  readonly engine: LogEngine;
  readonly state: ControlState;
  readonly table: Pick<IndexedTable, "ahead" | "dropAhead">;
  readonly coming: ComingSlots;
  readonly makeTakeover: (slots: readonly SlotIndex[]) => Takeover;
  /** Memory for keys that are in no page; when they need more, nothing is read ahead. */
  readonly bytesMax: number;
}

/** Reads one offer ahead. */
export class ReadAhead {
  readonly takeover: Takeover;
  readonly #parts: ReadAheadParts;
  /** Whether all was read but what is being written, or nothing is read any more. */
  isRead = false;
  #isReading = false;
  #isOver = false;

  constructor(parts: ReadAheadParts) {
    this.#parts = parts;
    const slots = parts.coming.slots.map((slot) => new SlotIndex(slot));
    for (const slot of slots) parts.table.ahead.set(slot.slot, slot);
    this.takeover = parts.makeTakeover(slots);
    this.step();
  }

  /** Reads what has come since, unless it is reading. */
  step(): void {
    if (this.#isReading || this.#isOver) return;
    if (this.#bytes > this.#parts.bytesMax) return this.stop();
    const { engine, state, coming: { giver } } = this.#parts;
    this.#isReading = true;
    engine.extent(logStream(giver), (extent) => {
      this.#isReading = false;
      if (this.#isOver || extent === undefined) return;
      this.#isReading = true;
      const isNear = extent.last - this.takeover.sequenceOf(giver) <= NEAR_MESSAGES;
      const end = Math.max(extent.last, state.barriers.get(giver) ?? 0);
      const barriers = new Map([...state.barriers, [giver, end]]);
      this.takeover.read({ tails: new Map(state.needs.tailsOf(giver)), barriers }, () => {
        this.#isReading = false;
        if (isNear && this.takeover.isOpen) this.isRead = true;
        else this.step();
      });
    });
  }

  /**
   * Slots move: those that come to this node are what is read, and no others; undefined if none of
   * them are.
   */
  took(moves: readonly Move[], node: number): Takeover | undefined {
    const { table } = this.#parts;
    const { ahead } = table;
    const coming = moves.filter(([slot, to]) => to === node && ahead.has(slot));
    const come = new Set(coming.map(([slot]) => slot));
    if (come.size === 0) {
      for (const [slot] of moves) table.dropAhead(slot);
      return undefined;
    }
    this.#isOver = true;
    for (const slot of [...ahead.keys()]) if (!come.has(slot)) table.dropAhead(slot);
    return this.takeover;
  }

  /** Reads no more, and forgets what was read. */
  stop(): void {
    this.#isOver = true;
    this.isRead = true;
    this.takeover.stop();
    const { table } = this.#parts;
    for (const slot of [...table.ahead.keys()]) table.dropAhead(slot);
  }

  /** About how much memory keys take that are in no page. */
  get #bytes(): number {
    let bytes = 0;
    for (const slot of this.#parts.table.ahead.values()) bytes += slot.tailBytes;
    return bytes;
  }
}
