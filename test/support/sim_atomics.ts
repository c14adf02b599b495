/**
 * Lets a test act between two accesses to shared memory.
 *
 * The library calls `Atomics.load(...)` and the like through the global object, so replacing the functions there puts a
 * hook before and after each atomic access of an unmodified library. Everything between two hooks is plain accesses.
 *
 * @module
 */

/** Called before and after an atomic access. */
export type AtomicHook = (isWrite: boolean, isBefore: boolean) => void;

type AtomicFunction = (array: Int32Array, index: number, a?: number, b?: number) => number;

const READS = ["load"] as const;
const WRITES = ["store", "add", "sub", "exchange", "compareExchange"] as const;

const table = Atomics as unknown as Record<string, AtomicFunction>;

/** Runs `body` with `hook` around every atomic access of this thread. */
export function withAtomicHook<Result>(hook: AtomicHook, body: () => Result): Result {
  const originals = new Map<string, AtomicFunction>();
  for (const name of READS) originals.set(name, wrap(name, false, hook));
  for (const name of WRITES) originals.set(name, wrap(name, true, hook));
  try {
    return body();
  } finally {
    for (const [name, original] of originals) table[name] = original;
  }
}

function wrap(name: string, isWrite: boolean, hook: AtomicHook): AtomicFunction {
  const original = table[name]!;
  table[name] = (array, index, a, b) => {
    hook(isWrite, true);
    const result = original(array, index, a, b);
    hook(isWrite, false);
    return result;
  };
  return original;
}
