/**
 * Which keys of a pool several KNs own, as their cells say (routing/cells.ts).
 *
 * @module
 */
import type { CellId, NodeId } from "../../core/brands.ts";
import { CELL_KEY_BYTES_MAX } from "../../core/limits.ts";
import { FLAG_BINARY_KEY, metaKeyBytes } from "../../log/record_layout.ts";
import { CELL_KEY, CELL_KEY_META } from "../../pool/cell_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import { cellsEnd, hashOfCell, loadRoute, NO_ROUTE, ownersOfCell } from "../../routing/cells.ts";
import { nodeOfAgent } from "../../routing/node_directory.ts";

/** A key that several KNs own. */
export interface SharedKey {
  /** Its bytes, and whether it was given as bytes. */
  readonly bytes: Uint8Array;
  readonly isBinary: boolean;
  readonly hash: number;
  /** Identities of its owners. */
  readonly owners: readonly NodeId[];
}

/** The keys of a pool that several KNs own, as far as can be told while that changes. */
export function sharedKeys(pool: Pool): SharedKey[] {
  const keys: SharedKey[] = [];
  const end = cellsEnd(pool);
  for (let i = 0; i < end; i++) {
    const cell = i as CellId;
    const route = loadRoute(pool, cell);
    if (route === NO_ROUTE) continue;
    const at = pool.cellAt(cell);
    const meta = pool.control[at + CELL_KEY_META];
    const words = pool.control.slice(at + CELL_KEY, at + CELL_KEY + CELL_KEY_BYTES_MAX / 4);
    const bytes = new Uint8Array(words.buffer, 0, metaKeyBytes(meta)).slice();
    const owners = ownersOfCell(pool, cell).map((agent) => nodeOfAgent(pool, agent));
    const hash = hashOfCell(pool, cell);
    const isBinary = (meta & FLAG_BINARY_KEY) !== 0;
    if (loadRoute(pool, cell) === route) keys.push({ bytes, isBinary, hash, owners });
  }
  return keys;
}
