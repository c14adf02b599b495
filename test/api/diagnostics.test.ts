/**
 * Events go to channels of `node:diagnostics_channel`, too.
 *
 * @module
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type StoreEventMessage } from "dinomo";

test("a subscriber hears of the events of every store of the thread", async () => {
  const heard: [store: object, node: number][] = [];
  const listen = (message: unknown) => {
    const { store, detail } = message as StoreEventMessage<"nodeadded">;
    heard.push([store, detail.node]);
  };
  subscribe("dinomo:nodeadded", listen);
  await using first = await open({ capacity: "1MiB" });
  await using second = await open({ capacity: "1MiB" });
  await first.scale(2);
  await second.scale(3);
  assert.is(heard.filter(([store]) => store === first).length, 1);
  assert.is(heard.filter(([store]) => store === second).length, 2);

  unsubscribe("dinomo:nodeadded", listen);
  await first.scale(3);
  assert.is(heard.length, 3);
});

test("listeners hear of an event before the channel does", async () => {
  await using store = await open({ capacity: "1MiB" });
  const order: string[] = [];
  const listen = () => void order.push("channel");
  subscribe("dinomo:slotsmoved", listen);
  store.addEventListener("slotsmoved", () => order.push("listener"));
  await store.scale(2);
  unsubscribe("dinomo:slotsmoved", listen);
  assert.equal(order, ["listener", "channel"]);
});

test.run();
