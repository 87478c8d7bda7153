import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { OcicatError } from "@ocicat/kit";
import { PLUGIN_NAMES, type PluginName } from "../environment.ts";
import { DEFAULT_SOCKET, MAX_SOCKET_PATH } from "../server/listen.ts";
import { compile, findProgram, NATIVE_SOURCE } from "./native.ts";
import { foreignFile, type Occupant, occupant, ownIdentity, placeLink, temporaryBeside } from "./place.ts";
import { renderScript, SCRIPT_SOURCE } from "./script.ts";

export { installCompanions } from "./companions.ts";
export {
  installNetwork,
  type NetworkOptions,
  type NetworkReport,
  type NetworkWords,
  renderNetwork,
} from "./network.ts";
export { removePlugin } from "./remove.ts";

const run = promisify(execFile);

export interface InstallOptions {
  /** Where runtimes look for plugins, e.g. /opt/cni/bin. Made if it is not there. */
  readonly targetDir: string;
  /** The agent's socket, written into the plugin; /run/ocicat/cni.sock unless told. OCICAT_CNI_SOCKET overrides it at run time. */
  readonly socket?: string;
  /** The C client, compiled elsewhere: an image has one and no compiler. It knows its socket itself. */
  readonly prebuilt?: string;
  /** A C compiler's name or path; false: the Node client. Unless told: the first of $CC, cc, gcc, clang that is there. */
  readonly compiler?: string | false;
  /** The Node that runs the Node client; this process' own unless told. */
  readonly interpreter?: string;
  /** The names to install under; all four unless told. */
  readonly names?: readonly PluginName[];
  /** Replace files that Ocicat did not install (Calico's own plugin has two of these names). False unless told. */
  readonly replaceForeign?: boolean;
  /** Environment to find the compiler with (PATH, CC); this process' own unless told. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export interface InstallReport {
  readonly kind: "native" | "node";
  /** Why this kind: the compiler that made it, or the reason there is none. */
  readonly why: string;
  /** What `ocicat -v` prints. */
  readonly identity: string;
  readonly files: readonly { readonly path: string; readonly change: "installed" | "replaced" | "unchanged" }[];
}

interface Build {
  readonly kind: "native" | "node";
  readonly why: string;
  readonly identity: string;
  /** Writes the executable to `target`; resolves to a reason if it cannot. */
  readonly make: (target: string) => Promise<string | undefined>;
}

/**
 * Installs the plugin under its names, all of them links to one file. What is there and current stays untouched, and what somebody else put
 * there stops the installation before anything is written. Throws OcicatError CNI_INSTALL_*.
 */
export async function installPlugin(options: InstallOptions): Promise<InstallReport> {
  const socket = checkSocket(options.socket ?? DEFAULT_SOCKET);
  const paths = (options.names ?? PLUGIN_NAMES).map((name) => join(options.targetDir, name));
  await mkdir(options.targetDir, { recursive: true });
  let reason = "";
  for (const build of await candidates(options, socket)) {
    const occupants = await Promise.all(paths.map((path) => occupant(path, build.identity)));
    const foreign = paths.find((_path, index) => occupants[index] === "foreign");
    if (foreign !== undefined && options.replaceForeign !== true) throw foreignFile(foreign);
    const complaint = await place(build, options.targetDir, paths, occupants);
    if (complaint === undefined) {
      const files = paths.map((path, index) => ({ path, change: CHANGES[occupants[index] ?? "absent"] }));
      return {
        kind: build.kind,
        why: reason === "" ? build.why : `${build.why}: ${reason}`,
        identity: build.identity,
        files,
      };
    }
    reason = complaint;
  }
  throw new OcicatError({
    code: "CNI_INSTALL_FAILED",
    where: options.targetDir,
    what: "the plugin could not be installed",
    why: reason,
  });
}

const CHANGES: Readonly<Record<Occupant, "installed" | "replaced" | "unchanged">> = {
  absent: "installed",
  current: "unchanged",
  older: "replaced",
  foreign: "replaced",
};

