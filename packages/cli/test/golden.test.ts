import { findKind } from "@ocicat/api";
import { describe, expect, it } from "vitest";
import { DATASTORES } from "./support/datastores.ts";
import { goldenForAll, goldenRows, withoutRevisions } from "./support/golden.ts";
import { terminal } from "./support/terminal.ts";

const rows = goldenRows();

describe.each(Object.entries(DATASTORES))("from what a real Calico stored, in %s", (_name, start) => {
  const datastore = goldenForAll(start);

  it.each(rows.map((row) => [row.args.join(" "), row] as const))(
    "%s prints what calicoctl printed",
    async (_line, row) => {
      const run = terminal({ name: "calicoctl", env: { ETCD_ENDPOINTS: datastore.endpoint } });
      const { code, stdout, stderr } = await run(...row.args);
      expect(stderr).toBe("");
      expect(withoutRevisions(stdout)).toBe(withoutRevisions(row.expected));
      expect(code).toBe(0);
    },
  );
});

describe("what a real Calico was asked", () => {
  it("is all here", () => {
    expect(rows.filter(({ args }) => args[0] === "get" && findKind(args[1] ?? "") === undefined)).toEqual([]);
    expect(rows).toHaveLength(24);
  });
});
