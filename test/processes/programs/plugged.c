int plugged(int x) { return x + 1; }
