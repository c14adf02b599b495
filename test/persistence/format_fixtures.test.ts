/**
 * Pools that earlier versions of the file format have left, closed or killed, still open, with
 * everything in them.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CHECKPOINT_VERSION_PLAIN } from "../../lib/persistence/checkpoint_layout.ts";
import { PROJECT_ROOT } from "../../scripts/runtimes.ts";
import { open } from "../../mod.ts";
import { dinomoHere } from "../support/command.ts";
import {
  bigValue,
  FIXTURE_KINDS,
  fixtureContents,
  fixtureName,
  fixtureOptions,
  unpackPool,
} from "../support/format_fixture.ts";
import { temporaryPath } from "../support/temporary.ts";

const FOLDER = join(PROJECT_ROOT, "test", "fixtures");
const VERSIONS = readdirSync(FOLDER).filter((name) => name.startsWith("format-v"));

test("there are fixtures of the present format", () => {
  assert.ok(VERSIONS.includes(`format-v${CHECKPOINT_VERSION_PLAIN}`), 'run "npm run fixtures"');
});

for (const version of VERSIONS) {
  for (const kind of FIXTURE_KINDS) {
    const file = join(FOLDER, version, `${fixtureName(kind)}.json.gz`);
    test(`${version}: ${fixtureName(kind)}`, async () => {
      assert.ok(existsSync(file), file);
      const path = temporaryPath();
      unpackPool(readFileSync(file), path);
      const verified = await dinomoHere(["verify", path]);
      assert.is(verified.exitCode, 0, verified.stdout + verified.stderr);

      const store = await open<unknown>(fixtureOptions(kind, path));
      const contents = fixtureContents(kind);
      for (const [key, value] of contents) assert.equal(await store.get(key), value, String(key));
      assert.equal(await store.get("big"), bigValue(kind));
      const expires = await store.getEntry("expires");
      assert.equal(new Date(expires!.expiresAt!).getUTCFullYear(), 2900);
      assert.is(await store.has("expired"), false);
      let count = 0;
      for await (const _ of store.keys()) count += 1;
      assert.is(count, contents.length + 2, "and nothing else");

      // It is not only read: what is written into it is there after it was closed.
      await store.put("expires", await store.get("big"));
      await store.close();
      const again = await open<unknown>(fixtureOptions(kind, path));
      assert.equal(await again.get("expires"), bigValue(kind));
      await again.close();
    });
  }
}

test.run();
