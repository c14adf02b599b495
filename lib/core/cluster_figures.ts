/**
 * Figures of a node of a cluster.
 *
 * @module
 */

/**
 * What the node of this process has done since it began. A round trip (RT) is one to the servers.
 * Reads are those that requests have asked for, also to decide about a change, each once; those
 * that go through keys, of iterations and for what has expired, are in `roundTrips` only.
 */
export interface ClusterNodeStats {
  /** Reads of keys whose value was in its cache: no round trip. */
  readonly valueHits: number;
  /** Reads of keys whose address was known: one. */
  readonly shortcutHits: number;
  /** Reads that went through the index: two. */
  readonly misses: number;
  /** Reads of keys that are absent, as the node knew: none. */
  readonly absent: number;
  /**
   * Reads of its keys that threads have answered themselves, from copies that it has lent them, as
   * they have said since.
   */
  readonly copiedReads: number;
  /** Round trips of all of these reads. */
  readonly readRoundTrips: number;
  /** Changes that were written. */
  readonly changes: number;
  /** Round trips by which they were: those that wait together are written together. */
  readonly changeRoundTrips: number;
  /** All round trips but those of changes: of reads, of going through keys, to keep the index. */
  readonly roundTrips: number;
  /** Bytes of cached values and addresses, at most what `cluster.cache` says. */
  readonly cacheBytes: number;
  /** About how much memory changed keys take until they are in the index. */
  readonly unmergedBytes: number;
}

/** What a node has to do. */
export interface NodeLoad {
  /** Requests in a second. */
  readonly perSecond: number;
  /** Sequence of the last command that changed owners by which it serves all its slots; 0: none. */
  readonly map: number;
}

/** What nodes have to do, by their numbers. */
export type NodeLoads = ReadonlyMap<number, NodeLoad>;

/** What a node answers when it is asked about itself. */
export interface NodeFigures {
  readonly served: ClusterNodeStats;
  /** About how many keys there are in its slots. */
  readonly keys: number;
  /** How long it may answer if its lease is not renewed, in milliseconds. */
  readonly leaseLeftMs: number;
}

/** A node of a picture. */
export interface PicturedNode {
  readonly node: number;
  readonly slots: number;
  readonly address: string | undefined;
  /** As it has said in its last renewal; undefined before it has said it. */
  readonly requestsPerSecond: number | undefined;
  /** Undefined if it has not answered. */
  readonly figures: NodeFigures | undefined;
}

/** A cluster at about one moment. */
export interface ClusterPicture {
  /** Owner of each slot, -1: none. */
  readonly owners: Int32Array;
  readonly nodes: readonly PicturedNode[];
}
