/**
 * What a request ends with that no node has answered.
 *
 * @module
 */
import { UnavailableError } from "../../core/errors.ts";
import { RESEND_MS } from "../node/requests.ts";

/** For a change that may have been made; `error` says why nobody answers any more. */
export function notKnown(
  { message: why }: { readonly message: string } = {
    message: `a node of the cluster must answer within ${RESEND_MS} ms, but none did`,
  },
): UnavailableError {
  return new UnavailableError(`${why}; the change may or may not have been made`);
}

/** For a request that no node has got. */
export function notMade(why = "there was none"): UnavailableError {
  return new UnavailableError(
    `the cluster must have a node that can be reached within ${RESEND_MS} ms, but ${why}; ` +
      "the request was not executed",
  );
}
