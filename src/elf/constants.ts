/** Constants of the ELF format, under the names of elf(5) without their prefix. */
export const ElfType = { None: 0, Relocatable: 1, Executable: 2, Shared: 3, Core: 4 } as const;

export const ElfMachine = { None: 0, X86: 3, X86_64: 62, Aarch64: 183, Riscv: 243, Bpf: 247 } as const;

export const SectionType = {
  Null: 0,
  Progbits: 1,
  Symtab: 2,
  Strtab: 3,
  Rela: 4,
  Note: 7,
  Nobits: 8,
  Rel: 9,
  Dynsym: 11,
  GnuVerdef: 0x6fff_fffd,
  GnuVerneed: 0x6fff_fffe,
  GnuVersym: 0x6fff_ffff,
} as const;

export const SectionFlag = { Write: 1, Alloc: 2, Execute: 4, InfoLink: 0x40, Compressed: 0x800 } as const;

/** Section indices with a meaning of their own. */
export const SectionIndex = { Undefined: 0, Absolute: 0xfff1, Common: 0xfff2, Extended: 0xffff } as const;

export const SegmentType = { Load: 1, Dynamic: 2, Interp: 3, Note: 4 } as const;

export const SymbolType = {
  None: 0,
  Object: 1,
  Function: 2,
  Section: 3,
  File: 4,
  ThreadLocal: 6,
  GnuIfunc: 10,
} as const;

export const SymbolBinding = { Local: 0, Global: 1, Weak: 2 } as const;

export const SymbolVisibility = { Default: 0, Internal: 1, Hidden: 2, Protected: 3 } as const;
