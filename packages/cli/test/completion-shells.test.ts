import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmbedded, type TestDatastore } from "./support/datastores.ts";
import { loadDump } from "./support/golden.ts";

const COMMAND = fileURLToPath(new URL("../bin/ocicat.js", import.meta.url));
const BUILT = fileURLToPath(new URL("../dist/main.js", import.meta.url));

let directory: string;
let datastore: TestDatastore;
beforeAll(async () => {
  if (!existsSync(BUILT)) throw new Error("the command is not built; run: npm run build");
  directory = mkdtempSync(join(tmpdir(), "oct-shell-"));
  // Completes as the command does. Whatever else it is called for, it says what it was called with.
  const ocicat = join(directory, "ocicat");
  const real = `case $1 in __complete|completion) exec ${process.execPath} ${COMMAND} "$@";; esac`;
  writeFileSync(ocicat, `#!/bin/sh\n${real}\nprintf '<%s>' "$@"; echo\n`);
  chmodSync(ocicat, 0o755);
  writeFileSync(join(directory, "pool.yaml"), "");
  datastore = await startEmbedded();
  await loadDump(datastore.endpoint);
});
afterAll(async () => {
  await datastore.stop();
  rmSync(directory, { recursive: true });
});

let shell: ChildProcess | undefined;
afterEach(() => {
  shell?.kill("SIGKILL");
});

const environment = () => ({
  ...process.env,
  PATH: `${directory}:${process.env.PATH}`,
  HOME: directory,
  TERM: "dumb",
  ETCD_ENDPOINTS: datastore.endpoint,
});

/** A shell at a terminal of its own, and somebody who types. */
function terminalOf(line: string) {
  const child = spawn("script", ["-qfec", line, "/dev/null"], { cwd: directory, env: environment() });
  shell = child;
  let shown = "";
  let ended = false;
  let look = () => {};
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    look();
  });
  child.once("close", () => {
    ended = true;
    look();
  });
  /** Waits until it is shown, after what was waited for before. */
  const until = async (wanted: RegExp) =>
    await new Promise<RegExpExecArray>((resolve, reject) => {
      look = () => {
        const found = wanted.exec(shown);
        if (found !== null) {
          shown = shown.slice(found.index + found[0].length);
          resolve(found);
        } else if (ended) {
          reject(new Error(`the shell has ended; it had shown: ${shown}`));
        }
      };
      look();
    });
  return { type: (text: string) => child.stdin.write(text), until };
}

/** What is typed, with tabs, and what is run in the end. */
const TYPED: readonly (readonly [typed: string, run: string])[] = [
  ["ocicat expl\t", "<explain>"],
  ["ocicat get ipp\t", "<get><ippools>"],
  ["ocicat get ippool ti\t", "<get><ippool><tiny>"],
  ["ocicat get ippool -o wid\t", "<get><ippool><-o><wide>"],
  ["ocicat get ippool --output=wid\t", "<get><ippool><--output=wide>"],
  ["ocicat explain ippool.spec.bl\t", "<explain><ippool.spec.blockSize>"],
  ["ocicat apply -f poo\t", "<apply><-f><pool.yaml>"],
  ["ocicat lab exec db\t", "<lab><exec><db-0>"],
];

describe("bash", () => {
  it("completes what is typed", async () => {
    const { type, until } = terminalOf("bash --norc --noprofile -i");
    await until(/[$#] /);
    type("PS1='READY''> '; bind 'set bell-style none'; source <(ocicat completion bash)\n");
    for (const [typed, run] of TYPED) {
      await until(/READY> /);
      type(`${typed}\n`);
      expect((await until(/^(<.*>)\s*$/m))[1]).toBe(run);
    }
    await until(/READY> /);
    type("exit\n");
  });
});

describe("zsh", () => {
  it.each([
    ["by a line in .zshrc", "autoload -U compinit; compinit -D -u; source <(ocicat completion zsh)"],
    [
      "by a file on its path",
      "ocicat completion zsh > _ocicat; fpath=($PWD $fpath); autoload -U compinit; compinit -D -u",
    ],
  ])("completes what is typed, told so %s", async (_how, line) => {
    const { type, until } = terminalOf("zsh -f -i");
    await until(/[%#] /);
    type("unsetopt zle_bracketed_paste beep 2>/dev/null; PROMPT='READY''> ' PROMPT_EOL_MARK='' RPROMPT=''\n");
    await until(/READY> /);
    type(`${line}\n`);
    for (const [typed, run] of TYPED) {
      await until(/READY> /);
      type(`${typed}\n`);
      expect((await until(/^(<.*>)\s*$/m))[1]).toBe(run);
    }
    await until(/READY> /);
    type("exit\n");
  });
});

describe("fish", () => {
  const offered = async (line: string) => {
    const code = `ocicat completion fish | source; complete -C ${JSON.stringify(line)}`;
    const child = spawn("fish", ["--no-config", "-c", code], { cwd: directory, env: environment() });
    shell = child;
    let shown = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      shown += text;
    });
    await once(child, "close");
    return shown.trimEnd().split("\n");
  };

  it("offers what there is, with what it is", async () => {
    expect(await offered("ocicat expl")).toEqual(["explain\twhat a kind of resource and its fields are for"]);
    expect(await offered("ocicat get ippool ti")).toEqual(["tiny"]);
    expect(await offered("ocicat get ippool --output=wid")).toEqual(["--output=wide"]);
    expect(await offered("ocicat lab exec db")).toEqual(["db-0\ton node2"]);
    expect((await offered("ocicat apply -f poo"))[0]).toMatch(/^pool\.yaml/);
  });
});

/** Tells on standard error which of our packages a process loaded. */
const WATCHER = `
import { registerHooks } from "node:module";
const seen = new Set();
registerHooks({ load(url, context, next) {
  const found = /packages\\/(\\w+)\\//.exec(url);
  if (found) seen.add(found[1]);
  return next(url, context);
} });
process.on("exit", () => console.error(JSON.stringify([...seen].sort())));
`;

describe("a tab", () => {
  const loadedBy = async (...words: readonly string[]) => {
    const watch = `data:text/javascript,${encodeURIComponent(WATCHER)}`;
    // Module by module, which the bundle does not tell apart.
    const entry = JSON.stringify(new URL("../dist/main.js", import.meta.url).href);
    const argv = JSON.stringify(["node", "ocicat", "__complete", "--", ...words]);
    const program = `import { main } from ${entry}; await main(${argv});`;
    const line = ["--import", watch, "--input-type=module", "--eval", program];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, line, { env: environment() });
    expect(stdout).toMatch(/^words\n./);
    return JSON.parse(stderr) as readonly string[];
  };

  it("loads no more than the declarations of the commands", async () => {
    expect(await loadedBy("get", "ippool", "--o")).toEqual(["cli", "kit"]);
  });

  it("loads the kinds for kinds, and a client for names, but never the agent or the lab", async () => {
    const loaded = [...(await loadedBy("get", "ipp")), ...(await loadedBy("get", "ippool", ""))];
    for (const name of ["agent", "lab", "linux", "routing"]) expect(loaded).not.toContain(name);
  });
});
