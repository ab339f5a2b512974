import type { CommandRow, ObjectRow } from "./command.ts";

const PROG = ["PROG", "{ id PROG_ID | pinned FILE | tag PROG_TAG | name PROG_NAME }"] as const;
const MAP = ["MAP", "{ id MAP_ID | pinned FILE | name MAP_NAME }"] as const;

/**
 * Objects and their commands in bpftool's order, which settles what a shortened word means. A command's code is
 * loaded when it runs: the vocabulary is wide, and one line needs little of it.
 */
export const COMMANDS: readonly (ObjectRow | CommandRow)[] = [
  { name: "batch", run: async (context) => (await import("./batch.ts")).runBatch(context) },
  {
    name: "prog",
    terms: [
      PROG,
      MAP,
      ["TYPE", "a program type in small letters, or a section's name, as xdp, tracepoint/, cgroup/skb"],
      [
        "ATTACH_TYPE",
        "{ sk_msg_verdict | sk_skb_verdict | sk_skb_stream_verdict | sk_skb_stream_parser | flow_dissector }",
      ],
    ],
    commands: [
      {
        name: "show",
        usage: "{ show | list } [PROG]",
        run: async (context) => (await import("./program-show.ts")).showPrograms(context),
      },
      { name: "list", run: async (context) => (await import("./program-show.ts")).showPrograms(context) },
      {
        name: "dump",
        usage: "dump { xlated | jited } PROG [file FILE | [opcodes] [linum] [visual]]",
        run: async (context) => (await import("./program-dump.ts")).dumpProgram(context),
      },
      {
        name: "pin",
        usage: "pin PROG FILE",
        run: async (context) => (await import("./pin.ts")).pinProgram(context),
      },
      {
        name: "load",
        usage:
          "{ load | loadall } OBJ PATH [type TYPE] [map { idx IDX | name NAME } MAP] [pinmaps DIR] [autoattach] [kernel_btf FILE]",
        run: async (context) => (await import("./program-load.ts")).loadOne(context),
      },
      { name: "loadall", run: async (context) => (await import("./program-load.ts")).loadAll(context) },
      {
        name: "attach",
        usage: "{ attach | detach } PROG ATTACH_TYPE [MAP]",
        run: async (context) => (await import("./program-attach.ts")).attachProgram(context),
      },
      {
        name: "detach",
        run: async (context) => (await import("./program-attach.ts")).detachProgram(context),
      },
      {
        name: "tracelog",
        usage: "tracelog [{ stdout | stderr } PROG]",
        run: async (context) => (await import("./tracelog.ts")).traceLog(context),
      },
      {
        name: "run",
        usage:
          "run PROG [data_in FILE] [data_out FILE] [data_size_out L] [ctx_in FILE] [ctx_out FILE] [ctx_size_out M] [repeat N]",
        run: async (context) => (await import("./program-run.ts")).runProgram(context),
      },
      {
        name: "profile",
        usage: "profile PROG [duration DURATION] METRICs",
        run: async (context) => (await import("./program-profile.ts")).profileProgram(context),
      },
    ],
  },
  {
    name: "map",
    terms: [
      MAP,
      PROG,
      ["DATA", "{ [hex] BYTES }"],
      ["VALUE", "{ DATA | MAP | PROG }"],
      ["UPDATE_FLAGS", "{ any | exist | noexist }"],
    ],
    commands: [
      {
        name: "show",
        usage: "{ show | list } [MAP]",
        run: async (context) => (await import("./map-show.ts")).showMaps(context),
      },
      { name: "list", run: async (context) => (await import("./map-show.ts")).showMaps(context) },
      {
        name: "dump",
        usage: "dump MAP",
        run: async (context) => (await import("./map-dump.ts")).dumpMap(context),
      },
      {
        name: "update",
        usage: "update MAP [key DATA] [value VALUE] [UPDATE_FLAGS]",
        run: async (context) => (await import("./map-access.ts")).updateMap(context),
      },
      {
        name: "lookup",
        usage: "lookup MAP [key DATA]",
        run: async (context) => (await import("./map-access.ts")).lookupMap(context),
      },
      {
        name: "getnext",
        usage: "getnext MAP [key DATA]",
        run: async (context) => (await import("./map-access.ts")).nextKey(context),
      },
      {
        name: "delete",
        usage: "delete MAP key DATA",
        run: async (context) => (await import("./map-access.ts")).deleteFromMap(context),
      },
      {
        name: "pin",
        usage: "pin MAP FILE",
        run: async (context) => (await import("./pin.ts")).pinMap(context),
      },
      {
        name: "event_pipe",
        usage: "event_pipe MAP [cpu N index M]",
        run: async (context) => (await import("./event-pipe.ts")).eventPipe(context),
      },
      {
        name: "create",
        usage:
          "create FILE type TYPE key SIZE value SIZE entries N name NAME [flags FLAGS] [inner_map MAP] [offload_dev NAME]",
        run: async (context) => (await import("./map-create.ts")).createMap(context),
      },
      {
        name: "peek",
        usage: "{ peek | pop | dequeue } MAP",
        run: async (context) => (await import("./map-access.ts")).lookupMap(context),
      },
      {
        name: "push",
        usage: "{ push | enqueue } MAP value VALUE",
        run: async (context) => (await import("./map-access.ts")).updateMap(context),
      },
      { name: "enqueue", run: async (context) => (await import("./map-access.ts")).updateMap(context) },
      { name: "pop", run: async (context) => (await import("./map-access.ts")).popFromMap(context) },
      { name: "dequeue", run: async (context) => (await import("./map-access.ts")).popFromMap(context) },
      {
        name: "freeze",
        usage: "freeze MAP",
        run: async (context) => (await import("./map-access.ts")).freezeMap(context),
      },
    ],
  },
  {
    name: "link",
    terms: [["LINK", "{ id LINK_ID | pinned FILE }"]],
    commands: [
      {
        name: "show",
        usage: "{ show | list } [LINK]",
        run: async (context) => (await import("./link-show.ts")).showLinks(context),
      },
      { name: "list", run: async (context) => (await import("./link-show.ts")).showLinks(context) },
      {
        name: "pin",
        usage: "pin LINK FILE",
        run: async (context) => (await import("./pin.ts")).pinLink(context),
      },
      {
        name: "detach",
        usage: "detach LINK",
        run: async (context) => (await import("./pin.ts")).detachLink(context),
      },
    ],
  },
  {
    name: "cgroup",
    terms: [
      PROG,
      ["ATTACH_TYPE", "as `feature list_builtins attach_types` prints them, those that begin with cgroup_"],
      ["ATTACH_FLAGS", "{ multi | override }"],
    ],
    commands: [
      {
        name: "show",
        usage: "{ show | list } CGROUP [effective]",
        run: async (context) => (await import("./cgroup-show.ts")).showCgroup(context),
      },
      { name: "list", run: async (context) => (await import("./cgroup-show.ts")).showCgroup(context) },
      {
        name: "tree",
        usage: "tree [CGROUP_ROOT] [effective]",
        run: async (context) => (await import("./cgroup-show.ts")).showCgroupTree(context),
      },
      {
        name: "attach",
        usage: "attach CGROUP ATTACH_TYPE PROG [ATTACH_FLAGS]",
        run: async (context) => (await import("./cgroup-attach.ts")).attachToCgroup(context),
      },
      {
        name: "detach",
        usage: "detach CGROUP ATTACH_TYPE PROG",
        run: async (context) => (await import("./cgroup-attach.ts")).detachFromCgroup(context),
      },
    ],
  },
  {
    name: "perf",
    commands: [
      {
        name: "show",
        usage: "{ show | list }",
        run: async (context) => (await import("./perf-show.ts")).showPerf(context),
      },
      { name: "list", run: async (context) => (await import("./perf-show.ts")).showPerf(context) },
    ],
  },
  {
    name: "net",
    terms: [PROG, ["ATTACH_TYPE", "{ xdp | xdpgeneric | xdpdrv | xdpoffload | tcx_ingress | tcx_egress }"]],
    commands: [
      {
        name: "show",
        usage: "{ show | list } [dev NAME]",
        run: async (context) => (await import("./net-show.ts")).showNet(context),
      },
      { name: "list", run: async (context) => (await import("./net-show.ts")).showNet(context) },
      {
        name: "attach",
        usage: "attach ATTACH_TYPE PROG dev NAME [overwrite | prepend]",
        run: async (context) => (await import("./net-attach.ts")).attachToNet(context),
      },
      {
        name: "detach",
        usage: "detach ATTACH_TYPE dev NAME",
        run: async (context) => (await import("./net-attach.ts")).detachFromNet(context),
      },
    ],
  },
  {
    name: "feature",
    terms: [
      ["COMPONENT", "{ kernel | dev NAME }"],
      ["GROUP", "{ prog_types | map_types | attach_types | link_types | helpers }"],
    ],
    commands: [
      {
        name: "probe",
        usage: "probe [COMPONENT] [full] [unprivileged] [macros [prefix PREFIX]]",
        run: async (context) => (await import("./feature-probe.ts")).probeFeatures(context),
      },
      {
        name: "list_builtins",
        usage: "list_builtins GROUP",
        run: async (context) => (await import("./feature-list.ts")).listBuiltins(context),
      },
    ],
  },
  {
    name: "btf",
    terms: [
      ["BTF_SRC", "{ id BTF_ID | prog PROG | map MAP [key | value | kv | all] | file FILE [file FILE]... }"],
      ["FORMAT", "{ raw | c [unsorted] [exact] }"],
      PROG,
      MAP,
    ],
    commands: [
      {
        name: "show",
        usage: "{ show | list } [id BTF_ID]",
        run: async (context) => (await import("./btf-show.ts")).showBtf(context),
      },
      { name: "list", run: async (context) => (await import("./btf-show.ts")).showBtf(context) },
      {
        name: "dump",
        usage: "dump BTF_SRC [format FORMAT] [root_id ROOT_ID]...",
        run: async (context) => (await import("./btf-dump.ts")).dumpBtf(context),
      },
    ],
  },
  {
    name: "gen",
    commands: [
      {
        name: "object",
        usage: "object OUTPUT_FILE INPUT_FILE [INPUT_FILE...]",
        run: async (context) => (await import("./gen-object.ts")).genObject(context),
      },
      {
        name: "skeleton",
        usage: "skeleton FILE [name OBJECT_NAME] [event MAP STRUCT]...",
        run: async (context) => (await import("./gen-skeleton.ts")).genSkeleton(context),
      },
      {
        name: "subskeleton",
        usage: "subskeleton FILE [name OBJECT_NAME] [event MAP STRUCT]...",
        run: async (context) => (await import("./gen-skeleton.ts")).genSubskeleton(context),
      },
      {
        name: "min_core_btf",
        usage: "min_core_btf INPUT OUTPUT OBJECT [OBJECT...]",
        run: async (context) => (await import("./gen-min-core-btf.ts")).genMinCoreBtf(context),
      },
    ],
  },
  {
    name: "struct_ops",
    terms: [["STRUCT_OPS_MAP", "{ id MAP_ID | name MAP_NAME }"]],
    commands: [
      {
        name: "show",
        usage: "{ show | list } [STRUCT_OPS_MAP]",
        run: async (context) => (await import("./struct-ops.ts")).showStructOps(context),
      },
      { name: "list", run: async (context) => (await import("./struct-ops.ts")).showStructOps(context) },
      {
        name: "register",
        usage: "register OBJ [LINK_DIR]",
        run: async (context) => (await import("./struct-ops-register.ts")).registerStructOps(context),
      },
      {
        name: "unregister",
        usage: "unregister STRUCT_OPS_MAP",
        run: async (context) => (await import("./struct-ops.ts")).unregisterStructOps(context),
      },
      {
        name: "dump",
        usage: "dump [STRUCT_OPS_MAP]",
        run: async (context) => (await import("./struct-ops.ts")).dumpStructOps(context),
      },
    ],
  },
  {
    name: "iter",
    bare: "help",
    terms: [MAP],
    commands: [
      {
        name: "pin",
        usage: "pin OBJ PATH [map MAP]",
        run: async (context) => (await import("./iter-pin.ts")).pinIterator(context),
      },
    ],
  },
  {
    name: "token",
    commands: [
      {
        name: "show",
        usage: "{ show | list }",
        run: async (context) => (await import("./token-show.ts")).showTokens(context),
      },
      { name: "list", run: async (context) => (await import("./token-show.ts")).showTokens(context) },
    ],
  },
  { name: "version", run: async (context) => (await import("./version.ts")).showVersion(context) },
];
