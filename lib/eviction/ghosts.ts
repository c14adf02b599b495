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
  readonly #table: GhostTable;
  readonly #unitsPerSegment: number;

  private constructor(pool: Pool, words: Int32Array) {
    this.#pool = pool;
    this.#table = new GhostTable(words);
    this.#unitsPerSegment = GHOST_UNITS / pool.geometry.segmentCount;
  }

  /** The ghosts of a pool; undefined if it does not evict. */
  static of(pool: Pool): Ghosts | undefined {
    return evicts(pool) ? new Ghosts(pool, pool.ghosts!) : undefined;
  }

  /** Count with which a pair of a hash begins that is new in the index. */
  countOfNew(hash: number): number {
    return this.#table.take(hash, this.#units) ? REMEMBERED_COUNT : 0;
  }

  /** Remembers the hash of a record that is dropped before it was read. */
  remember(hash: number): void {
    this.#table.add(hash, this.#units);
  }

  get #units(): number {
    return Math.floor(this.#pool.control[PUT_SEGMENTS_OPENED] * this.#unitsPerSegment);
  }
}
