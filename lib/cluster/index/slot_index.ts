/**
 * The index of one slot, as its owner has it: pages in the engine, and beside them what is not in
 * them yet.
 *
 * Pages are never changed: a merge writes new ones, and the slot then takes them all at once. So a
 * look-up that began before finds what there was. Entries that are being merged are looked up
 * beside the pages until that has happened.
 *
 * @module
 */
import type { Directory } from "./index_codec.ts";
import type { IndexEntry, PageRef } from "./index_entry.ts";

/** What a key takes in the memory of its owner until it is merged, beside its bytes: about. */
const TAIL_ENTRY_BYTES = 200;

/** A slot that this node owns. */
export class SlotIndex {
  readonly slot: number;
  /** In the order of their hashes. */
  pages: readonly PageRef[] = [];
  /** Every change of the slot up to this version is in the pages. */
  version = 0;
  /** Where the directory of these pages is; undefined if it was not written yet. */
  directory: { readonly node: number; readonly sequence: number } | undefined;
  /** What is not in the pages. */
  tail = new Map<string, IndexEntry>();
  /** What is on its way into them. */
  merging: Map<string, IndexEntry> | undefined;
  /** Of the changes that were taken. */
  versionMax = 0;
  /** Number of changes that were taken. */
  changes = 0;
  /** Whether it is still read. */
  isComing = true;
  /** Whether this node does not have it any more. */
  isGone = false;
  #given = 0;

  constructor(slot: number) {
    this.slot = slot;
  }

  /** About how much memory the keys take that are not in pages. */
  get tailBytes(): number {
    return (this.tail.size + (this.merging?.size ?? 0)) * TAIL_ENTRY_BYTES;
  }

  /** About how many keys there are. */
  get keyCount(): number {
    return this.pages.reduce((sum, { count }) => sum + count, this.tail.size);
  }

  /**
   * Takes what another owner has left. Changes that are in the pages may have been taken before:
   * logs that are read for other slots have records of this one, too.
   */
  open({ version, pages }: Directory, directory: { node: number; sequence: number }): void {
    this.pages = pages;
    this.version = version;
    this.versionMax = Math.max(this.versionMax, version);
    this.directory = directory;
    for (const entry of this.tail.values()) {
      if (entry.version <= version) this.tail.delete(entry.name);
    }
  }

  /** A change that counts; what is in the pages already changes nothing. */
  take(entry: IndexEntry): void {
    if (entry.version <= this.version) return;
    this.versionMax = Math.max(this.versionMax, entry.version);
    this.changes += 1;
    const known = this.changeOf(entry.name);
    if (known === undefined || entry.version > known.version) this.tail.set(entry.name, entry);
  }

  /** What is known of a key beside the pages. */
  changeOf(name: string): IndexEntry | undefined {
    return this.tail.get(name) ?? this.merging?.get(name);
  }

  /** A version for a new record. */
  nextVersion(): number {
    this.#given = Math.max(this.#given, this.versionMax) + 1;
    return this.#given;
  }

  /** The page for a hash, by its place among the pages; undefined if there is none. */
  pageAt(hash: number): number | undefined {
    const { pages } = this;
    if (pages.length === 0) return undefined;
    let low = 0;
    let high = pages.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (pages[middle]!.from <= hash) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** What is not in the pages is going to be; returns up to which version that is. */
  beginMerge(): number {
    this.merging = this.tail;
    this.tail = new Map();
    return this.versionMax;
  }

  /** It is: all changes up to a version. */
  endMerge(version: number, pages: readonly PageRef[]): void {
    this.pages = pages;
    this.version = version;
    this.merging = undefined;
    this.directory = undefined;
  }
}
