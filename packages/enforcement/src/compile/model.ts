import type { Table } from "@ocicat/nftables";
import { needsOf, type PolicyModel } from "@ocicat/policy";
import type { NodeInterfaces } from "./interfaces.ts";
import { compileNeeds, needsFrom } from "./needs.ts";
import type { CompileOptions } from "./options.ts";

/** The tables of a node, from the whole model: for tests, for who proves and for who reads. */
export function compileModel(
  model: PolicyModel,
  node: string,
  options: Omit<CompileOptions, "settings">,
): readonly Table[] {
  const needs = needsFrom(needsOf(model, node));
  return compileNeeds(needs, { ...options, settings: model.settings }, interfacesOf(model, node));
}

/** As far as the model knows them. */
export function interfacesOf({ nodes = [] }: PolicyModel, node: string): NodeInterfaces {
  const own = nodes.filter((one) => one.node === node);
  return new Map(own.flatMap(({ name, addresses }) => (name === undefined ? [] : [[name, addresses] as const])));
}
