import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OcicatError, parseJson, stringifyJson, toError } from "@ocicat/kit";
import { isJsonObject, type JsonObject } from "../json-reader.ts";
import type { RuntimeAttachment } from "./attachment.ts";

/** What an ADD leaves for the DEL and the CHECK to come. */
export interface CachedResult {
  readonly network: string;
  readonly attachment: RuntimeAttachment;
  /** The last plugin's result, as it printed it. */
  readonly result: JsonObject;
}

const KIND = "ocicat-cni-result-1";

/** One file an attachment, whole at every moment. Results are not secret, but arguments may be: 0600. */
export class ResultCache {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async save(entry: CachedResult): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const path = this.#path(entry.network, entry.attachment);
    const temporary = `${path}.${process.pid}.tmp`;
    await writeFile(temporary, stringifyJson({ kind: KIND, ...entry }), { mode: 0o600 });
    await rename(temporary, path);
  }

  async load(
    network: string,
    attachment: Pick<RuntimeAttachment, "containerId" | "ifname">,
  ): Promise<CachedResult | undefined> {
    return await this.#read(this.#path(network, attachment));
  }

  async remove(network: string, attachment: Pick<RuntimeAttachment, "containerId" | "ifname">): Promise<void> {
    await rm(this.#path(network, attachment), { force: true });
  }

  /** Every attachment whose ADD succeeded and whose DEL has not. */
  async all(): Promise<CachedResult[]> {
    const names = await readdir(this.#directory).catch(() => []);
    const entries = await Promise.all(
      names
        .filter((name) => name.endsWith(".json"))
        .sort()
        .map((name) => this.#read(join(this.#directory, name))),
    );
    return entries.filter((entry) => entry !== undefined);
  }

  /** Neither part can hold a space (see the checks of their names), so a file name stands for one attachment. */
  #path(network: string, { containerId, ifname }: Pick<RuntimeAttachment, "containerId" | "ifname">): string {
    return join(this.#directory, `${network} ${containerId} ${ifname}.json`);
  }

  async #read(path: string): Promise<CachedResult | undefined> {
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw unreadable(path, toError(error).message);
    }
    try {
      return parseEntry(text);
    } catch (error) {
      throw unreadable(path, toError(error).message);
    }
  }
}

function parseEntry(text: string): CachedResult {
  const json = parseJson(text);
  if (!isJsonObject(json) || json.kind !== KIND) throw new Error("it is not a cached result");
  const { network, attachment, result } = json;
  if (typeof network !== "string" || !isJsonObject(attachment) || !isJsonObject(result))
    throw new Error("it is not complete");
  const { containerId, ifname, netns, args, capabilityArgs } = attachment;
  if (typeof containerId !== "string" || typeof ifname !== "string") throw new Error("its attachment is not complete");
  return {
    network,
    result,
    attachment: {
      containerId,
      ifname,
      ...(typeof netns === "string" ? { netns } : {}),
      ...(isJsonObject(args) ? { args: stringsOf(args) } : {}),
      ...(isJsonObject(capabilityArgs) ? { capabilityArgs } : {}),
    },
  };
}

function stringsOf(json: JsonObject): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(json).filter((pair): pair is [string, string] => typeof pair[1] === "string"),
  );
}

function unreadable(path: string, why: string): OcicatError {
  return new OcicatError({
    code: "CNI_CACHE_UNREADABLE",
    where: path,
    what: "the cached result cannot be used",
    why,
    fix: "remove the file and run DEL without it",
  });
}
