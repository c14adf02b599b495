/**
 * Measures the parts of Dinomo one by one under the runtime that runs this file.
 *
 * ```sh
 * bun bench/micro.ts --size quick
 * ```
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { measureMicro } from "./micro/measure.ts";
import { parseOptions } from "./options.ts";
import { alignColumns, threeDigits } from "./report/format.ts";

const options = parseOptions(process.argv.slice(2));
const rows = await measureMicro(options.size);
console.log(alignColumns([
  ["", "ns per operation", "+-"],
  ...rows.map(({ name, medianNs, marginPercent }) => [
    name,
    threeDigits(medianNs),
    `${threeDigits(marginPercent)} %`,
  ]),
]));
if (options.jsonPath !== undefined) {
  writeFileSync(options.jsonPath, JSON.stringify(rows, null, 2) + "\n");
}
