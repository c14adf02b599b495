/**
 * Writes the index of all slots of this node: what is not in pages is merged into them, then each
 * slot's directory is written, and then the checkpoint that names the directories.
 *
 * Each step is taken when everything before it is stored. So who finds a checkpoint finds all that
 * it names.
 *
 * @module
 */
import type { Floor } from "../control/command.ts";
import { indexStream, logStream } from "../node/log_streams.ts";
import { type DirectoryRef, encodeCheckpoint, encodeDirectory } from "./index_codec.ts";
import { runAll } from "./index_io.ts";
import type { SlotIndex } from "./slot_index.ts";
import { type CleaningTargets, isMergeDue, mergeSlot, type SlotMergeParts } from "./slot_merge.ts";

const SLOTS_AT_A_TIME = 16;

/** What a round has come to. */
export interface WrittenCheckpoint {
  /** Sequence of the checkpoint in this node's index stream. */
  readonly index: number;
  /** The first message of each stream that is needed for what it names. */
  readonly floors: readonly Floor[];
}

/** Writes a checkpoint of slots; undefined if the term ends before, or one of them is gone. */
export function writeCheckpoint(
  parts: SlotMergeParts,
  slots: readonly SlotIndex[],
  done: (checkpoint: WrittenCheckpoint | undefined) => void,
): void {
  const { io, node, isOn, targets } = parts;
  const due = slots.filter((slot) => isMergeDue(slot, targets));
  runAll(due, SLOTS_AT_A_TIME, (slot, next) => mergeSlot(parts, slot, next), () => {
    const changed = slots.filter((slot) => isDirectoryDue(slot, targets));
    runAll(changed, SLOTS_AT_A_TIME, (slot, next) => writeDirectory(parts, slot, next), () => {
      if (!isOn() || slots.some(({ isGone }) => isGone)) return done(undefined);
      const directories = slots.flatMap(({ slot, directory }): DirectoryRef[] =>
        directory === undefined ? [] : [{ slot, ...directory }]
      );
      const body = encodeCheckpoint(directories);
      io.append(indexStream(node), "checkpoint", body, isOn, (index) => {
        if (index === undefined) return done(undefined);
        done({ index, floors: floorsOf(slots, node, index) });
      });
    });
  });
}

/** Whether a slot's directory is to be written; one to which nothing was ever written has none. */
export function isDirectoryDue(slot: SlotIndex, targets: CleaningTargets): boolean {
  if (slot.version === 0) return false;
  const { directory } = slot;
  return directory === undefined || directory.sequence < targets.indexFrom(directory.node);
}

function writeDirectory({ io, node, isOn }: SlotMergeParts, slot: SlotIndex, next: () => void) {
  const { version, pages } = slot;
  const body = encodeDirectory({ version, pages });
  const isWanted = () => isOn() && !slot.isGone;
  io.append(indexStream(node), `directory.${slot.slot}`, body, isWanted, (sequence) => {
    if (sequence !== undefined && isWanted()) slot.directory = { node, sequence };
    next();
  });
}

function floorsOf(slots: readonly SlotIndex[], node: number, index: number): Floor[] {
  const floors = new Map<string, number>([[indexStream(node), index]]);
  const need = (stream: string, sequence: number) =>
    floors.set(stream, Math.min(sequence, floors.get(stream) ?? Infinity));
  for (const { pages, directory } of slots) {
    if (directory !== undefined) need(indexStream(directory.node), directory.sequence);
    for (const page of pages) {
      need(indexStream(page.node), page.sequence);
      for (const [log, sequence] of page.floors) need(logStream(log), sequence);
    }
  }
  return [...floors];
}
