/**
 * Order of plain loads and stores around atomic ones.
 *
 * `Atomics` are sequentially consistent among themselves. x86-64 delays no load past a later one
 * and no store past a later one, and the compilers of V8 and JSC move nothing across an `Atomics`
 * operation. Other processors may, so there a read-modify-write of a private word stands between.
 *
 * @module
 */
import { process } from "./process.ts";

/** Whether plain accesses can pass atomic ones on this processor. */
export const NEEDS_FENCE: boolean = !["x64", "ia32"].includes(process.arch);

const word = new Int32Array(1);

/** Keeps accesses of this thread before it from being delayed past those behind it. */
export function fence(): void {
  if (NEEDS_FENCE) Atomics.add(word, 0, 0);
}
