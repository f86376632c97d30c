;; RUN: calls exact-unwind
(module
  (import "env" "risk" (func $risk))
  (func $careless (call $risk)))
