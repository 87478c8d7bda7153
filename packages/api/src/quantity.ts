const UNITS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

const QUANTITY = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?$/;
/** Beyond it a product of a decimal fraction is not exact anyway. */
const DIGITS = 12;

/** The whole number that a quantity of Kubernetes stands for, rounded up: `10M`, `1.5Gi`, `1e3`. Undefined: it is none. */
export function parseQuantity(text: string): number | undefined {
  const [, digits, unit = "", exponent = "0"] = QUANTITY.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = Number(digits) * (UNITS[unit] ?? 1) * 10 ** Number(exponent);
  return Math.ceil(Number.isSafeInteger(value) ? value : Number(value.toPrecision(DIGITS + 3)));
}
