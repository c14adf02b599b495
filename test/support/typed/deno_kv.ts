/// <reference lib="deno.unstable" />
/**
 * A program that is typed against `Deno.Kv`, and is given a database of this package: Deno's type
 * checker checks it, on Deno only.
 *
 * @module
 */
import { KvU64, openKv } from "../../../lib/deno_kv/mod.ts";

interface User {
  name: string;
}

/** What an application has that knows nothing of this package. */
async function program(kv: Deno.Kv): Promise<void> {
  const key: Deno.KvKey = ["users", 1, 2n, true, new Uint8Array(1)];
  const entry: Deno.KvEntryMaybe<User> = await kv.get<User>(key, { consistency: "eventual" });
  const [one, other] = await kv.getMany<[User, number]>([key, ["count"]]);
  const set: Deno.KvCommitResult = await kv.set(key, { name: "ada" }, { expireIn: 1000 });
  await kv.set(["log", kv.commitVersionstamp()], set.versionstamp);
  const check: Deno.AtomicCheck = { key, versionstamp: entry.versionstamp };
  const mutation: Deno.KvMutation = { type: "sum", key: ["n"], value: new Deno.KvU64(1n) };
  const operation: Deno.AtomicOperation = kv.atomic().check(check, one).mutate(mutation);
  const result: Deno.KvCommitResult | Deno.KvCommitError = await operation
    .set(["a"], other.value, { expireIn: 5 }).sum(["n"], 1n).min(["n"], 1n).max(["n"], 1n)
    .delete(["b"]).enqueue("c", { delay: 5, keysIfUndelivered: [key], backoffSchedule: [1] })
    .commit();
  if (result.ok) await kv.delete(["log", result.versionstamp]);
  const selector: Deno.KvListSelector = { prefix: ["users"], start: ["users", 1] };
  const options: Deno.KvListOptions = { limit: 5, cursor: "", reverse: true, batchSize: 5 };
  const list: Deno.KvListIterator<User> = kv.list<User>(selector, options);
  for await (const { value } of list) console.log(value.name, list.cursor);
  await kv.enqueue({ to: "ada" }, { delay: 5 });
  const listening: Promise<void> = kv.listenQueue((message: { to: string }) => {
    console.log(message.to);
  });
  const watched: ReadableStream<[Deno.KvEntryMaybe<User>]> = kv.watch<[User]>([key], { raw: true });
  for await (const [user] of watched) console.log(user.value?.name);
  kv.close();
  await listening;
}

{
  using kv: Deno.Kv = await openKv();
  const number: Deno.KvU64 = new KvU64(5n);
  console.log(number.value);
  await program(kv);
}
