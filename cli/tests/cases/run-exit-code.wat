;; RUN: run % --sort name
;; EXIT: 7
;; RUN[json]: run % --sort name --summary json
;; EXIT: 7
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $give_up (call $proc_exit (i32.const 7)))
  (func $main (export "_start") (call $give_up)))
