/**
 * What is answered to a request that was applied by a host before, from what its record says.
 *
 * @module
 */
import { RECORD_META, valueWord } from "../log/record_layout.ts";
import { DERIVATION_BYTES, DerivationWords } from "../rings/derivation_words.ts";
import {
  Operation,
  operationOf,
  REQUEST_OPERATION,
  REQUEST_RECORD,
} from "../rings/ring_layout.ts";
import type { Derivation } from "./session_evidence.ts";

const NOTHING = new Uint8Array(0);

/**
 * What is answered to a request with the outcome that it had, in the place of what its KN would have
 * left there: for an addition the number before it, which with the addend makes the sum.
 *
 * @param request as it was sent
 */
export function contentOf(request: Int32Array, { number, expiresAtMs }: Derivation): Uint8Array {
  const operation = operationOf(request[REQUEST_OPERATION]!);
  if (operation !== Operation.ADD && operation !== Operation.TOUCH) return NOTHING;
  const answered = request.slice();
  if (operation === Operation.ADD) {
    const asked = new DerivationWords();
    asked.read(request, REQUEST_RECORD);
    asked.leave(answered, REQUEST_RECORD, numberBefore(asked, number), expiresAtMs);
  }
  const at = REQUEST_RECORD + valueWord(request[REQUEST_RECORD + RECORD_META]!);
  return new Uint8Array(answered.buffer, at * 4, DERIVATION_BYTES);
}

/** A number of which one addition makes a sum; one that was there may differ in its last bit. */
function numberBefore(asked: DerivationWords, sum: number): number {
  return sum - asked.sumAfter(0);
}
