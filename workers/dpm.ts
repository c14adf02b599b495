/**
 * The worker module of the DPM processors' thread pool.
 *
 * @module
 */
export { runDpmTask as default } from "../lib/dpm/dpm_tasks.ts";
