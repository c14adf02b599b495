/**
 * The types that the keys of a store have.
 *
 * @module
 */
/** Of which type the keys of a store are: strings, bytes, or both. */
export type KeyTypes = "string" | "bytes" | "mixed";

/** The type of keys that a store has whose option `keys` is this. */
export type KeyOf<Types extends KeyTypes> = Types extends "string" ? string
  : Types extends "bytes" ? Uint8Array
  : string | Uint8Array;

/**
 * Numbers of the types, in the pool and in files; as bits, of what a key may be. 0, which pools
 * have that were made before there was a choice, is mixed.
 */
export const KEY_TYPE_NUMBERS = { string: 1, bytes: 2, mixed: 3 } as const;

/** The types with a number; undefined if there are none. */
export function keyTypesOf(number: number): KeyTypes | undefined {
  if (number === 0) return "mixed";
  const names = Object.keys(KEY_TYPE_NUMBERS) as KeyTypes[];
  return names.find((name) => KEY_TYPE_NUMBERS[name] === number);
}
