/**
 * Where worker code is: the one place that knows.
 *
 * Run from sources, the workers are files beside `lib/`, with the extension of this very module
 * (`.ts` from sources, `.js` in a build). A bundle has no such files; then the `workers` option of
 * `open` names them.
 *
 * @module
 */

/** URLs of the worker modules. */
export interface WorkerUrls {
  /** The module that runs a KN. @default `workers/kn` beside the library */
  readonly node: string | URL;
  /**
   * The module that runs the tasks of a DPM processor. @default `workers/dpm` beside the library
   */
  readonly dpm: string | URL;
}

/** The worker modules beside this library. */
export function defaultWorkerUrls(): WorkerUrls {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return {
    node: new URL(`../../workers/kn.${extension}`, import.meta.url),
    dpm: new URL(`../../workers/dpm.${extension}`, import.meta.url),
  };
}
