;; RUN: calls
(module
  (func $main (export "main") (export "_start") (param i32) (result i32) (local.get 0)))
