;; RUN: verify % -- one two
;; RUN[exports]: verify % --exports --rounds 1
;; RUN[stdin]: verify % --mode calls --stdin verify-start.wat
;; RUN[json]: verify % --json --mode calls --env KEY=VALUE
;; RUN[env]: verify % --env KEY
;; EXIT: 2
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; An iovec for 64 bytes at 256.
  (data (i32.const 16) "\00\01\00\00\40\00\00\00")
  (func (export "_start")
    (drop (call $args_sizes_get (i32.const 256) (i32.const 260)))
    (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 264)))
    (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 272)))
    (drop (call $random_get (i32.const 280) (i32.const 8)))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 32)))
    (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 32)))
    (drop (call $fd_write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 32)))
    (call $proc_exit (i32.const 3))))
