;; RUN: calls
(module
  (tag $again)
  (func $risky (throw $again))
  (func $stubborn
    (loop $retry
      (try_table (catch $again $retry) (call $risky)))))
