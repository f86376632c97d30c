;; A host function that fails: the host's error, at the host call.
(module
  (import "host" "fail" (func $fail))
  (func $inner (call $fail))
  (func $ask (export "ask") (call $inner))
  (func $work (export "work")))
