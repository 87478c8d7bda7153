import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";

/** Copies a file of the machine to where it is to be below `root`, with the libraries it is linked to where it looks for them. */
export function putProgram(root: string, source: string, target: string): void {
  putFile(root, source, target);
  for (const library of librariesOf(source)) putFile(root, library, library);
}

export function putFile(root: string, source: string, target: string): void {
  const to = join(root, target);
  if (existsSync(to)) return;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(realpathSync(source), to);
}

export function putLink(root: string, target: string, path: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
}

/** As the dynamic linker finds them; none for what is linked statically. */
function librariesOf(program: string): string[] {
  try {
    const said = execFileSync("ldd", [program], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return [...said.matchAll(/(?:=> )?(\/\S+) \(0x/g)].flatMap((match) => match[1] ?? []);
  } catch {
    return [];
  }
}
