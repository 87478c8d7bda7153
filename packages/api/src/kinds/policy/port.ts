import { accept, type Checked, refuse, type ScalarSchema, scalar, text } from "../../schema/index.ts";

/** What Kubernetes calls a port (RFC 6335 §5.1): at most 15 of a-z, 0-9 and `-`, a letter among them. */
export function portName(): ScalarSchema<string> {
  return text("a port's name: at most 15 of a-z, 0-9 and single '-' between them, with a letter", checkPortName);
}

export function checkPortName(value: string): Checked<string> {
  const isName = value.length <= 15 && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(value) && /[a-z]/.test(value);
  return isName ? accept(value) : refuse("port-name");
}

/** One port, a range of them, or the name that endpoints give to one of theirs. */
export type RulePort = number | string;

/** A port by number, a range as `min:max`, or a name; a range of one port becomes its number. */
export function rulePort(): ScalarSchema<RulePort> {
  const check = (value: unknown): Checked<RulePort> => {
    if (typeof value !== "number" && typeof value !== "string") return refuse("type");
    const numbers = /^(\d+)(?::(\d+))?$/.exec(String(value));
    // Names were once freer than portName; what is stored is read all the same.
    if (numbers === null && typeof value === "number") return refuse("range");
    if (numbers === null) return /^[a-zA-Z0-9_.-]{1,128}$/.test(String(value)) ? accept(value) : refuse("port");
    const [min, max] = [Number(numbers[1]), Number(numbers[2] ?? numbers[1])];
    if (min < 1 || max < 1 || min > 65_535 || max > 65_535) return refuse("range");
    if (min > max) return refuse("port-range", "ends before it begins");
    return accept(min === max ? min : `${min}:${max}`);
  };
  return scalar("a port from 1 to 65535, a range of them such as 8000:8100, or a port's name", check, {
    type: ["integer", "string"],
    minimum: 1,
    maximum: 65_535,
    pattern: "^\\d{1,5}(:\\d{1,5})?$|^[a-zA-Z0-9_.-]{1,128}$",
  });
}

/** Neither a number nor a range. */
export function isNamedPort(port: RulePort): port is string {
  return typeof port === "string" && !/^\d+:\d+$/.test(port);
}
