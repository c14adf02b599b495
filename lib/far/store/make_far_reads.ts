/**
 * Makes what reads a far pool, as a store wants it.
 *
 * @module
 */
import type { MakeReads } from "../../store/local_pool.ts";
import type { RoutedReads } from "../client/routed_reads.ts";
import { FarStoreReads } from "./far_store_reads.ts";

/** Reads a far pool by what comes back to one client. */
export function makeFarReads(routed: RoutedReads): MakeReads {
  return (parts, { pool }, indexed) => new FarStoreReads(parts, pool, indexed, routed);
}
