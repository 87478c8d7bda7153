import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { startEmbedded } from "./support/datastores.ts";
import { contents, goldenForAll, goldenInput } from "./support/golden.ts";
import { terminal } from "./support/terminal.ts";

/** What a real calicoctl was asked, one after the other, and with which code it ended. */
const rows = readFileSync(new URL("golden/exit-codes", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((row) => {
    const [code = "", line = ""] = row.split(/\|(.*)/);
    return { code: Number(code), line };
  });

const datastore = goldenForAll(startEmbedded);

describe("calicoctl's exit codes, in the order in which they were recorded:", () => {
  it.each(rows)("$code $line", async ({ code, line }) => {
    const args = line.split(" ").map((word) => (word.startsWith("in/") ? goldenInput(word.slice(3)) : word));
    const before = await contents(datastore.endpoint);
    const outcome = await terminal({ name: "calicoctl", env: { ETCD_ENDPOINTS: datastore.endpoint } })(...args);
    expect(outcome).toMatchObject({
      code,
      ...(code === 0 ? {} : { stdout: "", stderr: expect.stringMatching(/^calicoctl: [^\n]+\n$/) }),
    });
    if (code !== 0) expect(await contents(datastore.endpoint)).toEqual(before);
  });

  it("are all that were recorded", () => {
    expect(rows).toHaveLength(48);
  });
});
