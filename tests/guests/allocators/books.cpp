// The operators new and delete, single and array, with and without size and alignment; the books are kept here.

#include <cstddef>
#include <cstdint>
#include <new>

#define EXPORT(name) extern "C" __attribute__((export_name(#name), used))

namespace {

struct Small {
    char bytes[24];
};

struct alignas(64) Wide {
    char bytes[128];
};

constexpr int slots = 48;
std::uint64_t given_count, given_total, taken_count, live_total;

struct Block {
    void *at;
    std::size_t size;
    int kind;
} blocks[slots];

std::uint32_t state = 88172645u;

std::uint32_t random_below(std::uint32_t limit) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % limit;
}

[[gnu::noinline]] void fill(Block &block) {
    block.kind = random_below(4);
    switch (block.kind) {
    case 0: block.size = sizeof(Small), block.at = new Small; break;
    case 1: block.size = 1 + random_below(500), block.at = new char[block.size]; break;
    case 2: block.size = sizeof(Wide), block.at = new Wide; break;
    case 3: block.size = 1 + random_below(500), block.at = new (std::nothrow) char[block.size]; break;
    }
    given_count++;
    given_total += block.size;
    live_total += block.size;
}

[[gnu::noinline]] void empty(Block &block) {
    switch (block.kind) {
    case 0: delete static_cast<Small *>(block.at); break;
    case 2: delete static_cast<Wide *>(block.at); break;
    default: delete[] static_cast<char *>(block.at); break;
    }
    taken_count++;
    live_total -= block.size;
    block.at = nullptr;
}

} // namespace

EXPORT(work) void work(int rounds) {
    while (rounds--) {
        Block &block = blocks[random_below(slots)];
        block.at ? empty(block) : fill(block);
    }
}

EXPORT(given) std::uint64_t get_given() { return given_count; }
EXPORT(given_bytes) std::uint64_t get_given_bytes() { return given_total; }
EXPORT(taken) std::uint64_t get_taken() { return taken_count; }
EXPORT(live_bytes) std::uint64_t get_live_bytes() { return live_total; }
