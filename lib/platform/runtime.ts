/**
 * The runtime's clocks, timers and event loop, as they were before a test framework replaced them.
 *
 * Fake timers (jest, vitest, sinon, `node:test`, Deno's FakeTime) stand still until a test moves
 * them. A store works with threads that they do not know of: with them, an awaited write would
 * never end, and a record would be expired in one thread and fresh in another. So everything in
 * `lib/` takes time from here, and here it comes from what fakes do not reach:
 *
 * - Functions are taken when this module is loaded, which usually is before there are fakes.
 * - Where they are fakes already, the `scheduler` of the runtime and the clock of a new realm stand
 *   in. What cannot be undone, a module `node:timers/promises` that was replaced as a whole, is out
 *   of reach.
 * - Bun's own fakes are below JavaScript: they stop functions taken earlier, too, but neither
 *   another realm's clock, nor immediates, nor `Atomics.waitAsync`.
 *
 * @module
 */
import type { Performance } from "node:perf_hooks";
import { setImmediate, setTimeout } from "node:timers";
import { clearInterval, clearTimeout, setInterval } from "node:timers";
import { scheduler } from "node:timers/promises";
import { builtin } from "./builtin.ts";

/** Something that happens later. */
export interface Timer {
  /** It does not happen any more. */
  stop(): void;
}

/** How a timer behaves. */
export interface TimerOptions {
  /** Whether it happens again and again. @default false */
  readonly isRepeated?: boolean;
  /** Whether the process waits for it. @default true */
  readonly keepsAlive?: boolean;
}

/** Bun's own fakes are a state of its native functions, which shows as a property of this one. */
const isBunsOwn = "Bun" in globalThis && isNative(setTimeout);

/** `util.promisify.custom`; the module of that takes Bun longer to load than all others here. */
const PROMISIFIED = Symbol.for("nodejs.util.promisify.custom");

/** Whether fakes came first: sinon's have a clock as a property, others lack the promised form. */
const hadFakes = !isBunsOwn && ("clock" in setTimeout || !(PROMISIFIED in setTimeout));

const wait: (ms: number, options: { ref: boolean; signal: AbortSignal }) => Promise<void> =
  scheduler.wait.bind(scheduler);
const yieldTurn = scheduler.yield.bind(scheduler);

/**
 * The time in milliseconds since the epoch: the clock that decides in every thread what has
 * expired. A realm of its own has a `Date` that was never replaced; making one takes up to two
 * milliseconds, so the first call does it.
 */
export const epochMs: () => number = "Bun" in globalThis || !isNative(Date.now)
  ? () => (realmMs ??= makeRealmClock())()
  : Date.now;
let realmMs: (() => number) | undefined;

/** The class of realms, where a runtime has it: Bun. */
interface RealmGlobal {
  ShadowRealm?: new () => { evaluate(code: string): unknown };
}

/** To load `node:vm` and make a realm by it takes Bun four times as long. */
function makeRealmClock(): () => number {
  const code = "() => Date.now()";
  const { ShadowRealm: Realm } = globalThis as RealmGlobal;
  const clock = Realm === undefined || !isNative(Realm)
    ? builtin("node:vm").runInNewContext(code)
    : new Realm().evaluate(code);
  return clock as () => number;
}

/** A monotonic clock in milliseconds. */
export const monotonicMs: () => number = makeMonotonic();

/** What a microtask follows: a promise of the language, which fakes leave alone. */
const settled = (async () => {})();

/** Runs a task at the end of the tick. */
export function runMicrotask(task: () => void): void {
  void settled.then(task);
}

/** Runs a task in the next turn of the event loop, for which the process waits. */
export const runNextTurn: (task: () => void) => void = hadFakes
  ? (task) => void yieldTurn().then(task)
  : setImmediate;

/** Resolves in the next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => runNextTurn(resolve));
}

/** Runs a task after some milliseconds. */
export function startTimer(task: () => void, ms: number, options: TimerOptions = {}): Timer {
  const { isRepeated = false, keepsAlive = true } = options;
  if (hadFakes || isFakedByBun()) return new WaitingTimer(task, ms, isRepeated, keepsAlive);
  const timer = isRepeated ? setInterval(task, ms) : setTimeout(task, ms);
  if (!keepsAlive) timer.unref();
  return { stop: () => isRepeated ? clearInterval(timer) : clearTimeout(timer) };
}

