;; RUN: calls
(module
  (func $early (param i32) (result i32)
    (if (local.get 0) (then (return (i32.const 1))))
    (i32.const 2)))
