import {
  type AnyResource,
  type ClusterInformation,
  clusterInformation,
  decodeStored,
  encodeStored,
  type Kind,
  kindNamed,
  kinds,
} from "@ocicat/api";
import { OcicatError, stringifyJson, toError } from "@ocicat/kit";
import { readDocuments, type SourceDocument } from "../input/documents.ts";
import { type Identity, splitExport } from "./file.ts";
import { checkIpamValue, IPAM_PARTS, ipamPartOf, ROOT } from "./stored.ts";

/** What an import is to write, each key once. */
export interface ImportPlan {
  readonly cluster: Item;
  readonly resources: readonly Item[];
  readonly ipam: readonly Item[];
  readonly others: readonly Item[];
}

export interface Item {
  readonly key: string;
  readonly value: string;
}

/** Everything of an export, checked before any of it is written. Throws OcicatError, ValidationError. */
export async function readImport(text: string, where: string): Promise<ImportPlan> {
  const { yaml, cluster, ipam } = splitExport(text, where);
  const identities = new Map(ipam.identities.map((identity) => [identity.key, identity]));
  const sources = await readDocuments(yaml, where);
  const plan: ImportPlan = {
    cluster: clusterItem(cluster, where),
    resources: sources.map((source) => resourceItem(source, identities)),
    ipam: IPAM_PARTS.flatMap((part) =>
      ipam.entries[part].map(({ key, value }) => {
        const item = { key, value: stringifyJson(value) };
        if (ipamPartOf(key) !== part)
          throw refused(`${where}, third part`, `"${key}" is not the key of an IPAM ${part}`);
        return checkIpamValue(part, item);
      }),
    ),
    others: ipam.others.map((item) => otherItem(item, `${where}, others`)),
  };
  const seen = new Set<string>();
  for (const { key } of allItems(plan)) {
    if (seen.has(key)) throw refused(where, `"${key}" is in it twice`);
    seen.add(key);
  }
  return plan;
}

/** In the order in which they are written: who watches sees the lock before anything else. */
export function allItems({ cluster, resources, ipam, others }: ImportPlan): readonly Item[] {
  return [cluster, ...resources, ...ipam, ...others];
}

/** Locked, whatever the file says of it: somebody may have unlocked the source meanwhile, and nobody this datastore. */
function clusterItem(value: unknown, where: string): Item {
  const reading = clusterInformation.read(value, "tolerant");
  if (!reading.ok)
    throw refused(`${where}, second part`, `is not a ClusterInformation: ${reading.problems[0]?.message}`);
  const cluster: ClusterInformation = { ...reading.value, spec: { ...reading.value.spec, datastoreReady: false } };
  return { key: keyOf(clusterInformation, cluster), value: encodeStored(cluster) };
}

function resourceItem(source: SourceDocument, identities: ReadonlyMap<string, Identity>): Item {
  const { position, placeOf, value } = source;
  const kindName = typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined;
  const kind = typeof kindName === "string" ? kindNamed(kindName) : undefined;
  const at = `${position.file}, document ${position.document}, line ${position.line}`;
  if (kind === undefined || kind.readOnly !== undefined)
    throw refused(at, `${stringifyJson(kindName)} is not a kind that is imported`);
  // As it was stored, fields of a newer writer too; a person's mistake in a field that is known is found all the same.
  const reading = kind.read(value, "tolerant");
  if (!reading.ok) {
    const [problem] = reading.problems;
    const { line, column } = placeOf(problem?.field ?? "", problem?.column);
    throw refused(
      `${position.file}, document ${position.document}, line ${line}, column ${column}`,
      `${problem?.field}: ${problem?.message}`,
    );
  }
  const key = keyOf(kind, reading.value);
  const { uid, creationTimestamp } = identities.get(key) ?? { uid: undefined, creationTimestamp: undefined };
  const identity = {
    ...(uid === undefined ? {} : { uid }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
  };
  return { key, value: encodeStored({ ...reading.value, metadata: { ...reading.value.metadata, ...identity } }) };
}

function keyOf(kind: Kind, { metadata }: AnyResource): string {
  const key = kind.storage.key(metadata.name, metadata.namespace);
  const owner = key === undefined ? undefined : kind.storage.parse(key);
  if (key !== undefined && owner?.name === metadata.name && owner.namespace === metadata.namespace) return key;
  throw refused(`${kind.kind} ${metadata.name}`, "no resource of this kind can have this name and namespace");
}

function otherItem(item: Item, where: string): Item {
  if (!item.key.startsWith(ROOT)) throw refused(where, `"${item.key}" is not below ${ROOT}`);
  const kind = kinds.find((candidate) => candidate.storage.parse(item.key) !== undefined);
  try {
    if (kind !== undefined) decodeStored(kind, { ...item, modRevision: 0n });
  } catch (error) {
    throw refused(where, toError(error).message);
  }
  return item;
}

function refused(where: string, what: string): OcicatError {
  return new OcicatError({
    code: "MIGRATE_FILE",
    where,
    what,
    fix: "nothing was written; export again, or mend the file",
  });
}
