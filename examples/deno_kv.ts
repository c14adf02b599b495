/**
 * The interface of Deno KV on every runtime: users with an index by mail address, which are never
 * apart.
 *
 * ```sh
 * bun examples/deno_kv.ts
 * deno run -A examples/deno_kv.ts
 * npm run build && node dist/examples/deno_kv.js
 * ```
 *
 * @module
 */
import { type KvU64, openKv } from "dinomo/deno-kv";

interface User {
  readonly id: number;
  readonly name: string;
  readonly mail: string;
}

const kv = await openKv();

/** Adds a user, unless there is one with the mail address. */
async function addUser(user: User): Promise<boolean> {
  const byMail = ["users by mail", user.mail];
  const { ok } = await kv.atomic()
    .check({ key: byMail, versionstamp: null })
    .set(["users", user.id], user)
    .set(byMail, user.id)
    .sum(["count"], 1n)
    .commit();
  return ok;
}

console.log(await addUser({ id: 10, name: "Ada", mail: "ada@example.org" }));
console.log(await addUser({ id: 9, name: "Grace", mail: "grace@example.org" }));
console.log(await addUser({ id: 11, name: "Eve", mail: "ada@example.org" }));

for await (const { key, value } of kv.list<User>({ prefix: ["users"] })) {
  console.log(key.join(" "), value.name);
}
const id = await kv.get<number>(["users by mail", "grace@example.org"]);
const count = await kv.get<KvU64>(["count"]);
console.log(`grace is ${id.value}, of ${count.value?.value} users`);
await kv.close();