/** What to try, best first. */
async function candidates(options: InstallOptions, socket: string): Promise<Build[]> {
  if (options.prebuilt !== undefined) return [await prebuilt(options.prebuilt)];
  const environment = options.environment ?? process.env;
  const asked =
    typeof options.compiler === "string" ? [options.compiler] : [environment.CC ?? "", "cc", "gcc", "clang"];
  const names = asked.filter((name) => name !== "");
  const compiler = options.compiler === false ? undefined : await findProgram(names, environment.PATH ?? "");
  if (compiler !== undefined)
    return [await nativeBuild(compiler, socket), await scriptBuild(options, socket, "the C client did not compile")];
  const why = options.compiler === false ? "asked for" : `no C compiler (${names.join(", ")}) in PATH`;
  return [await scriptBuild(options, socket, why)];
}

async function prebuilt(file: string): Promise<Build> {
  const identity = await ownIdentity(file);
  if (identity === undefined) {
    throw new OcicatError({
      code: "CNI_INSTALL_FAILED",
      where: file,
      what: "is not the plugin's executable, or is not there",
      fix: "build it with tools/image, or leave prebuilt out and have a C compiler",
    });
  }
  const make = async (target: string): Promise<undefined> => {
    await copyFile(file, target);
  };
  return { kind: "native", why: `came as ${file}`, identity, make };
}

async function nativeBuild(compiler: string, socket: string): Promise<Build> {
  const identity = await identify(NATIVE_SOURCE, "native", socket);
  return {
    kind: "native",
    why: `compiled with ${compiler}`,
    identity,
    make: (target) => compile({ compiler, target, socket, identity }),
  };
}

async function scriptBuild(options: InstallOptions, socket: string, why: string): Promise<Build> {
  const interpreter = options.interpreter ?? process.execPath;
  const identity = await identify(SCRIPT_SOURCE, "node", `${socket} ${interpreter}`);
  const make = async (target: string): Promise<undefined> => {
    await writeFile(target, await renderScript(interpreter, socket, identity));
  };
  return { kind: "node", why, identity, make };
}

/** Compiles the C client into `target`, for an image. Throws OcicatError CNI_INSTALL_FAILED. */
export async function buildPlugin(target: string, compiler: string, socket: string = DEFAULT_SOCKET): Promise<void> {
  const build = await nativeBuild(compiler, checkSocket(socket));
  const complaint = (await build.make(target)) ?? (await tryOut(target, build.identity));
  if (complaint === undefined) return;
  throw new OcicatError({
    code: "CNI_INSTALL_FAILED",
    where: target,
    what: "the plugin could not be built",
    why: complaint,
  });
}

/** Name, version, and a digest of all that the file is made from: the same digest needs no new file. */
async function identify(source: string, kind: string, settings: string): Promise<string> {
  const manifest: unknown = JSON.parse(
    await readFile(fileURLToPath(new URL("../../package.json", import.meta.url)), "utf8"),
  );
  const version =
    typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "0";
  const digest = createHash("sha256")
    .update(`${kind}\0${settings}\0${version}\0`)
    .update(await readFile(source))
    .digest("hex");
  return `ocicat-cni ${version} build ${digest.slice(0, 16)}`;
}

/** Makes the file once, tries it, and puts links to it where it is not current. Resolves to a reason if the file is no good. */
async function place(
  build: Build,
  directory: string,
  paths: readonly string[],
  occupants: readonly Occupant[],
): Promise<string | undefined> {
  const outdated = paths.filter((_path, index) => occupants[index] !== "current");
  if (outdated.length === 0) return undefined;
  const made = temporaryBeside(directory);
  try {
    const complaint = (await build.make(made)) ?? (await tryOut(made, build.identity));
    if (complaint !== undefined) return complaint;
    for (const path of outdated) await placeLink(made, directory, path);
    return undefined;
  } finally {
    await rm(made, { force: true });
  }
}

/** A file that does not run here (noexec, an interpreter that is not one) must not take a plugin's place. */
async function tryOut(file: string, identity: string): Promise<string | undefined> {
  await chmod(file, 0o755);
  return await run(file, ["-v"], { timeout: 10_000 }).then(
    ({ stdout }) => (stdout.trim() === identity ? undefined : `${file} does not name itself`),
    (error: Error) => error.message,
  );
}

function checkSocket(socket: string): string {
  if (/^\/[\w./@:+-]+$/.test(socket) && Buffer.byteLength(socket) <= MAX_SOCKET_PATH) return socket;
  throw new OcicatError({
    code: "CNI_INSTALL_SOCKET",
    where: socket,
    what: "not a path for the plugin's socket",
    fix: `use an absolute path of at most ${MAX_SOCKET_PATH} letters, digits and . _ - / @ : +`,
  });
}
