/**
 * Reads of one moment in another process than the one that has the pool.
 *
 * @module
 */
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import type { Found } from "../../store/reads/consistent_reads.ts";
import { FrameError } from "../../wire/frame.ts";
import { decodeEntries, EntryListWriter } from "../../wire/entry_list.ts";
import type { RemoteCalls } from "../remote_calls.ts";

/** A key to be read. */
export interface WantedKey {
  readonly key: Key;
  /** Whether its value is wanted, too, and not its version only. */
  readonly withValue: boolean;
}

const NO_BYTES = new Uint8Array(0);

/**
 * Reads keys as of one moment within the call; for a key whose value is not wanted, that is empty.
 *
 * @param encoder of the keys; used in the call
 * @throws {UnavailableError} when there was no such moment for two seconds
 * @throws {ValueTooLargeError} when the values have too many bytes together
 */
export async function readAtOneMoment(
  calls: RemoteCalls,
  keys: readonly WantedKey[],
  encoder: KeyEncoder,
  signal?: AbortSignal,
): Promise<Found[]> {
  const list = new EntryListWriter();
  for (const { key, withValue } of keys) {
    encoder.encode(key);
    list.add(encoder, undefined, { isWanted: withValue });
  }
  const items = await calls.read({ op: "moment" }, list.bytes, signal);
  const found = items.flatMap(decodeEntries);
  if (found.length !== keys.length) {
    throw new FrameError("an answer must have the keys of the call");
  }
  return found.map(({ version, expiresAtMs, value }) =>
    version === 0 ? undefined : { version, expiresAtMs, bytes: value ?? NO_BYTES }
  );
}
