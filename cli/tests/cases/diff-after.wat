;; RUN: diff diff-before.wat %
;; RUN[reverse]: diff % diff-before.wat
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "env" "added" (func $added (param i64)))
  (memory (export "memory") 1 16)
  (global (export "version\1b[31m") i32 (i32.const 2))
  (func $added_first (call $added (i64.const 1)) (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))))
  (func $malloc (param i32) (result i32) (i32.const 1024))
  (func $realloc (param i32 i32) (result i32) (i32.const 2048))
  (func $same (export "same") (result i32) (call $malloc (i32.const 1)))
  (func $grows (result i32) (i32.add (i32.const 1) (i32.const 2)))
  (func $shrinks (result i32) (i32.const 1))
  (func $other_constant (result i32) (i32.const 2))
  (func $new_name (result i32) (i32.mul (i32.const 6) (i32.const 7))))
