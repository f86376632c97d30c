;; RUN: verify %
;; RUN[json]: verify % --json --mode calls --rounds 3
;; RUN[seed]: verify % --mode counts --seed 7 --rounds 2
;; RUN[invoke]: verify % --invoke divide -- 12 4
;; RUN[ring]: verify % --mode ring --rounds 2
;; RUN[trap]: verify % --invoke divide --mode calls -- 12 0
;; RUN[missing]: verify % --invoke nothing
;; EXIT: 1
;; RUN[few]: verify % --invoke divide -- 1
;; EXIT: 1
;; RUN[arguments]: verify % -- 1 2
;; EXIT: 1
;; RUN[limit]: verify % --invoke forever --fuel 1000
;; EXIT: 1
;; RUN[exclude]: verify % --mode calls --exclude divide --rounds 1
(module
  (import "env" "ask" (func $ask (param i32) (result i64)))
  (memory 1)
  (table (export "table") 2 funcref)
  (elem (i32.const 0) $divide $keep)
  (global $total (mut i64) (i64.const 0))
  (func $keep (export "keep") (param i64)
    (global.set $total (i64.add (global.get $total) (local.get 0)))
    (i64.store (i32.const 8) (global.get $total)))
  (func $divide (export "divide") (param i32 i32) (result i32)
    (call $keep (call $ask (local.get 0)))
    (i32.div_s (local.get 0) (local.get 1)))
  (func (export "forever") (loop $again (br $again))))
