/**
 * A KN as the M-node sees it.
 *
 * @module
 */
import type { NodeId } from "../core/brands.ts";
import type { RingHandle } from "../rings/ring_layout.ts";
import type { NodeThread } from "./node_thread.ts";
import type { StallDetector } from "./stall_detector.ts";

/** How long to wait for a thread that is inside a KN that is to end. */
export const LEAVE_MS_MAX = 1000;
/**
 * How often to look whether a thread that was inside a retired KN has left, or whether a slot can
 * be moved now.
 */
export const RETRY_MS = 1;

/** A KN that runs, or did. */
export interface ManagedNode {
  readonly nodeId: NodeId;
  readonly agent: number;
  /**
   * Its place among the KNs, by which slots are assigned: the identity of the first KN that had it.
   * A KN that takes over from a failed one has its place, and therefore its slots.
   */
  readonly place: NodeId;
  /** How many KNs of this place have failed one right after the other. */
  readonly failures: number;
  readonly startedAtMs: number;
  /** The ring from the host. */
  readonly ring: RingHandle;
  readonly thread: NodeThread;
  readonly stalls: StallDetector;
}
