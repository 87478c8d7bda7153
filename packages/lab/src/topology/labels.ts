import { checkLabelKey, checkLabelValue, type Labels } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";

/** A pod's labels as they are typed, `app=web`; several may stand in one text, with commas. Throws OcicatError LAB_LABEL. */
export function parseLabels(texts: readonly string[]): Labels {
  const pairs = texts
    .flatMap((text) => text.split(","))
    .map((pair) => {
      const equals = pair.indexOf("=");
      if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)] as const;
      throw new OcicatError({ code: "LAB_LABEL", what: `"${pair}" is not a label`, fix: "write KEY=VALUE: app=web" });
    });
  return checkLabels(Object.fromEntries(pairs));
}

/** Throws OcicatError LAB_LABEL. */
export function checkLabels(labels: Readonly<Record<string, unknown>>): Labels {
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]) => {
      if (typeof value !== "string") throw bad(key, value, "is not a text: put it in quotes");
      for (const checked of [checkLabelKey(key), checkLabelValue(value)]) {
        if (!checked.ok) throw bad(key, value, checked.message ?? "is refused");
      }
      return [key, value];
    }),
  );
}

function bad(key: string, value: unknown, why: string): OcicatError {
  return new OcicatError({ code: "LAB_LABEL", what: `the label ${key}=${String(value)} ${why}` });
}
