import { expect, test } from "vitest";
import { pointerRules } from "./index.ts";

/** One line a rule. */
function rules(...args: string[]): string[] {
  return pointerRules(args).map(({ index, kind, extent, unit, when }) => {
    const of =
      extent.from === "constant"
        ? `${extent.value}`
        : extent.from === "argument"
          ? `arg${extent.index}`
          : `result, at most ${extent.most < 0 ? "so many" : `arg${extent.most}`}`;
    return `${index} ${kind} ${of} x ${unit} ${when.join("+")}`;
  });
}

test.each<[string, string[], string[]]>([
  ["open", ["const char * filename", "int flags", "umode_t mode"], ["0 text 1 x 1 entry"]],
  [
    "execve",
    ["const char * filename", "const char *const * argv", "const char *const * envp"],
    ["0 text 1 x 1 entry", "1 texts 1 x 1 entry"],
  ],
  ["read", ["unsigned int fd", "char * buf", "size_t count"], ["1 bytes result, at most arg2 x 1 exit"]],
  ["write", ["unsigned int fd", "const char * buf", "size_t count"], ["1 bytes arg2 x 1 entry"]],
  ["connect", ["int fd", "struct sockaddr * uservaddr", "int addrlen"], ["1 bytes arg2 x 1 entry"]],
  [
    "accept",
    ["int fd", "struct sockaddr * upeer_sockaddr", "int * upeer_addrlen"],
    ["1 bytes 1 x 28 entry+exit", "2 bytes 1 x 4 entry+exit"],
  ],
  [
    "poll",
    ["struct pollfd * ufds", "unsigned int nfds", "int timeout_msecs"],
    ["0 bytes arg1 x 8 entry+exit"],
  ],
  ["nanosleep", ["struct __kernel_timespec * rqtp"], ["0 bytes 1 x 16 entry+exit"]],
  [
    "epoll_wait",
    ["int epfd", "struct epoll_event * events", "int maxevents", "int timeout"],
    ["1 bytes result, at most so many x 12 exit"],
  ],
  [
    "writev",
    ["unsigned long fd", "const struct iovec * vec", "unsigned long vlen"],
    ["1 vectors arg2 x 16 entry+exit"],
  ],
  ["close", ["unsigned int fd"], []],
  ["of what is not known", ["struct nobody_knows * what"], []],
])("%s", (_, args, expected) => expect(rules(...args)).toEqual(expected));
