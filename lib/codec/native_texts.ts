/**
 * Loads msgpackr's native decoder of texts, where there is one, in a thread whose values are worth
 * it.
 *
 * msgpackr decodes texts of 32 to 64 bytes in JavaScript, one unit after the other, for which its
 * native decoder takes a half to a third of the time; what is longer than that the runtime decodes.
 * On Bun that takes half as long as the native decoder, so there it is not loaded for values that
 * have such texts. The first values that a thread decodes decide.
 *
 * To load it takes 10 MiB, and the time in which a MiB of values is decoded without.
 *
 * @module
 */
import { isGranted, type Permission } from "../platform/deno_permissions.ts";

/** Values from this size on may have texts of 32 bytes and more. */
const COUNTED_BYTES_MIN = 36;
/** How much of what counts is decoded before it is decided. */
const COUNTED_BYTES = 64 * 1024;
/** UTF-16 units of texts from which the runtime decodes them. */
const LONG_TEXT = 65;
/** How deep in a value texts are looked at. */
const DEPTH_MAX = 3;

/** What loading it takes on Deno. */
const PERMISSIONS: readonly Permission[] = [
  { name: "ffi" },
  { name: "env" },
  { name: "read", path: "/" },
];

/** Decides whether the native decoder is worth it, for one thread. */
export class NativeTexts {
  readonly #load: () => void;
  readonly #hasFastLongTexts: boolean;
  /** Whether nothing counts any more. */
  #isDecided = false;
  #countedBytes = 0;
  /** Of these, what is in values that the native decoder decodes sooner. */
  #fasterBytes = 0;

  /**
   * @param load called once, if at all
   * @param hasFastLongTexts whether the runtime decodes long texts sooner than the native decoder
   */
  constructor(load: () => void, hasFastLongTexts: boolean) {
    this.#load = load;
    this.#hasFastLongTexts = hasFastLongTexts;
  }

  /** Notes that a value of some bytes was decoded. */
  note(value: unknown, length: number): void {
    if (this.#isDecided || length < COUNTED_BYTES_MIN) return;
    this.#countedBytes += length;
    const isSlower = this.#hasFastLongTexts && hasLongText(value, DEPTH_MAX);
    if (!isSlower) this.#fasterBytes += length;
    if (this.#countedBytes < COUNTED_BYTES) return;
    this.#isDecided = true;
    if (2 * this.#fasterBytes > this.#countedBytes) this.#load();
  }
}

function hasLongText(value: unknown, depth: number): boolean {
  if (typeof value === "string") return value.length >= LONG_TEXT;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return false;
  return depth > 0 && Object.values(value).some((part) => hasLongText(part, depth - 1));
}

/**
 * Of this thread. The main module of msgpackr installs the decoder into the module that is used
 * here; until it is loaded, and where it cannot be, texts are decoded in JavaScript.
 */
export const nativeTexts = new NativeTexts(() => {
  if (PERMISSIONS.every(isGranted)) import("msgpackr").catch(() => {});
}, "Bun" in globalThis);
