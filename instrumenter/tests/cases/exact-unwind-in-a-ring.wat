;; RUN: ring exact-unwind
(module
  (tag $oops)
  (func $risky (throw $oops))
  (func $careful
    (block $caught
      (try_table (catch_all $caught) (call $risky)))))
