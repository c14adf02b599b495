/**
 * Keeps the index of a node's slots in the engine: loads the slots that come, merges what is
 * written, says in the control stream what it has, cleans, and purges what nobody needs.
 *
 * Why nothing is lost by it is in docs/protocols/cluster.md, "The index".
 *
 * @module
 */
import { CACHE_POLICY_DEFAULT, type CachePolicy } from "../../cache/cache.ts";
import type { Assign, Checkpoint } from "../control/command.ts";
import { slotsOf } from "../control/control_state.ts";
import type { LogStart } from "../control/log_needs.ts";
import type { LogEngine, StreamExtent } from "../engine/log_engine.ts";
import type { MessageLimits } from "../messages/message_limits.ts";
import type { ClusterClock } from "../node/cluster_clock.ts";
import { indexStream, logStream } from "../node/log_streams.ts";
import type { LogWriter } from "../node/log_writer.ts";
import type { RecordAddress } from "../node/record_table.ts";
import type { ComingSlots, LoaderParts, SlotLoader } from "../node/slot_loader.ts";
import { isDirectoryDue, writeCheckpoint } from "./checkpoint_round.ts";
import { CLEANING_DEFAULT, type CleaningRule, keptFrom, liveBytesOf } from "./cleaning.ts";
import { IndexedTable } from "./indexed_table.ts";
import { IndexIo, runAll } from "./index_io.ts";
import { KeptTails } from "./kept_tails.ts";
import { Purging } from "./purging.ts";
import { ReadAhead } from "./read_ahead.ts";
import type { IndexStats } from "./read_counts.ts";
import type { SlotIndex } from "./slot_index.ts";
import { type CleaningTargets, isMergeDue } from "./slot_merge.ts";
import { type LostMessagesError, Takeover } from "./takeover.ts";

/** Limits of a node's memory, and when it writes its index. */
export interface IndexOptions {
  /** Bytes for values and shortcuts. */
  readonly cacheBytes: number;
  /** @default the store's own: docs/caching.md */
  readonly cachePolicy?: CachePolicy;
  /** Bytes of keys after which a page is divided. @default 4096 */
  readonly pageBytes?: number;
  /** Time between two checkpoints, in milliseconds. @default 30,000 */
  readonly checkpointMs?: number;
  /** Memory for changed keys that are in no page, after which they are merged. @default 32 MiB */
  readonly tailBytes?: number;
  /** When streams are cleaned. */
  readonly cleaning?: CleaningRule;
  /** Bytes of messages that are read at the same time. @default 32 MiB */
  readonly readBytes?: number;
}

/** What a keeper is made of. */
export interface IndexKeeperParts extends IndexOptions {
  readonly engine: LogEngine;
  readonly clock: ClusterClock;
  readonly node: number;
  readonly hashKey: readonly [number, number];
  /** How far back logs are read by who takes over: see `EVIDENCE_MS`. */
  readonly evidenceMs: number;
  readonly limits: MessageLimits;
}

const PAGE_BYTES_DEFAULT = 4096;
const CHECKPOINT_MS_DEFAULT = 30_000;
const TAIL_BYTES_DEFAULT = 32 * 1024 * 1024;
/** When there are so many times as many bytes as are merged, nothing is written for a while. */
const FULL_FACTOR = 2;

/** How reads and changes went, and what is in memory. */
export interface KeeperStats extends Readonly<IndexStats> {
  /** Records that were written. */
  readonly changes: number;
  /** Appends by which they were. */
  readonly appends: number;
}

/** A checkpoint that is stored, and has to be read in the control stream. */
type Sent = Pick<Checkpoint, "follows" | "index" | "tails" | "floors">;

/** Keeps an index. */
export class IndexKeeper implements SlotLoader {
  readonly table: IndexedTable;
  readonly io: IndexIo;
  isFull = false;
  readonly #engine: LogEngine;
  readonly #clock: ClusterClock;
  readonly #node: number;
  readonly #options: IndexOptions;
  readonly #kept: KeptTails;
  readonly #purging: Purging;
  readonly #takeovers = new Set<Takeover>();
  #ahead: ReadAhead | undefined;
  /** Messages that were not there, and the last renewal of the lease that was sent before. */
  #missing: { readonly error: LostMessagesError; readonly sentNumber: number } | undefined;
  #parts: LoaderParts | undefined;
  /** Changes with each term: what belongs to an earlier one is over. */
  #termNumber = 0;
  #written = 0;
  #changes = 0;
  #appends = 0;
  #isWriting = false;
  #sent: Sent | undefined;
  /** The last one that counts. */
  #last: Sent | undefined;
  #checkpointAtMs: number;

