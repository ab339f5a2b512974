import { array, assert, integer, property, tuple, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { BpfkitError } from "../errors.ts";
import { ByteWriter } from "../util/index.ts";
import { Attributes, encodeAttributes } from "./attributes.ts";
import type { Attribute } from "./attributes.ts";
import { NLM_F, NLMSG, RTM } from "./constants.ts";
import { NetlinkError } from "./error.ts";
import { decodeLink, linkByName, networkLinks, setXdp } from "./links.ts";
import { decodeMessages, encodeMessage, endsAnswer, readOutcome } from "./message.ts";
import { dump, request } from "./request.ts";
import { addBpfFilter, decodeBpfFilter } from "./traffic-control.ts";

/** A kernel that gives these messages for an answer, and keeps what it was asked. */
function answering(...answers: readonly ReturnType<typeof encodeMessage>[]) {
  const asked: Uint8Array[] = [];
  return {
    asked,
    netlink: (_protocol: number, bytes: Uint8Array) => {
      asked.push(bytes);
      return [...answers];
    },
  };
}

function linkMessage(index: number, name: string, more: readonly Attribute[] = []) {
  const header = new ByteWriter().u32(0).u32(index).u32(1).u32(0).finish();
  const attributes = encodeAttributes([[3, name], [4, 1500], ...more]);
  return encodeMessage({
    type: RTM.NEWLINK,
    flags: NLM_F.MULTI,
    payload: new Uint8Array([...header, ...attributes]),
  });
}

const done = encodeMessage({ type: NLMSG.DONE, flags: NLM_F.MULTI, payload: new Uint8Array(4) });

function failure(errno: number, explanation: string) {
  const payload = new ByteWriter()
    .u32(-errno >>> 0)
    .raw(new Uint8Array(16))
    .raw(encodeAttributes([[1, explanation]]))
    .finish();
  return encodeMessage({ type: NLMSG.ERROR, flags: NLM_F.CAPPED | NLM_F.ACK_TLVS, payload });
}

describe("messages", () => {
  test("a message is read back as it was written", () => {
    assert(
      property(array(tuple(integer({ min: 16, max: 0xffff }), uint8Array({ maxLength: 40 }))), (list) => {
        const written = list.map(([type, payload]) => ({ type, flags: 2, payload }));
        const bytes = written.flatMap((message) => {
          const encoded = encodeMessage(message);
          return [...encoded, ...new Uint8Array((4 - (encoded.length % 4)) % 4)];
        });
        expect(decodeMessages(new Uint8Array(bytes))).toEqual(written);
      }),
    );
  });

  test("attributes are read back, nested ones too", () => {
    const parsed = Attributes.parse(
      encodeAttributes([
        [1, "eth0"],
        [2, 0xffff_ffff],
        [3, [[7, new Uint8Array([9])]]],
      ]),
    );
    expect(parsed.text(1)).toBe("eth0");
    expect(parsed.u32(2)).toBe(0xffff_ffff);
    expect(parsed.nested(3)?.u8(7)).toBe(9);
    expect(parsed.u32(99)).toBeUndefined();
  });

  test("any bytes give messages or one typed error", () => {
    assert(
      property(uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          for (const message of decodeMessages(bytes)) {
            readOutcome(message);
            decodeLink(message);
            decodeBpfFilter(message);
          }
          endsAnswer(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(BpfkitError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("an attribute that claims to be longer than the message is refused", () => {
    expect(() => Attributes.parse(new Uint8Array([40, 0, 1, 0, 1]))).toThrow(NetlinkError);
    expect(() => Attributes.parse(new Uint8Array([2, 0, 1, 0]))).toThrow(NetlinkError);
  });
});

describe("requests", () => {
  test("interfaces with their XDP programs", () => {
    const xdp: Attribute = [
      43,
      [
        [2, new Uint8Array([4])],
        [5, 11],
        [6, 12],
      ],
    ];
    const kernel = answering(linkMessage(1, "lo"), linkMessage(7, "eth0", [xdp]), done);
    expect(networkLinks(kernel)).toMatchObject([
      { index: 1, name: "lo", mtu: 1500, up: true, xdp: undefined },
      {
        index: 7,
        xdp: {
          multiple: true,
          programs: [
            { mode: "generic", id: 12 },
            { mode: "driver", id: 11 },
          ],
        },
      },
    ]);
    expect(() => linkByName(kernel, "eth9")).toThrow(/no network interface eth9/);
  });

  test("a refusal carries the kernel's errno and words", () => {
    const kernel = answering(failure(16, "XDP program already attached"));
    expect(() => setXdp(kernel, { ifindex: 3, program: 5, flags: 1 })).toThrow(
      /Attaching XDP to interface 3 failed: .*\(EBUSY\): XDP program already attached/,
    );
  });

  test("an answer without an end, and one without the filter it made, are errors", () => {
    expect(() => networkLinks(answering(linkMessage(1, "lo")))).toThrow(/no end/);
    const acknowledged = encodeMessage({ type: NLMSG.ERROR, flags: 0, payload: new Uint8Array(4) });
    const filter = { ifindex: 1, direction: "ingress", program: 4, name: "p" } as const;
    expect(() => addBpfFilter(answering(acknowledged), filter)).toThrow(/which filter/);
  });

  test("changes ask for an acknowledgement, dumps for all", () => {
    const kernel = answering(done);
    request(kernel, "x", { type: RTM.SETLINK, flags: 0, payload: new Uint8Array(0) });
    request(kernel, "x", { type: RTM.NEWQDISC, flags: NLM_F.EXCL, payload: new Uint8Array(0) });
    dump(kernel, "x", RTM.GETLINK, new Uint8Array(0));
    const flags = kernel.asked.flatMap((bytes) => decodeMessages(bytes).map((message) => message.flags));
    const change = NLM_F.REQUEST | NLM_F.ACK;
    expect(flags).toEqual([change, change | NLM_F.EXCL, NLM_F.REQUEST | NLM_F.DUMP]);
  });
});
