/**
 * Whether a small history of operations on several keys is strictly serializable: there is an order
 * of all operations in which each acts on all of its keys at once, answers as it did, and comes
 * after those that had returned before it was called.
 *
 * A search through all orders, after Wing and Gong (1993), which does not come to the same
 * operations with the same contents twice (Lowe, 2017). For some twenty operations.
 *
 * Every value is written once, so a commit that expects a version of a key is one that expects its
 * value.
 *
 * @module
 */

/** No value. */
export const NO_VALUE = 0;

/** An operation: a put is a commit without checks, a read one without writes. */
export interface StrictOperation {
  readonly client: number;
  readonly callAt: number;
  /** Infinity if nobody knows whether it was made. */
  readonly returnAt: number;
  /** What it has found keys to hold, at the moment at which it was made. */
  readonly reads: readonly (readonly [key: string, value: number])[];
  /** What it would find, if it was made: all of this or it changes nothing. */
  readonly checks: readonly (readonly [key: string, value: number])[];
  readonly writes: readonly (readonly [key: string, value: number])[];
  /** Whether its checks have held. */
  readonly isMade: boolean;
}

type Contents = ReadonlyMap<string, number>;

/** Whether there is such an order. */
export function isStrictlySerializable(operations: readonly StrictOperation[]): boolean {
  if (operations.length > 30) throw new Error(`a small history, got ${operations.length}`);
  const seen = new Set<string>();
  const all = operations.reduce(
    (mask, { returnAt }, i) => returnAt === Infinity ? mask : mask | (1 << i),
    0,
  );
  const search = (done: number, contents: Contents): boolean => {
    if ((done & all) === all) return true;
    const state = `${done} ${[...contents].sort().join(" ")}`;
    if (seen.has(state)) return false;
    seen.add(state);
    // What is called after one has returned that is not done cannot be next.
    const endAt = Math.min(
      ...operations.map(({ returnAt }, i) => (done >>> i & 1) === 1 ? Infinity : returnAt),
    );
    return operations.some((operation, i) => {
      if ((done >>> i & 1) === 1 || operation.callAt > endAt) return false;
      const next = after(operation, contents);
      return next !== undefined && search(done | (1 << i), next);
    });
  };
  return search(0, new Map());
}

/** The contents after an operation; undefined if it would have answered otherwise. */
function after(
  { reads, checks, writes, isMade, returnAt }: StrictOperation,
  contents: Contents,
): Contents | undefined {
  const holds = ([key, value]: readonly [string, number]) =>
    (contents.get(key) ?? NO_VALUE) === value;
  if (!reads.every(holds)) return undefined;
  const hasHeld = checks.every(holds);
  if (returnAt !== Infinity && hasHeld !== isMade) return undefined;
  if (!hasHeld || writes.length === 0) return contents;
  const next = new Map(contents);
  for (const [key, value] of writes) {
    if (value === NO_VALUE) next.delete(key);
    else next.set(key, value);
  }
  return next;
}

/** Shows a history, an operation a line. */
export function renderStrict(operations: readonly StrictOperation[]): string {
  return [...operations].sort((one, other) => one.callAt - other.callAt).map((operation) => {
    const { client, callAt, returnAt, reads, checks, writes, isMade } = operation;
    const list = (pairs: StrictOperation["reads"]) =>
      pairs.map((pair) => pair.join("=")).join(", ");
    return `${callAt}-${returnAt} client ${client}: read ${list(reads)}; ` +
      `check ${list(checks)}; write ${list(writes)}: ${isMade}`;
  }).join("\n");
}
