;; RUN: calls
(module
  (tag $oops (param i32))
  (func $risky (throw $oops (i32.const 1)))
  (func $careful (result i32)
    (block $caught (result i32)
      (try_table (catch $oops $caught) (call $risky))
      (i32.const 0))))
