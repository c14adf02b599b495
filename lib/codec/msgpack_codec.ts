/**
 * The default codec: MessagePack, with the names of properties kept once per pool. msgpackr
 * decodes; what it cannot say, and why encoding is the store's own, is in msgpack_encoder.ts.
 *
 * @module
 */
import { Unpackr } from "msgpackr/unpack";
import { DecodeError, describe, DinomoError, InvalidValueError } from "../core/errors.ts";
import { undefinedValue, type ValueCodec, type ValueDecoder } from "./codec.ts";
import { MsgpackEncoder, Unstorable } from "./msgpack_encoder.ts";
import { MsgpackPicker, type MsgpackSource } from "./msgpack_picker.ts";
import { enterCodec, leaveCodec } from "./nesting.ts";
import { nativeTexts } from "./native_texts.ts";
import type { PickedParts } from "./picked_parts.ts";
import { SharedStructures, type StructureStore } from "./shared_structures.ts";
import { MARK, revive } from "./special_values.ts";
import { NumberForm } from "./stored_numbers.ts";
import { pathTo } from "./value_path.ts";

/** Which bytes msgpackr decodes; its own types lack that. */
interface PartBounds {
  start: number;
  end: number;
}

/** The options of msgpackr that are used here; its own types lack or misstate some of them. */
interface UnpackrOptions {
  readonly copyBuffers: boolean;
  readonly moreTypes: boolean;
  getStructures(): string[][];
}

/** What `Buffer.toString` calls on each runtime; other bytes do not have it. */
interface Sliceable {
  utf8Slice(start: number, end: number): string;
}

/** First byte of a text of up to 31 bytes, less their number; and of one whose number is next. */
const FIXED_TEXT = 0xa0;
const TEXT_8 = 0xd9;
const FIXED_TEXT_BYTES_MAX = 31;
/** Bytes of a text below which msgpackr's loop takes less time than a call of the runtime. */
const SLICED_BYTES_MIN = 16;

/** MessagePack with shared structures. */
export class MsgpackCodec<V> implements ValueCodec<V>, MsgpackSource {
  readonly numberForm: number = NumberForm.MSGPACK;
  readonly #encoder: MsgpackEncoder;
  readonly #unpackr: Unpackr;
  readonly #structures: SharedStructures;
  readonly #bounds: PartBounds = { start: 0, end: 0 };

  /** Makes a codec whose structures are in `structures`. */
  constructor(structures: StructureStore) {
    this.#structures = new SharedStructures(structures);
    this.#encoder = new MsgpackEncoder(this.#structures);
    const options: UnpackrOptions = {
      // Decoded values must not point into the buffer that the next read overwrites.
      copyBuffers: true,
      moreTypes: true,
      getStructures: () => this.#structures.load(),
    };
    this.#unpackr = new Unpackr(options as object);
  }

  get bytes(): Uint8Array {
    return this.#encoder.bytes;
  }

  get start(): number {
    return this.#encoder.start;
  }

  get end(): number {
    return this.#encoder.end;
  }

  encode(value: V): void {
    if (value === undefined) throw undefinedValue();
    enterCodec();
    try {
      this.#encoder.encode(value);
    } catch (error) {
      throw refusal(error, value);
    } finally {
      leaveCodec();
    }
  }

  decode(bytes: Uint8Array, length: number): V {
    try {
      const head = bytes[0];
      if (isSlicedText(head, bytes[1], length)) {
        const text = (bytes as Partial<Sliceable>).utf8Slice?.(head === TEXT_8 ? 2 : 1, length);
        if (text !== undefined) return text as V;
      }
      if (head === MARK) return revive(this.#unpackr.unpack(bytes.subarray(1, length))) as V;
      const value = this.#unpackr.unpack(bytes, length as unknown as { end: number }) as V;
      nativeTexts.note(value, length);
      return value;
    } catch (error) {
      throw new DecodeError(
        "the stored bytes are not a msgpack value: was it written with another codec?",
        {
          cause: error,
        },
      );
    }
  }

  pick(parts: PickedParts): ValueDecoder<unknown> {
    return new MsgpackPicker(this, parts);
  }

  /** Decodes `bytes[start]` to `bytes[end - 1]`, which is a part of a value. */
  decodePart(bytes: Uint8Array, start: number, end: number): unknown {
    const bounds = this.#bounds;
    bounds.start = start;
    bounds.end = end;
    const part: unknown = this.#unpackr.unpack(bytes, bounds as object);
    nativeTexts.note(part, end - start);
    return part;
  }

  /** The names of the structures that the pool has now, by their numbers. */
  structures(): readonly (readonly string[])[] {
    return this.#structures.load();
  }

  /** Uses the structures that the pool has now. */
  updateStructures(): void {
    this.#structures.update();
  }

  /** Adds no structures any more, for ever: some may have been lost. */
  closeStructures(): void {
    this.#structures.close();
  }

  /** msgpackr remembers whose value it has decoded last, and so this codec. */
  letGo(): void {
    this.#structures.letGo();
  }
}

/**
 * Whether so many bytes are a text, and nothing else, of which a call of the runtime makes a string
 * in a fourth to two thirds of msgpackr's time. Longer ones msgpackr decodes as fast, or faster.
 */
function isSlicedText(head: number | undefined, next: number | undefined, length: number): boolean {
  if (head === TEXT_8) return next === length - 2;
  const bytes = length - 1;
  return bytes >= SLICED_BYTES_MIN && bytes <= FIXED_TEXT_BYTES_MAX && head === FIXED_TEXT + bytes;
}

function refusal(error: unknown, value: unknown): DinomoError {
  if (error instanceof DinomoError) return error;
  const rule = "value must be data that every runtime can read back";
  if (!(error instanceof Unstorable)) {
    const reason = error instanceof Error ? error.message : String(error);
    return new InvalidValueError(`${rule}, got ${describe(value)} (${reason})`, { cause: error });
  }
  const { part, reason } = error;
  const path = part === undefined ? "value" : pathTo(value, part);
  const found = path === undefined ? `a part of value ${reason}` : `${path} ${reason}`;
  return new InvalidValueError(`${rule}, but ${found}`);
}
