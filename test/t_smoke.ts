import { open } from "../mod.ts";
import { Fault, FaultOrders } from "./support/faults.ts";
const EXT = import.meta.url.endsWith(".ts") ? "ts" : "js";
const node = new URL(`./support/workers/mortal_kn.${EXT}`, import.meta.url);
const durability = (globalThis as any).process.argv[2] ?? "memory";
const seed = Number((globalThis as any).process.argv[3] ?? 1);
let x = seed;
const rnd = (n: number) => {
  x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
  return (x >>> 8) % n;
};
const store = await open<number>({
  capacity: "2MiB",
  segmentBytes: "16KiB",
  nodes: 2,
  workers: { node },
  help: rnd(2) === 0,
  ...(durability === "memory"
    ? {}
    : { path: `/tmp/smoke-${Math.random()}`, durability: durability as any }),
});
const orders = new FaultOrders(store.share());
let recovered = 0;
const failed: string[] = [];
store.addEventListener("nodefailed", (e) => {
  failed.push(e.detail.reason);
});
store.addEventListener("noderecovered", () => {
  recovered++;
});
const model = new Map<string, number>();
let n = 0;
const t0 = performance.now();
let worst = 0;
const kinds = [Fault.THROW, Fault.EXIT, Fault.STALL];
const rounds = Number((globalThis as any).process.argv[4] ?? 20);
for (let round = 0; round < rounds; round++) {
  const agents = orders.agents;
  const agent = agents[rnd(agents.length)]!;
  const kind = kinds[rnd(10) === 0 ? 2 : rnd(2)]!;
  orders.give(agent, kind, 1 + rnd(400), 1500);
  const until = performance.now() + 120 + rnd(100);
  const before = recovered;
  while (performance.now() < until || recovered === before && performance.now() < until + 3000) {
    const batch: Promise<void>[] = [];
    const t = performance.now();
    for (let i = 0; i < 60; i++) {
      const k = `k${rnd(300)}`;
      const v = ++n;
      if (rnd(5) === 0) {
        model.delete(k);
        batch.push(store.delete(k).then(() => {}));
      } else {
        model.set(k, v);
        batch.push(store.put(k, v));
      }
    }
    await Promise.all(batch);
    worst = Math.max(worst, performance.now() - t);
    await new Promise((r) => setTimeout(r, 1));
  }
  for (let i = 0; i < 300; i++) {
    const got = store.getSync(`k${i}`);
    if (got !== model.get(`k${i}`)) {
      console.log("MISMATCH", round, i, got, model.get(`k${i}`));
      (globalThis as any).process.exit(1);
    }
  }
}
console.log(
  "ok",
  durability,
  "n",
  n,
  "failed",
  failed.length,
  "recovered",
  recovered,
  "worst",
  worst | 0,
  "ms",
  (performance.now() - t0) | 0,
  store.stats().zombies,
  store.stats().segments,
  store.stats().liveBytes,
);
const counts: Record<string, number> = {};
for (const f of failed) counts[f] = (counts[f] ?? 0) + 1;
console.log(counts);
await store.close();
console.log("closed");
