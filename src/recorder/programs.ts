import { addFunction, Builder, compileModule, createModule, type Block, type Value } from "../ir/index.ts";
import type { MapSpec, ObjectSpec, ProgramSpec } from "../object/index.ts";
import { BPF_FUNC, BPF_MAP_TYPE, BPF_PROG_TYPE, type BpfHelperName } from "../uapi/index.ts";
import {
  CALL_ARGS,
  COMM_SIZE,
  HEAD,
  LAST_PIECE,
  LONGEST_TEXT,
  MOST_CALLS,
  MOST_SNAP,
  MOST_TEXTS,
  NO_LIMIT,
  PIECE,
  PIECE_STATE,
  RULE,
  RULE_EXTENT,
  RULE_KIND,
  RULE_WHEN,
  RULES_SIZE,
  SAVED_WORDS,
} from "./layout.ts";

/** Names of the maps. */
export const MAP = {
  ring: "ring",
  scratch: "scratch",
  lost: "lost",
  tracked: "tracked",
  rules: "rules",
  calls: "calls",
} as const;

/** What is recorded at one hook. */
export interface RecordedHook {
  readonly program: string;
  /** BPF_PROG_TYPE number. */
  readonly type: number;
  /** Its number in the recording. */
  readonly index: number;
  /** Bytes of the context, from its start. */
  readonly contextSize: number;
  readonly role: "call-entry" | "call-exit" | "fork" | "exec" | "exit" | "plain";
  /** Of the new process's id in the context of a fork. */
  readonly childOffset?: number;
}

/** Where the running kernel's structs have what is asked of them, in bytes; absent: it does not say. */
export interface TaskOffsets {
  readonly parent?: number | undefined;
  readonly tgid?: number | undefined;
  readonly startTime?: number | undefined;
  readonly mm?: number | undefined;
  readonly argStart?: number | undefined;
  readonly argEnd?: number | undefined;
}

export interface RecorderOptions {
  readonly hooks: readonly RecordedHook[];
  readonly offsets: TaskOffsets;
  /** Only processes of the map of tracked ones, and their children. */
  readonly filtered: boolean;
  /** Bytes, a power of two. */
  readonly ringSize: number;
  /** Most bytes of a buffer. */
  readonly snap: number;
  readonly cpu: 3 | 4;
}

const CALLS_IN_FLIGHT = 16_384;
const MOST_TRACKED = 65_536;
/** The context of a call that begins: number and arguments, as raw_syscalls and syscalls have them. */
const CALL = { number: 8, args: 16, result: 16 } as const;

/** The programs of a recorder: one a hook, which share a ring. */
export function recorderObject(options: RecorderOptions): ObjectSpec {
  const scratch = LAST_PIECE + PIECE.size + Math.max(LONGEST_TEXT, MOST_SNAP) + 8;
  return {
    license: "GPL",
    maps: [
      map(MAP.ring, BPF_MAP_TYPE.RINGBUF, 0, 0, options.ringSize),
      map(MAP.scratch, BPF_MAP_TYPE.PERCPU_ARRAY, 4, scratch, 1),
      map(MAP.lost, BPF_MAP_TYPE.ARRAY, 4, 8, 1),
      map(MAP.tracked, BPF_MAP_TYPE.HASH, 4, 4, MOST_TRACKED),
      map(MAP.rules, BPF_MAP_TYPE.ARRAY, 4, RULES_SIZE, MOST_CALLS),
      map(MAP.calls, BPF_MAP_TYPE.LRU_HASH, 4, SAVED_WORDS * 8, CALLS_IN_FLIGHT),
    ],
    programs: options.hooks.map((hook) => programOf(hook, options)),
  };
}

function map(name: string, type: number, keySize: number, valueSize: number, maxEntries: number): MapSpec {
  return { name, type, keySize, valueSize, maxEntries, flags: 0 };
}

