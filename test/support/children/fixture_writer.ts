/**
 * Makes the pool of a fixture, and closes it or is killed.
 *
 * @module
 */
import process from "node:process";
import { open } from "../../../mod.ts";
import { childArguments } from "../child.ts";
import { fillFixture, type FixtureKind, fixtureOptions } from "../format_fixture.ts";

const { kind, path } = childArguments<{ kind: FixtureKind; path: string }>();
const store = await open<unknown>(fixtureOptions(kind, path));
await fillFixture(store, kind);
if (kind.end === "killed") process.kill(process.pid, "SIGKILL");
await store.close();
