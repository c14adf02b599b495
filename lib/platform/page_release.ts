/**
 * Gives pages of shared memory back to the operating system, where the runtime lets a program call
 * it: Bun by `bun:ffi`, Deno by `Deno.dlopen` if `--allow-ffi` was given; Node has nothing for it.
 *
 * `madvise(MADV_DONTNEED)` on the private anonymous memory of a buffer: the pages are gone at once,
 * and read as zeros until they are written again. Linux only: elsewhere the call means something
 * else.
 *
 * @module
 */
import { builtin } from "./builtin.ts";
import { isGranted } from "./deno_permissions.ts";
import { process } from "./process.ts";

/** Bytes of a page. Larger ones than this are refused by the system, and stay. */
const PAGE_BYTES = 4096;
const MADV_DONTNEED = 4;
const LIBRARY = "libc.so.6";

/** Gives back so many bytes from an offset of a buffer on; false if that was refused. */
type Release = (buffer: SharedArrayBuffer, offset: number, byteLength: number) => boolean;

/** What is used of `bun:ffi`. */
interface BunFfi {
  dlopen(
    library: string,
    symbols: { readonly madvise: { readonly args: readonly string[]; readonly returns: string } },
  ): { readonly symbols: { madvise(at: number, byteLength: number, advice: number): number } };
  ptr(view: Uint8Array): number;
}

/** What is used of `Deno`. */
interface DenoFfi {
  dlopen(
    library: string,
    symbols: {
      readonly madvise: { readonly parameters: readonly string[]; readonly result: string };
    },
  ): { readonly symbols: { madvise(at: unknown, byteLength: bigint, advice: number): number } };
  readonly UnsafePointer: {
    of(view: Uint8Array): unknown;
    value(pointer: unknown): bigint | number;
    create(value: bigint): unknown;
  };
}

/** Undefined until it was asked for, null where there is no way. */
let release: Release | null | undefined;

/**
 * Gives the whole pages within a part of a buffer back to the operating system. No thread may want
 * what is in them.
 *
 * @returns how many bytes; 0 where the runtime, or the system, does not let it
 */
export function releasePages(
  buffer: SharedArrayBuffer,
  offset: number,
  byteLength: number,
): number {
  if (release === undefined) release = findRelease();
  const from = Math.ceil(offset / PAGE_BYTES) * PAGE_BYTES;
  const to = Math.floor((offset + byteLength) / PAGE_BYTES) * PAGE_BYTES;
  if (release === null || to <= from) return 0;
  return release(buffer, from, to - from) ? to - from : 0;
}

/** Whether {@linkcode releasePages} can give anything back in this thread. */
export function canReleasePages(): boolean {
  if (release === undefined) release = findRelease();
  return release !== null;
}

function findRelease(): Release | null {
  if (process.platform !== "linux") return null;
  try {
    return "Bun" in globalThis ? releaseOfBun() : "Deno" in globalThis ? releaseOfDeno() : null;
  } catch {
    // A libc of another name, or a permission that was not given.
    return null;
  }
}

function releaseOfBun(): Release {
  const require = builtin("node:module").createRequire(process.execPath);
  const { dlopen, ptr } = require("bun:ffi") as BunFfi;
  const { symbols } = dlopen(LIBRARY, {
    madvise: { args: ["ptr", "usize", "i32"], returns: "i32" },
  });
  return (buffer, offset, byteLength) => {
    const at = ptr(new Uint8Array(buffer, 0, 1)) + offset;
    return at % PAGE_BYTES === 0 && symbols.madvise(at, byteLength, MADV_DONTNEED) === 0;
  };
}

function releaseOfDeno(): Release | null {
  if (!isGranted({ name: "ffi" })) return null;
  const deno = (globalThis as unknown as { readonly Deno: DenoFfi }).Deno;
  const { symbols } = deno.dlopen(LIBRARY, {
    madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  });
  const pointers = deno.UnsafePointer;
  return (buffer, offset, byteLength) => {
    const at = BigInt(pointers.value(pointers.of(new Uint8Array(buffer, 0, 1)))) + BigInt(offset);
    if (at % BigInt(PAGE_BYTES) !== 0n) return false;
    return symbols.madvise(pointers.create(at), BigInt(byteLength), MADV_DONTNEED) === 0;
  };
}
