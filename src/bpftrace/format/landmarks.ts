import type { Program } from "../ast.ts";

/** What the tokens of a script are, where their text alone does not tell: offsets into the source. */
export interface Landmarks {
  readonly binaryOperators: ReadonlySet<number>;
  /** Where types start, and the `*` in them. */
  readonly types: ReadonlySet<number>;
  readonly stars: ReadonlySet<number>;
  /** `{` of probes, macros and functions. */
  readonly bodies: ReadonlySet<number>;
  /** Names of probes: start to end. They are not made of tokens. */
  readonly attachPoints: ReadonlyMap<number, number>;
  /** C declarations: start to end. */
  readonly declarations: ReadonlyMap<number, number>;
}

interface Place {
  readonly start: number;
  readonly end: number;
}

/** Found in one walk over the tree, whose nodes all have their places. */
export function findLandmarks(program: Program): Landmarks {
  const { text } = program.source;
  const binaryOperators = new Set<number>();
  const types = new Set<number>();
  const stars = new Set<number>();
  const bodies = new Set<number>();
  const attachPoints = new Map<number, number>();

  const visit = (value: unknown): void => {
    if (!isObject(value)) return;
    const { kind, span, operatorSpan, typeOf } = value;
    if (kind === "binary" && isPlace(operatorSpan)) binaryOperators.add(operatorSpan.start);
    if (kind === "type" && isPlace(span)) {
      types.add(span.start);
      // `typeof($a * 2)` is an expression, with nodes of its own.
      if (!typeOf) for (let at = span.start; at < span.end; at++) if (text[at] === "*") stars.add(at);
    }
    for (const [key, child] of Object.entries(value)) if (!/span$/i.test(key)) visit(child);
  };

  for (const item of program.items) {
    visit(item);
    if (item.kind === "mapDeclaration") continue;
    bodies.add(item.body.span.start);
    if (item.kind === "probe")
      for (const { span } of item.attachPoints) attachPoints.set(span.start, span.end);
  }
  const declarations = new Map(
    program.prelude.flatMap(({ kind, span }) => (kind === "c" ? [[span.start, span.end]] : [])),
  );
  return { binaryOperators, types, stars, bodies, attachPoints, declarations };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isPlace(value: unknown): value is Place {
  return isObject(value) && typeof value["start"] === "number" && typeof value["end"] === "number";
}
