/**
 * Branded numbers: a pool address, a slot and a segment id are all plain numbers at run time, and
 * mixing them up is the most likely mistake of this code base, so the type checker keeps them
 * apart.
 *
 * @module
 */

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** A position in the pool in units of 8 bytes, held as an int32; 0 means "no record". */
export type PoolAddress = Branded<"PoolAddress">;
/** One of the 4096 hash partitions, the unit of ownership: `hash >>> 20`. */
export type Slot = Branded<"Slot">;
/** Index of a segment in the segment table. */
export type SegmentId = Branded<"SegmentId">;
/** Number of an indirection cell, 0 to 63; see routing/cells.ts. */
export type CellId = Branded<"CellId">;
/** Number of an index bucket (64 bytes each); 0 means "no bucket". */
export type BucketId = Branded<"BucketId">;
/** Identity of a KN, 0 to 1023; not reused while an earlier holder of it may still run. */
export type NodeId = Branded<"NodeId">;
/** A word of the owner table: ownership version, owning KN and flags. See routing/ownership.ts. */
export type OwnerWord = Branded<"OwnerWord">;

/** The address that stands for "no record". */
export const NO_ADDRESS = 0 as PoolAddress;
/** The segment id that stands for "no segment". */
export const NO_SEGMENT = -1 as SegmentId;
/** The bucket number that stands for "no bucket". */
export const NO_BUCKET = 0 as BucketId;
