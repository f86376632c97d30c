;; A start function is a call from the host.
(module
  (func $leaf)
  (func $begin (call $leaf))
  (start $begin)
  (func $work (export "work")))
