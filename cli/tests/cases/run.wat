;; RUN: run % --sort name
;; RUN[top]: run % --sort name --top 1
;; RUN[none]: run % --summary none
;; RUN[counts]: run % --mode counts --sort name
;; RUN[ring]: run % --mode ring --sort name
;; RUN[selected]: run % --sort name --include work* --no-alloc --no-imports
;; RUN[stdin]: run -
;; EXIT: 1
;; RUN[stdout]: run % --trace -
;; EXIT: 1
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
  (global $top (mut i32) (i32.const 1024))
  (func $malloc (param $size i32) (result i32)
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $size))))
  (func $free (param $address i32))
  (func $work_leaf (drop (call $malloc (i32.const 100))))
  (func $work (local $left i32)
    (local.set $left (i32.const 10))
    (loop $again
      (call $work_leaf)
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
  (func $main (export "_start")
    (call $work)
    (call $free (call $malloc (i32.const 50)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))))
