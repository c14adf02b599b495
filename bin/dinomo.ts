#!/usr/bin/env node
/**
 * The command `dinomo`: looks at pools, copies their contents and repairs them. See
 * lib/cli/main.ts.
 *
 * @module
 */
import process from "node:process";
import { runCommandLine } from "../lib/cli/main.ts";

// Everything has been written by now, and an input that still comes must not keep the process
// alive.
process.exit(await runCommandLine(process.argv.slice(2)));
