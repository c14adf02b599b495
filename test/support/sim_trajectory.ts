/**
 * Reads that race with everything: the memory of a simulation is recorded after each atomic write,
 * and readers are let loose on the recording.
 *
 * A reader writes nothing (I6), so what the others do does not depend on it. Their simulation runs
 * once and leaves a sequence of memory contents, one for each atomic write and for the plain writes
 * before it. A reader then runs on a copy of the memory, and at each of its own atomic accesses the
 * copy may be moved on by any number of contents. That yields every interleaving of a reader with
 * them, in one thread, and as fast as a read.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { SegmentId, Slot } from "../../lib/core/brands.ts";
import { metaLog2 } from "../../lib/index/slot_extents.ts";
import { LINE_WORDS } from "../../lib/pool/lines.ts";
import {
  AGENT_COMMIT_STATE,
  GENERATIONS,
  INDEX_SPACE_NEXT,
  SLOT_META,
} from "../../lib/pool/control_layout.ts";
import { SEGMENT_AGENT, SEGMENT_PINS } from "../../lib/pool/segment_layout.ts";
import { BUCKET_BYTES } from "../../lib/pool/geometry.ts";
import { Pool, type PoolHandle } from "../../lib/pool/pool.ts";
import { SegmentState } from "../../lib/pool/segment_state.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import type { BegunRead, KeyModel } from "./sim_model.ts";

/** What the model said about a key from some moment on. */
interface ModelEntry extends Omit<BegunRead, "versionSeen"> {
  readonly moment: number;
  /** Operations issued by then. */
  readonly issuedCount: number;
}

/** Something that may lead a reader astray. */
export interface TrajectoryEvent {
  readonly moment: number;
  readonly kind: "table doubled" | "table compacted" | "segment freed";
  /** The table's slot. */
  readonly slot: Slot | undefined;
}

/** Numbers of the buffers that readers look at. */
const CONTROL = 0;
const INDEX = 1;
const LOG = 2;
/** Numbers that describe a change. */
const CHANGE_LENGTH = 4;
/** Agent blocks of KNs, at most. */
const NODE_COUNT = 4;
/** Words that are compared at once. */
const CHUNK_WORDS = 1024;

/** A recording of what readers can see of a pool. */
export class Trajectory {
  readonly #buffers: readonly Int32Array[];
  readonly #pool: Pool;
  readonly #slots: readonly Slot[];
  readonly #segments: SegmentTable;
  /** The buffers as they were recorded last. */
  readonly #shadows: readonly Int32Array[];
  /** Both as bytes. */
  readonly #bytes: readonly Buffer[];
  readonly #shadowBytes: readonly Buffer[];
  readonly #start: PoolHandle;
  /**
   * Changes as buffer, index, value before and after; those that make moment `i` end at `#ends[i]`.
   */
  readonly #changes: number[] = [];
  readonly #ends: number[] = [0];
  readonly #times: number[];
  readonly #models: readonly KeyModel[];
  readonly #entries: ModelEntry[][];
  /** Numbers of the models that have changed, in the order of the moments. */
  readonly #changed: { readonly moment: number; readonly model: number }[] = [];

  readonly #events: TrajectoryEvent[] = [];

  /** Starts a recording of `pool` at a time. */
  constructor(pool: Pool, slots: readonly Slot[], models: readonly KeyModel[], nowMs: number) {
    this.#times = [nowMs];
    this.#buffers = buffersOf(pool);
    this.#pool = pool;
    this.#slots = slots;
    this.#segments = new SegmentTable(pool);
    this.#shadows = this.#buffers.map((buffer) => buffer.slice());
    this.#bytes = this.#buffers.map((words) => Buffer.from(words.buffer));
    this.#shadowBytes = this.#shadows.map((words) => Buffer.from(words.buffer));
    this.#start = copyOf(pool.handle);
    this.#models = models;
    this.#entries = models.map((model) => [entryOf(model, 0)]);
  }

  /** Number of different memory contents. */
  get momentCount(): number {
    return this.#ends.length;
  }

  /** Records what has changed since the last call. */
  record(nowMs: number): void {
    const before = this.#changes.length;
    this.#compareAll();
    if (this.#changes.length === before) return;
    const moment = this.#ends.length;
    this.#ends.push(this.#changes.length);
    this.#times.push(nowMs);
    for (const [i, model] of this.#models.entries()) {
      const last = this.#entries[i]!.at(-1)!;
      if (model.state !== last.state || model.operations.length !== last.issuedCount) {
        this.#entries[i]!.push(entryOf(model, moment));
        this.#changed.push({ moment, model: i });
      }
    }
  }

