/**
 * What a store of a cluster refuses: the table is in docs/cluster.md.
 *
 * @module
 */
import { NotInClusterError } from "../../core/cluster_errors.ts";

/**
 * The error of a method that a cluster does not have.
 *
 * @param instead what there is in its place
 */
export function notInCluster(method: string, instead: string): NotInClusterError {
  return new NotInClusterError(
    `${method} must be called on a store of one machine, got a call on one of a cluster: ${instead}`,
  );
}

/** The error of a method that would block this thread. */
export function notBlocking(method: string): NotInClusterError {
  const twin = method.replace("Sync", "");
  return notInCluster(method, `nodes are asked by the event loop, await ${twin} instead`);
}
