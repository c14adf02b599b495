/**
 * Items of a scan that are made before it comes to their keys, of all keys that a cursor has found
 * at one time: each of the things that are done for a key is then done for the next keys, too,
 * while the processor has it at hand.
 *
 * The moment of a read is nevertheless that at which its item is yielded: only then it is looked
 * whether the key still holds what the item was made of, by one load. If it does not, the item is
 * dropped, and the key is read as any other.
 *
 * @module
 */
import type { FoundKey } from "../../ordered/found_key.ts";
import type { RangeCursor } from "../../ordered/range_cursor.ts";

/** How items are made of keys that have been found. */
export interface AheadMaker<Item> {
  /** Up to how many bytes values are copied with their keys; `NO_VALUES` if none are needed. */
  readonly valueBytesMax: number;
  /** Makes an item; undefined if the key has to be read when its turn comes. */
  make(found: FoundKey): Item | undefined;
  /** Whether a key still holds what its item was made of: if so, it is read at this moment. */
  read(found: FoundKey): boolean;
}

/** The items of one scan. */
export class ItemsAhead<Item> {
  readonly #maker: AheadMaker<Item>;
  /** By the numbers of the keys in the cursor's batch. */
  readonly #items: (Item | undefined)[] = [];
  /** The batch that they are of; the numbers of batches begin at 1. */
  #batch = 0;

  /** Makes items when they are wanted. */
  constructor(maker: AheadMaker<Item>) {
    this.#maker = maker;
  }

  /** The item of the key that a cursor is at; undefined if the key has to be read. */
  take(cursor: RangeCursor): Item | undefined {
    if (cursor.batch !== this.#batch) this.#fill(cursor);
    const item = this.#items[cursor.foundAt];
    return item !== undefined && this.#maker.read(cursor.key) ? item : undefined;
  }

  #fill(cursor: RangeCursor): void {
    const { found, foundCount } = cursor;
    const items = this.#items;
    const maker = this.#maker;
    for (let i = cursor.foundAt; i < foundCount; i++) items[i] = maker.make(found[i]!);
    this.#batch = cursor.batch;
  }
}
