/** `npm run docs`: writes docs/resources from the definitions of the kinds. What is no longer made is removed. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { referencePages } from "../packages/cli/src/explain/pages.ts";

const folder = new URL("../docs/resources/", import.meta.url);
const pages = referencePages();

mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) if (!pages.has(name)) rmSync(new URL(name, folder));
for (const [name, text] of pages) writeFileSync(new URL(name, folder), text);
process.stdout.write(`${pages.size} files in docs/resources\n`);
