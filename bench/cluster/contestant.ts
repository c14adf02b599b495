/**
 * What takes part in the comparison of clusters.
 *
 * @module
 */

/** A key-value store. */
export interface Contestant {
  readonly name: string;
  get(key: string): Promise<unknown>;
  put(key: string, value: string): Promise<unknown>;
  close(): Promise<void>;
}
