/**
 * Random bits that nobody can guess.
 *
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";
import { process } from "./process.ts";

/** The kernel's generator, which Web Crypto draws from, too. */
const KERNEL_FILE = "/dev/urandom";
const isLinuxNode = !("Deno" in globalThis) && process.versions.bun === undefined &&
  process.platform === "linux";

/**
 * Fills an array with random bits. On Node the first use of Web Crypto loads all of it, for 3 ms;
 * to ask the kernel takes a tenth of that.
 */
export function fillRandomly<View extends Uint8Array | Int32Array>(view: View): View {
  if (!isLinuxNode || !readFromKernel(view)) {
    crypto.getRandomValues(view as Uint8Array<ArrayBuffer>);
  }
  return view;
}

/** False where the file is not there, or may not be read. */
function readFromKernel(view: Uint8Array | Int32Array): boolean {
  let file: number | undefined;
  try {
    file = openSync(KERNEL_FILE, "r");
    return readSync(file, view, 0, view.byteLength, null) === view.byteLength;
  } catch {
    return false;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
