/**
 * The ghosts of a pool that evicts, as an agent sees them.
 *
 * @module
 */
import { PUT_SEGMENTS_OPENED } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { evicts } from "../pool/when_full.ts";
import { REMEMBERED_COUNT } from "./eviction_policy.ts";
import { GHOST_UNITS, GhostTable } from "./ghost_table.ts";

/** Remembers what one pool has dropped, and asks for it. */
export class Ghosts {
  readonly #pool: Pool;
  /** As the pool was when it had so many segments. */
  #segmentLimit = 0;
  #table: GhostTable | undefined;

  private constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** The ghosts of a pool; undefined if it does not evict. */
  static of(pool: Pool): Ghosts | undefined {
    return evicts(pool) ? new Ghosts(pool) : undefined;
  }

  /** Count with which a pair of a hash begins that is new in the index. */
  countOfNew(hash: number): number {
    return this.#seen.take(hash, this.#units) ? REMEMBERED_COUNT : 0;
  }

  /** Remembers the hash of a record that is dropped before it was read. */
  remember(hash: number): void {
    this.#seen.add(hash, this.#units);
  }

  /** The table; a longer one when the pool has grown. */
  get #seen(): GhostTable {
    const { segmentLimit } = this.#pool;
    if (this.#table !== undefined && segmentLimit === this.#segmentLimit) return this.#table;
    this.#segmentLimit = segmentLimit;
    return this.#table = new GhostTable(this.#pool.viewGhosts());
  }

  /** What was put until now. With a growth, which makes units longer, ghosts are forgotten. */
  get #units(): number {
    const openedCount = this.#pool.control[PUT_SEGMENTS_OPENED];
    return Math.floor(openedCount * GHOST_UNITS / this.#segmentLimit);
  }
}
