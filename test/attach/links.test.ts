import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const able = process.geteuid?.() === 0 && spawnSync("unshare", ["-n", "true"]).status === 0;
const folder = mkdtempSync(join(tmpdir(), "bpfkit-links-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** In a network namespace of its own, by the built package. */
function inNamespace(script: string): { out: string; err: string } {
  const file = join(folder, "script.mjs");
  const face = pathToFileURL(resolve("dist/index.js")).href;
  writeFileSync(
    file,
    `import { assembleObject, load, openProgram } from ${JSON.stringify(face)};\n${script}`,
  );
  const { stdout, stderr } = spawnSync("unshare", ["-n", process.execPath, file], { encoding: "utf8" });
  return { out: stdout, err: stderr };
}

const START = `
const pass = await load(assembleObject("xdp", "w0 = 2\\nexit"));
const drop = await load(assembleObject("xdp", "w0 = 1\\nexit"));
const fds = () => import("node:fs").then(({ readdirSync }) => readdirSync("/proc/self/fd").length);
// What is opened once and kept is open from here on.
pass.program("program").attach({ interface: "lo" })[Symbol.dispose]();
process.stdout.write("");
const before = await fds();
`;

describe.skipIf(!able)("links of an interface", () => {
  it("put another program in place, refuse where the old one is not what was said, and detach", () => {
    const { out, err } = inNamespace(`${START}
      const link = pass.program("program").attach({ interface: "lo" });
      console.log(link.fds.length);
      link.update(drop.program("program"), pass.program("program"));
      try { link.update(pass.program("program"), pass.program("program")); } catch (error) { console.log(error.code); }
      link.detach();
      link[Symbol.dispose]();
      console.log((await fds()) - before);
    `);
    expect(err).toBe("");
    expect(out).toBe("1\nkernel/eperm\n0\n");
  });

  it("by netlink are taken off, and cannot be pinned or updated", () => {
    const { out, err } = inNamespace(`${START}
      const hook = { kind: "xdp", interface: "lo", mode: "generic", netlink: true };
      const link = pass.program("program").attach(hook);
      for (const call of [() => link.pin("/x"), () => link.update(drop.program("program"))])
        try { call(); } catch (error) { console.log(error.code); }
      // The place is taken, until the link goes.
      try { drop.program("program").attach({ interface: "lo" }); } catch (error) { console.log(error.code); }
      link[Symbol.dispose]();
      drop.program("program").attach({ interface: "lo" })[Symbol.dispose]();
      console.log((await fds()) - before);
    `);
    expect(err).toBe("");
    expect(out).toBe("attach/unsupported\nattach/unsupported\nattach/failed\n0\n");
  });

  it("say what there is where the interface is not", () => {
    const { out, err } = inNamespace(`${START}
      try { pass.program("program").attach({ interface: "eth9" }); } catch (error) { console.log(error.message, error.hints); }
      try { pass.program("program").attach(); } catch (error) { console.log(error.message); }
    `);
    expect(err).toBe("");
    expect(out).toMatch(/There is no network interface eth9 \[ 'This network namespace has: lo' \]/);
    expect(out).toContain("Cannot attach to program: section xdp needs a network interface");
  });
});
