/**
 * The rings of the threads that attach, in one buffer: a place for each client and agent block.
 *
 * A KN that runs cannot be handed a new buffer while it sleeps or works. So the buffer is there
 * from the beginning, and grows to the rings of the clients that come (pool/growable_buffer.ts),
 * the lowest numbers first. The host has larger rings of its own, one buffer for each KN.
 *
 * @module
 */
import { TooManyClientsError } from "../core/errors.ts";
import { ATTACHED_IN_FLIGHT_MAX, ATTACHED_RING_BYTES_MAX, NODE_COUNT_MAX } from "../core/limits.ts";
import { allocateGrowable, growTo } from "../pool/growable_buffer.ts";
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

/**
 * Allocates the rings for so many clients, the host included, which has none here; `isFar` with
 * room for what is read.
 */
export function createRingRegion(
  clientCount: number,
  ringBytes: number,
  inFlight: number,
  isFar = false,
): RingRegion {
  const requestBytes = Math.min(ringBytes, ATTACHED_RING_BYTES_MAX);
  const inFlightMax = Math.min(inFlight, ATTACHED_IN_FLIGHT_MAX);
  const responseBytes = isFar ? requestBytes : 0;
  const bytes = (clientCount - 1) * NODE_COUNT_MAX *
    bytesOfRing(requestBytes, inFlightMax, responseBytes);
  const buffer = bytes === 0 ? undefined : allocateGrowable(0, bytes);
  return { buffer, clientCount, requestBytes, inFlightMax, responseBytes };
}

/**
 * The rings between an attached client and a KN, which have memory from then on.
 *
 * @throws {TooManyClientsError} when the operating system has none
 */
export function attachedRing(region: RingRegion, client: number, agent: number): RingHandle {
  const { requestBytes, inFlightMax, responseBytes } = region;
  const buffer = region.buffer!;
  const end = ringEnd(region, client, agent);
  if (!growTo(buffer, end)) {
    throw new TooManyClientsError("no memory is left for the rings of another thread");
  }
  return {
    buffer,
    byteOffset: end - bytesOfRing(requestBytes, inFlightMax, responseBytes),
    requestWords: requestBytes / 4,
    inFlightMax,
    responseWords: responseBytes / 4,
  };
}

/**
 * Whether the rings between an attached client and a KN have memory: those that have none were
 * never used.
 */
export function hasAttachedRing(region: RingRegion, client: number, agent: number): boolean {
  return region.buffer!.byteLength >= ringEnd(region, client, agent);
}

function ringEnd(region: RingRegion, client: number, agent: number): number {
  const { requestBytes, inFlightMax, responseBytes } = region;
  const stride = bytesOfRing(requestBytes, inFlightMax, responseBytes);
  return ((client - 1) * NODE_COUNT_MAX + agent + 1) * stride;
}
