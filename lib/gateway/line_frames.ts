/**
 * Frames by which the two ends of a line keep it going: see gateway_line.ts.
 *
 * ```text
 *   FIFO      to the gateway     the name of a FIFO of the pool's directory, in UTF-8
 *   TAKEN     to the gateway     u32 frames taken since the beginning; u32 way, one of Way
 *   PART      to the gateway     the next bytes of a frame that is longer than a piece
 *   RESUME    from the gateway   u32 number of the frame that comes next on this way; u32 0
 *   RECEIVED  from the gateway   u32 bytes that have come since the beginning; u32 0
 * ```
 *
 * @module
 */
import { encodeFrame, FrameError } from "../wire/frame.ts";

/** Their kinds; those of requests are in request_frames.ts. */
export const LineFrame = { FIFO: 26, TAKEN: 27, RESUME: 28, RECEIVED: 29, PART: 30 } as const;

/** By what the other process wants its answers. */
export const Way = { SOCKET: 0, FIFO: 1 } as const;

/** Names of FIFOs: of their process, their thread, and one connection. */
const FIFO_NAME = /^fifo\.[0-9]{1,10}\.[0-9]{1,10}\.[0-9a-f]{8}$/;

/** Whether a file of the pool's directory is such a FIFO. */
export function isFifoName(name: string): boolean {
  return FIFO_NAME.test(name);
}

/** Says where answers can be written for a thread that blocks. */
export function encodeFifo(name: string): Uint8Array {
  return encodeFrame(LineFrame.FIFO, new TextEncoder().encode(name));
}

/** @throws {FrameError} when it is no name of a FIFO */
export function decodeFifo(body: Uint8Array): string {
  const name = new TextDecoder().decode(body);
  if (!isFifoName(name)) throw new FrameError("a FIFO must have a name of its kind");
  return name;
}

/** Makes a frame of one of the other kinds. */
export function encodeLine(kind: number, count: number, way: number = Way.SOCKET): Uint8Array {
  return encodeFrame(kind, new Uint8Array(Uint32Array.of(count, way).buffer));
}

/**
 * What is in a frame of one of the other kinds.
 *
 * @throws {FrameError} when that is not possible
 */
export function decodeLine(body: Uint8Array): { count: number; way: number } {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const isPossible = body.length === 8 && view.getUint32(4, true) <= Way.FIFO;
  if (!isPossible) throw new FrameError("a frame of a line must have a count and a way");
  return { count: view.getUint32(0, true), way: view.getUint32(4, true) };
}
