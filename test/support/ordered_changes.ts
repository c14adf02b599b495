/**
 * Numbered changes of a few keys, and what a pool holds after so many of them: each adds,
 * overwrites or deletes keys, alone or in one atomic commit.
 *
 * @module
 */
import type { OpenOptions, Store } from "../../mod.ts";

const KEY_COUNT = 97;
/** Its product with numbers visits the keys in no order. */
const STRIDE = 41;
/** Every how many changes one is a commit. */
const COMMIT_EVERY = 3;

interface NumberedChange {
  readonly puts: readonly string[];
  readonly deletes: readonly string[];
}

function keyAt(number: number): string {
  return `key ${100 + (number * STRIDE) % KEY_COUNT}`;
}

function changeOf(number: number): NumberedChange {
  if (number % COMMIT_EVERY === 0) {
    return { puts: [keyAt(number), keyAt(number + 1)], deletes: [keyAt(number + 50)] };
  }
  return number % 4 === 1
    ? { puts: [], deletes: [keyAt(number)] }
    : { puts: [keyAt(number)], deletes: [] };
}

/** Makes a change; in a far pool, which has no commits, one key after the other. */
export async function changeOrdered(
  store: Store<number>,
  number: number,
  { placement }: Pick<OpenOptions<number>, "placement">,
): Promise<void> {
  const { puts, deletes } = changeOf(number);
  if (placement === "far") {
    for (const key of puts) await store.put(key, number);
    for (const key of deletes) await store.delete(key);
  } else if (number % COMMIT_EVERY === 0) {
    const commit = store.atomic();
    for (const key of puts) commit.put(key, number);
    for (const key of deletes) commit.delete(key);
    await commit.commit();
  } else if (puts.length > 0) await store.put(puts[0]!, number);
  else await store.delete(deletes[0]!);
}

/** What there is after so many changes, in the order of the keys. */
export function entriesAfter(count: number): [string, number][] {
  const entries = new Map<string, number>();
  for (let number = 0; number < count; number++) {
    const { puts, deletes } = changeOf(number);
    for (const key of puts) entries.set(key, number);
    for (const key of deletes) entries.delete(key);
  }
  return [...entries].sort(([one], [other]) => one < other ? -1 : 1);
}
