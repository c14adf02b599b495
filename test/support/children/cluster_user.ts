/**
 * A process that has opened a store of a cluster: it says who owns what when it is asked, and
 * closes the store when it is to end.
 *
 * @module
 */
import { childArguments, heard, say } from "../child.ts";
import { openSmall } from "../cluster/small_memory.ts";
import type { ClusterUserReads, ClusterUserRequest } from "../cluster/cluster_user.ts";
import type { ToldArguments } from "../cluster/told_process.ts";

const { cluster } = childArguments<ToldArguments>();
const store = await openSmall<number>(cluster);
say({ kind: "open" });
const counted = { increments: 0 };
const IN_FLIGHT = 64;

async function read(key: string, count: number): Promise<ClusterUserReads> {
  const copiedBefore = store.stats().cluster!.copiedReads;
  const found: number[] = [];
  for (let i = 0; i < count; i += IN_FLIGHT) {
    const values = Array.from({ length: IN_FLIGHT }, () => store.get(key));
    for (const value of await Promise.all(values)) found.push(value ?? 0);
  }
  const isOrdered = found.every((value, i) => i === 0 || value >= found[i - 1]!);
  const { copiedReads, served } = store.stats().cluster!;
  const copied = copiedReads - copiedBefore;
  return {
    first: found[0]!,
    last: found.at(-1)!,
    isOrdered,
    copied,
    served: served?.copiedReads ?? 0,
  };
}

for await (const { kind, key, count } of heard<ClusterUserRequest>()) {
  if (kind === "close") break;
  if (kind === "read") {
    say({ kind: "read", ...await read(key, count) });
    continue;
  }
  const sums = await Promise.all(Array.from({ length: count }, () => store.increment(key)));
  counted.increments += sums.length;
  say({ kind: "counted", sums });
}
const { served } = store.stats().cluster!;
await store.close();
say({ kind: "closed", served });