  /** A copy of the memory as it was at the beginning. */
  play(): TrajectoryPlayer {
    return new TrajectoryPlayer(Pool.attach(copyOf(this.#start)), this);
  }

  /** Takes a copy of the memory to a moment from the one before it. */
  redo(moment: number, buffers: readonly Int32Array[]): void {
    const changes = this.#changes;
    for (let i = this.#ends[moment - 1]!; i < this.#ends[moment]!; i += CHANGE_LENGTH) {
      buffers[changes[i]!]![changes[i + 1]!] = changes[i + 3]!;
    }
  }

  /** Takes it back to the one before. */
  undo(moment: number, buffers: readonly Int32Array[]): void {
    const changes = this.#changes;
    for (let i = this.#ends[moment - 1]!; i < this.#ends[moment]!; i += CHANGE_LENGTH) {
      buffers[changes[i]!]![changes[i + 1]!] = changes[i + 2]!;
    }
  }

  /** The clock at a moment. */
  timeAt(moment: number): number {
    return this.#times[moment]!;
  }

  /** When readers are most likely to be led astray. */
  get events(): readonly TrajectoryEvent[] {
    return this.#events;
  }

  /** The models, with all operations of the recording. */
  get models(): readonly KeyModel[] {
    return this.#models;
  }

  /** What a model said at a moment. */
  entryAt(model: number, moment: number): ModelEntry {
    return this.#entries[model]!.findLast((entry) => entry.moment <= moment)!;
  }

  /**
   * Number of a model that changes about a moment: of the `offset`-th to change after it, or before
   * it.
   */
  changingAt(moment: number, offset: number): number | undefined {
    const changed = this.#changed;
    let low = 0;
    for (let high = changed.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (changed[middle]!.moment < moment) low = middle + 1;
      else high = middle;
    }
    return changed[low + offset]?.model;
  }

  #compareAll(): void {
    const { control, geometry } = this.#pool;
    const generationsEnd = GENERATIONS + geometry.segmentCount;
    if (!this.#isSame(CONTROL, GENERATIONS * 4, generationsEnd * 4)) {
      this.#addEvent("segment freed", undefined);
    }
    this.#compare(CONTROL, GENERATIONS, generationsEnd);
    for (const slot of this.#slots) {
      const start = this.#pool.slotAt(slot);
      const meta = control[start + SLOT_META];
      const before = this.#shadows[CONTROL]![start + SLOT_META];
      if (meta !== before) {
        const isSameSize = metaLog2(meta) === metaLog2(before);
        this.#addEvent(isSameSize ? "table compacted" : "table doubled", slot);
      }
      this.#compare(CONTROL, start, start + LINE_WORDS);
    }
    // What readers of a record of an atomic commit look at.
    for (let agent = 0; agent < NODE_COUNT; agent++) {
      const at = this.#pool.agentAt(agent) + AGENT_COMMIT_STATE;
      this.#compare(CONTROL, at, at + 1);
    }
    this.#compare(INDEX, 0, control[INDEX_SPACE_NEXT] * (BUCKET_BYTES / 4));
    for (let segment = 0; segment < geometry.segmentCount; segment++) {
      const id = segment as SegmentId;
      const at = this.#pool.segmentAt(id);
      this.#compare(CONTROL, at + SEGMENT_AGENT, at + SEGMENT_AGENT + 1);
      // Nobody writes into others: the last writes to a segment were recorded before it was sealed.
      const isOpen = this.#segments.state(id) === SegmentState.OPEN;
      if (!isOpen && control[at + SEGMENT_PINS] === 0) continue;
      const start = this.#pool.wordAt(this.#pool.segmentAddress(id));
      this.#compare(LOG, start, start + geometry.segmentBytes / 4);
    }
  }

  #addEvent(kind: TrajectoryEvent["kind"], slot: Slot | undefined): void {
    this.#events.push({ moment: this.#ends.length, kind, slot });
  }

  #compare(buffer: number, start: number, end: number): void {
    const words = this.#buffers[buffer]!;
    const shadow = this.#shadows[buffer]!;
    for (let from = start; from < end; from += CHUNK_WORDS) {
      const to = Math.min(end, from + CHUNK_WORDS);
      if (this.#isSame(buffer, from * 4, to * 4)) continue;
      for (let at = from; at < to; at++) {
        if (words[at] === shadow[at]) continue;
        this.#changes.push(buffer, at, shadow[at], words[at]);
        shadow[at] = words[at];
      }
    }
  }

  /**
   * A native comparison: nearly all of the memory is the same as before, and a loop over it takes
   * most of a test's time.
   */
  #isSame(buffer: number, from: number, to: number): boolean {
    return this.#bytes[buffer]!.compare(this.#shadowBytes[buffer]!, from, to, from, to) === 0;
  }
}

/** A copy of the memory that can be taken to any moment. */
export class TrajectoryPlayer {
  readonly pool: Pool;
  readonly #trajectory: Trajectory;
  readonly #buffers: readonly Int32Array[];
  #moment = 0;

  /** Made by {@linkcode Trajectory.play}. */
  constructor(pool: Pool, trajectory: Trajectory) {
    this.pool = pool;
    this.#trajectory = trajectory;
    this.#buffers = buffersOf(pool);
  }

  /** Whose contents the memory has. */
  get moment(): number {
    return this.#moment;
  }

  /** Whether the end has been reached. */
  get isAtEnd(): boolean {
    return this.#moment === this.#trajectory.momentCount - 1;
  }

  /** Goes to a moment, or to the first or last. */
  seek(moment: number): void {
    const target = Math.max(0, Math.min(this.#trajectory.momentCount - 1, moment));
    while (this.#moment < target) this.#trajectory.redo(++this.#moment, this.#buffers);
    while (this.#moment > target) this.#trajectory.undo(this.#moment--, this.#buffers);
  }
}

/** The buffers of a pool that is smaller than one region. */
function buffersOf(pool: Pool): Int32Array[] {
  return [pool.control, pool.index[0]!, pool.words[0]!];
}

function entryOf(model: KeyModel, moment: number): ModelEntry {
  const { state, endedCount, operations } = model;
  return { moment, state, from: endedCount, issuedCount: operations.length };
}

function copyOf(handle: PoolHandle): PoolHandle {
  const copy = (buffer: SharedArrayBuffer) => buffer.slice(0);
  const { control, index, log } = handle;
  return { ...handle, control: copy(control), index: index.map(copy), log: log.map(copy) };
}
