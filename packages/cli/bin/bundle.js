import { readdirSync, statSync } from "node:fs";

const PACKAGES = new URL("../../", import.meta.url);

/** The command in few files, as tools/bundle.ts makes it. */
export const BUNDLE = new URL("../bundle/main.js", import.meta.url);

/** Whether there is one, and no package has been built after it. */
export function bundleIsCurrent() {
  const made = modified(BUNDLE);
  return (
    made !== undefined &&
    readdirSync(PACKAGES).every((name) => {
      const built = modified(new URL(`${name}/tsconfig.tsbuildinfo`, PACKAGES));
      return built === undefined || built <= made;
    })
  );
}

function modified(url) {
  return statSync(url, { throwIfNoEntry: false })?.mtimeMs;
}
