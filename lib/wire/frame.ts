/**
 * Frames of a byte stream between two processes: what is sent has a beginning, an end, a bound and
 * a checksum.
 *
 *     byte 0        4         5      6      8            12       16
 *          +--------+---------+------+------+------------+--------+------ - - -
 *          | magic  | version | kind | zero | body bytes | CRC-32 | body
 *          +--------+---------+------+------+------------+--------+------ - - -
 *
 * Words are little-endian. The CRC is that of the 12 bytes before it and of the body. What a kind
 * means, and what is in a body, is for those to say that use this.
 *
 * A reader takes bytes as they come, in pieces of any size, and believes nothing: a header is
 * checked before any memory is taken for its body, which is never more than the reader was told. A
 * frame that comes in one piece, as most do, is not copied.
 * After one error the stream means nothing any more: there is no place to begin again.
 *
 * @module
 */
import { crc32, ownCrc32 } from "../platform/crc32.ts";

/** "DNMO", little-endian. */
const MAGIC = 0x4f4d4e44;
/** A reader refuses every other one. */
export const FRAME_VERSION = 1;
/** Bytes in front of a body. */
export const WIRE_HEADER_BYTES = 16;

const AT_VERSION = 4;
const AT_KIND = 5;
const AT_ZERO = 6;
const AT_BODY_BYTES = 8;
const AT_CRC = 12;
const KIND_MAX = 255;
/** Bodies are read as words. */
const WORD_BYTES = 8;

/** Bytes that are no frame. */
export class FrameError extends Error {
  static {
    this.prototype.name = "FrameError";
  }
}

/** A frame that has come whole. */
export interface Frame {
  /** 0 to 255. */
  readonly kind: number;
  /**
   * Perhaps a view of the bytes that have come, which are not changed any more; it begins at a
   * multiple of 8 in its buffer.
   */
  readonly body: Uint8Array;
}

/**
 * Makes a frame.
 *
 * @param kind 0 to 255
 */
export function encodeFrame(kind: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(kind) || kind < 0 || kind > KIND_MAX) {
    throw new FrameError(`kind must be 0 to ${KIND_MAX}, got ${kind}`);
  }
  const frame = new Uint8Array(WIRE_HEADER_BYTES + body.length);
  frame.set(body, WIRE_HEADER_BYTES);
  sealFrame(frame, kind);
  return frame;
}

/** The kind of a frame that was made. */
export function kindOf(frame: Uint8Array): number {
  return frame[AT_KIND]!;
}

/** Writes the header of a frame whose body is complete behind it. */
export function sealFrame(frame: Uint8Array, kind: number): void {
  writeWord(frame, 0, MAGIC);
  writeWord(frame, AT_VERSION, FRAME_VERSION | (kind << 8));
  writeWord(frame, AT_BODY_BYTES, frame.length - WIRE_HEADER_BYTES);
  const head = ownCrc32(frame, 0, 0, AT_CRC);
  writeWord(frame, AT_CRC, crc32(frame.subarray(WIRE_HEADER_BYTES), head));
}

/** Takes frames out of a stream of bytes. */
export class FrameReader {
  /** Bytes that a body may have at most. */
  bodyBytesMax: number;
  readonly #header = new Uint8Array(WIRE_HEADER_BYTES);
  #headerBytes = 0;
  /** The body of the frame whose header is complete. */
  #body: Uint8Array<ArrayBuffer> | undefined;
  #bodyBytes = 0;
  #failure: FrameError | undefined;

  /** Refuses frames whose body has more bytes. */
  constructor(bodyBytesMax: number) {
    this.bodyBytesMax = bodyBytesMax;
  }

  /** Whether a frame has begun and is not complete. */
  get isInFrame(): boolean {
    return this.#headerBytes > 0;
  }

  /**
   * Takes the next bytes; returns the frames that they complete.
   *
   * @throws {FrameError} when they are no frame, or one was refused before
   */
  read(bytes: Uint8Array): Frame[] {
    if (this.#failure !== undefined) throw this.#failure;
    const frames: Frame[] = [];
    let from = 0;
    while (from < bytes.length) {
      const whole = this.#headerBytes === 0 ? this.#wholeBody(bytes, from) : undefined;
      if (whole !== undefined) {
        frames.push(this.#frameOf(bytes, from, whole));
        from += WIRE_HEADER_BYTES + whole.length;
        continue;
      }
      from += this.#body === undefined
        ? this.#takeHeader(bytes.subarray(from))
        : this.#takeBody(this.#body, bytes.subarray(from));
      if (this.#body?.length === this.#bodyBytes) frames.push(this.#endFrame(this.#body));
    }
    return frames;
  }

  /** The body of the frame that begins somewhere, if all of it is there. */
  #wholeBody(bytes: Uint8Array, at: number): Uint8Array | undefined {
    const body = at + WIRE_HEADER_BYTES;
    if (body > bytes.length) return undefined;
    const end = body + this.#checkHeader(bytes, at);
    if (end > bytes.length) return undefined;
    // No Buffer, whose methods do not copy.
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset + body, end - body);
    return view.byteOffset % WORD_BYTES === 0 ? view : view.slice();
  }

  #takeHeader(bytes: Uint8Array): number {
    const taken = bytes.subarray(0, WIRE_HEADER_BYTES - this.#headerBytes);
    this.#header.set(taken, this.#headerBytes);
    this.#headerBytes += taken.length;
    if (this.#headerBytes < WIRE_HEADER_BYTES) return taken.length;
    const bodyBytes = this.#checkHeader(this.#header, 0);
    this.#body = new Uint8Array(bodyBytes);
    this.#bodyBytes = 0;
    return taken.length;
  }

  #takeBody(body: Uint8Array, bytes: Uint8Array): number {
    const taken = bytes.subarray(0, body.length - this.#bodyBytes);
    body.set(taken, this.#bodyBytes);
    this.#bodyBytes += taken.length;
    return taken.length;
  }

  #checkHeader(header: Uint8Array, at: number): number {
    const magic = wordAt(header, at);
    const version = header[at + AT_VERSION]!;
    const bodyBytes = wordAt(header, at + AT_BODY_BYTES);
    if (magic !== MAGIC) this.#refuse(`must begin with its magic, got ${magic.toString(16)}`);
    if (version !== FRAME_VERSION) {
      this.#refuse(`must have version ${FRAME_VERSION}, got ${version}`);
    }
    const zeros = header[at + AT_ZERO]! | header[at + AT_ZERO + 1]!;
    if (zeros !== 0) this.#refuse("must have zeros where nothing is");
    if (bodyBytes > this.bodyBytesMax) {
      this.#refuse(`must have at most ${this.bodyBytesMax} bytes, got ${bodyBytes}`);
    }
    return bodyBytes;
  }

  #endFrame(body: Uint8Array): Frame {
    const frame = this.#frameOf(this.#header, 0, body);
    this.#headerBytes = 0;
    this.#body = undefined;
    return frame;
  }

  #frameOf(header: Uint8Array, at: number, body: Uint8Array): Frame {
    const head = ownCrc32(header, 0, at, at + AT_CRC);
    if (wordAt(header, at + AT_CRC) !== crc32(body, head)) {
      this.#refuse("must have the CRC of its bytes");
    }
    return { kind: header[at + AT_KIND]!, body };
  }

  #refuse(rule: string): never {
    this.#failure = new FrameError(`a frame ${rule}`);
    this.#body = undefined;
    throw this.#failure;
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>>
    0;
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word;
  bytes[at + 1] = word >>> 8;
  bytes[at + 2] = word >>> 16;
  bytes[at + 3] = word >>> 24;
}
