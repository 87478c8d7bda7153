export const BUNDLE: URL;
export function bundleIsCurrent(): boolean;
