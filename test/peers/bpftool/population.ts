import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { attachAll, attachStructOps } from "../../../src/attach/index.ts";
import { Features, loadObject } from "../../../src/loader/index.ts";
import type { LoadedObject } from "../../../src/loader/index.ts";
import { fromElf } from "../../../src/object/index.ts";
import type { ObjectSpec } from "../../../src/object/index.ts";
import { BPF_MAP_TYPE } from "../../../src/uapi/index.ts";
import type { Holding } from "./holding.ts";
import { makeLinks } from "./make-links.ts";
import { makeMaps } from "./make-maps.ts";
import { makePrograms } from "./make-programs.ts";

/** Where a bpf file system that lends rights is mounted. */
const TOKENS = "/tmp/tokens";

/** Where the guest has modules and compiled objects. */
export interface PopulationFiles {
  readonly modules: string;
  readonly objects: string;
}

/** Fills the guest's kernel with objects of every kind that it can have. */
export function populate(holding: Holding, { modules, objects }: PopulationFiles): void {
  for (const file of existsSync(modules) ? readdirSync(modules) : [])
    holding.attempt(`module ${file}`, () => runShell("insmod", join(modules, file)));
  makeMaps(holding);
  makePrograms(holding);
  const compiled = (name: string): string => join(objects, `${name}.bpf.o`);
  if (existsSync(compiled("programs"))) {
    const programs = loadTyped(holding, compiled("programs"));
    if (programs) replaceFunction(holding, compiled("extension"), programs);
    registerStructOps(holding, compiled("struct-ops"), "by_map");
    registerStructOps(holding, compiled("struct-ops-link"), "by_link");
  }
  makeLinks(holding);
  pinSome(holding);
  holding.attempt("tokens", () => {
    mkdirSync(TOKENS);
    const rights = "delegate_cmds=map_create:prog_load,delegate_maps=hash,delegate_progs=any";
    runShell("mount", "-t", "bpf", "-o", rights, "tokens", TOKENS);
  });
}

/** Types, globals, functions and source lines; some runs fill its map. */
function loadTyped(holding: Holding, file: string): LoadedObject | undefined {
  return holding.attempt("object with types", () => {
    const loaded = loadObject(readObject(file), { kernel: holding.kernel });
    const filter = loaded.programs.get("filter_with_a_long_name")!;
    for (const size of [20, 21, 22])
      holding.kernel.bpf("PROG_TEST_RUN", { prog_fd: filter.fd, data_in: new Uint8Array(size) });
    return loaded;
  });
}

function replaceFunction(holding: Holding, file: string, target: LoadedObject): void {
  const { kernel } = holding;
  const filter = target.programs.get("filter_with_a_long_name")!;
  const extension = holding.attempt("program freplace", () =>
    loadObject(readObject(file), { kernel, targets: new Map([["scale_otherwise", filter.fd]]) }),
  );
  if (extension)
    holding.attempt("link freplace", () => attachAll({ kernel, features: new Features(kernel) }, extension));
}

/** Structs held by links are younger than those held by their maps. */
function registerStructOps(holding: Holding, file: string, name: string): void {
  const { kernel } = holding;
  const spec = readObject(file);
  const maps = spec.maps.filter((map) => map.type !== BPF_MAP_TYPE.STRUCT_OPS || map.name === name);
  const loaded = holding.attempt(`struct_ops ${name}`, () => loadObject({ ...spec, maps }, { kernel }));
  if (loaded) holding.attempt(`registered ${name}`, () => attachStructOps(kernel, loaded.maps.get(name)!));
}

function readObject(file: string): ObjectSpec {
  return fromElf(readFileSync(file)).spec;
}

function pinSome(holding: Holding): void {
  for (const name of ["map hash", "program xdp", "link raw_tracepoint", "map array", "link iter_task"]) {
    const fd = holding.fds.get(name);
    if (fd === undefined) continue;
    const pathname = `/sys/fs/bpf/${name.replace(" ", "_")}`;
    holding.attempt(`pin ${name}`, () => holding.kernel.bpf("OBJ_PIN", { bpf_fd: fd, pathname }));
  }
}

function runShell(command: string, ...args: string[]): undefined {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr.trim());
}
