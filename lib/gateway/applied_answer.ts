/**
 * What is answered to a request that was applied by a host which could not say so.
 *
 * @module
 */
import { resultsOf } from "../rings/commit_words.ts";
import { Operation, operationOf, REQUEST_OPERATION, Status } from "../rings/ring_layout.ts";
import { type Answer, numberCount } from "./request_frames.ts";
import { contentOf } from "./session_evidence.ts";
import type { Verdict } from "./session_verdicts.ts";

/**
 * The answer; undefined if the request was not applied.
 *
 * @param words of the request, as it was sent
 * @param number of the request, the first of its numbers
 * @param verdicts by their numbers
 */
export function appliedAnswer(
  words: Int32Array,
  number: number,
  verdicts: ReadonlyMap<number, Verdict>,
): Answer | undefined {
  if (operationOf(words[REQUEST_OPERATION]!) === Operation.ATOMIC) {
    return commitAnswer(words, number, verdicts);
  }
  const verdict = verdicts.get(number);
  if (verdict === undefined) return undefined;
  const { version, stored, expiresAtMs } = verdict;
  const derivation = { number: stored, expiresAtMs };
  const content = contentOf(words, { status: Status.OK, version, derivation });
  return answerOf(number, version, content);
}

/** A commit is made if any of its keys was changed; of the others no version is told. */
function commitAnswer(
  words: Int32Array,
  first: number,
  verdicts: ReadonlyMap<number, Verdict>,
): Answer | undefined {
  const versions = Array.from(
    { length: numberCount(words, 0) },
    (_, i) => verdicts.get(first + i)?.version ?? 0,
  );
  if (versions.every((version) => version === 0)) return undefined;
  const results = new Int32Array(resultsOf(words, 0).length / 4);
  versions.forEach((version, i) =>
    results.set([version | 0, Math.floor(version / 2 ** 32)], 2 * i)
  );
  return answerOf(first, 0, new Uint8Array(results.buffer));
}

function answerOf(number: number, version: number, content: Uint8Array): Answer {
  const versionLow = version | 0;
  const versionHigh = Math.floor(version / 2 ** 32);
  const expiresAtMs = Infinity;
  return { number, status: Status.OK, versionLow, versionHigh, expiresAtMs, content };
}
