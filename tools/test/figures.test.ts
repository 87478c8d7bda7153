import { describe, expect, it } from "vitest";
import { withSection } from "../../bench/publish.ts";

const PAGE = "# Figures\n\nWhat they are.\n\n## `b`: old\n\n| 1 |\n\n## `c`: other\n\n| 2 |\n";

describe("the page of figures", () => {
  it("has a suite's newest figures in place of those before, and leaves the others", () => {
    expect(withSection(PAGE, "b", "## `b`: new\n\n| 3 |\n")).toBe(
      "# Figures\n\nWhat they are.\n\n## `b`: new\n\n| 3 |\n\n## `c`: other\n\n| 2 |\n",
    );
  });

  it("keeps the suites in the order of their names", () => {
    const page = withSection(PAGE, "a", "## `a`: first\n");
    expect([...page.matchAll(/^## `(\w+)`/gm)].map(([, name]) => name)).toEqual(["a", "b", "c"]);
    expect(withSection("# Figures\n", "a", "## `a`: first\n")).toBe("# Figures\n\n## `a`: first\n");
  });
});
