import {
  type Kind,
  kinds,
  node,
  stagedGlobalNetworkPolicy,
  stagedKubernetesNetworkPolicy,
  stagedNetworkPolicy,
  workloadEndpoint,
} from "@ocicat/api";
import { fieldsOf, withDescendants } from "@ocicat/api/reference";
import { kindFrom, namespaceOf } from "../actions/select.ts";
import { type Opened, withDatastore } from "../connect/datastore.ts";
import { namesOf } from "../explain/kind.ts";
import type { Surroundings } from "../surroundings.ts";
import type { Candidate } from "./candidate.ts";
import type { Wanted } from "./places.ts";
import type { Typed } from "./typed.ts";

/** How long the datastore is waited for, in milliseconds: somebody is typing. */
const PATIENCE_MS = 1_000;

/** What fits into a place, by the kinds and by what the datastore holds. Throws what a datastore throws. */
export async function candidatesFor(
  surroundings: Surroundings,
  typed: Typed,
  wanted: Exclude<Wanted, { readonly is: "words" | "files" }>,
): Promise<readonly Candidate[]> {
  const open = async (work: (opened: Opened) => Promise<readonly Candidate[]>) =>
    await withDatastore(surroundings, typed.options.get("--config"), work, PATIENCE_MS);
  switch (wanted.is) {
    case "kinds":
      return kindWords(typed.stem);
    case "fields":
      return typed.stem.includes(".") ? fieldWords(typed.stem) : kindWords(typed.stem);
    case "names":
      return await open((opened) => names(opened, typed, kindFrom(wanted.kind)));
    case "namespaces":
      return await open(namespaces);
    case "pods":
      return await open(pods);
    case "machines":
      return await open(async (opened) => [...(await names(opened, typed, node)), ...(await pods(opened))]);
    case "addresses":
      return await open(addresses);
    case "endpoints":
      return await open(async (opened) => [...(await endpoints(opened)), ...(await names(opened, typed, node))]);
    case "staged":
      return await open(stagedPolicies);
  }
}

/** One word for each kind: the plural, or where that does not begin so, the first of its other names that does. */
function kindWords(stem: string): readonly Candidate[] {
  return kinds.flatMap((kind) => {
    const found = [kind.plural, ...namesOf(kind)].find((name) => name.startsWith(stem));
    return found === undefined ? [] : [[found, firstSentence(kind.description)] as const];
  });
}

/** Paths one step longer than what is typed, in the words in which it is typed. */
function fieldWords(stem: string): readonly Candidate[] {
  const [word = "", ...steps] = stem.split(".");
  const depth = steps.length;
  return [...withDescendants(fieldsOf(kindFrom(word)))]
    .map(({ path, description }) => [path.replaceAll("[]", ""), firstSentence(description)] as const)
    .filter(([path]) => path.split(".").length === depth)
    .map(([path, description]) => [`${word}.${path}`, description] as const);
}

/** A list has a line for each. */
const firstSentence = (text: string) => text.replace(/(?<=\.) .*/s, "");

async function names({ client }: Opened, { options, operands }: Typed, kind: Kind): Promise<readonly Candidate[]> {
  const everywhere = options.has("--all-namespaces") || options.has("--allNamespaces");
  const given = options.get("--namespace");
  const namespace = everywhere ? undefined : namespaceOf(kind, given === undefined ? {} : { namespace: given });
  const { items } = await client.list(kind, namespace);
  return items.map(({ metadata }) => [metadata.name] as const).filter(([name]) => !operands.includes(name));
}

/** Those in which there is a workload. */
async function namespaces({ client }: Opened): Promise<readonly Candidate[]> {
  const { items } = await client.list(workloadEndpoint);
  const found = new Set(["default", ...items.flatMap(({ metadata }) => metadata.namespace ?? [])]);
  return [...found].sort().map((name) => [name]);
}

async function pods({ client }: Opened): Promise<readonly Candidate[]> {
  const { items } = await client.list(workloadEndpoint);
  return items.flatMap(({ spec }) => (spec.pod === undefined ? [] : [[spec.pod, `on ${spec.node}`] as const]));
}

async function endpoints({ client }: Opened): Promise<readonly Candidate[]> {
  const { items } = await client.list(workloadEndpoint);
  return items.map(
    ({ metadata, spec }) =>
      [`${metadata.namespace ?? ""}/${spec.pod ?? spec.workload ?? metadata.name}`, `on ${spec.node}`] as const,
  );
}

async function stagedPolicies({ client }: Opened): Promise<readonly Candidate[]> {
  const lists = await Promise.all(
    [stagedNetworkPolicy, stagedGlobalNetworkPolicy, stagedKubernetesNetworkPolicy].map(
      async (kind: Kind) => (await client.list(kind)).items,
    ),
  );
  return lists
    .flat()
    .map(({ kind, metadata: { namespace, name } }) => [namespace === undefined ? name : `${namespace}/${name}`, kind]);
}

async function addresses({ client }: Opened): Promise<readonly Candidate[]> {
  const { items } = await client.list(workloadEndpoint);
  return items.flatMap(({ spec }) =>
    (spec.ipNetworks ?? []).map((network) => [network.replace(/\/.*/, ""), spec.pod ?? spec.workload ?? ""] as const),
  );
}
