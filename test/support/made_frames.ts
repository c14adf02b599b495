/**
 * Frames of requests and answers that tests have made up.
 *
 * @module
 */
import { type Answer, RequestFrame, writeAnswer } from "../../lib/gateway/request_frames.ts";
import { FrameWriter } from "../../lib/wire/frame_writer.ts";

/** A frame of requests that are complete. */
export function encodeRequests(requests: readonly Int32Array[]): Uint8Array {
  const frame = new FrameWriter();
  for (const words of requests) {
    const at = frame.claim(words.length);
    frame.words.set(words, at);
  }
  return frame.end(RequestFrame.REQUESTS)!;
}

/** A frame of answers. */
export function encodeAnswers(answers: readonly Answer[]): Uint8Array {
  const frame = new FrameWriter();
  for (const answer of answers) writeAnswer(frame, answer);
  return frame.end(RequestFrame.ANSWERS)!;
}
