import { expect, test } from "vitest";
import { ObjectError, parseTracepointFormat } from "./index.ts";

const text = `name: sched_process_exec
ID: 311
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:__data_loc char[] filename;	offset:8;	size:4;	signed:0;
	field:const char *const * argv;	offset:16;	size:8;	signed:0;
	field:char comm[16];	offset:24;	size:16;	signed:1;
	field:__rel_loc u8[] tail;	offset:40;	size:4;	signed:0;

print fmt: "filename=%s", __get_str(filename)
`;

test("fields carry their place and shape", () => {
  const format = parseTracepointFormat(text);
  expect(format).toMatchObject({ name: "sched_process_exec", id: 311 });
  expect(format.printFormat).toBe('"filename=%s", __get_str(filename)');
  expect(format.fields.map(({ name, type, length, location }) => [name, type, length, location])).toEqual([
    ["common_type", "unsigned short", undefined, undefined],
    ["common_pid", "int", undefined, undefined],
    ["filename", "char", undefined, "data"],
    ["argv", "const char *const *", undefined, undefined],
    ["comm", "char", 16, undefined],
    ["tail", "u8", undefined, "relative"],
  ]);
  expect(format.fields[4]).toMatchObject({ offset: 24, size: 16, signed: true, array: true });
});

test("other text is refused", () => {
  expect(() => parseTracepointFormat("")).toThrow(ObjectError);
});
