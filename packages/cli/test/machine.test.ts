import { describe, expect, it } from "vitest";
import { terminal } from "./support/terminal.ts";

const POOL = "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: { name: p }\nspec: { cidr: 10.0.0.0/16 }\n";
const elsewhere = { labMachine: "/run/machine.sock", stdin: POOL };

describe("a command that meets a lab in a machine of its own", () => {
  it.each([
    [["get", "ippool", "-o", "wide"]],
    [["apply", "-f", "-"]],
    [["ipam", "show", "--show-blocks"]],
    [["node", "status"]],
  ])("%j is handed over as it was typed, and ends as it ends there", async (args) => {
    const stdout = `${args.join(" ")}, handed over to /run/machine.sock\n`;
    expect(await terminal(elsewhere)(...args)).toEqual({ code: 7, stdout, stderr: "" });
  });

  it("is not handed over where the user names a datastore", async () => {
    const { code, stdout } = await terminal({ ...elsewhere, env: { ETCD_ENDPOINTS: "no address" } })("get", "node");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  it("refuses bad input here, without asking there", async () => {
    const { code, stderr } = await terminal({ ...elsewhere, stdin: POOL.replace("/16", "/33") })("apply", "-f", "-");
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("spec.cidr") });
  });
});
