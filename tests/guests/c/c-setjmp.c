// Jumps out of nested calls, again and again: the compiler makes Wasm exceptions of setjmp and longjmp.
//
// c-setjmp [ROUNDS]

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf handler;

__attribute__((noinline)) static int descend(int depth, int round) {
    if (depth == 0) longjmp(handler, round);
    return descend(depth - 1, round) + 1;
}

__attribute__((noinline)) static int attempt(int round) {
    int caught = setjmp(handler);
    if (caught) return caught;
    return descend(round % 7, round);
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 20;
    long sum = 0;
    for (int round = 1; round <= rounds; round++) sum += attempt(round);
    printf("caught %ld\n", sum);
    return 0;
}
