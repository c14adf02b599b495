/**
 * Merges what a slot's pages do not have into new pages, and moves records and pages that stand in
 * the way of purging.
 *
 * Page after page: it is read, the higher version of each key wins, deletes go, and what is left is
 * written as new pages. A record that lies too far back in a log is written again at the end of the
 * own log, as it was, with its version; the new page names the copy. The slot takes all new pages
 * at once. Until then, and if that never happens, the old ones are there, and what they name.
 *
 * @module
 */
import { decodeRecordAt, encodeMoved, type LogRecord, NO_ORIGIN } from "../messages/log_codec.ts";
import { indexStream, logStream } from "../node/log_streams.ts";
import { decodePage, encodePage, entryBytes } from "./index_codec.ts";
import { type IndexEntry, type PageRef, pageRefOf } from "./index_entry.ts";
import { type IndexIo, runAll } from "./index_io.ts";
import type { SlotIndex } from "./slot_index.ts";

/** Pages, and records of a page, that are on their way at a time. */
const PAGES_AT_A_TIME = 8;
const RECORDS_AT_A_TIME = 16;

/** From where on messages may stay; what is before is written again. */
export interface CleaningTargets {
  /** In the log of a node. */
  logFrom(node: number): number;
  /** In the index stream of a node. */
  indexFrom(node: number): number;
}

/** What a merge needs. */
export interface SlotMergeParts {
  readonly io: IndexIo;
  /** Number of this node. */
  readonly node: number;
  readonly term: number;
  /** Bytes of a page after which it is divided. */
  readonly pageBytes: number;
  readonly targets: CleaningTargets;
  /** Whether the term goes on. */
  readonly isOn: () => boolean;
}

/** A page and what is to be done with it. */
interface Job {
  readonly page: PageRef | undefined;
  readonly changes: IndexEntry[];
  made: readonly PageRef[];
}

/** Whether something of a slot is to be written: changes, or what stands in the way of purging. */
export function isMergeDue(slot: SlotIndex, targets: CleaningTargets): boolean {
  return slot.tail.size > 0 || slot.pages.some((page) => isInTheWay(page, targets));
}

/** Merges a slot; calls back when it has its new pages, or is gone. */
export function mergeSlot(parts: SlotMergeParts, slot: SlotIndex, done: () => void): void {
  const version = slot.beginMerge();
  const jobs = jobsOf(slot);
  runAll(jobs.values(), PAGES_AT_A_TIME, (job, next) => {
    const isDue = job.changes.length > 0 ||
      (job.page !== undefined && isInTheWay(job.page, parts.targets));
    if (isDue) new PageMerge(parts, slot, job, next).start();
    else next();
  }, () => {
    // What was not written whole was not written: the term has ended, or the slot is gone.
    if (!slot.isGone && parts.isOn()) slot.endMerge(version, jobs.flatMap(({ made }) => made));
    done();
  });
}

function jobsOf(slot: SlotIndex): Job[] {
  const jobs: Job[] = slot.pages.map((page) => ({ page, changes: [], made: [page] }));
  if (jobs.length === 0) jobs.push({ page: undefined, changes: [], made: [] });
  for (const entry of slot.merging!.values()) {
    jobs[slot.pageAt(entry.hash) ?? 0]!.changes.push(entry);
  }
  return jobs;
}

function isInTheWay(page: PageRef, targets: CleaningTargets): boolean {
  return page.sequence < targets.indexFrom(page.node) ||
    page.floors.some(([node, sequence]) => sequence < targets.logFrom(node));
}

/** One page. */
class PageMerge {
  readonly #parts: SlotMergeParts;
  readonly #slot: SlotIndex;
  readonly #job: Job;
  readonly #next: () => void;
  readonly #isWanted: () => boolean;

  constructor(parts: SlotMergeParts, slot: SlotIndex, job: Job, next: () => void) {
    this.#parts = parts;
    this.#slot = slot;
    this.#job = job;
    this.#next = next;
    this.#isWanted = () => parts.isOn() && !slot.isGone;
  }

