// Throws through frames that have destructors, catches by type, and throws again.
//
// cpp-exceptions [ROUNDS]

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

static int cleaned = 0;

struct Cleaner {
    ~Cleaner() { cleaned++; }
};

[[gnu::noinline]] static int descend(int depth, int round) {
    Cleaner cleaner;
    if (depth == 0) {
        if (round % 2) throw std::runtime_error("odd " + std::to_string(round));
        throw round;
    }
    return descend(depth - 1, round) + 1;
}

[[gnu::noinline]] static int relay(int round) {
    try {
        return descend(round % 5, round);
    } catch (const std::runtime_error &) {
        cleaned += 100;
        throw;
    }
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? std::atoi(argv[1]) : 20;
    long sum = 0;
    for (int round = 1; round <= rounds; round++) {
        try {
            sum += relay(round);
        } catch (int value) {
            sum += value;
        } catch (const std::exception &error) {
            sum += (long)std::string(error.what()).size();
        }
    }
    std::printf("sum %ld, cleaned %d\n", sum, cleaned);
    return 0;
}
