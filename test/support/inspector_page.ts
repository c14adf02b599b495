/**
 * The inspector's page in a browser, for tests.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Browser, Locator, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startBrowser } from "./browser.ts";

/** How long the page may take for what it is waited for; it asks once a second. */
const WAIT_MS_MAX = 20_000;
/** Narrow as a telephone, and wide. */
const WIDTHS: readonly number[] = [390, 1280];

let browser: Browser;

/** Has the tests of a file use one browser, which is closed behind them. */
export function useBrowser(): void {
  test.before(async () => {
    browser = await startBrowser();
  });
  test.after(() => browser?.close());
}

/** A page, and what the browser has complained of. */
export interface Opened extends AsyncDisposable {
  readonly page: Page;
  readonly complaints: string[];
}

/** Opens it. */
export async function openPage(
  url: string,
  { width = 1280, colorScheme = "light" }: { width?: number; colorScheme?: "light" | "dark" } = {},
): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS_MAX);
  const complaints: string[] = [];
  page.on("console", (said) => {
    if (said.type() === "error") complaints.push(said.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** Keeps something busy, a pass every 5 ms, until it is disposed of. */
export function keepBusy(pass: (number: number) => Promise<unknown>): AsyncDisposable {
  let isOver = false;
  const run = async () => {
    for (let i = 0; !isOver; i++) {
      await pass(i);
      await delay(5);
    }
  };
  const running = run();
  return {
    [Symbol.asyncDispose]: () => {
      isOver = true;
      return running;
    },
  };
}

/** The figure of a tile, as it is shown. */
export const tile = (page: Page, label: string): Locator =>
  page.locator(".tile").filter({ hasText: label }).locator("b");

/** Waits until the figure of a tile is a number above 0. */
export async function waitForFigure(page: Page, label: string): Promise<void> {
  await tile(page, label).filter({ hasText: /[1-9]/ }).waitFor();
}

/** How many colours a canvas has. */
export function countColours(page: Page, id: string): Promise<number> {
  return page.evaluate<number>(`(() => {
    const canvas = document.getElementById(${JSON.stringify(id)});
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  })()`);
}

/** Waits until something in a canvas has about the colour that a variable of the page has. */
export async function waitForColour(page: Page, id: string, colour: string): Promise<void> {
  const hasColour = `(() => {
    const style = getComputedStyle(document.documentElement).getPropertyValue("${colour}");
    const colour = [1, 3, 5].map((at) => parseInt(style.slice(at, at + 2), 16));
    const canvas = document.getElementById(${JSON.stringify(id)});
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.length; i += 4) {
      // Thin lines are drawn in parts of pixels.
      const isLike = data[i + 3] > 128 && colour.every((c, j) => Math.abs(data[i + j] - c) < 40);
      if (isLike) return true;
    }
    return false;
  })()`;
  const endMs = performance.now() + WAIT_MS_MAX;
  // Not by `waitForFunction`: it makes a function of a text, which the page's policy forbids.
  while (!await page.evaluate<boolean>(hasColour)) {
    assert.ok(performance.now() < endMs, `nothing in ${id} has the colour ${colour}`);
    await delay(100);
  }
}

/** What ends to the right of the window. */
export function findOverflow(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`(() => {
    const { clientWidth } = document.documentElement;
    return [document.documentElement, ...document.querySelectorAll("body *")]
      .filter((element) => element.getBoundingClientRect().right > clientWidth + 1 ||
        element === document.documentElement && element.scrollWidth > clientWidth)
      .map(({ tagName, id }) => tagName + " " + id);
  })()`);
}

/** Checks that it fits every window, light and dark, once what `prepare` waits for is there. */
export async function assertFits(
  url: string,
  prepare: (page: Page) => Promise<void>,
): Promise<void> {
  for (const width of WIDTHS) {
    const grounds: number[] = [];
    for (const colorScheme of ["light", "dark"] as const) {
      await using opened = await openPage(url, { width, colorScheme });
      const { page } = opened;
      await prepare(page);
      assert.equal(await findOverflow(page), [], `${width} pixels, ${colorScheme}`);
      const [ground, ink] = await page.evaluate<[number, number]>(`(() => {
        const style = getComputedStyle(document.body);
        return [style.backgroundColor, style.color].map((colour) =>
          colour.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0)
        );
      })()`);
      assert.is(ground > ink, colorScheme === "light");
      await page.evaluate('document.getElementById("tiles").style.width = "2000px"');
      assert.ok((await findOverflow(page)).includes("DIV tiles"), "an overflow would be seen");
      assert.equal(opened.complaints, []);
      grounds.push(ground);
    }
    assert.is.not(grounds[0], grounds[1]);
  }
}
