// What the page makes of data, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bars, tree } from "../../collector/src/page/assets/flame.js";
import { functions, parse } from "../../collector/src/page/assets/openmetrics.js";
import { decode } from "../../collector/src/page/assets/pprof.js";
import { waterfall } from "../../collector/src/page/assets/spans.js";
import { duration, name } from "../../collector/src/page/assets/text.js";
import { pprof } from "./messages.mjs";

test("a profile is read to its last bit", () => {
  const { types, samples } = decode(pprof(["outer", "inner"], [2 ** 52 + 1, -3]));
  assert.deepEqual([types, samples], [[{ name: "wall", unit: "nanoseconds" }], [{ stack: ["outer"], values: [2 ** 52 + 1] }, { stack: ["inner"], values: [-3] }]]);
});

test("a flame graph has room for any stack", () => {
  const stack = Array.from({ length: 100_000 }, (_, at) => `${at}`);
  const root = tree([{ stack, values: [5] }, { stack: ["other"], values: [-5] }, { stack: ["0"], values: [1] }], 0);
  assert.equal(root.value, 6);
  const all = bars(root);
  assert.ok(all.length < 300 && all.every(({ left, width }) => left >= 0 && left + width <= 1.000001));
  const many = tree(Array.from({ length: 100_000 }, (_, at) => ({ stack: [`${at % 1000}`, `${at}`], values: [1] })), 0);
  assert.ok(bars(many).length <= 2000);
});

test("figures of functions are read from OpenMetrics", () => {
  const text = [
    "# HELP wasm_function_calls In {call}.",
    'wasm_function_calls_total{code_function_name="a \\"b\\" # {c=\\"d\\"}",job="shop"} 3 # {trace_id="1"} 1 2',
    'wasm_function_self_time_seconds_total{code_function_name="a \\"b\\" # {c=\\"d\\"}",job="shop"} 0.5',
    'wasm_function_calls_total{code_function_name="other",job="shop"} 1e3',
  ].join("\n");
  const rows = functions(parse(text).samples);
  assert.deepEqual(rows.map((row) => [row.service, row.name, row.calls, row.self]), [["shop", 'a "b" # {c="d"}', 3, 0.5], ["shop", "other", 1000, 0]]);
});

test("waterfalls end, whatever parents say", () => {
  const span = (spanId, parentSpanId) => ({ spanId, parentSpanId, name: spanId, startTimeUnixNano: "5", endTimeUnixNano: "3" });
  const rows = (spans) => waterfall([{ scopeSpans: [{ spans }] }]).rows.map((row) => `${row.depth} ${row.name}`);
  assert.deepEqual(rows([span("b", "a"), span("a", "")]), ["0 a", "1 b"]);
  assert.deepEqual(rows([span("a", "b"), span("b", "a"), span("c", "c")]), ["0 c", "0 a", "1 b"]);
  assert.equal(rows(Array.from({ length: 100_000 }, (_, at) => span(`${at}`, at ? `${at - 1}` : ""))).length, 2000);
  assert.deepEqual([duration(1234567), name("a\u202eb\u0000"), name("")], ["1.235 ms", "a\\u{202e}b\\u{0}", "(no name)"]);
});
