/**
 * How a node gets what there is of the slots that come to it, and where it keeps it.
 *
 * @module
 */
import type { Assign } from "../control/command.ts";
import type { ControlLog } from "../control/control_log.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import type { LogWriter } from "./log_writer.ts";
import type { RecordAddress, RecordTable } from "./record_table.ts";

/** What a loader is told when its node joins. */
export interface LoaderParts {
  readonly control: ControlLog;
  /** A record that counts was read in a log. */
  readonly take: (record: LogRecord, address: RecordAddress) => void;
  /** More was read: slots may be there. */
  readonly loaded: () => void;
  /** There is room in memory again. */
  readonly emptied: () => void;
  /** Something was read that cannot be. */
  readonly failed: (error: unknown) => void;
}

/** Slots that a node is going to give. */
export interface ComingSlots {
  readonly giver: number;
  readonly slots: readonly number[];
}

/** Loads slots. */
export interface SlotLoader {
  /** What the node knows of the keys of its slots. */
  readonly table: RecordTable;
  /** Whether so much is in memory that nothing is to be written before `loaded` is called. */
  readonly isFull: boolean;
  /** Makes the streams that it needs. */
  createStreams(done: (areThere: boolean) => void): void;
  /** The node joins. */
  join(parts: LoaderParts): void;
  /** A node has renewed its lease. */
  seen(node: number): void;
  /** An assignment counts; it is told before slots are served by it. */
  assigned(command: Assign): void;
  /**
   * Slots of a node are going to come: what there is of them is read before; undefined: none are.
   */
  readAhead(coming: ComingSlots | undefined): void;
  /** Whether all of it has been read but what is being written, or cannot be. */
  readonly isReadAhead: boolean;
  /** How far the log of a node has been read for the slots that came last. */
  readUpTo(node: number): number;
  /** This node has written a record, which counts and is in the table. */
  written(address: RecordAddress): void;
  /** Does what can be done now; called again and again while the node may answer. */
  step(writer: LogWriter): void;
  /** The term has ended: no slot is this node's any more. */
  endTerm(): void;
  /** Does nothing any more. */
  stop(): void;
}
