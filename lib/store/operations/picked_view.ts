/**
 * Views of parts of values: their types, and what reads them.
 *
 * @module
 */
import type { Key } from "../../core/key_encoder.ts";
import { ReadOperations } from "./read_operations.ts";

/** What has no parts: it is picked as it is. */
export type WithoutParts =
  | string
  | number
  | bigint
  | boolean
  | symbol
  | null
  | undefined
  | readonly unknown[]
  | Date
  | RegExp
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ArrayBuffer
  | ArrayBufferView;

/**
 * The paths of parts of a value: names of properties, with dots between those of objects in
 * objects. From the fifth name on they are not checked, as those of a type that contains itself
 * have no end.
 *
 * @typeParam V the type of the value
 * @typeParam Checked one element for each name behind the first that is checked
 */
export type PathOf<V, Checked extends readonly unknown[] = [2, 3, 4]> = unknown extends V ? string
  : V extends WithoutParts ? never
  : {
    [N in keyof V & string]-?: N extends `${string}.${string}` ? never
      : V[N] extends (...parameters: never) => unknown ? never
      : N | `${N}.${Checked extends [unknown, ...infer Rest] ? PathOf<V[N], Rest> : string}`;
  }[keyof V & string];

/**
 * What is picked of a value.
 *
 * @typeParam V the type of the value
 * @typeParam P the paths of the parts
 */
export type Picked<V, P extends string> = unknown extends V ? V
  : V extends WithoutParts ? V
  : string extends keyof V ? {
      [N in P extends `${infer First}.${string}` ? First : P]?: N extends P ? V[string & keyof V]
        : Picked<V[string & keyof V], P extends `${N}.${infer Rest}` ? Rest : never>;
    }
  : {
    [N in keyof V as N extends (P extends `${infer First}.${string}` ? First : P) ? N : never]:
      N extends P ? V[N]
        : Picked<V[N], P extends `${N & string}.${infer Rest}` ? Rest : never>;
  };

/**
 * Parts of the values of a store, see {@linkcode StoreOperations.pick}.
 *
 * @typeParam V the type of what is picked
 * @typeParam K the type of the keys
 */
export class PickedView<V, K extends Key = string> extends ReadOperations<V, K> {}
