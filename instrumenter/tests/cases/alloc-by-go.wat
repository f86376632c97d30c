;; RUN: calls include=main.main
(module
  (global $sp (mut i32) (i32.const 0))
  (memory 1)
  (func $runtime.mallocgc (param i32) (result i32) (i32.const 0))
  (func $main.main (param i32) (result i32) (call $runtime.mallocgc (i32.const 0))))
