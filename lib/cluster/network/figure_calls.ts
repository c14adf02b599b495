/**
 * Calls of threads to nodes for their figures.
 *
 * @module
 */
import type { ClusterNodeStats, NodeFigures } from "../../core/cluster_figures.ts";
import { FrameError } from "../../wire/frame.ts";
import { decodeTagged } from "../../codec/tagged_bytes.ts";

const SERVED: readonly string[] = [
  "valueHits",
  "shortcutHits",
  "misses",
  "absent",
  "copiedReads",
  "readRoundTrips",
  "changes",
  "changeRoundTrips",
  "roundTrips",
  "cacheBytes",
  "unmergedBytes",
] satisfies (keyof ClusterNodeStats)[];

/**
 * Takes an answer.
 *
 * @throws {FrameError} when it is none
 */
export function decodeFigures(bytes: Uint8Array): NodeFigures {
  const { served, keys, leaseLeftMs } = Object(decodeTagged(bytes)) as Record<string, unknown>;
  const figures = Object(served) as Record<string, unknown>;
  const all = [keys, leaseLeftMs, ...SERVED.map((name) => figures[name])];
  if (!all.every(Number.isFinite)) throw new FrameError("figures must be numbers");
  return { served: figures, keys, leaseLeftMs } as unknown as NodeFigures;
}
