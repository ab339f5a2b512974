import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attach } from "../../src/attach/index.ts";
import type { Link } from "../../src/attach/index.ts";
import {
  eachObject,
  linkInfo,
  mapInfo,
  objectHolders,
  programCode,
  programInfo,
} from "../../src/inspect/index.ts";
import { call, exit, loadMap, moveImmediate } from "../../src/isa/index.ts";
import { Features, loadObject, memoryStore } from "../../src/loader/index.ts";
import type { LoadedObject } from "../../src/loader/index.ts";
import { BPF_FUNC, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import { openTestKernel } from "./test-kernel.ts";

const kernel = await openTestKernel();

describe.skipIf(kernel === undefined)("inspect", () => {
  const host = kernel!;
  let loaded: LoadedObject;
  let link: Link;
  beforeAll(() => {
    loaded = loadObject(
      {
        license: "GPL",
        maps: [{ name: "seen", type: BPF_MAP_TYPE.HASH, keySize: 4, valueSize: 8, maxEntries: 16, flags: 0 }],
        programs: [
          {
            name: "look",
            section: "test",
            type: BPF_PROG_TYPE.RAW_TRACEPOINT,
            insns: [...loadMap(1, 0), call(BPF_FUNC.ktime_get_ns), moveImmediate(0, 0), exit()],
            relocations: [{ kind: "map", insn: 0, map: "seen" }],
            functions: [],
            lines: [],
          },
        ],
      },
      { kernel: host },
    );
    const features = new Features(host, memoryStore());
    // Rare, and the program does nothing.
    const target = { kind: "rawtracepoint", event: "task_rename" } as const;
    link = attach({ kernel: host, features }, loaded.programs.get("look")!, target);
  });
  afterAll(() => {
    link[Symbol.dispose]();
    loaded[Symbol.dispose]();
    host[Symbol.dispose]();
  });

  test("programs, their maps and their code", () => {
    const own = programInfo(host, loaded.programs.get("look")!.fd);
    const map = mapInfo(host, loaded.maps.get("seen")!.fd);
    expect(own).toMatchObject({ name: "look", type: BPF_PROG_TYPE.RAW_TRACEPOINT, gplCompatible: true });
    expect(own.mapIds).toEqual([map.id]);
    expect(own.xlatedSize).toBe(40);
    expect([...eachObject(host, "prog", programInfo)].map(({ id }) => id)).toContain(own.id);
    const code = programCode(host, loaded.programs.get("look")!.fd);
    expect(code.insns).toHaveLength(5);
    // The kernel puts the map's id where its descriptor was.
    expect(code.insns[0]!.imm).toBe(map.id);
    expect(code.jited.length).toBe(own.jitedSize);
  });

  test("maps", () => {
    expect(mapInfo(host, loaded.maps.get("seen")!.fd)).toMatchObject({
      name: "seen",
      keySize: 4,
      valueSize: 8,
      maxEntries: 16,
      frozen: false,
    });
  });

  test("links, by what they are attached to", () => {
    const own = programInfo(host, loaded.programs.get("look")!.fd);
    const links = [...eachObject(host, "link", linkInfo)].filter(({ programId }) => programId === own.id);
    expect(links).toMatchObject([{ detail: { kind: "raw_tracepoint", name: "task_rename" } }]);
  });

  test("this process holds its program", () => {
    const own = programInfo(host, loaded.programs.get("look")!.fd);
    expect(objectHolders(host.files, "prog").get(own.id)).toContainEqual(
      expect.objectContaining({ pid: process.pid }),
    );
  });
});
