/**
 * Frames of calls: what one side asks of the other, and the stream of items that answers it.
 *
 *     byte 0        4          8
 *          +--------+----------+------ - - -
 *          | number | credit   | content
 *          +--------+----------+------ - - -
 *
 * Words are little-endian. The caller numbers its calls from 1, and gives no number twice on a
 * connection. A call is answered by any number of items, and then by an end or by a failure; of a
 * call that was cancelled, too, after which its caller has forgotten it. What is asked for, and
 * what an item says, is for those to say that use this.
 *
 * Credit is how many bytes of items the caller takes: it comes with the call, and then as items are
 * taken. An item is sent when there is any left, however many bytes it has; so more is on its way
 * than was granted by one item at most. Each item costs {@linkcode ITEM_COST_BYTES} more than it
 * has, so that empty ones are bounded, too.
 *
 * @module
 */
import { encodeFrame, type Frame, FrameError } from "./frame.ts";

/** Kinds of frames. */
export const CallFrame = {
  /** To the called side: what is asked for, and the first credit. */
  CALL: 20,
  ITEM: 21,
  END: 22,
  FAILURE: 23,
  /** To the called side: nothing more is wanted. */
  CANCEL: 24,
  /** To the called side: so many bytes more. */
  CREDIT: 25,
} as const;

/** What an item costs beside its bytes. */
export const ITEM_COST_BYTES = 64;
/** Bytes in front of the content. */
export const CALL_HEADER_BYTES = 8;
const AT_NUMBER = 0;
const AT_CREDIT = 4;

const NOTHING = new Uint8Array(0);

/** What a frame of a call says. */
export interface CallMessage {
  readonly kind: number;
  /** Of the call. */
  readonly number: number;
  /** In bytes; 0 in frames that have none. */
  readonly credit: number;
  readonly content: Uint8Array;
}

/** Whether a kind of frame is one of calls. */
export function isCallFrame(kind: number): boolean {
  return kind >= CallFrame.CALL && kind <= CallFrame.CREDIT;
}

/** What an item takes of the credit. */
export function costOf(item: Uint8Array): number {
  return item.length + ITEM_COST_BYTES;
}

/** Makes a frame. */
export function encodeCall(
  kind: number,
  number: number,
  credit: number,
  content: Uint8Array = NOTHING,
): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(CALL_HEADER_BYTES + content.length);
  const header = new DataView(body.buffer);
  header.setUint32(AT_NUMBER, number, true);
  header.setUint32(AT_CREDIT, credit, true);
  body.set(content, CALL_HEADER_BYTES);
  return encodeFrame(kind, body);
}

/**
 * What a frame says; its content is a view of it.
 *
 * @throws {FrameError} when it is none of a call
 */
export function decodeCall({ kind, body }: Frame): CallMessage {
  if (!isCallFrame(kind)) throw new FrameError(`a frame must be one of a call, got kind ${kind}`);
  if (body.length < CALL_HEADER_BYTES) {
    throw new FrameError("a frame of a call must have its header");
  }
  const header = new DataView(body.buffer, body.byteOffset, CALL_HEADER_BYTES);
  const number = header.getUint32(AT_NUMBER, true);
  const credit = header.getUint32(AT_CREDIT, true);
  const content = body.subarray(CALL_HEADER_BYTES);
  const hasCredit = kind === CallFrame.CALL || kind === CallFrame.CREDIT;
  const hasContent = kind !== CallFrame.CREDIT && kind !== CallFrame.CANCEL &&
    kind !== CallFrame.END;
  if (hasCredit !== credit > 0) {
    throw new FrameError("a frame must have credit where it grants any");
  }
  if (!hasContent && content.length > 0) {
    throw new FrameError("a frame must say no more than it can");
  }
  return { kind, number, credit, content };
}
