/**
 * Gives slots away that a node serves no more: when nothing of them is on its way or lent, an
 * assignment says whose they are, with the end of the node's log as its barrier.
 *
 * @module
 */
import type { ControlLog } from "../control/control_log.ts";
import type { LentKeys } from "./lent_keys.ts";
import type { LogWriter } from "./log_writer.ts";
import type { SlotMoves } from "./slot_moves.ts";

/** What it looks at. */
export interface HandOverParts {
  readonly node: number;
  readonly control: ControlLog;
  readonly moves: SlotMoves;
  readonly lent: LentKeys;
}

/** Gives away slots of one node. */
export class HandOver {
  readonly #parts: HandOverParts;

  constructor(parts: HandOverParts) {
    this.#parts = parts;
  }

  /** Sends the assignment if it may be sent now. */
  step(writer: LogWriter): void {
    const { node, control, moves, lent } = this.#parts;
    const { state, holder } = control;
    const { leaving } = moves;
    if (leaving.size === 0) return;
    const isLent = lent.recallAll(leaving);
    if (writer.isBusyWith(leaving) || isLent) return;
    control.send({
      kind: "assign",
      node,
      holder,
      follows: state.mapSequence,
      moves: moves.nextMoves(),
      barriers: [[node, writer.storedSequence]],
      fenced: [],
    });
  }
}