function programOf(hook: RecordedHook, options: RecorderOptions): ProgramSpec {
  const module = createModule();
  const b = new Builder(addFunction(module, { name: hook.program, params: ["ptr"], result: "i64" }));
  new RecordingProgram(b, hook, options).emit();
  const { insns, relocations, lines } = compileModule(module, { cpu: `v${options.cpu}` });
  return {
    name: hook.program,
    section: hook.type === BPF_PROG_TYPE.TRACEPOINT ? "tracepoint" : "kprobe",
    type: hook.type,
    insns,
    relocations,
    functions: [],
    lines,
  };
}

/**
 * Collects a record in the CPU's scratch memory and sends it. How far the record goes is in the record itself, behind
 * an atomic addition, and not in a register: so the verifier sees one state where there are many, and loops end soon.
 */
class RecordingProgram {
  readonly #b: Builder;
  readonly #hook: RecordedHook;
  readonly #options: RecorderOptions;
  readonly #end: Block;

  constructor(b: Builder, hook: RecordedHook, options: RecorderOptions) {
    this.#b = b;
    this.#hook = hook;
    this.#options = options;
    this.#end = b.block("end");
  }

  emit(): void {
    const b = this.#b;
    const context = b.param(0);
    const ids = this.#helper("get_current_pid_tgid", []);
    if (this.#options.filtered) this.#onlyTracked(ids);
    const scratch = this.#lookup(MAP.scratch, b.i32(0), this.#end);
    this.#head(scratch, ids, context);
    switch (this.#hook.role) {
      case "call-entry":
        this.#callEntry(scratch, ids);
        break;
      case "call-exit":
        this.#callExit(scratch, ids);
        break;
      case "exec":
        this.#arguments(scratch);
        break;
      case "fork":
        if (this.#options.filtered) this.#trackChild(scratch);
        break;
      case "exit":
        if (this.#options.filtered) this.#forget(ids);
        break;
      case "plain":
        break;
    }
    this.#send(scratch);
    b.br(this.#end);
    b.at(this.#end);
    b.ret(b.i64(0));
  }

  #onlyTracked(ids: Value): void {
    const b = this.#b;
    this.#lookup(MAP.tracked, b.convert("trunc", b.binary("lshr", ids, b.i64(32))), this.#end);
  }

  #head(scratch: Value, ids: Value, context: Value): void {
    const b = this.#b;
    const { index, contextSize } = this.#hook;
    const { parent, tgid, startTime } = this.#options.offsets;
    b.store(8, scratch, this.#helper("ktime_get_ns", []), { offset: HEAD.time });
    b.store(8, scratch, ids, { offset: HEAD.ids });
    b.store(8, scratch, this.#helper("get_current_uid_gid", []), { offset: HEAD.owner });
    b.store(8, scratch, this.#helper("get_current_cgroup_id", []), { offset: HEAD.cgroup });
    b.store(8, scratch, b.i64(0), { offset: HEAD.startTime });
    b.store(8, scratch, b.i64(HEAD.size + alignWord(contextSize)), { offset: HEAD.end });
    b.store(4, scratch, b.i32(index), { offset: HEAD.hook });
    const cpu = this.#helper("get_smp_processor_id", []);
    b.store(4, scratch, b.convert("trunc", cpu), { offset: HEAD.cpu });
    b.store(4, scratch, b.i32(0), { offset: HEAD.parent });
    this.#helper("get_current_comm", [b.add(scratch, b.i64(HEAD.comm)), b.i64(COMM_SIZE)]);
    const size = b.i64(contextSize);
    this.#helper("probe_read_kernel", [b.add(scratch, b.i64(HEAD.size)), size, context]);
    if (parent === undefined || tgid === undefined) return;
    const task = this.#helper("get_current_task", []);
    const word = b.alloca(8, 8, "word");
    b.store(8, word, b.i64(0));
    this.#helper("probe_read_kernel", [word, b.i64(8), b.add(task, b.i64(parent))]);
    const address = b.add(b.load("i64", 8, word), b.i64(tgid));
    this.#helper("probe_read_kernel", [b.add(scratch, b.i64(HEAD.parent)), b.i64(4), address]);
    if (startTime === undefined) return;
    const from = b.add(task, b.i64(startTime));
    this.#helper("probe_read_kernel", [b.add(scratch, b.i64(HEAD.startTime)), b.i64(8), from]);
  }

  #callEntry(scratch: Value, ids: Value): void {
    const b = this.#b;
    const done = b.block("followed");
    const rules = this.#rulesOf(scratch, done);
    const thread = b.convert("trunc", ids);
    const saved = b.alloca(SAVED_WORDS * 8, 8, "arguments");
    b.fill(saved, SAVED_WORDS * 8, 8, { byte: 0xff });
    b.copy(saved, scratch, CALL_ARGS * 8, 8, { sourceOffset: HEAD.size + CALL.args });
    this.#helper("map_update_elem", [b.mapRef(MAP.calls), this.#key(thread), saved, b.i64(0)]);
    const kept = this.#lookup(MAP.calls, thread, done);
    this.#follow(scratch, rules, kept, "entry", b.i64(0));
    b.br(done);
    b.at(done);
  }

  #callExit(scratch: Value, ids: Value): void {
    const b = this.#b;
    const done = b.block("followed");
    const worked = b.block("worked");
    const result = b.load("i64", 8, scratch, { offset: HEAD.size + CALL.result });
    // A call that failed filled nothing.
    b.branchIf("slt", result, b.i64(0), done, worked);
    b.at(worked);
    const rules = this.#rulesOf(scratch, done);
    const kept = this.#lookup(MAP.calls, b.convert("trunc", ids), done);
    this.#follow(scratch, rules, kept, "exit", result);
    b.br(done);
    b.at(done);
  }

  #rulesOf(scratch: Value, otherwise: Block): Value {
    return this.#lookup(
      MAP.rules,
      this.#b.load("i32", 4, scratch, { offset: HEAD.size + CALL.number }),
      otherwise,
    );
  }

  /** Reads what arguments point to, one after the other. */
  #follow(scratch: Value, rules: Value, args: Value, when: "entry" | "exit", result: Value): void {
    const b = this.#b;
    const [loop, behind] = [b.block("argument"), b.block("arguments-done")];
    const before = b.current;
    b.br(loop);
    b.at(loop);
    const at = b.phi("i64", [[before, b.i64(0)]]);
    const [look, text, other, bytes, texts, next] = [
      b.block("look"),
      b.block("text"),
      b.block("other"),
      b.block("bytes"),
      b.block("texts"),
      b.block("next"),
    ];
    // Rules and arguments have eight bytes each.
    const rule = b.add(rules, at);
    const flag = b.binary("and", b.load("i32", 1, rule, { offset: RULE.when }), b.i32(RULE_WHEN[when]));
    b.branchIf("eq", flag, b.i32(0), next, look);
    b.at(look);
    const address = b.load("i64", 8, b.add(args, at));
    const kind = b.load("i32", 1, rule, { offset: RULE.kind });
    b.branchIf("eq", kind, b.i32(RULE_KIND.text), text, other);
    b.at(other);
    if (when === "entry") b.branchIf("eq", kind, b.i32(RULE_KIND.texts), texts, bytes);
    else b.br(bytes);
    b.at(text);
    this.#text(scratch, address);
    b.br(next);
    b.at(bytes);
    this.#bytes(scratch, address, this.#extent(rule, args, result));
    b.br(next);
    b.at(texts);
    if (when === "entry") this.#texts(scratch, address);
    b.br(next);
    b.at(next);
    const advanced = b.add(at, b.i64(8));
    at.incoming.push(next);
    at.args.push(advanced);
    b.branchIf("ult", advanced, b.i64(CALL_ARGS * 8), loop, behind);
    b.at(behind);
  }

  /** Bytes of a buffer: given, by an argument, or by what the call returned. */
  #extent(rule: Value, args: Value, result: Value): Value {
    const b = this.#b;
    const snap = b.i64(this.#options.snap);
    const least = (left: Value, right: Value): Value => b.select(b.compare("ult", left, right), left, right);
    const unit = b.load("i64", 4, rule, { offset: RULE.unit });
    const extent = b.load("i32", 1, rule, { offset: RULE.extent });
    const index = b.binary("and", b.load("i64", 1, rule, { offset: RULE.index }), b.i64(NO_LIMIT));
    const limit = b.load("i64", 8, b.add(args, b.mul(index, b.i64(8))));
    const [constant, other, asResult, join] = [
      b.block("constant"),
      b.block("counted"),
      b.block("result"),
      b.block("extent"),
    ];
    const one = b.i64(1);
    b.branchIf("eq", extent, b.i32(RULE_EXTENT.constant), constant, other);
    b.at(constant);
    b.br(join);
    b.at(other);
    const given = least(limit, snap);
    const counted = b.current;
    b.branchIf("eq", extent, b.i32(RULE_EXTENT.argument), join, asResult);
    b.at(asResult);
    const filled = least(result, given);
    const behind = b.current;
    b.br(join);
    b.at(join);
    const count = b.phi("i64", [
      [constant, one],
      [counted, given],
      [behind, filled],
    ]);
    return least(b.mul(count, unit), snap);
  }

  #texts(scratch: Value, array: Value): void {
    const b = this.#b;
    const [loop, read, more, next, done] = [
      b.block("element"),
      b.block("read-element"),
      b.block("element-text"),
      b.block("next-element"),
      b.block("texts-done"),
    ];
    const word = b.alloca(8, 8, "element");
    const before = b.current;
    b.br(loop);
    b.at(loop);
    const at = b.phi("i64", [[before, b.i64(0)]]);
    const place = b.add(array, at);
    b.store(8, word, b.i64(0));
    const failed = this.#helper("probe_read_user", [word, b.i64(8), place]);
    b.branchIf("ne", failed, b.i64(0), done, read);
    b.at(read);
    const address = b.load("i64", 8, word);
    this.#bytes(scratch, place, b.i64(8));
    b.branchIf("eq", address, b.i64(0), done, more);
    b.at(more);
    this.#text(scratch, address);
    b.br(next);
    b.at(next);
    const advanced = b.add(at, b.i64(8));
    at.incoming.push(next);
    at.args.push(advanced);
    b.branchIf("ult", advanced, b.i64(MOST_TEXTS * 8), loop, done);
    b.at(done);
  }

