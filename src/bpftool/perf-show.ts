import { taskPrograms } from "../inspect/index.ts";
import type { TaskProgram } from "../inspect/index.ts";
import type { Command } from "./command.ts";
import type { Json } from "./json.ts";

/** perf show: which descriptors of which processes run programs. */
export const showPerf: Command = async ({ args, kernel: open }) => {
  args.end();
  const programs = [...taskPrograms(await open())];
  return {
    text: () => programs.map(taskProgramText).join(""),
    json: () => programs.map(taskProgramJson),
  };
};

export function taskProgramText(program: TaskProgram): string {
  const head = `pid ${program.pid}  fd ${program.fd}: prog_id ${program.programId}  ${program.type}  `;
  switch (program.type) {
    case "raw_tracepoint":
    case "tracepoint":
      return `${head}${program.name}\n`;
    case "kprobe":
    case "kretprobe":
      return program.name === ""
        ? `${head}addr ${program.address}\n`
        : `${head}func ${program.name}  offset ${program.offset}\n`;
    case "uprobe":
    case "uretprobe":
      return `${head}filename ${program.name}  offset ${program.offset}\n`;
  }
}

export function taskProgramJson(program: TaskProgram): Json {
  const head = { pid: program.pid, fd: program.fd, prog_id: program.programId, fd_type: program.type };
  switch (program.type) {
    case "raw_tracepoint":
    case "tracepoint":
      return { ...head, tracepoint: program.name };
    case "kprobe":
    case "kretprobe":
      return program.name === ""
        ? { ...head, addr: program.address }
        : { ...head, func: program.name, offset: program.offset };
    case "uprobe":
    case "uretprobe":
      return { ...head, filename: program.name, offset: program.offset };
  }
}
