;; RUN: calls
(module
  (func $pair (result i32 i64)
    (return (i32.const 1) (i64.const 2))))