/** Far enough away never to come. */
const NEVER_MS = 2 ** 30;

/**
 * Keeps the process alive, or lets it end. One handle is used again and again: making a timer for
 * each wait takes up to 4 µs, as much as a request.
 */
export class ProcessHold {
  #handle: ReturnType<typeof setInterval> | undefined;
  /** Where the runtime's timers are fakes. */
  #timer: Timer | undefined;
  #isHeld = false;

  /** Keeps it alive until {@linkcode release}. */
  hold(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    if (hadFakes) this.#timer = startTimer(() => {}, NEVER_MS, { isRepeated: true });
    else if (this.#handle === undefined) this.#handle = setInterval(() => {}, NEVER_MS);
    else this.#handle.ref();
  }

  /** Lets it end. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#timer?.stop();
    this.#handle?.unref();
  }

  /** Lets it end, and lets go of the handle. */
  end(): void {
    this.release();
    clearInterval(this.#handle);
    this.#handle = undefined;
  }
}

/** How {@linkcode sleep} waits. */
export interface SleepOptions {
  /** Whether the process waits for it. @default true */
  readonly keepsAlive?: boolean;
  /** Ends it early when it is aborted. */
  readonly signal?: AbortSignal;
}

/** Resolves after some milliseconds. */
export function sleep(ms: number, options: SleepOptions = {}): Promise<void> {
  const { signal } = options;
  return new Promise((resolve) => {
    const end = () => {
      timer.stop();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = startTimer(end, ms, options);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}

/** A timer where the runtime's are fakes. */
class WaitingTimer implements Timer {
  readonly #end = new AbortController();

  constructor(task: () => void, ms: number, isRepeated: boolean, keepsAlive: boolean) {
    void this.#run(task, ms, isRepeated, keepsAlive);
  }

  stop(): void {
    this.#end.abort();
  }

  async #run(task: () => void, ms: number, isRepeated: boolean, keepsAlive: boolean) {
    const { signal } = this.#end;
    do {
      if (hadFakes) await wait(ms, { ref: keepsAlive, signal }).catch(() => {});
      else await waitBelow(ms);
      if (!signal.aborted) task();
    } while (isRepeated && !signal.aborted);
  }
}

/** A word that never changes. It lives as long as the module: something may always wait for it. */
const never = new Int32Array(new SharedArrayBuffer(4));

/** Waits by the means of shared memory. */
async function waitBelow(ms: number): Promise<void> {
  await Atomics.waitAsync(never, 0, 0, ms).value;
}

/** Whether Bun's own fakes are on. */
function isFakedByBun(): boolean {
  return isBunsOwn && "clock" in setTimeout;
}

function makeMonotonic(): () => number {
  const performance = findPerformance();
  const now = realNow(performance);
  const originMs = now === undefined ? epochMs() : performance.timeOrigin;
  const sinceOriginMs = () => epochMs() - originMs;
  if (now === undefined) return sinceOriginMs;
  return isBunsOwn ? () => isFakedByBun() ? sinceOriginMs() : now() : now;
}

/**
 * Bun loads `node:perf_hooks` for more than a millisecond, and has the same object as a global one,
 * if that was not replaced.
 */
function findPerformance(): Performance {
  const { performance: found } = globalThis as unknown as { performance?: Performance };
  const isKnown = "Bun" in globalThis && isNative(found?.now);
  return isKnown ? found! : builtin("node:perf_hooks").performance;
}

/**
 * `performance.now`, unless it is a fake: the prototype's refuses an object that is not its own.
 */
function realNow(performance: Performance): (() => number) | undefined {
  const inherited = Object.getPrototypeOf(performance)?.now;
  if (typeof inherited !== "function") {
    return isNative(performance.now) ? performance.now.bind(performance) : undefined;
  }
  const now: () => number = inherited.bind(performance);
  try {
    now();
    return now;
  } catch {
    return undefined;
  }
}

function isNative(f: unknown): boolean {
  return Function.prototype.toString.call(f).includes("[native code]");
}
