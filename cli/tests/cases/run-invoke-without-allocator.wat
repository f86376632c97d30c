;; RUN: run % --invoke length -- text:hello
;; EXIT: 1
(module
  (memory (export "memory") 1)
  (func (export "length") (param i32) (result i32) (local.get 0)))
