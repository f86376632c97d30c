//! A sieve, a hash map and an arena, on Zig's own allocators.

const std = @import("std");

pub fn main() !void {
    var arena = std.heap.ArenaAllocator.init(std.heap.wasm_allocator);
    defer arena.deinit();
    const primes = try sieve(arena.allocator(), 2000);
    var message: [100]u8 = undefined;
    const line = try std.fmt.bufPrint(&message, "{d} primes, the last {d}, sum of digits {d}\n", .{
        primes.len, primes[primes.len - 1], try digitSum(arena.allocator(), primes),
    });
    try print(line);
}

noinline fn sieve(allocator: std.mem.Allocator, limit: usize) ![]usize {
    const composite = try allocator.alloc(bool, limit);
    @memset(composite, false);
    var primes: std.ArrayList(usize) = .empty;
    for (2..limit) |candidate| {
        if (composite[candidate]) continue;
        try primes.append(allocator, candidate);
        var multiple = candidate * candidate;
        while (multiple < limit) : (multiple += candidate) composite[multiple] = true;
    }
    return primes.toOwnedSlice(allocator);
}

noinline fn digitSum(allocator: std.mem.Allocator, numbers: []const usize) !usize {
    var sums: std.AutoHashMapUnmanaged(usize, usize) = .empty;
    for (numbers) |number| try sums.put(allocator, number, digits(number));
    var total: usize = 0;
    var values = sums.valueIterator();
    while (values.next()) |value| total += value.*;
    return total;
}

noinline fn digits(number: usize) usize {
    return if (number < 10) number else number % 10 + digits(number / 10);
}

noinline fn print(text: []const u8) !void {
    const wasi = std.os.wasi;
    const parts = [_]wasi.ciovec_t{.{ .base = text.ptr, .len = text.len }};
    var written: usize = 0;
    if (wasi.fd_write(1, &parts, parts.len, &written) != .SUCCESS) return error.CannotPrint;
}
