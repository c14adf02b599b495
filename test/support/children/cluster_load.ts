/**
 * A process that uses a cluster together with others, and checks every answer, until it is told to
 * end: see ../cluster/chaos/.
 *
 * @module
 */
import { open } from "../../../mod.ts";
import { CheckedLoad } from "../checked_load.ts";
import { childArguments } from "../child.ts";
import { type ClusterLoadOptions, UNWRITTEN } from "../load_messages.ts";
import { connectBy } from "../loopback.ts";

/** Registers at one time, and how long they are used: histories stay short. */
const REGISTERS = 3;
const REGISTER_MS = 4000;

let calls = 0;
async function useRegister(load: CheckedLoad, round: number): Promise<void> {
  const { store, id } = load;
  const key = `register ${Math.floor(Date.now() / REGISTER_MS)} ${round % REGISTERS}`;
  const number = ++calls;
  const isRead = (round + id) % 2 === 0;
  const input = isRead ? 0 : number * 4096 + id + 1;
  load.say({ kind: "called", number, key, input, atMs: Date.now() });
  const output = isRead
    ? await store.get(key) ?? UNWRITTEN
    : await store.put(key, input).then(() => 0);
  load.say({ kind: "returned", number, output: load.answered(output), atMs: Date.now() });
}

const { cluster, id, host } = childArguments<ClusterLoadOptions>();
if (host !== undefined) connectBy(host);
const load = new CheckedLoad(await open<number>({ cluster }), id, {
  gapMsMin: 100,
  mayReadAhead: false,
  goneCodes: ["DINOMO_UNAVAILABLE"],
  more: (of, round) => [useRegister(of, 2 * round), useRegister(of, 2 * round + 1)],
});
await load.run();
