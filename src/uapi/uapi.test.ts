import { describe, expect, test } from "vitest";
import {
  BPF_ATTACH_TYPE,
  BPF_ATTR,
  BPF_ATTR_SIZE,
  BPF_CMD,
  BPF_F,
  BPF_FUNC,
  BPF_MAP_TYPE,
  BPF_PROG_TYPE,
  STRUCT,
  errnoMessage,
  errnoName,
  flagNames,
  helperPrototypes,
  nameOf,
  valueOf,
} from "./index.ts";
import { HELPER_PROTOTYPES } from "./generated/helpers.ts";
import type { StructLayout } from "./index.ts";

describe("names", () => {
  test("go both ways", () => {
    expect(BPF_PROG_TYPE.TRACEPOINT).toBe(5);
    expect(nameOf(BPF_PROG_TYPE, 5)).toBe("TRACEPOINT");
    expect(valueOf(BPF_FUNC, "map_lookup_elem")).toBe(1);
    expect(nameOf(BPF_FUNC, 6)).toBe("trace_printk");
    expect(nameOf(BPF_FUNC, 9999)).toBeUndefined();
    expect(valueOf(BPF_FUNC, "toString")).toBeUndefined();
  });

  test("an alias gives way to the name in use", () => {
    expect(nameOf(BPF_CMD, 10)).toBe("PROG_TEST_RUN");
    expect(nameOf(BPF_MAP_TYPE, 19)).toBe("CGROUP_STORAGE");
    expect(nameOf(BPF_ATTACH_TYPE, BPF_ATTACH_TYPE.TRACE_FENTRY)).toBe("TRACE_FENTRY");
  });

  test("flags split into names and an unknown rest", () => {
    const flags = { A: 1, B: 2, MASK: 3 };
    expect(flagNames(flags, 0x13)).toEqual(["A", "B", "0x10"]);
    expect(flagNames(flags, 0)).toEqual([]);
  });

  test("errno by either sign", () => {
    expect(errnoName(-13)).toBe("EACCES");
    expect(errnoMessage(2)).toBe("No such file or directory");
    expect(errnoName(524)).toBe("ENOTSUPP");
    expect(errnoName(4001)).toBe("errno 4001");
  });
});

describe("helper prototypes", () => {
  test("every helper that takes arguments has one, of at most five", () => {
    expect(helperPrototypes("map_lookup_elem")).toEqual([
      {
        returns: "PTR_TO_MAP_VALUE_OR_NULL",
        arguments: ["CONST_MAP_PTR", "PTR_TO_MAP_KEY"],
        gplOnly: false,
        mightSleep: false,
      },
    ]);
    expect(helperPrototypes("probe_read_kernel")[0]?.gplOnly).toBe(true);
    const lengths = Object.values(HELPER_PROTOTYPES).flat();
    expect(lengths.every((prototype) => prototype.arguments.length <= 5)).toBe(true);
  });
});

describe("layouts", () => {
  test("every command has one, and no member passes its end", () => {
    expect(Object.keys(BPF_ATTR).sort()).toEqual(
      Object.keys(BPF_CMD)
        .filter((name) => name !== "PROG_RUN")
        .sort(),
    );
    const layouts: readonly StructLayout[] = [...Object.values(BPF_ATTR), ...Object.values(STRUCT)];
    for (const layout of layouts) {
      for (const field of Object.values(layout.fields)) {
        expect(field.offset + field.size).toBeLessThanOrEqual(layout.size);
      }
    }
    for (const layout of Object.values(BPF_ATTR)) expect(layout.size).toBeLessThanOrEqual(BPF_ATTR_SIZE);
  });

  test("known places", () => {
    expect(BPF_ATTR.PROG_LOAD.fields.log_buf).toEqual({ offset: 32, size: 8, kind: "pointer" });
    expect(BPF_ATTR.LINK_CREATE.fields["uprobe_multi.path"].kind).toBe("pointer");
    expect(STRUCT.perf_event_attr.fields.freq).toMatchObject({ offset: 40, bit: 10, width: 1 });
    expect(BPF_F.CURRENT_CPU).toBe(0xffffffff);
  });
});
