;; What `two-modules` calls.
(module
  (func $leaf)
  (func $work (export "work") (call $leaf))
  (func $fall (export "fall") unreachable))
