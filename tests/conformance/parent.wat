;; A call within a span of the host's is its child.
(module
  (func $leaf)
  (func $work (export "work") (call $leaf)))
