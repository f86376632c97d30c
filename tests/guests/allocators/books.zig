//! Slices of bytes from Zig's allocator for Wasm; the books are kept here.

const std = @import("std");

const slots = 48;
var given_count: u64 = 0;
var given_total: u64 = 0;
var taken_count: u64 = 0;
var live_total: u64 = 0;
var blocks: [slots]?[]u8 = @splat(null);
var state: u32 = 2463534242;

fn randomBelow(limit: u32) u32 {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % limit;
}

noinline fn fill(block: *?[]u8) void {
    const bytes = std.heap.wasm_allocator.alloc(u8, 1 + randomBelow(700)) catch unreachable;
    given_count += 1;
    given_total += bytes.len;
    live_total += bytes.len;
    block.* = bytes;
}

noinline fn empty(block: *?[]u8) void {
    taken_count += 1;
    live_total -= block.*.?.len;
    std.heap.wasm_allocator.free(block.*.?);
    block.* = null;
}

export fn work(rounds: u32) void {
    for (0..rounds) |_| {
        const block = &blocks[randomBelow(slots)];
        if (block.* == null) fill(block) else empty(block);
    }
}

export fn given() u64 {
    return given_count;
}

export fn given_bytes() u64 {
    return given_total;
}

export fn taken() u64 {
    return taken_count;
}

export fn live_bytes() u64 {
    return live_total;
}
