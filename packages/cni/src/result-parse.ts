import {
  type Address,
  AddressError,
  bitsOf,
  type Family,
  familyOf,
  type Mac,
  parseAddress,
  parseMac,
  parsePrefix,
} from "@ocicat/net";
import { CniCode, CniError } from "./errors.ts";
import { type JsonObject, JsonReader } from "./json-reader.ts";
import type { AddResult, Dns, ResultAddress, ResultInterface, ResultRoute } from "./result.ts";
import { atLeast, type CniVersion, isSupportedVersion } from "./version.ts";

/**
 * Reads a result of any version back, for CHECK (`prevResult`) and for runtimes. Its own cniVersion decides on the shape;
 * without one, `version` does. What other plugins added beyond the specification is left aside.
 * `document` is what it is called in errors. Throws CniError code 7, or 1 on an unknown version.
 */
export function parseResult(json: JsonObject, version: CniVersion, document: string): AddResult {
  const reader = new JsonReader(json, "", document);
  const own = reader.string("cniVersion") ?? version;
  if (!isSupportedVersion(own)) {
    throw new CniError(CniCode.incompatibleVersion, {
      code: "CNI_INCOMPATIBLE_VERSION",
      where: document,
      what: `a result of CNI ${own} cannot be read`,
    });
  }
  return atLeast(own, "0.3.0") ? readModern(reader) : readLegacy(reader);
}

export function readDns(reader: JsonReader | undefined): Dns {
  if (reader === undefined) return {};
  const [nameservers, domain, search, options] = [
    reader.strings("nameservers"),
    reader.string("domain"),
    reader.strings("search"),
    reader.strings("options"),
  ];
  return {
    ...(nameservers === undefined ? {} : { nameservers }),
    ...(domain === undefined ? {} : { domain }),
    ...(search === undefined ? {} : { search }),
    ...(options === undefined ? {} : { options }),
  };
}

function readModern(reader: JsonReader): AddResult {
  const interfaces = (reader.objects("interfaces") ?? []).map(readInterface);
  const addresses = (reader.objects("ips") ?? []).map((entry) => readAddress(entry, "address", interfaces.length));
  const routes = (reader.objects("routes") ?? []).map(readRoute);
  return { interfaces, addresses, routes, dns: readDns(reader.object("dns")) };
}

function readLegacy(reader: JsonReader): AddResult {
  const families = [reader.object("ip4"), reader.object("ip6")].filter((entry) => entry !== undefined);
  return {
    interfaces: [],
    addresses: families.map((entry) => readAddress(entry, "ip", 0)),
    routes: families.flatMap((entry) => (entry.objects("routes") ?? []).map(readRoute)),
    dns: readDns(reader.object("dns")),
  };
}

function readInterface(reader: JsonReader): ResultInterface {
  const mac = reader.string("mac");
  return {
    name: required(reader, "name"),
    mac: mac === undefined || mac === "" ? undefined : readMac(reader, mac),
    mtu: reader.integer("mtu", 0, 2 ** 31),
    sandbox: reader.string("sandbox") || undefined,
  };
}

function readAddress(reader: JsonReader, key: "address" | "ip", interfaces: number): ResultAddress {
  const [text = "", lengthText = ""] = required(reader, key).split("/", 2);
  const address = readIp(reader, key, text);
  const length = Number(lengthText);
  if (!/^\d{1,3}$/.test(lengthText) || length > bitsOf(familyOf(address))) {
    throw reader.invalid(key, `"${text}/${lengthText}" is not an address with a prefix length`);
  }
  const gateway = reader.string("gateway") ?? "";
  return {
    address,
    length,
    interface: reader.integer("interface", 0, Math.max(0, interfaces - 1)),
    gateway: gateway === "" ? undefined : readIp(reader, "gateway", gateway, familyOf(address)),
  };
}

function readRoute(reader: JsonReader): ResultRoute {
  const text = required(reader, "dst");
  // Calico's own results hold the pod's address with its block's length here: the host bits are not refused, but cleared.
  const destination = wrap(reader, "dst", () => parsePrefix(text, { hostBits: "clear" }));
  const gateway = reader.string("gw") ?? "";
  return {
    destination,
    gateway: gateway === "" ? undefined : readIp(reader, "gw", gateway),
    scope: reader.integer("scope", 0, 255),
  };
}

function readIp(reader: JsonReader, key: string, text: string, family?: Family): Address {
  const address = wrap(reader, key, () => parseAddress(text));
  if (family === undefined || familyOf(address) === family) return address;
  throw reader.invalid(key, `"${text}" is not an IPv${family} address`);
}

function readMac(reader: JsonReader, text: string): Mac {
  return wrap(reader, "mac", () => parseMac(text));
}

function required(reader: JsonReader, key: string): string {
  const value = reader.string(key);
  if (value !== undefined && value !== "") return value;
  throw reader.invalid(key, "is missing");
}

function wrap<T>(reader: JsonReader, key: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof AddressError || error instanceof TypeError) throw reader.invalid(key, error.message);
    throw error;
  }
}
