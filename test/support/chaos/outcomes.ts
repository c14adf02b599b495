/**
 * What a rejected operation says about the change that it was to make.
 *
 * @module
 */
import {
  NodeFailedError,
  PoolFullError,
  StoreClosedError,
  UnavailableError,
} from "../../../mod.ts";

/** Whether the change was certainly not made, or nobody knows. */
export type RefusalOutcome = "refused" | "unknown";

/**
 * Tells one from the other.
 *
 * @param evicts whether the store drops records when it is full: then it is never too full for a
 * put
 * @throws the error itself, when no operation may end in it
 */
export function outcomeOf(error: unknown, evicts: boolean): RefusalOutcome {
  if (error instanceof PoolFullError && !evicts) return "refused";
  if (error instanceof UnavailableError) {
    return error.message.endsWith("was not made") ? "refused" : "unknown";
  }
  if (error instanceof NodeFailedError || error instanceof StoreClosedError) return "unknown";
  throw error;
}
