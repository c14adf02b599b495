/**
 * Tables for the pages of the documentation.
 *
 * @module
 */

/**
 * A table in Markdown, formatted as the project's formatter would; the first line holds the heads
 * of the columns.
 */
export function markdownTable(lines: readonly (readonly string[])[]): string {
  const widths = lines[0].map((_, column) =>
    Math.max(3, ...lines.map((line) => line[column].length))
  );
  const ruled = [lines[0], widths.map((width) => "-".repeat(width)), ...lines.slice(1)];
  return ruled
    .map((line) => `| ${line.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`)
    .join("\n");
}
