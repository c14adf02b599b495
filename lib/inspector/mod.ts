/**
 * A page that shows what a store does, live, in a browser.
 *
 * @example
 * ```ts
 * import { open } from "dinomo";
 * import { serveInspector } from "dinomo/inspector";
 *
 * await using store = await open({ capacity: "64MiB", statistics: true });
 * await using inspector = await serveInspector(store);
 * console.log("open", inspector.url);
 * ```
 *
 * @module
 */
export { Inspector, serveInspector } from "./inspector.ts";
export type { InspectorOptions } from "./inspector_options.ts";
