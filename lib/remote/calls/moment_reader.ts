/**
 * Reads keys as of one moment, for another process: see store/reads/consistent_reads.ts.
 *
 * @module
 */
import { InvalidArgumentError } from "../../core/errors.ts";
import { KeyEncoder, keyOf } from "../../core/key_encoder.ts";
import { CONSISTENT_KEYS_MAX, MOMENT_BYTES_MAX, PAGE_BYTES } from "../../core/limits.ts";
import { loopTurn } from "../../platform/loop_turn.ts";
import type { DirectPool } from "../../store/parts/used_pool.ts";
import { lookUntilFound, NearMoment } from "../../store/reads/consistent_reads.ts";
import { decodeEntries, EntryListWriter } from "../../wire/entry_list.ts";

/**
 * Reads the keys of a list; the items are lists of what was found, in its order, with the values
 * that are wanted. A key that does not exist has version 0.
 *
 * @throws {UnavailableError} when there was no such moment for two seconds
 * @throws {ValueTooLargeError} when the values have too many bytes together
 */
export async function* readMoment(
  { pool, reader }: DirectPool,
  list: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const asked = decodeEntries(list);
  if (asked.length > CONSISTENT_KEYS_MAX) {
    throw new InvalidArgumentError(`keys must be at most ${CONSISTENT_KEYS_MAX}`);
  }
  const keys = asked.map(({ key }) => keyOf(key));
  const encoder = new KeyEncoder(...pool.hashKey, pool.keyTypes);
  const moment = new NearMoment(pool, reader, encoder, MOMENT_BYTES_MAX);
  const found = await lookUntilFound((number) => {
    signal.throwIfAborted();
    return moment.look(keys, number);
  });
  let answer = new EntryListWriter();
  for (const [i, { isWanted }] of asked.entries()) {
    const { bytes, version, expiresAtMs } = found[i] ?? ABSENT;
    // Its value is not needed any more when it has been sent.
    found[i] = undefined;
    encoder.encode(keys[i]!);
    answer.add(encoder, isWanted ? bytes : undefined, { version, expiresAtMs });
    if (loopTurn.count(bytes?.length ?? 0)) await loopTurn.next();
    if (answer.byteLength < PAGE_BYTES) continue;
    yield answer.bytes;
    answer = new EntryListWriter();
  }
  if (answer.count > 0) yield answer.bytes;
}

const ABSENT = { bytes: undefined, version: 0, expiresAtMs: Infinity };
