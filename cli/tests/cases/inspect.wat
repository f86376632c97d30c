;; RUN: inspect %
;; RUN[json]: inspect % --json
;; RUN[top]: inspect % --top 1
(module $sample
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "env" "never_called" (func $never_called))
  (memory (export "memory") 2 16)
  (global $counter (mut i32) (i32.const 0))
  (table 1 funcref)
  (func $malloc (param $size i32) (result i32) (i32.const 1024))
  (func $free (param $address i32))
  (func $grow (result i32) (memory.grow (i32.const 1)))
  (func $main (export "_start")
    (call $free (call $malloc (i32.const 16)))
    (drop (call $grow))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))))
