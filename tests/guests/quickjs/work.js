// A mixed load for the interpreter: classes, closures, sorting, regular expressions, JSON, big integers, exceptions.
"use strict";

class Matrix {
  constructor(size, fill) {
    this.rows = Array.from({ length: size }, (_, row) => Array.from({ length: size }, (_, column) => fill(row, column)));
  }

  times(other) {
    const size = this.rows.length;
    return new Matrix(size, (row, column) => {
      let sum = 0;
      for (let i = 0; i < size; i++) sum += this.rows[row][i] * other.rows[i][column];
      return sum % 1009;
    });
  }
}

function words(round) {
  const text = Array.from({ length: 200 }, (_, i) => `item-${(i * 7919 + round) % 101}:${i % 13}`).join(" ");
  const counts = new Map();
  for (const [, name, number] of text.matchAll(/(item-\d+):(\d+)/g)) {
    counts.set(name, (counts.get(name) ?? 0) + Number(number));
  }
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0].join("=");
}

function descend(depth) {
  if (depth === 0) throw new RangeError("deep enough");
  return 1 + descend(depth - 1);
}

function caught(round) {
  try {
    return descend(20 + (round % 10));
  } catch (error) {
    return error.message.length;
  }
}

function factorial(n) {
  return n < 2n ? 1n : n * factorial(n - 1n);
}

const lines = [];
for (let round = 0; round < rounds; round++) {
  const matrix = new Matrix(12, (row, column) => (row * 31 + column * 17 + round) % 1009);
  const trace = matrix.times(matrix).rows.reduce((sum, row, i) => sum + row[i], 0);
  const copy = JSON.parse(JSON.stringify({ trace, word: words(round), nested: [matrix.rows] }));
  lines.push(`${copy.trace} ${copy.word} ${caught(round)} ${factorial(BigInt(20 + (round % 5))) % 1000003n}`);
}
lines.slice(-3).join("\n");
