/**
 * Stores the lines of a dump, many at a time.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { DinomoError, InvalidValueError, PoolFullError } from "../core/errors.ts";
import type { Key } from "../core/key_encoder.ts";
import { KEY_TYPE_NUMBERS } from "../core/key_types.ts";
import type { CodecName } from "../persistence/checkpoint_layout.ts";
import { epochMs } from "../platform/runtime.ts";
import type { Store } from "../store/store.ts";
import { type DumpLine, parseDumpLine } from "./dump_line.ts";
import { BadDataError, messageOf } from "./exit_codes.ts";
import type { Line } from "./line_reader.ts";

/** Lines, and characters of them, that are stored together. */
const BATCH_LINES = 512;
const BATCH_CHARS = 4 * 1024 * 1024;

type Numbered = DumpLine & { readonly number: number };

/** Stores lines in a new store. */
export class RestoreWriter {
  /** Lines whose key had expired. */
  expiredCount = 0;
  /** Types of the keys that were stored, as bits of `KEY_TYPE_NUMBERS`. */
  keyTypes = 0;
  readonly #store: Store<unknown, Key>;
  readonly #codec: CodecName;
  #batch: Numbered[] = [];
  #chars = 0;

  /** Stores lines in a store with that codec. */
  constructor(store: Store<unknown, Key>, codec: CodecName) {
    this.#store = store;
    this.#codec = codec;
  }

  /**
   * Takes a line; stores it with the others of its batch.
   *
   * @throws {BadDataError} with the number of a line that is not one of a dump, or cannot be stored
   * @throws {PoolFullError} when the capacity is too small
   */
  async add({ number, text }: Line): Promise<void> {
    const line = atLine(number, () => this.#parse(text));
    if (line.expiresAtMs <= epochMs()) this.expiredCount += 1;
    else this.#push({ ...line, number });
    this.#chars += text.length;
    if (this.#batch.length >= BATCH_LINES || this.#chars >= BATCH_CHARS) await this.flush();
  }

  /** Stores what has been added and was not stored yet. */
  async flush(): Promise<void> {
    let lines = this.#batch;
    this.#batch = [];
    this.#chars = 0;
    while (lines.length > 0) {
      await this.#put(lines);
      lines = this.#misdated(lines);
    }
  }

  #push(line: Numbered): void {
    this.#batch.push(line);
    this.keyTypes |= KEY_TYPE_NUMBERS[typeof line.key === "string" ? "string" : "bytes"];
  }

  #parse(text: string): DumpLine {
    const line = parseDumpLine(text);
    const needsBytes = this.#codec === "binary" || this.#codec === "custom";
    if (needsBytes && !(line.value instanceof Uint8Array)) {
      throw new BadDataError(
        `its value must be { "$bytes": base64 } with the codec "${this.#codec}"`,
      );
    }
    // JSON.stringify would make something else of it, without a word.
    if (this.#codec === "json" && line.foreignTag !== undefined) {
      throw new InvalidValueError(
        `value must be representable as JSON with the codec "json", got "${line.foreignTag}"`,
      );
    }
    return line;
  }

  /** Issues all puts before it waits for the first. */
  async #put(lines: readonly Numbered[]): Promise<void> {
    const puts = lines.map(({ key, value, expiresAtMs }) => {
      if (expiresAtMs === Infinity) return this.#store.put(key, value);
      // At least one, for a key that expires at this very moment.
      const ttl = Math.max(1, expiresAtMs - epochMs());
      return this.#store.put(key, value, { ttl });
    });
    const outcomes = await Promise.allSettled(puts);
    outcomes.forEach((outcome, i) => {
      if (outcome.status === "rejected") {
        atLine(lines[i].number, () => {
          throw outcome.reason;
        });
      }
    });
  }

  /**
   * The lines whose expiry time is not exactly what they say: a put takes a duration, and the clock
   * may tick between computing and using it. Of two lines with one key only the later one counts.
   */
  #misdated(lines: readonly Numbered[]): Numbered[] {
    const last = new Map<string, Numbered>();
    for (const line of lines) last.set(Buffer.from(line.key).toString("latin1"), line);
    return [...last.values()].filter(({ key, expiresAtMs }) => {
      if (expiresAtMs === Infinity || expiresAtMs <= epochMs()) return false;
      const entry = this.#store.getEntrySync(key);
      return entry !== undefined && entry.expiresAt !== expiresAtMs;
    });
  }
}

/** Adds the number of a line to what is wrong with it. */
function atLine<Result>(number: number, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    const isAboutData = error instanceof BadDataError ||
      (error instanceof DinomoError && DATA_CODES.has(error.code));
    if (isAboutData) {
      throw new BadDataError(`line ${number}: ${messageOf(error)}`, { cause: error });
    }
    if (error instanceof PoolFullError) {
      throw new PoolFullError(`line ${number}: the capacity must be larger: ${error.message}`);
    }
    throw error;
  }
}

const DATA_CODES: ReadonlySet<string> = new Set([
  "DINOMO_INVALID_KEY",
  "DINOMO_INVALID_VALUE",
  "DINOMO_VALUE_TOO_LARGE",
]);
