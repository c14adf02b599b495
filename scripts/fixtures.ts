/**
 * Writes the pools of test/fixtures/ in the present file format. Once for each version of the
 * format, before it is released: what is there is never written again.
 *
 * ```sh
 * npm run fixtures
 * ```
 *
 * @module
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CHECKPOINT_VERSION,
  CHECKPOINT_VERSION_PLAIN,
} from "../lib/persistence/checkpoint_layout.ts";
import { Child } from "../test/support/child.ts";
import { FIXTURE_KINDS, fixtureName, packPool } from "../test/support/format_fixture.ts";
import { packSessionFixture } from "../test/support/session_fixture.ts";
import { PROJECT_ROOT } from "./runtimes.ts";

const folder = join(PROJECT_ROOT, "test", "fixtures", `format-v${CHECKPOINT_VERSION_PLAIN}`);
mkdirSync(folder, { recursive: true });
const ofSessions = join(
  PROJECT_ROOT,
  "test",
  "fixtures",
  `sessions-v${CHECKPOINT_VERSION}.json.gz`,
);
if (!existsSync(ofSessions)) writeFileSync(ofSessions, await packSessionFixture());
const scratch = mkdtempSync(join(tmpdir(), "dinomo-fixtures-"));
try {
  for (const kind of FIXTURE_KINDS) {
    const file = join(folder, `${fixtureName(kind)}.json.gz`);
    if (existsSync(file)) continue;
    const path = join(scratch, fixtureName(kind));
    const end = await new Child("fixture_writer", { kind, path }).ended();
    const expected = kind.end === "killed" ? end.signal === "SIGKILL" : end.exitCode === 0;
    if (!expected) throw new Error(`${fixtureName(kind)} was not written: ${end.output}`);
    const packed = packPool(path);
    writeFileSync(file, packed);
    console.log(`${file}: ${packed.length} bytes`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
