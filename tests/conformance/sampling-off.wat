;; No trace is sampled: there are no spans, and every call and trap is counted.
(module
  (func $deep unreachable)
  (func $fall (export "fall") (call $deep))
  (func $leaf)
  (func $work (export "work") (call $leaf)))
