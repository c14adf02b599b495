/**
 * A queue of jobs: an order and its mail are stored together or not at all, two workers send the
 * mails, one of them fails at first.
 *
 * ```sh
 * bun examples/queue.ts
 * deno run -A examples/queue.ts
 * npm run build && node dist/examples/queue.js
 * ```
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "dinomo";
import { Queue } from "dinomo/queue";

interface Mail {
  readonly to: string;
  readonly text: string;
}

const path = mkdtempSync(join(tmpdir(), "dinomo-queue-"));
const store = await open({ path, capacity: "64MiB", ordered: true });
const mails = new Queue<Mail>(store, "mails", { attempts: 2, backoffMs: 10 });

for (const customer of ["ada", "grace", "edsger"]) {
  const order = store.atomic().put(`order:${customer}`, { customer, paid: true });
  mails.addTo(order, { to: customer, text: "your order is on its way" });
  await order.commit();
}
await mails.add({ to: "nobody", text: "this will never arrive" });
console.log("jobs:", (await mails.counts()).jobs);

const sent: string[] = [];
const done = new AbortController();
const sending = mails.process(({ value: { to }, attempts }) => {
  if (to === "nobody") throw new Error("no such mailbox");
  if (to === "grace" && attempts === 1) throw new Error("try again");
  sent.push(to);
}, { concurrency: 2, signal: done.signal });

while ((await mails.counts()).jobs > 0) await new Promise((resolve) => setTimeout(resolve, 5));
done.abort();
await sending;
console.log("sent:", sent.sort().join(", "));
for await (const { value, attempts, reason } of mails.deadLetters()) {
  console.log("given up:", value.to, "after", attempts, "attempts:", reason);
}
await store.close();
rmSync(path, { recursive: true });
