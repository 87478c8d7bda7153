/** Text as one line that a terminal only shows: what it says may come from a file or a datastore. */
export function oneLine(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, " ")
    .replaceAll(/\p{Cc}/gu, "\ufffd");
}
