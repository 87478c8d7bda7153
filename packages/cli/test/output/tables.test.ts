import { describe, expect, it } from "vitest";
import { formatBox } from "../../src/output/box.ts";
import { oneLine } from "../../src/output/line.ts";
import { fiveDigits, share } from "../../src/output/quantity.ts";
import { formatSince } from "../../src/output/since.ts";

describe("formatBox", () => {
  it("puts headings in the middle, numbers right, everything else left", () => {
    expect(
      formatBox(
        ["NAME", "N", "SHARE"],
        [
          ["a-long-name", "7", "7 (11%)"],
          ["b", "1.2089e+24", ""],
        ],
      ),
    ).toBe(
      [
        "+-------------+------------+---------+",
        "|    NAME     |     N      |  SHARE  |",
        "+-------------+------------+---------+",
        "| a-long-name |          7 | 7 (11%) |",
        "| b           | 1.2089e+24 |         |",
        "+-------------+------------+---------+",
        "",
      ].join("\n"),
    );
  });

  it("is a heading where there are no rows", () => {
    expect(formatBox(["A"], [])).toBe("+---+\n| A |\n+---+\n+---+\n");
  });
});

describe("fiveDigits", () => {
  // As Go's fmt.Sprintf("%.5g", …) prints each.
  it.each([
    [0, "0"],
    [64, "64"],
    [65536, "65536"],
    [99999, "99999"],
    [100000, "1e+05"],
    [131072, "1.3107e+05"],
    [999999.6, "1e+06"],
    [2 ** 80, "1.2089e+24"],
    [2 ** 128, "3.4028e+38"],
    [0.5, "0.5"],
    [1234.5678, "1234.6"],
  ])("%d is %s", (value, text) => {
    expect(fiveDigits(value)).toBe(text);
  });
});

describe("share", () => {
  it.each([
    [5, 65536, "5 (0%)"],
    [1, 64, "1 (2%)"],
    [64, 64, "64 (100%)"],
    // Halves go to the even number, as in Go: 12.5, 87.5, 37.5.
    [8, 64, "8 (12%)"],
    [56, 64, "56 (88%)"],
    [24, 64, "24 (38%)"],
    [0, 0, "0 (0%)"],
  ])("%d of %d is %s", (part, whole, text) => {
    expect(share(part, whole)).toBe(text);
  });
});

describe("oneLine", () => {
  it("is one line, without anything that a terminal would obey", () => {
    expect(oneLine("a \n  b\n\nc\u001b[31m\td\u009b\n")).toBe("a b c\ufffd[31m\ufffdd\ufffd");
  });
});

describe("formatSince", () => {
  const since = new Date("2026-11-21T23:19:42Z");
  const hours = (count: number) => new Date(since.getTime() + count * 3_600_000);

  it("is a time of day within 20 hours, and a date after that", () => {
    expect(formatSince(since, hours(0), "UTC")).toBe("23:19:42");
    expect(formatSince(since, hours(19.99), "UTC")).toBe("23:19:42");
    expect(formatSince(since, hours(20), "UTC")).toBe("2026-11-21");
  });

  it("is told for the zone it is given", () => {
    expect(formatSince(since, hours(1), "Asia/Shanghai")).toBe("07:19:42");
    expect(formatSince(since, hours(48), "Asia/Shanghai")).toBe("2026-11-22");
    expect(formatSince(new Date("2026-11-21T00:00:00Z"), since, "UTC")).toBe("2026-11-21");
  });
});
