import { createHash } from "node:crypto";
import { isObject } from "@ocicat/api";
import { type Address, AddressError, type Family, formatAddress, parseAddress } from "@ocicat/net";

/** What of a Service matters to who gives it addresses. */
export interface Service {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly isLoadBalancer: boolean;
  /** Undefined: any implementation may take it. */
  readonly loadBalancerClass: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  readonly families: readonly Family[];
  /** `spec.loadBalancerIP`. */
  readonly loadBalancerIP: string | undefined;
  /** The addresses that its status tells, formatted. */
  readonly told: readonly string[];
}

/** Reads a Service of v1. Throws TypeError on what is none. */
export function readService(value: string): Service {
  const document: unknown = JSON.parse(value);
  if (!isObject(document) || !isObject(document.metadata) || !isObject(document.spec)) {
    throw new TypeError("it is not a Service");
  }
  const { metadata, spec, status } = document;
  return {
    namespace: text(metadata.namespace) ?? "",
    name: text(metadata.name) ?? "",
    uid: text(metadata.uid) ?? "",
    isLoadBalancer: spec.type === "LoadBalancer",
    loadBalancerClass: text(spec.loadBalancerClass),
    annotations: texts(metadata.annotations),
    families: listOf(spec.ipFamilies).map((family) => (family === "IPv6" ? 6 : 4)),
    loadBalancerIP: text(spec.loadBalancerIP),
    told: ingressOf(status),
  };
}

/**
 * What a service's addresses are held under: its identity hashed, as Calico does, so that the same name made anew is
 * another holder.
 */
export function handleOf({ namespace, name, uid }: Pick<Service, "namespace" | "name" | "uid">): string {
  const hash = createHash("sha256").update(`${name}-${namespace}-${uid}`.toLowerCase()).digest("base64url");
  return `${HANDLE_PREFIX}${hash.replaceAll(/[-_]/g, "")}`;
}

export const HANDLE_PREFIX = "lb-";

/** An address in its one written form; undefined: it is none. */
export function address(value: string): Address | undefined {
  try {
    return parseAddress(value);
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

function ingressOf(status: unknown): readonly string[] {
  if (!isObject(status) || !isObject(status.loadBalancer)) return [];
  return listOf(status.loadBalancer.ingress).flatMap((entry) => {
    const found = isObject(entry) ? address(text(entry.ip) ?? "") : undefined;
    return found === undefined ? [] : [formatAddress(found)];
  });
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function texts(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => (typeof each === "string" ? [[key, each]] : [])),
  );
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
