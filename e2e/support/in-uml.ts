/**
 * Runs a command in a user-mode machine of its own, which has what this machine's kernel may lack (IPIP), and ends as it ends:
 *
 *     node e2e/support/in-uml.ts [--share DIR] [--limit SECONDS] COMMAND [ARGUMENT…]
 *     node e2e/support/in-uml.ts vitest run --config e2e/uml/vitest.config.ts
 *
 * The machine sees this one's files and can write none of them, but in DIR.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { runInUml } from "./uml.ts";

const { values, positionals } = parseArgs({
  args: optionsFirst(process.argv.slice(2)),
  options: { share: { type: "string" }, limit: { type: "string", default: "1200" } },
  allowPositionals: true,
});
const [program, ...args] = positionals;
if (program === undefined) throw new Error("no command: in-uml.ts [--share DIR] [--limit SECONDS] COMMAND [ARGUMENT…]");

const { status, console } = await runInUml([program, ...args], {
  limitMs: Number(values.limit) * 1000,
  ...(values.share === undefined ? {} : { share: resolve(values.share) }),
  onOutput: (chunk) => process.stdout.write(chunk),
});
if (status === undefined) process.stderr.write(`in-uml: the machine ended before its command did\n${console}`);
process.exitCode = status ?? 1;

/** What follows the command is the command's. */
function optionsFirst(argv: readonly string[]): string[] {
  let command = 0;
  while (argv[command]?.startsWith("--")) command += 2;
  return [...argv.slice(0, command), "--", ...argv.slice(command)];
}
