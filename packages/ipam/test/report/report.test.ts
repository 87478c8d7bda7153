import { describe, expect, it } from "vitest";
import { type CheckReport, decodeReport, encodeReport, leaksInAll, type ReportedAllocation } from "../../src/index.ts";

const leak: ReportedAllocation = { ip: "10.0.0.1", handle: "net.a", sequenceNumber: 7n, inUse: false, owners: null };

function report(allocations: readonly ReportedAllocation[], handles: CheckReport["leakedHandles"] = []): CheckReport {
  return {
    version: "v1",
    clusterGUID: "g",
    datastoreLocked: true,
    clusterInformationRevision: "3",
    clusterType: "k8s",
    allocations: Object.fromEntries(Map.groupBy(allocations, ({ ip }) => ip)),
    leakedHandles: handles,
  };
}

describe("a report", () => {
  it("reads back as it was written, sequence numbers beyond 2^53 too", () => {
    const big = { ...leak, sequenceNumber: 18_446_744_073_709_551_615n };
    const handles = [{ ID: "net.x", UID: null, Revision: "5" }];
    expect(decodeReport("f", encodeReport(report([big], handles)))).toEqual(report([big], handles));
  });

  it("is JSON as Go writes it", () => {
    const text = encodeReport(report([{ ...leak, pod: "<&>" }]));
    expect(text).toContain('"pod": "\\u003c\\u0026\\u003e"');
    expect(text).toContain('"leakedHandles": []');
  });

  it.each([
    ["[]", "the report is not an object"],
    ['{"version":1}', "version is not a text"],
    [encodeReport(report([leak])).replace('"10.0.0.1",', '"10.0.0",'), "allocations.10.0.0.1.ip"],
    [encodeReport(report([leak])).replace(": 7,", ": 7.5,"), "sequenceNumber is not an integer"],
  ])("refuses %j", (text, message) => {
    expect(() => decodeReport("report.json", text)).toThrow(message);
  });
});

describe("what is leaked in all reports", () => {
  it("is what each of them calls unused, of the same allocation", () => {
    const given = { ...leak, sequenceNumber: 8n };
    const other = { ...leak, ip: "10.0.0.2" };
    const keys = (...reports: readonly CheckReport[]) => [...leaksInAll(reports).allocations.keys()];
    expect(keys(report([leak, other]), report([leak, other]))).toEqual(["10.0.0.1", "10.0.0.2"]);
    expect(keys(report([leak, other]), report([given, other]))).toEqual(["10.0.0.2"]);
    expect(keys(report([leak]), report([{ ...leak, inUse: true }]))).toEqual([]);
    expect(keys(report([leak]), report([leak]), report([]))).toEqual([]);
    expect(keys()).toEqual([]);
  });

  it("is handles that nobody wrote in between", () => {
    const handle = { ID: "net.x", UID: null, Revision: "5" };
    const ids = (...reports: readonly CheckReport[]) => [...leaksInAll(reports).handles.keys()];
    expect(ids(report([], [handle]), report([], [handle]))).toEqual(["net.x"]);
    expect(ids(report([], [handle]), report([], [{ ...handle, Revision: "6" }]))).toEqual([]);
  });
});
