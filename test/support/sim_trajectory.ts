/**
 * Reads that race with everything: the memory of a simulation is recorded after each atomic write, and readers are let loose
 * on the recording.
 *
 * A reader writes nothing (I6), so what the others do does not depend on it. Their simulation runs once and leaves a
 * sequence of memory contents, one for each atomic write and for the plain writes before it. A reader then runs on a
 * copy of the memory, and at each of its own atomic accesses the copy may be moved on by any number of contents.
 * That yields every interleaving of a reader with them, in one thread, and as fast as a read.
 *
 * @module
 */
import type { Slot } from "../../lib/core/brands.ts";
import { GENERATIONS, INDEX_SPACE_NEXT, LINE_WORDS } from "../../lib/pool/control_layout.ts";
import { BUCKET_BYTES } from "../../lib/pool/geometry.ts";
import { Pool, type PoolHandle } from "../../lib/pool/pool.ts";
import type { BegunRead, KeyModel } from "./sim_model.ts";

/** What the model said about a key from some moment on. */
interface ModelEntry extends Omit<BegunRead, "versionSeen"> {
  readonly moment: number;
  /** Operations issued by then. */
  readonly issuedCount: number;
}

/** Numbers of the buffers that readers look at. */
const CONTROL = 0;
const INDEX = 1;
const LOG = 2;

/** A recording of what readers can see of a pool. */
export class Trajectory {
  readonly #buffers: readonly Int32Array[];
  readonly #pool: Pool;
  readonly #slots: readonly Slot[];
  readonly #segments: SegmentTable;
  /** The buffers as they were recorded last. */
  readonly #shadows: readonly Int32Array[];
  readonly #start: PoolHandle;
  /** Changes as buffer, index, value; those that make moment `i` end at `#ends[i]`. */
  readonly #changes: number[] = [];
  readonly #ends: number[] = [0];
  readonly #times: number[];
  readonly #models: readonly KeyModel[];
  readonly #entries: ModelEntry[][];
  /** Numbers of the models that have changed, in the order of the moments. */
  readonly #changed: { readonly moment: number; readonly model: number }[] = [];

  /** Moments at which the structure of a slot's table changed. */
  readonly #restructured: number[] = [];

  /** Starts a recording of `pool` at a time. */
  constructor(pool: Pool, slots: readonly Slot[], models: readonly KeyModel[], nowMs: number) {
    this.#times = [nowMs];
    this.#buffers = buffersOf(pool);
    this.#pool = pool;
    this.#slots = slots;
    this.#segments = new SegmentTable(pool);
    this.#shadows = this.#buffers.map((buffer) => buffer.slice());
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
  apply(moment: number, buffers: readonly Int32Array[]): void {
    for (let i = this.#ends[moment - 1]!; i < this.#ends[moment]!; i += 3) {
      buffers[this.#changes[i]!]![this.#changes[i + 1]!] = this.#changes[i + 2]!;
    }
  }

  /** The clock at a moment. */
  timeAt(moment: number): number {
    return this.#times[moment]!;
  }

  /** Moments at which the structure of a slot's table changed. */
  get restructured(): readonly number[] {
    return this.#restructured;
  }

  /** The models, with all operations of the recording. */
  get models(): readonly KeyModel[] {
    return this.#models;
  }

  /** What a model said at a moment. */
  entryAt(model: number, moment: number): ModelEntry {
    return this.#entries[model]!.findLast((entry) => entry.moment <= moment)!;
  }

  /** Number of a model that changes about a moment: of the `offset`-th to change after it, or before it. */
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
    this.#compare(CONTROL, GENERATIONS, GENERATIONS + geometry.segmentCount);
    for (const slot of this.#slots) {
      const start = this.#pool.slotAt(slot);
      if (control[start + SLOT_META] !== this.#shadows[CONTROL]![start + SLOT_META]) {
        this.#restructured.push(this.#ends.length);
      }
      this.#compare(CONTROL, start, start + LINE_WORDS);
    }
    this.#compare(INDEX, 0, control[INDEX_SPACE_NEXT] * (BUCKET_BYTES / 4));
    for (let segment = 0; segment < geometry.segmentCount; segment++) {
      const id = segment as SegmentId;
      const at = this.#pool.segmentAt(id);
      // Nobody writes into others: the last writes to a segment were recorded before it was sealed.
      const isOpen = (control[at + SEGMENT_STATE] & STATE_MASK) === SegmentState.OPEN;
      if (!isOpen && control[at + SEGMENT_PINS] === 0) continue;
      const start = this.#pool.wordAt(this.#pool.segmentAddress(id));
      this.#compare(LOG, start, start + geometry.segmentBytes / 4);
    }
  }

  #compare(buffer: number, start: number, end: number): void {
    const words = this.#buffers[buffer]!;
    const shadow = this.#shadows[buffer]!;
    for (let at = start; at < end; at++) {
      if (words[at] === shadow[at]) continue;
      shadow[at] = words[at];
      this.#changes.push(buffer, at, words[at]);
    }
  }
}

/** A copy of the memory that can be moved on. */
export class TrajectoryPlayer {
  readonly pool: Pool;
  moment = 0;
  readonly #trajectory: Trajectory;
  readonly #buffers: readonly Int32Array[];

  /** Made by {@linkcode Trajectory.play}. */
  constructor(pool: Pool, trajectory: Trajectory) {
    this.pool = pool;
    this.#trajectory = trajectory;
    this.#buffers = buffersOf(pool);
  }

  /** Whether the end has been reached. */
  get isAtEnd(): boolean {
    return this.moment === this.#trajectory.momentCount - 1;
  }

  /** Moves on by so many contents, or to the end. */
  advance(count: number): void {
    const target = Math.min(this.#trajectory.momentCount - 1, this.moment + count);
    while (this.moment < target) this.#trajectory.apply(++this.moment, this.#buffers);
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
  const { geometry, control, index, log } = handle;
  return { geometry, control: copy(control), index: index.map(copy), log: log.map(copy) };
}
