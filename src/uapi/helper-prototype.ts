/**
 * The types of a helper's result and arguments in the kernel's own terms without their prefix
 * (enum bpf_return_type, enum bpf_arg_type and its flags): `PTR_TO_MAP_VALUE_OR_NULL`, `CONST_MAP_PTR`,
 * `PTR_TO_MEM | MEM_RDONLY`, `ANYTHING`.
 */
export interface HelperPrototype {
  readonly returns: string;
  readonly arguments: readonly string[];
  /** Only for programs with a licence compatible with the GPL. */
  readonly gplOnly: boolean;
  /** Only for programs that may sleep. */
  readonly mightSleep: boolean;
}