  /** One piece: a text of the process. */
  #text(scratch: Value, address: Value): void {
    this.#piece(scratch, address, (to) => {
      const b = this.#b;
      const length = this.#helper("probe_read_user_str", [to, b.i64(LONGEST_TEXT), address]);
      return { length, failed: b.compare("sle", length, b.i64(0)) };
    });
  }

  #bytes(scratch: Value, address: Value, size: Value): void {
    this.#piece(scratch, address, (to) => {
      const b = this.#b;
      const error = this.#helper("probe_read_user", [to, size, address]);
      return { length: size, failed: b.compare("ne", error, b.i64(0)) };
    });
  }

  /** Leads to the block behind the piece, read or not. */
  #piece(
    scratch: Value,
    address: Value,
    read: (to: Value) => { readonly length: Value; readonly failed: Value },
  ): void {
    const b = this.#b;
    const [there, room, held, fault, behind] = [
      b.block("pointer"),
      b.block("room"),
      b.block("held"),
      b.block("fault"),
      b.block("piece-done"),
    ];
    b.branchIf("eq", address, b.i64(0), behind, there);
    b.at(there);
    const end = b.load("i64", 8, scratch, { offset: HEAD.end });
    b.branchIf("ugt", end, b.i64(LAST_PIECE), behind, room);
    b.at(room);
    const piece = b.add(scratch, end);
    b.store(8, piece, address, { offset: PIECE.address });
    const { length, failed } = read(b.add(piece, b.i64(PIECE.size)));
    b.condBr(failed, fault, held);
    b.at(held);
    b.store(4, piece, b.convert("trunc", length), { offset: PIECE.length });
    b.store(4, piece, b.i32(PIECE_STATE.held), { offset: PIECE.state });
    const padded = b.binary("and", b.add(length, b.i64(PIECE.size + 7)), b.i64(-8));
    b.atomic("void", "add", 8, scratch, padded, { offset: HEAD.end });
    b.br(behind);
    b.at(fault);
    b.store(4, piece, b.i32(8), { offset: PIECE.length });
    b.store(4, piece, b.i32(PIECE_STATE.fault), { offset: PIECE.state });
    b.atomic("void", "add", 8, scratch, b.i64(PIECE.size), { offset: HEAD.end });
    b.br(behind);
    b.at(behind);
  }

  /** Arguments of the program that a process has become. */
  #arguments(scratch: Value): void {
    const { mm, argStart, argEnd } = this.#options.offsets;
    if (mm === undefined || argStart === undefined || argEnd === undefined) return;
    const b = this.#b;
    const words = b.alloca(16, 8, "arguments");
    const read = (to: Value, from: Value): void =>
      void this.#helper("probe_read_kernel", [to, b.i64(8), from]);
    b.fill(words, 16, 8);
    read(words, b.add(this.#helper("get_current_task", []), b.i64(mm)));
    const memory = b.load("i64", 8, words);
    read(words, b.add(memory, b.i64(argStart)));
    read(b.add(words, b.i64(8)), b.add(memory, b.i64(argEnd)));
    const start = b.load("i64", 8, words);
    const size = b.sub(b.load("i64", 8, words, { offset: 8 }), start);
    const most = b.i64(MOST_SNAP);
    this.#bytes(scratch, start, b.select(b.compare("ult", size, most), size, most));
  }

  #trackChild(scratch: Value): void {
    const b = this.#b;
    const { childOffset } = this.#hook;
    if (childOffset === undefined) return;
    const child = b.load("i32", 4, scratch, { offset: HEAD.size + childOffset });
    const value = b.alloca(4, 4, "one");
    b.store(4, value, b.i32(1));
    this.#helper("map_update_elem", [b.mapRef(MAP.tracked), this.#key(child), value, b.i64(0)]);
  }

  /** When a process's first thread ends. */
  #forget(ids: Value): void {
    const b = this.#b;
    const [last, behind] = [b.block("last"), b.block("forgotten")];
    const process = b.convert("trunc", b.binary("lshr", ids, b.i64(32)));
    b.branchIf("eq", process, b.convert("trunc", ids), last, behind);
    b.at(last);
    this.#helper("map_delete_elem", [b.mapRef(MAP.tracked), this.#key(process)]);
    b.br(behind);
    b.at(behind);
  }

  #send(scratch: Value): void {
    const b = this.#b;
    const [fits, lost, behind] = [b.block("fits"), b.block("lost"), b.block("sent")];
    const size = b.load("i64", 8, scratch, { offset: HEAD.end });
    b.branchIf("ugt", size, b.i64(LAST_PIECE + PIECE.size + MOST_SNAP), lost, fits);
    b.at(fits);
    const failed = this.#helper("ringbuf_output", [b.mapRef(MAP.ring), scratch, size, b.i64(0)]);
    b.branchIf("ne", failed, b.i64(0), lost, behind);
    b.at(lost);
    const counter = this.#lookup(MAP.lost, b.i32(0), behind);
    b.atomic("void", "add", 8, counter, b.i64(1));
    b.br(behind);
    b.at(behind);
  }

  #key(value: Value): Value {
    const key = this.#b.alloca(4, 4, "key");
    this.#b.store(4, key, value);
    return key;
  }

  #lookup(name: string, key: Value, otherwise: Block): Value {
    const b = this.#b;
    const found = b.helper(BPF_FUNC.map_lookup_elem, "map_lookup_elem", [b.mapRef(name), this.#key(key)], {
      type: "ptr",
    });
    const hit = b.block("hit");
    b.branchIf("ne", found, b.null(), hit, otherwise, { likely: true });
    b.at(hit);
    return found;
  }

  #helper(name: BpfHelperName, args: readonly Value[]): Value {
    return this.#b.helper(BPF_FUNC[name], name, args);
  }
}

function alignWord(size: number): number {
  return Math.ceil(size / 8) * 8;
}
