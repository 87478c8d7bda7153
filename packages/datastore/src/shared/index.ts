/** What all backends have in common: for one that is another package. */
export { alreadyExists, closed, compacted, conflict, futureRevision, notFound, unsupported } from "./failures.ts";
export { compareKeys } from "./keys.ts";
export { checkKey, checkList, checkRevision, checkSize, checkWatch, checkWrite, tooLarge } from "./validate.ts";
export { WatchQueue } from "./watch-queue.ts";
