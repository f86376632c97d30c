;; RUN: ring exclude=unobserved
(module
  (table (export "table") 4 funcref)
  (func $hidden (param i32) (result i32) (local.get 0))
  (func $entered (param i32) (result i32)
    (if (local.get 0) (then (return (i32.const 1))))
    (return_call $hidden (i32.const 2)))
  (func $unobserved (result i32 i32) (if (i32.const 1) (then (return (i32.const 1) (i32.const 2)))) (call $pair))
  (func $pair (result i32 i32) (i32.const 3) (i32.const 4))
  (elem (i32.const 0) $entered $unobserved))
