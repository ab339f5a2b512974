export interface ProjectFile {
  /** Below the project's folder. */
  readonly path: string;
  readonly text: string;
}

export type ProjectLanguage = "c" | "bt";

export interface ProjectRequest {
  /** Lower-case letters, digits and dashes. */
  readonly name: string;
  readonly language: ProjectLanguage;
  /** What package.json asks npm for: a version, or `file:` and a folder. */
  readonly dependency: string;
}

/** Versions that a new project asks for beside bpfkit. */
const TOOLS = { typescript: "^5.9.0 || ^6.0.0 || ^7.0.0", "@types/node": ">=20" } as const;

export function packageJson(
  { name, dependency }: ProjectRequest,
  scripts: Readonly<Record<string, string>>,
): ProjectFile {
  const json = {
    name,
    version: "0.1.0",
    private: true,
    type: "module",
    scripts,
    dependencies: { bpfkit: dependency },
    devDependencies: TOOLS,
  };
  return { path: "package.json", text: `${JSON.stringify(json, undefined, 2)}\n` };
}

export function tsconfig(): ProjectFile {
  const json = {
    compilerOptions: {
      target: "es2023",
      lib: ["es2023", "esnext.disposable"],
      module: "nodenext",
      types: ["node"],
      strict: true,
      noUncheckedIndexedAccess: true,
      rewriteRelativeImportExtensions: true,
      skipLibCheck: true,
      rootDir: "src",
      outDir: "dist",
    },
    include: ["src"],
  };
  return { path: "tsconfig.json", text: `${JSON.stringify(json, undefined, 2)}\n` };
}

export function gitignore(lines: readonly string[]): ProjectFile {
  return { path: ".gitignore", text: ["node_modules/", "dist/", ...lines, ""].join("\n") };
}
