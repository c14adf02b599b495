/**
 * Frames whose body is JSON with tags (codec/tagged_json.ts), so keys and values of every type go
 * through.
 *
 * @module
 */
import { BadDataError } from "../codec/bad_data_error.ts";
import { TagReader, toTaggedJson } from "../codec/tagged_json.ts";
import { encodeFrame, type Frame, FrameError } from "../wire/frame.ts";

/**
 * Makes a frame of a message.
 *
 * @throws {BadDataError} for a value that JSON with tags cannot hold, such as a class's instance
 */
export function encodeMessage(kind: number, content: unknown): Uint8Array {
  return encodeFrame(kind, new TextEncoder().encode(toTaggedJson(content)));
}

/**
 * What a frame says.
 *
 * @throws {FrameError} when its body is not JSON with tags
 */
export function decodeMessage({ body }: Pick<Frame, "body">): unknown {
  try {
    return new TagReader().read(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)));
  } catch (error) {
    const isBad = error instanceof SyntaxError || error instanceof TypeError ||
      error instanceof BadDataError;
    if (!isBad) throw error;
    throw new FrameError("the body of a frame must be JSON", { cause: error });
  }
}