  start(): void {
    const { page } = this.#job;
    if (page === undefined) return this.#merge([]);
    const stream = indexStream(page.node);
    this.#parts.io.read(stream, page.sequence, this.#isWanted, (message) => {
      if (message === undefined) return this.#next();
      this.#merge(decodePage(message.body));
    });
  }

  #merge(entries: readonly IndexEntry[]): void {
    const merged = new Map(entries.map((entry) => [entry.name, entry]));
    for (const change of this.#job.changes) {
      const known = merged.get(change.name);
      if (known === undefined || change.version > known.version) merged.set(change.name, change);
    }
    const left = [...merged.values()].filter(({ isDelete }) => !isDelete);
    this.#move(left, (moved) => this.#write(moved));
  }

  /** Writes records again that lie too far back. */
  #move(
    entries: readonly IndexEntry[],
    done: (entries: readonly IndexEntry[]) => void,
  ): void {
    const { io, targets } = this.#parts;
    const isBack = ({ address }: IndexEntry) => address.sequence < targets.logFrom(address.node);
    const back = entries.filter(isBack);
    const moved = new Map<IndexEntry, IndexEntry>();
    runAll(batchesOf(back, io.limits.batchBytes), 1, (batch, next) => {
      this.#moveBatch(batch, (made) => {
        made.forEach((entry, i) => moved.set(batch[i]!, entry));
        next();
      });
    }, () => {
      if (moved.size < back.length) return this.#next();
      done(entries.map((entry) => moved.get(entry) ?? entry));
    });
  }

  /** Moves records by one message; calls back without any when that is not wanted any more. */
  #moveBatch(
    batch: readonly IndexEntry[],
    done: (made: readonly IndexEntry[]) => void,
  ): void {
    const { io } = this.#parts;
    const bytes = batch.reduce((sum, entry) => sum + entry.bytes, 0);
    io.moves.enter(bytes, (leave) => {
      const end = (made: readonly IndexEntry[]) => {
        leave();
        done(made);
      };
      const records = new Map<IndexEntry, LogRecord>();
      runAll(batch, RECORDS_AT_A_TIME, (entry, next) => {
        io.readRecord(entry.address, this.#isWanted, (message) => {
          if (message !== undefined) records.set(entry, recordOf(message.body, entry));
          next();
        });
      }, () => {
        if (records.size < batch.length) end([]);
        else this.#append(batch, records, end);
      });
    });
  }

  #append(
    batch: readonly IndexEntry[],
    records: ReadonlyMap<IndexEntry, LogRecord>,
    done: (made: readonly IndexEntry[]) => void,
  ): void {
    const { io, node, term } = this.#parts;
    const moved = batch.map((entry) => records.get(entry)!);
    const { bytes, places } = encodeMoved(term, moved, io.limits.batchBytes);
    io.append(logStream(node), "moved", bytes, this.#isWanted, (sequence) => {
      if (sequence === undefined) return done([]);
      done(batch.map((entry, i) => ({ ...entry, address: { node, sequence, place: places[i]! } })));
    });
  }

  #write(entries: readonly IndexEntry[]): void {
    const { io, node, pageBytes } = this.#parts;
    const pages = dividedInto(entries, pageBytes);
    const made: PageRef[] = [];
    runAll(pages.entries(), 1, ([i, page], next) => {
      const body = encodePage(page);
      io.append(indexStream(node), `page.${this.#slot.slot}`, body, this.#isWanted, (sequence) => {
        if (sequence !== undefined) made[i] = pageRefOf(page, node, sequence);
        next();
      });
    }, () => {
      this.#job.made = made;
      this.#next();
    });
  }
}

/** The record of an entry, which keeps nothing else of its message in memory. */
function recordOf(message: Uint8Array, { key, address }: IndexEntry): LogRecord {
  const record = decodeRecordAt(message, address.place);
  return { ...record, key, value: record.value?.slice(), origin: NO_ORIGIN };
}

/** Parts of entries whose records fit one message each; one that is larger has one to itself. */
function batchesOf(entries: readonly IndexEntry[], batchBytes: number): IndexEntry[][] {
  const batches: IndexEntry[][] = [];
  let bytes = Infinity;
  for (const entry of entries) {
    if (bytes + entry.bytes > batchBytes) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)!.push(entry);
    bytes += entry.bytes;
  }
  return batches;
}

/**
 * Entries in the order of their hashes, in parts of some bytes; those of one hash stay together.
 */
function dividedInto(entries: readonly IndexEntry[], pageBytes: number): IndexEntry[][] {
  const sorted = [...entries].sort((a, b) => a.hash - b.hash);
  const pages: IndexEntry[][] = [];
  let bytes = Infinity;
  let last = -1;
  for (const entry of sorted) {
    if (entry.hash !== last && bytes + entryBytes(entry) > pageBytes) {
      pages.push([]);
      bytes = 0;
    }
    pages.at(-1)!.push(entry);
    bytes += entryBytes(entry);
    last = entry.hash;
  }
  return pages;
}
