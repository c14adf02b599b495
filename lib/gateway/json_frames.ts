/**
 * Frames whose body is JSON with tags (codec/tagged_json.ts), so keys and values of every type go
 * through.
 *
 * @module
 */
import { decodeTagged, encodeTagged } from "../codec/tagged_bytes.ts";
import { encodeFrame, type Frame } from "../wire/frame.ts";

/**
 * Makes a frame of a message.
 *
 * @throws {BadDataError} for a value that JSON with tags cannot hold, such as a class's instance
 */
export function encodeMessage(kind: number, content: unknown): Uint8Array {
  return encodeFrame(kind, encodeTagged(content));
}

/**
 * What a frame says.
 *
 * @throws {FrameError} when its body is not JSON with tags
 */
export function decodeMessage({ body }: Pick<Frame, "body">): unknown {
  return decodeTagged(body);
}
