export interface Exported {
  readonly name: string;
  readonly kind: "class" | "interface" | "type" | "function" | "const";
  readonly declaration: string;
  /** Without its stars. */
  readonly comment: string;
}
export interface Comment {
  readonly text: string;
  readonly throws: readonly string[];
  readonly examples: readonly string[];
}
export function readExports(): Map<string, Exported>;
export function parseComment(comment: string): Comment;
