import { exploreTakeovers, tryTakeovers } from "./takeover_explorer.ts";
import { Random } from "./random.ts";
const put = (key = "a") => ({ kind: "put" as const, key });
const op = (kind: any, key = "a") => ({ kind, key });
const cases: any = {
  one: { scripts: [[op("put"), op("absent")]], deaths: 1, cuts: 0, checkpoints: 0, fulls: 0 },
  two: { scripts: [[op("put"), op("add"), op("delete")]], deaths: 1, cuts: 1, checkpoints: 0, fulls: 0 },
  pair: { scripts: [[op("put"), op("absent")], [op("delete"), op("add")]], deaths: 1, cuts: 0, checkpoints: 0, fulls: 0 },
};
for (const [name, b] of Object.entries(cases)) {
  const t = performance.now();
  const r = await exploreTakeovers(b as any, 40000);
  console.log(name, JSON.stringify(r), Math.round(performance.now() - t), "ms");
}
const t = performance.now();
const big: any = { scripts: [[op("put"), op("limited"), op("get"), op("put")], [op("delete"), op("add"), op("absent"), op("put","b")]], deaths: 2, cuts: 2, checkpoints: 2, fulls: 1 };
await tryTakeovers(big, new Random(1), 2000);
console.log("2000 random", Math.round(performance.now() - t));
