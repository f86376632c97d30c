;; RUN: verify % --dir .::/data
;; RUN[missing]: verify % --dir none::/data
;; EXIT: 1
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "verify-directory.wat")
  (data (i32.const 32) "new")
  ;; An iovec for 28 bytes at 256.
  (data (i32.const 64) "\00\01\00\00\1c\00\00\00")
  (func (export "_start")
    ;; The first line of this file.
    (if (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 20) (i32.const 0)
        (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 128))
      (then unreachable))
    (drop (call $read (i32.load (i32.const 128)) (i32.const 64) (i32.const 1) (i32.const 132)))
    (drop (call $write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 132)))
    ;; No file is made.
    (if (i32.eqz (call $open (i32.const 3) (i32.const 0) (i32.const 32) (i32.const 3) (i32.const 1)
        (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 128)))
      (then unreachable))))
