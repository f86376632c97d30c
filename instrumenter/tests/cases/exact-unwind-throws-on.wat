;; RUN: calls exact-unwind
(module
  (import "env" "risk" (func $risk (param i32) (result i32)))
  (tag $oops (param i32))
  (func $two_results (result i32 i64)
    (if (call $risk (i32.const 1)) (then (return (i32.const 2) (i64.const 3))))
    (throw $oops (i32.const 4)))
  (func $cannot_throw (param i32) (result i32) (local.get 0))
  (func $jumps_away (return_call $cannot_throws))
  (func $cannot_throws)
  (func $careful (result i32)
    (block $caught (result i32)
      (try_table (catch $oops $caught) (drop (drop (call $two_results))))
      (i32.const 0))))
