import { afterAll, describe, expect, test } from "vitest";
import { assemble, encode } from "../../src/isa/index.ts";
import type { Fd } from "../../src/kernel/index.ts";
import { BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import { openTestKernel } from "./test-kernel.ts";

// What XDP programs are told when they send packets elsewhere; the values are the same on every kernel.

const kernel = await openTestKernel();
/** The loopback interface's number, everywhere. */
const LOOPBACK = 1;
const [ABORTED, PASS, TX, REDIRECT] = [0, 2, 3, 4];

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

describe.skipIf(kernel === undefined)("bpf_redirect_map", () => {
  const host = kernel!;
  afterAll(() => host[Symbol.dispose]());
  function answer(map: Fd, key: number, flags: number): number {
    const text = `r1 = map[fd:${map}]\nr2 = ${key}\nr3 = ${flags}\ncall bpf_redirect_map\nif r0 == 4 goto told\nexit\ntold:\nr0 = 4\nexit`;
    const prog_fd = host.bpf("PROG_LOAD", {
      prog_type: BPF_PROG_TYPE.XDP,
      insns: encode(assemble(text)),
      license: "GPL",
    });
    try {
      return host.bpf("PROG_TEST_RUN", { prog_fd, data_in: new Uint8Array(64) }).retval;
    } finally {
      host.close(prog_fd);
    }
  }

  test.each([
    ["devices", BPF_MAP_TYPE.DEVMAP],
    ["a hash of devices", BPF_MAP_TYPE.DEVMAP_HASH],
  ])("into %s", (_name, map_type) => {
    const map = host.bpf("MAP_CREATE", { map_type, key_size: 4, value_size: 4, max_entries: 4 });
    try {
      expect(answer(map, 2, PASS)).toBe(PASS);
      expect(answer(map, 2, TX)).toBe(TX);
      host.bpf("MAP_UPDATE_ELEM", { map_fd: map, key: u32(2), value: u32(LOOPBACK) });
      const value = new Uint8Array(4);
      expect(host.bpf("MAP_LOOKUP_ELEM", { map_fd: map, key: u32(2), value })).toBe(true);
      expect(value).toEqual(u32(LOOPBACK));
      expect(answer(map, 2, PASS)).toBe(REDIRECT);
      // To all of them, whatever the key; other flags are wrong.
      expect(answer(map, 3, 8)).toBe(REDIRECT);
      expect(answer(map, 2, 32)).toBe(ABORTED);
      expect(host.bpf("MAP_DELETE_ELEM", { map_fd: map, key: u32(2) })).toBe(true);
      expect(answer(map, 2, 1)).toBe(1);
    } finally {
      host.close(map);
    }
  });

  test("into CPUs and sockets, of which there are none", () => {
    for (const map_type of [BPF_MAP_TYPE.CPUMAP, BPF_MAP_TYPE.XSKMAP]) {
      const map = host.bpf("MAP_CREATE", { map_type, key_size: 4, value_size: 4, max_entries: 2 });
      expect([answer(map, 0, PASS), answer(map, 0, 8)]).toEqual([PASS, ABORTED]);
      host.close(map);
    }
  });
});
