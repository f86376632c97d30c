;; RUN: counts
(module
  (import "env" "log" (func $log (param i32)))
  (func $add (export "add") (param i32 i32) (result i32)
    local.get 0
    local.get 1
    i32.add)
  (func $main (export "main")
    (call $log (call $add (i32.const 1) (i32.const 2)))))
