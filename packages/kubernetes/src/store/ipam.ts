import { createHash } from "node:crypto";
import {
  affinityKey,
  blockKey,
  blocksPrefix,
  DEFAULT_IPAM_CONFIG,
  decodeAffinity,
  decodeBlock,
  decodeHandle,
  decodeIpamConfig,
  encodeAffinity,
  encodeBlock,
  encodeHandle,
  encodeIpamConfig,
  HANDLES_PREFIX,
  HOSTS_PREFIX,
  handleKey,
  IPAM_CONFIG_KEY,
  IPAM_PREFIX,
  isObject,
  type OwnerType,
  parseIpamKey,
} from "@ocicat/api";
import { isOcicatError, parseJson, stringifyJson } from "@ocicat/kit";
import { AddressError, type Family as IpFamily, type Prefix, parsePrefix } from "@ocicat/net";
import type { ApiObject, Selection } from "../api/index.ts";
import type { ApiGroup } from "../config/index.ts";
import type { Collection, Family, ObjectRow } from "./collection.ts";
import { documentIn } from "./custom.ts";

/** The rows of IPAM as objects, in Calico's form; the values are etcd's. */
export function ipamFamilies(apiGroup: ApiGroup): readonly Family[] {
  const affinities = affinityCollection(apiGroup);
  return [
    { root: blocksPrefix(), collections: [blockCollection(apiGroup)] },
    { root: IPAM_CONFIG_KEY, collections: [configCollection(apiGroup)] },
    { root: HANDLES_PREFIX, collections: [handleCollection(apiGroup)] },
    { root: HOSTS_PREFIX, collections: [affinities] },
    { root: `${IPAM_PREFIX}virtual/`, collections: [affinities] },
  ];
}

type Fields = Readonly<Record<string, unknown>>;

/** `10.244.166.128/26` is `10-244-166-128-26`. */
function dashed(prefix: Prefix): string {
  return prefix.toString().replaceAll(/[.:/]/g, "-");
}

function blockCollection(apiGroup: ApiGroup): Collection {
  return ipamCollection(apiGroup, {
    kind: "IPAMBlock",
    plural: "ipamblocks",
    rowOf(_object, spec) {
      const prefix = prefixIn(spec["cidr"]);
      if (prefix === undefined) return undefined;
      const { affinityClaimTime, strictAffinity: _, ...rest } = spec;
      const stored = affinityClaimTime === undefined ? rest : { ...rest, affinity_claim_time: affinityClaimTime };
      const key = blockKey(prefix);
      return canonical(key, stringifyJson(stored), (text) => encodeBlock(decodeBlock(key, text)));
    },
    nameOf(key) {
      const parsed = parseIpamKey(key);
      return parsed?.kind === "block" ? dashed(parsed.prefix) : undefined;
    },
    specOf(_key, { affinity_claim_time: affinityClaimTime, attributes, ...rest }) {
      // Go writes null for an empty list, which the definition of the object does not allow.
      return { ...rest, affinityClaimTime, attributes: attributes ?? [] };
    },
  });
}

function handleCollection(apiGroup: ApiGroup): Collection {
  return ipamCollection(apiGroup, {
    kind: "IPAMHandle",
    plural: "ipamhandles",
    rowOf(_object, { handleID, ...spec }) {
      if (typeof handleID !== "string" || handleID === "" || handleID.includes("/")) return undefined;
      const key = handleKey(handleID);
      return canonical(key, stringifyJson(spec), (text) => encodeHandle(decodeHandle(key, text)));
    },
    // Names of objects have no capitals; the handle's own letters are in it.
    nameOf: (key) => (key.startsWith(HANDLES_PREFIX) ? key.slice(HANDLES_PREFIX.length).toLowerCase() : undefined),
    specOf: (key, value) => ({ handleID: key.slice(HANDLES_PREFIX.length), ...value }),
  });
}

/** Whose an affinity is. */
export const HOSTNAME_HASH = "projectcalico.org/hostname-hash";
const AFFINITY_TYPE = "projectcalico.org/affinity-type";
const IP_VERSION = "projectcalico.org/ip-version";

/**
 * Affinities, of all owners in one collection: labels say whose each is, so that a node lists and watches its own alone. A name
 * can be longer than a label's value may be, so its hash stands there.
 */
function affinityCollection(apiGroup: ApiGroup): Collection {
  // The classic form is older than its type: it is a word there.
  const isClassic = apiGroup === "crd.projectcalico.org/v1";
  return ipamCollection(apiGroup, {
    kind: "BlockAffinity",
    plural: "blockaffinities",
    rowOf(_object, { node, type, cidr, state, deleted }) {
      const prefix = prefixIn(cidr);
      if (prefix === undefined || typeof node !== "string" || node === "" || node.includes("/")) return undefined;
      const owner = { type: ownerType(type), name: node };
      const key = affinityKey(owner, prefix);
      const stored = stringifyJson({ state, deleted: isTrue(deleted) });
      return canonical(key, stored, (text) => encodeAffinity(decodeAffinity(key, text)));
    },
    nameOf(key) {
      const parsed = parseIpamKey(key);
      return parsed?.kind === "affinity" ? affinityName(parsed.owner.name, dashed(parsed.prefix)) : undefined;
    },
    labelsOf(key) {
      const parsed = parseIpamKey(key);
      if (parsed?.kind !== "affinity") return {};
      return affinityLabels(parsed.owner.type, parsed.owner.name, parsed.prefix.family);
    },
    specOf(key, { state, deleted }) {
      const parsed = parseIpamKey(key);
      if (parsed?.kind !== "affinity") return {};
      return {
        state,
        node: parsed.owner.name,
        type: parsed.owner.type,
        cidr: parsed.prefix.toString(),
        deleted: isClassic ? String(deleted === true) : deleted === true,
      };
    },
    mark: isClassic ? "true" : true,
    select: selectAffinities,
  });
}

