/**
 * Durable queues on a store of Dinomo: at least once, with leases, retries, delays and dead
 * letters, for producers and consumers in all threads.
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 * import { Queue } from "dinomo/queue";
 *
 * await using store = await open({ capacity: "64MiB", ordered: true });
 * const queue = new Queue<string>(store, "greetings");
 * await queue.add("hello");
 * for await (const job of queue.jobs()) {
 *   console.log(job.value); // hello
 *   await job.ack();
 *   break;
 * }
 * ```
 *
 * @module
 */
export { Job } from "./job.ts";
export {
  type DeadLetter,
  type JobCommit,
  Queue,
  type QueueCounts,
  type QueueStore,
} from "./queue.ts";
export type { AddOptions, JobsOptions, ProcessOptions, QueueOptions } from "./queue_options.ts";
