;; A call within a span that is not sampled: no spans, all counts.
(module
  (func $leaf)
  (func $work (export "work") (call $leaf)))
