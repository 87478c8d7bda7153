import { accept, refuse, type ScalarSchema, text } from "../schema/index.ts";
import { parseSelector, SelectorError } from "./parse.ts";

/** Text that is a selector; kept as written. */
export function selector(): ScalarSchema<string> {
  return text("a selector such as all() or rack == 'r1'", (value) => {
    try {
      parseSelector(value);
      return accept(value);
    } catch (error) {
      if (!(error instanceof SelectorError)) throw error;
      return refuse("selector", `is not a selector: column ${error.column}: ${error.reason}`, error.column);
    }
  });
}
