import { join } from "node:path";
import { PLUGIN_NAMES, type PluginName } from "../../src/index.ts";
import { installPlugin } from "../../src/install/index.ts";

export const CLIENTS = ["native", "node"] as const;
export type ClientKind = (typeof CLIENTS)[number];

export interface Client {
  readonly kind: ClientKind;
  readonly path: (name: PluginName) => string;
}

/** Both thin clients, installed as they are on a node. A machine without a C compiler fails here, and is told so. */
export async function installClients(directory: string, socket: string): Promise<readonly Client[]> {
  return await Promise.all(
    CLIENTS.map(async (kind) => {
      const targetDir = join(directory, kind);
      const report = await installPlugin({
        targetDir,
        socket,
        names: PLUGIN_NAMES,
        ...(kind === "node" ? { compiler: false } : {}),
      });
      if (report.kind !== kind)
        throw new Error(`the ${kind} client cannot be tested: ${report.why} (apt-get install gcc libc6-dev)`);
      return { kind, path: (name: PluginName) => join(targetDir, name) };
    }),
  );
}
