;; RUN: calls exact-unwind
(module
  (tag $oops)
  (func $risky (throw $oops))
  (func $careful
    try
      call $risky
    catch_all
    end))
