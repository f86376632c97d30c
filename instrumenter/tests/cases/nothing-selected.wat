;; RUN: calls include=nothing
(module
  (memory 1)
  (func $malloc (export "malloc") (param i32) (result i32) (memory.grow (local.get 0))))
