/**
 * Lives in the pool at a path: makes numbered changes, some of them in atomic commits unless it is
 * far, until it is killed.
 *
 * @module
 */
import { open, type OpenOptions } from "../../../mod.ts";
import { childArguments, say } from "../child.ts";
import { changeOrdered } from "../ordered_changes.ts";

const { next, ...options } = childArguments<OpenOptions<number> & { next: number }>();
const store = await open<number>(options);
for (let number = next;; number++) {
  await changeOrdered(store, number, options);
  say(number);
}
