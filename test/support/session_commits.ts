/**
 * Atomic commits in the name of a session: each of their entries has a number of its own.
 *
 * @module
 */
import { nameRequest } from "../../lib/client/request_writer.ts";
import { outcomeOf } from "../../lib/gateway/session_evidence.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { commitHeadWords, entryCount } from "../../lib/rings/commit_words.ts";
import { REQUEST_LENGTH } from "../../lib/rings/ring_layout.ts";

/**
 * What became of a commit: the versions of its keys, 0 for those that it has left as they were;
 * undefined if it was not applied, or has changed nothing.
 *
 * @param first number of its first entry
 * @param count how many entries it has
 */
export function commitOutcomeOf(
  pool: Pool,
  session: number,
  first: number,
  count: number,
): readonly number[] | undefined {
  const versions = Array.from(
    { length: count },
    (_, i) => outcomeOf(pool, session, first + i)?.version ?? 0,
  );
  return versions.some((version) => version !== 0) ? versions : undefined;
}

/** Names the entries of a commit that is to be issued, from one number on; returns the next one. */
export function nameCommit(words: Int32Array, session: number, first: number): number {
  const count = entryCount(words, 0);
  let at = commitHeadWords(count);
  for (let entry = 0; entry < count; entry++) {
    nameRequest(words, at, session, first + entry);
    at += words[at + REQUEST_LENGTH]!;
  }
  return first + count;
}
