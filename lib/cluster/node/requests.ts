/**
 * What a node of a cluster is asked, and what it answers.
 *
 * @module
 */

/** A change of one key. */
export type Change =
  | { readonly kind: "put"; readonly value: Uint8Array }
  | { readonly kind: "delete" }
  | {
    readonly kind: "compareAndSet";
    /** Undefined: only if the key is absent. */
    readonly version: number | undefined;
    readonly value: Uint8Array;
  };

/** What has become of a change. */
export type WriteOutcome =
  /** It will not be lost. */
  | { readonly status: "written"; readonly version: number }
  /** There was nothing to delete, or the condition did not hold. */
  | { readonly status: "unmet" }
  /** It was not made, and will not be: this node does not own the key now, or has too much to do. */
  | { readonly status: "refused" }
  /** It was made, or will be, or neither. */
  | { readonly status: "unknown" };

/** What a read has found. */
export type ReadAnswer =
  | {
    readonly status: "found";
    /** Undefined: the key is absent. */
    readonly value: Uint8Array | undefined;
    /** 0 if the key is absent. */
    readonly version: number;
  }
  /** This node does not own the key now. */
  | { readonly status: "refused" };
