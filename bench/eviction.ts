/**
 * Measures a store that evicts under the runtime that runs this file: hit ratios beside lru-cache
 * and S3-FIFO, and throughput beside a store that is not full.
 *
 * ```sh
 * bun bench/eviction.ts
 * node dist/bench/eviction.js --only throughput --redis
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { describeEnvironment } from "./environment.ts";
import { formatHits, measureHits } from "./eviction/hits.ts";
import { measureThroughput } from "./eviction/throughput.ts";
import { EVICTION_TRACES } from "./eviction/traces.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    only: { type: "string" },
    reads: { type: "string", default: "1000000" },
    keys: { type: "string", default: "100000" },
    seed: { type: "string", default: "42" },
    repetitions: { type: "string", default: "5" },
    redis: { type: "boolean", default: false },
  },
});
const { runtime, runtimeVersion, coreCount, loadAverage } = describeEnvironment();
console.log(
  `${runtime} ${runtimeVersion}, ${coreCount} processors, load ${loadAverage.toFixed(1)}\n`,
);
if (values.only !== "throughput") {
  const ratios = await measureHits({
    traces: EVICTION_TRACES,
    keyCount: Number(values.keys),
    readCount: Number(values.reads),
    cacheShare: 0.1,
    seed: Number(values.seed),
  });
  console.log(formatHits(ratios) + "\n");
}
if (values.only !== "hits") {
  for (const putShare of [0.05, 0.2, 0.5]) {
    const { full, roomy, redis, ratio, evicted } = await measureThroughput({
      threadCount: 4,
      keyCount: 100_000,
      valueBytes: 500,
      putShare,
      ms: 500,
      repetitionCount: Number(values.repetitions),
      withRedis: values.redis,
    });
    console.log(
      `4 threads, ${100 * putShare} % puts: full ${Math.round(full / 1000)} k/s, ` +
        `with room ${Math.round(roomy / 1000)} k/s, ratio ${ratio.toFixed(2)}, ${evicted} evicted` +
        (redis === 0
          ? ""
          : `; Redis ${Math.round(redis / 1000)} k/s, ${(full / redis).toFixed(1)}x`),
    );
  }
}
