import { expect, test } from "vitest";
import { plainJson, plainText } from "./plain-value.ts";

const event = {
  pid: 12,
  total: 18446744073709551615n,
  comm: "my app",
  file: "/etc/passwd",
  ok: true,
  mac: Uint8Array.of(0, 0xff),
  to: { port: 80, slots: [1, 2, 0, 0] },
};

test("a struct on one line", () => {
  expect(plainText(event)).toBe(
    'pid=12 total=18446744073709551615 comm="my app" file=/etc/passwd ok=true mac=00ff to.port=80 to.slots=[1 2]',
  );
  expect(plainText(7n)).toBe("7");
  expect(plainText("")).toBe('""');
  expect(plainText([{ a: 1 }])).toBe("[{a=1}]");
});

test("JSON keeps all digits", () => {
  expect(plainJson(event)).toBe(
    '{"pid":12,"total":18446744073709551615,"comm":"my app","file":"/etc/passwd","ok":true,"mac":[0,255],"to":{"port":80,"slots":[1,2,0,0]}}',
  );
});
