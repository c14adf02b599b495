/**
 * The msgpack structures of a pool that another process has open: read by requests, and known here
 * as they were read last.
 *
 * A structure is stored before the first value that needs it. So a value that needs one which is
 * not known here can be decoded when they have been read again: {@linkcode decodeWhole} does that.
 * Encoding does not wait: an object whose structure is not known is written without one, and the
 * structure is stored meanwhile, for the next ones.
 *
 * @module
 */
import { ReadCompletion } from "../far/client/routed_reads.ts";
import { PutCompletion } from "../client/completions.ts";
import { type StructureStore, withNames } from "../codec/shared_structures.ts";
import { KeyEncoder } from "../core/key_encoder.ts";
import type { RemoteClient } from "../gateway/remote_client.ts";
import { Condition } from "../rings/ring_layout.ts";

/** Structures as JSON text in one record. */
export class RemoteStructures implements StructureStore {
  /** Whether they have been looked at since this was set to false. */
  wasAsked = false;
  readonly #client: RemoteClient;
  readonly #key: KeyEncoder;
  readonly #onChange: () => void;
  #stored: { readonly json: string; readonly version: number } | undefined;
  /** The reading that has begun last, which never fails, and the one that is to begin. */
  #reading: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #wanted: (readonly string[])[] = [];
  #isSaving = false;

  /** Knows none yet; `onChange` is called when there are new ones. */
  constructor(client: RemoteClient, hashKey: readonly [number, number], onChange: () => void) {
    this.#client = client;
    this.#onChange = onChange;
    this.#key = new KeyEncoder(...hashKey);
    this.#key.encodeSystemKey();
  }

  load(): { readonly json: string; readonly version: number } | undefined {
    this.wasAsked = true;
    return this.#stored;
  }

  save(): boolean {
    // Those that are wanted are saved later.
    return false;
  }

  saveLater(names: readonly string[]): void {
    this.#wanted.push(names);
    if (this.#isSaving) return;
    this.#isSaving = true;
    // What cannot be saved now is wanted again by the next object that has it.
    void this.#saveWanted().catch(() => {}).finally(() => this.#isSaving = false);
  }

  /** Reads them again: a reading that has begun before may not have what is needed now. */
  refresh(): Promise<void> {
    return this.#next ??= this.#reading.then(() => {
      this.#next = undefined;
      const reading = this.#read();
      this.#reading = reading.catch(() => {});
      return reading;
    });
  }

  /** Reads them again, while this thread blocks. */
  refreshSync(): void {
    const read = new ReadCompletion(this.#client.carrier);
    this.#client.get(this.#key, true, read);
    this.#client.waitFor(read);
    this.#take(read);
  }

  async #read(): Promise<void> {
    this.#take(
      await new Promise<ReadCompletion>((resolve) => {
        this.#client.get(this.#key, true, new ReadCompletion(this.#client.carrier, resolve));
      }),
    );
  }

  #take(read: ReadCompletion): void {
    if (read.error) throw read.error;
    const { value } = read;
    if (value?.version === this.#stored?.version) return;
    this.#stored = value && { json: textOf(value.bytes), version: value.version };
    this.#onChange();
  }

  async #saveWanted(): Promise<void> {
    while (this.#wanted.length > 0) {
      await this.refresh();
      const json = withNames(this.#stored?.json, this.#wanted);
      if (json === undefined) {
        this.#wanted = [];
        return;
      }
      await this.#put(json);
    }
  }

  /** Stores them, unless another process or thread has been faster. */
  #put(json: string): Promise<number | undefined> {
    const bytes = new TextEncoder().encode(json);
    const version = this.#stored?.version;
    const condition = version === undefined ? Condition.ABSENT : Condition.VERSION;
    const value = { bytes, start: 0, end: bytes.length };
    const completion = new PutCompletion<number | undefined>();
    // Values that need a structure must not outlive it.
    this.#client.put(this.#key, value, Infinity, condition, version ?? 0, completion, true);
    return completion.promise;
  }
}

/** Decodes what needs structures that may not be known here: at once, or when they are read. */
export function decodeWhole<Result>(
  structures: RemoteStructures | undefined,
  decode: () => Result,
): Result | Promise<Result> {
  const whole = decodeKnown(structures, decode);
  return whole === UNKNOWN ? structures!.refresh().then(decode) : whole;
}

/** The same while this thread blocks. */
export function decodeWholeSync<Result>(
  structures: RemoteStructures | undefined,
  decode: () => Result,
): Result {
  const whole = decodeKnown(structures, decode);
  if (whole !== UNKNOWN) return whole;
  structures!.refreshSync();
  return decode();
}

const UNKNOWN = Symbol("needs structures that are not known here");

function decodeKnown<Result>(
  structures: RemoteStructures | undefined,
  decode: () => Result,
): Result | typeof UNKNOWN {
  if (structures === undefined) return decode();
  structures.wasAsked = false;
  try {
    const result = decode();
    if (!structures.wasAsked) return result;
  } catch (error) {
    if (!structures.wasAsked) throw error;
  }
  return UNKNOWN;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
