;; RUN: ring
(module
  (import "env" "log" (func $log (param i32)))
  (memory 1)
  (func $first (export "run") (param i32) (result i32)
    (if (local.get 0) (then (return (i32.const 1))))
    (call $log (i32.const 7))
    (i32.const 2))
  (func $tail (param i32) (result i32) (return_call $first (local.get 0))))
