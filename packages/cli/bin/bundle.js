import { readdirSync, statSync } from "node:fs";

const PACKAGES = new URL("../../", import.meta.url);

/** The command in few files, as tools/bundle.ts makes it. */
export const BUNDLE = new URL("../bundle/main.js", import.meta.url);

/** Whether there is one, and no package has been built after it. */
export function bundleIsCurrent() {
  const made = modified(BUNDLE);
  return (
    made !== undefined &&
    packages().every((name) => {
      const built = modified(new URL(`${name}/tsconfig.tsbuildinfo`, PACKAGES));
      return built === undefined || built <= made;
    })
  );
}

/** Without the files beside them, of which older versions of Node make an error when they are asked as directories. */
function packages() {
  const entries = readdirSync(PACKAGES, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

function modified(url) {
  return statSync(url, { throwIfNoEntry: false })?.mtimeMs;
}
