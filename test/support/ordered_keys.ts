/**
 * Keys of every kind, as latin-1 text with one character for each byte, so that texts have the
 * order of the bytes.
 *
 * @module
 */
import type { Random } from "./random.ts";

/** Makes a key; the number is one higher for each. */
export type KeyMaker = (random: Random, number: number) => string;

const LONGEST = 2048;
const ODD_BYTES = ["\x00", "\x01", "a", "\x7f", "\x80", "\xff"];

function oddText(random: Random, lengthMax: number): string {
  let text = "";
  for (let i = random.below(lengthMax + 1); i > 0; i--) text += random.pick(ODD_BYTES);
  return text;
}

/** The kinds. */
export const KEY_MAKERS: Readonly<Record<string, KeyMaker>> = {
  "digits": (random) => `user:${String(random.below(100_000)).padStart(8, "0")}`,
  "ever increasing": (_, number) => `event:${String(number).padStart(11, "0")}`,
  "ever decreasing": (_, number) => `event:${String(1e6 - number).padStart(11, "0")}`,
  "short, of odd bytes": (random) => oddText(random, 6),
  "prefixes of each other": (random) => "k" + "\x00".repeat(random.below(200)),
  "prefixes of each other, of 0xff": (random) => "\xff".repeat(random.below(200)),
  "long, with long beginnings in common": (random) =>
    "x".repeat(random.below(3) * 900) + random.pick(ODD_BYTES) + "y".repeat(random.below(2) * 90) +
    oddText(random, 3),
  "of 2048 bytes": (random) => {
    const end = oddText(random, 8);
    return "z".repeat(LONGEST - end.length) + end;
  },
  "of some tenants": (random) =>
    `tenant-${random.below(3)}/session/aaaaaaaaaaaaaaaaaaaaaaaa/${random.below(800)}`,
  "of everything": (random) =>
    random.next() < 0.5 ? oddText(random, 40) : "x".repeat(random.below(300)) + oddText(random, 9),
};

/** Bytes of a key. */
export function bytesOfText(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Keys in the order of their bytes. */
export function sorted(keys: Iterable<string>): string[] {
  return [...keys].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
