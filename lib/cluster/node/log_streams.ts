/**
 * Names of the streams of logs and indexes.
 *
 * @module
 */

/** The stream of a node's log. */
export function logStream(node: number): string {
  return `log-${node}`;
}

/** The stream of the index that a node writes. */
export function indexStream(node: number): string {
  return `index-${node}`;
}
