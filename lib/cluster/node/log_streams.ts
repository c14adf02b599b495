/**
 * Names of the streams of logs.
 *
 * @module
 */

/** The stream of a node's log. */
export function logStream(node: number): string {
  return `log-${node}`;
}
