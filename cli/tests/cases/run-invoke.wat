;; RUN: run % --invoke add --summary none -- 40 2
;; RUN[pair]: run % --invoke pair --summary none
;; RUN[few]: run % --invoke add -- 40
;; EXIT: 1
;; RUN[type]: run % --invoke add -- 40 two
;; EXIT: 1
;; RUN[unknown]: run % --invoke subtract
;; EXIT: 1
;; RUN[no-start]: run %
;; EXIT: 1
(module
  (memory (export "memory") 1)
  (global $ready (mut i32) (i32.const 0))
  (func $_initialize (export "_initialize") (global.set $ready (i32.const 1)))
  (func $add (export "add") (param i32 i32) (result i32)
    (if (i32.eqz (global.get $ready)) (then unreachable))
    (i32.add (local.get 0) (local.get 1)))
  (func $pair (export "pair") (result i64 f64) (i64.const -1) (f64.const 0.5)))
