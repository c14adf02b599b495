/**
 * The rings of the threads that attach, in one buffer: a place for each client and agent block.
 *
 * A KN that runs cannot be handed a new buffer while it sleeps or works. So the buffer is there from the beginning; its pages
 * are committed when they are used first. The host has larger rings of its own, one buffer for each KN.
 *
 * @module
 */
import { ATTACHED_IN_FLIGHT_MAX, ATTACHED_RING_BYTES_MAX, NODE_COUNT_MAX } from "../core/limits.ts";
import { ringBytes as bytesOfRing, type RingHandle } from "./ring_layout.ts";

/** The buffer and its sizes; structured-cloneable. */
export interface RingRegion {
  /** Undefined if no thread can attach. */
  readonly buffer: SharedArrayBuffer | undefined;
  /** Clients, the host included. */
  readonly clientCount: number;
  readonly requestBytes: number;
  readonly inFlightMax: number;
  /** Bytes for what is read; 0 in the near placement. */
  readonly responseBytes: number;
}

/** Allocates the rings for so many clients, the host included, which has none here; `isFar` with room for what is read. */
export function createRingRegion(
  clientCount: number,
  ringBytes: number,
  inFlight: number,
  isFar = false,
): RingRegion {
  const requestBytes = Math.min(ringBytes, ATTACHED_RING_BYTES_MAX);
  const inFlightMax = Math.min(inFlight, ATTACHED_IN_FLIGHT_MAX);
  const responseBytes = isFar ? requestBytes : 0;
  const stride = bytesOfRing(requestBytes, inFlightMax, responseBytes);
  const bytes = (clientCount - 1) * NODE_COUNT_MAX * stride;
  const buffer = bytes === 0 ? undefined : new SharedArrayBuffer(bytes);
  return { buffer, clientCount, requestBytes, inFlightMax, responseBytes };
}

/** The rings between an attached client and a KN. */
export function attachedRing(region: RingRegion, client: number, agent: number): RingHandle {
  const { buffer, requestBytes, inFlightMax, responseBytes } = region;
  const stride = bytesOfRing(requestBytes, inFlightMax, responseBytes);
  return {
    buffer: buffer!,
    byteOffset: ((client - 1) * NODE_COUNT_MAX + agent) * stride,
    requestWords: requestBytes / 4,
    inFlightMax,
    responseWords: responseBytes / 4,
  };
}
