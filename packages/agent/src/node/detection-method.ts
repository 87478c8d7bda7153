import { type Address, AddressError, type Family, isAddress, Prefix, parseAddress, parsePrefix } from "@ocicat/net";

/** How a node finds its own address: the value of IP_AUTODETECTION_METHOD or IP6_AUTODETECTION_METHOD. */
export type DetectionMethod =
  | { readonly name: "first-found" }
  /** An address, or a name that resolves to some: the node's address is the one it would send from. */
  | { readonly name: "can-reach"; readonly destination: string }
  | { readonly name: "interface"; readonly patterns: readonly RegExp[] }
  | { readonly name: "skip-interface"; readonly patterns: readonly RegExp[] }
  | { readonly name: "cidr"; readonly cidrs: readonly Prefix[] }
  /** The Node resource's address of type InternalIP. */
  | { readonly name: "kubernetes-internal-ip" };

/** Where a node's address of one family comes from: the value of IP or IP6. */
export type AddressSource =
  /** Whatever the Node resource says: this agent writes nothing there. */
  | { readonly kind: "none" }
  /** Without a length, that of the interface that has the address. */
  | { readonly kind: "given"; readonly address: Address; readonly length: number | undefined }
  | { readonly kind: "detect"; readonly method: DetectionMethod };

export const METHODS =
  "first-found, can-reach=DESTINATION, interface=REGEX[,…], skip-interface=REGEX[,…], cidr=CIDR[,…], kubernetes-internal-ip";

/** The reason in words why a text is not what it should be. */
export type Unusable = { readonly unusable: string };

/** Calico's spelling. An empty text is the default, first-found. */
export function parseMethod(text: string, family: Family): DetectionMethod | Unusable {
  const [name = "", ...rest] = text.trim().split("=");
  const value = rest.join("=").trim();
  switch (name) {
    case "":
    case "first-found":
      return rest.length === 0 ? { name: "first-found" } : { unusable: "first-found takes no value" };
    case "kubernetes-internal-ip":
      return rest.length === 0 ? { name } : { unusable: "kubernetes-internal-ip takes no value" };
    case "can-reach":
      return parseDestination(value, family);
    case "interface":
    case "skip-interface": {
      const patterns = parseEach(value, (item) => new RegExp(item), "a regular expression");
      return "unusable" in patterns ? patterns : { name, patterns: patterns.items };
    }
    case "cidr": {
      const cidrs = parseEach(value, (item) => cidrOf(item, family), `an IPv${family} CIDR`);
      return "unusable" in cidrs ? cidrs : { name, cidrs: cidrs.items };
    }
    default:
      return { unusable: `there is no method "${name}"` };
  }
}

/** `autodetect`, `none`, an address, or address/length. */
export function parseSource(text: string, family: Family, method: DetectionMethod): AddressSource | Unusable {
  if (text === "autodetect") return { kind: "detect", method };
  if (text === "none") return { kind: "none" };
  const [head = "", length, ...more] = text.split("/");
  try {
    const address = parseAddress(head);
    const subnet = length === undefined ? undefined : Prefix.of(address, Number(length));
    if (more.length > 0 || Prefix.host(address).family !== family)
      return { unusable: `"${text}" is not an IPv${family} address` };
    return { kind: "given", address, length: subnet?.length };
  } catch (error) {
    if (error instanceof AddressError) return { unusable: error.message };
    throw error;
  }
}

function parseDestination(destination: string, family: Family): DetectionMethod | Unusable {
  if (destination === "") return { unusable: "can-reach= names no destination" };
  if (isAddress(destination) && Prefix.host(parseAddress(destination)).family !== family)
    return { unusable: `${destination} is not an IPv${family} address` };
  return { name: "can-reach", destination };
}

function parseEach<T>(
  text: string,
  parse: (item: string) => T,
  what: string,
): { readonly items: readonly T[] } | Unusable {
  const items: T[] = [];
  for (const item of text.split(",").map((each) => each.trim())) {
    if (item === "") return { unusable: `an empty item is not ${what}` };
    try {
      items.push(parse(item));
    } catch (error) {
      return { unusable: `"${item}" is not ${what}${error instanceof Error ? `: ${error.message}` : ""}` };
    }
  }
  return { items };
}

function cidrOf(text: string, family: Family): Prefix {
  const cidr = parsePrefix(text, { hostBits: "clear" });
  if (cidr.family === family) return cidr;
  throw new AddressError(`it is of IPv${cidr.family}`);
}
