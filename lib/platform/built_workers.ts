/**
 * What the library knows of its own workers: where their files are, and their text, for where the
 * files are not.
 *
 * This is the module for the sources, and for what the compiler makes of them: the files are all
 * there is. In the published package `scripts/bundle.ts` puts another one in its place, which has
 * the texts, and names of files that no other build has: a bundle that was made of the package then
 * never starts the worker of a later one.
 *
 * @module
 */

/** One of the library's own workers. */
export type WorkerName = "node" | "dpm" | "gateway" | "cluster";

/** The text of each worker: a module that imports nothing but the runtime's own. */
export type WorkerTexts = Readonly<Record<WorkerName, string>>;

const FOLDER = "../../workers";

/** Paths of the files from here, without the extension of this very module. */
export const WORKER_FILES: Readonly<Record<WorkerName, string>> = {
  node: `${FOLDER}/kn`,
  dpm: `${FOLDER}/dpm`,
  gateway: `${FOLDER}/gateway`,
  cluster: `${FOLDER}/cluster`,
};

/** Loads the texts; undefined where there are none. */
export const loadWorkerTexts: (() => Promise<WorkerTexts>) | undefined = undefined;
