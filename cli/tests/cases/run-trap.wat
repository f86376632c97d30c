;; RUN: run % --sort name
;; EXIT: 134
(module $calculator
  (memory (export "memory") 1)
  (func $"divide\1b[31m" (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
  (func $compute (drop (call 0 (i32.const 0))))
  (func $main (export "_start") (call $compute)))
