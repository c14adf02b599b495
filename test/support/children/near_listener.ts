/**
 * A process that listens at UNIX sockets until it is killed.
 *
 * @module
 */
import { createServer } from "node:net";
import { childArguments, say } from "../child.ts";

const { paths } = childArguments<{ readonly paths: readonly string[] }>();
for (const path of paths) {
  await new Promise<void>((resolve) => createServer(() => {}).listen(path, resolve));
}
say("listening");
