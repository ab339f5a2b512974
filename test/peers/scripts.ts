/**
 * Scripts whose whole output is decided by the language: what bpftrace prints for them, bpfkit prints too.
 * They attach nowhere (BEGIN only), so they run on any machine.
 */
export const SCRIPTS: Readonly<Record<string, string>> = {
  "integers in printf":
    'printf("%d|%5d|%-5d|%05d|%+d|%u|%x|%X|%o|%c|%p|%%\\n", -3, -3, 4, 5, 6, 7, 255, 255, 8, 65, 4096);',
  "64-bit integers": 'printf("%llu %lld %llx %d\\n", 18446744073709551615, -9223372036854775807, -1, -1);',
  "strings in printf": 'printf("[%s] [%10s] [%-10s]\\n", "plain", "right", "left");',
  "casts cut and extend": 'printf("%d %d %d %d\\n", (int8)200, (uint8)-1, (int16)65537, (uint32)-1);',
  arithmetic: 'printf("%d %d %d %d %d\\n", 7 / 2, 7 % 4, 1 << 10, 1024 >> 3, 6 * 7 - 2);',
  "bits and logic": 'printf("%d %d %d %d %d %d\\n", 12 & 10, 12 | 3, 12 ^ 10, ~5, !5, 1 && 0 || 1);',
  comparisons: '$a = -1; printf("%d %d %d %d\\n", $a < 0, 2 >= 2, 3 != 3, "a" == "a");',
  "ternary and if":
    '$a = 5; $b = $a > 3 ? "big" : "small"; if ($a == 5 && $b == "big") { printf("%s\\n", $b); } else { printf("no\\n"); }',
  increments: '$a = 1; $a++; $a += 4; $a *= 3; @m++; @m += 5; printf("%d\\n", $a);',
  unroll: '$n = 0; unroll(5) { $n += 2; } printf("%d\\n", $n);',
  "while and loop control":
    '$i = 0; while ($i < 10) { $i++; if ($i == 3) { continue; } if ($i > 5) { break; } printf("%d ", $i); } printf("\\n");',
  counters:
    '@a = count(); @a = count(); @b["x"] = count(); @c[1, "y"] = count(); @c[1, "y"] = count(); @c[0, "z"] = count();',
  "sum, min, max": "@s = sum(5); @s = sum(-2); @lo = min(4); @lo = min(-9); @hi = max(4); @hi = max(90);",
  "avg and stats":
    '@a = avg(3); @a = avg(8); @t = stats(3); @t = stats(10); @k["a"] = avg(1); @j["b"] = stats(5); ',
  "power-of-two histogram":
    "@h = hist(0); @h = hist(1); @h = hist(-5); @h = hist(100); @h = hist(100); @h = hist(5000000);",
  "keyed histograms": '@h["a"] = hist(3); @h["b"] = hist(300); @h["b"] = hist(301);',
  "histogram with sub-buckets": "@h = hist(1000, 2); @h = hist(1500, 2); @h = hist(3, 2);",
  "linear histogram":
    "@l = lhist(-1, 0, 10, 2); @l = lhist(0, 0, 10, 2); @l = lhist(5, 0, 10, 2); @l = lhist(99, 0, 10, 2);",
  "maps of values":
    '@i = -5; @s = "text"; @t = (1, "two", (int8)3); @m["k"] = 1; @n[1] = "one"; @n[0] = "zero";',
  // bpftrace 0.27 leaves maps of one-byte integers unordered.
  "map order": "@[5] = 40000000000; @[1] = 90000000000; @[9] = 10000000000; @[2] = 30000000000;",
  "print of values": 'print(5); print("text"); print((1, "two")); print(-1);',
  "print of maps":
    "@a[1] = 10000000000; @a[2] = 30000000000; @a[3] = 20000000000; print(@a, 2); print(@a, 2, 10); print(@a[2]); clear(@a);",
  "clear, zero, delete": "@a[1] = 1; @b = count(); @c[1] = 2; @c[2] = 3; clear(@a); zero(@b); delete(@c[1]);",
  strings:
    '$s = str("hello"); printf("%s %d %d\\n", $s, strncmp("abcd", "abxx", 2), strncmp("abcd", "abxx", 3));',
  buffers: 'printf("%r\\n", buf("a\\x01b", 3));',
  addresses: 'printf("%s %s\\n", ntop(0x0100007f), ntop(2, 0x08080808));',
  sizes: 'printf("%d %d %d\\n", sizeof(uint64), sizeof(int8), sizeof(struct task_struct) > 1000);',
  tuples: '$t = (1, "x", (2, 3)); printf("%d %s %d\\n", $t.0, $t.1, $t.2.1); @t = $t;',
  "enumerations of a type": 'printf("%d\\n", (uint64)5 > 4 ? 10 : 20);',
  "exit code": 'printf("before\\n"); exit(); printf("after\\n");',
};
