/**
 * The inspector's page in a browser: what it shows of a store, and what it lets a reader do.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, type Store } from "dinomo";
import { serveInspector } from "dinomo/inspector";
import { findBrowser } from "../support/browser.ts";
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

interface User {
  readonly name: string;
}

useBrowser();

async function openStore(nodes = 1): Promise<Store<User>> {
  const store = await open<User>({ capacity: "4MiB", nodes, statistics: true, ordered: true });
  for (let i = 0; i < 30; i++) await store.put(`user:${i}`, { name: `Ada ${i}` });
  return store;
}

test("it shows the KNs, their slots, and what changes under load", async () => {
  await using store = await openStore(2);
  await using inspector = await serveInspector(store);
  await using _ = keepBusy(async (pass) => {
    for (let i = 20 * pass; i < 20 * (pass + 1); i++) {
      await store.put(`busy:${i % 50}`, { name: "busy" });
      await store.getMany([`user:${i % 30}`, `user:${i % 50}`]);
    }
  });
  await using opened = await openPage(inspector.url);
  const { page } = opened;
  for (const label of ["keys", "writes a second", "reads a second", "mean of writes"]) {
    await waitForFigure(page, label);
  }
  assert.match(await tile(page, "of reads find a key").textContent() ?? "", /^\d+ %$/);
  assert.is(await page.locator("#nodes tr").count(), 2);
  assert.is(await countColours(page, "slots"), 2);
  const [first, second] = await page.locator("#nodes td:nth-child(2)").allTextContents();
  assert.is(Number(first) + Number(second), 4096);
  const third = page.locator("#nodes tr:nth-child(3)");
  await store.scale(3);
  await third.waitFor();
  assert.is(await countColours(page, "slots"), 3);
  // A line takes three samples.
  await waitForColour(page, "operations", "--writes");
  await waitForColour(page, "operations", "--reads");
  await page.locator("#states").filter({ hasText: /open [1-9]/ }).waitFor();
  assert.ok(await countColours(page, "segments") > 2, "segments are drawn by what is in them");
  assert.equal(opened.complaints, []);
});

test("without the token it shows nothing of the store", async () => {
  await using store = await openStore();
  await using inspector = await serveInspector(store, { writable: true });
  for (const url of [inspector.url.split("#")[0]!, inspector.url.slice(0, -1)]) {
    await using opened = await openPage(url);
    const { page } = opened;
    await page.locator("#message").filter({ hasText: "no answer" }).waitFor();
    await page.locator("#found").filter({ hasText: "token" }).waitFor();
    assert.is(await page.locator(".tile, #nodes tr, #keys li").count(), 0);
    assert.not.ok(await page.locator("#scaling").isVisible());
    // The browser itself says that it was refused; nothing else has gone wrong.
    assert.ok(opened.complaints.every((text) => / 401 /.test(text)), opened.complaints.join("\n"));
  }
});

test("it finds keys by what they begin with, and shows a value", async () => {
  await using store = await openStore();
  await using inspector = await serveInspector(store);
  await using opened = await openPage(inspector.url);
  const { page } = opened;
  await page.locator("#found").filter({ hasText: "30 keys" }).waitFor();
  await page.locator("#prefix").fill("user:2");
  await page.locator("#prefix").press("Enter");
  await page.locator("#found").filter({ hasText: "11 keys" }).waitFor();
  const keys = await page.locator("#keys button").allTextContents();
  assert.equal(keys, ["user:2", ...Array.from({ length: 10 }, (_, i) => `user:2${i}`)]);
  await page.getByRole("button", { name: "user:27" }).click();
  await page.locator("#value").filter({ hasText: "{ name: 'Ada 27' }" }).waitFor();
  assert.match(await page.locator("#about").textContent() ?? "", /^version \d+$/);
  assert.equal(opened.complaints, []);
});

test("the slider scales a store where that is allowed, and is not there otherwise", async () => {
  await using store = await openStore();
  await using writing = await serveInspector(store, { writable: true });
  await using reading = await serveInspector(store);
  await using opened = await openPage(writing.url);
  await opened.page.locator("#count").fill("3");
  await opened.page.locator("#nodes tr:nth-child(3)").waitFor();
  assert.is(store.nodes, 3);
  assert.is(await opened.page.locator("#counted").textContent(), "3");
  await using other = await openPage(reading.url);
  await other.page.locator("#nodes tr:nth-child(3)").waitFor();
  assert.not.ok(await other.page.locator("#scaling").isVisible());
  assert.equal([...opened.complaints, ...other.complaints], []);
});

test("the slider goes as far as the pool allows, and a refusal stays until it is used again", async () => {
  await using store = await open<User>({ capacity: "512KiB", segmentBytes: "64KiB" });
  await using inspector = await serveInspector(store, { writable: true });
  await using opened = await openPage(inspector.url);
  const { page } = opened;
  await page.locator("#nodes tr").waitFor();
  assert.is(await page.locator("#count").getAttribute("max"), "4", "of 8 segments 4 stay without");
  // As if it went further: the next sample sets it right again.
  await page.evaluate(`(() => {
    const slider = document.getElementById("count");
    slider.max = "5";
    slider.value = "5";
    slider.dispatchEvent(new Event("change"));
  })()`);
  const refusal = page.locator("#refused");
  await refusal.filter({ hasText: "a whole number from 1 to 4" }).waitFor();
  for (let samples = 0; samples < 2; samples++) {
    await (await page.waitForResponse(/sample$/)).finished();
  }
  assert.ok(await refusal.isVisible());
  await page.locator("#count").fill("2");
  await page.locator("#nodes tr:nth-child(2)").waitFor();
  assert.is(await refusal.textContent(), "");
});

test("an answer that comes late does not take the place of a newer one", async () => {
  await using store = await openStore();
  await using inspector = await serveInspector(store);
  await using opened = await openPage(inspector.url);
  const { page } = opened;
  await page.locator("#found").filter({ hasText: "30 keys" }).waitFor();
  let goOn = () => {};
  // The answers about "user:1": the value of that key, and the keys that begin so.
  await page.route(/=user%3A1$/, async (route) => {
    await new Promise<void>((resolve) => goOn = resolve);
    await route.continue();
  });
  const late = async () => {
    const answered = page.waitForResponse(/=user%3A1$/);
    goOn();
    await (await answered).finished();
  };
  await page.getByRole("button", { name: "user:1", exact: true }).click();
  await page.getByRole("button", { name: "user:27" }).click();
  await page.locator("#value").filter({ hasText: "Ada 27" }).waitFor();
  await late();
  await page.locator("#prefix").fill("user:1");
  await page.locator("#prefix").press("Enter");
  await page.locator("#prefix").fill("user:29");
  await page.locator("#prefix").press("Enter");
  await page.locator("#found").filter({ hasText: /^1 key$/ }).waitFor();
  await late();
  assert.match(await page.locator("#value").textContent() ?? "", /Ada 27/);
  assert.equal(await page.locator("#keys button").allTextContents(), ["user:29"]);
});

test("it fits narrow and wide windows, light and dark, with long keys and values", async () => {
  await using store = await openStore(3);
  const long = "k".repeat(300);
  await store.put(long, { name: "v".repeat(2_000) });
  await using inspector = await serveInspector(store, { writable: true });
  await assertFits(inspector.url, async (page) => {
    await page.locator("#nodes tr:nth-child(3)").waitFor();
    await page.getByRole("button", { name: long }).click();
    await page.locator("#value").filter({ hasText: "vvv" }).waitFor();
  });
});

test("a machine without a browser is told how to get one", () => {
  assert.throws(() => findBrowser({ PATH: "/nowhere" }, []), /apt-get install chromium/);
  assert.is(findBrowser({ DINOMO_BROWSER: "/mine", PATH: "" }), "/mine");
});

test.run();
