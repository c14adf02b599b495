/**
 * What opens a pool at a path, as one module that is loaded on demand: files and checksums take 10
 * MiB, which a store without a path need not spend, and each module takes its time.
 *
 * @module
 */
export { resolve } from "node:path";
export { nodeFileSystem } from "../../persistence/file_system.ts";
export { heldFiles } from "../../persistence/held_files.ts";
export { assertNoLostCheckpoint } from "../../persistence/lost_checkpoint.ts";
export { startLog } from "../../persistence/open_log.ts";
export { withPathErrors } from "../../persistence/path_error.ts";
export { createPoolDirectory, inspectPoolDirectory } from "../../persistence/pool_directory.ts";
export { PoolLock } from "../../persistence/pool_lock.ts";
