export { explainAttr } from "./bpf-attr.ts";
export type { AttrExplanation, AttrField } from "./bpf-attr.ts";
export { explainFile, explainText } from "./input.ts";
export type { ExplainedProgram, Explanation } from "./input.ts";
export { explanationJson, opcodeTableJson } from "./json.ts";
export { explanationText, opcodeTableText } from "./text.ts";
export { explainVerifierLog, isVerifierLog } from "./verifier-log.ts";
export type { LoggedInsn, RegisterState, SourcePlace, VerifierVerdict } from "./verifier-log.ts";
