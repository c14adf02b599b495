/**
 * From what threads are started.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { moduleUrlOf, OWN_WORKERS, startUrlOf } from "../../lib/platform/worker_loader.ts";

test("the library's own workers are files where it is run from files", async () => {
  for (const worker of Object.values(OWN_WORKERS)) {
    await worker.prepare();
    assert.ok(worker.isFile);
    assert.ok(existsSync(fileURLToPath(startUrlOf(worker))));
    assert.equal(startUrlOf(worker), moduleUrlOf(worker));
  }
  assert.is.not(startUrlOf(OWN_WORKERS.node).href, startUrlOf(OWN_WORKERS.dpm).href);
});

test("files and data: URLs are started as they are, and others from a text that imports them", () => {
  for (const url of ["file:///a/b.js", "data:text/javascript,1"]) {
    assert.is(startUrlOf(url).href, url);
    assert.is(startUrlOf(new URL(url)).href, url);
  }
  const remote = "https://example.org/a.ts";
  const { href } = startUrlOf(remote);
  const text = atob(href.slice("data:text/javascript;base64,".length));
  assert.is(text, `import "${remote}";`);
  assert.is(moduleUrlOf(remote).href, remote);
});

test.run();
