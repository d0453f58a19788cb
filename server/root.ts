import { resolve } from "node:path";

/** The project's directory: the same from `server/` in tests and from the bundles in `dist/`. */
export const root = resolve(import.meta.dirname, "..");
