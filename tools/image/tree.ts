import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { isObject } from "@ocicat/api";
import { buildPlugin } from "@ocicat/cni/install";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));

/** Where the project is in the image. */
const HOME = "/opt/ocicat";

/** What the init container installs on a node: /opt/ocicat/cni/ocicat-cni, and other people's plugins beside it. */
const COMPANIONS = ["bandwidth", "host-local", "loopback", "portmap", "tuning"];
const COMPANIONS_AT = "/usr/lib/cni";

/**
 * The whole content of the image, below `root`, which must not be there yet: the built project with what it needs at run
 * time, Node, the libraries that Node needs, the plugin. No shell, no package manager, nothing else.
 *
 *     /opt/ocicat/packages, /opt/ocicat/node_modules   as in the checkout, without sources and what only development needs
 *     /opt/ocicat/cni/{ocicat-cni,companions/}         what a node gets
 *     /usr/bin/node, /lib…                             Node and its libraries
 *     /usr/local/bin/{ocicat,calicoctl}                the command
 */
export async function makeTree(root: string): Promise<void> {
  mkdirSync(root);
  const at = (path: string) => join(root, path);
  for (const directory of ["/tmp", "/run", "/var", "/etc", "/usr/bin", "/usr/local/bin", `${HOME}/cni/companions`]) {
    mkdirSync(at(directory), { recursive: true });
  }
  symlinkSync("../run", at("/var/run"));
  chmodSync(at("/tmp"), 0o1777);
  copyPackages(at(HOME));
  copyDependencies(at(HOME));
  copyProgram(join(CHECKOUT, "node_modules/node/bin/node"), "/usr/bin/node", root);
  writeCommands(at("/usr/local/bin"));
  await buildPlugin(at(`${HOME}/cni/ocicat-cni`), compiler());
  for (const name of COMPANIONS.filter((each) => existsSync(join(COMPANIONS_AT, each)))) {
    cpSync(join(COMPANIONS_AT, name), at(`${HOME}/cni/companions/${name}`));
  }
  writeFileSync(at("/etc/passwd"), "root:x:0:0:root:/:/\n");
}

const NOT_NEEDED: ReadonlySet<string> = new Set(["src", "test", "node_modules", "docs", "uml", "tsconfig.json"]);

function copyPackages(home: string): void {
  cpSync(join(CHECKOUT, "package.json"), join(home, "package.json"));
  for (const name of readdirSync(join(CHECKOUT, "packages"))) {
    const from = join(CHECKOUT, "packages", name);
    if (!existsSync(join(from, "package.json"))) continue;
    cpSync(from, join(home, "packages", name), {
      recursive: true,
      filter: (path) => {
        const inside = relative(from, path);
        const [first = ""] = inside.split("/");
        return !NOT_NEEDED.has(first) && !/\.(md|map|tsbuildinfo|d\.ts)$/.test(inside);
      },
    });
    mkdirSync(join(home, "node_modules/@ocicat"), { recursive: true });
    symlinkSync(`../../packages/${name}`, join(home, "node_modules/@ocicat", name));
  }
}

/** What the lock file says is needed at run time and is installed here: koffi has a package for each platform. */
function copyDependencies(home: string): void {
  const lock: unknown = JSON.parse(readFileSync(join(CHECKOUT, "package-lock.json"), "utf8"));
  const packages = isObject(lock) && isObject(lock.packages) ? Object.entries(lock.packages) : [];
  for (const [path, entry] of packages) {
    if (!path.startsWith("node_modules/") || !isObject(entry)) continue;
    if (entry.dev === true || entry.link === true || !existsSync(join(CHECKOUT, path))) continue;
    cpSync(join(CHECKOUT, path), join(home, path), {
      recursive: true,
      // koffi's own sources are a megabyte of C++.
      filter: (file) => !/\.(md|map|d\.ts|cc|hh|h|S|asm)$|\/koffi\/(vendor|doc|lib\/native)(\/|$)/.test(file),
    });
  }
}

/** An executable with the shared libraries that the loader would take for it, each at its own path. */
function copyProgram(from: string, to: string, root: string): void {
  copyFileSync(from, join(root, to));
  chmodSync(join(root, to), 0o755);
  const needed = execFileSync("ldd", [from], { encoding: "utf8" }).matchAll(/(?:=> )?(\/\S+) \(0x/g);
  for (const [, library = ""] of needed) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
}

/** The kernel takes no `env` here to find node with. */
function writeCommands(directory: string): void {
  for (const name of ["ocicat", "calicoctl"]) {
    const file = join(directory, name);
    writeFileSync(file, `#!/usr/bin/node\nimport "${HOME}/packages/cli/bin/ocicat.js";\n`);
    chmodSync(file, 0o755);
  }
}

function compiler(): string {
  const found = ["cc", "gcc", "clang"].map((name) => join("/usr/bin", name)).find(existsSync);
  if (found === undefined) throw new Error("the plugin needs a C compiler: apt-get install gcc libc6-dev");
  return found;
}
