;; RUN: calls include=work
(module
  (memory i64 1)
  (func $malloc (param i64) (result i64) (local.get 0))
  (func $free (param i64))
  (func $work (call $free (call $malloc (i64.const 8)))))
