;; RUN: diff % diff-after.wat
;; RUN[json]: diff % diff-after.wat --json
;; RUN[same]: diff % %
;; RUN[top]: diff % diff-after.wat --top 1
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "env" "dropped" (func $dropped))
  (memory (export "memory") 1)
  (func $malloc (param i32) (result i32) (i32.const 1024))
  (func $free (param i32))
  (func $same (export "same") (result i32) (call $malloc (i32.const 1)))
  (func $grows (result i32) (i32.const 1))
  (func $shrinks (result i32) (i32.add (i32.const 1) (i32.const 2)))
  (func $other_constant (result i32) (i32.const 1))
  (func $old_name (result i32) (i32.mul (i32.const 6) (i32.const 7)))
  (func $gone (call $dropped) (call $free (i32.const 1)) (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))))