/** Calico's name for it; where that would be too long, with a piece of its hash. */
function affinityName(owner: string, cidr: string): string {
  const name = `${owner}-${cidr}`;
  if (name.length < 253) return name;
  const hash = createHash("sha256").update(`${owner}+${cidr}`).digest("hex").slice(0, 11);
  return `${owner.slice(0, 252 - cidr.length - 13)}-${cidr}-${hash}`;
}

function affinityLabels(type: OwnerType, owner: string, family?: IpFamily): Readonly<Record<string, string>> {
  return {
    [AFFINITY_TYPE]: type,
    [HOSTNAME_HASH]: base32(createHash("sha3-256").update(owner).digest()),
    ...(family === undefined ? {} : { [IP_VERSION]: String(family) }),
  };
}

/** Whatever of an owner's affinities lies below a prefix. */
function selectAffinities(prefix: string): Selection {
  const [, type, owner, family] = /^\/calico\/ipam\/v2\/(host|virtual)\/([^/]+)\/(?:ipv([46])\/)?/.exec(prefix) ?? [];
  if ((type !== "host" && type !== "virtual") || owner === undefined) return {};
  const labels = affinityLabels(type, owner, family === "4" ? 4 : family === "6" ? 6 : undefined);
  return {
    labelSelector: Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(","),
  };
}

/** RFC 4648 §6, without padding. */
function base32(bytes: Buffer): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  let text = "";
  let [value, bits] = [0, 0];
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet.charAt((value >>> (bits - 5)) & 31);
  }
  return bits === 0 ? text : text + alphabet.charAt((value << (5 - bits)) & 31);
}

function configCollection(apiGroup: ApiGroup): Collection {
  const isClassic = apiGroup === "crd.projectcalico.org/v1";
  return ipamCollection(apiGroup, {
    kind: isClassic ? "IPAMConfig" : "IPAMConfiguration",
    plural: isClassic ? "ipamconfigs" : "ipamconfigurations",
    rowOf({ metadata }, { strictAffinity, autoAllocateBlocks, ...rest }) {
      if (metadata.name !== "default") return undefined;
      const stored = {
        strict_affinity: strictAffinity ?? DEFAULT_IPAM_CONFIG.strictAffinity,
        auto_allocate_blocks: autoAllocateBlocks ?? DEFAULT_IPAM_CONFIG.autoAllocateBlocks,
        ...rest,
      };
      const decode = (text: string) => encodeIpamConfig(decodeIpamConfig(IPAM_CONFIG_KEY, text));
      return canonical(IPAM_CONFIG_KEY, stringifyJson(stored), decode);
    },
    nameOf: (key) => (key === IPAM_CONFIG_KEY ? "default" : undefined),
    specOf: (_key, { strict_affinity, auto_allocate_blocks, ...rest }) => ({
      strictAffinity: strict_affinity === true,
      autoAllocateBlocks: auto_allocate_blocks === true,
      ...rest,
    }),
    isMarked: false,
  });
}

interface IpamParts {
  readonly kind: string;
  readonly plural: string;
  readonly rowOf: (object: ApiObject, spec: Fields) => ObjectRow | undefined;
  readonly nameOf: (key: string) => string | undefined;
  readonly labelsOf?: (key: string) => Readonly<Record<string, string>>;
  readonly specOf: (key: string, value: Fields) => Fields;
  readonly select?: (prefix: string) => Selection;
  /** What spec.deleted is of one that is marked; true unless told. */
  readonly mark?: unknown;
  /** False: it is deleted without having been marked. */
  readonly isMarked?: boolean;
}

function ipamCollection(apiGroup: ApiGroup, parts: IpamParts): Collection {
  const [group = "", version = ""] = apiGroup.split("/");
  const { kind, plural, labelsOf, mark = true } = parts;
  return {
    resource: { group, version, plural, namespaced: false },
    // Sequence numbers begin with nanoseconds.
    parse: parseJson,
    rowOf(object) {
      const { spec } = object;
      if (!isObject(spec)) return undefined;
      const row = parts.rowOf(object, spec);
      return row === undefined || !isTrue(spec["deleted"]) ? row : { ...row, isMarked: true };
    },
    placeOf(key) {
      const name = parts.nameOf(key);
      return name === undefined || name === "" ? undefined : { namespace: undefined, name };
    },
    select: parts.select ?? (() => ({})),
    ...(parts.isMarked === false ? { writing: "whole" } : { writing: "marked", mark: { spec: { deleted: mark } } }),
    objectOf: (key, value) => ({
      apiVersion: apiGroup,
      kind,
      metadata: { name: parts.nameOf(key), ...(labelsOf === undefined ? {} : { labels: labelsOf(key) }) },
      // An empty affinity is from before it had a state.
      spec: parts.specOf(key, value === "" ? {} : documentIn(key, value)),
    }),
  };
}

/** The value as we would write it, so that equal rows are equal text; what cannot be read is handed on for its reader to tell. */
function canonical(key: string, text: string, encode: (text: string) => string): ObjectRow {
  try {
    return { key, value: encode(text), problems: [] };
  } catch (error) {
    if (!isOcicatError(error)) throw error;
    return { key, value: text, problems: [] };
  }
}

function prefixIn(value: unknown): Prefix | undefined {
  if (typeof value !== "string") return undefined;
  try {
    return parsePrefix(value);
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

/** Before there were others, nothing was said. */
function ownerType(value: unknown): OwnerType {
  return value === "virtual" ? "virtual" : "host";
}

function isTrue(value: unknown): boolean {
  return value === true || value === "true";
}