  constructor(parts: IndexKeeperParts) {
    const { engine, clock, node, hashKey, evidenceMs, limits, readBytes } = parts;
    this.#engine = engine;
    this.#clock = clock;
    this.#node = node;
    this.#options = parts;
    this.io = new IndexIo(engine, clock, limits, readBytes);
    const { cacheBytes, cachePolicy = CACHE_POLICY_DEFAULT } = parts;
    this.table = new IndexedTable({ io: this.io, hashKey, cacheBytes, cachePolicy });
    this.#kept = new KeptTails(node, evidenceMs);
    this.#purging = new Purging(engine, node);
    this.#checkpointAtMs = clock.monotonicMs();
  }

  createStreams(done: (areThere: boolean) => void): void {
    this.#engine.createStream(indexStream(this.#node), done);
  }

  join(parts: LoaderParts): void {
    this.#parts = parts;
  }

  seen(): void {}

  assigned({ moves }: Assign): void {
    const node = this.#node;
    const coming = moves.filter(([, to]) => to === node).map(([slot]) => slot);
    for (const [slot] of moves) this.table.drop(slot);
    const ahead = this.#ahead?.took(moves, node);
    if (coming.length === 0) return;
    const { needs } = this.#parts!.control.state;
    this.#kept.inherit(this.#clock.monotonicMs(), needs.tailsOf(node));
    const slots = coming.map((slot) => this.table.begin(slot));
    const read = new Set(ahead?.slots);
    const others = slots.filter((slot) => !read.has(slot));
    if (ahead !== undefined) this.#ahead = undefined;
    const made = [ahead, others.length > 0 ? this.#makeTakeover(others) : undefined];
    const takeovers = made.filter((takeover) => takeover !== undefined);
    for (const takeover of takeovers) this.#takeovers.add(takeover);
    for (const takeover of takeovers) this.#load(takeover);
  }

  readAhead(coming: ComingSlots | undefined): void {
    this.#ahead?.stop();
    this.#ahead = undefined;
    if (coming === undefined) return;
    const { giver } = coming;
    this.#ahead = new ReadAhead({
      engine: this.#engine,
      state: this.#parts!.control.state,
      table: this.table,
      coming,
      makeTakeover: (slots) => this.#makeTakeover(slots, giver),
      bytesMax: this.#options.tailBytes ?? TAIL_BYTES_DEFAULT,
    });
  }

  get isReadAhead(): boolean {
    return this.#ahead?.isRead !== false;
  }

  readUpTo(): number {
    for (const takeover of this.#takeovers) {
      if (takeover.slots.length === 0) this.#takeovers.delete(takeover);
    }
    return this.#takeovers.size === 0 ? Infinity : -1;
  }

  /** How it went until now. */
  get stats(): KeeperStats {
    return { ...this.table.stats, changes: this.#changes, appends: this.#appends };
  }

  written({ sequence }: RecordAddress): void {
    this.#changes += 1;
    if (sequence > this.#written) this.#appends += 1;
    this.#written = Math.max(this.#written, sequence);
  }

  step(writer: LogWriter): void {
    if (this.#isLost) return this.#parts!.failed(this.#missing!.error);
    this.#ahead?.step();
    this.#purging.step(this.#parts!.control);
    this.#sendCheckpoint();
    const waitedMs = this.#clock.monotonicMs() - this.#checkpointAtMs;
    const { checkpointMs = CHECKPOINT_MS_DEFAULT, tailBytes = TAIL_BYTES_DEFAULT } = this.#options;
    const isFull = this.table.tailBytes >= FULL_FACTOR * tailBytes;
    const isEmptied = this.isFull && !isFull;
    this.isFull = isFull;
    if (isEmptied) this.#parts!.emptied();
    const isDue = waitedMs >= checkpointMs || this.table.tailBytes >= tailBytes;
    if (isDue && !this.#isWriting && this.#sent === undefined) this.#write(writer);
  }

  endTerm(): void {
    this.#termNumber += 1;
    this.#written = 0;
    this.#sent = this.#last = undefined;
    this.#kept.clear();
    this.#missing = undefined;
    this.readAhead(undefined);
    for (const takeover of this.#takeovers) takeover.stop();
    this.#takeovers.clear();
    for (const slot of [...this.table.slots.keys()]) this.table.drop(slot);
  }

  stop(): void {
    this.endTerm();
  }

  /** Slots that come, or are going to come from a node, of which nothing is read yet. */
  #makeTakeover(slots: readonly SlotIndex[], giver?: number): Takeover {
    const { control, take, failed } = this.#parts!;
    const takeover: Takeover = new Takeover({
      io: this.io,
      table: this.table,
      slots,
      keeperOf: (slot) => control.state.needs.keeperOf(slot),
      ...(giver !== undefined && { follows: giver }),
      take,
      failed,
      missing: (error) => {
        // Those that are another one's may have moved on.
        if (this.#ahead?.takeover === takeover) this.#ahead.stop();
        else this.#missing ??= { error, sentNumber: control.lease.sentNumber };
      },
    });
    return takeover;
  }

  /** Reads what there is of slots that have come, up to the barriers. */
  #load(takeover: Takeover): void {
    const { control: { state }, loaded } = this.#parts!;
    const tails = new Map(state.needs.tailsOfComing(this.#node));
    takeover.read({ tails, barriers: new Map(state.barriers) }, () => {
      takeover.stop();
      this.#takeovers.delete(takeover);
      const nowMs = this.#clock.monotonicMs();
      for (const [log, position] of takeover.positions()) this.#kept.mark(nowMs, log, position);
      for (const slot of takeover.slots) slot.isComing = false;
      loaded();
    });
  }

  /**
   * Whether slots of this node need messages that are gone. Who purges has read that nobody needs
   * them: then this node's lease has been ended before, and no renewal that is sent later counts.
   */
  get #isLost(): boolean {
    const { lease } = this.#parts!.control;
    return this.#missing !== undefined && lease.grantedNumber > this.#missing.sentNumber;
  }

  /** Says what is stored, until that counts, or the slots are not those any more. */
  #sendCheckpoint(): void {
    const sent = this.#sent;
    if (sent === undefined) return;
    const { control } = this.#parts!;
    const { state, holder } = control;
    if (state.needs.checkpointOf(this.#node) >= sent.index) {
      this.#last = sent;
      this.#sent = undefined;
      this.#checkpointAtMs = this.#clock.monotonicMs();
    } else if (state.mapSequence !== sent.follows) {
      this.#sent = undefined;
    } else {
      control.send({ kind: "checkpoint", node: this.#node, holder, ...sent });
    }
  }

  #write(writer: LogWriter): void {
    this.#isWriting = true;
    const termNumber = this.#termNumber;
    const isOn = () => this.#termNumber === termNumber;
    this.#findTargets((targets) => {
      if (isOn()) this.#writeSlots(writer, targets, isOn);
      else this.#isWriting = false;
    });
  }

  #writeSlots(writer: LogWriter, targets: CleaningTargets, isOn: () => boolean): void {
    const node = this.#node;
    const { state } = this.#parts!.control;
    const slots = [...this.table.slots.values()];
    const sequence = writer.isIdle ? writer.storedSequence : this.#written;
    const isWhole = slots.length === slotsOf(state.owners, node).length;
    if (!isWhole || sequence === 0 || slots.some(({ isComing }) => isComing)) {
      this.#isWriting = false;
      return;
    }
    const { term } = writer;
    const nowMs = this.#clock.monotonicMs();
    const end = { sequence, term };
    this.#kept.mark(nowMs, node, end);
    const tails = this.#kept.tailsAt(nowMs) ?? new Map(state.needs.tailsOf(node));
    // Without slots nothing is needed; what comes later is written later.
    if (!tails.has(node)) tails.set(node, end);
    const follows = state.mapSequence;
    const last = this.#last;
    const isSame = last?.follows === follows &&
      JSON.stringify(last.tails) === JSON.stringify(listOf(tails)) &&
      !slots.some((slot) => isMergeDue(slot, targets) || isDirectoryDue(slot, targets));
    if (isSame) {
      this.#isWriting = false;
      this.#checkpointAtMs = nowMs;
      return;
    }
    const pageBytes = this.#options.pageBytes ?? PAGE_BYTES_DEFAULT;
    const parts = { io: this.io, node, term, pageBytes, targets, isOn };
    writeCheckpoint(parts, slots, (checkpoint) => {
      this.#isWriting = false;
      if (checkpoint === undefined || !isOn()) return;
      this.#sent = { follows, ...checkpoint, tails: listOf(tails) };
      this.#sendCheckpoint();
    });
  }

  /** Finds out from where on messages may stay. */
  #findTargets(done: (targets: CleaningTargets) => void): void {
    const rule = this.#options.cleaning ?? CLEANING_DEFAULT;
    const streams = new Set([logStream(this.#node), indexStream(this.#node)]);
    for (const { pages, directory } of this.table.slots.values()) {
      if (directory !== undefined) streams.add(indexStream(directory.node));
      for (const { node, floors } of pages) {
        streams.add(indexStream(node));
        for (const [log] of floors) streams.add(logStream(log));
      }
    }
    const extents = new Map<string, StreamExtent>();
    runAll(streams, 8, (stream, next) => {
      this.#engine.extent(stream, (extent) => {
        if (extent !== undefined) extents.set(stream, extent);
        next();
      });
    }, () => {
      // What is needed of the streams of other nodes is not known here: it comes home, bit by bit.
      const logBytes = liveBytesOf(this.table.slots.values());
      const indexBytes = logBytes / 4;
      const from = (stream: string, isOwn: boolean, bytes: number) => {
        const extent = extents.get(stream);
        return extent === undefined ? 0 : keptFrom(extent, isOwn ? bytes : 0, rule);
      };
      done({
        logFrom: (node) => from(logStream(node), node === this.#node, logBytes),
        indexFrom: (node) => from(indexStream(node), node === this.#node, indexBytes),
      });
    });
  }
}

function listOf(tails: ReadonlyMap<number, LogStart>): Checkpoint["tails"] {
  return [...tails].map(([node, { sequence, term }]) => [node, sequence, term]);
}
