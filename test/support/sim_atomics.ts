/**
 * Lets a test act between two accesses to shared memory.
 *
 * The library calls `Atomics.load(...)` and the like through the global object, so replacing the
 * functions there puts a hook before and after each atomic access of an unmodified library.
 * Everything between two hooks is plain accesses.
 *
 * @module
 */

/** What a test does at accesses to shared memory. */
export interface AtomicHooks {
  /** Called before and after an atomic access to a word. */
  readonly onAccess: (isWrite: boolean, array: Int32Array, index: number) => void;
  /**
   * Called instead of `Atomics.wait`: where a thread would sleep, the test goes on with something
   * else.
   */
  readonly onWait?: (array: Int32Array, index: number, value: number) => void;
  /** Called instead of `Atomics.notify`. */
  readonly onNotify?: (array: Int32Array, index: number) => void;
}

type AtomicFunction = (array: Int32Array, index: number, a?: number, b?: number) => number;

const WRITES = ["store", "add", "sub", "and", "or", "exchange", "compareExchange"];

const table = Atomics as unknown as Record<string, unknown>;

/**
 * Puts hooks around every atomic access of this thread, for good.
 *
 * @returns what puts the original functions back
 */
export function hookAtomics(hooks: AtomicHooks): () => void {
  const originals = new Map(
    ["load", ...WRITES, "wait", "notify"].map((name) => [name, table[name]]),
  );
  for (const name of ["load", ...WRITES]) {
    const original = table[name] as AtomicFunction;
    const isWrite = name !== "load";
    table[name] = (array: Int32Array, index: number, a?: number, b?: number) => {
      hooks.onAccess(isWrite, array, index);
      const result = original(array, index, a, b);
      hooks.onAccess(isWrite, array, index);
      return result;
    };
  }
  return () => {
    for (const [name, original] of originals) table[name] = original;
  };
}

/** Runs `body` with hooks around every atomic access of this thread. */
export function withAtomicHooks<Result>(hooks: AtomicHooks, body: () => Result): Result {
  const restore = hookAtomics(hooks);
  table["wait"] = (array: Int32Array, index: number, value: number) => {
    hooks.onWait?.(array, index, value);
    return "timed-out";
  };
  table["notify"] = (array: Int32Array, index: number) => {
    hooks.onNotify?.(array, index);
    return 0;
  };
  try {
    return body();
  } finally {
    restore();
  }
}
