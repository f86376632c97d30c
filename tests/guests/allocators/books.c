// Takes memory and gives it back at random, and keeps the books itself: what an observer counts must come out the same.
//
// -DALLOCATOR(name)=mi_##name takes another allocator than C's own.

#include <stdint.h>
#include <stdlib.h>

#ifndef ALLOCATOR
#define ALLOCATOR(name) name
#else
void *ALLOCATOR(malloc)(size_t size);
void *ALLOCATOR(calloc)(size_t count, size_t size);
void *ALLOCATOR(realloc)(void *old, size_t size);
void *ALLOCATOR(aligned_alloc)(size_t alignment, size_t size);
int ALLOCATOR(posix_memalign)(void **at, size_t alignment, size_t size);
void ALLOCATOR(free)(void *old);
#endif

#define EXPORT(name) __attribute__((export_name(#name), used))
#define SLOTS 64

static uint64_t given, given_bytes, taken, live_bytes;
static void *blocks[SLOTS];
static size_t sizes[SLOTS];
static uint32_t state = 2463534242u;

static uint32_t random_below(uint32_t limit) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % limit;
}

static void give(int slot, void *block, size_t size) {
    if (!block) __builtin_trap();
    given++;
    given_bytes += size;
    live_bytes += size;
    blocks[slot] = block;
    sizes[slot] = size;
}

__attribute__((noinline)) static void fill(int slot) {
    size_t size = 16 + 16 * random_below(40);
    void *block = NULL;
    switch (random_below(4)) {
    case 0: block = ALLOCATOR(malloc)(size); break;
    case 1: block = ALLOCATOR(calloc)(size / 16, 16); break;
    case 2: block = ALLOCATOR(aligned_alloc)(32, size); break;
    case 3: if (ALLOCATOR(posix_memalign)(&block, 64, size)) __builtin_trap(); break;
    }
    give(slot, block, size);
}

__attribute__((noinline)) static void resize(int slot) {
    size_t size = 1 + random_below(900);
    live_bytes -= sizes[slot];
    give(slot, ALLOCATOR(realloc)(blocks[slot], size), size);
}

__attribute__((noinline)) static void empty(int slot) {
    taken++;
    live_bytes -= sizes[slot];
    ALLOCATOR(free)(blocks[slot]);
    blocks[slot] = NULL;
}

EXPORT(work) void work(int rounds) {
    while (rounds--) {
        int slot = random_below(SLOTS);
        if (!blocks[slot]) fill(slot);
        else if (random_below(3)) empty(slot);
        else resize(slot);
    }
}

EXPORT(given) uint64_t get_given(void) { return given; }
EXPORT(given_bytes) uint64_t get_given_bytes(void) { return given_bytes; }
EXPORT(taken) uint64_t get_taken(void) { return taken; }
EXPORT(live_bytes) uint64_t get_live_bytes(void) { return live_bytes; }
