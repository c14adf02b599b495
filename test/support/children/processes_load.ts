/**
 * A process that uses a pool together with others, and checks every answer, until it is told to
 * end: see ../processes_chaos.ts.
 *
 * @module
 */
import { open } from "../../../mod.ts";
import { CheckedLoad } from "../checked_load.ts";
import { childArguments } from "../child.ts";
import type { ProcessLoadOptions } from "../load_messages.ts";

let page: number | null = null;
let pages = 0;
async function commitOwn(load: CheckedLoad): Promise<void> {
  const { store, id } = load;
  const keys = [`page ${id}`, `leaves ${id}`];
  const commit = store.atomic().check(keys[0]!, page).put(keys[0]!, pages + 1).increment(keys[1]!);
  const made = load.answered(await commit.commit());
  load.check(made !== null, `commit ${pages + 1} found what it had not made`);
  if (made === null) return;
  page = made.versions[0]!;
  pages += 1;
  const read = await store.getMany(keys, { consistent: true });
  load.check(read[0] === pages && read[1] === pages, `commit ${pages} has left ${read}`);
}

/** What one account has more the other one has less, at each moment. */
async function moveBetweenAccounts(load: CheckedLoad): Promise<void> {
  await load.store.transaction(async (tx) => {
    const [from, to] = [await tx.get("account 1") ?? 0, await tx.get("account 2") ?? 0];
    load.check(from === -to, `the accounts have ${from} and ${to}`);
    tx.put("account 1", from - 1);
    tx.put("account 2", to + 1);
  });
  load.answered(undefined);
}

const { path, id } = childArguments<ProcessLoadOptions>();
// Some of the next hosts have read ahead, and some have not.
const standby = id % 2 === 1 ? { refreshMs: 50 } : false;
const store = await open<number>({ path, processes: true, standby, capacity: "256MiB" });
const load = new CheckedLoad(store, id, {
  gapMsMin: 50,
  mayReadAhead: true,
  goneCodes: [],
  more: (of) => [commitOwn(of), moveBetweenAccounts(of)],
});
await load.run();
