import type { Value } from "./value.ts";

/** Everything that is known, and whether that is all: `later` values end the text. */
export interface Text {
  readonly text: string;
  readonly complete: boolean;
}

/** Values in strace's notation. */
export function valueText(value: Value): Text {
  const out = new Writer();
  out.value(value);
  return { text: out.text, complete: out.complete };
}

export function argumentsText(values: readonly Value[]): Text {
  const out = new Writer();
  out.list(values.map((value) => ({ name: "", value })));
  return { text: out.text, complete: out.complete };
}

class Writer {
  text = "";
  complete = true;

  value(value: Value): void {
    switch (value.kind) {
      case "number":
        this.#add(numberText(value.value, value.base));
        break;
      case "pointer":
        this.#add(value.address === 0n ? "NULL" : `0x${value.address.toString(16)}`);
        break;
      case "flags":
        this.#add(flagsText(value.names, value.rest, value.unknown));
        break;
      case "word":
        this.#add(value.text);
        break;
      case "bytes":
        this.#add(`"${quote(value.bytes, value.style)}"${value.cut ? "..." : ""}`);
        break;
      case "fd":
        this.#add(`${value.fd}${value.target === undefined ? "" : `<${value.target}>`}`);
        break;
      case "struct":
        this.#enclosed("{", value.fields, "}");
        break;
      case "array":
        this.#enclosed(
          "[",
          value.elements.map((element) => ({ name: "", value: element })),
          "]",
        );
        break;
      case "changed":
        this.value(value.before);
        if (value.after.kind === "later") this.complete = false;
        this.#add(" => ");
        this.value(value.after);
        break;
      case "commented":
        this.value(value.value);
        this.#add(` /* ${value.comment} */`);
        break;
      case "more":
        this.#add("...");
        break;
      case "nothing":
        break;
      case "later":
        this.complete = false;
        break;
    }
  }

  list(items: readonly { readonly name: string; readonly value: Value }[]): void {
    let first = true;
    for (const { name, value } of items) {
      if (!this.complete) return;
      if (value.kind === "nothing") continue;
      // What is not known yet may turn out to be nothing, so that its comma comes with it.
      if (value.kind === "later" && name === "") {
        this.complete = false;
        return;
      }
      this.#add(`${first ? "" : ", "}${name === "" ? "" : `${name}=`}`);
      this.value(value);
      first = false;
    }
  }

  #enclosed(
    open: string,
    items: readonly { readonly name: string; readonly value: Value }[],
    close: string,
  ): void {
    this.#add(open);
    this.list(items);
    this.#add(close);
  }

  #add(text: string): void {
    if (this.complete) this.text += text;
  }
}

function numberText(value: bigint, base: 10 | 16): string {
  if (base === 10 || value === 0n) return value.toString();
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function flagsText(names: readonly string[], rest: bigint, unknown: string): string {
  const number = `0x${rest.toString(16)}`;
  if (names.length === 0) return rest === 0n ? "0" : unknown === "" ? number : `${number} /* ${unknown} */`;
  return [...names, ...(rest === 0n ? [] : [number])].join("|");
}

const ESCAPES: Readonly<Record<number, string>> = {
  0x22: '\\"',
  0x5c: "\\\\",
  0x09: "\\t",
  0x0a: "\\n",
  0x0b: "\\v",
  0x0c: "\\f",
  0x0d: "\\r",
};

/** Octal escapes, as short as the next character allows, or every byte as \xNN. */
export function quote(bytes: Uint8Array, style: "text" | "hex"): string {
  let text = "";
  for (const [index, byte] of bytes.entries()) {
    if (style === "hex") {
      text += `\\x${byte.toString(16).padStart(2, "0")}`;
      continue;
    }
    const escape = ESCAPES[byte];
    if (escape !== undefined) text += escape;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else {
      const next = bytes[index + 1];
      const digitFollows = next !== undefined && next >= 0x30 && next <= 0x37;
      text += `\\${byte.toString(8).padStart(digitFollows ? 3 : 1, "0")}`;
    }
  }
  return text;
}
