/**
 * What is measured of Keyv: each version on a `Map` and on Dinomo, with and without serialization.
 *
 * "Alone" is the adapter for Keyv 6 alone. "Least" is an adapter whose `set` does what none can do
 * without (least_put.ts), in one function.
 *
 * @module
 */
import Keyv5 from "keyv";
import Keyv6 from "keyv6";
import { Keyv6Dinomo, KeyvDinomo } from "../../lib/adapters/keyv.ts";
import type { OpenOptions } from "../../mod.ts";
import { LeastPuts } from "./least_put.ts";

/** What all versions of Keyv have. */
export interface AnyKeyv {
  set(key: string, value: unknown): Promise<unknown>;
  get(key: string): Promise<unknown>;
  disconnect(): Promise<void>;
}

/** An adapter whose `set` does what none can do without. */
class LeastDinomo extends KeyvDinomo {
  readonly #puts = new LeastPuts();

  override set(key: string, value: unknown): Promise<boolean> {
    return this.#puts.set(key, value as string);
  }
}

/** The same for Keyv 6 alone. */
class LeastDinomo6 extends Keyv6Dinomo {
  readonly #puts = new LeastPuts();

  override set(key: string, value: unknown): Promise<boolean> {
    return this.#puts.set(key, value as string);
  }
}

/** Keyv as an application makes it; its types know neither all adapters nor "no serialization". */
const keyv5 = (store: unknown, options: object = {}): AnyKeyv =>
  new Keyv5({ store, ...options } as never);
const keyv6 = (store: unknown, options: object = {}): AnyKeyv =>
  new Keyv6({ store, ...options } as never) as never;
const PLAIN_5 = { serialize: undefined, deserialize: undefined };
const PLAIN_6 = { serialization: false };

/** What makes each of them, by its name; on Dinomo with a store of its own of these options. */
export const SUBJECTS: ReadonlyMap<string, (options: OpenOptions) => AnyKeyv> = new Map<
  string,
  (options: OpenOptions) => AnyKeyv
>([
  ["5, Map", () => keyv5(new Map())],
  ["5, Map, plain", () => keyv5(new Map(), PLAIN_5)],
  ["5, Dinomo", (options) => keyv5(new KeyvDinomo(options))],
  ["5, Dinomo, plain", (options) => keyv5(new KeyvDinomo(options), PLAIN_5)],
  ["5, least", (options) => keyv5(new LeastDinomo(options))],
  ["6, Map", () => keyv6(new Map())],
  ["6, Map, plain", () => keyv6(new Map(), PLAIN_6)],
  ["6, Dinomo", (options) => keyv6(new KeyvDinomo(options))],
  ["6, Dinomo, plain", (options) => keyv6(new KeyvDinomo(options), PLAIN_6)],
  ["6, least", (options) => keyv6(new LeastDinomo(options))],
  ["6 alone, Dinomo", (options) => keyv6(new Keyv6Dinomo(options))],
  ["6 alone, Dinomo, plain", (options) => keyv6(new Keyv6Dinomo(options), PLAIN_6)],
  ["6 alone, least", (options) => keyv6(new LeastDinomo6(options))],
]);
