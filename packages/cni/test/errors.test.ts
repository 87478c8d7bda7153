import { OcicatError } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { CniCode, CniError } from "../src/index.ts";

describe("an error", () => {
  it("prints as the specification's object, with our code at the end", () => {
    const error = new CniError(CniCode.invalidConfig, {
      code: "CNI_INVALID_CONFIG",
      where: "mtu",
      what: "10 is less than 68",
      fix: "leave it out",
    });
    expect(error.toJson("1.0.0")).toEqual({
      cniVersion: "1.0.0",
      code: 7,
      msg: "mtu: 10 is less than 68",
      details: "leave it out [CNI_INVALID_CONFIG]",
    });
    expect(error.message).toBe("mtu: 10 is less than 68; leave it out");
    expect(error.code).toBe("CNI_INVALID_CONFIG");
  });

  it("of the agent keeps its own code", () => {
    const refused = CniError.from(new OcicatError({ code: "IPAM_EXHAUSTED", what: "no address is free" }));
    expect(refused.toJson("1.0.0")).toMatchObject({
      code: 100,
      msg: "no address is free",
      details: "[IPAM_EXHAUSTED]",
    });
    const later = CniError.from(new OcicatError({ code: "DATASTORE_DOWN", what: "no answer", retryable: true }));
    expect(later).toMatchObject({ cniCode: 11, code: "DATASTORE_DOWN", retryable: true });
  });

  it("that nobody threw on purpose is a defect, with its cause", () => {
    const defect = CniError.from(new TypeError("x is not a function"));
    expect(defect.toJson("0.4.0")).toMatchObject({
      code: 999,
      msg: "unexpected failure in the agent: x is not a function",
    });
    expect(CniError.from("thrown text").message).toContain("thrown text");
  });
});
