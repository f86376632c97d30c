;; RUN: calls
(module
  (tag $oops (param i32))
  (func $risky (throw $oops (i32.const 1)))
  (func $careful (result i32)
    try (result i32)
      call $risky
      i32.const 0
    catch $oops
    catch_all
      i32.const -1
    end))
