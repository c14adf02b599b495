/**
 * The mixes of operations of the paper's evaluation.
 *
 * @module
 */

/** The kinds of operation. */
export const OperationKind = { READ: 0, UPDATE: 1, INSERT: 2 } as const;
export type OperationKind = (typeof OperationKind)[keyof typeof OperationKind];

/** Reads, and a share of something else. */
export interface Mix {
  readonly id: string;
  readonly title: string;
  readonly writeShare: number;
  readonly write: OperationKind;
}

export const MIXES = [
  { id: "read-only", title: "read only", writeShare: 0, write: OperationKind.UPDATE },
  { id: "update-5", title: "95/5 update", writeShare: 0.05, write: OperationKind.UPDATE },
  { id: "update-50", title: "50/50 update", writeShare: 0.5, write: OperationKind.UPDATE },
  { id: "insert-5", title: "95/5 insert", writeShare: 0.05, write: OperationKind.INSERT },
  { id: "insert-50", title: "50/50 insert", writeShare: 0.5, write: OperationKind.INSERT },
] as const satisfies readonly Mix[];

export type MixId = (typeof MIXES)[number]["id"];

/** The mix of a name. */
export function mixOf(id: MixId): Mix {
  return MIXES.find((mix) => mix.id === id)!;
}
