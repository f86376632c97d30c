;; RUN: calls include=work
(module
  (memory 1)
  (table funcref (elem $free))
  (func $malloc (export "malloc") (param i32) (result i32) (local.get 0))
  (func $calloc (param i32 i32) (result i32) (call $malloc (i32.mul (local.get 0) (local.get 1))))
  (func $realloc (param i32 i32) (result i32) (call $free (local.get 0)) (call $malloc (local.get 1)))
  (func $posix_memalign (param i32 i32 i32) (result i32) (i32.const 0))
  (func $free (export "free") (param i32))
  (func $work
    (call $free (call $malloc (i32.const 8)))
    (call $free (call $realloc (call $calloc (i32.const 2) (i32.const 8)) (i32.const 32)))
    (drop (call $posix_memalign (i32.const 0) (i32.const 16) (i32.const 64)))))
