// The curated face of the package; grows with the rooms it re-exports.
export { BpfkitError } from "./errors.ts";
