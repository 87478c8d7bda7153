/** The versions of the CNI specification that this plugin speaks, oldest first. `native/ocicat-cni.c` prints the same list. */
export const SUPPORTED_VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type CniVersion = (typeof SUPPORTED_VERSIONS)[number];

export const NEWEST_VERSION: CniVersion = "1.1.0";

/** A configuration without cniVersion is one of 0.2.0, as Calico reads it. */
export const DEFAULT_VERSION: CniVersion = "0.2.0";

export function isSupportedVersion(value: unknown): value is CniVersion {
  return SUPPORTED_VERSIONS.some((version) => version === value);
}

export function atLeast(version: CniVersion, minimum: CniVersion): boolean {
  return SUPPORTED_VERSIONS.indexOf(version) >= SUPPORTED_VERSIONS.indexOf(minimum);
}
