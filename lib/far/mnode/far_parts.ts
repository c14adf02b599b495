/**
 * What only KNs of a far pool are run with, as one module that is loaded on demand.
 *
 * @module
 */
export { FarMoves } from "./far_moves.ts";
export { FarRebalance } from "./far_rebalance.ts";
export { KeyReplication } from "./key_replication.ts";
