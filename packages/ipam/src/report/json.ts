import { type JsonValue, OcicatError, parseJson, stringifyJson, toError } from "@ocicat/kit";
import { AddressError, parseAddress } from "@ocicat/net";
import type { CheckReport, ReportedAllocation, ReportedHandle } from "./report.ts";

/** As Go's encoding/json indents it: members of a map sorted, `<`, `>` and `&` escaped, no line break at the end. */
export function encodeReport(report: CheckReport): string {
  const { version, clusterGUID, datastoreLocked, clusterInformationRevision, clusterType } = report;
  const ips = Object.keys(report.allocations).sort();
  const document = {
    version,
    clusterGUID,
    datastoreLocked,
    clusterInformationRevision,
    clusterType,
    allocations: Object.fromEntries(ips.map((ip) => [ip, (report.allocations[ip] ?? []).map(inOrder)])),
    ...(report.leakedHandles === undefined ? {} : { leakedHandles: report.leakedHandles }),
  };
  return stringifyJson(document, 2).replaceAll(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

function inOrder(allocation: ReportedAllocation): object {
  const { ip, handle, sequenceNumber, pod, namespace, node, type, creationTimestamp } = allocation;
  const { inUse, borrowed, owners } = allocation;
  const text = { handle: handle || undefined, sequenceNumber, pod, namespace, node: node || undefined };
  return { ip, ...text, type, creationTimestamp, inUse, borrowed: borrowed || undefined, owners };
}

/** Throws OcicatError IPAM_REPORT_INVALID on what is no such report. `file`: for the message. */
export function decodeReport(file: string, text: string): CheckReport {
  const reader = new Reader(file);
  const report = reader.object("the report", reader.json(text));
  const field = (name: string) => reader.text(name, report[name]);
  const allocations = Object.entries(reader.object("allocations", report.allocations ?? {})).map(
    ([ip, list]) =>
      [ip, reader.list(`allocations.${ip}`, list).map((entry) => allocationFrom(reader, ip, entry))] as const,
  );
  return {
    version: field("version"),
    clusterGUID: field("clusterGUID"),
    datastoreLocked: report.datastoreLocked === true,
    clusterInformationRevision: field("clusterInformationRevision"),
    clusterType: field("clusterType"),
    allocations: Object.fromEntries(allocations),
    leakedHandles: reader.list("leakedHandles", report.leakedHandles ?? []).map((entry) => handleFrom(reader, entry)),
  };
}

function allocationFrom(reader: Reader, address: string, entry: JsonValue): ReportedAllocation {
  const where = `allocations.${address}`;
  const given = reader.object(where, entry);
  const { inUse } = given;
  // What does not say so is not taken for unused.
  if (typeof inUse !== "boolean") return reader.refuse(`${where}.inUse`, "is not true or false");
  const handle = reader.optionalText(`${where}.handle`, given.handle);
  const sequenceNumber = reader.optionalInteger(`${where}.sequenceNumber`, given.sequenceNumber);
  return {
    ip: reader.address(`${where}.ip`, given.ip),
    ...(handle === undefined ? {} : { handle }),
    ...(sequenceNumber === undefined ? {} : { sequenceNumber }),
    inUse,
    owners: null,
  };
}

function handleFrom(reader: Reader, entry: JsonValue): ReportedHandle {
  const given = reader.object("leakedHandles", entry);
  return {
    ID: reader.text("leakedHandles.ID", given.ID),
    UID: reader.optionalText("leakedHandles.UID", given.UID) ?? null,
    Revision: reader.text("leakedHandles.Revision", given.Revision),
  };
}

type Members = Readonly<Record<string, JsonValue>>;

class Reader {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  json(text: string): JsonValue {
    try {
      return parseJson(text);
    } catch (error) {
      return this.refuse("the report", `is not JSON: ${toError(error).message}`);
    }
  }

  object(where: string, value: JsonValue | undefined): Members {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Members) : this.refuse(where, "is not an object");
  }

  list(where: string, value: JsonValue): readonly JsonValue[] {
    return Array.isArray(value) ? (value as readonly JsonValue[]) : this.refuse(where, "is not a list");
  }

  text(where: string, value: JsonValue | undefined): string {
    return typeof value === "string" ? value : this.refuse(where, "is not a text");
  }

  optionalText(where: string, value: JsonValue | undefined): string | undefined {
    return value === undefined || value === null ? undefined : this.text(where, value);
  }

  optionalInteger(where: string, value: JsonValue | undefined): bigint | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "bigint") return value;
    return Number.isSafeInteger(value) ? BigInt(value as number) : this.refuse(where, "is not an integer");
  }

  address(where: string, value: JsonValue | undefined): string {
    const text = this.text(where, value);
    try {
      parseAddress(text);
      return text;
    } catch (error) {
      if (error instanceof AddressError) return this.refuse(where, error.message);
      throw error;
    }
  }

  refuse(where: string, what: string): never {
    throw new OcicatError({
      code: "IPAM_REPORT_INVALID",
      where: this.#file,
      what: `${where} ${what}`,
      fix: "make a new one with ipam check -o FILE",
    });
  }
}
