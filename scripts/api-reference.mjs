// npm run docs:api: writes docs/api.md from the comments of everything that the package exports. With --check it
// only compares, and fails where the file is not current.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseComment, readExports } from "./api-extract.mjs";
import { root } from "./setup.mjs";

const FILE = join(root, "docs", "api.md");
/** Longer declarations are tables of numbers. */
const MOST_LINES = 90;

/** Everything has its place: a new export is refused until it is given one. */
const GROUPS = [
  [
    "Objects",
    "load readObject cc CcOptions CcResult assembleObject ObjectInput LoadOptions MapChanges BpfObject ObjectTypes UnknownObject",
  ],
  [
    "Programs",
    "Program TestRunOptions TestRunResult AttachOptions Hook HookPlaces HookChoice PlacesOf AttachedObject Link openLink openProgram",
  ],
  [
    "Maps",
    "BpfMap UpdateOptions MapView QueueMap BloomMap UserRingMap OtherMap MapHandle AnyMap createMap lpmKey openMap OpenMapOptions OpenOptions KernelHandle KeyedMapDescription KeyedMapType QueueDescription BloomDescription RingDescription TypeName ValueOf ElementOf MapOptions",
  ],
  ["Events", "EventMap EventReadOptions EventReader ReadOptions BatchOptions"],
  [
    "Tracing scripts",
    "compile CompileOptions CompiledScript trace TraceOptions TraceRun TraceEvent TracePlan Diagnostic MapSnapshot Value Integer Frame Histogram Bucket Label",
  ],
  [
    "Recordings",
    "openRecording Recording RecordedEvent RecordedValue EventFilter RecordingInfo RecordingEnvironment RecordedSelf RecordingDamage Replay",
  ],
  ["Types and values", "Shape ShapeField Codec Input compileCodec shapeOf parseBtf Btf"],
  ["Blueprints", "ObjectSpec MapSpec ProgramSpec"],
  ["Linking, and small BTF", "linkObjects LinkInput minimizeBtf btfFromFile CoreUser CoreRelocation"],
  ["Explanations", "explainVerifierLog VerifierVerdict RegisterState LoggedInsn SourcePlace"],
  [
    "The kernel",
    "openKernel KernelOptions Kernel Features BpfCommand BpfAttr BpfResult Fd MapInfo ProgramInfo",
  ],
  [
    "Errors",
    "BpfkitError LibraryError LibraryErrorCode SyscallError VerifierError AttachError DiagnosticError RecordingError CError CodecError CodecErrorCode ObjectError ElfError BtfError",
  ],
  ["Constants", "BPF_MAP_TYPE BPF_PROG_TYPE BPF_ATTACH_TYPE BPF_F ERRNO"],
];

/** The text of docs/api.md, of what `readExports` found. */
export function apiReference(found) {
  const exported = new Map(found);
  const groups = GROUPS.map(([title, names]) => ({
    title,
    entries: names.split(" ").flatMap((name) => {
      const found = exported.get(name);
      exported.delete(name);
      return found ? [found] : [];
    }),
  }));
  if (exported.size > 0)
    throw new Error(
      `Exports without a place in scripts/api-reference.mjs: ${[...exported.keys()].join(", ")}`,
    );
  const contents = groups.map(
    ({ title, entries }) =>
      `- **${title}**: ${entries.map(({ name }) => `[${name}](#${name.toLowerCase()})`).join(", ")}\n`,
  );
  const sections = groups.map(
    ({ title, entries }) => `## ${title}\n\n${entries.map((entry) => section(entry)).join("")}`,
  );
  return (
    (
      "# API reference\n\n" +
      'Everything that `import { … } from "bpfkit"` gives. Made by `npm run docs:api` from the comments in the\n' +
      "sources; [library.md](library.md) is the guide. Every example here is run by the tests.\n\n" +
      `${contents.join("")}\n${sections.join("")}`
    ).trimEnd() + "\n"
  );
}

function section({ name, declaration, comment }) {
  const { text, throws, examples } = parseComment(comment);
  return (
    `### ${name}\n\n` +
    (text === "" ? "" : `${text}\n\n`) +
    throws.map((one) => `Throws ${one.replace(/\.$/, "")}.\n\n`).join("") +
    `\`\`\`ts\n${shown(declaration)}\n\`\`\`\n\n` +
    examples.map((code) => `Example:\n\n\`\`\`ts\n${code.trimEnd()}\n\`\`\`\n\n`).join("")
  );
}

/** As a reader wants it: without what is private, and tables of numbers cut. */
function shown(declaration) {
  const lines = declaration
    .replace(/^export (declare )?/gm, "")
    .replace(
      /\n\s*\/\*\*(?:(?!\*\/)[\s\S])*are made by(?:(?!\*\/)[\s\S])*\*\/\n\s*constructor\((?:[^()]|\([^()]*\))*\);/g,
      "",
    )
    .split("\n")
    .filter((line) => line.trim() !== "#private;" && !/^\s*private /.test(line));
  if (lines.length <= MOST_LINES) return lines.join("\n");
  return [...lines.slice(0, 12), `    // … ${lines.length - 13} more`, lines.at(-1)].join("\n");
}

if (process.argv[1]?.endsWith("api-reference.mjs")) {
  const text = apiReference(readExports());
  if (process.argv.includes("--check")) {
    if (readFileSync(FILE, "utf8") !== text) {
      console.error("docs/api.md is not current: run npm run docs:api");
      process.exitCode = 1;
    }
  } else writeFileSync(FILE, text);
}
