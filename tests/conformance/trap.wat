;; A trap deep down, and a call right after it.
(module
  (func $deep unreachable)
  (func $middle (call $deep))
  (func $fall (export "fall") (call $middle))
  (func $leaf)
  (func $work (export "work") (call $leaf)))
