/**
 * The inspector's page of a cluster, in a browser: it shows all nodes, and what each has to do.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ClusterOptions, open } from "dinomo";
import { serveInspector } from "dinomo/inspector";
import { NatsServers } from "../support/cluster/nats_servers.ts";
import {
  assertFits,
  countColours,
  keepBusy,
  openPage,
  tile,
  useBrowser,
  waitForColour,
  waitForFigure,
} from "../support/inspector_page.ts";

useBrowser();
let servers: NatsServers;
let cluster: ClusterOptions;
test.before(async () => {
  servers = await NatsServers.start(1);
  cluster = { servers: servers.urls, name: "shop", leaseMs: 2000 };
});
test.after(() => servers?.stop());

test("it shows the nodes of a cluster, their slots, and what each is asked for", async () => {
  const store = await open<number>({ cluster: { ...cluster, node: 0 } });
  const other = await open<number>({ cluster: { ...cluster, node: 1 } });
  try {
    await using _ = keepBusy(async (i) => {
      await store.put(`busy:${i % 50}`, i);
      await store.getMany([`busy:${i % 30}`, `busy:${i % 50}`]);
    });
    await using inspector = await serveInspector(store, { writable: true });
    await using opened = await openPage(inspector.url);
    const { page } = opened;
    for (const label of ["keys", "writes a second", "reads a second", "cached by nodes"]) {
      await waitForFigure(page, label);
    }
    assert.match(await tile(page, "of reads need no server").textContent() ?? "", /^\d+ %$/);
    const rows = page.locator("#nodes tr");
    await page.locator("#nodes tr:nth-child(2)").waitFor();
    assert.equal(await rows.locator("td:first-child").allTextContents(), [
      `node 0 this process${store.stats().cluster!.nodes[0]!.address}`,
      `node 1${store.stats().cluster!.nodes[1]!.address}`,
    ]);
    for (const row of await rows.all()) {
      await row.locator("td:nth-child(3)").filter({ hasText: /[1-9]/ }).waitFor();
      await row.locator("td:nth-child(7)").filter({ hasText: /^[01]\.\d s$/ }).waitFor();
    }
    const slots = await rows.locator("td:nth-child(2)").allTextContents();
    assert.is(slots.reduce((sum, count) => sum + Number(count), 0), 4096);
    assert.is(await countColours(page, "slots"), 2);
    assert.equal(await page.locator("#lines span:not(.swatch)").allTextContents(), [
      "node 0",
      "node 1",
    ]);
    await waitForColour(page, "operations", "--writes");
    await waitForColour(page, "operations", "--reads");
    assert.ok(await countColours(page, "latency") > 3, "a line for each node");
    for (const id of ["#scaling", "#log"]) {
      assert.not.ok(await page.locator(id).isVisible(), id);
    }
    await page.locator("#prefix").fill("busy:4");
    await page.locator("#prefix").press("Enter");
    await page.locator("#found").filter({ hasText: "11 keys" }).waitFor();
    await page.getByRole("button", { name: "busy:47" }).click();
    await page.locator("#about").filter({ hasText: /^version \d+$/ }).waitFor();
    await other.close();
    await page.locator("#nodes tr:nth-child(2)").waitFor({ state: "detached" });
    assert.is(await countColours(page, "slots"), 1);
    assert.equal(opened.complaints, []);
  } finally {
    await other.close();
    await store.close();
  }
});

test("it fits narrow and wide windows, light and dark", async () => {
  const stores = [];
  try {
    for (const node of [0, 1, 2]) {
      stores.push(await open<number>({ cluster: { ...cluster, node } }));
    }
    await stores[0]!.put("k".repeat(300), 1);
    await using inspector = await serveInspector(stores[0]!);
    await assertFits(inspector.url, async (page) => {
      await page.locator("#nodes tr:nth-child(3)").waitFor();
      await page.getByRole("button", { name: "kkk" }).waitFor();
    });
  } finally {
    for (const store of stores) await store.close();
  }
});

test.run();
