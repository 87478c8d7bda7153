import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { installCompanions, installNetwork, installPlugin } from "@ocicat/cni/install";
import { OcicatError } from "@ocicat/kit";
import type { InstallCommandOptions } from "../options/install.ts";
import type { Surroundings } from "../surroundings.ts";

/** The plugin first: a network that names one that is not there yet would make pods fail. */
export async function install(surroundings: Surroundings, options: InstallCommandOptions): Promise<void> {
  const { env, print } = surroundings;
  const binDir = join(options.root, options.binDir);
  const takesOver = takeOverFrom(env) === "calico";
  const report = await installPlugin({
    targetDir: binDir,
    replaceForeign: takesOver,
    ...(options.prebuilt === undefined ? {} : { prebuilt: options.prebuilt }),
  }).catch((error: unknown) => {
    throw error instanceof OcicatError && error.code === "CNI_INSTALL_FOREIGN" ? whoseIsIt(error) : error;
  });
  for (const { path, change } of report.files) print(`${path}: ${change}\n`);
  if (options.companions !== undefined) {
    for (const name of await installCompanions(options.companions, binDir)) print(`${join(binDir, name)}: installed\n`);
  }
  const template = env.CNI_NETWORK_CONFIG ?? "";
  if (template === "") return;
  const network = await installNetwork({
    targetDir: join(options.root, options.netDir),
    fileName: env.CNI_CONF_NAME || "10-calico.conflist",
    template,
    words: { nodeName: env.KUBERNETES_NODE_NAME || env.NODENAME || hostname().toLowerCase(), mtu: mtuFrom(env) },
  });
  print(`${network.path}: ${network.change}\n`);
  if (takesOver) await removeCredentials(surroundings, join(options.root, options.netDir));
}

/** Calico's plugin read the API itself, as an account of its own; ours does not. */
async function removeCredentials({ print }: Surroundings, netDir: string): Promise<void> {
  const path = join(netDir, "calico-kubeconfig");
  if (!existsSync(path)) return;
  await rm(path);
  print(`${path}: removed, nobody uses it any more\n`);
}

type Environment = Surroundings["env"];

/** Throws OcicatError INSTALL_CONFIG. */
export function takeOverFrom(env: Environment): "calico" | "none" {
  const text = env.OCICAT_TAKE_OVER || "none";
  if (text === "calico" || text === "none") return text;
  throw bad("OCICAT_TAKE_OVER", text, "use calico or none");
}

function mtuFrom(env: Environment): number {
  const text = env.CNI_MTU || "0";
  const mtu = Number(text);
  if (Number.isInteger(mtu) && mtu >= 0 && mtu <= 65_535) return mtu;
  throw bad("CNI_MTU", text, "use a whole number from 0 to 65535; 0: the agent finds out");
}

function bad(variable: string, value: string, fix: string): OcicatError {
  const where = `environment variable ${variable}`;
  return new OcicatError({ code: "INSTALL_CONFIG", where, what: `"${value}" is not a value of it`, fix });
}

function whoseIsIt(error: OcicatError): OcicatError {
  return new OcicatError({
    code: error.code,
    where: error.where,
    what: "is there and was not installed by Ocicat: probably Calico's, which may be running on this node",
    fix: "follow ocicat migrate calico; or set OCICAT_TAKE_OVER=calico if nobody uses it any more",
    cause: error,
  });
}
