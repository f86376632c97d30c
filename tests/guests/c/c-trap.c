// Traps three calls deep, in the way that it is asked for.
//
// c-trap divide|indirect|memory

#include <stdio.h>
#include <string.h>

volatile int zero = 0;
volatile unsigned far_away = 0xfffffff0u;

static int wrong_type(void) { return 1; }

__attribute__((noinline)) static int innermost(const char *how) {
    if (!strcmp(how, "indirect")) {
        double (*volatile call)(double) = (double (*)(double))(void (*)(void))wrong_type;
        return (int)call(1.0);
    }
    if (!strcmp(how, "memory")) return *(volatile int *)far_away;
    return 1000 / zero;
}

__attribute__((noinline)) static int middle(const char *how) { return innermost(how) + 1; }

__attribute__((noinline)) static int outer(const char *how) { return middle(how) + 1; }

int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "divide";
    printf("about to trap: %s\n", how);
    fflush(stdout);
    printf("survived: %d\n", outer(how));
    return 0;
}
