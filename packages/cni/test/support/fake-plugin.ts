import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Plugins that are shell scripts: each writes down that it was called, with its environment and input, prints
 * `<type>.<COMMAND>.out` from its own directory if that is there, and exits with the number in `<type>.<COMMAND>.code`.
 */
const SCRIPT = `#!/bin/sh
type=$(basename "$0"); dir=$(dirname "$0"); key="$dir/$type.$CNI_COMMAND"
echo "$type $CNI_COMMAND" >> "$dir/log"
cat > "$key.stdin"
env | grep ^CNI_ | sort > "$key.env"
[ -f "$key.out" ] && cat "$key.out"
[ -f "$key.err" ] && cat "$key.err" >&2
[ -f "$key.code" ] && exit "$(cat "$key.code")"
exit 0
`;

export class FakePlugins {
  readonly directory: string;

  constructor(directory: string, types: readonly string[]) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
    for (const type of types) {
      writeFileSync(join(directory, type), SCRIPT);
      chmodSync(join(directory, type), 0o755);
    }
  }

  /** What a plugin is to do with a command from now on. */
  answer(
    type: string,
    command: string,
    answer: { readonly out?: unknown; readonly err?: string; readonly code?: number },
  ): void {
    const key = join(this.directory, `${type}.${command}`);
    const out = answer.out ?? "";
    writeFileSync(`${key}.out`, typeof out === "string" ? out : JSON.stringify(out));
    writeFileSync(`${key}.err`, answer.err ?? "");
    writeFileSync(`${key}.code`, String(answer.code ?? 0));
  }

  /** The calls so far, `type COMMAND` each. */
  calls(): string[] {
    const log = join(this.directory, "log");
    return existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
  }

  /** What a plugin last got on standard input. */
  stdin(type: string, command: string): unknown {
    return JSON.parse(readFileSync(join(this.directory, `${type}.${command}.stdin`), "utf8"));
  }

  /** The CNI_* variables a plugin last got. */
  environment(type: string, command: string): Readonly<Record<string, string>> {
    const lines = readFileSync(join(this.directory, `${type}.${command}.env`), "utf8")
      .trim()
      .split("\n");
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
  }
}
