/** As Go's `%.5g`: five significant digits, with an exponent of two digits where the number is 100,000 or more. */
export function fiveDigits(value: number): string {
  const [mantissa = "", exponent = "0"] = value.toExponential(4).split("e");
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 5)) {
    return `${withoutZeros(mantissa)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return withoutZeros(value.toFixed(4 - power));
}

/** A part of a whole as `5 (8%)`. Halves go to the even neighbour, as Go's `%.f` has it. */
export function share(part: number, whole: number): string {
  return `${fiveDigits(part)} (${whole === 0 ? 0 : roundHalfEven((100 * part) / whole)}%)`;
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function withoutZeros(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}
