import { ElfType, usdtArguments, usdtNotes, type UsdtNote } from "../elf/index.ts";
import type { LoadedProgram } from "../loader/index.ts";
import { BPF_ATTACH_TYPE } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { AttachContext, Attacher } from "./context.ts";
import { linkAll, withCleanup, type Link } from "./link.ts";
import { nearestHint } from "./nearest.ts";
import { probeFileMany } from "./uprobe-multi.ts";
import { probeFile } from "./uprobe.ts";
import type { UsdtSpecs } from "./usdt-specs.ts";
import { findUserFile, UserFile } from "./user-file.ts";

/** Every place of the file where the probe was compiled in. */
export const attachUsdt: Attacher<"usdt"> = (context, program, hook) => {
  const path = findUserFile(hook.path);
  const name = `usdt:${path}:${hook.provider}:${hook.name}`;
  const file = new UserFile(name, path);
  const notes = usdtNotes(file.elf);
  const places = notes.filter((note) => note.name === hook.name && note.provider === hook.provider);
  if (places.length === 0) throw unknownProbe(name, path, hook, notes);
  const probes: (Spec & { readonly note: UsdtNote })[] = [];
  const release = (): void => {
    for (const { off } of probes) off();
  };
  const probe = { name, path, return: false };
  try {
    for (const note of places) probes.push({ note, ...spec(context, name, note, file) });
    const link =
      program.spec.expectedAttachType === BPF_ATTACH_TYPE.TRACE_UPROBE_MULTI
        ? probeFileMany(context, program, {
            name,
            path,
            mode: "entry",
            offsets: places.map(({ fileOffset }) => fileOffset),
            counterOffsets: places.map(({ semaphoreOffset }) => semaphoreOffset ?? 0),
            cookies: probes.map(({ cookie }) => cookie ?? 0n),
          })
        : linkAll(
            probes.map(
              ({ note, cookie }) =>
                () =>
                  probeOne(context, program, { ...probe, note, cookie }),
            ),
          );
    return withCleanup(link, release);
  } catch (error) {
    release();
    throw error;
  }
};

function probeOne(
  { cookie: _own, ...context }: AttachContext,
  program: LoadedProgram,
  probe: { name: string; path: string; return: boolean; note: UsdtNote; cookie: bigint | undefined },
): Link {
  const { note, cookie, ...file } = probe;
  return probeFile(cookie === undefined ? context : { ...context, cookie }, program, {
    ...file,
    offset: note.fileOffset,
    ...(note.semaphoreOffset !== undefined && { counterOffset: note.semaphoreOffset }),
  });
}

interface Spec {
  /** What the kernel hands the program: the number of its spec, or the caller's cookie where it has none. */
  readonly cookie: bigint | undefined;
  readonly off: () => void;
}

function spec(context: AttachContext, name: string, note: UsdtNote, file: UserFile): Spec {
  const { usdt, cookie, features, kernel } = context;
  const none = { cookie, off: () => undefined };
  if (!usdt) return none;
  const args = usdtArguments(note.arguments, kernel.release.arch);
  const id = args ? usdt.add(args, cookie ?? 0n) : "unreadable";
  if (id === "unreadable")
    throw new AttachError(name, `its arguments cannot be read: ${note.arguments}`, {
      code: "unsupported",
      hints: ["Arguments with an index register need usdt.bpf.h of bpfkit, or of libbpf 1.7"],
    });
  if (id === "full")
    throw new AttachError(name, "the map of argument places is full", {
      code: "failed",
      hints: ["Define BPF_USDT_MAX_SPEC_CNT above the number of places before including usdt.bpf.h"],
    });
  if (features.has("perfLink")) return { cookie: BigInt(id), off: () => usdt.release(id) };
  return { cookie: undefined, off: byAddress(usdt, id, name, note, file) };
}

function byAddress(usdt: UsdtSpecs, id: number, name: string, note: UsdtNote, file: UserFile): () => void {
  if (file.elf.type !== ElfType.Executable) {
    usdt.release(id);
    throw new AttachError(name, "this kernel gives programs no cookie, and the file may lie anywhere", {
      code: "unsupported",
      hints: ["Arguments of USDT probes in libraries and position-independent programs need Linux 5.15"],
    });
  }
  usdt.setAddress(note.address, id);
  return () => {
    usdt.removeAddress(note.address);
    usdt.release(id);
  };
}

function unknownProbe(
  target: string,
  path: string,
  { provider, name }: { readonly provider: string; readonly name: string },
  notes: readonly UsdtNote[],
): AttachError {
  const known = new Set(notes.map((note) => `${note.provider}:${note.name}`));
  return new AttachError(target, `${path} has no such probe`, {
    code: "unknown",
    hints:
      known.size === 0
        ? ["The file was built without static probes (sys/sdt.h)"]
        : nearestHint(`${provider}:${name}`, known),
  });
}
