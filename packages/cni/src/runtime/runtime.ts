import { OcicatError, toError } from "@ocicat/kit";
import type { JsonObject } from "../json-reader.ts";
import type { AddResult } from "../result.ts";
import { parseResult } from "../result-parse.ts";
import { atLeast, NEWEST_VERSION } from "../version.ts";
import { environmentOf, type RuntimeAttachment } from "./attachment.ts";
import { type CachedResult, ResultCache } from "./cache.ts";
import { type Exec, execChild, findPlugin } from "./exec.ts";
import type { NetworkList, PluginConf } from "./network-list.ts";
import { askVersions, callPlugin, deriveConf, PluginError } from "./plugin.ts";

export interface RuntimeOptions {
  /** CNI_PATH: where the plugins are, in order of search. */
  readonly pluginDirs: readonly string[];
  /** Where results are kept between ADD and DEL. */
  readonly cacheDir: string;
  /** How plugins are run; as children of this process unless told. */
  readonly exec?: Exec;
}

export interface NetworkResult {
  /** The last plugin's result, as it printed it. */
  readonly json: JsonObject;
  readonly result: AddResult;
}

/** A small libcni: runs the plugins of a network configuration list for one attachment at a time. */
export class CniRuntime {
  readonly #options: RuntimeOptions;
  readonly #exec: Exec;
  readonly #cache: ResultCache;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#exec = options.exec ?? execChild;
    this.#cache = new ResultCache(options.cacheDir);
  }

  /**
   * ADD, first to last, each plugin given the result of the one before. If one fails, DEL is run on the whole list, so
   * that nothing is left behind, and the first failure is thrown (PluginError; failed DELs are named in its `cause`).
   */
  async addNetworkList(list: NetworkList, attachment: RuntimeAttachment): Promise<NetworkResult> {
    const env = environmentOf("ADD", attachment, this.#options.pluginDirs);
    const paths = await this.#find(list);
    try {
      let result: JsonObject | undefined;
      for (const [index, plugin] of list.plugins.entries()) {
        result = await this.#call(list, plugin, paths[index] ?? "", env, attachment, result);
        if (result === undefined) throw new PluginError(plugin.type, "ADD", undefined, "printed no result", undefined);
      }
      return await this.#keep(list, attachment, result ?? {});
    } catch (error) {
      await this.#undo(list, attachment, paths, toError(error));
      throw error;
    }
  }

  /**
   * DEL, last to first, each plugin given the ADD's final result (0.4.0 on). Arguments and capabilities that are not given
   * are the ADD's. Stops at the first failure, to be repeated. What was never added is deleted as well: plugins take that for done.
   */
  async delNetworkList(list: NetworkList, attachment: RuntimeAttachment): Promise<void> {
    const { known, result } = await this.#recall(list, attachment);
    const env = environmentOf("DEL", known, this.#options.pluginDirs);
    const paths = await this.#find(list);
    const previous = atLeast(list.cniVersion, "0.4.0") ? result : undefined;
    for (const [index, plugin] of [...list.plugins.entries()].reverse()) {
      await this.#call(list, plugin, paths[index] ?? "", env, known, previous);
    }
    await this.#cache.remove(list.name, attachment);
  }

  /**
   * CHECK, first to last, each plugin given the ADD's final result, arguments and capabilities as for DEL. Resolves to the types of
   * the plugins that were asked: none where the list has disableCheck. Throws PluginError.
   */
  async checkNetworkList(list: NetworkList, attachment: RuntimeAttachment): Promise<readonly string[]> {
    return list.disableCheck ? [] : await this.#check(list, attachment);
  }

  /** CHECK of the plugins of one type alone, also where disableCheck spares the list (for the sake of another plugin). */
  async checkPlugin(list: NetworkList, type: string, attachment: RuntimeAttachment): Promise<void> {
    const plugins = list.plugins.filter((plugin) => plugin.type === type);
    if (plugins.length === 0)
      throw missing("CNI_PLUGIN_NOT_LISTED", list.source, `there is no plugin ${type} in the list`);
    await this.#check({ ...list, plugins }, attachment);
  }

  /** STATUS of every plugin (1.1.0 on; an older list is always ready). Throws the first PluginError. */
  async statusNetworkList(list: NetworkList): Promise<void> {
    if (!atLeast(list.cniVersion, "1.1.0")) return;
    const paths = await this.#find(list);
    const env = { CNI_COMMAND: "STATUS", CNI_PATH: this.#options.pluginDirs.join(":") };
    for (const [index, plugin] of list.plugins.entries()) {
      await this.#call(list, plugin, paths[index] ?? "", env, undefined, undefined);
    }
  }

  /** The versions that a plugin says it speaks. */
  async versions(type: string): Promise<readonly string[]> {
    return await askVersions({ exec: this.#exec, path: await this.#locate(type), type }, NEWEST_VERSION);
  }

  /** Every attachment that was added and not yet deleted. */
  async attachments(): Promise<CachedResult[]> {
    return await this.#cache.all();
  }

  async #check(list: NetworkList, attachment: RuntimeAttachment): Promise<readonly string[]> {
    if (!atLeast(list.cniVersion, "0.4.0")) {
      const fix = "set cniVersion to 0.4.0 or later";
      throw missing("CNI_CHECK_UNSUPPORTED", list.source, `CNI ${list.cniVersion} has no CHECK`, fix);
    }
    const { known, result } = await this.#recall(list, attachment);
    const env = environmentOf("CHECK", known, this.#options.pluginDirs);
    const paths = await this.#find(list);
    if (result === undefined) {
      const where = `network ${list.name}, container ${attachment.containerId}, ${attachment.ifname}`;
      throw missing("CNI_NOT_ATTACHED", where, "there is no result to check against", "ADD it first");
    }
    for (const [index, plugin] of list.plugins.entries()) {
      await this.#call(list, plugin, paths[index] ?? "", env, known, result);
    }
    return list.plugins.map((plugin) => plugin.type);
  }

  /** The attachment with what its ADD was given, and that ADD's result. The namespace is not filled in: DEL may mean that it is gone. */
  async #recall(
    list: NetworkList,
    attachment: RuntimeAttachment,
  ): Promise<{ known: RuntimeAttachment; result: JsonObject | undefined }> {
    const cached = await this.#cache.load(list.name, attachment);
    const { netns: _netns, ...remembered } = cached?.attachment ?? attachment;
    return { known: { ...remembered, ...attachment }, result: cached?.result };
  }

  async #keep(list: NetworkList, attachment: RuntimeAttachment, json: JsonObject): Promise<NetworkResult> {
    const result = parseResult(json, list.cniVersion, `result of ${list.plugins.at(-1)?.type}`);
    await this.#cache.save({ network: list.name, attachment, result: json });
    return { json, result };
  }

  /** DEL of every plugin, last to first and past any failure: after a failed ADD nobody would repeat a DEL that stopped half-way. */
  async #undo(
    list: NetworkList,
    attachment: RuntimeAttachment,
    paths: readonly string[],
    failure: Error,
  ): Promise<void> {
    const env = environmentOf("DEL", attachment, this.#options.pluginDirs);
    const failures: Error[] = [];
    await this.#cache.remove(list.name, attachment);
    for (const [index, plugin] of [...list.plugins.entries()].reverse()) {
      const undone = this.#call(list, plugin, paths[index] ?? "", env, attachment, undefined);
      await undone.catch((error: unknown) => failures.push(toError(error)));
    }
    if (failures.length === 0) return;
    const message = `and undoing it failed: ${failures.map((error) => error.message).join("; ")}`;
    failure.cause = new AggregateError(failures, message);
  }

  /** All executables, before the first one runs: a list with a missing plugin does nothing at all. */
  async #find(list: NetworkList): Promise<string[]> {
    return await Promise.all(list.plugins.map((plugin) => this.#locate(plugin.type)));
  }

  async #locate(type: string): Promise<string> {
    const path = await findPlugin(type, this.#options.pluginDirs);
    if (path !== undefined) return path;
    const where = this.#options.pluginDirs.join(", ");
    throw missing(
      "CNI_PLUGIN_MISSING",
      where,
      `there is no plugin ${type}`,
      "install it, or add its directory to CNI_PATH",
    );
  }

  async #call(
    list: NetworkList,
    plugin: PluginConf,
    path: string,
    env: Readonly<Record<string, string>>,
    attachment: RuntimeAttachment | undefined,
    previous: JsonObject | undefined,
  ): Promise<JsonObject | undefined> {
    const stdin = deriveConf(list, plugin, attachment ?? { containerId: "", ifname: "" }, previous);
    return await callPlugin({ exec: this.#exec, path, type: plugin.type, env, stdin });
  }
}

function missing(code: string, where: string, what: string, fix?: string): OcicatError {
  return new OcicatError({ code, where, what, fix });
}
